//! `server`: one server at a time, by hand.

mod command;
mod pin;
mod restore;

pub(in crate::cli) use command::{ServerArgs, run};
