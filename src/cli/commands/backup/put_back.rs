//! A backup in the place of a store that is gone or spoiled.

use std::path::{Path, PathBuf};

use crate::cli::away::{Away, Sent};
use crate::cli::backups::{Here, Proven, Spoiled};
use crate::cli::context::Context;
use crate::cli::failure::{Failure, Kind};
use crate::cli::report::count;
use crate::cli::settings::Acceptance;
use crate::remote::{Fetched, Version};
use crate::store::{Document, Pinning, Recipient, SIZE_LIMIT, Store, revive, wants_passphrase};
use crate::sys::FolderLock;

use super::restore::{Found, RestoreArgs, go_back};

/// Most names for what was in the store's place.
const NAMES: usize = 100;

/// Puts a backup in place. Where the store's home has a store, that comes here first, and the backup's secrets are written
/// over its secrets; else the backup comes as it is, unless a later generation was seen here: then it counts on.
pub(super) fn put_back(
    args: &RestoreArgs,
    spoiled: Option<&Spoiled>,
    mut here: Here,
    found: Found,
    context: &mut Context,
) -> Result<(), Failure> {
    if let Some(spoiled) = spoiled {
        context.ui.warn(&spoiled.why);
    }
    if context.settings.acceptance == Acceptance::Refuse {
        context.refuse_foreign(found.proven.document.print())?;
    }
    let mut home = Home::ask(&found.proven.document, context)?;
    if let Some(newest) = home.newest.take() {
        return over_that_of_home(args, spoiled, here, &found, (home, newest), context);
    }
    let highest = context.memory().highest();
    say_all(&found.proven.document, highest, context);
    if args.dry_run.dry_run {
        return Ok(());
    }
    let question = format!("put the backup in the place of {}?", context.settings.store.display());
    if !args.yes.yes && !context.confirm(&question)? {
        return Err(Failure::new("nothing was restored"));
    }
    let Proven { sealed, document } = found.proven;
    let generation = document.generation();
    let (sealed, document) = if generation >= highest {
        (sealed, document)
    } else {
        let path = context.settings.store.clone();
        let keys = here.keys(wants_passphrase(&sealed), &sealed, context)?;
        revive(&path, &document, highest + 1, &context.author(), keys)?
    };
    place(spoiled, home, &sealed, &document, context)?;
    let (path, new) = (context.settings.store.display().to_string(), document.generation());
    if new == generation {
        context.ui.ok(&format!("{path}: generation {generation}, as it was"));
    } else {
        context.ui.ok(&format!("{path}: what generation {generation} held is restored as generation {new}"));
    }
    Ok(())
}

/// Takes the store of the home, and then goes back from that.
fn over_that_of_home(
    args: &RestoreArgs,
    spoiled: Option<&Spoiled>,
    mut here: Here,
    found: &Found,
    (mut home, (version, sealed)): (Home, (Version, Vec<u8>)),
    context: &mut Context,
) -> Result<(), Failure> {
    let document = here.open(&home.label, &sealed, context)??;
    if document.print() != found.proven.document.print() {
        return Err(Failure::new(format_args!("{}: another store than the backup", home.label)));
    }
    let (label, generation) = (&home.label, document.generation());
    if args.dry_run.dry_run {
        context.ui.say(&format!(
            "generation {generation} would come from {label}, and its secrets be those of the backup"
        ));
        return Ok(());
    }
    write(&sealed, spoiled, context)?;
    context.remember(&document, Pinning::Seen);
    context.ui.ok(&format!("took generation {generation} from {label}"));
    here.keys(wants_passphrase(&sealed), &sealed, context)?;
    home.settle(version, generation, sealed, context);
    let keys = here.into_keys().ok_or_else(|| Failure::new("there are no keys"))?;
    let store = Store::at(context.settings.store.clone()).unlock(&context.disk, keys)?;
    go_back(args, &store, found, context)
}

/// Writes what is restored: to the home, if that has nothing, here, and to the places of every write.
fn place(
    spoiled: Option<&Spoiled>,
    mut home: Home,
    sealed: &[u8],
    document: &Document,
    context: &mut Context,
) -> Result<(), Failure> {
    let sent = home.send(sealed, document, context)?;
    write(sealed, spoiled, context)?;
    let is_accepted = context.settings.acceptance != Acceptance::Refuse;
    context.remember(document, if is_accepted { Pinning::Accepted } else { Pinning::Seen });
    if let Some(version) = sent {
        home.settle(version, document.generation(), sealed.to_vec(), context);
    }
    context.back_up(document, sealed);
    Ok(())
}

