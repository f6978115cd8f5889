//! Schema and store brought together for one server: how it is reached, and what must hold there after an install.

use std::cell::RefCell;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use crate::name::{SecretName, TargetName};
use crate::schema::{
    Fit, Health, HostKeys, Install, Probe, RenderProblem, Schema, ServerKey, Template, Type, Unfit, Vantage,
    ViolationKind, host_and_port,
};
use crate::secret::SecretValue;
use crate::store::Document;

use super::Gatherer;

/// Why a server cannot be reached or served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServerError {
    /// The schema has no such server.
    Unknown(TargetName),
    /// A secret is not in the store; the server and its key that needs it.
    Missing(TargetName, &'static str, SecretName),
    /// A secret is in the store, but not as the schema wants it.
    Violation(SecretName, ViolationKind),
    /// The template of a key failed, for the reason given.
    Template(TargetName, &'static str, String),
    /// The template of a key gave something else than what is wanted there.
    Unfit(TargetName, &'static str, Unfit),
}

impl fmt::Display for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(name) => write!(f, "the schema has no server {name}"),
            Self::Missing(server, key, secret) => {
                write!(f, "{secret} is not set, and `{key}` of server {server} needs it")
            }
            Self::Violation(secret, kind) => write!(f, "{secret}: {kind}"),
            Self::Template(server, key, reason) => {
                write!(f, "`{key}` of server {server}: its template fails: {reason}")
            }
            Self::Unfit(server, key, unfit) => write!(f, "`{key}` of server {server} is {unfit}"),
        }
    }
}

impl std::error::Error for ServerError {}

/// All that it takes to log into a server. Only its key is secret; the rest may stand in messages.
pub struct Login {
    /// The server's name in the schema.
    pub server: TargetName,
    /// Its host name or IP address.
    pub address: String,
    /// The port of its SSH daemon.
    pub port: u16,
    /// The account.
    pub user: String,
    /// The keys it may show.
    pub host_keys: PinnedKeys,
    /// The key that opens it.
    pub key: LoadedKey,
    /// The server through which it is reached.
    pub jump: Option<TargetName>,
    /// Whether commands run under `sudo -n`.
    pub sudo: bool,
    /// The longest time until it is connected and logged in.
    pub connect_timeout: Duration,
    /// The longest time for one step over there that has no time of its own.
    pub timeout: Duration,
}

/// The keys that a server may show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PinnedKeys {
    /// Lines that [`HostKey::read_all`](crate::schema::HostKey::read_all) takes.
    Lines(String),
    /// A file of such lines: from the root, from home with `~/`, or relative to the project's folder.
    File(PathBuf),
}

/// The private key that opens a server.
pub enum LoadedKey {
    /// One that the user's SSH agent holds.
    Agent,
    /// This one.
    Value {
        /// The key in OpenSSH or PEM form.
        key: SecretValue,
        /// Its passphrase.
        passphrase: Option<SecretValue>,
    },
    /// The one in a file: from the root, from home with `~/`, or relative to the project's folder.
    File {
        /// The file.
        path: PathBuf,
        /// Its passphrase.
        passphrase: Option<SecretValue>,
    },
}

impl Login {
    /// Gathers what is needed to log into a server; every reason against it at once.
    pub fn build(
        schema: &Schema,
        document: &Document,
        server: &TargetName,
    ) -> Result<Self, Vec<ServerError>> {
        let declared =
            schema.servers.get(server).ok_or_else(|| vec![ServerError::Unknown(server.clone())])?;
        let filler = Filler::new(schema, document, server);
        let address = filler.text("address", &declared.address, &Fit::Type(Type::Host));
        let port = filler.text("port", &declared.port, &Fit::Type(Type::Port));
        let user = filler.text("user", &declared.user, &Fit::Account);
        let host_keys = match &declared.host_keys {
            HostKeys::File(path) => Some(PinnedKeys::File(path.clone())),
            HostKeys::Lines(lines) => {
                filler.text("host-keys", lines, &Fit::Type(Type::KnownHosts)).map(PinnedKeys::Lines)
            }
        };
        let key = filler.key(&declared.key);
        let login = || {
            Some(Self {
                server: server.clone(),
                address: address?,
                port: port?.parse().ok()?,
                user: user?,
                host_keys: host_keys?,
                key: key?,
                jump: declared.jump.clone(),
                sudo: declared.sudo,
                connect_timeout: declared.connect_timeout,
                timeout: declared.timeout,
            })
        };
        filler.finish(login())
    }
}

/// Where a server listens: its host name or IP address, and the port of its SSH daemon.
pub fn endpoint(
    schema: &Schema,
    document: &Document,
    server: &TargetName,
) -> Result<(String, u16), Vec<ServerError>> {
    let declared = schema.servers.get(server).ok_or_else(|| vec![ServerError::Unknown(server.clone())])?;
    let filler = Filler::new(schema, document, server);
    let address = filler.text("address", &declared.address, &Fit::Type(Type::Host));
    let port = filler.text("port", &declared.port, &Fit::Type(Type::Port)).and_then(|port| port.parse().ok());
    filler.finish(address.zip(port))
}

/// Something that must hold after an install, with its values filled in.
pub struct HealthCheck {
    /// What is tried, as the schema writes it: for messages.
    pub shown: String,
    /// What is tried.
    pub probe: ReadyProbe,
    /// From where.
    pub from: Vantage,
    /// The longest time until it has held often enough.
    pub within: Duration,
    /// The time between two tries.
    pub every: Duration,
    /// How many tries in a row must hold, at least 1.
    pub in_a_row: usize,
}

