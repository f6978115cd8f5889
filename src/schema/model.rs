//! The schema as data: what `schemas/*.toml` say, checked for shape but not yet held against a store.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::name::{SecretName, TargetName, VariableName};

use super::dialect::{Dialect, Reader};
use super::github::GithubTarget;
use super::notify::Notify;
use super::remote::{BackupTarget, Remote};
use super::rotation::Rotation;
use super::server::Server;
use super::template::Template;

/// All files of the schema folder as one.
#[derive(Debug, Clone, Default)]
pub struct Schema {
    /// What is known of groups: `[secrets.database]`.
    pub groups: BTreeMap<String, Group>,
    /// The declared secrets: `[secrets.database.password]`.
    pub secrets: BTreeMap<SecretName, Entry>,
    /// The env files: `[env-file.django]`.
    pub env_files: BTreeMap<TargetName, EnvFile>,
    /// The GitHub targets: `[github.deploy]`.
    pub github: BTreeMap<TargetName, GithubTarget>,
    /// The servers: `[server.luca-backend]`.
    pub servers: BTreeMap<TargetName, Server>,
    /// What becomes of values that are replaced: `[history]`.
    pub history: History,
    /// The store's home away from this machine: `[remote]`.
    pub remote: Option<Remote>,
    /// The places for backups: `[backup.NAME]`.
    pub backups: BTreeMap<TargetName, BackupTarget>,
    /// Who is told when a rotation needs somebody: `[notify]`.
    pub notify: Option<Notify>,
}

/// What becomes of values that are replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct History {
    /// How many earlier values of each secret the store keeps, at most [`MOST`](Self::MOST); 0 keeps none.
    pub keep: usize,
}

impl History {
    /// The most earlier values of a secret that a schema can ask for.
    pub const MOST: usize = 1000;
}

impl Default for History {
    fn default() -> Self {
        Self { keep: 10 }
    }
}

/// A group of secrets.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Group {
    /// How a person calls it: `import` looks for it among headings.
    pub title: Option<String>,
    /// What it is for.
    pub description: Option<String>,
    /// Where to read more.
    pub docs: Option<String>,
}

/// Where in the schema something stands. Lines and columns count from 1, columns in characters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The schema file, as it was found; shared, since a schema has thousands of places.
    pub file: Arc<Path>,
    /// The line.
    pub line: usize,
    /// The column.
    pub column: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file.display(), self.line, self.column)
    }
}

/// How many days before its end a credential is warned about, where the schema does not say.
pub const EXPIRY_NOTICE_DAYS: i32 = 30;

/// The declaration of one secret.
#[derive(Debug, Clone)]
pub struct Entry {
    /// What its value must be.
    pub kind: Type,
    /// How a person calls it: `import` looks for it among labels below the group's title.
    pub title: Option<String>,
    /// What it is for.
    pub description: Option<String>,
    /// Where to read more.
    pub docs: Option<String>,
    /// A made-up value that shows the form.
    pub example: Option<String>,
    /// Whether a store without it is in violation. Default: yes.
    pub required: bool,
    /// Whether its value must stay hidden. Default: [`Type::is_secret`].
    pub secret: bool,
    /// Further rules for the value.
    pub rules: Rules,
    /// How `generate` makes one.
    pub generate: Option<Policy>,
    /// How it is rotated.
    pub rotate: Option<Rotation>,
    /// Why it should no longer be used, and what instead.
    pub deprecated: Option<String>,
    /// The day on which the credential stops working, at its start in UTC.
    pub expires: Option<jiff::civil::Date>,
    /// How many days before that it is warned about, and due for a new one.
    pub expiry_notice: i32,
    /// Where it is declared.
    pub place: Place,
}

impl Entry {
    /// A declaration that says no more than the type.
    pub fn new(kind: Type, place: Place) -> Self {
        Self {
            secret: kind.is_secret(),
            kind,
            title: None,
            description: None,
            docs: None,
            example: None,
            required: true,
            rules: Rules::default(),
            generate: None,
            rotate: None,
            deprecated: None,
            expires: None,
            expiry_notice: EXPIRY_NOTICE_DAYS,
            place,
        }
    }
}

