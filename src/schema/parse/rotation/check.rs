//! What of a rotation can be looked at only when the whole schema is known.

use crate::name::SecretName;
use crate::schema::model::{Entry, Place, Schema};
use crate::schema::parse::context::Context;
use crate::schema::rotation::{Reference, Referent, Rotation};

/// One rotation and everything around it.
pub(super) struct Subject<'a> {
    pub(super) context: Context<'a>,
    pub(super) schema: &'a Schema,
    /// The secret that is rotated.
    pub(super) name: &'a SecretName,
    pub(super) entry: &'a Entry,
    pub(super) rotation: &'a Rotation,
}

impl Subject<'_> {
    /// Complains where the rotation names a secret, or where the rotated secret is declared.
    pub(super) fn error(&self, about: &SecretName, message: String, hint: Option<String>) {
        let named = self.references_to(about).next();
        let place = named.map_or(&self.entry.place, |reference| &reference.place);
        self.error_at(place, message, hint);
    }

    pub(super) fn error_at(&self, place: &Place, message: String, hint: Option<String>) {
        self.context.error_at(place.clone(), message, hint);
    }

    pub(super) fn references_to(&self, name: &SecretName) -> impl Iterator<Item = &Reference> {
        let is_it = move |to: &Referent| matches!(to, Referent::Secret(named, _) if named == name);
        self.rotation.references.iter().filter(move |reference| is_it(&reference.to))
    }

    /// Whether a secret that holds something during a rotation only is declared, and may be absent at other times.
    pub(super) fn has_companion(&self, companion: &SecretName, hint: &str) -> bool {
        let Some(entry) = self.schema.secrets.get(companion) else {
            // What is named has been complained about.
            if self.references_to(companion).next().is_none() {
                let message = format!(
                    "no secret `{companion}` is declared, and `{}` cannot be rotated without it",
                    self.name
                );
                self.error(companion, message, Some(hint.to_owned()));
            }
            return false;
        };
        if companion == self.name {
            self.error(companion, format!("`{companion}` cannot be its own companion"), None);
        } else if entry.required {
            let message =
                format!("`{companion}` is empty between two rotations: it needs `required = false`");
            self.error_at(&entry.place, message, None);
        }
        companion != self.name
    }
}
