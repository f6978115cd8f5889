//! `rekey`: the same content under a fresh file key.

use clap::Args;

use crate::cli::args::DryRunArg;
use crate::cli::commands::recipients::say_proof;
use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::cli::report::{commit, count};
use crate::store::Origin;

/// Seal the store with a fresh key
///
/// Every write does that too. It protects what is written from now on, against somebody who got hold of an earlier
/// file's key: not the earlier files, which stay readable for whoever could read them, and not the values, which are
/// known to whoever has read them.
#[derive(Args)]
pub(crate) struct RekeyArgs {
    #[command(flatten)]
    dry_run: DryRunArg,
}

pub(crate) fn run(args: &RekeyArgs, context: &mut Context) -> Result<(), Failure> {
    let store = context.unlock_with_all()?;
    let readers = count(store.document().recipients().len(), "recipient");
    if args.dry_run.dry_run {
        context.ui.say(&format!("the store would be sealed with a fresh key for {readers}"));
        return Ok(());
    }
    let mut edit = store.edit(Origin::Edit, context.history_kept());
    edit.rekey();
    let committed = commit(edit, context)?;
    let generation = committed.generation;
    context.ui.ok(&format!("sealed with a fresh key for {readers}, generation {generation}"));
    say_proof(&committed, context);
    context.ui.hint("earlier copies, such as git's old commits, stay readable with the old keys");
    context
        .ui
        .hint("whoever should not know a value any more: `luca-secrets recipients remove`, then new values");
    Ok(())
}
