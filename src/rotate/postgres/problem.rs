//! Why a PostgreSQL server did not do what it was asked.

use std::fmt;

use crate::rotate::Trouble;

/// What went wrong, and with whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PgError {
    /// The role and the server, as messages name them.
    pub(super) who: String,
    /// What went wrong.
    pub(super) problem: PgProblem,
    /// What to do about it.
    pub(super) hint: Option<String>,
}

/// What went wrong. Codes are SQLSTATEs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum PgProblem {
    /// The right server does not let the role in.
    Refused(String),
    /// The right server refused a statement, and would refuse it again.
    Denied(String),
    /// The right server cannot do it now.
    Busy(String),
    /// There was no answer that counts, for this reason; nothing can have changed.
    NoAnswer(String),
    /// There was no answer that counts, for this reason; a change was asked for before, and may have been made.
    Lost(String),
}

impl PgProblem {
    /// What the SQLSTATE of a failed login says.
    pub(super) fn of_login(code: &str) -> Self {
        match code {
            "28P01" | "28000" => Self::Refused(code.to_owned()),
            _ => Self::of_statement(code),
        }
    }

    /// What the SQLSTATE of a failed statement says, which has changed nothing. What is neither about the statement nor about
    /// the role's rights may pass.
    pub(super) fn of_statement(code: &str) -> Self {
        let lasts = ["0A", "0L", "0P", "22", "28", "2B", "3D", "3F", "42", "P0"];
        if lasts.iter().any(|class| code.starts_with(class)) {
            Self::Denied(code.to_owned())
        } else {
            Self::Busy(code.to_owned())
        }
    }
}

impl PgError {
    pub(super) fn new(who: impl Into<String>, problem: PgProblem) -> Self {
        Self { who: who.into(), problem, hint: None }
    }

    /// Whether the right server did not let the role in.
    pub(super) const fn is_refusal(&self) -> bool {
        matches!(self.problem, PgProblem::Refused(_))
    }

    /// What it says about the world.
    pub(super) fn into_trouble(self) -> Trouble {
        let message = self.to_string();
        let trouble = match &self.problem {
            // That the role which changes others is refused is for a person: to undo would need it too.
            PgProblem::Refused(_) => Trouble::held(message),
            PgProblem::Denied(_) => Trouble::rejected(message),
            PgProblem::Busy(_) | PgProblem::NoAnswer(_) => Trouble::unavailable(message),
            PgProblem::Lost(_) => Trouble::in_doubt(message),
        };
        self.hint.into_iter().fold(trouble, Trouble::hint)
    }
}

impl From<PgError> for Trouble {
    fn from(error: PgError) -> Self {
        error.into_trouble()
    }
}

impl fmt::Display for PgError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let who = &self.who;
        match &self.problem {
            PgProblem::Refused(code) => write!(f, "{who}: refused: {} ({code})", words(code)),
            PgProblem::Denied(code) | PgProblem::Busy(code) => write!(f, "{who}: {} ({code})", words(code)),
            PgProblem::NoAnswer(reason) => write!(f, "{who}: no answer: {reason}"),
            PgProblem::Lost(reason) => write!(f, "{who}: the answer was lost: {reason}"),
        }
    }
}

impl std::error::Error for PgError {}

/// A SQLSTATE in words (PostgreSQL's manual, appendix A). The server's own message may quote a statement.
fn words(code: &str) -> &'static str {
    match code {
        "28P01" => "the password is wrong",
        "28000" => "the role may not log in from here",
        "25006" => "it only reads now, as a standby does",
        "3D000" => "there is no such database",
        "42501" => "the role has not the right to do it",
        "42704" => "there is no such role or object",
        "42710" => "a role of that name is there already",
        "42601" => "it does not know the statement",
        "53300" => "it has no room for another connection",
        "55P03" => "somebody holds a lock for too long",
        "57014" => "it took too long and was cancelled",
        "57P01" | "57P02" => "it is shutting down",
        "57P03" => "it is starting or shutting down",
        "P0001" => "not all that belongs to the role could be moved, so all was taken back",
        "2BP01" => "something still depends on it",
        _ => "it refused",
    }
}

/// Text of a program or of the network, fit for a message: one line, not too long.
pub(super) fn tamed(text: &str) -> String {
    let line = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    line.chars().map(|c| if c.is_control() { ' ' } else { c }).take(200).collect::<String>().trim().to_owned()
}
