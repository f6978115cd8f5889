//! `recipients add`: more people and machines who can read the store.

use std::path::PathBuf;

use clap::Args;

use crate::cli::args::{DryRunArg, YesArg};
use crate::cli::context::Context;
use crate::cli::failure::{Failure, Kind};
use crate::cli::report::{commit, count};
use crate::store::{Change, Origin, PASSPHRASE, Recipient, Unlocked};

use super::access::{kind, recipients, say_proof, say_who_still_opens, shown, warn_of_few};
use super::who::{Candidate, candidates, host_key, named};
use super::{access, github};

/// Let more people or machines read the store
///
/// WHO is a public key (age1…, ssh-ed25519 …), a file with public keys (age's recipients files, .pub files,
/// `authorized_keys`), or github:USER. All of GitHub's keys of the user are shown before any is added, and those that were
/// added are kept: when the user's keys have changed later, that is shown and asked about anew. The store is sealed with
/// a fresh key, and opened again with the identities at hand before it takes the old one's place.
///
/// Examples:
///   luca-secrets recipients add age1… --name anna
///   luca-secrets recipients add github:anna
///   ssh-keyscan db.example.com > db.keys; luca-secrets recipients add --ssh-host-key db.keys
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct AddArgs {
    /// Public keys, files of them, or github:USER
    #[arg(value_name = "WHO", required_unless_present = "ssh_host_key")]
    who: Vec<String>,
    /// What to call them [default: the key's comment]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// A note about them
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
    /// A server, by its public host key or the output of `ssh-keyscan`
    #[arg(long, value_name = "FILE")]
    ssh_host_key: Vec<PathBuf>,
    /// Another API than that of github.com, by its address
    #[arg(long, value_name = "URL")]
    github_api: Option<String>,
    /// Take the place of the passphrase that the store is sealed with
    #[arg(long)]
    replace_passphrase: bool,
    #[command(flatten)]
    yes: YesArg,
    #[command(flatten)]
    dry_run: DryRunArg,
}

pub(super) fn run(args: &AddArgs, context: &mut Context) -> Result<(), Failure> {
    let mut found = Vec::new();
    for who in &args.who {
        found.extend(candidates(who, args.github_api.as_deref(), context)?);
    }
    for path in &args.ssh_host_key {
        found.push(host_key(path, context)?);
    }
    let store = context.unlock_with_all()?;
    let present = kept(args, &store)?;
    let has_changed = github::say_what_changed(&found, &present, context);
    let (given, now) = ((args.name.as_deref(), args.note.as_deref()), context.clock.now());
    let described = described(&found, &given, &present)?;
    let new = named(found, given, &described, now)?;
    for reader in &new {
        let (secrets, key) = (count(store.document().len(), "secret"), shown(&reader.key));
        let kind = kind(&reader.key);
        context.ui.say(&format!("{} gains access to {secrets}: {kind} key {key}", reader.name));
    }
    let readers: Vec<Recipient> = described.iter().chain(&new).cloned().collect();
    if args.dry_run.dry_run {
        context.ui.say(&format!("{} would be added", recipients(new.len())));
        return Ok(());
    }
    if readers == store.document().recipients() {
        context.ui.ok("everybody named is a recipient already, so the store was left alone");
        return Ok(());
    }
    if !new.is_empty() {
        say_who_still_opens(&store, &readers, context)?;
        confirm(args, has_changed, new.len(), context)?;
    }
    write(&store, &readers, context)
}

fn confirm(args: &AddArgs, has_changed: bool, new: usize, context: &mut Context) -> Result<(), Failure> {
    let question = format!("let {} read the store?", recipients(new));
    if has_changed && !context.settings.interactive {
        // Whoever took over an account would be let in by the next script.
        return Err(Failure::new(
            "the keys of a GitHub user have changed since they were added, and nobody is there to ask",
        )
        .kind(Kind::Held)
        .hint(
            "ask the user on another way, then add the new key itself: `luca-secrets recipients add KEY`",
        ));
    }
    if (has_changed || !args.yes.yes) && !context.confirm(&question)? {
        return Err(Failure::new("nobody was added"));
    }
    Ok(())
}

/// Those who stay. A passphrase stands alone in a file.
fn kept(args: &AddArgs, store: &Unlocked) -> Result<Vec<Recipient>, Failure> {
    let present = store.document().recipients();
    if !present.iter().any(|reader| reader.key == PASSPHRASE) {
        return Ok(present.to_vec());
    }
    if args.replace_passphrase {
        return Ok(Vec::new());
    }
    Err(Failure::new("the store is sealed with a passphrase, which cannot stand beside other recipients")
        .hint("let keys take its place with --replace-passphrase; one of them must be at hand to prove it"))
}

/// The readers who were there, with the name and the note that were given for them now.
fn described(
    found: &[Candidate],
    (name, note): &(Option<&str>, Option<&str>),
    present: &[Recipient],
) -> Result<Vec<Recipient>, Failure> {
    let mut readers = present.to_vec();
    let known: Vec<usize> = (0..readers.len())
        .filter(|index| found.iter().any(|candidate| readers[*index].is_for(&candidate.key)))
        .collect();
    if let (Some(name), [index]) = (name, &known[..])
        && found.len() == 1
    {
        let name = access::words(name, "a name")?;
        if present.iter().enumerate().any(|(other, reader)| other != *index && reader.name == name) {
            return Err(Failure::new(format_args!("there is a recipient with the name {name} already")));
        }
        readers[*index].name = name;
    }
    if let Some(note) = note {
        let note = access::words(note, "a note")?;
        for index in known {
            readers[index].note = Some(note.clone());
        }
    }
    Ok(readers)
}

fn write(store: &Unlocked, readers: &[Recipient], context: &mut Context) -> Result<(), Failure> {
    let mut edit = store.edit(Origin::Edit, context.history_kept());
    edit.set_recipients(readers.to_vec());
    let committed = commit(edit, context)?;
    for (reader, change) in &committed.readers {
        let what = if *change == Change::Removed { "can no longer read" } else { "can read" };
        context.ui.ok(&format!("{} {what} the store", reader.name));
    }
    if committed.readers.is_empty() {
        context.ui.ok("names and notes changed");
    }
    say_proof(&committed, context);
    warn_of_few(readers, context);
    Ok(())
}
