//! From the store to running services: what is on each server and at GitHub, the plan of what would change there, and
//! the transaction that changes it everywhere or nowhere.

mod reach;
mod host;
mod plan;
pub mod github;

pub use host::{Contact, Host, HostError, observe};
pub use plan::{Action, Difference, FilePlan, Objection, Provenance, ServerPlan};
pub use reach::{Surroundings, Unreachable, destination, host_keys};
