//! GitHub's side as data: whose secrets and variables a target sets, and GitHub's limits on them.

use crate::name::SecretName;

use super::model::{Place, Variable};

/// The API where a target names none.
pub const GITHUB_API: &str = "https://api.github.com";

/// GitHub's limit on a secret and on a variable, in bytes (docs.github.com, "Limits for secrets": 48 KB).
pub const LARGEST_GITHUB_VALUE: usize = 48 * 1024;

/// How many of an organization's secrets a workflow sees: the first by name (docs.github.com, "Limits for secrets").
pub const WORKFLOW_SEES: usize = 100;

/// Secrets and variables of GitHub Actions.
#[derive(Debug, Clone)]
pub struct GithubTarget {
    /// Whose they are.
    pub scope: GithubScope,
    /// The API's base without a slash at its end. Default: [`GITHUB_API`].
    pub api: String,
    /// The secret with the token, if it is not looked for where the user's own stands.
    pub token: Option<SecretName>,
    /// The secrets in the order of the schema.
    pub secrets: Vec<Variable>,
    /// The variables in the order of the schema. Whoever reads the repository may read them.
    pub variables: Vec<Variable>,
    /// Where it is declared.
    pub place: Place,
}

/// Whose secrets and variables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GithubScope {
    /// A repository's, `owner/name`.
    Repository(String),
    /// Those of one environment of a repository.
    Environment {
        /// The repository, `owner/name`.
        repository: String,
        /// The environment.
        environment: String,
    },
    /// An organization's.
    Organization {
        /// Its login.
        organization: String,
        /// Which of its repositories see them.
        visibility: Visibility,
    },
}

impl GithubScope {
    /// How many secrets GitHub keeps there (docs.github.com, "Limits for secrets").
    pub fn most_secrets(&self) -> usize {
        if matches!(self, Self::Organization { .. }) { 1_000 } else { 100 }
    }

    /// How many variables GitHub keeps there (docs.github.com, "Limits for configuration variables").
    pub fn most_variables(&self) -> usize {
        match self {
            Self::Repository(_) => 500,
            Self::Environment { .. } => 100,
            Self::Organization { .. } => 1_000,
        }
    }
}

/// Which repositories see an organization's secrets and variables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Visibility {
    /// All of them.
    All,
    /// The private and internal ones. The default: the fewest that need no list.
    Private,
    /// These, by their names without the owner.
    Selected(Vec<String>),
}
