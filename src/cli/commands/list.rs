//! `list`: names, types and ages; never values.

use clap::Args;
use serde::Serialize;

use crate::cli::args::JsonArg;
use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::name::SecretName;
use crate::schema::Schema;
use crate::store::{Document, State};

/// List the secrets: names, types and ages, never values
///
/// Shows what the store holds and what the schema asks for. A secret that is only declared is `missing` or `unset`;
/// one that is only stored is `undeclared`; one that two branches changed in different ways is in `conflict`;
/// one that a former reader knows is `exposed`; one that gets a new value just now is `rotating`, or `waiting` for a
/// person, or `held`.
#[derive(Args)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    json: JsonArg,
}

#[derive(Serialize)]
struct Row {
    name: String,
    #[serde(rename = "type")]
    kind: Option<&'static str>,
    state: &'static str,
    since: Option<String>,
    origin: Option<String>,
}

pub(crate) fn run(args: &ListArgs, context: &mut Context) -> Result<(), Failure> {
    let schema = context.schema()?;
    let store = context.unlock()?;
    let rows = rows(&schema, store.document());
    if args.json.json {
        return context.ui.json(&rows);
    }
    let width = rows.iter().map(|row| row.name.len()).max().unwrap_or(0);
    for row in &rows {
        let since = row.since.as_deref().and_then(|since| since.split('T').next()).unwrap_or("-");
        let kind = row.kind.unwrap_or("-");
        let origin = row.origin.as_deref().unwrap_or("-");
        let line = format!("{:width$}  {kind:15}  {:10}  {since:10}  {origin}", row.name, row.state);
        context.ui.data(line.trim_end())?;
        context.ui.data("\n")?;
    }
    Ok(())
}

/// Declared secrets in the order of their names, then undeclared ones in the order of the store.
fn rows(schema: &Schema, document: &Document) -> Vec<Row> {
    let declared = schema.secrets.iter().map(|(name, entry)| {
        let rotating = document.rotation_with(name).map(|(_, record)| rotating(record.state));
        let state = match (document.contains(name), entry.required) {
            _ if document.is_in_conflict(name) => "conflict",
            _ if rotating.is_some() => rotating.unwrap_or_default(),
            (true, _) if document.is_exposed(name) => "exposed",
            (true, _) => "set",
            (false, true) => "missing",
            (false, false) => "unset",
        };
        row(document, name, Some(entry.kind.name()), state)
    });
    let only_theirs = document.conflicts().map(|(name, _)| name).filter(|name| !document.contains(name));
    let undeclared =
        document.names().chain(only_theirs).filter(|name| !schema.secrets.contains_key(*name)).map(|name| {
            let state = match () {
                () if document.is_in_conflict(name) => "conflict",
                () if document.is_exposed(name) => "exposed",
                () => "undeclared",
            };
            row(document, name, None, state)
        });
    declared.chain(undeclared).collect()
}

/// The word for a secret that is part of a rotation.
const fn rotating(state: State) -> &'static str {
    match state {
        State::Held => "held",
        State::Waiting => "waiting",
        _ => "rotating",
    }
}

fn row(document: &Document, name: &SecretName, kind: Option<&'static str>, state: &'static str) -> Row {
    let version = if document.contains(name) { document.version(name) } else { None };
    let (since, origin) = version.map(|version| (version.since.to_string(), version.origin)).unzip();
    Row { name: name.to_string(), kind, state, since, origin }
}
