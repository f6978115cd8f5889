//! The engine of rotations over this program's store, servers, terminal and clock, and what came of it in words.

mod lock;
mod desk;
mod journal;
mod consumers;
mod deployer;
mod person;
mod seen;
mod outcome;

pub(super) use desk::Desk;
pub(super) use lock::lock;
pub(super) use outcome::{ASKED, Outcome, shown_steps};
