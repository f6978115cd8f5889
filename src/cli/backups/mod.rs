//! Backups: the places that the schema names, what is in them, what it is worth, and what a write puts there.

mod here;
mod listing;
mod outbox;
mod places;
mod proof;
mod written;

pub(super) use here::{Here, Spoiled, State};
pub(super) use listing::{Backup, listing};
pub(super) use places::{PlaceArgs, of_place};
pub(super) use proof::{ProofError, Proven};
pub(super) use written::Brought;
