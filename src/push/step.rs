//! The steps of a transaction, why one fails, and how a server stands in the end.

use std::fmt;

use crate::name::TargetName;
use crate::target::server::{Ran, ServerPath};

use super::health::Unhealthy;
use super::host::HostError;

/// A step of the transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
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
}

impl Step {
    /// What was done, as progress and reports say it.
    pub const fn done(self) -> &'static str {
        match self {
            Self::Stage => "staged",
            Self::Swap => "in place",
            Self::Apply => "applied",
            Self::Health => "healthy",
            Self::Commit => "committed",
            Self::Undo => "put back",
        }
    }
}

/// Why a step failed on a server.
#[derive(Debug)]
pub enum Problem {
    /// The server, or the way to it.
    Host(HostError),
    /// A command: as the schema has it, how it ended, and its last lines.
    Command(String, Ran, Vec<String>),
    /// The services are not well.
    Unhealthy(Unhealthy),
    /// Somebody wanted it to stop.
    Interrupted,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host(error) => error.fmt(f),
            Self::Command(shown, Ran::Deadline(seconds), _) => {
                write!(f, "`{shown}` did not end within {seconds} s")
            }
            Self::Command(shown, Ran::Exit(code), _) => write!(f, "`{shown}` failed with exit code {code}"),
            Self::Command(shown, Ran::Done, _) => write!(f, "`{shown}` failed"),
            Self::Unhealthy(unhealthy) => unhealthy.fmt(f),
            Self::Interrupted => f.write_str("interrupted"),
        }
    }
}

impl Problem {
    /// The last lines that a command over there has said, without values.
    pub fn lines(&self) -> &[String] {
        match self {
            Self::Command(_, _, lines) => lines,
            Self::Unhealthy(unhealthy) => unhealthy.lines(),
            Self::Host(_) | Self::Interrupted => &[],
        }
    }

    /// What to do about it.
    pub fn hint(&self, server: &TargetName) -> Option<String> {
        match self {
            Self::Host(error) => error.hint(server),
            Self::Unhealthy(unhealthy) => unhealthy.hint(),
            Self::Command(..) | Self::Interrupted => None,
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
