//! Tests, and the schema that they share.

mod data;
mod markdown;
mod redact;
mod variables;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::name::{SecretName, TargetName, VariableName};
use crate::schema::{
    Dialect, Entry, EnvFile, GithubScope, GithubTarget, Group, Place, Schema, Template, Type, Variable,
};
use crate::secret::SecretValue;

use super::*;

pub(super) const PAGE: &str = include_str!("../../../tests/fixtures/INFRASTRUCTURE.md");

const SECRETS: [(&str, &str, &str, Type); 17] = [
    ("django", "admin_email", "Email", Type::Email),
    ("django", "admin_password", "Password", Type::Password),
    ("flower", "user", "Username", Type::String),
    ("flower", "password", "Password", Type::Password),
    ("database", "host", "Host", Type::Host),
    ("database", "port", "Port", Type::Port),
    ("database", "name", "Database", Type::String),
    ("database", "user", "User", Type::String),
    ("database", "password", "Password", Type::Password),
    ("storage", "access_key", "Access Key", Type::Token),
    ("storage", "secret_key", "Secret Key", Type::Token),
    ("storage", "endpoint", "Endpoint", Type::Url),
    ("storage", "bucket", "Bucket", Type::String),
    ("clerk", "domain", "Domain", Type::Domain),
    ("clerk", "secret_key", "Secret Key", Type::Token),
    ("hetzner", "backend_ip", "", Type::Ip),
    ("hetzner", "ssh_private_key", "SSH private key", Type::SshPrivateKey),
];

const GROUPS: [(&str, &str); 6] = [
    ("django", "Django admin"),
    ("flower", "Flower"),
    ("database", "Database"),
    ("storage", "Hetzner Object Storage"),
    ("clerk", "Clerk Authentication"),
    ("hetzner", "Hetzner"),
];

pub(super) const URL_TEMPLATE: &str = "postgres://{{ database.user|urlencode }}:{{ database.password|urlencode }}\
    @{{ database.host }}:{{ database.port }}/{{ database.name }}";

pub(super) fn name(text: &str) -> SecretName {
    SecretName::parse(text).unwrap()
}

fn place() -> Place {
    Place { file: Path::new("schemas/test.toml").into(), line: 1, column: 1 }
}

pub(super) fn declare(schema: &mut Schema, secret: &str, title: &str, kind: Type) {
    let title = Some(title.to_owned()).filter(|title| !title.is_empty());
    let entry = Entry { title, ..Entry::new(kind, place()) };
    schema.secrets.insert(name(secret), entry);
}

fn variables(pairs: &[(&str, &str)]) -> Vec<Variable> {
    let variable = |(name, template): &(&str, &str)| Variable {
        name: VariableName::parse(name).unwrap(),
        template: Template::compile(template).unwrap(),
        read_by: Vec::new(),
        place: place(),
    };
    pairs.iter().map(variable).collect()
}

pub(super) fn add_env_file(schema: &mut Schema, target: &str, pairs: &[(&str, &str)]) {
    let file = EnvFile {
        path: PathBuf::from(".env"),
        dialect: Dialect::Cookiecutter,
        mode: 0o600,
        variables: variables(pairs),
        marker: None,
        place: place(),
    };
    schema.env_files.insert(TargetName::parse(target).unwrap(), file);
}

pub(super) fn schema() -> Schema {
    let mut schema = Schema::default();
    for (group, title) in GROUPS {
        schema.groups.insert(group.to_owned(), Group { title: Some(title.to_owned()), ..Group::default() });
    }
    for (group, key, title, kind) in SECRETS {
        declare(&mut schema, &format!("{group}.{key}"), title, kind);
    }
    add_env_file(
        &mut schema,
        "django",
        &[
            ("DJANGO_SETTINGS_MODULE", "config.settings.production"),
            ("CELERY_FLOWER_USER", "{{ flower.user }}"),
            ("CELERY_FLOWER_PASSWORD", "{{ flower.password }}"),
            ("DATABASE_URL", URL_TEMPLATE),
        ],
    );
    let target = GithubTarget {
        scope: GithubScope::Repository("example/shop".to_owned()),
        api: String::new(),
        token: None,
        variables: Vec::new(),
        secrets: variables(&[
            ("HETZNER_BACKEND_IP", "{{ hetzner.backend_ip }}"),
            ("HETZNER_SSH_PRIVATE_KEY", "{{ hetzner.ssh_private_key }}"),
        ]),
        place: place(),
    };
    schema.github.insert(TargetName::parse("deploy").unwrap(), target);
    schema
}

/// A rough stand-in for the schema's types.
fn accepts(kind: &Type, value: &str) -> bool {
    let one_word = !value.contains(char::is_whitespace);
    match kind {
        Type::Ip => value.parse::<std::net::IpAddr>().is_ok(),
        Type::Port => value.parse::<u16>().is_ok(),
        Type::Email => one_word && value.contains('@'),
        Type::Url => one_word && value.contains("://"),
        Type::Token | Type::Host | Type::Domain => one_word,
        Type::SshPrivateKey | Type::Pem => value.starts_with("-----BEGIN ") && value.ends_with("-----\n"),
        _ => !value.contains('\n'),
    }
}

/// `NAME=value`, quotes taken off: enough of an env file's reader for these tests.
fn parse_dotenv(_: Dialect, text: &str) -> Result<Vec<(String, SecretValue)>, DotenvProblem> {
    let lines = text.lines().enumerate().filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|(index, line)| {
            let (name, value) = line.split_once('=').ok_or((index + 1, "the line assigns nothing"))?;
            let name = name.trim_start_matches("export ").to_owned();
            Ok((name, SecretValue::new(value.trim_matches('\'').to_owned())))
        })
        .collect()
}

pub(super) fn try_read(source: Source, text: &str, schema: &Schema) -> Result<Findings, ImportError> {
    let fits = |name: &SecretName, value: &SecretValue| {
        schema.secrets.get(name).is_none_or(|entry| accepts(&entry.kind, value.expose()))
    };
    read(source, text, &Context { schema, fits: &fits, parse_dotenv: &parse_dotenv })
}

pub(super) fn read_with(source: Source, text: &str, schema: &Schema) -> Findings {
    try_read(source, text, schema).unwrap()
}

/// `name=value@line` for everything found.
pub(super) fn found(findings: &Findings) -> Vec<String> {
    let show = |it: &Found| format!("{}={}@{}", it.name, it.value.expose(), it.line);
    findings.found.iter().map(show).collect()
}

/// `label line reason` for everything skipped.
pub(super) fn skipped(findings: &Findings) -> Vec<String> {
    let show = |it: &Skipped| {
        let label = it.label.as_ref().map_or("?".to_owned(), ToString::to_string);
        format!("{label} {} {:?}", it.line, it.reason)
    };
    findings.skipped.iter().map(show).collect()
}

pub(super) fn values(findings: &Findings) -> BTreeMap<&str, &str> {
    findings.found.iter().map(|it| (it.name.as_str(), it.value.expose())).collect()
}
