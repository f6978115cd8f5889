//! TOML documents.

use std::borrow::Cow;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::secret::SecretValue;

use super::model::{Context, Findings, ImportError};
use super::tree::{self, Item, Node};

/// Reads `[group] key = "v"`, `[secrets.group]`, `"group.key" = "v"` and `VARIABLE = "v"`.
pub(super) fn read(text: &str, context: &Context<'_>) -> Result<Findings, ImportError> {
    // The parser's message quotes the text; only its place is taken.
    let table = DeTable::parse(text).map_err(|error| {
        let (line, column) = place(text, error.span().map_or(0, |span| span.start));
        ImportError::Syntax { format: "TOML", line, column }
    })?;
    Ok(tree::read(items(table.into_inner(), text), context))
}

fn items(table: DeTable<'_>, text: &str) -> Vec<Item> {
    table
        .into_iter()
        .map(|(key, value)| {
            let line = place(text, key.span().start).0;
            Item { key: key.into_inner().into_owned(), line, node: node(value, text) }
        })
        .collect()
}

fn node(value: Spanned<DeValue<'_>>, text: &str) -> Node {
    let span = value.span();
    match value.into_inner() {
        DeValue::String(value) => Node::Text(SecretValue::new(Cow::into_owned(value))),
        DeValue::Table(table) => Node::Table(items(table, text)),
        DeValue::Array(_) => Node::Other,
        // Numbers, booleans and dates are taken as they are spelled: `1_000` and `0x1F` mean what their reader says.
        _ => Node::Text(SecretValue::new(literal(text, span))),
    }
}

fn literal(text: &str, span: Range<usize>) -> String {
    text.get(span).unwrap_or_default().to_owned()
}

/// Line and column of a byte offset, from 1, the column in characters.
pub(super) fn place(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    (line, column)
}
