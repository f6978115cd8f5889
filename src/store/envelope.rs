//! age in, age out: whole and authenticated before anyone sees a byte. Knows nothing of the document.
//!
//! Format: age v1 (<https://age-encryption.org/v1>), ASCII-armored.

use std::fmt;
use std::io::{self, Read, Write};

use age::armor::{ArmoredReader, ArmoredWriter, Format};
use zeroize::Zeroize;

use crate::secret::SecretText;

use super::identity::{Identity, Keys, WORK};
use super::prompt::{KeyProblem, Prompt};
use super::recipient::{RecipientError, RecipientKey};

/// Why a file could not be opened or sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EnvelopeError {
    /// Nothing in it.
    Empty,
    /// Not an age file.
    NotAge,
    /// Git's conflict markers stand in it.
    ConflictMarkers,
    /// An age file, but cut short, changed or spoiled on the way.
    Damaged,
    /// An age file for other readers.
    NoMatchingIdentity,
    /// A key that may be the right one could not be used.
    Key(KeyProblem),
    /// Sealed with a passphrase, where the recipients listed inside are others; or the other way round.
    PassphraseMismatch,
    /// A passphrase among other recipients, which the format does not allow.
    MixedPassphrase,
    /// Recipients that may not be together, such as a post-quantum key beside one that is none.
    Incompatible,
    /// Decrypted to something that is no text.
    NotText,
    /// A recipient's key is not one that this program can encrypt to.
    BadRecipient(RecipientError),
}

impl fmt::Display for EnvelopeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "the file is empty",
            Self::NotAge => "not an age file",
            Self::ConflictMarkers => "git's conflict markers stand in the file",
            Self::Damaged => "damaged: cut short or changed since it was written",
            Self::NoMatchingIdentity => "none of the identities at hand opens it",
            Self::Key(problem) => return problem.fmt(f),
            Self::PassphraseMismatch => "the recipients listed inside are not those that it is sealed for",
            Self::MixedPassphrase => "a passphrase cannot stand beside other recipients",
            Self::Incompatible => "its recipients cannot be together in one file",
            Self::NotText => "it opens, but what is inside is no text",
            Self::BadRecipient(error) => return write!(f, "one of its recipients is {error}"),
        })
    }
}

impl std::error::Error for EnvelopeError {}

/// Opens a file with the first identity that can. Every byte is authenticated before the first is given out.
pub(super) fn open(sealed: &[u8], identities: &[Identity]) -> Result<SecretText, EnvelopeError> {
    refuse_foreign(sealed)?;
    let mut ordered: Vec<&Identity> = identities.iter().collect();
    ordered.sort_by_key(|identity| identity.cost());
    let mut first_problem = None;
    for identity in ordered {
        match open_with(sealed, identity) {
            Err(EnvelopeError::NoMatchingIdentity) => {}
            Err(EnvelopeError::Key(problem)) => first_problem = first_problem.or(Some(problem)),
            result => return result,
        }
    }
    Err(first_problem.map_or(EnvelopeError::NoMatchingIdentity, EnvelopeError::Key))
}

fn open_with(sealed: &[u8], identity: &Identity) -> Result<SecretText, EnvelopeError> {
    let decryptor =
        age::Decryptor::new_buffered(ArmoredReader::new(sealed)).map_err(|error| header_error(&error))?;
    let mut reader =
        decryptor.decrypt(std::iter::once(identity.as_age())).map_err(|error| header_error(&error))?;
    // Plain text is never longer than the file, so this never grows and leaves no copy behind.
    let mut plain = Vec::with_capacity(sealed.len() + 64);
    if reader.read_to_end(&mut plain).is_err() {
        plain.zeroize();
        return Err(EnvelopeError::Damaged);
    }
    SecretText::from_utf8(plain).map_err(|_| EnvelopeError::NotText)
}

/// Whether a file is sealed with a passphrase; then no other key opens it.
pub(super) fn wants_passphrase(sealed: &[u8]) -> bool {
    age::Decryptor::new_buffered(ArmoredReader::new(sealed)).is_ok_and(|decryptor| decryptor.is_scrypt())
}

