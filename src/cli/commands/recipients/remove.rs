//! `recipients remove`: fewer readers, and what they knew.

use clap::Args;

use crate::cli::args::{DryRunArg, YesArg};
use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::cli::report::commit;
use crate::name::nearest;
use crate::store::{Change, Document, Origin, Recipient, Unlocked, fingerprint};

use super::access::{kind, recipients, say_proof, say_who_still_opens, shown, warn_of_few};
use super::worklist::{Past, past, say_past, say_worklist, worklist};

/// Fewest letters of a key that name it.
const SHORTEST_PREFIX: usize = 8;

/// Take readers away, and list what they knew
///
/// WHO is a name, a key, the beginning of one that no other has, an SSH fingerprint, or github:USER. The store is sealed
/// with a fresh key that they do not get. What they could read they may still know: the secrets are marked as exposed
/// until each has a new value or is waived, and `luca-secrets check` fails as long. With git, somebody who was removed
/// earlier can be named too: then the secrets are marked whose value of now stands in a commit that they can open.
#[derive(Args)]
pub(crate) struct RemoveArgs {
    /// The readers
    #[arg(value_name = "WHO", required = true)]
    who: Vec<String>,
    #[command(flatten)]
    yes: YesArg,
    #[command(flatten)]
    dry_run: DryRunArg,
}

/// Somebody who is to be no reader, or is none already.
pub(super) struct Former {
    pub(super) reader: Recipient,
    pub(super) is_present: bool,
    pub(super) past: Option<Past>,
}

pub(super) fn run(args: &RemoveArgs, context: &mut Context) -> Result<(), Failure> {
    let store = context.unlock_with_all()?;
    let formers = formers(args, &store, context)?;
    let goes = |reader: &&Recipient| formers.iter().any(|former| former.reader.key == reader.key);
    let stay: Vec<Recipient> =
        store.document().recipients().iter().filter(|reader| !goes(reader)).cloned().collect();
    for former in formers.iter().filter(|former| former.is_present) {
        let (name, key) = (&former.reader.name, shown(&former.reader.key));
        context.ui.say(&format!("{name} loses access: {} key {key}", kind(&former.reader.key)));
    }
    if stay.is_empty() {
        return Err(Failure::new("nobody could read the store any more")
            .hint("nothing was written; add another reader first, with `luca-secrets recipients add`"));
    }
    say_who_still_opens(&store, &stay, context)?;
    for former in &formers {
        say_past(former, context);
    }
    if args.dry_run.dry_run {
        context.ui.say(&format!("{} would be removed", recipients(formers.len())));
        return Ok(());
    }
    let question = format!("remove {}?", recipients(formers.len()));
    if !args.yes.yes && !context.confirm(&question)? {
        return Err(Failure::new("nobody was removed"));
    }
    write(&store, &stay, formers, context)
}

fn write(
    store: &Unlocked,
    stay: &[Recipient],
    formers: Vec<Former>,
    context: &mut Context,
) -> Result<(), Failure> {
    let schema = context.schema().ok();
    let mut edit = store.edit(Origin::Edit, context.history_kept());
    edit.set_recipients(stay.to_vec());
    for former in formers {
        edit.expose(worklist(former, store.document(), schema.as_ref(), context.clock.now()));
    }
    let committed = commit(edit, context)?;
    for (reader, _) in committed.readers.iter().filter(|(_, change)| *change == Change::Removed) {
        context.ui.ok(&format!("{} can no longer read the store", reader.name));
    }
    if !committed.written {
        context.ui.ok("nothing changed, so the store was left alone");
    }
    say_proof(&committed, context);
    say_worklist(&committed.exposed, schema.as_ref(), context)?;
    if committed.written {
        context.ui.warn("earlier copies of the store, such as git's old commits, stay readable for them");
    }
    warn_of_few(stay, context);
    Ok(())
}

fn formers(args: &RemoveArgs, store: &Unlocked, context: &mut Context) -> Result<Vec<Former>, Failure> {
    let mut formers: Vec<Former> = Vec::new();
    for who in &args.who {
        for reader in present(who, store.document())? {
            let past = past(store, &|one| one.is_for(&reader.key), context)?;
            formers.push(Former { reader, is_present: true, past });
        }
        if formers.iter().any(|former| is_called(&former.reader, who)) {
            continue;
        }
        match past(store, &|one| is_called(one, who), context)? {
            // Somebody of that name who has another one now is not meant.
            Some(past) if past.reader.as_ref().is_some_and(|reader| !is_reader(store, reader)) => {
                let reader = past.reader.clone();
                formers.extend(reader.map(|reader| Former { reader, is_present: false, past: Some(past) }));
            }
            _ => return Err(nobody(who, store.document())),
        }
    }
    formers.sort_by(|a, b| a.reader.key.cmp(&b.reader.key));
    formers.dedup_by(|a, b| a.reader.key == b.reader.key);
    Ok(formers)
}

fn is_reader(store: &Unlocked, one: &Recipient) -> bool {
    store.document().recipients().iter().any(|reader| reader.is_for(&one.key))
}

/// Whether somebody is meant by what was typed.
fn is_called(reader: &Recipient, who: &str) -> bool {
    let from = reader.from.as_deref().unwrap_or_default();
    let is_origin = from == who || from.split('@').next() == Some(who);
    reader.name == who
        || reader.is_for(who)
        || (who.starts_with("github:") && is_origin)
        || [Some(reader.key.clone()), fingerprint(&reader.key)]
            .into_iter()
            .flatten()
            .any(|key| who.chars().count() >= SHORTEST_PREFIX && key.starts_with(who))
}

/// The readers whom one `WHO` names: one, but for a user of GitHub with several keys.
fn present(who: &str, document: &Document) -> Result<Vec<Recipient>, Failure> {
    let exact = |reader: &&Recipient| reader.name == who || reader.is_for(who);
    let all = document.recipients();
    let mut found: Vec<Recipient> = all.iter().filter(exact).cloned().collect();
    if found.is_empty() {
        found = all.iter().filter(|reader| is_called(reader, who)).cloned().collect();
    }
    if found.len() > 1 && !who.starts_with("github:") {
        let names: Vec<String> = found.iter().map(Recipient::who).collect();
        return Err(Failure::new(format_args!("several recipients are called so: {}", names.join(", ")))
            .hint("give the whole key; `luca-secrets recipients list -v` shows it"));
    }
    Ok(found)
}

fn nobody(who: &str, document: &Document) -> Failure {
    let failure = Failure::new("no recipient is called so");
    let names = document.recipients().iter().map(|reader| reader.name.as_str());
    match nearest(who, names) {
        Some(other) => failure.hint(format_args!("did you mean {other}?")),
        None => failure.hint("`luca-secrets recipients list` shows who there is"),
    }
}
