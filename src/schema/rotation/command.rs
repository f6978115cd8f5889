//! `with = "command"`.

use std::time::Duration;

use crate::name::SecretName;

/// A credential that a program of the user's own replaces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandRotation {
    /// The program and its arguments; a path starts at the project's folder.
    pub run: Vec<String>,
    /// How long one run may take. Default: a minute.
    pub within: Duration,
    /// Whether the old credential stays valid when the new one becomes so. Default: yes.
    pub overlap: bool,
    /// Who makes the new value.
    pub made_by: Maker,
    /// Further secrets that change with it.
    pub also: Vec<SecretName>,
    /// Secrets that the program is told, and does not change.
    pub reads: Vec<SecretName>,
}

/// Who makes a new value.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Maker {
    /// `here`: as `generate` of the secret says.
    #[default]
    Here,
    /// `program`: its verb `create`, without any effect.
    Program,
    /// `source`: the service that the credential is for, when the program's verb `create` asks it to.
    Source,
}

impl Maker {
    /// Each with its word in schemas.
    pub const WORDS: [(&'static str, Self); 3] =
        [("here", Self::Here), ("program", Self::Program), ("source", Self::Source)];
}
