//! Sentences that several commands say.

use crate::name::{SecretName, nearest};
use crate::store::{Committed, Document, Edit, Pinning};

use super::away::Reach;
use super::context::Context;
use super::failure::Failure;

/// The store does not hold the secret.
pub(super) fn no_such_secret(name: &SecretName, document: &Document) -> Failure {
    let failure = Failure::new(format_args!("{name} is not in the store"));
    match nearest(name.as_str(), document.names().map(SecretName::as_str)) {
        Some(other) => failure.hint(format_args!("did you mean {other}?")),
        None => failure.hint("`luca-secrets list` shows what there is"),
    }
}

/// A count with its noun: "1 secret", "3 secrets".
pub(super) fn count(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

/// Writes an edit, or with `dry_run` only shows what it would change.
pub(super) fn finish(edit: Edit<'_>, dry_run: bool, context: &mut Context) -> Result<(), Failure> {
    if dry_run {
        for (name, change) in edit.preview() {
            context.ui.say(&format!("{name} would be {}", change.word()));
        }
        return Ok(());
    }
    let committed = commit(edit, context)?;
    say_committed(context, &committed);
    Ok(())
}

/// Writes an edit, where the store has a home away from this machine there too, and remembers what was written.
pub(super) fn commit(edit: Edit<'_>, context: &mut Context) -> Result<Committed, Failure> {
    commit_to(edit, Reach::AsFarAsPossible, context)
}

/// The same, as far as it has to come to count.
pub(super) fn commit_to(edit: Edit<'_>, reach: Reach, context: &mut Context) -> Result<Committed, Failure> {
    let committed = match context.away(Some(edit.opened().document()))? {
        Some(mut away) => {
            let committed = away.commit(&edit, reach, context);
            context.keep_away(away);
            committed?
        }
        None => edit.commit(&context.disk, &context.author(), context.settings.patience)?,
    };
    if let (Some(document), Some(sealed)) = (&committed.document, &committed.sealed) {
        context.remember(document, Pinning::Seen);
        context.back_up(document, sealed);
    }
    Ok(committed)
}

/// Says what a commit did.
pub(super) fn say_committed(context: &mut Context, committed: &Committed) {
    if !committed.written {
        context.ui.ok("nothing changed, so the store was left alone");
        return;
    }
    for (name, change) in &committed.changes {
        context.ui.ok(&format!("{name} {}", change.word()));
    }
    for name in &committed.settled {
        context.ui.ok(&format!("{name} is no longer in conflict"));
    }
    for name in &committed.forgotten {
        context.ui.ok(&format!("the earlier values of {name} are forgotten"));
    }
    for name in &committed.cleared {
        context.ui.ok(&format!("{name} is no longer exposed"));
    }
    if committed.changes.is_empty() && committed.settled.is_empty() && committed.forgotten.is_empty() {
        context.ui.ok("comments changed");
    }
    if committed.merged {
        context.ui.ok("merged with what somebody else wrote meanwhile");
    }
    context.explain(&format!("the store is at generation {}", committed.generation));
}
