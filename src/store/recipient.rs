//! Recipients: the public keys that a store is sealed for.

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_STANDARD_NO_PAD};
use sha2::{Digest, Sha256};

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
        if is_ssh_kind(kind) {
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

/// What kind of key a recipient's is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyKind {
    /// `age1…`
    Age,
    /// `ssh-ed25519 …`
    Ssh,
    /// Of the plugin with this name.
    Plugin(String),
    /// A passphrase.
    Passphrase,
}

impl fmt::Display for KeyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Age => f.write_str("age"),
            Self::Ssh => f.write_str(KIND),
            Self::Plugin(name) => write!(f, "plugin {name}"),
            Self::Passphrase => f.write_str(PASSPHRASE),
        }
    }
}

impl RecipientKey {
    /// The key in its one spelling: lower case, no comment.
    pub fn spelled(&self) -> String {
        match self {
            Self::Native(key) => key.to_string(),
            Self::Ssh(key) => without_comment(&key.to_string()).to_owned(),
            Self::Plugin(key) => key.to_string(),
            Self::Passphrase => PASSPHRASE.to_owned(),
        }
    }

    /// What kind it is.
    pub fn kind(&self) -> KeyKind {
        match self {
            Self::Native(_) => KeyKind::Age,
            Self::Ssh(_) => KeyKind::Ssh,
            Self::Plugin(key) => KeyKind::Plugin(key.plugin().to_owned()),
            Self::Passphrase => KeyKind::Passphrase,
        }
    }
}

/// An SSH key without the comment that may follow it; any other key as it is.
pub(super) fn without_comment(key: &str) -> &str {
    let mut blanks = key.match_indices(' ').map(|(at, _)| at);
    match (blanks.next(), blanks.next()) {
        (Some(_), Some(end)) => &key[..end],
        _ => key,
    }
}

/// How `ssh-keygen -l` calls a key, `SHA256:…`; `None` if it is no SSH key.
pub fn fingerprint(key: &str) -> Option<String> {
    let (_, rest) = key.split_once(' ').filter(|(kind, _)| is_ssh_kind(kind))?;
    let blob = BASE64_STANDARD.decode(rest.split(' ').next()?).ok()?;
    Some(format!("SHA256:{}", BASE64_STANDARD_NO_PAD.encode(Sha256::digest(blob))))
}

/// Whether it is the name of a kind of SSH keys.
pub(super) fn is_ssh_kind(word: &str) -> bool {
    ["ssh-", "ecdsa-", "sk-"].iter().any(|prefix| word.starts_with(prefix))
}

/// Enough of a key to know it again.
pub fn short_key(key: &str) -> String {
    const HEAD: usize = 12;
    const TAIL: usize = 6;
    if let Some(print) = fingerprint(key) {
        return print.chars().take("SHA256:".len() + HEAD).chain(['…']).collect();
    }
    let letters: Vec<char> = key.chars().collect();
    if letters.len() <= HEAD + TAIL + 1 {
        return key.to_owned();
    }
    letters[..HEAD].iter().chain(&['…']).chain(&letters[letters.len() - TAIL..]).collect()
}

/// Whether `age-plugin-NAME` is a program's name and nothing else: no folder, no option, no surprise.
pub(super) fn is_plugin_name(name: &str) -> bool {
    !name.is_empty()
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::{RecipientError, RecipientKey};

    const X25519: &str = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p";
    const SSH: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHsKLqeplhpW+uObz5dvMgjz1OxfM/XXUB+VHtZ6isGN";

    #[test]
    fn every_kind_of_recipient_is_told_from_the_others() {
        let kind = |text: &str| match RecipientKey::parse(text) {
            Ok(RecipientKey::Native(_)) => Ok("native"),
            Ok(RecipientKey::Ssh(_)) => Ok("ssh"),
            Ok(RecipientKey::Plugin(_)) => Ok("plugin"),
            Ok(RecipientKey::Passphrase) => Ok("passphrase"),
            Err(error) => Err(error),
        };
        assert_eq!(kind(X25519), Ok("native"));
        assert_eq!(kind(SSH), Ok("ssh"));
        assert_eq!(kind(&format!("{SSH} somebody@example.com")), Ok("ssh"));
        assert_eq!(kind("age1toy1qzzwlvgtllwpg046kf80983vhy07sq4e"), Ok("plugin"));
        assert_eq!(kind("passphrase"), Ok("passphrase"));
        assert_eq!(kind("ssh-rsa AAAAB3NzaC1yc2E="), Err(RecipientError::SshKind("an RSA key")));
        assert_eq!(kind("ecdsa-sha2-nistp256 AAAA"), Err(RecipientError::SshKind("an ECDSA key")));
        assert_eq!(
            kind("sk-ssh-ed25519@openssh.com AAAA"),
            Err(RecipientError::SshKind("the handle of a hardware key"))
        );
        assert_eq!(kind("AGE-SECRET-KEY-1QQQQ"), Err(RecipientError::Identity));
        assert_eq!(kind(&X25519.replace("hjy", "hjx")), Err(RecipientError::Unknown));
        assert_eq!(kind(""), Err(RecipientError::Unknown));
    }

    #[test]
    fn a_plugin_s_name_holds_nothing_that_a_program_s_should_not() {
        let error = |text: &str| RecipientKey::parse(text).err();
        assert_eq!(error("age1a+b10pu8s7rc0pu8s7rc0pu8s7rc0q6t9u54"), Some(RecipientError::PluginName));
        assert_eq!(error("age1../x10pu8s7rc0pu8s7rc0pu8s7rc0q7canms"), Some(RecipientError::Unknown));
    }
}
