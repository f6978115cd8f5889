//! `health` and `generation-from` of an install: what shows that programs work, and on the new content.

use std::time::Duration;

use crate::name::VariableName;
use crate::schema::{Fit, GenerationProof, Health, Install, Probe, Template, Vantage};

use super::context::Context;
use super::install::remote_path;
use super::target::{Targets, require};
use super::tree::{Key, Table, Value};

const KEYS: [&str; 10] =
    ["url", "command", "tcp", "status", "contains", "header", "from", "within", "every", "in-a-row"];
/// What may be tried: exactly one of these.
const KINDS: [&str; 3] = ["url", "command", "tcp"];
/// What only a URL's table may have.
const URL_KEYS: [&str; 3] = ["status", "contains", "header"];
const HEADER_KEYS: [&str; 2] = ["name", "value"];
const PROOF_KEYS: [&str; 5] = ["containers", "in", "compose-file", "variable", "health-field"];
/// The ways of proof: exactly one of these.
const PROOF_KINDS: [&str; 2] = ["containers", "health-field"];
const VANTAGES: [&str; 2] = ["here", "server"];

/// How long it may take until all is well, where the schema does not say.
const USUAL_TIME: Duration = Duration::from_mins(1);
/// The time between two tries where the schema does not say.
const USUAL_PAUSE: Duration = Duration::from_secs(2);
/// How many tries in a row must hold where the schema does not say.
const USUAL_ROW: usize = 3;
/// More in a row show nothing more.
const LONGEST_ROW: usize = 1_000;

impl Targets<'_, '_> {
    /// Reads one table of `health`.
    pub(super) fn health(&self, context: Context<'_>, at: &Key<'_>, table: &Table<'_>) -> Option<Health> {
        let kind = only_one_of(context, at, table, &KINDS);
        let mut health = Health {
            probe: Probe::Command(Vec::new()),
            from: Vantage::Here,
            within: USUAL_TIME,
            every: USUAL_PAUSE,
            in_a_row: USUAL_ROW,
            place: context.place(&kind.map_or(at.span(), |(key, _)| key.span())),
        };
        for (key, value) in table.iter() {
            match key.get_ref().as_ref() {
                "from" => health.from = vantage(context, key, value).unwrap_or(Vantage::Here),
                "within" => health.within = context.duration(key, value).unwrap_or(USUAL_TIME),
                "every" => health.every = context.duration(key, value).unwrap_or(USUAL_PAUSE),
                "in-a-row" => health.in_a_row = in_a_row(context, key, value).unwrap_or(USUAL_ROW),
                word if URL_KEYS.contains(&word) => {
                    if kind.is_some_and(|(kind, _)| kind.get_ref() != "url") {
                        context.error(&key.span(), format!("`{word}` belongs to a `url`"));
                    }
                }
                word if KINDS.contains(&word) => {}
                _ => context.unknown_key(key, &KEYS),
            }
        }
        let (kind, value) = kind?;
        health.probe = self.probe(context, kind, value, table)?;
        if matches!(health.probe, Probe::Command(_)) {
            if let Some((_, value)) = table.get_key_value("from").filter(|_| health.from == Vantage::Here) {
                context.error(&value.span(), "a `command` is run on the server, never here");
            }
            health.from = Vantage::Server;
        }
        refuse_impossible(context, kind, &health);
        Some(health)
    }

    fn probe(
        &self,
        context: Context<'_>,
        kind: &Key<'_>,
        value: &Value<'_>,
        table: &Table<'_>,
    ) -> Option<Probe> {
        match kind.get_ref().as_ref() {
            "command" => Some(Probe::Command(self.command(context, kind, value))),
            "tcp" => self.fitting(context, kind, value, &Fit::HostAndPort).map(Probe::Tcp),
            _ => {
                let url = self.fitting(context, kind, value, &Fit::HttpUrl);
                let status = table.get_key_value("status");
                let contains = table.get_key_value("contains");
                let header = table.get_key_value("header");
                Some(Probe::Url {
                    status: status.and_then(|(key, value)| self::status(context, key, value)).unwrap_or(200),
                    contains: contains.and_then(|(key, value)| self::contains(context, key, value)),
                    header: header.and_then(|(key, value)| self.header(context, key, value)),
                    url: url?,
                })
            }
        }
    }

