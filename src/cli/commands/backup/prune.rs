//! `backup prune`: what the schema's policy does not keep is removed.

use clap::Args;
use serde::Serialize;

use crate::cli::args::{DryRunArg, JsonArg, YesArg};
use crate::cli::backups::{Here, PlaceArgs, ProofError, listing, of_place};
use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::cli::report::count;
use crate::remote::{BackupName, Removed, Shelf, outdated};
use crate::schema::BackupTarget;

use super::command::Tally;

/// Remove the backups that the schema does not keep
///
/// Of each hour, day, week and month (UTC) that has any, the newest backup stays, for as many of them as `keep` says, and so
/// do the last ones. The newest stays whatever it says, and must be proven good before anything is removed. Only backups of
/// this store are touched, and nothing else in the place.
#[derive(Args)]
pub(crate) struct PruneArgs {
    #[command(flatten)]
    place: PlaceArgs,
    #[command(flatten)]
    dry_run: DryRunArg,
    #[command(flatten)]
    yes: YesArg,
    #[command(flatten)]
    json: JsonArg,
}

/// Most names that are shown to somebody who is asked.
const MOST_SHOWN: usize = 20;

/// What is to go from one place.
struct Plan {
    target: BackupTarget,
    shelf: Box<dyn Shelf>,
    gone: Vec<BackupName>,
    stay: usize,
}

#[derive(Serialize)]
struct Row {
    place: String,
    name: String,
    generation: u64,
    written: String,
}

pub(super) fn run(args: &PruneArgs, context: &mut Context) -> Result<(), Failure> {
    let targets = context.backup_places(&args.place)?;
    let mut here = context.here()?;
    if here.print.is_none() {
        return Err(Failure::new("which store the backups are to be of is not known here")
            .hint("bring the store back first, with `luca-secrets backup restore`"));
    }
    let (mut tally, mut plans) = (Tally::default(), Vec::new());
    for target in targets {
        match plan(&target, &mut here, context)? {
            Ok(plan) => plans.push(plan),
            Err(failure) => tally.add(failure),
        }
    }
    let number: usize = plans.iter().map(|plan| plan.gone.len()).sum();
    show(args, &plans, context)?;
    if args.dry_run.dry_run || number == 0 {
        return tally.outcome();
    }
    if !args.yes.yes && !context.confirm(&format!("remove {}?", count(number, "backup")))? {
        return Err(Failure::new("nothing was removed"));
    }
    for plan in &mut plans {
        plan.carry_out(&mut tally, context);
    }
    tally.outcome()
}

/// What is to go from a place. Nothing may where the newest backup is not proven: an older one may be the last good one.
fn plan(
    target: &BackupTarget,
    here: &mut Here,
    context: &mut Context,
) -> Result<Result<Plan, Failure>, Failure> {
    let shelf = context.shelf(target, here.document());
    let listed = shelf.and_then(|mut shelf| {
        let listing = listing(&mut *shelf, here.print);
        Ok((listing.map_err(|error| of_place(target, &error))?, shelf))
    });
    let (listing, mut shelf) = match listed {
        Ok(listed) => listed,
        Err(failure) => return Ok(Err(failure)),
    };
    let names: Vec<BackupName> = listing.backups.into_iter().map(|backup| backup.name).collect();
    let gone: Vec<BackupName> = outdated(&names, target.keep).into_iter().cloned().collect();
    if let (Some(newest), false) = (names.iter().max(), gone.is_empty()) {
        match here.prove(newest, &mut *shelf, context) {
            Ok(Ok(_)) => {}
            Ok(Err(flaw)) => {
                let name = &target.name;
                return Ok(Err(Failure::new(format_args!("backup {name}: the newest, {newest}: {flaw}"))
                    .hint("nothing is removed where the newest backup is not proven: make another with `luca-secrets backup create`, or look with `luca-secrets backup verify --all`")));
            }
            Err(ProofError::Place(error)) => return Ok(Err(of_place(target, &error))),
            Err(ProofError::Keys(failure)) => return Err(failure),
        }
    }
    Ok(Ok(Plan { target: target.clone(), shelf, stay: names.len() - gone.len(), gone }))
}

fn show(args: &PruneArgs, plans: &[Plan], context: &mut Context) -> Result<(), Failure> {
    let rows = plans.iter().flat_map(|plan| {
        plan.gone.iter().map(|name| Row {
            place: plan.target.name.to_string(),
            name: name.to_string(),
            generation: name.generation(),
            written: name.written().to_string(),
        })
    });
    if args.json.json {
        context.ui.json(&rows.collect::<Vec<_>>())?;
    } else if args.dry_run.dry_run || !args.yes.yes {
        let most = if args.dry_run.dry_run { usize::MAX } else { MOST_SHOWN };
        let all = plans.iter().map(|plan| plan.gone.len()).sum::<usize>();
        for row in rows.take(most) {
            context.ui.say(&format!("backup {}: {} would be removed", row.place, row.name));
        }
        if all > most {
            context.ui.say(&format!("and {} more, which -n shows", all - most));
        }
    }
    for plan in plans.iter().filter(|plan| plan.gone.is_empty()) {
        let stay = count(plan.stay, "backup");
        context.ui.ok(&format!("backup {}: nothing to remove, {stay} there", plan.target.name));
    }
    Ok(())
}

impl Plan {
    fn carry_out(&mut self, tally: &mut Tally, context: &mut Context) {
        let name = &self.target.name;
        let (mut done, mut kept) = (0, 0);
        let all = self.gone.len();
        for gone in &self.gone {
            context.ui.draw(&[format!("backup {name}: {done} of {all} removed")]);
            match self.shelf.remove(&gone.key()) {
                Ok(Removed::Done) => done += 1,
                Ok(Removed::Kept) => kept += 1,
                Err(error) => {
                    tally.add(of_place(&self.target, &error));
                    break;
                }
            }
        }
        context.ui.draw(&[]);
        if done > 0 {
            let (gone, stay) = (count(done, "backup"), self.stay + kept);
            context.ui.ok(&format!("backup {name}: {gone} removed, {stay} kept"));
        }
        if kept > 0 {
            let kept = count(kept, "backup");
            context.ui.warn(&format!(
                "backup {name}: {kept} not removed: protected there until their time has passed"
            ));
        }
    }
}
