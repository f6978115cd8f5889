//! `rotate = …` of a secret.

use std::cell::RefCell;
use std::ops::Range;

use crate::name::{SecretName, TargetName};
use crate::schema::rotation::{Mention, Mentioned, Postgres, Rotation, RotationKind};
use crate::schema::template::Template;

use super::context::Context;
use super::tree::{Key, Table, Value};

mod check;
mod django;
mod flower;
mod site;

pub(super) use check::check;

/// The keys that every kind has.
const USUAL_KEYS: [&str; 4] = ["every", "grace", "on", "with"];

const KINDS: [&str; 5] =
    ["django-password", "django-secret-key", "flower", "generated", "postgres-alternating"];

/// Reads `rotate`. Each kind reads its own keys from the same table.
pub(super) fn rotate(
    context: Context<'_>,
    name: &SecretName,
    key: &Key<'_>,
    value: &Value<'_>,
) -> Option<Rotation> {
    let table = context.table(key, value)?;
    let reader = Reader { context, name, at: key, table, mentions: RefCell::default() };
    let (with, own_keys) = kind(&reader);
    let mut rotation = Rotation { with, ..Rotation::default() };
    for (key, value) in table.iter() {
        match key.get_ref().as_ref() {
            "every" => rotation.every = context.duration(key, value),
            "grace" => rotation.grace = context.duration(key, value),
            "with" => {}
            "on" => rotation.on = reader.server("on"),
            own if own_keys.contains(&own) => {}
            _ => {
                let known: Vec<&str> = USUAL_KEYS.iter().chain(own_keys).copied().collect();
                context.unknown_key(key, &known);
            }
        }
    }
    rotation.mentions = reader.mentions.into_inner();
    Some(rotation)
}

/// A kind with its settings, and the keys that are its own.
type Kind = (RotationKind, &'static [&'static str]);

fn kind(reader: &Reader<'_, '_>) -> Kind {
    let Some((key, value)) = reader.table.get_key_value("with") else {
        return (RotationKind::Generated, &[]);
    };
    match reader.context.text(key, value) {
        Some("generated") | None => (RotationKind::Generated, &[]),
        Some("postgres-alternating") => (RotationKind::PostgresAlternating(Postgres::default()), &[]),
        Some("django-secret-key") => django::secret_key(reader),
        Some("django-password") => django::password(reader),
        Some("flower") => flower::flower(reader),
        Some(word) => {
            reader.context.unknown_word("a kind of rotation", word, value, &KINDS);
            (RotationKind::Generated, &[])
        }
    }
}

/// The table of one rotation. What is named in it is noted, and looked up when the whole schema is known.
pub(super) struct Reader<'c, 't> {
    pub(super) context: Context<'c>,
    /// The secret that is rotated.
    pub(super) name: &'t SecretName,
    /// The key `rotate`.
    pub(super) at: &'t Key<'t>,
    pub(super) table: &'t Table<'t>,
    mentions: RefCell<Vec<Mention>>,
}

impl<'t> Reader<'_, 't> {
    /// A key of the table.
    pub(super) fn find(&self, key: &str) -> Option<(&'t Key<'t>, &'t Value<'t>)> {
        self.table.get_key_value(key)
    }

    /// The server that a key names.
    pub(super) fn server(&self, key: &str) -> Option<TargetName> {
        let (key, value) = self.find(key)?;
        match TargetName::parse(self.context.text(key, value)?) {
            Ok(name) => {
                self.mention(Mentioned::Server(name.clone()), &value.span());
                Some(name)
            }
            Err(error) => {
                self.context.error(&value.span(), error.to_string());
                None
            }
        }
    }

    /// The secret that a key names.
    pub(super) fn secret(&self, key: &str) -> Option<SecretName> {
        let (key, value) = self.find(key)?;
        self.secret_in(key, value)
    }

    /// The secret that a value names.
    pub(super) fn secret_in(&self, key: &Key<'_>, value: &Value<'_>) -> Option<SecretName> {
        match SecretName::parse(self.context.text(key, value)?) {
            Ok(name) => {
                self.mention(Mentioned::Secret(name.clone()), &value.span());
                Some(name)
            }
            Err(error) => {
                self.context.error(&value.span(), format!("`{}`: {error}", key.get_ref()));
                None
            }
        }
    }

    /// The template that a key holds.
    pub(super) fn template(&self, key: &str) -> Option<Template> {
        let (key, value) = self.find(key)?;
        match Template::compile(self.context.text(key, value)?) {
            Ok(template) => {
                for name in template.references() {
                    let at = self.context.inside(value, template.position_of(name).unwrap_or(0));
                    self.mention(Mentioned::Secret(name.clone()), &at);
                }
                Some(template)
            }
            Err(error) => {
                let at = self.context.inside(value, error.offset.unwrap_or(0));
                self.context.error(&at, error.message);
                None
            }
        }
    }

    fn mention(&self, what: Mentioned, at: &Range<usize>) {
        self.mentions.borrow_mut().push(Mention { what, place: self.context.place(at) });
    }
}