/// Says what comes back, and who can read it.
fn say_all(document: &Document, highest: u64, context: &mut Context) {
    for name in document.names() {
        context.ui.say(&format!("{name} would be added"));
    }
    if document.is_empty() {
        context.ui.say("there is no secret in it");
    }
    for (name, _) in document.live_rotations() {
        context.ui.warn(&format!(
            "{name} was being rotated then, and which of its values is live now is not known"
        ));
    }
    let readers: Vec<String> = document.recipients().iter().map(Recipient::who).collect();
    context.ui.say(&format!("it can be read by {}", readers.join(", ")));
    if document.generation() < highest {
        context.ui.warn(&format!("generation {highest} was seen here: what was changed since then is lost, and readers who were removed since then are back"));
        context.ui.hint("remove them again with `luca-secrets recipients remove`");
    }
}

/// Writes the store where there is none, or in the place of what was found there, which is kept.
fn write(sealed: &[u8], spoiled: Option<&Spoiled>, context: &mut Context) -> Result<(), Failure> {
    let path = context.settings.store.clone();
    let _lock = FolderLock::acquire(&context.settings.root, context.settings.patience)?;
    let Some(spoiled) = spoiled else {
        return Ok(context.disk.create_new(&path, sealed, 0o600)?);
    };
    if *context.disk.read(&path, SIZE_LIMIT)? != spoiled.bytes {
        return Err(Failure::new(format_args!("{}: somebody else has written it meanwhile", path.display()))
            .kind(Kind::Changed)
            .hint("nothing was written; look at it and do it again"));
    }
    let mode = context.disk.permissions(&path)?.mode & 0o777;
    let aside = keep_aside(&path, &spoiled.bytes, context)?;
    context.disk.replace(&path, sealed, mode)?;
    context.ui.ok(&format!("what was in its place is kept as {}", aside.display()));
    Ok(())
}

/// Keeps what was in the store's place under a name that is free.
fn keep_aside(path: &Path, bytes: &[u8], context: &Context) -> Result<PathBuf, Failure> {
    for number in 1..=NAMES {
        let mut name = path.as_os_str().to_owned();
        name.push(".before-restore");
        if number > 1 {
            name.push(format!("-{number}"));
        }
        let aside = PathBuf::from(name);
        match context.disk.kind(&aside)? {
            None => {
                context.disk.create_new(&aside, bytes, 0o600)?;
                return Ok(aside);
            }
            // A restore that was killed behind this point is run again.
            Some(_) if context.disk.read(&aside, SIZE_LIMIT).is_ok_and(|there| *there == bytes) => {
                return Ok(aside);
            }
            Some(_) => {}
        }
    }
    Err(Failure::new(format_args!("{}: {} are kept beside it already", path.display(), count(NAMES, "file")))
        .hint("nothing was written; remove those whose names end in .before-restore"))
}

/// The store's home, and what it has.
struct Home {
    away: Option<Away>,
    label: String,
    newest: Option<(Version, Vec<u8>)>,
}

impl Home {
    /// Asks the home for its newest version. One that cannot be reached is a warning.
    fn ask(document: &Document, context: &mut Context) -> Result<Self, Failure> {
        let Some(mut away) = context.away(Some(document))? else {
            return Ok(Self { away: None, label: String::new(), newest: None });
        };
        let label = away.home.label();
        match away.home.fetch(None) {
            Ok(Fetched::New { version, sealed }) => {
                Ok(Self { away: Some(away), label, newest: Some((version, sealed)) })
            }
            Ok(_) => Ok(Self { away: Some(away), label, newest: None }),
            Err(error) if error.is_offline() => {
                context.ui.warn(&error.to_string());
                context.ui.hint(
                    "what is restored stays here for now; the next command that writes brings it there",
                );
                Ok(Self { away: None, label, newest: None })
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Remembers that the home and the copy here have this in common now.
    fn settle(&mut self, version: Version, generation: u64, sealed: Vec<u8>, context: &mut Context) {
        if let Some(mut away) = self.away.take() {
            away.sent(version, generation, sealed, context);
            context.keep_away(away);
        }
    }

    /// Puts what is restored where the home has nothing.
    fn send(
        &mut self,
        sealed: &[u8],
        document: &Document,
        context: &mut Context,
    ) -> Result<Option<Version>, Failure> {
        let Some(away) = &mut self.away else { return Ok(None) };
        let message = format!("Restore generation {}", document.generation());
        match away.send(sealed, document, &message, context)? {
            Sent::Done(version) => return Ok(Some(version)),
            Sent::NotReached(error) => context.ui.warn(&error.to_string()),
            Sent::Lost => context.ui.warn(&format!("{}: it is not as it was known here", self.label)),
        }
        context.ui.hint("bring the store there with `luca-secrets remote push`, or `luca-secrets remote push --overwrite`");
        Ok(None)
    }
}
