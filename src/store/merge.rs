//! Two sets of changes to the same store, made one: three-way, secret by secret.

use crate::name::SecretName;

use super::document::Document;
use super::splice::{Changes, differences};

/// What came of a merge.
pub(super) enum Merged {
    /// Our changes that `theirs` does not have yet.
    Clean(Changes),
    /// Secrets that both sides changed, each in its own way; nothing may be written.
    Conflict(Vec<SecretName>),
}

/// Merges `ours`, changes made to `base`, with `theirs`, which grew from `base` meanwhile.
///
/// Only two *different* changes to the *same* secret are a conflict.
pub(super) fn merge(base: &Document, ours: &Changes, theirs: &Document) -> Merged {
    let foreign = differences(base, theirs);
    let clashes = |name: &&SecretName| foreign.get(*name).is_some_and(|value| *value != ours[*name]);
    let conflicts: Vec<SecretName> = ours.keys().filter(clashes).cloned().collect();
    if conflicts.is_empty() {
        let open = ours.iter().filter(|(name, _)| !foreign.contains_key(*name));
        Merged::Clean(open.map(|(name, value)| (name.clone(), value.clone())).collect())
    } else {
        Merged::Conflict(conflicts)
    }
}
