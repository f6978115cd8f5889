//! The subcommands of `recipients`.

use clap::{Args, Subcommand};

use crate::cli::context::Context;
use crate::cli::failure::Failure;

use super::{add, list, remove, waive};

/// Who can read the store: list, add, remove
#[derive(Args)]
pub(crate) struct RecipientsArgs {
    #[command(subcommand)]
    command: RecipientsCommand,
}

#[derive(Subcommand)]
enum RecipientsCommand {
    List(list::ListArgs),
    Add(add::AddArgs),
    Remove(remove::RemoveArgs),
    Waive(waive::WaiveArgs),
}

pub(crate) fn run(args: &RecipientsArgs, context: &mut Context) -> Result<(), Failure> {
    match &args.command {
        RecipientsCommand::List(args) => list::run(args, context),
        RecipientsCommand::Add(args) => add::run(args, context),
        RecipientsCommand::Remove(args) => remove::run(args, context),
        RecipientsCommand::Waive(args) => waive::run(args, context),
    }
}
