//! Servers as data: how each is reached, which files it gets, and what shows that they work there.

use std::path::PathBuf;
use std::time::Duration;

use crate::name::{SecretName, TargetName};

use super::model::Place;
use super::template::Template;

/// A server that gets files: `[server.NAME]`.
#[derive(Debug, Clone)]
pub struct Server {
    /// Its host name or IP address.
    pub address: Template,
    /// The port of its SSH daemon. Default: 22.
    pub port: Template,
    /// The account that is logged into.
    pub user: Template,
    /// The keys it may show.
    pub host_keys: HostKeys,
    /// The key that opens it.
    pub key: ServerKey,
    /// The server through which it is reached; no chain of them comes back to its start.
    pub jump: Option<TargetName>,
    /// Whether commands run under `sudo -n`. Default: no.
    pub sudo: bool,
    /// The longest time until it is connected and logged in. Default: 10 seconds.
    pub connect_timeout: Duration,
    /// The longest time for one step over there that has no time of its own. Default: 60 seconds.
    pub timeout: Duration,
    /// The files it gets, in the order of the schema, each path once.
    pub installs: Vec<Install>,
    /// Where it is declared.
    pub place: Place,
}

impl Server {
    /// Whether the server cannot be reached or served without the secret.
    pub fn uses(&self, secret: &SecretName) -> bool {
        let HostKeys::Lines(lines) = &self.host_keys else { return self.uses_apart_from_host_keys(secret) };
        lines.references().contains(secret) || self.uses_apart_from_host_keys(secret)
    }

    fn uses_apart_from_host_keys(&self, secret: &SecretName) -> bool {
        let probes = self.installs.iter().flat_map(|install| &install.health).map(|health| &health.probe);
        let in_templates = [&self.address, &self.port, &self.user]
            .into_iter()
            .chain(probes.flat_map(Probe::templates))
            .any(|template| template.references().contains(secret));
        in_templates || self.key.secrets().contains(&secret)
    }
}

/// Where the keys stand that a server may show.
#[derive(Debug, Clone)]
pub enum HostKeys {
    /// In the schema or the store: lines that [`HostKey`](super::HostKey) reads.
    Lines(Template),
    /// In a file of the same form: from the root, from home with `~/`, or relative to the project's folder.
    File(PathBuf),
}

/// Where the private key stands that opens a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServerKey {
    /// In the user's SSH agent.
    Agent,
    /// In a secret of type `ssh-private-key`.
    Secret {
        /// The secret.
        secret: SecretName,
        /// The secret with its passphrase.
        passphrase: Option<SecretName>,
    },
    /// In a file: from the root, from home with `~/`, or relative to the project's folder.
    File {
        /// The file.
        path: PathBuf,
        /// The secret with its passphrase.
        passphrase: Option<SecretName>,
    },
}

impl ServerKey {
    fn secrets(&self) -> Vec<&SecretName> {
        match self {
            Self::Agent => Vec::new(),
            Self::Secret { secret, passphrase } => std::iter::once(secret).chain(passphrase).collect(),
            Self::File { passphrase, .. } => passphrase.iter().collect(),
        }
    }
}

/// An env file that a server gets: `[[server.NAME.install]]`.
#[derive(Debug, Clone)]
pub struct Install {
    /// Which one.
    pub env_file: TargetName,
    /// Its path over there: absolute, without `.`, `..` or empty parts.
    pub to: String,
    /// Its mode; without one, that of the file there, or 0600 for a new one.
    pub mode: Option<u32>,
    /// Its owner; without one, that of the file there.
    pub owner: Option<String>,
    /// Its group; without one, that of the file there.
    pub group: Option<String>,
    /// What makes programs read it, in this order, run where its bytes have changed.
    pub apply: Vec<Apply>,
    /// What must hold afterwards, all of it.
    pub health: Vec<Health>,
    /// How the programs show that they run on the new content. Not empty only if the env file has a marker.
    pub proofs: Vec<GenerationProof>,
    /// Where it is declared: the place of `to`.
    pub place: Place,
}

/// A command that makes programs read a new file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Apply {
    /// The folder it runs in, absolute; without one, the account's home.
    pub folder: Option<String>,
    /// The program and its arguments, for no shell. No values: other users can see them.
    pub run: Vec<String>,
    /// The longest time it may take. Default: 5 minutes.
    pub within: Duration,
}

impl Apply {
    /// Whether it is a command of docker's.
    pub fn uses_docker(&self) -> bool {
        self.run.iter().any(|word| word == "docker" || word.ends_with("/docker"))
    }
}

/// Something that must hold once the programs have read a new file.
#[derive(Debug, Clone)]
pub struct Health {
    /// What is tried.
    pub probe: Probe,
    /// From where.
    pub from: Vantage,
    /// The longest time until it has held often enough. Default: 60 seconds.
    pub within: Duration,
    /// The time between two tries. Default: 2 seconds.
    pub every: Duration,
    /// How many tries in a row must hold, at least 1. Default: 3.
    pub in_a_row: usize,
    /// Where it is declared: the place of the key that says what is tried.
    pub place: Place,
}

/// One try.
#[derive(Debug, Clone)]
pub enum Probe {
    /// A request with GET, over http or https.
    Url {
        /// The URL.
        url: Template,
        /// The status that the reply has. Default: 200.
        status: u16,
        /// A text in the reply's body.
        contains: Option<String>,
        /// A header of the request: its name and its value.
        header: Option<(String, Template)>,
    },
    /// A program and its arguments, for no shell, that ends with 0. Always run on the server.
    Command(Vec<String>),
    /// `host:port` where a connection is taken.
    Tcp(Template),
}

impl Probe {
    /// The templates in it.
    pub fn templates(&self) -> Vec<&Template> {
        match self {
            Self::Url { url, header, .. } => {
                std::iter::once(url).chain(header.as_ref().map(|(_, value)| value)).collect()
            }
            Self::Command(_) => Vec::new(),
            Self::Tcp(address) => vec![address],
        }
    }
}

/// From where something is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Vantage {
    /// From this machine.
    Here,
    /// From the server.
    Server,
}

/// How programs show which content of an env file they run on: they give its marker back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GenerationProof {
    /// Each container of these services of a compose project has the marker in its environment.
    Containers {
        /// The services.
        services: Vec<String>,
        /// The folder of the project, absolute.
        folder: String,
        /// The compose file, absolute or relative to the folder; without one, the one that compose looks for.
        compose_file: Option<String>,
    },
    /// The JSON reply of the install's first [`Probe::Url`] has the marker in this field, from the outside in.
    HealthField(Vec<String>),
}
