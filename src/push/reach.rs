//! From what schema and store say of a server to a place to connect to: its keys, ours, and the servers before it.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::bundle::{LoadedKey, Login, PinnedKeys, ServerError};
use crate::name::TargetName;
use crate::schema::Schema;
use crate::secret::{SecretText, SecretValue};
use crate::ssh::{Destination, HostKeys, Key, KeyError, Timeouts};
use crate::store::Document;
use crate::sys::{Disk, Environment, Variable};

/// Largest file of keys that is read, in bytes.
const LARGEST_FILE: u64 = 1024 * 1024;

/// Where files and answers come from.
pub struct Surroundings<'a> {
    /// The disk.
    pub disk: &'a Disk,
    /// The environment: the home folder and the agent's socket.
    pub env: &'a Environment,
    /// The project's folder, from which relative paths start.
    pub root: &'a Path,
    /// Asks for the passphrase of a key, which it is given the name of; nobody may be there.
    pub ask: &'a dyn Fn(&str) -> Option<SecretValue>,
}

/// Why a server has no destination. Each message names the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreachable {
    /// What is wrong, one or more.
    pub messages: Vec<String>,
    /// What to do.
    pub hint: Option<String>,
}

impl Unreachable {
    fn new(message: String) -> Self {
        Self { messages: vec![message], hint: None }
    }

    fn hint(mut self, hint: &str) -> Self {
        self.hint = Some(hint.to_owned());
        self
    }
}

impl fmt::Display for Unreachable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.messages.join("; "))
    }
}

impl std::error::Error for Unreachable {}

impl From<Vec<ServerError>> for Unreachable {
    fn from(errors: Vec<ServerError>) -> Self {
        let messages = errors.iter().map(ToString::to_string).collect();
        let hint = "`luca-secrets check` shows everything that is missing or wrong".to_owned();
        Self { messages, hint: Some(hint) }
    }
}

/// Where a server is and how to log in there, through the servers before it if the schema says so.
pub fn destination(
    schema: &Schema,
    document: &Document,
    server: &TargetName,
    around: &Surroundings<'_>,
) -> Result<Destination, Unreachable> {
    let login = Login::build(schema, document, server)?;
    let jump = match &login.jump {
        // The schema has made sure that no chain comes back to its start.
        Some(jump) => Some(Box::new(destination(schema, document, jump, around)?)),
        None => None,
    };
    let time = login.connect_timeout;
    Ok(Destination {
        host_keys: host_keys(&login, around)?,
        keys: vec![key(&login, around)?],
        host: login.address,
        port: login.port,
        user: login.user,
        jump,
        timeouts: Timeouts { connect: time, handshake: time, authenticate: time, ..Timeouts::default() },
    })
}

/// The host keys that are pinned for a server.
pub fn host_keys(login: &Login, around: &Surroundings<'_>) -> Result<HostKeys, Unreachable> {
    let server = &login.server;
    match &login.host_keys {
        PinnedKeys::Lines(lines) => HostKeys::parse(lines)
            .map_err(|error| Unreachable::new(format!("`host-keys` of server {server}: {error}"))),
        PinnedKeys::File(path) => {
            let path = around.path(path);
            let place = path.display();
            let text = around.read(&path, server).map_err(|error| {
                error.hint(&format!("`luca-secrets server pin {server}` records the keys that it shows"))
            })?;
            HostKeys::parse(text.expose())
                .map_err(|error| Unreachable::new(format!("server {server}: {place}: {error}")))
        }
    }
}

fn key(login: &Login, around: &Surroundings<'_>) -> Result<Key, Unreachable> {
    let server = &login.server;
    let (text, passphrase, name) = match &login.key {
        LoadedKey::Agent => return agent(server, around),
        LoadedKey::Value { key, passphrase } => {
            (key.clone(), passphrase.as_ref(), format!("the key of server {server}"))
        }
        LoadedKey::File { path, passphrase } => {
            let path = around.path(path);
            let text = around.read(&path, server)?;
            (text.into_value(), passphrase.as_ref(), path.display().to_string())
        }
    };
    let mut ask = || passphrase.cloned().or_else(|| (around.ask)(&name));
    Key::parse(&text, &mut ask).map_err(|error| unusable(&name, &error))
}

fn agent(server: &TargetName, around: &Surroundings<'_>) -> Result<Key, Unreachable> {
    let Some(socket) = around.env.get(Variable::SshAuthSock) else {
        return Err(Unreachable::new(format!("server {server}: no ssh-agent: SSH_AUTH_SOCK is not set"))
            .hint("start one with `eval $(ssh-agent)` and add the key with `ssh-add FILE`"));
    };
    Key::agent(PathBuf::from(socket), None).map_err(|error| unusable("the ssh-agent", &error))
}

fn unusable(name: &str, error: &KeyError) -> Unreachable {
    let failure = Unreachable::new(format!("{name}: {error}"));
    match error {
        KeyError::Encrypted => failure.hint(
            "run this where somebody can be asked, or name the secret with it in the schema: \
             key = { secret = \"…\", passphrase = \"…\" }",
        ),
        _ => failure,
    }
}

impl Surroundings<'_> {
    /// A path as the schema gives it: `~/` is the home folder, and a relative one starts at the project's folder.
    pub fn path(&self, path: &Path) -> PathBuf {
        let home = self.env.get(Variable::Home).map(PathBuf::from);
        match (path.strip_prefix("~"), home) {
            (Ok(rest), Some(home)) => home.join(rest),
            _ => self.root.join(path),
        }
    }

    fn read(&self, path: &Path, server: &TargetName) -> Result<SecretText, Unreachable> {
        let fail = |problem: String| Unreachable::new(format!("server {server}: {problem}"));
        let mut bytes = self.disk.read(path, LARGEST_FILE).map_err(|error| fail(error.to_string()))?;
        SecretText::from_utf8(std::mem::take(&mut *bytes))
            .map_err(|_| fail(format!("{}: not UTF-8 text", path.display())))
    }
}
