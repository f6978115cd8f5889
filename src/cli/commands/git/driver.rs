//! `git merge-driver`: what git calls where both sides of a merge changed the store.

use std::path::{Path, PathBuf};

use clap::Args;

use crate::cli::context::Context;
use crate::cli::failure::{Failure, Kind};
use crate::store::{Change, Joined, SIZE_LIMIT, Sides, join, with_conflict_markers};

/// Merge three versions of the store (called by git)
#[derive(Args)]
pub(crate) struct DriverArgs {
    /// The common ancestor, empty if there is none
    base: PathBuf,
    /// Our version; the merged one takes its place
    ours: PathBuf,
    /// Their version
    theirs: PathBuf,
    /// The store's path in the working tree, for messages
    path: PathBuf,
}

pub(super) fn run(args: &DriverArgs, context: &mut Context) -> Result<(), Failure> {
    let place = |path: &Path| context.settings.folder.join(path);
    let read = |path: &Path| context.disk.read(&place(path), SIZE_LIMIT);
    let (base, ours, theirs) = (read(&args.base)?, read(&args.ours)?, read(&args.theirs)?);
    let target = place(&args.ours);
    let mode = context.disk.permissions(&target)?.mode & 0o777;
    let sides = Sides { base: (!base.is_empty()).then_some(&*base), ours: &ours, theirs: &theirs };
    let joined = context.keys_for(&ours).and_then(|keys| {
        let joined = join(&args.path, &sides, &keys, &context.author(), context.history_kept())?;
        context.refuse_foreign(joined.print)?;
        Ok(joined)
    });
    match joined {
        Ok(joined) => {
            context.disk.replace(&target, &joined.sealed, mode)?;
            say_joined(&joined, context);
            in_conflict(&args.path, &joined)
        }
        Err(failure) => {
            // Our version left as it is would look like a merged one, and their changes would be lost with `git add`.
            context.disk.replace(&target, &with_conflict_markers(&ours, &theirs), mode)?;
            let hint = "once that is mended, merge again with `luca-secrets merge --from-index`";
            Err(failure.kind(Kind::Failed).hint(hint))
        }
    }
}

/// Says what a merge brought beside values.
pub(in crate::cli) fn say_joined(joined: &Joined, context: &mut Context) {
    if joined.base_unreadable {
        context.ui.warn(
            "what both sides grew from cannot be opened here, so every difference is a conflict and nothing counts as removed",
        );
    }
    for (reader, change) in &joined.readers {
        let what = if *change == Change::Removed { "can no longer read" } else { "can read" };
        context.ui.warn(&format!("after this merge {} {what} the store: {}", reader.name, reader.key));
    }
    for name in &joined.rotated_twice {
        context.ui.warn(&format!("both sides have begun a rotation of {name}: both are kept, and held"));
        context.ui.hint(&format!("`luca-secrets rotate --undo {name} --id ID` takes one back"));
    }
    for table in &joined.kept_ours {
        context.ui.warn(&format!(
            "both sides changed the table {table}, which this version does not know; ours was kept"
        ));
    }
}

/// A failure if the merge left conflicts: git counts it as one from the exit code 1.
pub(in crate::cli) fn in_conflict(path: &Path, joined: &Joined) -> Result<(), Failure> {
    if joined.conflicts.is_empty() {
        return Ok(());
    }
    let path = path.display();
    let messages = joined.conflicts.iter();
    let messages = messages.map(|name| format!("{path}: both sides changed {name}, each in its own way"));
    Err(Failure::many(messages).hint(
        "both values are kept in the store: settle with `luca-secrets merge --ours`, `--theirs` or `--edit`, then `git add` it",
    ))
}
