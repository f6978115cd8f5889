//! One secret value.

use zeroize::Zeroizing;

/// The content of one secret: UTF-8 text, wiped when dropped.
///
/// It has no `Debug`, `Display` or `Serialize`, so that it cannot reach a log, a message or a report by accident.
/// [`expose`](Self::expose) is the only way out; `tests/architecture.rs` lists the files that may call it.
#[derive(Clone)]
pub struct SecretValue(Zeroizing<String>);

impl SecretValue {
    /// Takes the text over without copying it.
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The value itself. Whoever makes a copy wipes it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether there is no text at all.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Compares every byte whatever the outcome, so that the time taken says nothing but the length.
impl PartialEq for SecretValue {
    fn eq(&self, other: &Self) -> bool {
        let (ours, theirs) = (self.0.as_bytes(), other.0.as_bytes());
        let differing = ours.iter().zip(theirs).fold(0, |sum, (a, b)| sum | (a ^ b));
        ours.len() == theirs.len() && differing == 0
    }
}

impl Eq for SecretValue {}
