//! `postgres`: what is done once with a PostgreSQL database, by hand.

mod adopt;
mod command;

pub(in crate::cli) use command::{PostgresArgs, run};
