//! One line of a file of keys put in or taken out, with a connection open all the while that could put it back.

use std::time::Duration;

use crate::ssh::{Connection, Destination, Key};

use super::super::credential::Answer;
use super::super::trouble::{Trouble, TroubleKind};
use super::lines::{LinesProblem, Wanted, has, with, without};
use super::login::{KeyServer, Keys, accepts, proves, public, unreachable};
use super::script::{self, Fault, Said};

/// How long one script may take.
const TIME: Duration = Duration::from_secs(40);

const OTHER_FILE: &str =
    "if sshd reads the keys from another file there, name it by `authorized-keys` of the rotation";

/// How often a change is made anew because somebody else's came first.
const TRIES: usize = 3;

/// A change of one server's file.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    /// The new key is put beside the current one.
    Add,
    /// The current key is taken out; the new one must have been proven.
    Remove,
    /// The new key is taken out; the current one must have been proven.
    Withdraw,
}

/// What a file of keys says of our two keys.
pub(super) struct Listed {
    pub(super) current: bool,
    pub(super) pending: bool,
}

/// A server that is looked at and changed.
pub(super) struct Site<'a> {
    pub(super) server: &'a KeyServer,
    pub(super) keys: &'a Keys,
    /// The rotation's name.
    pub(super) id: &'a str,
}

