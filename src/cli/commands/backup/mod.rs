//! `backup`: copies of the store in other places.

mod choice;
mod command;
mod create;
mod list;
mod prune;
mod put_back;
mod restore;
mod verify;

pub(in crate::cli) use command::{BackupArgs, run};
