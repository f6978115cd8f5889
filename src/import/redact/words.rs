//! How freely a value may be replaced: a password `admin` must not take `administrator` with it.

use std::ops::Range;

/// Fewest characters of a value that is replaced anywhere.
const SHORTEST: usize = 4;
/// From this length on a plain word is taken for a credential, not for a part of the language.
const LONG_ENOUGH: usize = 8;

/// How freely a value is replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// Wherever it stands.
    Everywhere,
    /// Where it stands as a whole word.
    Words,
    /// As a whole word on the lines where it was found.
    Lines,
}

impl Reach {
    /// How far to go for `value`, where `others` are the values on the page that are not secret.
    pub(super) fn of<'a>(value: &str, mut others: impl Iterator<Item = &'a str>) -> Self {
        let length = value.trim().chars().count();
        let plain_word = length < LONG_ENOUGH && value.chars().all(char::is_alphanumeric);
        if length < SHORTEST {
            Self::Lines
        } else if plain_word || others.any(|other| is_guarded(other) && other.contains(value)) {
            Self::Words
        } else {
            Self::Everywhere
        }
    }
}

/// Whether a value that is not secret keeps what it holds: an address does, but a URL can hold a password.
pub(super) fn is_guarded(value: &str) -> bool {
    !value.is_empty() && !value.contains("://")
}

/// Whether what stands at `range` is a word of its own. Dots and hyphens inside host names do not end a word.
pub(super) fn is_whole_word(text: &str, range: &Range<usize>) -> bool {
    let joins = |nearest: Option<char>, beyond: Option<char>| match nearest {
        Some('-' | '.') => beyond.is_some_and(char::is_alphanumeric),
        Some(c) => c.is_alphanumeric() || c == '_',
        None => false,
    };
    let (before, after) = (&text[..range.start], &text[range.end..]);
    let (mut back, mut on) = (before.chars().rev(), after.chars());
    let joined_before = joins(back.next(), back.next()) && !ends_encoded(before);
    !joined_before && !joins(on.next(), on.next())
}

/// `%3A` is no part of the word behind it.
fn ends_encoded(before: &str) -> bool {
    let tail = before.len().checked_sub(3).and_then(|at| before.get(at..));
    tail.is_some_and(|tail| tail.starts_with('%') && tail[1..].bytes().all(|b| b.is_ascii_hexdigit()))
}
