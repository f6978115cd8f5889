//! Names as GitHub Actions knows them.

use std::fmt;

use crate::name::VariableName;

/// Why a name is none for GitHub Actions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ActionsNameError {
    /// It begins with `GITHUB_`.
    Reserved,
}

impl fmt::Display for ActionsNameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Reserved => "GitHub keeps names that begin with GITHUB_ for itself",
        })
    }
}

impl std::error::Error for ActionsNameError {}

/// The name of a secret or variable of GitHub Actions, in upper case as GitHub keeps it (docs.github.com, "Naming your
/// secrets"): letters, digits and `_`, no digit first, not `GITHUB_…`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ActionsName(VariableName);

impl ActionsName {
    /// The name that GitHub will give to a variable of the schema.
    pub fn new(name: &VariableName) -> Result<Self, ActionsNameError> {
        let name = Self::of(name);
        if name.as_str().starts_with("GITHUB_") { Err(ActionsNameError::Reserved) } else { Ok(name) }
    }

    /// The name as GitHub lists it; what could not be one of its names is no name to us either.
    pub(super) fn listed(text: &str) -> Option<Self> {
        VariableName::parse(text).ok().map(|name| Self::of(&name))
    }

    /// The name of something that is on GitHub.
    pub(super) fn of(name: &VariableName) -> Self {
        Self(name.to_uppercase())
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The name as the schema could have it.
    pub const fn as_variable(&self) -> &VariableName {
        &self.0
    }
}

impl fmt::Display for ActionsName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
