//! `remote push`: what was written here, brought to the store's home.

use clap::Args;

use crate::cli::args::DryRunArg;
use crate::cli::away::{Sent, Standing, message};
use crate::cli::commands::remote::command::home;
use crate::cli::context::Context;
use crate::cli::failure::{Failure, Kind};
use crate::store::{SIZE_LIMIT, compare};

/// Bring what was written here to the store's home
///
/// The first time it puts the store there. Afterwards it is wanted only for what was written without a network: commands
/// that write bring it there themselves.
#[derive(Args)]
pub(crate) struct PushArgs {
    /// Put the copy here there even if what is there is gone or older than it was
    #[arg(long)]
    overwrite: bool,
    #[command(flatten)]
    dry_run: DryRunArg,
}

pub(crate) fn run(args: &PushArgs, context: &mut Context) -> Result<(), Failure> {
    let store = context.unlock()?;
    let mut away = home(Some(store.document()), context)?;
    let _lock = store.lock(context.settings.patience)?;
    let sealed = context.disk.read(store.path(), SIZE_LIMIT)?.to_vec();
    let document = store.open_version(store.path(), &sealed)?;
    let label = away.home.label();
    if document.has_conflicts() {
        return Err(
            Failure::new("the store has secrets in conflict").hint("settle them with `luca-secrets merge`")
        );
    }
    if args.overwrite {
        away.accept_rewind(&store, context)?;
    }
    let message = match away.look(&store, &sealed, context)? {
        Standing::Same => {
            context.ui.ok(&format!("there is nothing to bring to {label}"));
            return Ok(());
        }
        Standing::Behind(_) => {
            context.ui.ok("there is nothing to bring there; others have written");
            context.ui.hint("take it in with `luca-secrets remote pull`");
            return Ok(());
        }
        Standing::Apart(..) => {
            return Err(Failure::new(format_args!("{label}: others have written there meanwhile"))
                .kind(Kind::Changed)
                .hint("make both one with `luca-secrets remote pull`, then push again"));
        }
        Standing::Empty => "Put the store here".to_owned(),
        Standing::Ahead => match away.common(&store)? {
            Some(base) => message(&compare(&base, &document).secrets),
            None => "Keep house".to_owned(),
        },
    };
    if args.dry_run.dry_run {
        context.ui.say(&format!("generation {} would be brought to {label}", document.generation()));
        return Ok(());
    }
    match away.send(&sealed, &document, &message, context)? {
        Sent::Done(version) => {
            away.sent(version, document.generation(), sealed, context);
            context.ui.ok(&format!("{label} is at generation {}", document.generation()));
            Ok(())
        }
        Sent::Lost => Err(Failure::new(format_args!("{label}: somebody else was faster"))
            .kind(Kind::Changed)
            .hint("take it in with `luca-secrets remote pull`, then push again")),
        Sent::NotReached(error) => Err(error.into()),
    }
}