/// Seals a text for the recipients, armored. A passphrase is that of the keys that opened the store.
pub(super) fn seal(plain: &SecretText, recipients: &[&str], keys: &Keys) -> Result<Vec<u8>, EnvelopeError> {
    let parsed: Vec<RecipientKey> = recipients
        .iter()
        .map(|key| RecipientKey::parse(key).map_err(EnvelopeError::BadRecipient))
        .collect::<Result<_, _>>()?;
    let passphrase = keys.identities.iter().find_map(Identity::used_passphrase);
    let wanted = parsed.iter().any(|key| matches!(key, RecipientKey::Passphrase));
    let encryptor = match passphrase {
        _ if wanted && parsed.len() > 1 => return Err(EnvelopeError::MixedPassphrase),
        Some(passphrase) if wanted => {
            let mut recipient = age::scrypt::Recipient::new(passphrase.clone());
            recipient.set_work_factor(WORK);
            age::Encryptor::with_recipients(std::iter::once(&recipient as &dyn age::Recipient))
        }
        // Who has only the passphrase would lose the store with this write, or the readers listed would not get it.
        None if wanted => return Err(EnvelopeError::PassphraseMismatch),
        Some(_) => return Err(EnvelopeError::PassphraseMismatch),
        None => {
            let recipients = as_age(&parsed, &keys.prompt)?;
            age::Encryptor::with_recipients(recipients.iter().map(AsRef::as_ref))
        }
    };
    let encryptor = encryptor.map_err(|error| seal_error(&error))?;
    // Writing to memory fails only where there is no memory.
    write_sealed(encryptor, plain).map_err(|_| EnvelopeError::Damaged)
}

/// The recipients as age takes them; all of one plugin go to it together, so that it is started once.
fn as_age(keys: &[RecipientKey], prompt: &Prompt) -> Result<Vec<Box<dyn age::Recipient>>, EnvelopeError> {
    let mut recipients: Vec<Box<dyn age::Recipient>> = Vec::with_capacity(keys.len());
    let mut plugins: Vec<age::plugin::Recipient> = Vec::new();
    for key in keys {
        match key {
            RecipientKey::Native(key) => recipients.push(Box::new(key.clone())),
            RecipientKey::Ssh(key) => recipients.push(Box::new(key.clone())),
            RecipientKey::Plugin(key) => plugins.push(key.clone()),
            RecipientKey::Passphrase => return Err(EnvelopeError::MixedPassphrase),
        }
    }
    let mut names: Vec<&str> = plugins.iter().map(age::plugin::Recipient::plugin).collect();
    names.sort_unstable();
    names.dedup();
    for name in names {
        let plugin = age::plugin::RecipientPluginV1::new(name, &plugins, &[], prompt.clone())
            .map_err(|error| seal_error(&error))?;
        recipients.push(Box::new(plugin));
    }
    Ok(recipients)
}

fn write_sealed(encryptor: age::Encryptor, plain: &SecretText) -> io::Result<Vec<u8>> {
    let output = Vec::with_capacity(plain.len() * 7 / 5 + 1024);
    let armored = ArmoredWriter::wrap_output(output, Format::AsciiArmor)?;
    let mut writer = encryptor.wrap_output(armored)?;
    writer.write_all(plain.expose().as_bytes())?;
    writer.finish().and_then(ArmoredWriter::finish)
}

/// Names the usual mistakes before age's parser gives its general answer.
fn refuse_foreign(sealed: &[u8]) -> Result<(), EnvelopeError> {
    const MARKER: &[u8] = b"<<<<<<< ";
    if sealed.iter().all(u8::is_ascii_whitespace) {
        return Err(EnvelopeError::Empty);
    }
    let marked = sealed.starts_with(MARKER)
        || sealed.windows(MARKER.len() + 1).any(|window| window[0] == b'\n' && &window[1..] == MARKER);
    if marked {
        return Err(EnvelopeError::ConflictMarkers);
    }
    Ok(())
}

fn header_error(error: &age::DecryptError) -> EnvelopeError {
    if let Some(problem) = KeyProblem::from_age(error) {
        return EnvelopeError::Key(problem);
    }
    match error {
        age::DecryptError::NoMatchingKeys => EnvelopeError::NoMatchingIdentity,
        age::DecryptError::InvalidHeader | age::DecryptError::UnknownFormat => EnvelopeError::NotAge,
        _ => EnvelopeError::Damaged,
    }
}

fn seal_error(error: &age::EncryptError) -> EnvelopeError {
    match error {
        age::EncryptError::MissingPlugin { binary_name } => {
            EnvelopeError::Key(KeyProblem::MissingPlugin(binary_name.clone()))
        }
        age::EncryptError::Plugin(errors) => EnvelopeError::Key(KeyProblem::plugin(errors.first())),
        age::EncryptError::MixedRecipientAndPassphrase => EnvelopeError::MixedPassphrase,
        age::EncryptError::IncompatibleRecipients { .. } | age::EncryptError::InvalidRecipientLabels(_) => {
            EnvelopeError::Incompatible
        }
        // Before a byte was written only a plugin does input and output.
        _ => EnvelopeError::Key(KeyProblem::Plugin("it ended too early".to_owned())),
    }
}
