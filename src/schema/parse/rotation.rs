//! `rotate = …` of a secret.

use crate::name::TargetName;
use crate::schema::rotation::{Postgres, Rotation, RotationKind};

use super::context::Context;
use super::tree::{Key, Table, Value};
use super::window;

/// The keys that every kind has.
const USUAL_KEYS: [&str; 6] = ["every", "grace", "jitter", "on", "window", "with"];

const KINDS: [&str; 2] = ["generated", "postgres-alternating"];

/// Reads `rotate`. Each kind reads its own keys from the same table.
pub(super) fn rotate(context: Context<'_>, key: &Key<'_>, value: &Value<'_>) -> Option<Rotation> {
    let table = context.table(key, value)?;
    let (with, own_keys) = kind(context, table);
    let mut rotation = Rotation { with, ..Rotation::default() };
    for (key, value) in table.iter() {
        match key.get_ref().as_ref() {
            "every" => rotation.every = context.duration(key, value),
            "grace" => rotation.grace = context.duration(key, value),
            "jitter" => rotation.jitter = context.duration(key, value).unwrap_or_default(),
            "window" => rotation.window = window::window(context, key, value),
            "with" => {}
            "on" => rotation.on = server(context, key, value),
            own if own_keys.contains(&own) => {}
            _ => {
                let known: Vec<&str> = USUAL_KEYS.iter().chain(own_keys).copied().collect();
                context.unknown_key(key, &known);
            }
        }
    }
    if let Some((key, value)) = table.get_key_value("jitter") {
        check_jitter(context, key, value, &rotation);
    }
    Some(rotation)
}

fn check_jitter(context: Context<'_>, key: &Key<'_>, value: &Value<'_>, rotation: &Rotation) {
    match rotation.every {
        None => context.error(&key.span(), "`jitter` needs `every`"),
        Some(every) if rotation.jitter > every / 2 => {
            context.error(&value.span(), "`jitter` must be at most half of `every`");
        }
        Some(_) => {}
    }
}

/// The kind with its settings, and the keys that are its own.
fn kind(context: Context<'_>, table: &Table<'_>) -> (RotationKind, &'static [&'static str]) {
    let Some((key, value)) = table.get_key_value("with") else { return (RotationKind::Generated, &[]) };
    match context.text(key, value) {
        Some("generated") | None => (RotationKind::Generated, &[]),
        Some("postgres-alternating") => (RotationKind::PostgresAlternating(Postgres::default()), &[]),
        Some(word) => {
            context.unknown_word("a kind of rotation", word, value, &KINDS);
            (RotationKind::Generated, &[])
        }
    }
}

fn server(context: Context<'_>, key: &Key<'_>, value: &Value<'_>) -> Option<TargetName> {
    match TargetName::parse(context.text(key, value)?) {
        Ok(name) => Some(name),
        Err(error) => {
            context.error(&value.span(), error.to_string());
            None
        }
    }
}