    fn header(&self, context: Context<'_>, key: &Key<'_>, value: &Value<'_>) -> Option<(String, Template)> {
        let table = context.table(key, value)?;
        for (key, _) in table.iter().filter(|(key, _)| !HEADER_KEYS.contains(&key.get_ref().as_ref())) {
            context.unknown_key(key, &HEADER_KEYS);
        }
        require(context, key, table, &HEADER_KEYS);
        let (name_key, name_value) = table.get_key_value("name")?;
        let (key, value) = table.get_key_value("value")?;
        let name = context.text(name_key, name_value)?;
        if !is_header_name(name) {
            context.error(&name_value.span(), "`name` must be the name of a header, such as X-Health-Token");
        }
        Some((name.to_owned(), self.fitting(context, key, value, &Fit::Header)?))
    }

    /// Reads `generation-from`. The rest of the install is known already.
    pub(super) fn proofs(
        &self,
        context: Context<'_>,
        key: &Key<'_>,
        value: &Value<'_>,
        install: &Install,
    ) -> Vec<GenerationProof> {
        let file = self.env_files.get(&install.env_file);
        if file.is_some_and(|file| file.marker.is_none()) {
            let message = format!("env file `{}` has no `marker` that could be given back", install.env_file);
            let hint = format!("add marker = \"LUCA_SECRETS_GENERATION\" to [env-file.{}]", install.env_file);
            context.error_with(&key.span(), message, Some(hint));
        }
        let marker = file.and_then(|file| file.marker.as_ref());
        self.all(context, key, value, |_, context, at, table| proof(context, at, table, install, marker))
    }
}

fn proof(
    context: Context<'_>,
    at: &Key<'_>,
    table: &Table<'_>,
    install: &Install,
    marker: Option<&VariableName>,
) -> Option<GenerationProof> {
    for (key, value) in table.iter() {
        match key.get_ref().as_ref() {
            "variable" => check_variable(context, key, value, marker),
            word if PROOF_KEYS.contains(&word) => {}
            _ => context.unknown_key(key, &PROOF_KEYS),
        }
    }
    let (kind, value) = only_one_of(context, at, table, &PROOF_KINDS)?;
    if kind.get_ref() == "containers" {
        require(context, at, table, &["in"]);
        let (folder_key, folder) = table.get_key_value("in")?;
        let compose_file = table.get_key_value("compose-file");
        return Some(GenerationProof::Containers {
            services: services(context, kind, value)?,
            folder: remote_path(context, folder_key, folder)?,
            compose_file: compose_file.and_then(|(key, value)| compose_path(context, key, value)),
        });
    }
    for wrong in ["in", "compose-file", "variable"] {
        if let Some((key, _)) = table.get_key_value(wrong) {
            context.error(&key.span(), format!("`{wrong}` belongs to `containers`"));
        }
    }
    if !install.health.iter().any(|health| matches!(health.probe, Probe::Url { .. })) {
        context
            .error(&kind.span(), "`health-field` needs a `health` with a `url`, whose reply has the field");
    }
    let field: Vec<String> = context.text(kind, value)?.split('.').map(str::to_owned).collect();
    if field.iter().any(String::is_empty) {
        context.error(
            &value.span(),
            "`health-field` must be the name of a field, with dots between nested ones",
        );
    }
    Some(GenerationProof::HealthField(field))
}

