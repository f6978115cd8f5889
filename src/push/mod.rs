//! From the store to running services: what is on each server and at GitHub, the plan of what would change there, and
//! the transaction that changes it everywhere or nowhere.

mod plan;
pub mod github;

pub use plan::{Action, Difference, FilePlan, Objection, Provenance, ServerPlan};
