//! `git`: the store in git's hands.

mod command;
mod driver;
mod guard;
pub(in crate::cli) mod repository;
mod setup;
mod staged;
mod textconv;

pub(in crate::cli) use command::{GitArgs, run};
pub(in crate::cli) use driver::{in_conflict, say_joined};
