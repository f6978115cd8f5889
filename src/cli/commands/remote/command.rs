//! The subcommands of `remote`, and what they share.

use clap::{Args, Subcommand};

use crate::cli::away::Away;
use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::store::Document;

use super::{log, pull, push, status};

/// Share the store through its home away from this machine
///
/// The schema names the home in [remote]: an object in a bucket, or a branch of a git repository. Commands that write
/// bring what they write there at once, merged by secret with what others wrote; without a network they write here only,
/// and the next one brings it there.
#[derive(Args)]
pub(crate) struct RemoteArgs {
    #[command(subcommand)]
    command: RemoteCommand,
}

#[derive(Subcommand)]
enum RemoteCommand {
    Status(status::StatusArgs),
    Pull(pull::PullArgs),
    Push(push::PushArgs),
    Log(log::LogArgs),
}

pub(crate) fn run(args: &RemoteArgs, context: &mut Context) -> Result<(), Failure> {
    if context.settings.is_offline {
        return Err(Failure::usage(
            "--offline leaves the store's home alone, and `remote` is about nothing else",
        ));
    }
    match &args.command {
        RemoteCommand::Status(args) => status::run(args, context),
        RemoteCommand::Pull(args) => pull::run(args, context),
        RemoteCommand::Push(args) => push::run(args, context),
        RemoteCommand::Log(args) => log::run(args, context),
    }
}

/// The store's home; a failure if it has none.
pub(super) fn home(document: Option<&Document>, context: &mut Context) -> Result<Away, Failure> {
    context.away(document)?.ok_or_else(|| {
        Failure::new("the store has no home away from this machine")
            .hint("name one in the schema: [remote] with kind = \"git\" or kind = \"s3\"")
    })
}

/// Whether there is a copy of the store here.
pub(super) fn is_here(context: &Context) -> Result<bool, Failure> {
    Ok(context.disk.kind(&context.settings.store)?.is_some())
}
