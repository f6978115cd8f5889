//! What a command over there has said, and how it ended.

use crate::secret::{Redactor, SecretText};

/// Most characters of one line that are shown.
const WIDEST: usize = 300;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ran {
    /// With code 0.
    Done,
    /// With another code; 126 and 127 mean that it could not be run.
    Exit(u8),
    /// Not within this many seconds.
    Deadline(u64),
}

/// The last 8 KiB of a command's output and errors. It may hold values, so it is shown by [`Output::last_lines`] only.
pub struct Output(SecretText);

impl Output {
    /// Takes what was received; what is not UTF-8 is replaced.
    pub(super) fn new(bytes: &[u8]) -> Self {
        Self(SecretText::new(String::from_utf8_lossy(bytes).into_owned()))
    }

    /// The last lines that are not empty, at most `most`, without values and control characters.
    pub fn last_lines(&self, most: usize, redactor: &Redactor) -> Vec<String> {
        let clean = redactor.redact(self.0.expose());
        // What a terminal would have overwritten is not worth a line; colours are not either.
        let lines =
            clean.lines().map(|line| line.rsplit('\r').find(|part| !part.is_empty()).unwrap_or_default());
        let mut last: Vec<String> = lines.map(plain).filter(|line| !line.trim().is_empty()).collect();
        last.split_off(last.len().saturating_sub(most))
    }
}

/// The line without escape sequences and control characters, at most 300 characters.
fn plain(line: &str) -> String {
    let mut text = String::new();
    let mut characters = line.chars().peekable();
    while let Some(character) = characters.next() {
        if character == '\u{1b}' && characters.next_if_eq(&'[').is_some() {
            // The sequence ends with a letter or another byte from @ to ~.
            while characters.next().is_some_and(|c| !('@'..='~').contains(&c)) {}
        } else if !character.is_control() {
            text.push(character);
        } else if character == '\t' {
            text.push(' ');
        }
    }
    text.chars().take(WIDEST).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::SecretValue;

    #[test]
    fn the_last_lines_are_plain_and_redacted() {
        let mut redactor = Redactor::default();
        redactor.add(&SecretValue::new("hunter22".to_owned()));
        let said = b"one\n 10%\r 99%\r\n\n\x1b[32mdone\x1b[0m with\thunter22\xff\n".to_vec();
        let output = Output::new(&said);
        assert_eq!(output.last_lines(2, &redactor), [" 99%", "done with [redacted]\u{fffd}"]);
        assert_eq!(output.last_lines(9, &redactor), ["one", " 99%", "done with [redacted]\u{fffd}"]);
    }
}
