//! What was typed. Doc comments are the help that people read.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, CommandFactory, Parser, Subcommand};

use super::commands::{
    backup, check, compare, completions, diff, edit, export, generate, get, git, history, identity, import,
    init, list, manual, merge, postgres, push, recipients, rekey, remote, remove, render, rollback, rotate,
    run, server, set, status, unseal,
};

/// Keeps a project's secrets in one encrypted file, and renders from it the files that programs read.
///
/// The store (secrets.enc) and the schema (schemas/*.toml) are looked for in this folder and the ones above it.
/// Values are never taken from the command line: they come from a prompt, from standard input or from a file.
#[derive(Parser)]
#[command(name = "luca-secrets", version, max_term_width = 100, disable_help_subcommand = true)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Arguments {
    #[command(flatten)]
    pub(super) global: GlobalArgs,
    #[command(subcommand)]
    pub(super) command: Command,
}

const AFTER_HELP: &str = "\
Exit codes:
  0  done, or nothing to do
  1  failed
  2  wrong usage
  3  a check found something
  4  held: a person is needed
  5  somebody else changed it; nothing was written

Start with `luca-secrets init`.";

/// Options of every command.
#[derive(Args)]
#[command(next_help_heading = "Global options")]
pub(super) struct GlobalArgs {
    /// Work in this folder instead of the current one
    #[arg(short = 'C', long, value_name = "FOLDER", global = true)]
    pub(super) directory: Option<PathBuf>,
    /// The encrypted store [default: secrets.enc]
    #[arg(long, value_name = "FILE", global = true)]
    pub(super) store: Option<PathBuf>,
    /// The folder of the schema [default: schemas beside the store]
    #[arg(long, value_name = "FOLDER", global = true)]
    pub(super) schemas: Option<PathBuf>,
    /// The file with the identity that opens the store, or - for standard input
    #[arg(short, long, value_name = "FILE", global = true)]
    pub(super) identity: Option<PathBuf>,
    /// Accept a store that is refused as replaced or older, after showing what differs; with its FINGERPRINT, unasked
    #[arg(long, value_name = "FINGERPRINT", num_args = 0..=1, require_equals = true)]
    #[arg(default_missing_value = "", global = true)]
    pub(super) accept_store: Option<String>,
    /// Never ask; fail where a person would be asked
    #[arg(long, global = true)]
    pub(super) non_interactive: bool,
    /// Leave the store's home away from this machine alone, and work on the copy here
    #[arg(long, global = true)]
    pub(super) offline: bool,
    /// Seconds to wait while somebody else is writing
    #[arg(long, value_name = "SECONDS", default_value_t = 30, global = true)]
    pub(super) lock_timeout: u64,
    /// Say what was used and why
    #[arg(short, long, global = true)]
    pub(super) verbose: bool,
    /// Say nothing but warnings and errors
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub(super) quiet: bool,
}

/// For commands that report.
#[derive(Args)]
pub(super) struct JsonArg {
    /// Report as JSON on standard output
    #[arg(long)]
    pub(super) json: bool,
}

/// For commands that change something.
#[derive(Args)]
pub(super) struct DryRunArg {
    /// Show what would happen, and change nothing
    #[arg(short = 'n', long)]
    pub(super) dry_run: bool,
}

/// For commands that ask before they act.
#[derive(Args)]
pub(super) struct YesArg {
    /// Do not ask
    #[arg(short, long)]
    pub(super) yes: bool,
}

#[derive(Subcommand)]
pub(super) enum Command {
    Backup(backup::BackupArgs),
    Check(check::CheckArgs),
    Compare(compare::CompareArgs),
    Completions(completions::CompletionsArgs),
    Diff(diff::DiffArgs),
    Edit(edit::EditArgs),
    Export(export::ExportArgs),
    Generate(generate::GenerateArgs),
    Get(get::GetArgs),
    Git(git::GitArgs),
    History(history::HistoryArgs),
    Identity(identity::IdentityArgs),
    Import(import::ImportArgs),
    Init(init::InitArgs),
    List(list::ListArgs),
    Man(manual::ManArgs),
    Merge(merge::MergeArgs),
    Postgres(postgres::PostgresArgs),
    Push(push::PushArgs),
    Recipients(recipients::RecipientsArgs),
    Rekey(rekey::RekeyArgs),
    Remote(remote::RemoteArgs),
    Render(render::RenderArgs),
    Rollback(rollback::RollbackArgs),
    Rotate(rotate::RotateArgs),
    Rm(remove::RemoveArgs),
    Run(run::RunArgs),
    Server(server::ServerArgs),
    Set(set::SetArgs),
    Status(status::StatusArgs),
    Unseal(unseal::UnsealArgs),
}

/// Reads the command line; help, versions and mistakes come back as clap's error.
pub(super) fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Arguments, clap::Error> {
    Arguments::try_parse_from(arguments)
}

/// The command line as clap's data, for completions and manual pages.
pub fn command_line() -> clap::Command {
    Arguments::command()
}
