//! `backup list`: what is in which place.

use clap::Args;
use serde::Serialize;

use crate::cli::args::JsonArg;
use crate::cli::backups::{PlaceArgs, listing, of_place};
use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::cli::report::count;
use crate::schema::BackupTarget;
use crate::store::Unlocked;

use super::command::Tally;

/// List the backups in every place, newest first
#[derive(Args)]
pub(crate) struct ListArgs {
    /// Show so many of each place
    #[arg(short, long, value_name = "NUMBER")]
    limit: Option<usize>,
    #[command(flatten)]
    place: PlaceArgs,
    #[command(flatten)]
    json: JsonArg,
}

#[derive(Serialize)]
struct Row {
    place: String,
    written: String,
    generation: u64,
    bytes: u64,
    name: String,
}

pub(super) fn run(args: &ListArgs, context: &mut Context) -> Result<(), Failure> {
    let targets = context.backup_places(&args.place)?;
    // It is opened only for the credentials in it.
    let store =
        if targets.iter().any(BackupTarget::has_own_credentials) { context.unlock().ok() } else { None };
    let print = store.as_ref().map(|store| store.document().print()).or_else(|| context.memory().print());
    let mut tally = Tally::default();
    let mut rows = Vec::new();
    for target in &targets {
        say_waiting(target, context);
        let document = store.as_ref().map(Unlocked::document);
        let found = context.shelf(target, document);
        let found =
            found.and_then(|mut shelf| listing(&mut *shelf, print).map_err(|error| of_place(target, &error)));
        let listing = match found {
            Ok(listing) => listing,
            Err(failure) => {
                tally.add(failure);
                continue;
            }
        };
        let newest_first = listing.backups.iter().rev().take(args.limit.unwrap_or(usize::MAX));
        rows.extend(newest_first.map(|backup| Row {
            place: target.name.to_string(),
            written: backup.name.written().to_string(),
            generation: backup.name.generation(),
            bytes: backup.size,
            name: backup.name.to_string(),
        }));
        if listing.backups.is_empty() {
            context.ui.warn(&format!("backup {}: there is no backup of this store", target.name));
        }
    }
    if args.json.json {
        context.ui.json(&rows)?;
        return tally.outcome();
    }
    let width = rows.iter().map(|row| row.place.len()).max().unwrap_or(0);
    for row in &rows {
        let Row { place, written, generation, bytes, name } = row;
        context
            .ui
            .data(&format!("{place:width$}  {written}  {generation:>6}  {bytes:>8} bytes  {name}\n"))?;
    }
    tally.outcome()
}

fn say_waiting(target: &BackupTarget, context: &mut Context) {
    let waiting = context.waiting(target);
    if waiting > 0 {
        let name = &target.name;
        context.ui.warn(&format!("backup {name}: {} not brought there yet", count(waiting, "backup")));
        context.ui.hint("bring what waits there with `luca-secrets backup create`");
    }
}
