//! The subcommands of `server`.

use clap::{Args, Subcommand};

use crate::cli::context::Context;
use crate::cli::failure::Failure;

use super::restore;

/// Look after one server
#[derive(Args)]
pub(crate) struct ServerArgs {
    #[command(subcommand)]
    command: ServerCommand,
}

#[derive(Subcommand)]
enum ServerCommand {
    Restore(restore::RestoreArgs),
}

pub(crate) fn run(args: &ServerArgs, context: &mut Context) -> Result<(), Failure> {
    match &args.command {
        ServerCommand::Restore(args) => restore::run(args, context),
    }
}