impl HealthCheck {
    /// Whether it asks for a URL.
    pub const fn is_by_url(&self) -> bool {
        matches!(self.probe, ReadyProbe::Url { .. })
    }
}

/// One try. The URL and the header may hold a secret.
pub enum ReadyProbe {
    /// A request with GET, over http or https.
    Url {
        /// The URL.
        url: SecretValue,
        /// The status that the reply has.
        status: u16,
        /// A text in the reply's body.
        contains: Option<String>,
        /// A header of the request: its name and its value.
        header: Option<(String, SecretValue)>,
    },
    /// A program and its arguments, for no shell, that ends with 0 on the server.
    Command(Vec<String>),
    /// A place where a connection is taken.
    Tcp {
        /// A host name or an IP address, without brackets.
        host: String,
        /// The port.
        port: u16,
    },
}

/// What must hold after an install, in the order of the schema; every reason against it at once.
pub fn health_checks(
    schema: &Schema,
    document: &Document,
    server: &TargetName,
    install: &Install,
) -> Result<Vec<HealthCheck>, Vec<ServerError>> {
    let filler = Filler::new(schema, document, server);
    let checks: Vec<_> = install.health.iter().map(|health| filler.health(health)).collect();
    filler.finish(checks.into_iter().collect())
}

/// Fills in a server's values and gathers what is wrong with them.
struct Filler<'a> {
    gatherer: Gatherer<'a>,
    server: &'a TargetName,
    errors: RefCell<Vec<ServerError>>,
}

impl<'a> Filler<'a> {
    fn new(schema: &'a Schema, document: &'a Document, server: &'a TargetName) -> Self {
        let gatherer = Gatherer { schema, document, seen: RefCell::default() };
        Self { gatherer, server, errors: RefCell::default() }
    }

    fn value(&self, key: &'static str, template: &Template, fit: &Fit) -> Option<SecretValue> {
        let server = self.server.clone();
        let error = match self.gatherer.fill(template) {
            Ok(value) => match fit.check(&value) {
                Ok(()) => return Some(value),
                Err(unfit) => ServerError::Unfit(server, key, unfit),
            },
            Err(RenderProblem::Missing(secret)) => ServerError::Missing(server, key, secret),
            Err(RenderProblem::Failed(reason)) => ServerError::Template(server, key, reason),
        };
        self.errors.borrow_mut().push(error);
        None
    }

    /// A value that may stand in messages.
    fn text(&self, key: &'static str, template: &Template, fit: &Fit) -> Option<String> {
        self.value(key, template, fit).map(|value| value.expose().to_owned())
    }

    fn secret(&self, key: &'static str, name: &SecretName) -> Option<SecretValue> {
        let value = self.gatherer.look_up(name);
        if value.is_none() {
            let error = ServerError::Missing(self.server.clone(), key, name.clone());
            self.errors.borrow_mut().push(error);
        }
        value
    }

    fn key(&self, key: &ServerKey) -> Option<LoadedKey> {
        let passphrase = |name: &Option<SecretName>| match name {
            Some(name) => self.secret("key-passphrase", name).map(Some),
            None => Some(None),
        };
        match key {
            ServerKey::Agent => Some(LoadedKey::Agent),
            ServerKey::Secret { secret, passphrase: locked } => {
                let (key, passphrase) = (self.secret("key", secret), passphrase(locked));
                Some(LoadedKey::Value { key: key?, passphrase: passphrase? })
            }
            ServerKey::File { path, passphrase: locked } => {
                Some(LoadedKey::File { path: path.clone(), passphrase: passphrase(locked)? })
            }
        }
    }

    fn health(&self, health: &Health) -> Option<HealthCheck> {
        let (shown, probe) = match &health.probe {
            Probe::Command(run) => (run.join(" "), Some(ReadyProbe::Command(run.clone()))),
            Probe::Tcp(address) => (address.source().to_owned(), self.tcp(address)),
            Probe::Url { url, status, contains, header } => {
                let ready = self.value("url", url, &Fit::HttpUrl);
                let header = match header {
                    Some((name, value)) => {
                        self.value("header", value, &Fit::Header).map(|value| Some((name.clone(), value)))
                    }
                    None => Some(None),
                };
                let (status, contains) = (*status, contains.clone());
                let probe =
                    ready.zip(header).map(|(url, header)| ReadyProbe::Url { url, status, contains, header });
                (url.source().to_owned(), probe)
            }
        };
        let Health { from, within, every, in_a_row, .. } = *health;
        Some(HealthCheck { shown, probe: probe?, from, within, every, in_a_row })
    }

    fn tcp(&self, address: &Template) -> Option<ReadyProbe> {
        let text = self.text("tcp", address, &Fit::HostAndPort)?;
        host_and_port(&text).map(|(host, port)| ReadyProbe::Tcp { host: host.to_owned(), port })
    }

    /// The outcome, or what is wrong: with the server's own keys first, then with the secrets in them.
    fn finish<T>(self, outcome: Option<T>) -> Result<T, Vec<ServerError>> {
        let mut errors = self.errors.into_inner();
        for (name, kinds) in self.gatherer.seen.into_inner() {
            errors.extend(kinds.into_iter().map(|kind| ServerError::Violation(name.clone(), kind)));
        }
        match outcome {
            Some(outcome) if errors.is_empty() => Ok(outcome),
            _ => Err(errors),
        }
    }
}
