//! A commit where the store has a home away from this machine: there first, then here.
//!
//! What is killed between the two leaves the copy here behind, which the next command mends. What cannot be brought there
//! for want of a network stays here, and the next command that writes brings it along.

use std::time::Duration;

use crate::cli::context::Context;
use crate::cli::failure::{Failure, Kind};
use crate::remote::{Fetched, Version};
use crate::store::{Committed, Edit, Prepared, SIZE_LIMIT};
use crate::sys::{FolderLock, pause};

use super::look::Away;
use super::send::{Sent, message};

/// How often a lost race is run again.
const ATTEMPTS: u32 = 30;

/// The longest wait before the first of them; it doubles up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(50);

const LONGEST_PAUSE: Duration = Duration::from_secs(3);

/// How far a commit must have come to count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli) enum Reach {
    /// To the store's home, unless that cannot be reached: then the copy here is enough.
    AsFarAsPossible,
    /// To the store's home, where there is one, or nothing is written here.
    Everywhere,
}

/// What one attempt came to.
enum Attempt {
    Done(Box<Committed>),
    Lost,
}

impl Away {
    /// Writes an edit there and here.
    pub(in crate::cli) fn commit(
        &mut self,
        edit: &Edit<'_>,
        reach: Reach,
        context: &mut Context,
    ) -> Result<Committed, Failure> {
        for attempt in 0..ATTEMPTS {
            let lock = edit.opened().lock(context.settings.patience)?;
            if let Attempt::Done(mut committed) = self.attempt(edit, reach, &lock, context)? {
                // What came from there was said already.
                committed.merged = false;
                return Ok(*committed);
            }
            drop(lock);
            pause(jittered(attempt, context)?);
        }
        Err(Failure::new(format_args!("{}: others keep writing there", self.home.label()))
            .kind(Kind::Changed)
            .hint("nothing was written; try again"))
    }

    fn attempt(
        &mut self,
        edit: &Edit<'_>,
        reach: Reach,
        lock: &FolderLock,
        context: &mut Context,
    ) -> Result<Attempt, Failure> {
        let is_ahead = match self.pull(edit.opened(), false, lock, context) {
            Ok(pulled) => {
                pulled.say(self, context);
                pulled.is_ahead()
            }
            Err(failure) if failure.kind == Kind::Offline && reach == Reach::AsFarAsPossible => {
                say_kept_here(&failure.messages.join("; "), context);
                let prepared = edit.prepare(&context.disk, &context.author(), lock)?;
                return here_only(prepared, lock, context);
            }
            Err(failure) => return Err(failure),
        };
        let prepared = edit.prepare(&context.disk, &context.author(), lock)?;
        let along;
        let (sealed, document) = match (prepared.sealed(), &prepared.committed().document) {
            (Some(sealed), Some(document)) => (sealed.to_vec(), document),
            // What was written here while there was no network.
            _ if is_ahead => {
                let path = edit.opened().path();
                let local = context.disk.read(path, SIZE_LIMIT)?.to_vec();
                along = edit.opened().open_version(path, &local)?;
                (local, &along)
            }
            _ => return here_only(prepared, lock, context),
        };
        if document.has_conflicts() && reach == Reach::Everywhere {
            return Err(Failure::new("the store has conflicts, so it is not brought to its home")
                .kind(Kind::Held)
                .hint("settle them first, with `luca-secrets merge`; nothing was written"));
        }
        if document.has_conflicts() {
            context.explain("not brought to the store's home before its conflicts are settled");
            return here_only(prepared, lock, context);
        }
        let message = message(&prepared.committed().changes);
        match self.send(&sealed, document, &message, context)? {
            Sent::Lost => Ok(Attempt::Lost),
            Sent::NotReached(error) if reach == Reach::Everywhere => match self.arrived(&sealed)? {
                Some(version) => self.write(prepared, version, sealed, lock, context),
                None if error.in_doubt => Ok(Attempt::Lost),
                None => Err(Failure::from(error).hint("nothing was written")),
            },
            Sent::NotReached(error) => {
                say_kept_here(&error.to_string(), context);
                here_only(prepared, lock, context)
            }
            Sent::Done(version) => self.write(prepared, version, sealed, lock, context),
        }
    }

    /// What is in place there, here too.
    fn write(
        &mut self,
        prepared: Prepared,
        version: Version,
        sealed: Vec<u8>,
        lock: &FolderLock,
        context: &mut Context,
    ) -> Result<Attempt, Failure> {
        let label = self.home.label();
        let committed = prepared.write(&context.disk, lock).map_err(|error| {
            let hint =
                format!("it is in place at {label}: take it from there with `luca-secrets remote pull`");
            Failure::from(error).hint(hint)
        })?;
        self.sent(version, committed.generation, sealed, context);
        Ok(Attempt::Done(Box::new(committed)))
    }

    /// Whether what was sent is there, though no answer came.
    fn arrived(&mut self, sealed: &[u8]) -> Result<Option<Version>, Failure> {
        let known = self.anchor.as_ref().map(|anchor| &anchor.version);
        match self.home.fetch(known)? {
            Fetched::New { version, sealed: there } if there == sealed => Ok(Some(version)),
            _ => Ok(None),
        }
    }
}

fn here_only(prepared: Prepared, lock: &FolderLock, context: &Context) -> Result<Attempt, Failure> {
    Ok(Attempt::Done(Box::new(prepared.write(&context.disk, lock)?)))
}

fn say_kept_here(why: &str, context: &mut Context) {
    context.ui.warn(why);
    context.ui.hint("the store here is written all the same; `luca-secrets remote push` brings it there, or the next command that writes");
}

/// How long to wait before an attempt: a random part of a time that doubles, so that many writers do not meet again.
fn jittered(attempt: u32, context: &mut Context) -> Result<Duration, Failure> {
    let longest = FIRST_PAUSE.saturating_mul(1 << attempt.min(10)).min(LONGEST_PAUSE);
    let mut byte = [0];
    let fill = context.random.fill(&mut byte);
    fill.map_err(|error| Failure::new(format_args!("the system gives no randomness: {error}")))?;
    Ok(longest.mul_f64(f64::from(byte[0]) / 255.0))
}
