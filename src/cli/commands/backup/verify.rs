//! `backup verify`: whether backups open and are what they are called.

use clap::Args;
use serde::Serialize;

use crate::cli::args::JsonArg;
use crate::cli::backups::{Backup, Here, PlaceArgs, ProofError, listing, of_place};
use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::cli::report::count;
use crate::remote::Shelf;
use crate::schema::BackupTarget;

use super::command::Tally;

/// Fetch backups and prove that they are good
///
/// Each must open with the identities at hand, be of this store, and hold the generation, the time and the bytes that it is
/// called after. Without a NAME or --all, the newest one in every place is proven. Exit code 3 if one is damaged, renamed,
/// foreign or cannot be opened, or a place has none.
#[derive(Args)]
pub(crate) struct VerifyArgs {
    /// The backups: their names or the beginnings of them, as `backup list` shows them
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    /// All backups
    #[arg(long, conflicts_with = "names")]
    all: bool,
    #[command(flatten)]
    place: PlaceArgs,
    #[command(flatten)]
    json: JsonArg,
}

#[derive(Serialize)]
struct Row {
    place: String,
    name: String,
    generation: Option<u64>,
    proven: bool,
    problem: Option<String>,
}

pub(super) fn run(args: &VerifyArgs, context: &mut Context) -> Result<(), Failure> {
    let targets = context.backup_places(&args.place)?;
    let mut here = context.here()?;
    let (mut tally, mut rows, mut unseen) = (Tally::default(), Vec::new(), args.names.clone());
    for target in &targets {
        let mut shelf = match context.shelf(target, here.document()) {
            Ok(shelf) => shelf,
            Err(failure) => {
                tally.add(failure);
                continue;
            }
        };
        let mut place = Place { target, shelf: &mut *shelf, here: &mut here, rows: &mut rows };
        match place.verify(args, &mut unseen, context) {
            Ok(()) => {}
            Err(ProofError::Place(error)) => tally.add(of_place(target, &error)),
            Err(ProofError::Keys(failure)) => return Err(failure),
        }
    }
    say(args, &rows, context)?;
    if !unseen.is_empty() && tally.is_clean() {
        tally.add(
            Failure::new("no backup of this store is called so")
                .hint("`luca-secrets backup list` shows what there is"),
        );
    }
    tally.outcome()?;
    if rows.iter().all(|row| row.proven) { Ok(()) } else { Err(Failure::findings()) }
}

/// One place while it is looked at.
struct Place<'a> {
    target: &'a BackupTarget,
    shelf: &'a mut dyn Shelf,
    here: &'a mut Here,
    rows: &'a mut Vec<Row>,
}

impl Place<'_> {
    fn verify(
        &mut self,
        args: &VerifyArgs,
        unseen: &mut Vec<String>,
        context: &mut Context,
    ) -> Result<(), ProofError> {
        let listing = listing(self.shelf, self.here.print).map_err(ProofError::Place)?;
        let mut chosen: Vec<&Backup> = listing.backups.iter().rev().collect();
        if args.names.is_empty() && chosen.is_empty() {
            self.add(String::new(), None, Some("there is no backup of this store".to_owned()));
        }
        if !args.names.is_empty() {
            let is_called = |backup: &Backup, typed: &String| backup.name.is_called(typed);
            unseen.retain(|typed| !chosen.iter().any(|backup| is_called(backup, typed)));
            chosen.retain(|backup| args.names.iter().any(|typed| is_called(backup, typed)));
        } else if !args.all {
            chosen.truncate(1);
        }
        let all = chosen.len();
        for (done, backup) in chosen.into_iter().enumerate() {
            context.ui.draw(&[format!("backup {}: {done} of {all} proven", self.target.name)]);
            let problem = match self.here.prove(&backup.name, self.shelf, context)? {
                Ok(_) => None,
                Err(flaw) => Some(flaw.to_string()),
            };
            self.add(backup.name.to_string(), Some(backup.name.generation()), problem);
        }
        context.ui.draw(&[]);
        if args.all {
            for key in listing.strangers {
                self.add(key, None, Some("not the name of a backup".to_owned()));
            }
        }
        Ok(())
    }

    fn add(&mut self, name: String, generation: Option<u64>, problem: Option<String>) {
        let place = self.target.name.to_string();
        self.rows.push(Row { place, name, generation, proven: problem.is_none(), problem });
    }
}

fn say(args: &VerifyArgs, rows: &[Row], context: &mut Context) -> Result<(), Failure> {
    if args.json.json {
        return context.ui.json(&rows);
    }
    for row in rows.iter().filter(|row| !row.proven) {
        let what = [row.name.as_str(), row.problem.as_deref().unwrap_or_default()];
        let what: Vec<&str> = what.into_iter().filter(|part| !part.is_empty()).collect();
        let what: String = what.join("  ").chars().filter(|character| !character.is_control()).collect();
        context.ui.data(&format!("{}  {what}\n", row.place))?;
    }
    let proven: Vec<&Row> = rows.iter().filter(|row| row.proven).collect();
    if let [only] = proven.as_slice() {
        context.ui.ok(&format!("backup {}: {} is proven", only.place, only.name));
    } else if !proven.is_empty() {
        context.ui.ok(&format!("{} proven", count(proven.len(), "backup")));
    }
    Ok(())
}
