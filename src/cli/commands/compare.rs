//! `compare`: what changed between two revisions or generations of the store, by names.

use std::path::Path;

use clap::Args;
use serde::Serialize;

use crate::cli::args::JsonArg;
use crate::cli::commands::git::repository::Repository;
use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::store::{Change, Comparison, Document, Keys, SIZE_LIMIT, compare, open};

/// Show what changed between two revisions of the store, by names
///
/// Compares the store in a git revision with the one here, or with that of a second revision. A generation is looked
/// for in the history of the current branch.
///
/// Examples:
///   luca-secrets compare HEAD~3
///   luca-secrets compare main feature
///   luca-secrets compare --generation 12
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct CompareArgs {
    /// The earlier revision, such as a branch or a tag [default: HEAD]
    #[arg(value_name = "REVISION", conflicts_with = "generation")]
    from: Option<String>,
    /// The later revision [default: the store as it is here]
    #[arg(value_name = "REVISION")]
    to: Option<String>,
    /// The earlier generation of the store, instead of a revision
    #[arg(long, value_name = "NUMBER")]
    generation: Option<u64>,
    #[command(flatten)]
    json: JsonArg,
}

#[derive(Serialize)]
struct Report {
    from: u64,
    to: u64,
    secrets: Vec<Row>,
    readers: Vec<Row>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    rotations: Vec<Rotation>,
}

/// A rotation that began, went on or ended.
#[derive(Serialize)]
struct Rotation {
    name: String,
    state: &'static str,
}

#[derive(Serialize)]
struct Row {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    change: Change,
}

pub(crate) fn run(args: &CompareArgs, context: &mut Context) -> Result<(), Failure> {
    let repository = Repository::find(context)?;
    let here = context.disk.read(&context.settings.store, SIZE_LIMIT).ok();
    let keys = context.keys_for(here.as_ref().map_or(&[], |sealed| sealed.as_slice()))?;
    let place = Place { repository, keys };
    let from = match args.generation {
        Some(generation) => place.generation(generation, context)?,
        None => place.revision(args.from.as_deref().unwrap_or("HEAD"), context)?,
    };
    let to = if let Some(revision) = &args.to {
        place.revision(revision, context)?
    } else {
        let sealed = context.disk.read(&context.settings.store, SIZE_LIMIT)?;
        open(&context.settings.store, &sealed, &place.keys)?
    };
    if from.id() != to.id() {
        return Err(Failure::new("these are different stores, made one by one"));
    }
    // An earlier store is what was asked for; another one is not.
    context.refuse_foreign(to.print())?;
    report(args, (&from, &to), context)
}

/// Where earlier stores are found, and what opens them.
struct Place {
    repository: Repository,
    keys: Keys,
}

impl Place {
    fn revision(&self, revision: &str, context: &Context) -> Result<Document, Failure> {
        let path = self.repository.path(&context.settings.store)?;
        // A revision is never an option of git's, whatever it looks like.
        let object = format!("{revision}:{path}");
        let sealed = if revision.starts_with('-') {
            None
        } else {
            self.repository.ask(context, &["cat-file", "blob", &object])?
        };
        let sealed = sealed.ok_or_else(|| {
            Failure::new(format_args!("git knows no such revision, or there is no {path} in it"))
        })?;
        Ok(open(Path::new(&object), &sealed, &self.keys)?)
    }

    /// The newest store of that generation in the history of the current branch.
    fn generation(&self, generation: u64, context: &mut Context) -> Result<Document, Failure> {
        let path = self.repository.path(&context.settings.store)?;
        let top = format!(":(top){path}");
        let commits = self.repository.ask(context, &["log", "--format=%H", "--", &top])?.unwrap_or_default();
        let commits = String::from_utf8_lossy(&commits).into_owned();
        let mut unreadable = 0;
        for commit in commits.lines() {
            match self.revision(commit, context) {
                Ok(document) if document.generation() == generation => return Ok(document),
                Ok(_) => {}
                Err(_) => unreadable += 1,
            }
        }
        let failure =
            Failure::new(format_args!("generation {generation} was never committed on this branch"));
        if unreadable == 0 {
            return Err(failure);
        }
        Err(failure.hint(format_args!("{unreadable} revisions of the store could not be opened here")))
    }
}

fn report(
    args: &CompareArgs,
    (from, to): (&Document, &Document),
    context: &mut Context,
) -> Result<(), Failure> {
    let Comparison { secrets, readers, rotations } = compare(from, to);
    let secrets = secrets.into_iter().map(|(name, change)| Row { name: name.to_string(), key: None, change });
    let readers =
        readers.into_iter().map(|(reader, change)| Row { name: reader.name, key: Some(reader.key), change });
    let report = Report {
        from: from.generation(),
        to: to.generation(),
        secrets: secrets.collect(),
        readers: readers.collect(),
        rotations: rotations
            .into_iter()
            .map(|(name, state)| Rotation { name: name.to_string(), state: state.word() })
            .collect(),
    };
    if args.json.json {
        return context.ui.json(&report);
    }
    for row in &report.secrets {
        context.ui.data(&format!("{} {}\n", row.name, row.change.word()))?;
    }
    for row in &report.readers {
        let key = row.key.as_deref().unwrap_or_default();
        context.ui.data(&format!("reader {} {}: {key}\n", row.name, row.change.word()))?;
    }
    for one in &report.rotations {
        context.ui.data(&format!("rotation of {} {}\n", one.name, one.state))?;
    }
    if report.secrets.is_empty() && report.readers.is_empty() && report.rotations.is_empty() {
        context.ui.ok("no secret and no reader differs");
    }
    context.explain(&format!("generation {} against generation {}", report.from, report.to));
    Ok(())
}
