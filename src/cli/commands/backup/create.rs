//! `backup create`: the store as it is now, in every place.

use clap::Args;

use crate::cli::args::DryRunArg;
use crate::cli::backups::{Brought, PlaceArgs};
use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::remote::BackupName;
use crate::store::SIZE_LIMIT;

use super::command::Tally;

/// Back the store up as it is now
///
/// Takes in what others wrote to the store's home first. A generation that is in a place already is left as it is. A store
/// in conflict is backed up too. For cron: `luca-secrets backup create -q && luca-secrets backup prune -q --yes`
#[derive(Args)]
pub(crate) struct CreateArgs {
    #[command(flatten)]
    place: PlaceArgs,
    #[command(flatten)]
    dry_run: DryRunArg,
}

pub(super) fn run(args: &CreateArgs, context: &mut Context) -> Result<(), Failure> {
    let targets = context.backup_places(&args.place)?;
    let store = context.unlock()?;
    let mut tally = Tally::default();
    // Where it cannot be made one with what others wrote, the copy here is worth a backup all the more.
    if !args.dry_run.dry_run
        && let Err(failure) = context.catch_up(&store)
    {
        tally.add(failure);
    }
    let sealed = context.disk.read(store.path(), SIZE_LIMIT)?.to_vec();
    let document = store.open_version(store.path(), &sealed)?;
    let name = BackupName::of(&document, &sealed);
    let generation = name.generation();
    for target in &targets {
        let place = &target.name;
        if args.dry_run.dry_run {
            context.ui.say(&format!("backup {place}: generation {generation} would be put there as {name}"));
            continue;
        }
        match context.bring(target, Some(&document), &name, &sealed) {
            Ok((brought, late)) => {
                context.say_late(target, late);
                let what = if brought == Brought::Done { "is backed up as" } else { "is there already:" };
                context.ui.ok(&format!("backup {place}: generation {generation} {what} {name}"));
            }
            Err(failure) => tally.add(failure),
        }
    }
    tally.outcome()
}
