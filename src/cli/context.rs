//! What a command is handed: the world, the settings, and the steps that most commands share.

use std::cell::RefCell;
use std::io::Read;
use std::path::Path;

use crate::name::SecretName;
use crate::schema::{self, BackupTarget, History, LoadError, Schema};
use crate::secret::{SecretText, SecretValue, is_worth_hiding};
use crate::store::{Author, Prompt, Unlocked};
use crate::sys::{
    self, Clock, Disk, Environment, Random, Terminal, Variable, describe, host_name, read_wiped,
};

use super::away::Known;
use super::failure::Failure;
use super::pins::Carried;
use super::settings::Settings;
use super::ui::Ui;

/// Largest input of values that is read, in bytes.
pub(super) const INPUT_LIMIT: u64 = 16 * 1024 * 1024;

/// From how many bytes of schema a thread costs less than it saves.
const WORTH_A_THREAD: usize = 64 * 1024;

/// Everything a command needs; nothing global.
pub(super) struct Context {
    pub(super) settings: Settings,
    pub(super) ui: Ui,
    pub(super) disk: Disk,
    pub(super) env: Environment,
    pub(super) clock: Box<dyn Clock>,
    pub(super) random: Box<dyn Random>,
    pub(super) terminal: Box<dyn Terminal>,
    /// The same person, for the passphrases of keys; nobody under `--non-interactive`.
    pub(super) prompt: Prompt,
    /// The stores that the identity read last is for.
    pub(super) carried: RefCell<Carried>,
    /// The store's home away from this machine, once it was asked for.
    pub(super) home: Known,
    /// The places for backups that the schema names, once it was read.
    pub(super) places: Option<Vec<BackupTarget>>,
    pub(super) stdin: Box<dyn Read>,
    pub(super) stdin_is_terminal: bool,
    pub(super) stdout_is_terminal: bool,
}

impl Context {
    /// Reads the schema.
    pub(super) fn schema(&mut self) -> Result<Schema, Failure> {
        let schema = schema::load(&self.disk, &self.settings.schemas)?;
        self.note_home(&schema);
        Ok(schema)
    }

    /// Reads the schema and opens the store, both at once where the schema is large enough to be worth a thread.
    pub(super) fn schema_and_store(&mut self) -> Result<(Schema, Result<Unlocked, Failure>), Failure> {
        let files = schema::read_files(&self.disk, &self.settings.schemas)?;
        if files.iter().map(|(_, text)| text.len()).sum::<usize>() < WORTH_A_THREAD {
            let schema = schema::parse(&files).map_err(LoadError::Invalid)?;
            self.note_home(&schema);
            return Ok((schema, self.unlock()));
        }
        // The store goes to the thread and not the schema: the C library makes many small allocations, of which a
        // schema is made, cheap on the first thread only.
        let memory = self.memory();
        let (schema, store) = match self.decrypt() {
            Ok(decrypted) => decrypted.read_beside(|| schema::parse(&files)),
            Err(failure) => return Ok((schema::parse(&files).map_err(LoadError::Invalid)?, Err(failure))),
        };
        let schema = schema.map_err(LoadError::Invalid)?;
        self.note_home(&schema);
        Ok((schema, store.map_err(Failure::from).and_then(|store| self.recognized(&memory, store))))
    }

    /// How many earlier values of a secret to keep, where the schema is not needed for anything else: if it cannot be
    /// read, nothing is dropped.
    pub(super) fn history_kept(&mut self) -> usize {
        self.schema().map_or(History::MOST, |schema| schema.history.keep)
    }

    /// Who writes, and when.
    pub(super) fn author(&self) -> Author {
        let user = self.env.text(Variable::User).unwrap_or("unknown");
        Author { now: self.clock.now(), name: format!("{user}@{}", host_name()) }
    }

    /// All of standard input, wiped when dropped.
    pub(super) fn read_stdin(&mut self) -> Result<SecretText, Failure> {
        let fail = |error| Failure::new(format_args!("standard input: {}", describe(&error)));
        let mut bytes = read_wiped(&mut self.stdin, INPUT_LIMIT + 1).map_err(fail)?;
        if bytes.len() as u64 > INPUT_LIMIT {
            return Err(Failure::new("standard input: larger than the limit of 16 MiB"));
        }
        SecretText::from_utf8(std::mem::take(&mut *bytes))
            .map_err(|_| Failure::new("standard input: not UTF-8 text"))
    }

    /// A file with values in it.
    pub(super) fn read_file(&self, path: &Path) -> Result<SecretText, Failure> {
        let path = self.settings.folder.join(path);
        let mut bytes = self.disk.read(&path, INPUT_LIMIT)?;
        SecretText::from_utf8(std::mem::take(&mut *bytes)).map_err(|_| {
            Failure::new(format_args!("{}: not UTF-8 text", path.display()))
                .hint("a secret is text; turn bytes into text first, for example with base64")
        })
    }

    /// Says something under `--verbose` only.
    pub(super) fn explain(&mut self, message: &str) {
        if self.settings.verbose {
            self.ui.say(message);
        }
    }

    /// Says under `--verbose` what of this process's memory others may get to see. Last, since all is read by then.
    pub(super) fn explain_memory(&mut self) {
        if let Some(shortcoming) = sys::shortcoming() {
            self.explain(&shortcoming);
        }
    }

    /// Asks a question that wants yes or no; anything but `y` or `yes` is no.
    pub(super) fn confirm(&mut self, question: &str) -> Result<bool, Failure> {
        if !self.settings.interactive {
            return Err(Failure::new("a person would have to confirm this, and nobody is there to ask")
                .hint("pass --yes to go ahead without asking"));
        }
        let answer = self.terminal.ask(&format!("{question} [y/N] ")).map_err(|_| nobody_answered())?;
        Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
    }

    /// In a GitHub Actions job, tells the runner to hide the values in its log: line by line, as it matches lines.
    pub(super) fn hide_in_runner_log<'v>(&mut self, values: impl IntoIterator<Item = &'v SecretValue>) {
        if !self.env.is_github_actions() {
            return;
        }
        for value in values {
            for line in value.expose().lines().filter(|line| is_worth_hiding(line)) {
                let mut command = SecretText::with_capacity(line.len() * 3 + 16);
                command.push_str("::add-mask::");
                // The escapes of the runner's command syntax.
                for character in line.chars() {
                    match character {
                        '%' => command.push_str("%25"),
                        '\r' => command.push_str("%0D"),
                        other => command.push(other),
                    }
                }
                self.ui.runner_command(&command);
            }
        }
    }
}

/// The terminal went away while a question stood on it.
pub(super) fn nobody_answered() -> Failure {
    Failure::new("the question was not answered")
}

/// A secret's name as typed.
pub(super) fn secret_name(text: &str) -> Result<SecretName, Failure> {
    Ok(SecretName::parse(text)?)
}
