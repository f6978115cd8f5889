//! `[secrets.GROUP]` and `[secrets.GROUP.KEY]`.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry as Slot;

use crate::name::{NameError, SecretName, is_secret_part};
use crate::schema::check::compile_pattern;
use crate::schema::model::{Entry, Group, Place, Rules, Schema, Type};

use super::context::Context;
use super::target::require;
use super::tree::{Key, Node, Table, Value};
use super::{is_table, policy, rotation};

/// What a group may say of itself.
const GROUP_KEYS: [&str; 3] = ["title", "description", "docs"];

/// What a secret may say of itself.
const ENTRY_KEYS: [&str; 16] = [
    "type",
    "title",
    "description",
    "docs",
    "example",
    "required",
    "secret",
    "min-length",
    "max-length",
    "pattern",
    "starts-with",
    "one-of",
    "generate",
    "rotate",
    "deprecated",
    "expires",
];

/// What `expires` may say beside the day.
const EXPIRY_KEYS: [&str; 2] = ["on", "warn"];

const SECONDS_OF_A_DAY: u64 = 86_400;

/// Where each attribute of each group was given.
pub(super) type Attributes = BTreeMap<(String, String), Place>;

/// Reads the groups of one file.
pub(super) fn secrets(
    context: Context<'_>,
    section: &Table<'_>,
    schema: &mut Schema,
    attributes: &mut Attributes,
) {
    for (key, value) in section.iter() {
        if !is_secret_part(key.get_ref()) {
            context.error(&key.span(), NameError::SecretCharacters.to_string());
        } else if let Some(members) = context.table(key, value) {
            group(context, key.get_ref(), members, schema, attributes);
        }
    }
}

fn group(
    context: Context<'_>,
    name: &str,
    members: &Table<'_>,
    schema: &mut Schema,
    attributes: &mut Attributes,
) {
    let known = schema.groups.entry(name.to_owned()).or_default();
    for (key, value) in members.iter() {
        if !is_table(value) {
            attribute(context, name, key, value, known, attributes);
            continue;
        }
        match SecretName::new(name, key.get_ref()) {
            Err(error) => context.error(&key.span(), error.to_string()),
            Ok(name) => match schema.secrets.entry(name) {
                Slot::Occupied(first) => {
                    let message =
                        format!("`{}` is declared twice, first at {}", first.key(), first.get().place);
                    context.error(&key.span(), message);
                }
                Slot::Vacant(slot) => {
                    let entry = entry(context, slot.key(), key, value);
                    slot.insert(entry);
                }
            },
        }
    }
}

fn attribute(
    context: Context<'_>,
    group: &str,
    key: &Key<'_>,
    value: &Value<'_>,
    known: &mut Group,
    attributes: &mut Attributes,
) {
    let name = key.get_ref().as_ref();
    let field = match name {
        "title" => &mut known.title,
        "description" => &mut known.description,
        "docs" => &mut known.docs,
        _ => {
            let meant = context.did_you_mean(name, GROUP_KEYS.into_iter());
            let hint = meant.or_else(|| Some(format!("a secret is a table: [secrets.{group}.{name}]")));
            return context.error_with(&key.span(), format!("unknown key `{name}`"), hint);
        }
    };
    let place = context.place(&key.span());
    if let Some(first) = attributes.insert((group.to_owned(), name.to_owned()), place) {
        let message = format!("`{name}` of group `{group}` is given twice, first at {first}");
        return context.error(&key.span(), message);
    }
    *field = if name == "docs" { docs(context, key, value) } else { context.owned(key, value) };
}

fn entry(context: Context<'_>, name: &SecretName, at: &Key<'_>, value: &Value<'_>) -> Entry {
    let mut entry = Entry::new(Type::String, context.place(&at.span()));
    let Node::Table(table) = value.get_ref() else { return entry };
    if let Some((key, value)) = table.get_key_value("type") {
        entry.kind = kind(context, key, value).unwrap_or(Type::String);
    }
    entry.secret = entry.kind.is_secret();
    for (key, value) in table.iter() {
        match key.get_ref().as_ref() {
            "type" => {}
            "title" => entry.title = context.owned(key, value),
            "description" => entry.description = context.owned(key, value),
            "docs" => entry.docs = docs(context, key, value),
            "example" => entry.example = context.owned(key, value),
            "required" => entry.required = context.flag(key, value).unwrap_or(true),
            "secret" => entry.secret = context.flag(key, value).unwrap_or(entry.secret),
            "generate" => entry.generate = policy::generate(context, &entry.kind, key, value),
            "rotate" => entry.rotate = rotation::rotate(context, name, key, value),
            "deprecated" => entry.deprecated = context.owned(key, value),
            "expires" => expires(context, key, value, &mut entry),
            _ => rule(context, key, value, &mut entry.rules),
        }
    }
    check(context, at, table, &entry);
    entry
}

