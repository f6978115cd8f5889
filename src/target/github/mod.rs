//! GitHub: the secrets and variables of a repository, of one of its environments, or of an organisation.
//!
//! [`Github::observe`] says what is there, [`plan`] what has to change (plain data), [`Github::apply`] changes it.
//! A secret can never be read back, so a [`PushRecord`] remembers the keyed digest of what was pushed and when GitHub
//! says that it was written: what GitHub dates later, somebody else has changed.
//!
//! Paths, fields and status codes: `github/rest-api-description`, version 2022-11-28, which every GitHub Enterprise
//! Server of today knows too.

mod api;
mod apply;
mod error;
mod limits;
mod name;
mod observe;
mod plan;
mod record;
mod refusal;
mod runs;
mod scope;
mod seal;
mod token;

pub use api::{GITHUB_COM, Github, Settings};
pub use apply::Applied;
pub use error::{Forbidden, GithubError};
pub use name::{ActionsName, ActionsNameError};
pub use observe::{Kinds, Observed, SecretSeen, VariableSeen};
pub use plan::{Action, Drift, Kind, Options, Plan, Step, Wanted, plan};
pub use record::PushRecord;
pub use refusal::Refusal;
pub use runs::RunSeen;
pub use scope::{Scope, Visibility};
pub use token::{Token, TokenSource, find_token, usual_variable};
