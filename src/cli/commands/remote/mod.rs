//! `remote`: the store's home away from this machine.

mod command;
mod log;
mod pull;
mod push;
mod status;

pub(in crate::cli) use command::{RemoteArgs, run};
