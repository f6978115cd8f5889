//! Since when a secret has its value, and how it got it: the lines of `[versions]`.

use std::collections::HashMap;

use jiff::Timestamp;

use super::outline::{Outline, Range};
use super::parts::{end_of_line, section};

/// How a value came into the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// Typed by a person: `edit` or `set`.
    Edit,
    /// Made by `generate`.
    Generate,
    /// Taken over by `import`.
    Import,
    /// An earlier value, brought back by `rollback`.
    Rollback,
    /// Out of a backup.
    Restore,
    /// Made by a rotation, or brought back where one was undone.
    Rotate,
}

impl Origin {
    /// The word in the document.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Edit => "edit",
            Self::Generate => "generate",
            Self::Import => "import",
            Self::Rollback => "rollback",
            Self::Restore => "restore",
            Self::Rotate => "rotate",
        }
    }
}

/// Since when a secret has its value, and how it got it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// The moment of the write.
    pub since: Timestamp,
    /// The word for how: one of [`Origin::name`], or a later program's.
    pub origin: String,
}

/// The inline table of each name in `[versions]`.
pub(super) fn versions(text: &str, outline: &Outline<'_>) -> HashMap<String, Range> {
    let mut found = HashMap::new();
    for leaf in outline.leaves.iter().filter(|leaf| section(&outline.tables[leaf.table]) == "versions") {
        let Some(name) = leaf.keys.first() else { continue };
        if !found.contains_key(&**name) {
            // An array has no value's place.
            let line = &text[leaf.start..end_of_line(text, leaf.value.end.max(leaf.start))];
            let start = leaf.start + line.find('{').unwrap_or(line.len());
            let end = leaf.start + line.rfind('}').map_or(line.len(), |brace| brace + 1);
            found.insert(name.clone().into_owned(), start.min(end)..end);
        }
    }
    found
}

/// `{ since = 2026-11-23T12:00:00Z, origin = "edit" }`.
pub(super) fn is_usual_version(raw: &str) -> bool {
    let parts = raw.strip_prefix("{ since = ").and_then(|rest| rest.split_once(", origin = \""));
    let Some((since, origin)) = parts else { return false };
    let word = origin.strip_suffix("\" }");
    is_usual_time(since) && word.is_some_and(|word| word.bytes().all(|byte| byte.is_ascii_lowercase()))
}

/// A moment as this program writes it, `2026-11-23T12:00:00Z`.
pub(super) fn is_usual_time(raw: &str) -> bool {
    raw.len() == 20 && raw.as_bytes()[4] == b'-' && raw.parse::<Timestamp>().is_ok()
}
