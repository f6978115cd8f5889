//! The subcommands of `schedule`.

use clap::{Args, Subcommand};

use crate::cli::context::Context;
use crate::cli::failure::Failure;

use super::{install, show};

/// See when which credential is rotated, and have it done on time
#[derive(Args)]
pub(crate) struct ScheduleArgs {
    #[command(subcommand)]
    command: ScheduleCommand,
}

#[derive(Subcommand)]
enum ScheduleCommand {
    Install(install::InstallArgs),
    Show(show::ShowArgs),
}

pub(crate) fn run(args: &ScheduleArgs, context: &mut Context) -> Result<(), Failure> {
    match &args.command {
        ScheduleCommand::Install(args) => install::run(args, context),
        ScheduleCommand::Show(args) => show::run(args, context),
    }
}
