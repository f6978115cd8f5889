//! The steps of a transaction, why one fails, and how a server stands in the end.

use std::fmt;
use std::future::Future;
use std::time::{Duration, Instant};

use crate::name::TargetName;
use crate::target::server::{Ran, ServerPath};

use super::health::Unhealthy;
use super::host::HostError;

/// A step of the transaction, or what comes before or after one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// The connection is there, and the files were looked at.
    Look,
    /// The folders are locked and the new files lie beside the old ones.
    Stage,
    /// The new files are in place.
    Swap,
    /// The apply commands have run.
    Apply,
    /// The services are well, and run on the new content.
    Health,
    /// The new files stay.
    Commit,
    /// The old files are back, and the services run on them.
    Undo,
    /// What an interrupted transaction has left is ended.
    Recover,
}

impl Step {
    /// What was done, as progress and reports say it.
    pub const fn done(self) -> &'static str {
        match self {
            Self::Look => "looked at",
            Self::Stage => "staged",
            Self::Swap => "in place",
            Self::Apply => "applied",
            Self::Health => "healthy",
            Self::Commit => "committed",
            Self::Undo => "put back",
            Self::Recover => "recovered",
        }
    }

    /// What is being done, for a line that stands while it lasts.
    pub const fn doing(self) -> &'static str {
        match self {
            Self::Look => "looking",
            Self::Stage => "staging",
            Self::Swap => "putting in place",
            Self::Apply => "applying",
            Self::Health => "waiting until healthy",
            Self::Commit => "committing",
            Self::Undo => "putting back",
            Self::Recover => "recovering",
        }
    }

    /// What failed, as a message begins.
    pub const fn failed(self) -> &'static str {
        match self {
            Self::Look => "cannot look",
            Self::Stage => "cannot stage",
            Self::Swap => "cannot swap",
            Self::Apply => "cannot apply",
            Self::Health => "not healthy",
            Self::Commit => "cannot commit",
            Self::Undo => "cannot put back",
            Self::Recover => "cannot recover",
        }
    }
}

/// What there is to tell of a step on a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// It has begun.
    Begun,
    /// It has ended well, after this time.
    Done(Duration),
    /// It has failed, after this time.
    Failed(Duration),
}

/// Is told of every step that a server begins and ends.
pub type Watcher<'a> = &'a dyn Fn(&TargetName, Step, Moment);

/// Does a step on a server, and tells of its beginning and its end.
pub(super) async fn watched<T, E>(
    server: &TargetName,
    step: Step,
    watcher: Watcher<'_>,
    work: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    let start = Instant::now();
    watcher(server, step, Moment::Begun);
    let done = work.await;
    let time = start.elapsed();
    watcher(server, step, if done.is_ok() { Moment::Done(time) } else { Moment::Failed(time) });
    done
}

/// A command that has failed over there.
#[derive(Debug)]
pub struct FailedCommand {
    /// As the schema has it.
    pub(super) shown: String,
    pub(super) ran: Ran,
    /// The last lines that it has said, without values.
    pub(super) lines: Vec<String>,
    pub(super) hint: Option<String>,
}

impl fmt::Display for FailedCommand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = &self.shown;
        match self.ran {
            Ran::Deadline(seconds) => write!(f, "`{shown}` did not end within {seconds} s"),
            Ran::Exit(code) => write!(f, "`{shown}` failed with exit code {code}"),
            Ran::Done => write!(f, "`{shown}` failed"),
        }
    }
}

/// Why a step failed on a server.
#[derive(Debug)]
pub enum Problem {
    /// The server, or the way to it.
    Host(HostError),
    /// A command.
    Command(FailedCommand),
    /// The services are not well.
    Unhealthy(Unhealthy),
    /// Somebody wanted it to stop.
    Interrupted,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host(error) => error.fmt(f),
            Self::Command(command) => command.fmt(f),
            Self::Unhealthy(unhealthy) => unhealthy.fmt(f),
            Self::Interrupted => f.write_str("interrupted"),
        }
    }
}

impl Problem {
    /// The last lines that a command over there has said, without values.
    pub fn lines(&self) -> &[String] {
        match self {
            Self::Command(command) => &command.lines,
            Self::Unhealthy(unhealthy) => unhealthy.lines(),
            Self::Host(_) | Self::Interrupted => &[],
        }
    }

    /// What to do about it.
    pub fn hint(&self, server: &TargetName) -> Option<String> {
        match self {
            Self::Host(error) => error.hint(server),
            Self::Unhealthy(unhealthy) => unhealthy.hint(),
            Self::Command(command) => command.hint.clone(),
            Self::Interrupted => None,
        }
    }
}

impl From<HostError> for Problem {
    fn from(error: HostError) -> Self {
        Self::Host(error)
    }
}

/// How a server stands after the transaction.
#[derive(Debug)]
pub enum Standing {
    /// It has the new files.
    New,
    /// It has the old files, and its services were never told otherwise or run on them again.
    Old,
    /// It has the old files, but its services may run on the new ones: an apply is owed, for this reason.
    Owed(Problem),
    /// It has the old files and its services have read them, but they are not well, for this reason.
    Unwell(Problem),
    /// Somebody else has changed these files meanwhile, so they were left as they are.
    Left(Vec<ServerPath>),
    /// It cannot be told: the conversation was lost, and no other came about, for this reason.
    Unknown(Problem),
}

/// What came of the transaction on one server.
pub struct HostOutcome {
    /// Its name in the schema.
    pub server: TargetName,
    /// The step that failed there, and why.
    pub failed: Option<(Step, Problem)>,
    /// How it stands now.
    pub standing: Standing,
}
