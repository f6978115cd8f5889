//! `man`: manual pages.

use clap::Args;

use crate::cli::args::command_line;
use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::name::nearest;

/// Print a manual page
///
/// For example: luca-secrets man | man -l -, or: luca-secrets man edit | man -l -
#[derive(Args)]
pub(crate) struct ManArgs {
    /// The command to print the page of, instead of the main page
    #[arg(value_name = "COMMAND")]
    command: Option<String>,
}

pub(crate) fn run(args: &ManArgs, context: &mut Context) -> Result<(), Failure> {
    let mut command = command_line();
    command.build();
    let page = match &args.command {
        None => command,
        Some(name) => {
            let found = command.find_subcommand(name).cloned();
            found.ok_or_else(|| unknown(name, &command))?
        }
    };
    let mut text = Vec::new();
    clap_mangen::Man::new(page).render(&mut text)?;
    context.ui.data(&String::from_utf8_lossy(&text))
}

fn unknown(name: &str, command: &clap::Command) -> Failure {
    let failure = Failure::usage("there is no such command");
    match nearest(name, command.get_subcommands().map(clap::Command::get_name)) {
        Some(other) => failure.hint(format_args!("did you mean {other}?")),
        None => failure,
    }
}
