//! From the store to running services: what is on each server and at GitHub, the plan of what would change there, and
//! the transaction that changes it everywhere or nowhere.

mod reach;
mod host;
mod health;
mod step;
mod transaction;
mod recover;
mod provenance;
mod plan;
pub mod github;

pub use health::{REMOVE_LEFTOVER, Unhealthy};
pub use host::{Contact, Host, HostError, observe};
pub use plan::{Action, Difference, FilePlan, Objection, PlanError, ServerPlan, plan};
pub use provenance::Provenance;
pub use reach::{Surroundings, Unreachable, destination, host_keys};
pub use recover::{End, Recovered, recover, way_out};
pub use step::{FailedCommand, HostOutcome, Moment, Problem, Standing, Step, Watcher};
pub use transaction::{Change, Member, Setting, new_transaction, transact};
