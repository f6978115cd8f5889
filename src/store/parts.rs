//! The parts of a document: what it says of itself, who can open it, and where everything else stands.

use jiff::Timestamp;

use super::outline::{DocumentError, DocumentProblem, Leaf, Outline, Range, Table, error_at};
use super::pushes;
use super::toml_text::decode_scalar;

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
        });
    }
    if found.is_empty() {
        Err(error_at(text, 0, DocumentProblem::Store("there is no recipient")))
    } else {
        Ok(found)
    }
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
            "store" | "recipients" | "versions" | "conflicts" | "history" => {}
            _ if pushes::is_ours(table) => {}
            _ => foreign.push(start..end),
        }
    }
    (secrets, foreign)
}
