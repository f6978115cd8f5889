//! Asking a person for what a key needs: the one place where age's callbacks meet our terminal.

use std::fmt;
use std::io;

use age::secrecy::SecretString;

use crate::secret::SecretValue;
use crate::sys::{NoTerminal, SharedTerminal, Terminal};

use super::identity::IdentityError;

/// Longest text of a plugin's that is shown, in characters.
const LONGEST_MESSAGE: usize = 300;

/// Why a key that may be the right one could not be used. It is a fault of the key or of its circumstances, not of
/// the file, so another key may still open it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyProblem {
    /// The passphrase of the thing named was wrong.
    WrongPassphrase(String),
    /// The thing named wants a passphrase, and nobody is there to be asked.
    NobodyToAsk(String),
    /// It was encrypted with a passphrase in a way that would take this machine very long.
    TooMuchWork(String),
    /// The key is encrypted in a way that is not known here.
    Unsupported(String),
    /// The encrypted file named opened, but holds no usable identity.
    Content(String, IdentityError),
    /// The program of that name is needed and not installed.
    MissingPlugin(String),
    /// A plugin's program failed, in its own words.
    Plugin(String),
}

impl fmt::Display for KeyProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WrongPassphrase(what) => write!(f, "wrong passphrase for {what}"),
            Self::NobodyToAsk(what) => {
                write!(f, "{what} needs its passphrase, and nobody is there to ask for it")
            }
            Self::TooMuchWork(what) => {
                write!(f, "{what} is encrypted with a work factor beyond {}", super::identity::MOST_WORK)
            }
            Self::Unsupported(what) => write!(f, "{what} is encrypted in a way that is not known here"),
            Self::Content(what, error) => write!(f, "{what}: inside, {error}"),
            Self::MissingPlugin(program) => {
                write!(f, "the key needs the program {program}, which is not in PATH")
            }
            Self::Plugin(message) => write!(f, "a key's plugin failed: {message}"),
        }
    }
}

impl std::error::Error for KeyProblem {}

impl KeyProblem {
    /// Packs the problem so that it survives the way through age's own error type.
    pub(super) fn into_age(self) -> age::DecryptError {
        age::DecryptError::Io(io::Error::other(self))
    }

    /// Unpacks what [`into_age`](Self::into_age) packed, and age's own words for the same.
    pub(super) fn from_age(error: &age::DecryptError) -> Option<Self> {
        match error {
            age::DecryptError::Io(error) => error.get_ref()?.downcast_ref::<Self>().cloned(),
            age::DecryptError::MissingPlugin { binary_name } => {
                Some(Self::MissingPlugin(binary_name.clone()))
            }
            age::DecryptError::Plugin(errors) => Some(Self::plugin(errors.first())),
            _ => None,
        }
    }

    /// A plugin failed; in its own words, if it has any.
    pub(super) fn plugin(message: Option<&impl fmt::Display>) -> Self {
        let message = message.map(ToString::to_string).unwrap_or_default();
        Self::Plugin(if message.is_empty() { "it does not say why".to_owned() } else { harmless(&message) })
    }
}

/// Whoever can be asked for passphrases; a clone asks the same person.
#[derive(Clone)]
pub struct Prompt(SharedTerminal);

impl Prompt {
    /// Asks on this terminal.
    pub fn new(terminal: SharedTerminal) -> Self {
        Self(terminal)
    }

    /// Nobody can be asked.
    pub fn nobody() -> Self {
        Self(SharedTerminal::new(Box::new(NoTerminal)))
    }

    /// Asks for the passphrase of a key that opens no store, such as a server's; `None` if nobody answers.
    pub fn passphrase_of_key(&self, what: &str) -> Option<SecretValue> {
        self.0.clone().ask_secret(&format!("passphrase for {what}: ")).ok()
    }

    /// Asks for the passphrase of the thing named.
    pub(super) fn passphrase(&self, what: &str) -> Result<SecretString, KeyProblem> {
        let answer = self.0.clone().ask_secret(&format!("passphrase for {what}: "));
        answer.map(|answer| to_age(&answer)).map_err(|_| KeyProblem::NobodyToAsk(what.to_owned()))
    }
}

/// The text as age takes it, which wipes it too.
pub(super) fn to_age(value: &SecretValue) -> SecretString {
    SecretString::from(value.expose().to_owned())
}

/// What a plugin may say and ask while it works.
impl age::Callbacks for Prompt {
    fn display_message(&self, message: &str) {
        self.0.clone().tell(&harmless(message));
    }

    fn confirm(&self, message: &str, yes: &str, no: Option<&str>) -> Option<bool> {
        let (yes, no) = (harmless(yes), harmless(no.unwrap_or("cancel")));
        let question = format!("{} (y: {yes}, n: {no}) [y/N] ", harmless(message));
        let answer = self.0.clone().ask(&question).ok()?;
        Some(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
    }

    fn request_public_string(&self, description: &str) -> Option<String> {
        self.0.clone().ask(&format!("{}: ", harmless(description))).ok()
    }

    fn request_passphrase(&self, description: &str) -> Option<SecretString> {
        let answer = self.0.clone().ask_secret(&format!("{}: ", harmless(description))).ok()?;
        Some(to_age(&answer))
    }
}

/// Text of another program, without what could steer a terminal, and not too much of it.
fn harmless(text: &str) -> String {
    text.trim().chars().map(|c| if c.is_control() { ' ' } else { c }).take(LONGEST_MESSAGE).collect()
}
