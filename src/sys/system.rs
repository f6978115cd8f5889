//! The outside world as one value, handed down from `main`. Tests pass a false one.

use std::io::{Read, Write};
use std::path::PathBuf;

use super::clock::Clock;
use super::disk::Disk;
use super::env::Environment;
use super::random::Random;
use super::terminal::Terminal;

/// Everything a command needs from outside the process.
pub struct System {
    /// The folder the command was started in; relative paths start here.
    pub folder: PathBuf,
    /// The environment.
    pub env: Environment,
    /// The time.
    pub clock: Box<dyn Clock>,
    /// Randomness for generated values and ids.
    pub random: Box<dyn Random>,
    /// The disk.
    pub disk: Disk,
    /// The person, if there is one.
    pub terminal: Box<dyn Terminal>,
    /// Standard input: data, never answers.
    pub stdin: Box<dyn Read>,
    /// Whether standard input is a terminal, so that nothing was piped in.
    pub stdin_is_terminal: bool,
    /// Standard output: data.
    pub stdout: Box<dyn Write>,
    /// Whether standard output is a terminal.
    pub stdout_is_terminal: bool,
    /// Standard error: talk.
    pub stderr: Box<dyn Write>,
    /// Whether standard error is a terminal.
    pub stderr_is_terminal: bool,
}

/// The name of this machine, for the note who wrote a store.
pub fn host_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}
