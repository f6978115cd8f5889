//! What a command is handed: the world, the settings, and the steps that most commands share.

use std::io::Read;
use std::path::Path;

use crate::name::SecretName;
use crate::schema::{self, LoadError, Schema};
use crate::secret::{SecretText, SecretValue, is_worth_hiding};
use crate::store::{Author, Identity, Store, Unlocked};
use crate::sys::{Clock, Disk, Environment, Random, Terminal, Variable, describe, host_name};

use super::failure::{Failure, bad_identity};
use super::pins::Carried;
use super::settings::{IdentitySource, Settings};
use super::ui::Ui;

/// Largest identity file that is read, in bytes.
const IDENTITY_LIMIT: u64 = 1024 * 1024;

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
    /// The stores that the identity read last is for.
    pub(super) carried: Carried,
    pub(super) stdin: Box<dyn Read>,
    pub(super) stdin_is_terminal: bool,
    pub(super) stdout_is_terminal: bool,
}

impl Context {
    /// Reads the schema.
    pub(super) fn schema(&self) -> Result<Schema, Failure> {
        Ok(schema::load(&self.disk, &self.settings.schemas)?)
    }

    /// Reads the schema and opens the store, both at once where the schema is large enough to be worth a thread.
    pub(super) fn schema_and_store(&mut self) -> Result<(Schema, Result<Unlocked, Failure>), Failure> {
        let files = schema::read_files(&self.disk, &self.settings.schemas)?;
        if files.iter().map(|(_, text)| text.len()).sum::<usize>() < WORTH_A_THREAD {
            let schema = schema::parse(&files).map_err(LoadError::Invalid)?;
            return Ok((schema, self.unlock()));
        }
        let memory = self.memory();
        let identities = self.identities();
        let sealed = Store::at(self.settings.store.clone()).read(&self.disk);
        let (schema, store) = std::thread::scope(|scope| {
            // The store goes to the thread and not the schema: the C library makes many small allocations, of which a
            // schema is made, cheap on the first thread only.
            let opening = scope.spawn(|| Ok(sealed?.open(identities?)?));
            let schema = schema::parse(&files);
            let store = opening.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            (schema, store)
        });
        let schema = schema.map_err(LoadError::Invalid)?;
        Ok((schema, store.and_then(|store| self.recognized(&memory, store))))
    }

    /// Opens the store.
    pub(super) fn unlock(&mut self) -> Result<Unlocked, Failure> {
        // Before the store: what is remembered is never newer than what is read after it.
        let memory = self.memory();
        let identities = self.identities()?;
        let store = Store::at(self.settings.store.clone()).unlock(&self.disk, identities)?;
        self.recognized(&memory, store)
    }

    /// Who writes, and when.
    pub(super) fn author(&self) -> Author {
        let user = self.env.text(Variable::User).unwrap_or("unknown");
        Author { now: self.clock.now(), name: format!("{user}@{}", host_name()) }
    }

    /// The identities at hand, from the first place that has any: `--identity`, `LUCA_SECRETS_IDENTITY`,
    /// `LUCA_SECRETS_IDENTITY_FILE`, the user's configuration folder.
    pub(super) fn identities(&mut self) -> Result<Vec<Identity>, Failure> {
        match self.settings.identity.clone() {
            Some(IdentitySource::Stdin) => {
                let text = self.read_stdin()?;
                self.parse_identities("standard input", &text)
            }
            Some(IdentitySource::File(path)) => self.identity_file(&path, "--identity"),
            None => self.usual_identities(),
        }
    }

    fn usual_identities(&mut self) -> Result<Vec<Identity>, Failure> {
        if let Some(value) = self.env.get(Variable::Identity) {
            let name = Variable::Identity.name();
            let text = value.to_str().ok_or_else(|| Failure::new(format_args!("{name}: not UTF-8 text")))?;
            return self.parse_identities(name, &SecretText::new(text.to_owned()));
        }
        if let Some(path) = self.env.get(Variable::IdentityFile) {
            let path = self.settings.folder.join(path);
            return self.identity_file(&path, Variable::IdentityFile.name());
        }
        let Some(path) = self.usual_identity_path() else {
            return Err(no_identity("there is no home folder to look for an identity in"));
        };
        if self.disk.kind(&path)?.is_none() {
            return Err(no_identity(&format!("{}: no identity here", path.display())));
        }
        self.identity_file(&path, "the configuration folder")
    }

    /// Where `init` puts an identity: `~/.config/luca-secrets/identity.txt`.
    pub(super) fn usual_identity_path(&self) -> Option<std::path::PathBuf> {
        self.env.config_folder().map(|folder| folder.join("identity.txt"))
    }

    fn identity_file(&mut self, path: &Path, source: &str) -> Result<Vec<Identity>, Failure> {
        let bytes = self.disk.read(path, IDENTITY_LIMIT)?;
        if self.disk.permissions(path)?.mode & 0o077 != 0 {
            let message = format!("{}: an identity that other users can read", path.display());
            return Err(
                Failure::new(message).hint(format_args!("keep it to yourself: chmod 600 {}", path.display()))
            );
        }
        let text = SecretText::from_utf8(bytes.to_vec())
            .map_err(|_| Failure::new(format_args!("{}: not UTF-8 text", path.display())))?;
        self.explain(&format!("identity from {source}: {}", path.display()));
        self.parse_identities(&path.display().to_string(), &text)
    }

    fn parse_identities(&mut self, source: &str, text: &SecretText) -> Result<Vec<Identity>, Failure> {
        self.carried = Carried::read(source, text.expose())?;
        Identity::parse_all(text).map_err(|error| bad_identity(source, error))
    }

    /// All of standard input, wiped when dropped.
    pub(super) fn read_stdin(&mut self) -> Result<SecretText, Failure> {
        let mut text = SecretText::default();
        let mut bytes = zeroize::Zeroizing::new(Vec::with_capacity(64 * 1024));
        let fail = |error| Failure::new(format_args!("standard input: {}", describe(&error)));
        (&mut self.stdin).take(INPUT_LIMIT + 1).read_to_end(&mut bytes).map_err(fail)?;
        if bytes.len() as u64 > INPUT_LIMIT {
            return Err(Failure::new("standard input: larger than the limit of 16 MiB"));
        }
        let plain =
            std::str::from_utf8(&bytes).map_err(|_| Failure::new("standard input: not UTF-8 text"))?;
        text.push_str(plain);
        Ok(text)
    }

    /// A file with values in it.
    pub(super) fn read_file(&self, path: &Path) -> Result<SecretText, Failure> {
        let path = self.settings.folder.join(path);
        let bytes = self.disk.read(&path, INPUT_LIMIT)?;
        SecretText::from_utf8(bytes.to_vec()).map_err(|_| {
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

fn no_identity(message: &str) -> Failure {
    Failure::new(message).hint(
        "name one with --identity FILE, set LUCA_SECRETS_IDENTITY or LUCA_SECRETS_IDENTITY_FILE, or make one with `luca-secrets init`",
    )
}

/// The terminal went away while a question stood on it.
pub(super) fn nobody_answered() -> Failure {
    Failure::new("the question was not answered")
}

/// A secret's name as typed.
pub(super) fn secret_name(text: &str) -> Result<SecretName, Failure> {
    Ok(SecretName::parse(text)?)
}
