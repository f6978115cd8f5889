//! What would change on the servers, as plain data: it is shown, asked about, and then carried out as it stands.

use jiff::Timestamp;

use crate::bundle::HealthCheck;
use crate::name::{TargetName, VariableName};
use crate::schema::Install;
use crate::secret::{SecretText, SecretValue};
use crate::target::server::{Digest, Note, ServerPath};

/// What is to be done with one server. One that could not be looked at has no plan.
pub struct ServerPlan {
    /// Its name in the schema.
    pub server: TargetName,
    /// Its files, in the order of the schema: their numbers in the conversation are their places here, from 1.
    pub files: Vec<FilePlan>,
}

/// What is to be done with one file on a server.
pub struct FilePlan {
    /// The env file in the schema.
    pub env_file: TargetName,
    /// Where the schema puts it and how it takes effect there.
    pub install: Install,
    /// Its path over there, as the schema gives it.
    pub path: ServerPath,
    /// What must hold afterwards, with its values filled in.
    pub health: Vec<HealthCheck>,
    /// The marker's variable and value, where the env file has one: what a running program gives back.
    pub marker: Option<(VariableName, SecretValue)>,
    /// Each variable here or there, by name.
    pub variables: Vec<Difference>,
    /// What the file there says of itself.
    pub there: Option<Provenance>,
    /// The digest of the file there; `None` if there is none.
    pub expected: Option<Digest>,
    /// What an interrupted transaction has left.
    pub note: Option<Note>,
    /// What the file will hold.
    pub content: SecretText,
    /// Why it may not be replaced unless the user says so.
    pub objections: Vec<Objection>,
}

impl FilePlan {
    /// Whether the file there has to be replaced: a variable, its mode or its owner differs.
    pub fn has_changes(&self) -> bool {
        self.variables.iter().any(|variable| variable.action != Action::Unchanged)
    }
}

/// What a push would do with one variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Its name.
    pub name: VariableName,
    /// What would be done.
    pub action: Action,
    /// Whether somebody changed it over there since the last push.
    pub is_drifted: bool,
    /// The fingerprint of its value in the store.
    pub here: Option<String>,
    /// The fingerprint of its value over there.
    pub there: Option<String>,
}

/// What a push does with a variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// It is not there yet.
    Create,
    /// It has another value there.
    Change,
    /// Both are the same.
    Unchanged,
    /// The schema does not have it: it goes.
    Orphan,
}

/// What a pushed file says of itself, in comments at its head: no values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provenance {
    /// The fingerprint of the store it came from.
    pub store: String,
    /// The store's generation at the push.
    pub generation: u64,
    /// When it was pushed.
    pub at: Timestamp,
    /// Who pushed it, such as `ada@laptop`.
    pub by: String,
    /// The keyed digest of each variable as pushed, in hex.
    pub digests: Vec<(VariableName, String)>,
}

/// Why a file may not be replaced unless the user says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Objection {
    /// The file there came from a later generation of the store: `--allow-older`.
    Older {
        /// The generation there.
        there: u64,
        /// The generation here.
        here: u64,
    },
    /// Somebody changed these variables there since the last push, or the file was never pushed: `--overwrite-drift`.
    Drifted(Vec<VariableName>),
    /// The file there came from another store: `--overwrite-drift`.
    AnotherStore,
    /// A transaction was interrupted there: `push --recover`.
    Interrupted,
}
