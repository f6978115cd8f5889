//! `recipients waive`: exposed values that may stay.

use clap::Args;

use crate::cli::args::DryRunArg;
use crate::cli::context::{Context, secret_name};
use crate::cli::failure::Failure;
use crate::cli::report::commit;
use crate::name::SecretName;
use crate::store::{Origin, Waiver};

use super::access::words;

/// Let secrets that a former reader knows stay as they are
///
/// For those that are worth nothing without the rest, or were revoked at their source. The reason, the time and your
/// name are kept in the store until the secret has a new value; the next reader who is removed exposes it again.
#[derive(Args)]
pub(crate) struct WaiveArgs {
    /// The secrets, such as `database.password`
    #[arg(value_name = "NAME", required = true)]
    names: Vec<String>,
    /// Why
    #[arg(long, value_name = "TEXT", required = true)]
    because: String,
    #[command(flatten)]
    dry_run: DryRunArg,
}

pub(super) fn run(args: &WaiveArgs, context: &mut Context) -> Result<(), Failure> {
    let names: Vec<SecretName> = args.names.iter().map(|name| secret_name(name)).collect::<Result<_, _>>()?;
    let because = words(&args.because, "a reason")?;
    let store = context.unlock()?;
    if let Some(name) = names.iter().find(|name| !store.document().is_exposed(name)) {
        return Err(
            Failure::new(format_args!("{name} is not exposed")).hint("`luca-secrets check` shows what is")
        );
    }
    let author = context.author();
    let mut edit = store.edit(Origin::Edit, context.history_kept());
    for name in names {
        if args.dry_run.dry_run {
            context.ui.say(&format!("{name} would be waived"));
        }
        let waiver = Waiver { at: author.now, by: author.name.clone(), because: because.clone() };
        edit.waive(name, waiver);
    }
    if args.dry_run.dry_run {
        return Ok(());
    }
    let committed = commit(edit, context)?;
    for name in &committed.cleared {
        context.ui.ok(&format!("{name} waived"));
    }
    if committed.merged {
        context.ui.ok("merged with what somebody else wrote meanwhile");
    }
    Ok(())
}
