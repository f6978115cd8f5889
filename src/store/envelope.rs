//! age in, age out: whole and authenticated before anyone sees a byte. Knows nothing of the document.
//!
//! Format: age v1 (<https://age-encryption.org/v1>), ASCII-armored.

use std::fmt;
use std::io::{self, BufRead, Read, Write};

use age::armor::{ArmoredReader, ArmoredWriter, Format};
use zeroize::Zeroize;

use crate::secret::SecretText;
use crate::sys::{keep_in_memory, locked_buffer};

use super::armor;
use super::identity::{Identity, Keys, WORK};
use super::prompt::{KeyProblem, Prompt};
use super::recipient::{RecipientError, RecipientKey};

/// What an armored age file starts with.
const ARMOR: &[u8] = b"-----BEGIN AGE ENCRYPTED FILE-----";

/// What an age file without armor starts with, any version.
const BINARY: &[u8] = b"age-encryption.org/v";

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
    let sealed = trimmed(sealed);
    refuse_foreign(sealed)?;
    let binary = armor::decode(sealed);
    let mut ordered: Vec<&Identity> = identities.iter().collect();
    ordered.sort_by_key(|identity| identity.cost());
    let mut first_problem = None;
    for identity in ordered {
        let opened = match &binary {
            Some(binary) => decrypt(binary.as_slice(), binary.len(), identity),
            None => decrypt(ArmoredReader::new(sealed), sealed.len(), identity),
        };
        match opened {
            Err(EnvelopeError::NoMatchingIdentity) => {}
            Err(EnvelopeError::Key(problem)) => first_problem = first_problem.or(Some(problem)),
            result => return result,
        }
    }
    Err(first_problem.map_or(EnvelopeError::NoMatchingIdentity, EnvelopeError::Key))
}

/// Without white space before the armor, which the age specification allows and Go's age passes over.
fn trimmed(sealed: &[u8]) -> &[u8] {
    let trimmed = sealed.trim_ascii_start();
    if trimmed.starts_with(ARMOR) { trimmed } else { sealed }
}

/// Decrypts what `input` gives, which is at most `longest` bytes.
fn decrypt(input: impl BufRead, longest: usize, identity: &Identity) -> Result<SecretText, EnvelopeError> {
    let decryptor = age::Decryptor::new_buffered(input).map_err(|error| header_error(&error))?;
    let mut reader =
        decryptor.decrypt(std::iter::once(identity.as_age())).map_err(|error| header_error(&error))?;
    // Plain text is never longer than the file, so this never grows and leaves no copy behind.
    let mut plain = locked_buffer(longest + 64);
    if reader.read_to_end(&mut plain).is_err() {
        plain.zeroize();
        return Err(EnvelopeError::Damaged);
    }
    SecretText::from_utf8(plain).map_err(|_| EnvelopeError::NotText)
}

/// Whether a file is sealed with a passphrase; then no other key opens it.
pub fn wants_passphrase(sealed: &[u8]) -> bool {
    // A passphrase stands alone, so this is the whole header.
    const LONGEST_HEADER: usize = 4096;
    let start = trimmed(sealed);
    let start = &start[..start.len().min(LONGEST_HEADER)];
    age::Decryptor::new_buffered(ArmoredReader::new(start)).is_ok_and(|decryptor| decryptor.is_scrypt())
}

/// Seals a text for the recipients, armored. A passphrase is that of the keys that opened the store.
pub(super) fn seal(plain: &SecretText, recipients: &[&str], keys: &Keys) -> Result<Vec<u8>, EnvelopeError> {
    keep_in_memory(plain.expose().as_bytes());
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
    // No armor holds the sign, and looking for one byte costs next to nothing.
    let may_be_marked = sealed.contains(&MARKER[0]);
    let is_marked = || {
        sealed.starts_with(MARKER)
            || sealed.windows(MARKER.len() + 1).any(|window| window[0] == b'\n' && &window[1..] == MARKER)
    };
    if may_be_marked && is_marked() {
        return Err(EnvelopeError::ConflictMarkers);
    }
    if [ARMOR, BINARY].iter().any(|magic| sealed.starts_with(magic)) {
        return Ok(());
    }
    let is_cut_short = [ARMOR, BINARY].iter().any(|magic| magic.starts_with(sealed));
    Err(if is_cut_short { EnvelopeError::Damaged } else { EnvelopeError::NotAge })
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes that sealing adds, armor apart: a header, and 16 for every 64 KiB.
    fn overhead(secrets: usize) -> usize {
        let mut text = SecretText::default();
        for number in 0..secrets {
            text.push_str(&format!("key_{number} = \"value {number}\"\n"));
        }
        let recipient = Identity::generate().recipient;
        let keys = Keys::new(Vec::new(), &Prompt::nobody());
        let binary = armor::decode(&seal(&text, &[&recipient], &keys).unwrap()).unwrap();
        let headers = binary.windows(22).filter(|window| window == b"age-encryption.org/v1\n").count();
        assert_eq!(headers, 1);
        binary.len() - text.len() - 16 * text.len().div_ceil(64 * 1024)
    }

    #[test]
    fn no_secret_has_cryptography_of_its_own() {
        // age adds a stanza of random length to every header.
        let (few, many) = (overhead(20), overhead(20_000));
        assert!(few < 1000 && many < 1000, "{few} {many}");
    }
}
