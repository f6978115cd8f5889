//! A server that was looked at for another reason than to give it the store's values.

use crate::bundle::{HealthCheck, health_checks};
use crate::name::TargetName;
use crate::push::Change;
use crate::schema::{Install, Schema};
use crate::secret::Redactor;
use crate::store::Document;
use crate::target::server::{Content, Look};

use super::failure::Failure;

/// What was found of a server's files, and what the schema says of them.
pub(super) struct Visited<'s> {
    /// Its name in the schema.
    pub(super) server: TargetName,
    /// Its files, in the order of the schema.
    pub(super) looks: Vec<Look>,
    installs: &'s [Install],
    health: Vec<Vec<HealthCheck>>,
}

impl<'s> Visited<'s> {
    /// Brings both together. A value that a health check needs and does not have is a message: it must not keep an old
    /// file from coming back.
    pub(super) fn new(
        server: &TargetName,
        looks: Vec<Look>,
        schema: &'s Schema,
        document: &Document,
        failure: &mut Failure,
    ) -> Self {
        let declared = schema.servers.get(server);
        let installs = declared.map(|declared| declared.installs.as_slice()).unwrap_or_default();
        let mut health = Vec::new();
        for install in installs {
            health.push(health_checks(schema, document, server, install).unwrap_or_else(|errors| {
                failure
                    .messages
                    .extend(errors.iter().map(|error| format!("{error}, so that was not checked")));
                Vec::new()
            }));
        }
        Self { server: server.clone(), looks, installs, health }
    }

    /// The files to be changed, which get their previous content where they get any.
    pub(super) fn changes(&self, wanted: impl Fn(&Look) -> bool) -> Vec<Change<'_>> {
        let files = self.looks.iter().zip(self.installs).zip(&self.health).zip(1..);
        let wanted = files.filter(|(((look, _), _), _)| wanted(look));
        wanted
            .map(|(((look, install), health), file)| Change {
                file,
                path: &look.path,
                expected: look.digest,
                content: Content::Previous,
                mode: None,
                owner: None,
                apply: &install.apply,
                health,
                proofs: &install.proofs,
                // Nobody knows the marker of a content that the store does not have.
                marker: None,
            })
            .collect()
    }
}

/// Takes every value of the store out of texts, the earlier ones too: nobody knows which generation a command over there
/// speaks of.
pub(super) fn redactor(document: &Document) -> Redactor {
    let mut redactor = Redactor::default();
    for name in document.names() {
        document.get(name).iter().for_each(|value| redactor.add(value));
        document.history(name).iter().for_each(|earlier| redactor.add(&earlier.value));
    }
    redactor
}
