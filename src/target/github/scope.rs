//! Whose secrets and variables.

use std::fmt;

use crate::http::encode_part;

use super::plan::Kind;

/// Which repositories may use what an organisation holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Visibility {
    /// All of the organisation's.
    All,
    /// The private and internal ones.
    Private,
    /// These, by their names without the organisation's.
    Selected(Vec<String>),
}

impl Visibility {
    /// The word for it in requests and answers.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Private => "private",
            Self::Selected(_) => "selected",
        }
    }
}

/// Where secrets and variables are kept. Each has a public key of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// A repository, `owner/name`.
    Repository {
        /// Its owner.
        owner: String,
        /// Its name.
        name: String,
    },
    /// One environment of a repository.
    Environment {
        /// The repository's owner.
        owner: String,
        /// The repository's name.
        name: String,
        /// The environment's name, of any characters.
        environment: String,
    },
    /// An organisation.
    Organization {
        /// Its name.
        name: String,
        /// Who may use what is pushed.
        visibility: Visibility,
    },
}

impl Scope {
    /// The path of the list of its secrets or variables.
    pub(super) fn path(&self, kind: Kind) -> String {
        let list = kind.plural();
        match self {
            Self::Repository { owner, name } => {
                format!("/repos/{}/{}/actions/{list}", encode_part(owner), encode_part(name))
            }
            Self::Environment { owner, name, environment } => format!(
                "/repos/{}/{}/environments/{}/{list}",
                encode_part(owner),
                encode_part(name),
                encode_part(environment)
            ),
            Self::Organization { name, .. } => format!("/orgs/{}/actions/{list}", encode_part(name)),
        }
    }

    /// How many secrets or variables it may hold (docs.github.com, "Limits for secrets", "Limits for variables").
    pub const fn limit(&self, kind: Kind) -> usize {
        match (self, kind) {
            (Self::Organization { .. }, _) => 1_000,
            (Self::Repository { .. }, Kind::Variable) => 500,
            (Self::Repository { .. }, Kind::Secret) | (Self::Environment { .. }, _) => 100,
        }
    }

    /// Who may use what is pushed, where that can be said.
    pub const fn visibility(&self) -> Option<&Visibility> {
        match self {
            Self::Organization { visibility, .. } => Some(visibility),
            _ => None,
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Repository { owner, name } => write!(f, "{owner}/{name}"),
            Self::Environment { owner, name, environment } => {
                write!(f, "{owner}/{name} (environment {environment})")
            }
            Self::Organization { name, .. } => write!(f, "{name} (organisation)"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_those_of_the_description() {
        let (owner, name) = ("example".to_owned(), "shop".to_owned());
        let repository = Scope::Repository { owner: owner.clone(), name: name.clone() };
        assert_eq!(repository.path(Kind::Secret), "/repos/example/shop/actions/secrets");
        assert_eq!(repository.path(Kind::Variable), "/repos/example/shop/actions/variables");
        let environment = Scope::Environment { owner, name, environment: "prod/eu west".to_owned() };
        assert_eq!(
            environment.path(Kind::Secret),
            "/repos/example/shop/environments/prod%2Feu%20west/secrets"
        );
        let organization = Scope::Organization { name: "example".to_owned(), visibility: Visibility::All };
        assert_eq!(organization.path(Kind::Variable), "/orgs/example/actions/variables");
        assert_eq!(
            [repository, environment, organization].map(|s| (s.limit(Kind::Secret), s.limit(Kind::Variable))),
            [(100, 500), (100, 100), (1_000, 1_000)]
        );
    }
}
