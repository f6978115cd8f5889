//! `identity`: keys in the system's keyring.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use crate::cli::args::YesArg;
use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::cli::identities::recipient_of;
use crate::cli::keyring::Marker;
use crate::secret::SecretText;
use crate::sys::{Keyring, KeyringError};

/// Keep an identity in the system's keyring
///
/// The keyring is the one of the desktop session (GNOME Keyring, `KeePassXC`, `KWallet`). On a machine without one the
/// Linux kernel can keep an identity for a while: it forgets when the machine restarts.
#[derive(Args)]
pub(crate) struct IdentityArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Put an identity into the keyring, from a file or standard input
    Store(StoreArgs),
    /// Show the public half of the identity in the keyring
    ShowRecipient,
    /// Remove the identity from the keyring
    Forget(YesArg),
}

#[derive(Args)]
struct StoreArgs {
    /// The file with the identity, or - for standard input; the file stays where it is
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Put it into the kernel's keyring, which forgets when the machine restarts
    #[arg(long)]
    kernel: bool,
    /// Replace another identity in the keyring
    #[arg(long)]
    replace: bool,
}

pub(crate) fn run(args: &IdentityArgs, context: &mut Context) -> Result<(), Failure> {
    match &args.action {
        Action::Store(args) => store(args, context),
        Action::ShowRecipient => show_recipient(context),
        Action::Forget(yes) => forget(yes, context),
    }
}

fn store(args: &StoreArgs, context: &mut Context) -> Result<(), Failure> {
    let (name, text) = if args.file == Path::new("-") {
        ("standard input".to_owned(), context.read_stdin()?)
    } else {
        (args.file.display().to_string(), context.read_file(&args.file)?)
    };
    let identities = context.identities_in(&name, &text)?;
    let recipient = recipient_of(&identities)?;
    let earlier = context.keyring_marker()?;
    if let Some(earlier) = &earlier
        && earlier.recipient != recipient
        && !args.replace
    {
        return Err(Failure::new(format_args!("{} holds another identity already", earlier.keyring))
            .hint("pass --replace if it is kept elsewhere too, or no longer needed"));
    }
    let keyring = put(args, context, &text, &recipient)?;
    if let Some(earlier) = earlier.filter(|earlier| earlier.keyring != keyring) {
        // One place at a time: the note beside the usual identity names only one.
        if let Err(error) = earlier.keyring.forget(context.keyring_patience()) {
            context.ui.warn(&format!("an earlier identity may be left behind: {error}"));
        }
    }
    context.ui.ok(&format!("put the identity of {recipient} into {keyring}"));
    if keyring == Keyring::Kernel {
        context.ui.warn("the kernel forgets it when the machine restarts, and after some days without use");
    }
    let copy = if args.file == Path::new("-") { "a copy" } else { "the file or a copy of it" };
    context.ui.hint(&format!("keep {copy} in a safe place, for the day the keyring is gone"));
    Ok(())
}

/// The desktop's keyring, or the kernel's where there is none: whoever gives a file here has it elsewhere too.
fn put(
    args: &StoreArgs,
    context: &mut Context,
    text: &SecretText,
    recipient: &str,
) -> Result<Keyring, Failure> {
    if !args.kernel {
        // Looks only whether anybody answers there.
        match Keyring::SecretService.get(context.keyring_patience()) {
            Err(KeyringError::Absent(_)) => {
                context.ui.warn("there is no keyring in this session, so the kernel keeps the identity");
            }
            Err(error @ (KeyringError::Slow(_) | KeyringError::Failed(_))) => return Err(error.into()),
            _ => {
                context.put_into_keyring(Keyring::SecretService, text, recipient)?;
                return Ok(Keyring::SecretService);
            }
        }
    }
    context.put_into_keyring(Keyring::Kernel, text, recipient)?;
    Ok(Keyring::Kernel)
}

fn marker(context: &Context) -> Result<Marker, Failure> {
    context.keyring_marker()?.ok_or_else(|| {
        Failure::new("no identity was put into a keyring here")
            .hint("`luca-secrets init --keyring` makes one there, `luca-secrets identity store FILE` puts one there")
    })
}

fn show_recipient(context: &mut Context) -> Result<(), Failure> {
    let marker = marker(context)?;
    let text = marker.keyring.get(context.keyring_patience())?;
    let identities = context.identities_in(&marker.keyring.to_string(), &text)?;
    let recipient = recipient_of(&identities)?;
    context.explain(&format!("from {}", marker.keyring));
    context.ui.data(&format!("{recipient}\n"))
}

fn forget(yes: &YesArg, context: &mut Context) -> Result<(), Failure> {
    let Marker { keyring, recipient } = marker(context)?;
    context.ui.warn(&format!("without a copy of {recipient} elsewhere, what only it opens is lost"));
    if !yes.yes && !context.confirm(&format!("remove the identity from {keyring}?"))? {
        return Err(Failure::new("nothing was removed"));
    }
    context.remove_from_keyring(keyring)?;
    context.ui.ok(&format!("removed the identity from {keyring}"));
    Ok(())
}
