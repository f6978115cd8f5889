//! `recipients`: who can read the store.

mod access;
mod add;
mod command;
mod github;
mod list;
mod remove;
mod waive;
mod who;
mod worklist;

pub(in crate::cli) use access::say_proof;
pub(in crate::cli) use command::{RecipientsArgs, run};
pub(in crate::cli) use worklist::say_worklist;
