//! `remote status`: how the copy here stands to the one there.

use std::fmt::Write as _;

use clap::Args;
use serde::Serialize;

use crate::cli::args::JsonArg;
use crate::cli::away::Standing;
use crate::cli::commands::remote::command::{home, is_here};
use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::store::{Change, Comparison, Document, SIZE_LIMIT, compare};

/// Show how the copy of the store here stands to the one in its home
///
/// Changes nothing. Exit code 3 if they differ.
#[derive(Args)]
pub(crate) struct StatusArgs {
    #[command(flatten)]
    json: JsonArg,
}

#[derive(Serialize)]
struct Report {
    home: String,
    standing: &'static str,
    here: Option<Side>,
    there: Option<Side>,
    /// What a pull would change here.
    changes: Vec<Row>,
}

#[derive(Serialize)]
struct Side {
    generation: u64,
    written: String,
    by: String,
}

#[derive(Serialize)]
struct Row {
    name: String,
    change: Change,
}

pub(crate) fn run(args: &StatusArgs, context: &mut Context) -> Result<(), Failure> {
    let report = report(context)?;
    if args.json.json {
        context.ui.json(&report)?;
    } else {
        context.ui.data(&lines(&report))?;
    }
    match report.standing {
        "same" => Ok(()),
        "behind" | "missing" => Err(Failure::findings().hint("take it in with `luca-secrets remote pull`")),
        "apart" => Err(Failure::findings()
            .hint("make both one with `luca-secrets remote pull`, then `luca-secrets remote push`")),
        _ => Err(Failure::findings().hint("bring it there with `luca-secrets remote push`")),
    }
}

fn report(context: &mut Context) -> Result<Report, Failure> {
    if !is_here(context)? {
        let away = home(None, context)?;
        return Ok(Report {
            home: away.home.label(),
            standing: "missing",
            here: None,
            there: None,
            changes: Vec::new(),
        });
    }
    let store = context.unlock()?;
    let mut away = home(Some(store.document()), context)?;
    let local = context.disk.read(store.path(), SIZE_LIMIT)?.to_vec();
    let standing = away.look(&store, &local, context)?;
    let (word, incoming) = match &standing {
        Standing::Same => ("same", None),
        Standing::Empty => ("empty", None),
        Standing::Ahead => ("ahead", None),
        Standing::Behind(incoming) => ("behind", Some(incoming)),
        Standing::Apart(incoming, _) => ("apart", Some(incoming)),
    };
    let changes = match incoming {
        Some(incoming) => compare(store.document(), &incoming.document),
        None => Comparison { secrets: Vec::new(), readers: Vec::new(), rotations: Vec::new() },
    };
    let row = |(name, change): (_, Change)| Row { name: ToString::to_string(&name), change };
    Ok(Report {
        home: away.home.label(),
        standing: word,
        here: Some(side(store.document())),
        there: incoming.map(|incoming| side(&incoming.document)),
        changes: changes.secrets.into_iter().map(row).collect(),
    })
}

fn side(document: &Document) -> Side {
    let by = document.by().chars().filter(|character| !character.is_control()).collect();
    Side { generation: document.generation(), written: document.written().to_string(), by }
}

fn lines(report: &Report) -> String {
    let mut text = format!("home      {}\n", report.home);
    for (label, side) in [("here ", &report.here), ("there", &report.there)] {
        if let Some(Side { generation, written, by }) = side {
            let _ = writeln!(text, "{label}     generation {generation}, written {written} by {by}");
        }
    }
    let standing = match report.standing {
        "same" => "both are the same",
        "empty" => "there is nothing there yet",
        "ahead" => "the copy here has what is not there yet",
        "behind" => "others have written there",
        "missing" => "there is no copy here",
        _ => "both have changed",
    };
    let _ = writeln!(text, "standing  {standing}");
    for Row { name, change } in &report.changes {
        let word = match change {
            Change::Added => "only there",
            Change::Changed => "another value",
            Change::Removed => "only here",
        };
        let _ = writeln!(text, "  {name}  {word}");
    }
    text
}