/// The one key of `kinds` that a table has.
fn only_one_of<'t, 'i>(
    context: Context<'_>,
    at: &Key<'_>,
    table: &'t Table<'i>,
    kinds: &[&str],
) -> Option<(&'t Key<'i>, &'t Value<'i>)> {
    let mut found = table.iter().filter(|(key, _)| kinds.contains(&key.get_ref().as_ref()));
    let Some(first) = found.next() else {
        let names: Vec<String> = kinds.iter().map(|kind| format!("`{kind}`")).collect();
        context.error(&at.span(), format!("`{}` needs one of {}", at.get_ref(), names.join(", ")));
        return None;
    };
    for (key, _) in found {
        let message = format!("`{}` and `{}` exclude each other", first.0.get_ref(), key.get_ref());
        context.error(&key.span(), message);
    }
    Some(first)
}

fn vantage(context: Context<'_>, key: &Key<'_>, value: &Value<'_>) -> Option<Vantage> {
    match context.text(key, value)? {
        "here" => Some(Vantage::Here),
        "server" => Some(Vantage::Server),
        word => {
            context.unknown_word("a place to try from", word, value, &VANTAGES);
            None
        }
    }
}

fn in_a_row(context: Context<'_>, key: &Key<'_>, value: &Value<'_>) -> Option<usize> {
    let count = context.count(key, value)?;
    if !(1..=LONGEST_ROW).contains(&count) {
        context.error(&value.span(), format!("`in-a-row` must lie between 1 and {LONGEST_ROW}"));
        return None;
    }
    Some(count)
}

/// Complains where the time is over before enough tries are made.
fn refuse_impossible(context: Context<'_>, at: &Key<'_>, health: &Health) {
    let pauses = u32::try_from(health.in_a_row - 1).unwrap_or(u32::MAX);
    if health.every.saturating_mul(pauses) >= health.within {
        let message = format!("{} tries with `every` between them do not fit into `within`", health.in_a_row);
        context.error(&at.span(), message);
    }
}

fn status(context: Context<'_>, key: &Key<'_>, value: &Value<'_>) -> Option<u16> {
    let status = context.count(key, value)?;
    let status = u16::try_from(status).ok().filter(|status| (200..600).contains(status));
    if status.is_none() {
        context.error(&value.span(), "`status` must lie between 200 and 599");
    }
    status
}

fn contains(context: Context<'_>, key: &Key<'_>, value: &Value<'_>) -> Option<String> {
    let text = context.text(key, value)?;
    if text.is_empty() {
        context.error(&value.span(), "`contains` must be a text: nothing is in every reply");
    }
    Some(text.to_owned())
}

/// A token of RFC 9110, section 5.6.2.
fn is_header_name(text: &str) -> bool {
    let is_fine = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    !text.is_empty() && text.bytes().all(is_fine)
}

/// Names of a compose project's services.
fn services(context: Context<'_>, key: &Key<'_>, value: &Value<'_>) -> Option<Vec<String>> {
    let names = context.texts(key, value)?;
    let is_fine = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-');
    let is_service =
        |name: &String| name.starts_with(|c: char| c.is_ascii_alphanumeric()) && name.bytes().all(is_fine);
    if names.is_empty() || !names.iter().all(is_service) {
        context.error(&value.span(), "`containers` must be the names of services");
    }
    Some(names)
}

/// A compose file, relative to its project's folder or absolute.
fn compose_path(context: Context<'_>, key: &Key<'_>, value: &Value<'_>) -> Option<String> {
    let text = context.text(key, value)?;
    let is_path = !text.is_empty() && !text.starts_with('-') && !text.contains(char::is_control);
    if !is_path || text.ends_with('/') || text.split('/').any(|part| part == "..") {
        context.error(&value.span(), "`compose-file` must be the path of a file, without `..`");
    }
    Some(text.to_owned())
}

/// Another variable than the marker would be read out, and it may be a secret.
fn check_variable(context: Context<'_>, key: &Key<'_>, value: &Value<'_>, marker: Option<&VariableName>) {
    let Some(name) = context.text(key, value) else { return };
    if let Some(marker) = marker.filter(|marker| marker.as_str() != name) {
        let message = format!("`variable` must be the marker of the env file, `{marker}`");
        context.error(&value.span(), message);
    }
}
