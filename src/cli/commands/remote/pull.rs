//! `remote pull`: what others wrote, taken into the copy here.

use clap::Args;

use crate::cli::args::DryRunArg;
use crate::cli::away::{Away, Pulled, Standing};
use crate::cli::commands::remote::command::{home, is_here};
use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::cli::report::count;
use crate::remote::Fetched;
use crate::store::{Change, Comparison, Pinning, SIZE_LIMIT, Unlocked, compare, open};

/// Take what others wrote into the copy of the store here
///
/// Merges by secret. Where somebody there and somebody here changed the same secret, each in its own way, nothing is
/// written, unless you choose to keep both.
#[derive(Args)]
pub(crate) struct PullArgs {
    /// Where both sides changed a secret, keep both values in the store, to be settled with `merge`
    #[arg(long)]
    keep_both: bool,
    #[command(flatten)]
    dry_run: DryRunArg,
}

pub(crate) fn run(args: &PullArgs, context: &mut Context) -> Result<(), Failure> {
    if !is_here(context)? {
        return clone(args, context);
    }
    let store = context.unlock()?;
    let mut away = home(Some(store.document()), context)?;
    let label = away.home.label();
    if args.dry_run.dry_run {
        let local = context.disk.read(store.path(), SIZE_LIMIT)?.to_vec();
        match away.look(&store, &local, context)? {
            Standing::Behind(incoming) | Standing::Apart(incoming, _) => {
                say(&compare(store.document(), &incoming.document), "would be ", context);
            }
            _ => context.ui.ok("there is nothing to take in"),
        }
        return Ok(());
    }
    let lock = store.lock(context.settings.patience)?;
    match away.pull(&store, args.keep_both, &lock, context)? {
        Pulled::Nothing { is_ahead } => {
            context.ui.ok(&format!("there is nothing new in {label}"));
            if is_ahead {
                context.ui.hint("the copy here has what is not there yet: `luca-secrets remote push`");
            }
        }
        Pulled::Took(changes) => {
            say(&changes, "", context);
            context.ui.ok(&format!("the store is as it is in {label}"));
            back_up(&store, context)?;
        }
        Pulled::Merged(changes) => {
            say(&changes, "", context);
            context.ui.ok(&format!("merged with {label}"));
            let in_conflict = back_up(&store, context)?;
            if in_conflict > 0 {
                context.ui.warn(&format!("{} in conflict", count(in_conflict, "secret")));
                context.ui.hint("settle with `luca-secrets merge`");
            }
            context.ui.hint("bring the result there with `luca-secrets remote push`");
        }
    }
    Ok(())
}

/// Brings the copy here as it is now to the places for backups that want every write; how many secrets are in conflict.
fn back_up(store: &Unlocked, context: &mut Context) -> Result<usize, Failure> {
    let sealed = context.disk.read(store.path(), SIZE_LIMIT)?.to_vec();
    let document = store.open_version(store.path(), &sealed)?;
    context.back_up(&document, &sealed);
    Ok(document.conflicts().count())
}

fn say(changes: &Comparison, would: &str, context: &mut Context) {
    for (name, change) in &changes.secrets {
        context.ui.say(&format!("{name} {would}{}", change.word()));
    }
    for (reader, change) in &changes.readers {
        let what = if *change == Change::Removed { "can no longer read" } else { "can read" };
        context.ui.warn(&format!("{} {what} the store: {}", reader.name, reader.key));
    }
}

/// The first copy on this machine.
fn clone(args: &PullArgs, context: &mut Context) -> Result<(), Failure> {
    let mut away: Away = home(None, context)?;
    let label = away.home.label();
    let Fetched::New { version, sealed } = away.home.fetch(None)? else {
        return Err(Failure::new(format_args!("{label}: there is no store there"))
            .hint("make one with `luca-secrets init`, then `luca-secrets remote push`"));
    };
    let path = context.settings.store.clone();
    let keys = context.keys_for(&sealed)?;
    let document = open(std::path::Path::new(&label), &sealed, &keys)?;
    context.refuse_foreign(document.print())?;
    let generation = document.generation();
    if args.dry_run.dry_run {
        context.ui.say(&format!("{} would be written, generation {generation} of {label}", path.display()));
        return Ok(());
    }
    context.disk.create_new(&path, &sealed, 0o600)?;
    context.remember(&document, Pinning::Seen);
    away.sent(version, generation, sealed, context);
    context.ui.ok(&format!("{}: generation {generation} of {label}", path.display()));
    context.ui.say(&format!("its fingerprint is {}", document.print()));
    Ok(())
}
