//! Identities: the private keys that open a store.

use std::cell::OnceCell;
use std::fmt;
use std::io::Read;
use std::str::FromStr;

use age::DecryptError;
use age::armor::ArmoredReader;
use age::secrecy::{ExposeSecret, SecretString};
use age_core::format::{FileKey, Stanza};
use zeroize::Zeroizing;

use crate::secret::SecretValue;
use crate::sys::keep_in_memory;

use super::prompt::{KeyProblem, Prompt, to_age};
use super::recipient::is_plugin_name;
use super::ssh_key::SshKey;

/// The highest scrypt work factor that is read, as a power of two: about 16 seconds on a machine of today. A file
/// could ask for hours otherwise.
pub(super) const MOST_WORK: u8 = 22;

/// The scrypt work factor that is written, as a power of two: about a second.
pub(super) const WORK: u8 = 18;

/// Why a text holds no usable identity. Points at a line, never quotes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdentityError {
    /// There is no identity in it, only comments or nothing.
    Empty,
    /// The line is neither an identity nor a comment.
    Line(usize),
    /// A public key stands where the private one belongs.
    Recipient(usize),
    /// An encrypted age file, but not one for a passphrase, or one inside another.
    Encrypted,
    /// A private SSH key that is damaged or in an unknown format.
    Ssh,
    /// A private SSH key of a kind that cannot be used, in words.
    SshKind(&'static str),
    /// The plugin's name on that line holds characters that no program's name should.
    PluginName(usize),
    /// Not text.
    NotText,
}

impl fmt::Display for IdentityError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("there is no identity in it"),
            Self::Line(line) => write!(f, "line {line} is neither an age identity nor a comment"),
            Self::Recipient(line) => {
                write!(
                    f,
                    "line {line} is a recipient, the public half; an identity starts with AGE-SECRET-KEY-1"
                )
            }
            Self::Encrypted => f.write_str("it is encrypted, and not with a passphrase alone"),
            Self::Ssh => f.write_str("it is an SSH key that is damaged or in an unknown format"),
            Self::SshKind(kind) => write!(f, "it is {kind}, where only ssh-ed25519 can be used"),
            Self::PluginName(line) => {
                write!(f, "line {line}: a plugin's name may hold only a-z, 0-9, dot, dash and underscore")
            }
            Self::NotText => f.write_str("not UTF-8 text"),
        }
    }
}

impl std::error::Error for IdentityError {}

/// A private key. Not printable; the key inside wipes itself.
pub struct Identity(Kind);

/// Both halves of a new key, as text.
pub struct NewKey {
    /// The public half, `age1…`.
    pub recipient: String,
    /// The private half, `AGE-SECRET-KEY-1…`.
    pub secret: SecretValue,
}

enum Kind {
    Native(age::x25519::Identity),
    Ssh(SshKey),
    Plugin(PluginKey),
    File(EncryptedFile),
    Passphrase(Passphrase),
}

impl Identity {
    /// A new X25519 key from the operating system's randomness.
    pub fn generate() -> NewKey {
        let key = age::x25519::Identity::generate();
        let secret = SecretValue::new(key.to_string().expose_secret().to_owned());
        NewKey { recipient: key.to_public().to_string(), secret }
    }

    /// The passphrase of a store that is sealed with one; asked for when it is needed.
    pub fn passphrase(store: &str, prompt: &Prompt) -> Self {
        let (name, prompt) = (store.to_owned(), Some(prompt.clone()));
        Self(Kind::Passphrase(Passphrase { name, prompt, known: OnceCell::new() }))
    }

    /// A passphrase that is known already.
    pub fn known_passphrase(passphrase: &SecretValue) -> Self {
        let known = OnceCell::from(to_age(passphrase));
        Self(Kind::Passphrase(Passphrase { name: String::new(), prompt: None, known }))
    }

    /// All identities in an identity file: native and plugins' ones, one a line, `#` starts a comment; or one SSH
    /// key; or such a file encrypted with a passphrase, which is asked for when it is needed. `name` is what to call
    /// the file in that question.
    pub fn parse_all(content: &[u8], name: &str, prompt: &Prompt) -> Result<Vec<Self>, IdentityError> {
        keep_in_memory(content);
        if is_age_file(content) {
            return EncryptedFile::new(content, name, prompt).map(|file| vec![Self(Kind::File(file))]);
        }
        let plain = std::str::from_utf8(content).map_err(|_| IdentityError::NotText)?;
        if plain.trim_start().starts_with("-----BEGIN") {
            return SshKey::parse(plain, name, prompt).map(|key| vec![Self(Kind::Ssh(key))]);
        }
        let mut found = Vec::new();
        let mut comment = None;
        for (index, line) in plain.lines().enumerate() {
            let line = line.trim();
            if let Some(text) = line.strip_prefix('#') {
                comment = recipient_in_comment(text).or(comment);
            } else if !line.is_empty() {
                found.push(Self(identity_on_line(line, index + 1, comment.take(), prompt)?));
            }
        }
        keep_in_memory(&found);
        if found.is_empty() { Err(IdentityError::Empty) } else { Ok(found) }
    }

