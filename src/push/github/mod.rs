//! GitHub as a target of a push. It cannot be undone by putting a file back, so it comes after the servers.
//!
//! [`Desired`] is what the schema and the store want there, [`Hub`] the connections, [`GithubPlan`] what would change
//! (plain data), [`Outcome`] what came of it. A record of what is pushed must be in the store before the first write
//! ([`GithubPlan::begun`]) and after the last ([`Outcome::pushes`]).

mod desired;
mod hub;
mod plan;
mod problem;

pub use desired::{Desired, DesiredError, scope_of};
pub use hub::{Access, Hub, Outcome, Outside, REQUEST_TIME, accesses};
pub use plan::{GithubPlan, GithubRow, Only};
pub use problem::GithubProblem;
