//! `completions`: scripts for the user's shell.

use clap::Args;
use clap_complete::Shell;

use crate::cli::args::command_line;
use crate::cli::context::Context;
use crate::cli::failure::Failure;

/// Print a completion script for a shell
///
/// For example: luca-secrets completions bash > ~/.local/share/bash-completion/completions/luca-secrets
#[derive(Args)]
pub(crate) struct CompletionsArgs {
    /// The shell
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

pub(crate) fn run(args: &CompletionsArgs, context: &mut Context) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command_line(), "luca-secrets", &mut script);
    context.ui.data(&String::from_utf8_lossy(&script))
}
