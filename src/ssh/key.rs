//! The keys we log in with.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use russh::keys::{Error as RusshError, PrivateKey, decode_secret_key};

use crate::secret::SecretValue;

use super::error::KeyError;
use super::public_key::PublicKey;

/// A key to log in with. Cheap to copy: many connections share one. Without `Debug`, as all that is secret here.
#[derive(Clone)]
pub enum Key {
    /// One whose private part is here.
    Private(Arc<PrivateKey>),
    /// Those of an ssh-agent.
    Agent {
        /// The agent's socket, as `SSH_AUTH_SOCK` names it.
        socket: PathBuf,
        /// The fingerprint of the one to use; all of them, in the agent's order, where there is none.
        pick: Option<String>,
    },
}

impl Key {
    /// Reads a private key: OpenSSH's form, PEM or PKCS#8, encrypted or not. `passphrase` is asked only if the key is
    /// encrypted. Do this once per key and before the connections: unlocking takes a tenth of a second on purpose.
    ///
    /// The private part is wiped when the last copy is dropped; russh's copies of the encoded text are not.
    pub fn parse(
        text: &SecretValue,
        passphrase: &mut dyn FnMut() -> Option<SecretValue>,
    ) -> Result<Self, KeyError> {
        let pem = text.expose().trim();
        refuse_unsupported(pem)?;
        let opened = if is_encrypted(pem) {
            let passphrase = passphrase().ok_or(KeyError::Encrypted)?;
            decode_secret_key(pem, Some(passphrase.expose())).map_err(|error| wrong_passphrase(&error))
        } else {
            decode_secret_key(pem, None).map_err(|_| KeyError::Unreadable)
        };
        opened.map(|key| Self::Private(Arc::new(key)))
    }

    /// The keys of an agent, or the one of them that is given by its public key or its fingerprint.
    pub fn agent(socket: impl Into<PathBuf>, pick: Option<&str>) -> Result<Self, KeyError> {
        let pick = pick.map(|pick| {
            let pick = pick.trim();
            let is_fingerprint = pick.strip_prefix("SHA256:").is_some_and(|digest| digest.len() == 43);
            if is_fingerprint {
                return Ok(pick.to_owned());
            }
            PublicKey::parse(pick).map(|key| key.fingerprint()).ok_or(KeyError::BadPick)
        });
        Ok(Self::Agent { socket: socket.into(), pick: pick.transpose()? })
    }

    /// The public part, where it is here.
    pub fn public(&self) -> Option<PublicKey> {
        match self {
            Self::Private(key) => Some(PublicKey::new(key.public_key())),
            Self::Agent { .. } => None,
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Private(key) => PublicKey::new(key.public_key()).fmt(f),
            Self::Agent { socket, pick: None } => {
                write!(f, "the keys of the ssh-agent at {}", socket.display())
            }
            Self::Agent { socket, pick: Some(pick) } => {
                write!(f, "{pick} of the ssh-agent at {}", socket.display())
            }
        }
    }
}

/// Forms that russh would take for damaged.
fn refuse_unsupported(pem: &str) -> Result<(), KeyError> {
    if pem.starts_with("PuTTY-User-Key-File-") {
        return Err(KeyError::Unsupported("a key in PuTTY's form"));
    }
    let cipher = pem.lines().find_map(|line| line.strip_prefix("DEK-Info: "));
    let is_rsa = pem.starts_with("-----BEGIN RSA PRIVATE KEY-----");
    match cipher {
        Some(cipher) if !cipher.starts_with("AES-128-CBC,") || !is_rsa => {
            Err(KeyError::Unsupported("a key that is encrypted in the oldest form"))
        }
        _ if pem.starts_with("-----BEGIN DSA PRIVATE KEY-----") => Err(KeyError::Unsupported("a DSA key")),
        _ => Ok(()),
    }
}

fn is_encrypted(pem: &str) -> bool {
    pem.starts_with("-----BEGIN ENCRYPTED PRIVATE KEY-----")
        || pem.lines().any(|line| line == "Proc-Type: 4,ENCRYPTED")
        || matches!(decode_secret_key(pem, None), Err(RusshError::KeyIsEncrypted))
}

/// What a wrong passphrase looks like differs by form and by chance: a failed check, bad padding, or nonsense behind
/// it. What stood outside the encryption was read already, so damage there is told apart.
fn wrong_passphrase(error: &RusshError) -> KeyError {
    match error {
        RusshError::CouldNotReadKey | RusshError::Decode(_) => KeyError::Unreadable,
        _ => KeyError::WrongPassphrase,
    }
}
