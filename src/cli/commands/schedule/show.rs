//! `schedule show`: what runs when, and what waits for whom.

use clap::Args;
use jiff::Timestamp;
use jiff::tz::Offset;
use serde::Serialize;

use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::cli::timetable::{Row, timetable};
use crate::name::SecretName;
use crate::schema::Schema;
use crate::store::Document;

/// Show when which credential is rotated, and where one waits
///
/// What runs next comes first. A rotation that the store knows nothing of yet is shown by the age of its value; `rotate
/// --due` writes it down. Nothing is changed here, and the exit code is 0 whatever is shown: `status` is the check.
#[derive(Args)]
pub(crate) struct ShowArgs {
    /// Print one line of JSON for each rotation, and each credential that ends by itself
    #[arg(long)]
    json: bool,
}

/// A credential that ends by itself and that nobody here can rotate.
#[derive(Serialize)]
struct Ending<'s> {
    secret: &'s str,
    state: &'static str,
    expires: String,
    warned_from: String,
}

pub(crate) fn run(args: &ShowArgs, context: &mut Context) -> Result<(), Failure> {
    let (schema, store) = context.schema_and_store()?;
    let store = store?;
    let now = context.clock.now();
    let rows = timetable(&schema, store.document(), now);
    let endings = endings(&schema, store.document(), now);
    if args.json {
        for row in &rows {
            context.ui.json_line(&row.report(now))?;
        }
        for ending in &endings {
            context.ui.json_line(ending)?;
        }
        return Ok(());
    }
    if rows.is_empty() && endings.is_empty() {
        context.ui.ok("nothing is rotated on a schedule");
        context.ui.hint("say in the schema how a secret is: rotate = { with = \"…\", every = \"90d\" }");
        return Ok(());
    }
    for line in lines(&rows, &endings, now) {
        context.ui.data(&(line + "\n"))?;
    }
    for row in rows.iter().filter(|row| row.stands(now).needs_somebody()) {
        let command = row.next_command(now).unwrap_or_default();
        context.ui.hint(&format!("{}: {command}", row.name));
    }
    if rows.iter().any(|row| !row.is_noted && row.due.is_some()) {
        context.ui.hint("some of these times are not in the store yet: `luca-secrets rotate --due` writes them down, and runs none of them then");
    }
    Ok(())
}

fn lines(rows: &[Row<'_>], endings: &[Ending<'_>], now: Timestamp) -> Vec<String> {
    let names = rows.iter().map(|row| row.name.as_str()).chain(endings.iter().map(|ending| ending.secret));
    let width = names.map(str::len).max().unwrap_or(0);
    let line = |name: &str, state: &str, next: &str, words: &str| {
        format!("{name:width$}  {state:9}  {next:20}  {words}").trim_end().to_owned()
    };
    let rotations = rows
        .iter()
        .map(|row| line(row.name.as_str(), row.stands(now).word(), &row.next(now), &row.words(now)));
    let others = endings.iter().map(|ending| {
        let words = format!("ends on {}, warned about from {}", ending.expires, ending.warned_from);
        line(ending.secret, ending.state, "-", &words)
    });
    rotations.chain(others).collect()
}

/// What ends by itself, and is in the store, and has no rotation.
fn endings<'s>(schema: &'s Schema, document: &Document, now: Timestamp) -> Vec<Ending<'s>> {
    let today = Offset::UTC.to_datetime(now).date();
    let ends = |(name, entry): (&'s SecretName, &crate::schema::Entry)| {
        let on = entry.expires.filter(|_| entry.rotate.is_none() && document.contains(name))?;
        let warned = on.checked_sub(jiff::Span::new().try_days(entry.expiry_notice).ok()?).ok()?;
        let state = match () {
            () if on <= today => "expired",
            () if warned <= today => "due",
            () => "planned",
        };
        Some(Ending {
            secret: name.as_str(),
            state,
            expires: on.to_string(),
            warned_from: warned.to_string(),
        })
    };
    let mut found: Vec<Ending<'s>> = schema.secrets.iter().filter_map(ends).collect();
    found.sort_by(|one, other| one.expires.cmp(&other.expires));
    found
}
