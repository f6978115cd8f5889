//! What TOML forbids and a walk over single scalars does not see: keys and tables that stand twice.
//!
//! Whoever opens the store with stock `age` must be able to read it with any TOML parser. The secrets' own part, the
//! conflicts, the history, the exposures and the rotations are held to that where they are read; the rest, which holds no
//! secret values, is given to the `toml` crate.

use std::collections::HashSet;

use crate::secret::SecretText;

use super::outline::{DocumentError, DocumentProblem, Outline, error_at};
use super::parts::{section, start_of_line};
use super::version::is_usual_version;

/// Refuses a document that is no TOML outside its secrets.
pub(super) fn refuse_what_toml_refuses(text: &str, outline: &Outline) -> Result<(), DocumentError> {
    if let Some(leaf) = outline.leaves.iter().find(|leaf| outline.tables[leaf.table].path.is_empty()) {
        // Nothing is kept of them at the next write, so they must not be taken for part of the store.
        return Err(error_at(text, leaf.start, DocumentProblem::Store("keys stand above the first table")));
    }
    let skip_versions = has_usual_versions(text, outline);
    let mut rest = SecretText::with_capacity(1024);
    // Where each piece starts, in the rest and in the text.
    let mut pieces = vec![(0, 0)];
    for (index, table) in outline.tables.iter().enumerate().skip(1) {
        let is_ours = matches!(section(table), "secrets" | "conflicts" | "history" | "exposed" | "rotations");
        if is_ours || (skip_versions && section(table) == "versions") {
            continue;
        }
        let start = start_of_line(text, table.start);
        let end = outline.tables.get(index + 1).map_or(text.len(), |next| start_of_line(text, next.start));
        pieces.push((rest.len(), start));
        rest.push_str(&text[start..end]);
    }
    let Err(error) = toml::de::DeTable::parse(rest.expose()) else { return Ok(()) };
    let at = error.span().map_or(0, |span| span.start);
    let (in_rest, in_text) = pieces.iter().rfind(|(in_rest, _)| *in_rest <= at).copied().unwrap_or((0, 0));
    let problem = DocumentProblem::Syntax(error.message().to_owned());
    Err(error_at(text, in_text + (at - in_rest), problem))
}

/// Whether `[versions]` has the form that this program writes and names nothing twice. There is a line for every
/// secret, so the usual form is worth a look before all of it is read a second time.
fn has_usual_versions(text: &str, outline: &Outline) -> bool {
    let mut tables = outline.tables.iter().enumerate().filter(|(_, table)| section(table) == "versions");
    let (Some((index, table)), None) = (tables.next(), tables.next()) else { return false };
    let first = outline.leaves.partition_point(|leaf| leaf.table < index);
    let end = outline.leaves.partition_point(|leaf| leaf.table <= index);
    let leaves = &outline.leaves[first..end];
    let mut names = HashSet::with_capacity(leaves.len());
    table.path.len() == 1
        && !table.is_array
        && leaves.iter().all(|leaf| {
            leaf.nested
                && leaf.keys.len() == 1
                && is_usual_version(&text[leaf.value.clone()])
                && names.insert(&leaf.keys[0])
        })
}
