//! Recipients: the public keys that a store is sealed for.

use std::fmt;
use std::str::FromStr;

use super::ssh_key::{KIND, kind_in_words};

/// What stands in the place of a key where a store is sealed with a passphrase.
pub const PASSPHRASE: &str = "passphrase";

/// Why a text is no recipient. Never quotes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecipientError {
    /// Nothing that is known here, or mistyped.
    Unknown,
    /// A private key, where the public one belongs.
    Identity,
    /// An SSH key of a kind that cannot be used, in words.
    SshKind(&'static str),
    /// A plugin's name holds characters that no program's name should.
    PluginName,
}

impl fmt::Display for RecipientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => f.write_str("neither age1… nor ssh-ed25519 …, or mistyped"),
            Self::Identity => f.write_str("a private key, where the public one belongs"),
            Self::SshKind(kind) => write!(f, "{kind}, where only ssh-ed25519 can be used"),
            Self::PluginName => {
                f.write_str("a plugin's name may hold only a-z, 0-9, dot, dash and underscore")
            }
        }
    }
}

impl std::error::Error for RecipientError {}

/// Somebody whom a store can be sealed for.
pub enum RecipientKey {
    /// `age1…`
    Native(age::x25519::Recipient),
    /// `ssh-ed25519 …`
    Ssh(age::ssh::Recipient),
    /// `age1NAME1…`, served by the program `age-plugin-NAME`.
    Plugin(age::plugin::Recipient),
    /// Whoever knows the passphrase; always alone.
    Passphrase,
}

impl RecipientKey {
    /// Reads a recipient as it stands in a store.
    pub fn parse(text: &str) -> Result<Self, RecipientError> {
        let kind = text.split(' ').next().unwrap_or_default();
        if text == PASSPHRASE {
            return Ok(Self::Passphrase);
        }
        if text.starts_with("AGE-") || text.starts_with("-----BEGIN") {
            return Err(RecipientError::Identity);
        }
        if kind == KIND {
            return text.parse().map(Self::Ssh).map_err(|_| RecipientError::Unknown);
        }
        if ["ssh-", "ecdsa-", "sk-"].iter().any(|prefix| kind.starts_with(prefix)) {
            return Err(RecipientError::SshKind(kind_in_words(kind)));
        }
        if let Ok(native) = age::x25519::Recipient::from_str(text) {
            return Ok(Self::Native(native));
        }
        let plugin = age::plugin::Recipient::from_str(text).map_err(|_| RecipientError::Unknown)?;
        if is_plugin_name(plugin.plugin()) {
            Ok(Self::Plugin(plugin))
        } else {
            Err(RecipientError::PluginName)
        }
    }
}

/// Whether `age-plugin-NAME` is a program's name and nothing else: no folder, no option, no surprise.
pub(super) fn is_plugin_name(name: &str) -> bool {
    !name.is_empty()
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(&b))
}
