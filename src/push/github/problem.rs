//! Why nothing can be said of a target, or done with it.

use std::fmt;

use crate::http::Address;
use crate::target::github::{GithubError, Refusal, usual_variable};

/// Why a target has no plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GithubProblem {
    /// No token was found for the API.
    NoToken(Address),
    /// GitHub cannot be asked, or says no.
    Github(GithubError),
    /// What should be there cannot be.
    Refused(Vec<Refusal>),
}

impl fmt::Display for GithubProblem {
    /// All of it on one line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoToken(base) => write!(f, "there is no token for {}", usual_variable(base).1),
            Self::Github(error) => error.fmt(f),
            Self::Refused(refusals) => {
                let all: Vec<String> = refusals.iter().map(ToString::to_string).collect();
                f.write_str(&all.join("; "))
            }
        }
    }
}

impl std::error::Error for GithubProblem {}

impl GithubProblem {
    /// What to do next, if that can be told.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NoToken(base) => {
                let (variable, host) = usual_variable(base);
                let name = variable.name();
                Some(format!(
                    "set {name}, log in with `gh auth login --hostname {host}`, or name a secret of the store as `token` \
                     in the schema"
                ))
            }
            Self::Github(error) => hint(error),
            Self::Refused(_) => None,
        }
    }
}

/// What to do next about an error.
pub(super) fn hint(error: &GithubError) -> Option<String> {
    let text = match error {
        GithubError::Token => "make a new token, and put it where this one is; -v says where that is",
        GithubError::Forbidden(_, lacks) if lacks.single_sign_on => {
            "authorise the token for the organisation at https://github.com/settings/tokens"
        }
        GithubError::Forbidden(..) => {
            "give the token that permission, or use another one; -v says which was used"
        }
        GithubError::NotFound(_) => {
            "check its name in the schema, and that the token may see it; environments have to be made on GitHub first"
        }
        GithubError::Conflict(_) | GithubError::NotThere(_) | GithubError::NotTried => {
            "push again: what arrived is not sent twice"
        }
        GithubError::RateLimited(_) | GithubError::Server(..) => {
            "push again later: what arrived is not sent twice"
        }
        GithubError::Invalid(..)
        | GithubError::Unexpected(..)
        | GithubError::Unreadable(_)
        | GithubError::BadKey
        | GithubError::Random
        | GithubError::Http(_) => return None,
    };
    Some(text.to_owned())
}
