//! age in, age out: whole and authenticated before anyone sees a byte. Knows nothing of the document.
//!
//! Format: age v1 (<https://age-encryption.org/v1>), ASCII-armored.

use std::fmt;
use std::io::{self, BufRead, Read, Write};
use std::str::FromStr;

use age::armor::{ArmoredReader, ArmoredWriter, Format};
use zeroize::Zeroize;

use crate::secret::SecretText;
use crate::sys::{keep_in_memory, locked_buffer};

use super::armor;
use super::identity::Identity;

/// What an armored age file starts with.
const ARMOR: &[u8] = b"-----BEGIN AGE ENCRYPTED FILE-----";

/// What an age file without armor starts with, any version.
const BINARY: &[u8] = b"age-encryption.org/v";

/// Why a file could not be opened or sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
    /// An age file for a passphrase.
    Passphrase,
    /// Decrypted to something that is no text.
    NotText,
    /// A recipient's key is not one that this program can encrypt to.
    BadRecipient,
}

impl fmt::Display for EnvelopeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "the file is empty",
            Self::NotAge => "not an age file",
            Self::ConflictMarkers => "git's conflict markers stand in the file",
            Self::Damaged => "damaged: cut short or changed since it was written",
            Self::NoMatchingIdentity => "none of the identities at hand opens it",
            Self::Passphrase => "encrypted with a passphrase, which this version cannot ask for",
            Self::NotText => "it opens, but what is inside is no text",
            Self::BadRecipient => "a recipient's key is not an age X25519 key",
        })
    }
}

impl std::error::Error for EnvelopeError {}

/// Opens a file. Every byte is authenticated before the first is given out.
pub(super) fn open(sealed: &[u8], identities: &[Identity]) -> Result<SecretText, EnvelopeError> {
    // As the age specification allows, and Go's age does.
    let trimmed = sealed.trim_ascii_start();
    let sealed = if trimmed.starts_with(ARMOR) { trimmed } else { sealed };
    refuse_foreign(sealed)?;
    match armor::decode(sealed) {
        Some(binary) => decrypt(binary.as_slice(), binary.len(), identities),
        None => decrypt(ArmoredReader::new(sealed), sealed.len(), identities),
    }
}

/// Decrypts what `input` gives, which is at most `longest` bytes.
fn decrypt(
    input: impl BufRead,
    longest: usize,
    identities: &[Identity],
) -> Result<SecretText, EnvelopeError> {
    let decryptor = age::Decryptor::new_buffered(input).map_err(|error| header_error(&error))?;
    if decryptor.is_scrypt() {
        return Err(EnvelopeError::Passphrase);
    }
    let mut reader =
        decryptor.decrypt(identities.iter().map(Identity::as_age)).map_err(|error| header_error(&error))?;
    // Plain text is never longer than the file, so this never grows and leaves no copy behind.
    let mut plain = locked_buffer(longest + 64);
    if reader.read_to_end(&mut plain).is_err() {
        plain.zeroize();
        return Err(EnvelopeError::Damaged);
    }
    SecretText::from_utf8(plain).map_err(|_| EnvelopeError::NotText)
}

/// Seals a text for the recipients, armored.
pub(super) fn seal(plain: &SecretText, recipients: &[&str]) -> Result<Vec<u8>, EnvelopeError> {
    keep_in_memory(plain.expose().as_bytes());
    let keys: Vec<age::x25519::Recipient> = recipients
        .iter()
        .map(|key| age::x25519::Recipient::from_str(key).map_err(|_| EnvelopeError::BadRecipient))
        .collect::<Result<_, _>>()?;
    let encryptor = age::Encryptor::with_recipients(keys.iter().map(|key| key as &dyn age::Recipient))
        .map_err(|_| EnvelopeError::BadRecipient)?;
    // Writing to memory fails only where there is no memory.
    write_sealed(encryptor, plain).map_err(|_| EnvelopeError::Damaged)
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
    match error {
        age::DecryptError::NoMatchingKeys => EnvelopeError::NoMatchingIdentity,
        age::DecryptError::InvalidHeader | age::DecryptError::UnknownFormat => EnvelopeError::NotAge,
        age::DecryptError::ExcessiveWork { .. } => EnvelopeError::Passphrase,
        _ => EnvelopeError::Damaged,
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
        let recipient = Identity::generate().recipient();
        let binary = armor::decode(&seal(&text, &[&recipient]).unwrap()).unwrap();
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