/// The type of a secret's value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Type {
    /// Any text of one line.
    String,
    /// Chosen or generated for a login; any text of one line without outer spaces.
    Password,
    /// Issued by a service; printable ASCII without spaces.
    Token,
    /// An absolute URL (RFC 3986).
    Url,
    /// An e-mail address.
    Email,
    /// A host name or an IP address.
    Host,
    /// An IPv4 or IPv6 address.
    Ip,
    /// A port, 1 to 65535.
    Port,
    /// A whole number.
    Integer,
    /// `true` or `false`.
    Boolean,
    /// One of the words in [`Rules::one_of`].
    Enum,
    /// A length of time, such as `90s`, `15m`, `24h` or `90d`.
    Duration,
    /// A DNS name of at least two labels.
    Domain,
    /// One or more PEM blocks (RFC 7468).
    Pem,
    /// A private key that SSH reads: OpenSSH or PEM.
    SshPrivateKey,
    /// One line of a public SSH key.
    SshPublicKey,
    /// Host keys: lines as in `known_hosts`, or public keys alone.
    KnownHosts,
    /// A JSON document (RFC 8259).
    Json,
    /// Base64 with the standard or the URL alphabet, padded or not (RFC 4648).
    Base64,
    /// An even number of hexadecimal digits.
    Hex,
    /// A UUID in its 8-4-4-4-12 form (RFC 9562).
    Uuid,
}

impl Type {
    /// Every type and its name in schemas, sorted by name.
    pub const NAMES: [(&'static str, Self); 21] = [
        ("base64", Self::Base64),
        ("boolean", Self::Boolean),
        ("domain", Self::Domain),
        ("duration", Self::Duration),
        ("email", Self::Email),
        ("enum", Self::Enum),
        ("hex", Self::Hex),
        ("host", Self::Host),
        ("integer", Self::Integer),
        ("ip", Self::Ip),
        ("json", Self::Json),
        ("known-hosts", Self::KnownHosts),
        ("password", Self::Password),
        ("pem", Self::Pem),
        ("port", Self::Port),
        ("ssh-private-key", Self::SshPrivateKey),
        ("ssh-public-key", Self::SshPublicKey),
        ("string", Self::String),
        ("token", Self::Token),
        ("url", Self::Url),
        ("uuid", Self::Uuid),
    ];

    /// The name in schemas.
    pub fn name(&self) -> &'static str {
        Self::NAMES.iter().find(|(_, kind)| kind == self).map_or("string", |(name, _)| name)
    }

    /// Whether values of this type are hidden unless the schema says otherwise: addresses, numbers and public keys
    /// are not.
    pub fn is_secret(&self) -> bool {
        matches!(
            self,
            Self::String
                | Self::Password
                | Self::Token
                | Self::Pem
                | Self::SshPrivateKey
                | Self::Json
                | Self::Base64
                | Self::Hex
        )
    }
}

/// Rules for a value beside its type. Lengths count characters.
#[derive(Debug, Clone, Default)]
pub struct Rules {
    /// Fewest characters.
    pub min_length: Option<usize>,
    /// Most characters.
    pub max_length: Option<usize>,
    /// A regular expression that the whole value matches.
    pub pattern: Option<String>,
    /// The text it starts with.
    pub starts_with: Option<String>,
    /// The values it may have; for [`Type::Enum`] required.
    pub one_of: Vec<String>,
}

/// How a new value is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Its length in characters; for bytes as hex or base64, in bytes.
    pub length: usize,
    /// What it is made of.
    pub alphabet: Alphabet,
    /// What stands before the random part.
    pub prefix: String,
    /// What stands behind the random part.
    pub suffix: String,
}

/// The characters of a generated value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Alphabet {
    /// Letters and digits: safe in URLs, env files and shells. The default.
    Alphanumeric,
    /// Lower-case letters.
    Lower,
    /// Digits.
    Digits,
    /// Letters, digits and punctuation that no env-file dialect in this program takes for its own.
    Symbols,
    /// Random bytes in lower-case hex.
    Hex,
    /// Random bytes in base64 with the URL alphabet, unpadded.
    Base64Url,
    /// A random UUID, version 4.
    Uuid,
    /// Exactly these characters, each once.
    Custom(String),
}

/// An env file and who reads it.
#[derive(Debug, Clone)]
pub struct EnvFile {
    /// Where `render` writes it, relative to the project's folder.
    pub path: PathBuf,
    /// The spelling of its values. Default: `cookiecutter`.
    pub dialect: Dialect,
    /// The file's mode. Default: 0600.
    pub mode: u32,
    /// Its variables in the order of the schema.
    pub variables: Vec<Variable>,
    /// The variable that is added behind them and tells one content from another, by a keyed digest of all others.
    pub marker: Option<VariableName>,
    /// Where it is declared.
    pub place: Place,
}

/// One variable of a target.
#[derive(Debug, Clone)]
pub struct Variable {
    /// Its name.
    pub name: VariableName,
    /// How its value is made from secrets.
    pub template: Template,
    /// The programs that read it, where they cannot take every value.
    pub read_by: Vec<Reader>,
    /// Where it is declared.
    pub place: Place,
}
