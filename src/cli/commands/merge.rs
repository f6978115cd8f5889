//! `merge`: secrets that two branches changed in different ways.

use clap::Args;
use serde::Serialize;

use crate::cli::args::{DryRunArg, JsonArg, YesArg};
use crate::cli::commands::edit::{self, EditArgs};
use crate::cli::commands::git::repository::{Repository, is_unmerged};
use crate::cli::commands::git::{in_conflict, say_joined};
use crate::cli::context::{Context, secret_name};
use crate::cli::failure::{Failure, Kind};
use crate::cli::report::{self, count, say_committed};
use crate::name::SecretName;
use crate::secret::{SecretValue, shape};
use crate::store::{Document, Origin, Sides, join, open};
use crate::sys::FolderLock;

/// Settle secrets that two branches changed in different ways
///
/// Without an option, shows what is in conflict, as shapes and fingerprints. A conflict also ends when the secret is
/// set, edited, generated or removed.
#[derive(Args)]
pub(crate) struct MergeArgs {
    /// Keep our value: the one the store has
    #[arg(long, group = "how")]
    ours: bool,
    /// Take their value: the one that the other branch brought
    #[arg(long, group = "how")]
    theirs: bool,
    /// Settle in the editor, which shows both
    #[arg(long, group = "how", conflicts_with_all = ["names", "dry_run"])]
    edit: bool,
    /// Merge again from git's index, where git merged without the driver and left its conflict markers
    #[arg(long, group = "how", conflicts_with_all = ["names", "dry_run"])]
    from_index: bool,
    /// Only these secrets
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    #[command(flatten)]
    dry_run: DryRunArg,
    #[command(flatten)]
    json: JsonArg,
}

#[derive(Serialize)]
struct Row {
    name: String,
    ours: Option<String>,
    theirs: Option<String>,
}

pub(crate) fn run(args: &MergeArgs, context: &mut Context) -> Result<(), Failure> {
    if args.from_index {
        from_index(context)
    } else if args.edit {
        in_editor(context)
    } else if args.ours || args.theirs {
        settle(args, context)
    } else {
        show(args, context)
    }
}

fn show(args: &MergeArgs, context: &mut Context) -> Result<(), Failure> {
    let store = context.unlock()?;
    let document = store.document();
    let names = wanted(args, document)?;
    let key = document.fingerprint_key();
    let shown = |value: &SecretValue| format!("{}, fingerprint {}", shape(value), key.of(value));
    let rows: Vec<Row> = document
        .conflicts()
        .filter(|(name, _)| names.contains(name))
        .map(|(name, theirs)| Row {
            name: name.to_string(),
            ours: document.get(name).as_ref().map(shown),
            theirs: theirs.map(shown),
        })
        .collect();
    if args.json.json {
        context.ui.json(&rows)?;
    } else {
        for row in &rows {
            let side = |side: &Option<String>| side.clone().unwrap_or_else(|| "removed".to_owned());
            let (ours, theirs) = (side(&row.ours), side(&row.theirs));
            context.ui.data(&format!("{}\n  ours: {ours}\n  theirs: {theirs}\n", row.name))?;
        }
    }
    if rows.is_empty() {
        context.ui.ok("no secret is in conflict");
        return Ok(());
    }
    Err(Failure::findings().hint("settle with `luca-secrets merge --ours`, `--theirs` or `--edit`"))
}

/// The secrets to settle: those that were named, or all in conflict.
fn wanted(args: &MergeArgs, document: &Document) -> Result<Vec<SecretName>, Failure> {
    let names: Vec<SecretName> = args.names.iter().map(|name| secret_name(name)).collect::<Result<_, _>>()?;
    if let Some(name) = names.iter().find(|name| !document.is_in_conflict(name)) {
        return Err(Failure::new(format_args!("{name} is not in conflict"))
            .hint("`luca-secrets merge` shows what is"));
    }
    let all = || document.conflicts().map(|(name, _)| name.clone()).collect();
    Ok(if names.is_empty() { all() } else { names })
}

fn settle(args: &MergeArgs, context: &mut Context) -> Result<(), Failure> {
    let store = context.unlock()?;
    let document = store.document();
    let names = wanted(args, document)?;
    let side = if args.theirs { "theirs" } else { "ours" };
    if args.dry_run.dry_run {
        for name in names {
            context.ui.say(&format!("{name} would be settled with {side}"));
        }
        return Ok(());
    }
    let mut edit = store.edit(Origin::Edit, context.history_kept());
    for (name, theirs) in document.conflicts().filter(|(name, _)| names.contains(name)) {
        edit.settle(name.clone());
        match theirs {
            Some(value) if args.theirs => edit.set(name.clone(), value.clone()),
            None if args.theirs && document.contains(name) => edit.remove(name.clone()),
            _ => {}
        }
    }
    let left = document.conflicts().count() - names.len();
    let committed = report::commit(edit, context)?;
    say_committed(context, &committed);
    say_next(left, context);
    Ok(())
}

fn in_editor(context: &mut Context) -> Result<(), Failure> {
    if !context.unlock()?.document().has_conflicts() {
        context.ui.ok("no secret is in conflict");
        return Ok(());
    }
    edit::run(&EditArgs { resume: false, discard: false, yes: YesArg { yes: false } }, context)?;
    let left = context.unlock()?.document().conflicts().count();
    say_next(left, context);
    Ok(())
}

fn say_next(left: usize, context: &mut Context) {
    if left > 0 {
        context.ui.warn(&format!("{} still in conflict", count(left, "secret")));
    } else if is_unmerged(context) {
        let store = context.settings.store.display().to_string();
        context.ui.hint(&format!("tell git that it is merged: git add {store}"));
    }
}

/// Runs the merge that git could not, from the three stages that it keeps of the store.
fn from_index(context: &mut Context) -> Result<(), Failure> {
    let repository = Repository::find(context)?;
    let path = context.settings.store.clone();
    let mut stages = Vec::new();
    for stage in 1..=3 {
        stages.push(repository.staged(context, stage)?);
    }
    let [base, Some(ours), Some(theirs)] = stages.as_slice() else {
        let shown = path.display();
        if stages.iter().all(Option::is_none) {
            return Err(Failure::new(format_args!("git has no unfinished merge of {shown}")));
        }
        return Err(Failure::new(format_args!("{shown}: one side of the merge has no store"))
            .hint("keep the other with `git checkout --ours` or `--theirs`, or agree with `git rm`"));
    };
    let keys = context.keys_for(ours)?;
    let sides = Sides { base: base.as_ref().map(|base| base.as_slice()), ours, theirs };
    let joined = join(&path, &sides, &keys, &context.author(), context.history_kept())?;
    context.refuse_foreign(joined.print)?;
    let _lock = FolderLock::acquire(&context.settings.root, context.settings.patience)?;
    let exists = context.disk.kind(&path)?.is_some();
    let mode = if exists { context.disk.permissions(&path)?.mode & 0o777 } else { 0o644 };
    context.disk.replace(&path, &joined.sealed, mode)?;
    context.back_up(&open(&path, &joined.sealed, &keys)?, &joined.sealed);
    say_joined(&joined, context);
    in_conflict(&path, &joined).map_err(|failure| failure.kind(Kind::Held))?;
    context.ui.ok(&format!("{} is merged, at generation {}", path.display(), joined.generation));
    say_next(0, context);
    Ok(())
}
