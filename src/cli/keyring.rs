//! What is in the keyring. A small file beside the usual identity says so, and in which one: asking a keyring takes
//! time and may open a window, so it is asked only if something was put there.

use std::path::PathBuf;
use std::time::Duration;

use crate::secret::SecretText;
use crate::sys::{Keyring, KeyringError};

use super::context::Context;
use super::failure::Failure;

/// How long a person may take to unlock a keyring, and a service without one to answer.
const PATIENCE: Duration = Duration::from_mins(1);
const PATIENCE_WITHOUT_PERSON: Duration = Duration::from_secs(5);

/// Largest marker that is read, in bytes.
const MARKER_LIMIT: u64 = 64 * 1024;

const MARKER_HEAD: &str = "# The keyring that luca-secrets put an identity into, and its recipient. The identity is not in this file.\n";

/// What the marker says.
pub(super) struct Marker {
    pub(super) keyring: Keyring,
    pub(super) recipient: String,
}

impl Context {
    /// How long a keyring may take.
    pub(super) fn keyring_patience(&self) -> Duration {
        if self.settings.interactive { PATIENCE } else { PATIENCE_WITHOUT_PERSON }
    }

    /// Where an identity was put, if one was put into a keyring.
    pub(super) fn keyring_marker(&self) -> Result<Option<Marker>, Failure> {
        let Some(path) = self.marker_path() else { return Ok(None) };
        if self.disk.kind(&path)?.is_none() {
            return Ok(None);
        }
        let bytes = self.disk.read(&path, MARKER_LIMIT)?;
        let text = String::from_utf8_lossy(&bytes);
        let line = text.lines().find(|line| !line.starts_with('#') && !line.is_empty()).unwrap_or_default();
        let (keyring, recipient) = match line.split_once(' ') {
            Some(("secret-service", recipient)) => (Keyring::SecretService, recipient),
            Some(("kernel", recipient)) => (Keyring::Kernel, recipient),
            _ => {
                let message = format!("{}: does not say which keyring holds an identity", path.display());
                return Err(
                    Failure::new(message).hint("remove it, and put the identity into the keyring again")
                );
            }
        };
        Ok(Some(Marker { keyring, recipient: recipient.to_owned() }))
    }

    /// Puts an identity's text into a keyring and notes that it is there.
    pub(super) fn put_into_keyring(
        &mut self,
        keyring: Keyring,
        text: &SecretText,
        recipient: &str,
    ) -> Result<(), Failure> {
        let path = self.marker_path().ok_or_else(|| {
            Failure::new("there is no home folder to note in that the keyring holds an identity")
        })?;
        if let Some(folder) = path.parent() {
            self.disk.create_private_folder(folder)?;
        }
        let patience = self.keyring_patience();
        keyring.put(text, patience)?;
        // A keyring that takes a text and does not give it back must not become the only place of an identity.
        if keyring.get(patience)?.expose() != text.expose() {
            return Err(KeyringError::Failed(keyring).into());
        }
        let name = match keyring {
            Keyring::SecretService => "secret-service",
            Keyring::Kernel => "kernel",
        };
        Ok(self.disk.replace(&path, format!("{MARKER_HEAD}{name} {recipient}\n").as_bytes(), 0o600)?)
    }

    /// Removes the identity from its keyring, and the note.
    pub(super) fn remove_from_keyring(&mut self, keyring: Keyring) -> Result<(), Failure> {
        match keyring.forget(self.keyring_patience()) {
            Ok(()) | Err(KeyringError::Empty(_)) => {}
            Err(error) => return Err(error.into()),
        }
        if let Some(path) = self.marker_path() {
            self.disk.remove(&path)?;
        }
        Ok(())
    }

    fn marker_path(&self) -> Option<PathBuf> {
        self.env.config_folder().map(|folder| folder.join("keyring.txt"))
    }
}

impl From<KeyringError> for Failure {
    fn from(error: KeyringError) -> Self {
        let failure = Self::new(error);
        match error {
            KeyringError::Absent(Keyring::SecretService) => failure.hint(
                "a desktop session has one; elsewhere keep the identity in a file, or for a while in the kernel with `luca-secrets identity store --kernel`",
            ),
            KeyringError::Absent(Keyring::Kernel) => {
                failure.hint("start a session with one, such as `keyctl session -`, or keep the identity in a file")
            }
            KeyringError::Locked(_) => failure.hint("unlock it and try again, or name a file with --identity FILE"),
            KeyringError::Slow(_) => failure.hint("see that it runs, or name a file with --identity FILE"),
            KeyringError::Empty(_) => failure.hint("put one there with `luca-secrets identity store FILE`"),
            KeyringError::Failed(_) => failure,
        }
    }
}