impl Site<'_> {
    /// Which of our keys the file lists.
    pub(super) async fn listed(&self) -> Result<Listed, Trouble> {
        let connection = self.open(&self.keys.usual(self.server)).await?;
        let content = self.look(&connection).await;
        connection.close().await;
        let content = content?;
        let current = public(&self.keys.current)?.line();
        let pending = self.keys.pending.as_ref().map(public).transpose()?.map(|key| key.line());
        Ok(Listed {
            current: has(&content, Wanted::of(&current)),
            pending: pending.is_some_and(|line| has(&content, Wanted::of(&line))),
        })
    }

    /// Makes a change, proves over fresh connections that it is good, and puts everything back where it is not. What shows
    /// it; whether anything was to be done at all.
    pub(super) async fn make(&self, change: Change) -> Result<bool, Trouble> {
        // The connection by which the change is made is at once the proof that somebody can still get in without it.
        let to = match change {
            Change::Add => self.keys.usual(self.server),
            Change::Remove => self.keys.alone(self.server, self.keys.pending()?),
            Change::Withdraw => self.keys.alone(self.server, &self.keys.current),
        };
        let lifeline = self.open(&to).await?;
        let changed = self.change(change, &lifeline).await;
        let outcome = match changed {
            Ok(Some((before, after))) => match self.check(change).await {
                Ok(()) => Ok(true),
                Err(trouble) if trouble.kind == TroubleKind::Rejected => {
                    Err(self.put_back(&lifeline, &before, &after, trouble).await)
                }
                Err(trouble) => Err(Trouble { kind: TroubleKind::InDoubt, ..trouble }),
            },
            Ok(None) => self.check(change).await.map(|()| false),
            Err(trouble) => Err(trouble),
        };
        lifeline.close().await;
        outcome
    }

    /// Changes the file; what it was before and is now, or nothing if it was right already.
    async fn change(
        &self,
        change: Change,
        lifeline: &Connection,
    ) -> Result<Option<(Vec<u8>, Vec<u8>)>, Trouble> {
        for _ in 0..TRIES {
            let before = self.look(lifeline).await?;
            let after = self.changed(change, &before)?;
            if after == before {
                return Ok(None);
            }
            match self.swap(lifeline, &before, &after).await? {
                None => return Ok(Some((before, after))),
                Some(Fault::Changed) => {}
                Some(fault) => return Err(self.fault(fault)),
            }
        }
        Err(Trouble::unavailable(format!(
            "server {}: {} changes all the time",
            self.server.name, self.server.file
        )))
    }

    fn changed(&self, change: Change, before: &[u8]) -> Result<Vec<u8>, Trouble> {
        let (current, pending) = (public(&self.keys.current)?.line(), public(self.keys.pending()?)?.line());
        let (current, pending) = (Wanted::of(&current), Wanted::of(&pending));
        match change {
            Change::Add => with(before, current, pending, &format!("luca-secrets-{}", self.id))
                .map_err(|LinesProblem::NotThere| self.not_listed()),
            Change::Remove => Ok(without(before, current)),
            Change::Withdraw => Ok(without(before, pending)),
        }
    }

    /// What must hold afterwards, seen by fresh connections.
    async fn check(&self, change: Change) -> Result<(), Trouble> {
        let name = &self.server.name;
        let (keeps, other) = match change {
            Change::Remove => (self.keys.pending()?, &self.keys.current),
            Change::Add | Change::Withdraw => (&self.keys.current, self.keys.pending()?),
        };
        proves(self.keys, self.server, keeps).await?;
        let answer = accepts(self.keys, self.server, other).await?;
        match (change, answer) {
            (Change::Add, Answer::Accepted) => Ok(()),
            (Change::Add, _) => {
                Err(Trouble::rejected(format!("server {name}: the new key is listed and may not log in"))
                    .hint(OTHER_FILE))
            }
            (_, Answer::Accepted) => Err(Trouble::held(format!(
                "server {name}: {} is no longer listed in {} and may still log in",
                public(other)?,
                self.server.file
            ))
            .hint(OTHER_FILE)),
            _ => Ok(()),
        }
    }

    /// Puts the file back over the connection that is still open.
    async fn put_back(&self, lifeline: &Connection, before: &[u8], after: &[u8], why: Trouble) -> Trouble {
        match self.swap(lifeline, after, before).await {
            Ok(None) => Trouble { message: format!("{}; the file is as it was before", why.message), ..why },
            _ => Trouble::held(format!("{}; the file could not be put back", why.message)),
        }
    }

    pub(super) async fn open(&self, to: &Destination) -> Result<Connection, Trouble> {
        Connection::open(to).await.map_err(|error| unreachable(self.server, &error))
    }

    async fn look(&self, connection: &Connection) -> Result<Vec<u8>, Trouble> {
        let script = script::look(&self.server.file);
        let output = connection.run("sh -s", &script, TIME).await;
        let output = output.map_err(|error| unreachable(self.server, &error))?;
        match script::read(&output.stdout) {
            Said::Content(content) => Ok(content),
            Said::Failed(fault) => Err(self.fault(fault)),
            Said::Swapped | Said::Nothing => Err(self.mute()),
        }
    }

    /// Sends the change; the fault that has prevented it.
    async fn swap(
        &self,
        connection: &Connection,
        before: &[u8],
        after: &[u8],
    ) -> Result<Option<Fault>, Trouble> {
        let script = script::swap(&self.server.file, self.id, before, after);
        let doubtful = |trouble: Trouble| Trouble { kind: TroubleKind::InDoubt, ..trouble };
        let output = connection.run("sh -s", &script, TIME).await;
        let output = output.map_err(|error| doubtful(unreachable(self.server, &error)))?;
        match script::read(&output.stdout) {
            Said::Swapped => Ok(None),
            Said::Failed(fault) => Ok(Some(fault)),
            Said::Content(_) | Said::Nothing => Err(doubtful(self.mute())),
        }
    }

    fn fault(&self, fault: Fault) -> Trouble {
        let message = format!("server {}: {}", self.server.name, fault.message(&self.server.file));
        match fault {
            Fault::Lock | Fault::Changed => Trouble::unavailable(message),
            Fault::Modes => Trouble::rejected(message).hint(format!(
                "on that server: chmod go-w {}, and the folder that holds it",
                self.server.file
            )),
            Fault::Missing => Trouble::rejected(message).hint(OTHER_FILE),
            _ => Trouble::rejected(message),
        }
    }

    fn mute(&self) -> Trouble {
        Trouble::unavailable(format!("server {}: its shell does not answer in our words", self.server.name))
            .hint("it needs a POSIX shell, coreutils and flock")
    }

    pub(super) fn not_listed(&self) -> Trouble {
        Trouble::held(format!(
            "server {}: the current key is not listed in {}",
            self.server.name, self.server.file
        ))
        .hint(OTHER_FILE)
    }
}

/// The key by which everybody gets in that is not the one in question.
pub(super) async fn answers(keys: &Keys, server: &KeyServer, key: Option<&Key>) -> Answer {
    match key {
        None => Answer::None,
        Some(key) => accepts(keys, server, key).await.unwrap_or(Answer::Unknown),
    }
}
