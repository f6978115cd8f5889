//! Secrets that two branches changed in different ways: ours stands among the secrets, theirs waits in `[conflicts]`.
//!
//! ```toml
//! [conflicts]
//! "database.password".theirs = "…"
//! "sentry.dsn".removed = true
//! ```

use std::collections::{BTreeMap, BTreeSet};

use crate::name::SecretName;
use crate::secret::{SecretText, SecretValue};

use super::document::Document;
use super::outline::{DocumentError, DocumentProblem, Outline, error_at};
use super::parts::section;
use super::toml_text::{decode_scalar, push_toml_string};

/// What the other side has, by name; `None` if it removed the secret.
pub(super) type Conflicts = BTreeMap<SecretName, Option<SecretValue>>;

impl Document {
    /// The secrets in conflict, each with what the other side has; `None` if that removed it.
    pub fn conflicts(&self) -> impl Iterator<Item = (&SecretName, Option<&SecretValue>)> {
        self.conflicts.iter().map(|(name, theirs)| (name, theirs.as_ref()))
    }

    /// Whether a secret is in conflict.
    pub fn is_in_conflict(&self, name: &SecretName) -> bool {
        self.conflicts.contains_key(name)
    }

    /// Whether any secret is in conflict.
    pub fn has_conflicts(&self) -> bool {
        !self.conflicts.is_empty()
    }

    /// The table of the conflicts that are not among `settled`.
    pub(super) fn open_conflicts(&self, settled: &BTreeSet<SecretName>) -> SecretText {
        spell(self.conflicts.iter().filter(|(name, _)| !settled.contains(*name)))
    }
}

/// Reads `[conflicts]`. As strict as TOML about what stands twice, since no other parser looks at this table.
pub(super) fn read(text: &str, outline: &Outline) -> Result<Conflicts, DocumentError> {
    let mut conflicts = Conflicts::new();
    for leaf in &outline.leaves {
        let table = &outline.tables[leaf.table];
        if section(table) != "conflicts" {
            continue;
        }
        let wrong = || {
            let what = "a conflict names a secret once, with `theirs` or `removed`";
            error_at(text, leaf.start, DocumentProblem::Store(what))
        };
        let is_plain = table.path.len() == 1 && !table.is_array && !leaf.value.is_empty();
        let [name, side] = &leaf.keys[..] else { return Err(wrong()) };
        let name = SecretName::parse(name).map_err(|_| wrong())?;
        let raw = &text[leaf.value.clone()];
        let theirs = match &**side {
            "theirs" if is_plain => Some(decode_scalar(raw, leaf.encoding).map_err(|_| wrong())?),
            "removed" if is_plain && raw == "true" => None,
            _ => return Err(wrong()),
        };
        if conflicts.insert(name, theirs).is_some() {
            return Err(wrong());
        }
    }
    Ok(conflicts)
}

/// The table as text; nothing if there are no conflicts.
pub(super) fn spell<'a>(
    conflicts: impl Iterator<Item = (&'a SecretName, &'a Option<SecretValue>)>,
) -> SecretText {
    let mut text = SecretText::default();
    for (name, theirs) in conflicts {
        if text.is_empty() {
            text.push_str("[conflicts]\n");
        }
        text.push_str(&format!("\"{name}\""));
        match theirs {
            Some(value) => {
                text.push_str(".theirs = ");
                push_toml_string(&mut text, value.expose());
            }
            None => text.push_str(".removed = true"),
        }
        text.push('\n');
    }
    text
}
