//! The parts of a document: what it says of itself, who can open it, and where everything else stands.

use jiff::Timestamp;

use crate::secret::SecretText;

use super::outline::{DocumentError, DocumentProblem, Leaf, Outline, Range, Table, error_at};
use super::pushes;
use super::recipient::{short_key, without_comment};
use super::toml_text::{decode_scalar, push_toml_string};

/// The format that this program writes.
pub(super) const FORMAT: u64 = 1;

/// Somebody who can open the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipient {
    /// What people call them.
    pub name: String,
    /// The public key, `age1…`.
    pub key: String,
    /// Since when.
    pub since: Timestamp,
    /// Where the key was taken from, if it was looked up: `github:USER`.
    pub from: Option<String>,
    /// What a person wrote about them.
    pub note: Option<String>,
}

impl Recipient {
    /// Somebody without a note, whose key was given.
    pub fn new(name: String, key: String, since: Timestamp) -> Self {
        Self { name, key, since, from: None, note: None }
    }

    /// Name and shortened key, on one line whatever stands in the name.
    pub fn who(&self) -> String {
        let name: String = self.name.chars().filter(|letter| !letter.is_control()).collect();
        format!("{name} ({})", short_key(&self.key))
    }

    /// Whether this is their key. The comment behind an SSH key does not count.
    pub fn is_for(&self, key: &str) -> bool {
        without_comment(&self.key) == without_comment(key)
    }
}

/// What a document says of itself.
#[derive(Clone)]
pub(super) struct Header {
    pub(super) id: String,
    pub(super) generation: u64,
    pub(super) written: Timestamp,
    pub(super) by: String,
}

/// The first key of a table's path.
pub(super) fn section(table: &Table) -> &str {
    table.path.first().map_or("", String::as_str)
}

pub(super) fn raw<'t>(text: &'t str, leaf: &Leaf<'_>) -> &'t str {
    &text[leaf.value.clone()]
}

pub(super) fn header(text: &str, outline: &Outline<'_>) -> Result<Header, DocumentError> {
    let damaged = |what| error_at(text, 0, DocumentProblem::Store(what));
    let find = |key: &str| {
        outline.leaves.iter().find(|leaf| {
            outline.tables[leaf.table].path == ["store"] && leaf.keys.len() == 1 && leaf.keys[0] == key
        })
    };
    let string = |key| {
        let leaf = find(key)?;
        decode_scalar(raw(text, leaf), leaf.encoding).ok().map(|value| value.expose().to_owned())
    };
    let number = |key| find(key).and_then(|leaf| raw(text, leaf).parse::<u64>().ok());
    let format = number("format").ok_or_else(|| damaged("`format` is missing"))?;
    if format > FORMAT {
        return Err(error_at(text, 0, DocumentProblem::Format(format)));
    }
    Ok(Header {
        id: string("id").filter(|id| !id.is_empty()).ok_or_else(|| damaged("`id` is missing"))?,
        generation: number("generation").ok_or_else(|| damaged("`generation` is missing"))?,
        written: find("written")
            .and_then(|leaf| raw(text, leaf).parse().ok())
            .ok_or_else(|| damaged("`written` is missing"))?,
        by: string("by").unwrap_or_default(),
    })
}

pub(super) fn recipients(text: &str, outline: &Outline<'_>) -> Result<Vec<Recipient>, DocumentError> {
    let mut found = Vec::new();
    for (index, table) in
        outline.tables.iter().enumerate().filter(|(_, table)| section(table) == "recipients")
    {
        let damaged = || {
            error_at(text, table.start, DocumentProblem::Store("a recipient needs a name, a key and a date"))
        };
        let find = |key: &str| outline.leaves.iter().find(|leaf| leaf.table == index && *leaf.keys == [key]);
        let string = |key| {
            let leaf = find(key)?;
            decode_scalar(raw(text, leaf), leaf.encoding).ok().map(|value| value.expose().to_owned())
        };
        found.push(Recipient {
            name: string("name").ok_or_else(damaged)?,
            key: string("key").ok_or_else(damaged)?,
            since: find("since").and_then(|leaf| raw(text, leaf).parse().ok()).ok_or_else(damaged)?,
            from: string("from"),
            note: string("note"),
        });
    }
    if found.is_empty() {
        Err(error_at(text, 0, DocumentProblem::Store("there is no recipient")))
    } else {
        Ok(found)
    }
}

/// Appends one recipient, beginning with the line end of what stands above.
pub(super) fn push_recipient(text: &mut SecretText, recipient: &Recipient) {
    text.push_str("\n\n[[recipients]]\nname = ");
    push_toml_string(text, &recipient.name);
    text.push_str("\nkey = ");
    push_toml_string(text, &recipient.key);
    text.push_str(&format!("\nsince = {}", recipient.since));
    for (label, words) in [("\nfrom = ", &recipient.from), ("\nnote = ", &recipient.note)] {
        if let Some(words) = words {
            text.push_str(label);
            push_toml_string(text, words);
        }
    }
}

/// The lines of tables that hold no values, and where the first of them starts; nothing if there are none.
pub(super) fn lines_of(
    text: &str,
    outline: &Outline<'_>,
    are_they: impl Fn(&Table) -> bool,
) -> Option<(usize, String)> {
    let tables = outline.tables.iter().enumerate().skip(1);
    let found: Vec<_> = tables.filter(|(_, table)| are_they(table)).collect();
    let (_, first) = found.first()?;
    let mut lines = String::new();
    for (index, table) in &found {
        let end = outline.tables.get(index + 1).map_or(text.len(), |next| start_of_line(text, next.start));
        lines.push_str(&text[start_of_line(text, table.start)..end]);
    }
    Some((first.start, lines))
}

/// Where the line that `at` is in ends, its line feed included.
pub(super) fn end_of_line(text: &str, at: usize) -> usize {
    text[at..].find('\n').map_or(text.len(), |newline| at + newline + 1)
}

/// Where the line that `at` is in starts.
pub(super) fn start_of_line(text: &str, at: usize) -> usize {
    text[..at].rfind('\n').map_or(0, |newline| newline + 1)
}

/// The pieces that `edit` shows, and the tables that nobody here knows.
pub(super) fn regions(text: &str, tables: &[Table]) -> (Vec<Range>, Vec<Range>) {
    let (mut secrets, mut foreign): (Vec<Range>, Vec<Range>) = (Vec::new(), Vec::new());
    for (index, table) in tables.iter().enumerate().skip(1) {
        let end = tables.get(index + 1).map_or(text.len(), |next| start_of_line(text, next.start));
        let start = start_of_line(text, table.start);
        match section(table) {
            "secrets" => {
                let start = if table.path.len() == 1 { end_of_line(text, table.start) } else { start };
                if table.path.len() == 1 {
                    // Keys below `[secrets]` would belong to another table if they followed its header.
                    secrets.insert(0, start..end);
                    continue;
                }
                match secrets.last_mut() {
                    Some(last) if last.end == start => last.end = end,
                    _ => secrets.push(start..end),
                }
            }
            "store" | "recipients" | "versions" | "conflicts" | "history" | "exposed" | "due"
            | "rotations" => {}
            _ if pushes::is_ours(table) => {}
            _ => foreign.push(start..end),
        }
    }
    (secrets, foreign)
}
