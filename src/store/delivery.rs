//! A text sealed for one reader elsewhere, such as a server that must not be able to open the store.

use crate::secret::SecretText;

use super::envelope::{self, EnvelopeError};
use super::identity::Keys;
use super::prompt::Prompt;

/// Seals a text for these recipients alone: an armored age file, which `age -d` opens with one of their identities.
pub fn seal_text(plain: &SecretText, recipients: &[&str], prompt: &Prompt) -> Result<Vec<u8>, EnvelopeError> {
    envelope::seal(plain, recipients, &Keys::new(Vec::new(), prompt))
}

/// Opens such a file, armored or not; nothing comes out of one that is damaged anywhere.
pub fn open_text(sealed: &[u8], keys: &Keys) -> Result<SecretText, EnvelopeError> {
    envelope::open(sealed, &keys.identities)
}
