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
