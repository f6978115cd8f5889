//! `rotate = …` of a secret.

use std::collections::BTreeMap;

use crate::name::{SecretName, TargetName};
use crate::schema::model::{Entry, Schema, Type};
use crate::schema::rotation::{Reference, Referent, Rotation, RotationKind};

use super::context::Context;
use super::tree::{Key, Table, Value};
use super::window;

mod check;
mod command;
mod django;
mod flower;
mod keys;
mod postgres;
mod reader;
mod site;

use check::Subject;
use reader::{Kind, Reader};

/// The keys that every kind has.
const USUAL_KEYS: [&str; 6] = ["every", "grace", "jitter", "on", "window", "with"];

const KINDS: [&str; 11] = [
    "clerk",
    "command",
    "django-password",
    "django-secret-key",
    "flower",
    "generated",
    "postgres-alternating",
    "postgres-single",
    "s3-keys",
    "ssh-key",
    "webhook",
];

/// Reads `rotate`. Each kind reads its own keys from the same table.
pub(super) fn rotate(
    context: Context<'_>,
    name: &SecretName,
    key: &Key<'_>,
    value: &Value<'_>,
) -> Option<Rotation> {
    let table = context.table(key, value)?;
    let mut rotation = Rotation::default();
    let own_keys = kind(context, (name, key), table, &mut rotation);
    for (key, value) in table.iter() {
        match key.get_ref().as_ref() {
            "every" => rotation.every = context.duration(key, value),
            "grace" => rotation.grace = context.duration(key, value),
            "jitter" => rotation.jitter = context.duration(key, value).unwrap_or_default(),
            "window" => rotation.window = window::window(context, key, value),
            "with" => {}
            "on" => rotation.on = server(context, key, value, &mut rotation.references),
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

/// Reads the kind with its settings, and gives the keys that are its own.
fn kind(
    context: Context<'_>,
    (name, at): (&SecretName, &Key<'_>),
    table: &Table<'_>,
    rotation: &mut Rotation,
) -> &'static [&'static str] {
    let Some((key, value)) = table.get_key_value("with") else { return &[] };
    let mut read = |read: fn(&Reader<'_, '_>) -> Kind| {
        let reader = Reader::new(context, name, at, table);
        let (with, keys) = read(&reader);
        rotation.with = with;
        rotation.references.extend(reader.references());
        keys
    };
    match context.text(key, value) {
        Some("generated") | None => &[],
        Some("postgres-alternating") => {
            let (settings, keys) = postgres::alternating(context, table, &mut rotation.references);
            rotation.with = RotationKind::PostgresAlternating(settings);
            keys
        }
        Some("postgres-single") => {
            let (settings, keys) = postgres::single(context, table, &mut rotation.references);
            rotation.with = RotationKind::PostgresSingle(settings);
            keys
        }
        Some("command") => read(command::command),
        Some("ssh-key") => read(keys::ssh_key),
        Some("s3-keys") => read(keys::s3_keys),
        Some("clerk") => read(keys::clerk),
        Some("webhook") => read(keys::webhook),
        Some("django-secret-key") => read(django::secret_key),
        Some("django-password") => read(django::password),
        Some("flower") => read(flower::flower),
        Some(word) => {
            context.unknown_word("a kind of rotation", word, value, &KINDS);
            &[]
        }
    }
}

/// The name of a server, which is looked up when all are known.
fn server(
    context: Context<'_>,
    key: &Key<'_>,
    value: &Value<'_>,
    references: &mut Vec<Reference>,
) -> Option<TargetName> {
    let name = TargetName::parse(context.text(key, value)?);
    let name = name.map_err(|error| context.error(&value.span(), error.to_string())).ok()?;
    references.push(Reference { to: Referent::Server(name.clone()), place: context.place(&value.span()) });
    Some(name)
}

/// The name of a secret of one of these types, of any if there are none. It is looked up when all are known.
fn secret(
    context: Context<'_>,
    key: &Key<'_>,
    value: &Value<'_>,
    types: &'static [Type],
    references: &mut Vec<Reference>,
) -> Option<SecretName> {
    let name = SecretName::parse(context.text(key, value)?);
    let refuse = |error| context.error(&value.span(), format!("`{}`: {error}", key.get_ref()));
    let name = name.map_err(refuse).ok()?;
    let to = Referent::Secret(name.clone(), types);
    references.push(Reference { to, place: context.place(&value.span()) });
    Some(name)
}

/// Holds every rotation against the whole schema, once all is known.
pub(super) fn check_all(context: Context<'_>, schema: &Schema) {
    for (name, entry) in &schema.secrets {
        let Some(rotation) = &entry.rotate else { continue };
        for reference in &rotation.references {
            check_reference(context, schema, reference);
        }
        let subject = Subject { context, schema, name, entry, rotation };
        match &rotation.with {
            RotationKind::Command(settings) => command::check(&subject, settings),
            RotationKind::SshKey(settings) => keys::check_ssh_key(&subject, settings),
            RotationKind::S3Keys(settings) => keys::check_s3_keys(&subject, settings),
            RotationKind::Webhook(settings) => keys::check_webhook(&subject, settings),
            RotationKind::DjangoSecretKey(settings) => django::check(&subject, settings),
            RotationKind::Flower(settings) => flower::check(&subject, settings),
            RotationKind::PostgresAlternating(settings) | RotationKind::PostgresSingle(settings) => {
                postgres::check(context, &schema.secrets, name, entry, settings);
            }
            RotationKind::Generated | RotationKind::DjangoPassword(_) | RotationKind::Clerk(_) => {}
        }
    }
}

fn check_reference(context: Context<'_>, schema: &Schema, reference: &Reference) {
    let complain = |message: String, hint| context.error_at(reference.place.clone(), message, hint);
    match &reference.to {
        Referent::Server(name) if !schema.servers.contains_key(name) => {
            let hint = context.did_you_mean(name.as_str(), schema.servers.keys().map(TargetName::as_str));
            complain(format!("no server `{name}` is declared"), hint);
        }
        Referent::Server(_) => {}
        Referent::Secret(name, types) => match schema.secrets.get(name) {
            None => {
                let message = format!("no secret `{name}` is declared");
                complain(message, nearest(context, name, &schema.secrets));
            }
            Some(entry) if !types.is_empty() && !types.contains(&entry.kind) => {
                let wanted: Vec<&str> = types.iter().map(Type::name).collect();
                let message =
                    format!("`{name}` is of type {}, not {}", entry.kind.name(), wanted.join(" or "));
                complain(message, None);
            }
            Some(_) => {}
        },
    }
}

fn nearest(context: Context<'_>, name: &SecretName, known: &BTreeMap<SecretName, Entry>) -> Option<String> {
    context.did_you_mean(name.as_str(), known.keys().map(SecretName::as_str))
}
