//! A growing text that holds secrets: a document, a rendered file.

use zeroize::{Zeroize, Zeroizing};

use super::value::SecretValue;

/// Text with secrets in it, wiped when dropped *and* whenever it grows, since a plain `String` that grows leaves its
/// old copy behind in memory. No `Debug`, no `Display`.
#[derive(Clone, Default)]
pub struct SecretText(Zeroizing<String>);

impl SecretText {
    /// An empty text with room for `bytes` bytes.
    pub fn with_capacity(bytes: usize) -> Self {
        Self(Zeroizing::new(String::with_capacity(bytes)))
    }

    /// Takes the text over without copying it.
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// Takes bytes over; `Err` gives the number of valid bytes before the first one that is not UTF-8.
    pub fn from_utf8(bytes: Vec<u8>) -> Result<Self, usize> {
        String::from_utf8(bytes).map(Self::new).map_err(|error| {
            let valid = error.utf8_error().valid_up_to();
            error.into_bytes().zeroize();
            valid
        })
    }

    /// Appends, moving to a larger buffer and wiping the smaller one where needed.
    pub fn push_str(&mut self, text: &str) {
        let needed = self.0.len() + text.len();
        if needed > self.0.capacity() {
            let mut larger = Zeroizing::new(String::with_capacity(needed.max(self.0.capacity() * 2).max(64)));
            larger.push_str(&self.0);
            self.0 = larger;
        }
        self.0.push_str(text);
    }

    /// Appends one character.
    pub fn push(&mut self, character: char) {
        self.push_str(character.encode_utf8(&mut [0; 4]));
    }

    /// The text itself. Whoever makes a copy wipes it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The text as one value, without copying it.
    pub fn into_value(mut self) -> SecretValue {
        SecretValue::new(std::mem::take(&mut *self.0))
    }

    /// Length in bytes.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no text at all.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
