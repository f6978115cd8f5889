//! The keys of `postgres-alternating` and `postgres-single`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::name::SecretName;
use crate::schema::model::{Entry, Type};
use crate::schema::rotation::{Postgres, PostgresAdmin, PostgresWay, Reference};

use super::super::context::Context;
use super::super::tree::{Key, Node, Table, Value};
use super::secret;

const ALTERNATING_KEYS: [&str; 14] = [
    "user",
    "database",
    "host",
    "port",
    "owner",
    "roles",
    "admin",
    "account",
    "socket",
    "admin-user",
    "admin-password",
    "via",
    "ca-file",
    "within",
];

/// Those of [`ALTERNATING_KEYS`] that make sense with one role.
const SINGLE_KEYS: [&str; 12] = [
    "user",
    "database",
    "host",
    "port",
    "admin",
    "account",
    "socket",
    "admin-user",
    "admin-password",
    "via",
    "ca-file",
    "within",
];

const ADMINS: [&str; 2] = ["peer", "role"];
const WAYS: [&str; 2] = ["server", "direct"];

/// The longest name that PostgreSQL keeps whole, in bytes (NAMEDATALEN - 1).
const LONGEST_NAME: usize = 63;

/// Reads the keys of `postgres-alternating`.
pub(super) fn alternating(
    context: Context<'_>,
    table: &Table<'_>,
    references: &mut Vec<Reference>,
) -> (Postgres, &'static [&'static str]) {
    let mut postgres = common(context, table, references);
    if let Some((key, value)) = table.get_key_value("owner") {
        postgres.owner = role(context, key, value);
    }
    if let Some((key, value)) = table.get_key_value("roles") {
        postgres.roles = roles(context, key, value);
    }
    if let (Some(owner), Some(roles)) = (&postgres.owner, &postgres.roles)
        && roles.contains(owner)
        && let Some((_, value)) = table.get_key_value("owner")
    {
        context.error(&value.span(), "`owner` must be a role that does not log in, so none of `roles`");
    }
    (postgres, &ALTERNATING_KEYS)
}

/// Reads the keys of `postgres-single`.
pub(super) fn single(
    context: Context<'_>,
    table: &Table<'_>,
    references: &mut Vec<Reference>,
) -> (Postgres, &'static [&'static str]) {
    (common(context, table, references), &SINGLE_KEYS)
}

fn common(context: Context<'_>, table: &Table<'_>, references: &mut Vec<Reference>) -> Postgres {
    let mut find = |key: &str, types: &'static [Type]| {
        let (key, value) = table.get_key_value(key)?;
        secret(context, key, value, types, references)
    };
    let mut postgres = Postgres {
        user: find("user", &[]),
        database: find("database", &[]),
        host: find("host", &[Type::Host, Type::Ip, Type::Domain]),
        port: find("port", &[Type::Port]),
        ..Postgres::default()
    };
    let (user, password) = (find("admin-user", &[]), find("admin-password", &[Type::Password]));
    postgres.admin = admin(context, table, user, password);
    postgres.way = table.get_key_value("via").and_then(|(key, value)| way(context, key, value));
    let ca_file = table.get_key_value("ca-file");
    postgres.ca_file = ca_file.and_then(|(key, value)| context.text(key, value)).map(PathBuf::from);
    postgres.within = table.get_key_value("within").and_then(|(key, value)| context.duration(key, value));
    needs_server(context, table, &postgres);
    postgres
}

/// Who changes the roles: the keys of the one way exclude those of the other.
fn admin(
    context: Context<'_>,
    table: &Table<'_>,
    user: Option<SecretName>,
    password: Option<SecretName>,
) -> PostgresAdmin {
    let refuse = |keys: [&str; 2], reason: &str| {
        for (key, _) in keys.into_iter().filter_map(|key| table.get_key_value(key)) {
            context.error(&key.span(), format!("`{}` {reason}", key.get_ref()));
        }
    };
    let found = table.get_key_value("admin");
    match found.and_then(|(key, value)| context.text(key, value)) {
        None | Some("peer") => refuse(["admin-user", "admin-password"], "needs `admin = \"role\"`"),
        Some("role") => {
            refuse(["account", "socket"], "belongs to `admin = \"peer\"`");
            if let (Some(user), Some(password)) = (user, password) {
                return PostgresAdmin::Role { user, password };
            }
            for key in ["admin-user", "admin-password"].into_iter().filter(|key| !table.contains_key(key)) {
                let at = found.map(|(_, value)| value.span()).unwrap_or_default();
                context.error(&at, format!("`admin = \"role\"` needs `{key}`: the name of a secret"));
            }
        }
        Some(word) => {
            if let Some((_, value)) = found {
                context.unknown_word("a kind of administrator", word, value, &ADMINS);
            }
        }
    }
    let text = |key| table.get_key_value(key).and_then(|(key, value)| context.owned(key, value));
    let account = table.get_key_value("account").and_then(|(key, value)| account(context, key, value));
    PostgresAdmin::Peer {
        account: account.unwrap_or_else(|| "postgres".to_owned()),
        socket: text("socket").map(PathBuf::from),
    }
}

