//! The command line: arguments as typed, settings as resolved, one file per command.

mod args;
mod failure;
mod usage;
mod settings;
mod ui;
mod progress;
mod context;
mod keyring;
mod identities;
mod checkout;
mod pins;
mod report;
mod away;
mod backups;
mod github;
mod visited;
mod servers;
mod server_view;
mod recovery;
mod rotation;
mod editing;
mod commands;
mod run;

pub use args::command_line;
pub use run::run;
