//! The system's keyring: the Secret Service of a desktop session (GNOME Keyring, `KeePassXC`, `KWallet`), and the Linux
//! kernel's own keyring for a server that has none.
//!
//! A call can wait for a person who types a password into a window, or for a service that never answers. So each runs
//! in a thread of its own and is given up on after a while; the thread ends with the process.

use std::fmt;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use keyring_core::Error;
use keyring_core::api::CredentialStoreApi;
use zeroize::Zeroize;

use crate::secret::SecretText;

/// The attribute `service` of our entries; `secret-tool lookup service luca-secrets username identity` shows it.
const SERVICE: &str = "luca-secrets";

/// The attribute `username` of the entry with an identity; that of a token is its host.
const USER: &str = "identity";

/// Which keyring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keyring {
    /// The Secret Service on the session's D-Bus.
    SecretService,
    /// The kernel's, which forgets when the machine restarts and after some days without use.
    Kernel,
}

/// Why a keyring did not do it. Never quotes what is kept in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyringError {
    /// There is no such keyring here.
    Absent(Keyring),
    /// It is locked, and was not unlocked.
    Locked(Keyring),
    /// It did not answer in time.
    Slow(Keyring),
    /// It holds nothing of ours.
    Empty(Keyring),
    /// Something else failed in it.
    Failed(Keyring),
}

impl fmt::Display for KeyringError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent(Keyring::SecretService) => f.write_str("there is no keyring in this session"),
            Self::Absent(Keyring::Kernel) => f.write_str("the kernel gives this session no keyring"),
            Self::Locked(keyring) => write!(f, "{keyring} is locked"),
            Self::Slow(keyring) => write!(f, "{keyring} does not answer"),
            Self::Empty(keyring) => write!(f, "{keyring} holds no identity of luca-secrets"),
            Self::Failed(keyring) => write!(f, "{keyring} failed"),
        }
    }
}

impl std::error::Error for KeyringError {}

impl fmt::Display for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::SecretService => "the system's keyring",
            Self::Kernel => "the kernel's keyring",
        })
    }
}

impl Keyring {
    /// Puts the text of an identity into it, over what was there.
    pub fn put(self, text: &SecretText, patience: Duration) -> Result<(), KeyringError> {
        let text = text.clone();
        self.patiently(USER, patience, move |entry| entry.set_secret(text.expose().as_bytes()))
    }

    /// The text that was put into it.
    pub fn get(self, patience: Duration) -> Result<SecretText, KeyringError> {
        let bytes = self.patiently(USER, patience, keyring_core::Entry::get_secret)?;
        SecretText::from_utf8(bytes).map_err(|_| KeyringError::Failed(self))
    }

    /// The token for a host that a person put there: `secret-tool store --label=… service luca-secrets username HOST`.
    pub fn get_token(self, host: &str, patience: Duration) -> Result<SecretText, KeyringError> {
        let bytes = self.patiently(host, patience, keyring_core::Entry::get_secret)?;
        SecretText::from_utf8(bytes).map_err(|_| KeyringError::Failed(self))
    }

    /// Removes the text from it.
    pub fn forget(self, patience: Duration) -> Result<(), KeyringError> {
        self.patiently(USER, patience, keyring_core::Entry::delete_credential)
    }

    fn patiently<T: Send + 'static>(
        self,
        user: &str,
        patience: Duration,
        work: impl FnOnce(&keyring_core::Entry) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, KeyringError> {
        let (sender, receiver) = mpsc::channel();
        let user = user.to_owned();
        thread::spawn(move || {
            let result =
                self.entry(&user).and_then(|entry| work(&entry).map_err(|error| self.explained(error)));
            // Nobody listens any more if it took too long.
            let _ = sender.send(result);
        });
        receiver.recv_timeout(patience).unwrap_or(Err(KeyringError::Slow(self)))
    }

    fn entry(self, user: &str) -> Result<keyring_core::Entry, KeyringError> {
        match self {
            Self::SecretService => match keyring::Entry::store_status() {
                Ok(()) => keyring::Entry::new(SERVICE, user)
                    .map(|entry| entry.inner)
                    .map_err(|error| self.explained(error)),
                Err(_) => Err(KeyringError::Absent(self)),
            },
            Self::Kernel => linux_keyutils_keyring_store::Store::new()
                .and_then(|store| store.build(SERVICE, user, None))
                .map_err(|_| KeyringError::Absent(self)),
        }
    }

    fn explained(self, error: Error) -> KeyringError {
        match error {
            Error::NoEntry => KeyringError::Empty(self),
            Error::NoStorageAccess(_) if self == Self::SecretService => KeyringError::Locked(self),
            Error::NoStorageAccess(_) | Error::NoDefaultStore => KeyringError::Absent(self),
            Error::BadEncoding(mut bytes) | Error::BadDataFormat(mut bytes, _) => {
                bytes.zeroize();
                KeyringError::Failed(self)
            }
            _ => KeyringError::Failed(self),
        }
    }
}
