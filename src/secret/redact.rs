//! Taking known values out of a text that is about to leave the process.

use super::value::SecretValue;

/// What stands where a value stood.
const PLACEHOLDER: &str = "[redacted]";

/// Fewest characters of a line worth hiding: shorter ones occur everywhere, and hiding them destroys the text.
const FEWEST_CHARACTERS: usize = 4;

/// Whether a value, or a line of one, is long enough to be hidden in a log without making the log unreadable.
pub fn is_worth_hiding(line: &str) -> bool {
    line.trim().chars().count() >= FEWEST_CHARACTERS
}

/// Removes values, and the single lines of values with several, from texts.
#[derive(Default)]
pub struct Redactor {
    values: Vec<SecretValue>,
}

impl Redactor {
    /// Adds a value to look for. Lines of three characters or fewer are not looked for.
    pub fn add(&mut self, value: &SecretValue) {
        let text = value.expose();
        let lines = text.lines().map(str::trim);
        for part in std::iter::once(text).chain(lines).filter(|part| is_worth_hiding(part)) {
            // The longest first: a value inside another must not leave the other's remains.
            let at = self.values.partition_point(|value| value.expose().len() > part.len());
            self.values.insert(at, SecretValue::new(part.to_owned()));
        }
    }

    /// The text with every known value replaced by `[redacted]`.
    pub fn redact(&self, text: &str) -> String {
        self.values.iter().fold(text.to_owned(), |text, value| text.replace(value.expose(), PLACEHOLDER))
    }
}
