//! `unseal`: a sealed env file put in its place on the machine that it was sealed for.

use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;

use crate::cli::args::{DryRunArg, JsonArg};
use crate::cli::commands::render::SEALED;
use crate::cli::context::Context;
use crate::cli::failure::{Failure, Kind};
use crate::render::rendered_generation;
use crate::secret::SecretText;
use crate::store::{EnvelopeError, SIZE_LIMIT, SealedForm, open_text, sealed_form};

/// The mode of a file that was not there before.
const PRIVATE: u32 = 0o600;

/// Put a sealed env file in its place, on the server it was sealed for
///
/// Opens what `render --sealed-for` wrote, with the identity of this machine: what the global options and variables
/// name, or else its own SSH host key. No store and no schema is needed. The file is replaced as a whole and keeps its
/// mode and owner; a new one gets mode 0600. One that came from a later generation of the store stays.
///
/// Without this program, stock age opens it: `age -d -i /etc/ssh/ssh_host_ed25519_key FILE`
///
/// Examples:
///   luca-secrets unseal .envs/.production/.django.age
///   luca-secrets unseal django.age --to /app/.envs/.production/.django
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct UnsealArgs {
    /// The sealed file
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Where its content goes [default: FILE without .age]; - is standard output
    #[arg(long, value_name = "FILE")]
    to: Option<PathBuf>,
    /// Replace a file that came from a later generation of the store
    #[arg(long)]
    allow_older: bool,
    #[command(flatten)]
    dry_run: DryRunArg,
    #[command(flatten)]
    json: JsonArg,
}

#[derive(Serialize)]
struct Report {
    path: String,
    generation: Option<u64>,
    changed: bool,
}

pub(crate) fn run(args: &UnsealArgs, context: &mut Context) -> Result<(), Failure> {
    let text = open(&args.file, context)?;
    if args.to.as_deref() == Some(Path::new("-")) {
        return context.ui.secret_data(&text);
    }
    let path = destination(args, context)?;
    let present = match context.disk.kind(&path)? {
        Some(_) => Some(context.disk.read(&path, SIZE_LIMIT)?),
        None => None,
    };
    let changed = present.as_ref().is_none_or(|present| present.as_slice() != text.expose().as_bytes());
    let there = present.as_ref().and_then(|present| rendered_generation(std::str::from_utf8(present).ok()?));
    let generation = rendered_generation(text.expose());
    if changed && !args.allow_older {
        refuse_older(&path, there, generation)?;
    }
    if changed && !args.dry_run.dry_run {
        if let Some(folder) = path.parent() {
            context.disk.refuse_shared_folder(folder)?;
        }
        context.disk.replace_content(&path, text.expose().as_bytes(), PRIVATE)?;
    }
    say(args, &path, generation, changed, context)
}

fn open(file: &Path, context: &mut Context) -> Result<SecretText, Failure> {
    let path = context.settings.folder.join(file);
    let sealed = context.disk.read(&path, SIZE_LIMIT)?;
    let keys = context.keys_of_machine(&sealed)?;
    let text = open_text(&sealed, &keys).map_err(|error| {
        let failure = Failure::new(format_args!("{}: {error}", path.display()));
        match error {
            EnvelopeError::NoMatchingIdentity => failure
                .hint("seal it for this machine: luca-secrets render NAME --sealed-for its host key's .pub file")
                .hint("or name the identity that it was sealed for: --identity FILE"),
            _ => failure,
        }
    })?;
    if sealed_form(text.expose().as_bytes()) == SealedForm::Plain {
        return Err(Failure::new(format_args!(
            "{}: this is a whole store, not one env file",
            path.display()
        ))
        .hint("nothing was written; a store is read by `luca-secrets render` and the other commands"));
    }
    Ok(text)
}

fn destination(args: &UnsealArgs, context: &Context) -> Result<PathBuf, Failure> {
    if let Some(path) = &args.to {
        return Ok(context.settings.folder.join(path));
    }
    let path = context.settings.folder.join(&args.file);
    if path.extension().is_some_and(|extension| extension == SEALED) {
        return Ok(path.with_extension(""));
    }
    Err(Failure::usage("the file's name does not say where its content goes")
        .hint(format_args!("say so with --to FILE, or name it FILE.{SEALED}")))
}

/// An old file that somebody has kept, or a server of git that gives out an old revision, takes nothing back.
fn refuse_older(path: &Path, there: Option<u64>, here: Option<u64>) -> Result<(), Failure> {
    match (there, here) {
        (Some(there), Some(here)) if here < there => Err(Failure::new(format_args!(
            "{}: came from generation {there} of the store, and the sealed file is of generation {here}",
            path.display()
        ))
        .kind(Kind::Changed)
        .hint("to go back all the same, pass --allow-older")),
        _ => Ok(()),
    }
}

fn say(
    args: &UnsealArgs,
    path: &Path,
    generation: Option<u64>,
    changed: bool,
    context: &mut Context,
) -> Result<(), Failure> {
    let shown = path.display();
    let of = generation.map(|generation| format!("generation {generation}")).unwrap_or_default();
    match (changed, args.dry_run.dry_run) {
        (false, _) => context.ui.ok(&format!("{shown}: unchanged")),
        (true, true) => context.ui.say(&format!("{shown} would be written: {of}")),
        (true, false) => context.ui.ok(&format!("{shown}: {of}")),
    }
    if args.json.json {
        return context.ui.json(&Report { path: shown.to_string(), generation, changed });
    }
    Ok(())
}
