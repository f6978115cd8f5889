//! The secrets of a document and where each stands; what TOML forbids among them is refused.

use std::collections::HashMap;

use crate::name::SecretName;

use super::outline::{DocumentError, DocumentProblem, Leaf, Outline, Range, Table, error_at};
use super::parts::{raw, section};
use super::toml_text::{ScalarProblem, decode_scalar, is_verbatim};

/// Where one secret stands.
pub(super) struct Entry {
    pub(super) name: SecretName,
    pub(super) value: Range,
    pub(super) encoding: Option<toml_parser::decoder::Encoding>,
}

/// The secrets of a text of `[secrets.group]` tables, as `edit` shows it, with the byte where each stands.
pub(super) fn check_secrets_text(text: &str) -> Result<Vec<(SecretName, usize)>, DocumentError> {
    let outline = Outline::read(text, &["secrets"])?;
    let is_foreign = |table: &&Table| section(table) != "secrets" || table.path.len() == 1 || table.is_array;
    if let Some(table) = outline.tables.iter().skip(1).find(is_foreign) {
        return Err(error_at(text, table.start, DocumentProblem::ForeignTable));
    }
    let entries = entries(text, &outline)?;
    sort(text, &entries)?;
    Ok(entries.into_iter().map(|entry| (entry.name, entry.value.start)).collect())
}

pub(super) fn entries(text: &str, outline: &Outline<'_>) -> Result<Vec<Entry>, DocumentError> {
    refuse_repeated_tables(text, outline)?;
    let mut entries = Vec::with_capacity(outline.leaves.len());
    for leaf in &outline.leaves {
        let table = &outline.tables[leaf.table];
        if section(table) == "secrets" {
            entries.push(entry(text, table, leaf)?);
        }
    }
    refuse_mixed_groups(text, outline)?;
    Ok(entries)
}

fn entry(text: &str, table: &Table, leaf: &Leaf<'_>) -> Result<Entry, DocumentError> {
    let fail = |problem| Err(error_at(text, leaf.start, problem));
    let named = match (&table.path[1..], &*leaf.keys) {
        _ if table.is_array => return fail(DocumentProblem::ForeignTable),
        ([], [group, key, ..]) => SecretName::new(group, key),
        ([group], [key, ..]) => SecretName::new(group, key),
        ([], [_]) => return fail(DocumentProblem::Name(crate::name::NameError::NotGroupAndKey)),
        _ => return error_at_table(text, table),
    };
    let name = match named {
        Ok(name) => name,
        Err(error) => return fail(DocumentProblem::Name(error)),
    };
    if leaf.nested || table.path.len() + leaf.keys.len() != 3 {
        return fail(DocumentProblem::NotText(name));
    }
    match decode_check(raw(text, leaf), leaf) {
        Ok(()) => Ok(Entry { name, value: leaf.value.clone(), encoding: leaf.encoding }),
        Err(ScalarProblem::Invalid) => {
            let what = match leaf.encoding {
                None => "a text needs quotes around it",
                Some(_) => "the text has no closing quote, or a backslash before a character that takes none",
            };
            Err(error_at(text, leaf.value.start, DocumentProblem::Syntax(what.to_owned())))
        }
        Err(ScalarProblem::NeedsQuotes) => fail(DocumentProblem::NeedsQuotes(name)),
    }
}

/// Whether a value can be decoded; plain strings can by their form alone.
fn decode_check(raw: &str, leaf: &Leaf<'_>) -> Result<(), ScalarProblem> {
    if is_verbatim(raw, leaf.encoding) { Ok(()) } else { decode_scalar(raw, leaf.encoding).map(drop) }
}

fn error_at_table<T>(text: &str, table: &Table) -> Result<T, DocumentError> {
    Err(error_at(text, table.start, DocumentProblem::ForeignTable))
}

fn refuse_repeated_tables(text: &str, outline: &Outline<'_>) -> Result<(), DocumentError> {
    let mut seen: HashMap<&[String], usize> = HashMap::new();
    // The part above all headers has a path only in the text that `edit` shows, where it is `[secrets]`.
    for table in outline.tables.iter().filter(|table| !table.path.is_empty()) {
        let is_secrets = section(table) == "secrets";
        if table.is_array && !is_secrets {
            continue;
        }
        if is_secrets && (table.is_array || table.path.len() > 2) {
            return error_at_table(text, table);
        }
        if let Some(first) = seen.insert(&table.path, table.start) {
            let line = error_at(text, first, DocumentProblem::ForeignTable).line;
            return Err(error_at(text, table.start, DocumentProblem::DuplicateTable(line)));
        }
    }
    Ok(())
}

/// TOML does not let a group be both `[secrets.group]` and `group.key` below `[secrets]`.
fn refuse_mixed_groups(text: &str, outline: &Outline<'_>) -> Result<(), DocumentError> {
    let is_dotted = |leaf: &&Leaf<'_>| {
        let table = &outline.tables[leaf.table];
        section(table) == "secrets" && table.path.len() == 1
    };
    let groups = outline.tables.iter().filter(|table| section(table) == "secrets" && table.path.len() == 2);
    // The first of each name, as there may be an array of them.
    let groups: HashMap<&str, &Table> = groups.rev().map(|table| (table.path[1].as_str(), table)).collect();
    for leaf in outline.leaves.iter().filter(is_dotted) {
        if let Some(twin) = groups.get(&*leaf.keys[0]) {
            let line = error_at(text, leaf.start, DocumentProblem::ForeignTable).line;
            return Err(error_at(text, twin.start, DocumentProblem::DuplicateTable(line)));
        }
    }
    Ok(())
}

/// The indices of the entries by name; the same name twice is an error.
pub(super) fn sort(text: &str, entries: &[Entry]) -> Result<Vec<usize>, DocumentError> {
    let mut sorted: Vec<usize> = (0..entries.len()).collect();
    if !entries.is_sorted_by(|a, b| a.name < b.name) {
        sorted.sort_by(|a, b| entries[*a].name.cmp(&entries[*b].name));
    }
    for pair in sorted.windows(2) {
        let (first, second) = (&entries[pair[0]], &entries[pair[1]]);
        if first.name == second.name {
            let line = error_at(text, first.value.start, DocumentProblem::ForeignTable).line;
            let problem = DocumentProblem::Duplicate(first.name.clone(), line);
            return Err(error_at(text, second.value.start, problem));
        }
    }
    Ok(sorted)
}