    /// The public half, as a store lists it. A plugin's identity knows it only from the comment above it; an encrypted
    /// file must be opened for it.
    pub fn recipient(&self) -> Result<Option<String>, KeyProblem> {
        match &self.0 {
            Kind::Native(key) => Ok(Some(key.to_public().to_string())),
            Kind::Ssh(key) => Ok(Some(key.recipient())),
            Kind::Plugin(key) => Ok(key.recipient.clone()),
            Kind::File(file) => match file.opened()?.first() {
                Some(first) => first.recipient(),
                None => Ok(None),
            },
            Kind::Passphrase(_) => Ok(Some(super::recipient::PASSPHRASE.to_owned())),
        }
    }

    /// The public halves, as far as nobody must be asked for them.
    pub(super) fn known_recipients(&self) -> Vec<String> {
        match &self.0 {
            Kind::File(file) => match file.opened.get() {
                Some(Ok(identities)) => identities.iter().flat_map(Self::known_recipients).collect(),
                _ => Vec::new(),
            },
            _ => self.recipient().ok().flatten().into_iter().collect(),
        }
    }

    pub(super) fn as_age(&self) -> &dyn age::Identity {
        match &self.0 {
            Kind::Native(key) => key,
            Kind::Ssh(key) => key,
            Kind::Plugin(key) => key,
            Kind::File(file) => file,
            Kind::Passphrase(passphrase) => passphrase,
        }
    }

    /// What trying it costs a person: those that ask for nothing come first.
    pub(super) fn cost(&self) -> u8 {
        match &self.0 {
            Kind::Native(_) => 0,
            Kind::Ssh(key) => u8::from(key.is_encrypted()),
            Kind::Plugin(_) => 2,
            Kind::File(_) | Kind::Passphrase(_) => 3,
        }
    }

    /// The passphrase that opened the store, if that is what opened it.
    pub(super) fn used_passphrase(&self) -> Option<&SecretString> {
        match &self.0 {
            Kind::Passphrase(passphrase) => passphrase.known.get(),
            _ => None,
        }
    }
}

fn is_age_file(content: &[u8]) -> bool {
    content.starts_with(b"age-encryption.org/")
        || content.trim_ascii_start().starts_with(b"-----BEGIN AGE ENCRYPTED FILE")
}

/// A recipient in a comment, as `age-keygen`, plugins and `init` write it.
fn recipient_in_comment(comment: &str) -> Option<String> {
    let (label, key) = comment.split_once(':')?;
    let known = ["recipient", "public key"].contains(&label.trim().to_lowercase().as_str());
    known.then(|| key.trim().to_owned())
}

fn identity_on_line(
    line: &str,
    number: usize,
    recipient: Option<String>,
    prompt: &Prompt,
) -> Result<Kind, IdentityError> {
    if let Ok(native) = age::x25519::Identity::from_str(line) {
        return Ok(Kind::Native(native));
    }
    if line.starts_with("age1") || line.starts_with("ssh-") {
        return Err(IdentityError::Recipient(number));
    }
    let identity = age::plugin::Identity::from_str(line).map_err(|_| IdentityError::Line(number))?;
    if !is_plugin_name(identity.plugin()) {
        return Err(IdentityError::PluginName(number));
    }
    Ok(Kind::Plugin(PluginKey { identity, recipient, prompt: prompt.clone() }))
}

/// A key that another program holds, by age's plugin protocol.
struct PluginKey {
    identity: age::plugin::Identity,
    recipient: Option<String>,
    prompt: Prompt,
}

impl age::Identity for PluginKey {
    fn unwrap_stanza(&self, stanza: &Stanza) -> Option<Result<FileKey, DecryptError>> {
        self.unwrap_stanzas(std::slice::from_ref(stanza))
    }

    fn unwrap_stanzas(&self, stanzas: &[Stanza]) -> Option<Result<FileKey, DecryptError>> {
        let name = self.identity.plugin();
        let identities = std::slice::from_ref(&self.identity);
        // Only here, where the key is really needed, the program is looked for and started.
        match age::plugin::IdentityPluginV1::new(name, identities, self.prompt.clone()) {
            Ok(plugin) => match age::Identity::unwrap_stanzas(&plugin, stanzas) {
                Some(Err(DecryptError::Io(_))) => {
                    let problem = KeyProblem::Plugin(format!("age-plugin-{name} ended too early"));
                    Some(Err(problem.into_age()))
                }
                other => other,
            },
            Err(error) => Some(Err(error)),
        }
    }
}

