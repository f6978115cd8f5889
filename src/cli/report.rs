//! Sentences that several commands say.

use crate::name::SecretName;
use crate::store::{Change, Committed, Document};

use super::context::Context;
use super::failure::Failure;

/// How alike two names must be for one to be offered for the other (Jaro-Winkler, 0 to 1).
const ALIKE: f64 = 0.8;

/// The one of `candidates` that a person may have meant by `typed`.
pub(super) fn meant<'c>(typed: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    let likeness = |candidate: &&str| strsim::jaro_winkler(typed, candidate);
    candidates
        .into_iter()
        .max_by(|a, b| likeness(a).total_cmp(&likeness(b)))
        .filter(|candidate| likeness(candidate) >= ALIKE)
}

/// The store does not hold the secret.
pub(super) fn no_such_secret(name: &SecretName, document: &Document) -> Failure {
    let failure = Failure::new(format_args!("{name} is not in the store"));
    match meant(name.as_str(), document.names().map(SecretName::as_str)) {
        Some(other) => failure.hint(format_args!("did you mean {other}?")),
        None => failure.hint("`luca-secrets list` shows what there is"),
    }
}

/// A count with its noun: "1 secret", "3 secrets".
pub(super) fn count(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

/// The word for a change.
pub(super) const fn change_word(change: Change) -> &'static str {
    match change {
        Change::Added => "added",
        Change::Changed => "changed",
        Change::Removed => "removed",
    }
}

/// Says what a commit did.
pub(super) fn say_committed(context: &mut Context, committed: &Committed) {
    if !committed.written {
        context.ui.ok("nothing changed, so the store was left alone");
        return;
    }
    for (name, change) in &committed.changes {
        context.ui.ok(&format!("{name} {}", change_word(*change)));
    }
    if committed.changes.is_empty() {
        context.ui.ok("comments changed");
    }
    if committed.merged {
        context.ui.ok("merged with what somebody else wrote meanwhile");
    }
    context.explain(&format!("the store is at generation {}", committed.generation));
}
