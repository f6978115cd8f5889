//! The subcommands of `postgres`.

use clap::{Args, Subcommand};

use crate::cli::context::Context;
use crate::cli::failure::Failure;

use super::adopt;

/// Prepare a PostgreSQL database
#[derive(Args)]
pub(crate) struct PostgresArgs {
    #[command(subcommand)]
    command: PostgresCommand,
}

#[derive(Subcommand)]
enum PostgresCommand {
    Adopt(adopt::AdoptArgs),
}

pub(crate) fn run(args: &PostgresArgs, context: &mut Context) -> Result<(), Failure> {
    match &args.command {
        PostgresCommand::Adopt(args) => adopt::run(args, context),
    }
}