/// An identity file encrypted with a passphrase.
struct EncryptedFile {
    sealed: Vec<u8>,
    name: String,
    prompt: Prompt,
    /// Asked for once, whatever comes of it.
    opened: OnceCell<Result<Vec<Identity>, KeyProblem>>,
}

impl EncryptedFile {
    fn new(sealed: &[u8], name: &str, prompt: &Prompt) -> Result<Self, IdentityError> {
        let decryptor =
            age::Decryptor::new_buffered(ArmoredReader::new(sealed)).map_err(|_| IdentityError::Encrypted)?;
        if !decryptor.is_scrypt() {
            return Err(IdentityError::Encrypted);
        }
        let (sealed, name, prompt) = (sealed.to_vec(), name.to_owned(), prompt.clone());
        Ok(Self { sealed, name, prompt, opened: OnceCell::new() })
    }

    fn opened(&self) -> Result<&[Identity], KeyProblem> {
        let opened = self.opened.get_or_init(|| self.open());
        opened.as_deref().map_err(Clone::clone)
    }

    fn open(&self) -> Result<Vec<Identity>, KeyProblem> {
        let spoiled = |error| KeyProblem::Content(self.name.clone(), error);
        let passphrase = scrypt_identity(self.prompt.passphrase(&self.name)?);
        let decryptor = age::Decryptor::new_buffered(ArmoredReader::new(self.sealed.as_slice()))
            .map_err(|_| spoiled(IdentityError::Encrypted))?;
        let mut reader = decryptor
            .decrypt(std::iter::once(&passphrase as &dyn age::Identity))
            .map_err(|error| passphrase_problem(&error, &self.name))?;
        let mut plain = Zeroizing::new(Vec::with_capacity(self.sealed.len() + 64));
        reader.read_to_end(&mut plain).map_err(|_| spoiled(IdentityError::Encrypted))?;
        if is_age_file(&plain) {
            return Err(spoiled(IdentityError::Encrypted));
        }
        Identity::parse_all(&plain, &self.name, &self.prompt).map_err(spoiled)
    }
}

impl age::Identity for EncryptedFile {
    fn unwrap_stanza(&self, stanza: &Stanza) -> Option<Result<FileKey, DecryptError>> {
        self.unwrap_stanzas(std::slice::from_ref(stanza))
    }

    fn unwrap_stanzas(&self, stanzas: &[Stanza]) -> Option<Result<FileKey, DecryptError>> {
        match self.opened() {
            Ok(identities) => {
                identities.iter().find_map(|identity| identity.as_age().unwrap_stanzas(stanzas))
            }
            Err(problem) => Some(Err(problem.into_age())),
        }
    }
}

/// The passphrase of the store itself.
struct Passphrase {
    name: String,
    prompt: Option<Prompt>,
    /// The one that opened the store, or is to seal a new one.
    known: OnceCell<SecretString>,
}

impl age::Identity for Passphrase {
    fn unwrap_stanza(&self, stanza: &Stanza) -> Option<Result<FileKey, DecryptError>> {
        let asked = match (self.known.get(), &self.prompt) {
            (Some(known), _) => known.clone(),
            (None, Some(prompt)) => match prompt.passphrase(&self.name) {
                Ok(passphrase) => passphrase,
                Err(problem) => return Some(Err(problem.into_age())),
            },
            (None, None) => return None,
        };
        let result = scrypt_identity(asked.clone()).unwrap_stanza(stanza)?;
        if result.is_ok() {
            let _ = self.known.set(asked);
        }
        Some(result.map_err(|error| passphrase_problem(&error, &self.name).into_age()))
    }
}

fn scrypt_identity(passphrase: SecretString) -> age::scrypt::Identity {
    let mut identity = age::scrypt::Identity::new(passphrase);
    identity.set_max_work_factor(MOST_WORK);
    identity
}

fn passphrase_problem(error: &DecryptError, name: &str) -> KeyProblem {
    match error {
        DecryptError::ExcessiveWork { .. } => KeyProblem::TooMuchWork(name.to_owned()),
        _ => KeyProblem::WrongPassphrase(name.to_owned()),
    }
}

/// What opens a store, and whom its keys may ask.
pub struct Keys {
    pub(super) identities: Vec<Identity>,
    pub(super) prompt: Prompt,
}

impl Keys {
    /// These identities, and whoever can be asked.
    pub fn new(identities: Vec<Identity>, prompt: &Prompt) -> Self {
        Self { identities, prompt: prompt.clone() }
    }

    /// The identities alone.
    pub fn into_identities(self) -> Vec<Identity> {
        self.identities
    }
}
