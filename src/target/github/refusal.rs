//! Why a target cannot be as it should.

use std::fmt;

use crate::name::VariableName;

use super::name::{ActionsName, ActionsNameError};
use super::plan::Kind;

/// The longest value, in bytes (docs.github.com, "Limits for secrets" and "Limits for variables": 48 KB).
pub(super) const LONGEST_VALUE: usize = 48 * 1024;

/// Why nothing of a target can be pushed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// A name that GitHub does not allow.
    Name(VariableName, ActionsNameError),
    /// Two names of one kind that differ in case only, and so are one to GitHub.
    SameName(VariableName, VariableName),
    /// A value longer than 48 KB; its length in bytes.
    TooLong(ActionsName, usize),
    /// More than the scope can hold: kind, how many there would be, how many there may be, and the names that are
    /// there without being ours.
    TooMany(Kind, usize, usize, Vec<ActionsName>),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name, error) => write!(f, "{name}: {error}"),
            Self::SameName(first, second) => {
                write!(f, "{first} and {second}: GitHub keeps names in upper case, where both are the same")
            }
            Self::TooLong(name, length) => {
                write!(f, "{name}: {length} bytes are more than the {LONGEST_VALUE} that GitHub takes")
            }
            Self::TooMany(kind, count, limit, others) => {
                write!(f, "there would be {count} {}, and GitHub takes {limit}", kind.plural())?;
                if !others.is_empty() {
                    let names: Vec<&str> = others.iter().map(ActionsName::as_str).collect();
                    write!(f, "; not ours: {}", names.join(", "))?;
                }
                Ok(())
            }
        }
    }
}

impl std::error::Error for Refusal {}
