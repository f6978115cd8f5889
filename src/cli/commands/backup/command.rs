//! The subcommands of `backup`, and what they share.

use clap::{Args, Subcommand};

use crate::cli::context::Context;
use crate::cli::failure::{Failure, Kind};

use super::{create, list, prune, restore, verify};

/// Keep copies of the store in other places, prove them, and bring one back
///
/// The schema names the places in [backup.NAME]: a folder, or a bucket. Each backup is one generation of the store, sealed
/// as it is, called after its time, generation and content, and never changed. `create` makes one by hand or by cron; a
/// place with `every-write = true` gets one from every command that writes.
#[derive(Args)]
pub(crate) struct BackupArgs {
    #[command(subcommand)]
    command: BackupCommand,
}

#[derive(Subcommand)]
enum BackupCommand {
    Create(create::CreateArgs),
    List(list::ListArgs),
    Verify(verify::VerifyArgs),
    Restore(restore::RestoreArgs),
    Prune(prune::PruneArgs),
}

pub(crate) fn run(args: &BackupArgs, context: &mut Context) -> Result<(), Failure> {
    match &args.command {
        BackupCommand::Create(args) => create::run(args, context),
        BackupCommand::List(args) => list::run(args, context),
        BackupCommand::Verify(args) => verify::run(args, context),
        BackupCommand::Restore(args) => restore::run(args, context),
        BackupCommand::Prune(args) => prune::run(args, context),
    }
}

/// What went wrong so far, while the other places get their turn.
#[derive(Default)]
pub(super) struct Tally(Option<Failure>);

impl Tally {
    /// Adds a failure. The whole is a plain one.
    pub(super) fn add(&mut self, failure: Failure) {
        let failure = failure.kind(Kind::Failed);
        self.0 = Some(match self.0.take() {
            Some(before) => before.and(failure),
            None => failure,
        });
    }

    /// Whether nothing went wrong.
    pub(super) fn is_clean(&self) -> bool {
        self.0.is_none()
    }

    /// All of it, line by line.
    pub(super) fn messages(&self) -> Vec<String> {
        self.0.as_ref().map_or(Vec::new(), |failure| failure.messages.clone())
    }

    /// What it comes to.
    pub(super) fn outcome(self) -> Result<(), Failure> {
        let Some(mut failure) = self.0 else { return Ok(()) };
        // Several places may have the same trouble.
        failure.hints.sort();
        failure.hints.dedup();
        Err(failure)
    }
}
