//! `remote log`: the latest versions in the store's home.

use clap::Args;
use serde::Serialize;

use crate::cli::args::JsonArg;
use crate::cli::away::Away;
use crate::cli::commands::remote::command::{home, is_here};
use crate::cli::context::Context;
use crate::cli::failure::Failure;

/// List the latest versions in the store's home, newest first
#[derive(Args)]
pub(crate) struct LogArgs {
    /// Show so many
    #[arg(short, long, value_name = "NUMBER", default_value_t = 10)]
    limit: usize,
    #[command(flatten)]
    json: JsonArg,
}

#[derive(Serialize)]
struct Row {
    generation: Option<u64>,
    at: Option<String>,
    by: Option<String>,
    summary: Option<String>,
    bytes: Option<u64>,
    version: String,
}

pub(crate) fn run(args: &LogArgs, context: &mut Context) -> Result<(), Failure> {
    let mut away = open(context)?;
    let entries = away.home.log(args.limit)?;
    let plain = |text: String| text.chars().filter(|character| !character.is_control()).collect::<String>();
    let rows: Vec<Row> = entries
        .into_iter()
        .map(|entry| Row {
            generation: entry.generation,
            at: entry.at.map(|at| at.to_string()),
            by: entry.author.map(plain),
            summary: entry.summary.map(plain),
            bytes: entry.size,
            version: entry.version.as_str().to_owned(),
        })
        .collect();
    if args.json.json {
        return context.ui.json(&rows);
    }
    for row in &rows {
        let generation = row.generation.map_or_else(|| "?".to_owned(), |generation| generation.to_string());
        let mut line = format!("{generation:>6}  {}", row.at.as_deref().unwrap_or("?"));
        for text in [&row.by, &row.summary].into_iter().flatten() {
            line.push_str("  ");
            line.push_str(text);
        }
        context.ui.data(&format!("{line}\n"))?;
    }
    if rows.is_empty() {
        context.ui.ok("there is nothing there yet");
    }
    Ok(())
}

/// The home. The store is opened only where the credentials for it are in there.
fn open(context: &mut Context) -> Result<Away, Failure> {
    let needs_store = context.home_settings()?.is_some_and(|remote| remote.has_own_credentials());
    if needs_store && is_here(context)? {
        let store = context.unlock()?;
        return home(Some(store.document()), context);
    }
    home(None, context)
}
