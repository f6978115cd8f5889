//! What of a rotation can be looked at only when the whole schema is known.

use crate::name::{SecretName, TargetName};
use crate::schema::model::{Entry, Place, Schema};
use crate::schema::parse::context::Context;
use crate::schema::rotation::{Mention, Mentioned, Rotation, RotationKind};

use super::{django, flower};

/// Complains about what rotations name and nobody declares, and about what they need and do not have.
pub(in crate::schema::parse) fn check(context: Context<'_>, schema: &Schema) {
    for (name, entry) in &schema.secrets {
        let Some(rotation) = &entry.rotate else { continue };
        check_mentions(context, schema, rotation);
        let subject = Subject { context, schema, name, entry, rotation };
        match &rotation.with {
            RotationKind::DjangoSecretKey(settings) => django::check_secret_key(&subject, settings),
            RotationKind::Flower(settings) => flower::check(&subject, settings),
            _ => {}
        }
    }
}

fn check_mentions(context: Context<'_>, schema: &Schema, rotation: &Rotation) {
    for Mention { what, place } in &rotation.mentions {
        let (message, hint) = match what {
            Mentioned::Secret(name) if !schema.secrets.contains_key(name) => {
                let known = schema.secrets.keys().map(SecretName::as_str);
                (format!("no secret `{name}` is declared"), context.did_you_mean(name.as_str(), known))
            }
            Mentioned::Server(name) if !schema.servers.contains_key(name) => {
                let known = schema.servers.keys().map(TargetName::as_str);
                (format!("no server `{name}` is declared"), context.did_you_mean(name.as_str(), known))
            }
            Mentioned::Secret(_) | Mentioned::Server(_) => continue,
        };
        context.error_at(place, message, hint);
    }
}

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
        let named = |mention: &&Mention| mention.what == Mentioned::Secret(about.clone());
        let place = self.rotation.mentions.iter().find(named).map_or(&self.entry.place, |found| &found.place);
        self.error_at(place, message, hint);
    }

    pub(super) fn error_at(&self, place: &Place, message: String, hint: Option<String>) {
        self.context.error_at(place, message, hint);
    }

    /// Whether a secret that holds something during a rotation only is declared, and may be absent at other times.
    pub(super) fn has_companion(&self, companion: &SecretName, hint: &str) -> bool {
        let Some(entry) = self.schema.secrets.get(companion) else {
            let named = |mention: &Mention| mention.what == Mentioned::Secret(companion.clone());
            // What is named has been complained about.
            if !self.rotation.mentions.iter().any(named) {
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