/// Reads a rule for the value.
fn rule(context: Context<'_>, key: &Key<'_>, value: &Value<'_>, rules: &mut Rules) {
    match key.get_ref().as_ref() {
        "min-length" => rules.min_length = context.count(key, value),
        "max-length" => rules.max_length = context.count(key, value),
        "pattern" => rules.pattern = pattern(context, key, value),
        "starts-with" => rules.starts_with = context.owned(key, value),
        "one-of" => rules.one_of = one_of(context, key, value),
        _ => context.unknown_key(key, &ENTRY_KEYS),
    }
}

/// What no single key can tell.
fn check(context: Context<'_>, at: &Key<'_>, table: &Table<'_>, entry: &Entry) {
    if entry.kind == Type::Enum && !table.contains_key("one-of") {
        let hint = "list the words it may be: one-of = [\"a\", \"b\"]".to_owned();
        context.error_with(&at.span(), "type `enum` needs `one-of`", Some(hint));
    }
    if let (Some(least), Some(most)) = (entry.rules.min_length, entry.rules.max_length)
        && least > most
    {
        context.error(&at.span(), "`min-length` is larger than `max-length`");
    }
}

fn kind(context: Context<'_>, key: &Key<'_>, value: &Value<'_>) -> Option<Type> {
    let word = context.text(key, value)?;
    let found = Type::NAMES.into_iter().find(|(name, _)| *name == word);
    if found.is_none() {
        context.unknown_word("a type", word, value, &Type::NAMES.map(|(name, _)| name));
    }
    found.map(|(_, kind)| kind)
}

fn docs(context: Context<'_>, key: &Key<'_>, value: &Value<'_>) -> Option<String> {
    let url = context.text(key, value)?;
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    if rest.is_none_or(|rest| rest.is_empty() || rest.contains(char::is_whitespace)) {
        context.error(&value.span(), "`docs` must be a URL that starts with https://");
        return None;
    }
    Some(url.to_owned())
}

fn pattern(context: Context<'_>, key: &Key<'_>, value: &Value<'_>) -> Option<String> {
    let text = context.text(key, value)?;
    if let Err(error) = compile_pattern(text) {
        context.error(&value.span(), format!("`pattern` is not a regular expression: {error}"));
        return None;
    }
    Some(text.to_owned())
}

fn one_of(context: Context<'_>, key: &Key<'_>, value: &Value<'_>) -> Vec<String> {
    let Some(words) = context.texts(key, value) else { return Vec::new() };
    if words.is_empty() {
        context.error(&value.span(), "`one-of` allows no value at all");
    }
    words
}

/// Reads `expires`: a day, or `{ on = DAY, warn = "14d" }`.
fn expires(context: Context<'_>, key: &Key<'_>, value: &Value<'_>, entry: &mut Entry) {
    let Node::Table(table) = value.get_ref() else {
        entry.expires = day(context, key, value);
        return;
    };
    for (key, value) in table.iter() {
        match key.get_ref().as_ref() {
            "on" => entry.expires = day(context, key, value),
            "warn" => {
                let days = context.duration(key, value).map(|time| time.as_secs() / SECONDS_OF_A_DAY);
                let days =
                    days.and_then(|days| i32::try_from(days).ok()).filter(|days| (1..=3650).contains(days));
                match days {
                    Some(days) => entry.expiry_notice = days,
                    None => context.error(&value.span(), "`warn` must lie between 1d and 3650d"),
                }
            }
            _ => context.unknown_key(key, &EXPIRY_KEYS),
        }
    }
    require(context, key, table, &["on"]);
}

fn day(context: Context<'_>, key: &Key<'_>, value: &Value<'_>) -> Option<jiff::civil::Date> {
    let text = match value.get_ref() {
        Node::Datetime(found) => found.clone(),
        Node::String(text) => text.to_string(),
        _ => return context.wrong_type(key, value, "a date"),
    };
    // jiff would take the date out of a date with a time: which day is meant depends on the time zone.
    let date = (text.len() == 10).then(|| text.parse().ok()).flatten();
    if date.is_none() {
        context.error(&value.span(), format!("`{}` must be a date such as 2027-01-31", key.get_ref()));
    }
    date
}
