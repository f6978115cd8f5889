//! `recipients list`: names and public keys.

use clap::Args;
use serde::Serialize;

use crate::cli::args::JsonArg;
use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::store::{Recipient, fingerprint, short_key};

use super::access::{is_at_hand, kind};

/// List who can read the store
///
/// Keys are shortened, SSH keys to the fingerprint that `ssh-keygen -l` shows; -v and --json show them whole. `you` are
/// those that an identity at hand is for.
#[derive(Args)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    json: JsonArg,
}

#[derive(Serialize)]
struct Row {
    name: String,
    kind: String,
    key: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    fingerprint: Option<String>,
    since: String,
    from: Option<String>,
    note: Option<String>,
    you: bool,
}

pub(super) fn run(args: &ListArgs, context: &mut Context) -> Result<(), Failure> {
    let store = context.unlock()?;
    let at_hand = store.at_hand();
    let row = |reader: &Recipient| Row {
        name: reader.name.clone(),
        kind: kind(&reader.key),
        key: reader.key.clone(),
        fingerprint: fingerprint(&reader.key),
        since: reader.since.to_string(),
        from: reader.from.clone(),
        note: reader.note.clone(),
        you: is_at_hand(reader, &at_hand),
    };
    let rows: Vec<Row> = store.document().recipients().iter().map(row).collect();
    if args.json.json {
        return context.ui.json(&rows);
    }
    let verbose = context.settings.verbose;
    let key = |row: &Row| if verbose { row.key.clone() } else { short_key(&row.key) };
    let width =
        |of: &dyn Fn(&Row) -> String| rows.iter().map(|row| of(row).chars().count()).max().unwrap_or(0);
    let (names, kinds, keys) = (width(&|row| row.name.clone()), width(&|row| row.kind.clone()), width(&key));
    for row in &rows {
        let since = row.since.split('T').next().unwrap_or_default();
        let you = if row.you { "you" } else { "-" };
        let about: Vec<&str> = [&row.from, &row.note].into_iter().flatten().map(String::as_str).collect();
        let (name, kind, key) = (&row.name, &row.kind, key(row));
        let line =
            format!("{name:names$}  {kind:kinds$}  {key:keys$}  {since}  {you:3}  {}", about.join(", "));
        context.ui.data(line.trim_end())?;
        context.ui.data("\n")?;
    }
    Ok(())
}
