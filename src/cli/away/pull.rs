//! What others wrote, taken into the copy here.

use crate::cli::commands::git::say_joined;
use crate::cli::context::Context;
use crate::cli::failure::{Failure, Kind};
use crate::cli::report::count;
use crate::remote::Anchor;
use crate::store::{Comparison, Joined, Pinning, Sides, Unlocked, compare};
use crate::sys::FolderLock;

use super::look::{Away, Incoming, Standing};

/// What a pull did.
pub(in crate::cli) enum Pulled {
    /// The copy here has all that is there; whether it also has what is not there yet.
    Nothing { is_ahead: bool },
    /// The copy here became the one there; what changed.
    Took(Comparison),
    /// What was changed here and there became one; what changed here.
    Merged(Comparison),
}

impl Away {
    /// Takes in what others wrote. Where both sides changed one secret, each in its own way, nothing is written unless
    /// `keep_both`: then the store keeps both values, in conflict.
    pub(in crate::cli) fn pull(
        &mut self,
        store: &Unlocked,
        keep_both: bool,
        lock: &FolderLock,
        context: &mut Context,
    ) -> Result<Pulled, Failure> {
        let path = store.path().to_owned();
        let local = context.disk.read(&path, crate::store::SIZE_LIMIT)?.to_vec();
        // The copy may be newer than what was opened.
        let here = store.open_version(&path, &local)?;
        let (incoming, base) = match self.look(store, &local, context)? {
            Standing::Same => return Ok(Pulled::Nothing { is_ahead: false }),
            Standing::Empty | Standing::Ahead => return Ok(Pulled::Nothing { is_ahead: true }),
            Standing::Behind(incoming) => {
                let changes = compare(&here, &incoming.document);
                self.take(store, &incoming, None, lock, context)?;
                return Ok(Pulled::Took(changes));
            }
            Standing::Apart(incoming, base) => (incoming, base),
        };
        let sides = Sides { base: base.as_deref(), ours: &local, theirs: &incoming.sealed };
        let joined = store.join(&sides, &context.author(), context.history_kept())?;
        if !joined.conflicts.is_empty() && !keep_both {
            return Err(self.in_conflict(&joined));
        }
        let merged = store.open_version(&path, &joined.sealed)?;
        say_joined(&joined, context);
        self.take(store, &incoming, Some(&joined), lock, context)?;
        Ok(Pulled::Merged(compare(&here, &merged)))
    }

    /// Puts what came in in place, or what was made of it and the copy here.
    fn take(
        &mut self,
        store: &Unlocked,
        incoming: &Incoming,
        joined: Option<&Joined>,
        _lock: &FolderLock,
        context: &mut Context,
    ) -> Result<(), Failure> {
        let path = store.path();
        let mode = context.disk.permissions(path)?.mode & 0o777;
        let sealed = joined.map_or(&incoming.sealed, |joined| &joined.sealed);
        context.disk.replace(path, sealed, mode)?;
        context.remember(&store.open_version(path, sealed)?, Pinning::Seen);
        let Incoming { version, sealed, document } = incoming;
        let anchor =
            Anchor { version: version.clone(), generation: document.generation(), sealed: sealed.clone() };
        self.settle(anchor, context);
        Ok(())
    }

    fn in_conflict(&self, joined: &Joined) -> Failure {
        let label = self.home.label();
        let messages = joined.conflicts.iter();
        let messages =
            messages.map(|name| format!("{label}: {name} was changed here and there, each in its own way"));
        Failure::many(messages)
            .kind(Kind::Changed)
            .hint("nothing was written; to take in both values and choose: `luca-secrets remote pull --keep-both`, then `luca-secrets merge`")
    }
}

impl Pulled {
    /// Whether the copy here has something that is not there.
    pub(in crate::cli) fn is_ahead(&self) -> bool {
        matches!(self, Self::Merged(_) | Self::Nothing { is_ahead: true })
    }

    /// Says in a line what came in while another command was at work.
    pub(super) fn say(&self, away: &Away, context: &mut Context) {
        let (Self::Took(changes) | Self::Merged(changes)) = self else { return };
        let label = away.home.label();
        let number = changes.secrets.len();
        let what = if number == 0 { String::new() } else { format!(": {} changed", count(number, "secret")) };
        context.ui.ok(&format!("took in what others wrote to {label}{what}"));
    }
}
