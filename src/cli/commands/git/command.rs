//! The subcommands of `git`; all but `setup` are called by git itself.

use clap::{Args, Subcommand};

use crate::cli::context::Context;
use crate::cli::failure::Failure;

use super::{driver, guard, setup, textconv};

/// Let git merge, show and guard the store
#[derive(Args)]
pub(crate) struct GitArgs {
    #[command(subcommand)]
    command: GitCommand,
}

#[derive(Subcommand)]
enum GitCommand {
    Setup(setup::SetupArgs),
    #[command(hide = true)]
    MergeDriver(driver::DriverArgs),
    #[command(hide = true)]
    Textconv(textconv::TextconvArgs),
    /// Refuse a commit that holds a plaintext store, a rendered env file or a value of the store
    #[command(hide = true)]
    PreCommit,
}

pub(crate) fn run(args: &GitArgs, context: &mut Context) -> Result<(), Failure> {
    match &args.command {
        GitCommand::Setup(args) => setup::run(args, context),
        GitCommand::MergeDriver(args) => driver::run(args, context),
        GitCommand::Textconv(args) => textconv::run(args, context),
        GitCommand::PreCommit => guard::run(context),
    }
}