/// The name of an account there, which stands on a command line.
fn account(context: Context<'_>, key: &Key<'_>, value: &Value<'_>) -> Option<String> {
    let text = context.text(key, value)?;
    if !crate::schema::is_account(text) {
        context.error(&value.span(), format!("`{}` must be the name of an account", key.get_ref()));
        return None;
    }
    Some(text.to_owned())
}

fn way(context: Context<'_>, key: &Key<'_>, value: &Value<'_>) -> Option<PostgresWay> {
    match context.text(key, value)? {
        "server" => Some(PostgresWay::Server),
        "direct" => Some(PostgresWay::Direct),
        word => {
            context.unknown_word("a way", word, value, &WAYS);
            None
        }
    }
}

/// What happens on a server needs to know which.
fn needs_server(context: Context<'_>, table: &Table<'_>, postgres: &Postgres) {
    if table.contains_key("on") {
        return;
    }
    let Some((at, _)) = table.get_key_value("with") else { return };
    let hint = Some("on = \"NAME\" of [server.NAME], the server that the database runs on".to_owned());
    if matches!(postgres.admin, PostgresAdmin::Peer { .. }) {
        context.error_with(&at.span(), "`admin = \"peer\"`, the usual one, needs `on`", hint);
    } else if postgres.way == Some(PostgresWay::Server) {
        context.error_with(&at.span(), "`via = \"server\"` needs `on`", hint);
    }
}

fn role(context: Context<'_>, key: &Key<'_>, value: &Value<'_>) -> Option<String> {
    let text = context.text(key, value)?;
    if !is_role(text) {
        complain_of_role(context, key, value);
        return None;
    }
    Some(text.to_owned())
}

fn roles(context: Context<'_>, key: &Key<'_>, value: &Value<'_>) -> Option<[String; 2]> {
    let Node::Array(_) = value.get_ref() else {
        return context.wrong_type(key, value, "an array of the names of two roles");
    };
    let names = context.texts(key, value)?;
    let [first, second] = names.as_slice() else {
        context.error(&value.span(), "`roles` must name two roles, which log in in turn");
        return None;
    };
    if !is_role(first) || !is_role(second) {
        complain_of_role(context, key, value);
        return None;
    }
    if first == second {
        context.error(&value.span(), "`roles` must name two different roles");
        return None;
    }
    Some([first.clone(), second.clone()])
}

fn is_role(text: &str) -> bool {
    let is_reserved = text.starts_with("pg_") || matches!(text, "public" | "none");
    (1..=LONGEST_NAME).contains(&text.len()) && !text.contains(char::is_control) && !is_reserved
}

fn complain_of_role(context: Context<'_>, key: &Key<'_>, value: &Value<'_>) {
    let wanted = "1 to 63 bytes, and not public, none or pg_…";
    context.error(&value.span(), format!("`{}` must be the name of a role: {wanted}", key.get_ref()));
}

/// Holds it against the whole schema: the secrets that no key names are found beside the password.
pub(super) fn check(
    context: Context<'_>,
    secrets: &BTreeMap<SecretName, Entry>,
    name: &SecretName,
    entry: &Entry,
    settings: &Postgres,
) {
    if let Err(key) = settings.login(name, secrets) {
        let group = name.group();
        let sibling = if key == "user" { "user` or `username" } else { "name` or `database" };
        context.error_at(
            entry.place.clone(),
            format!("the rotation of `{name}` needs to know the {key}: `{group}` has no secret `{sibling}`"),
            Some(format!("name it: rotate = {{ {key} = \"GROUP.KEY\", … }}")),
        );
    }
    if entry.kind != Type::Password {
        let message =
            format!("`{name}` is of type {}; a role's password is of type password", entry.kind.name());
        context.error_at(entry.place.clone(), message, None);
    }
}
