//! The subcommands of `server`.

use clap::{Args, Subcommand};

use crate::cli::context::Context;
use crate::cli::failure::Failure;

use super::{pin, restore};

/// Look after one server
#[derive(Args)]
pub(crate) struct ServerArgs {
    #[command(subcommand)]
    command: ServerCommand,
}

#[derive(Subcommand)]
enum ServerCommand {
    Pin(pin::PinArgs),
    Restore(restore::RestoreArgs),
}

pub(crate) fn run(args: &ServerArgs, context: &mut Context) -> Result<(), Failure> {
    match &args.command {
        ServerCommand::Pin(args) => pin::run(args, context),
        ServerCommand::Restore(args) => restore::run(args, context),
    }
}
