//! What can go wrong with a home. Messages name the home and the way out; nothing of a reply or of a store is quoted.

use std::fmt;

/// What went wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteError {
    /// The home's label.
    pub home: String,
    /// What went wrong.
    pub problem: RemoteProblem,
    /// Whether a write may have happened all the same.
    pub in_doubt: bool,
}

impl RemoteError {
    /// Something that has changed nothing.
    pub fn new(home: impl Into<String>, problem: RemoteProblem) -> Self {
        Self { home: home.into(), problem, in_doubt: false }
    }

    /// The same, but a write may have happened.
    #[must_use]
    pub fn in_doubt(self) -> Self {
        Self { in_doubt: true, ..self }
    }

    /// Whether it is a matter of the network or of the other side being down: then the local copy serves for now.
    pub fn is_offline(&self) -> bool {
        matches!(self.problem, RemoteProblem::Unreachable(_) | RemoteProblem::Busy(_))
    }
}

impl fmt::Display for RemoteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.home, self.problem)?;
        if self.in_doubt { write!(f, "; whether the write arrived is not known") } else { Ok(()) }
    }
}

impl std::error::Error for RemoteError {}

/// Kinds of trouble. The text in each is ours and quotes nothing secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RemoteProblem {
    /// No connection, no answer, a name that is not known.
    Unreachable(String),
    /// The service answers, but is overloaded or failing (429, 5xx).
    Busy(String),
    /// The credentials were refused or are missing.
    Denied(String),
    /// The bucket, repository or branch does not exist, or may not be seen.
    Missing(String),
    /// The clocks differ by more than signatures allow.
    ClockSkew(String),
    /// It does not keep the promises that shared writing needs.
    Unsafe(String),
    /// What was found there cannot be right.
    Damaged(String),
    /// The settings cannot work.
    Settings(String),
    /// Anything else.
    Failed(String),
}

impl fmt::Display for RemoteProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable(text)
            | Self::Busy(text)
            | Self::Denied(text)
            | Self::Missing(text)
            | Self::ClockSkew(text)
            | Self::Unsafe(text)
            | Self::Damaged(text)
            | Self::Settings(text)
            | Self::Failed(text) => f.write_str(text),
        }
    }
}
