//! What TOML and JSON have in common: groups with keys, whole names, and variables, in any mixture.

use crate::name::is_secret_part;
use crate::secret::SecretValue;

use super::collect::Collector;
use super::model::{Context, Findings, Label, Reason};
use super::names::{Names, data_name};
use super::placeholder::is_placeholder_in_data;

/// A value of a document.
pub(super) enum Node {
    /// A text, or a number or boolean as it is spelled.
    Text(SecretValue),
    /// A table or object.
    Table(Vec<Item>),
    /// A list or a null.
    Other,
}

/// A key and its value.
pub(super) struct Item {
    pub(super) key: String,
    pub(super) line: usize,
    pub(super) node: Node,
}

/// Reads a document's top level: groups, a `secrets` table of groups, whole names, variables.
pub(super) fn read(items: Vec<Item>, context: &Context<'_>) -> Findings {
    let names = Names::new(context);
    let mut into = Collector::default();
    for item in items {
        match item.node {
            Node::Table(groups) if item.key == "secrets" && holds_tables(&groups) => {
                for item in groups {
                    read_top(item, &names, &mut into);
                }
            }
            node => read_top(Item { node, ..item }, &names, &mut into),
        }
    }
    into.finish(context.schema)
}

/// `[secrets.database]` and `secrets = { "database.password" = … }`, unlike a group that happens to be called `secrets`.
fn holds_tables(items: &[Item]) -> bool {
    items.iter().any(|item| matches!(item.node, Node::Table(_)) || item.key.contains('.'))
}

fn read_top(item: Item, names: &Names<'_>, into: &mut Collector) {
    let Item { key, line, node } = item;
    match node {
        Node::Table(items) if is_secret_part(&key) => {
            for item in items {
                read_key(Some(&key), item, names, into);
            }
        }
        node => read_key(None, Item { key, line, node }, names, into),
    }
}

fn read_key(group: Option<&str>, item: Item, names: &Names<'_>, into: &mut Collector) {
    let Item { key, line, node } = item;
    let name = data_name(group, &key);
    let Node::Text(value) = node else {
        let known = name.filter(|name| names.schema().secrets.contains_key(name));
        return into.skip(line, known.map(Label::Secret), Reason::NotText);
    };
    match name {
        None => names.add_variable(line, &key, value, into),
        Some(name) if value.is_empty() => into.skip_secret(line, name, Reason::Empty),
        Some(name) if is_placeholder_in_data(value.expose()) => {
            into.skip_secret(line, name, Reason::Placeholder);
        }
        Some(name) => into.add(line, name, value),
    }
}
