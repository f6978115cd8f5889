//! From what the schema says of a rotation to the code that knows the credential.

use crate::name::SecretName;
use crate::push::Surroundings;
use crate::schema::{RotationKind, Schema};
use crate::store::Document;

use super::credential::Credential;
use super::from_schema;
use super::generated::Generated;
use super::postgres::{Alternating, Single, Site};
use super::trouble::Trouble;
use super::web::{FlowerPassword, SecretKey, UserPassword};

/// What kinds are made from. They keep copies of what they need: the document is replaced while a rotation goes on, and
/// whatever it says of the credential itself they take from the journal.
pub struct World<'a> {
    /// The schema.
    pub schema: &'a Schema,
    /// The store when the rotation was taken up: addresses, keys, and what else is not rotated.
    pub document: &'a Document,
    /// Files, the environment, and whoever can be asked for a passphrase.
    pub around: Surroundings<'a>,
}

/// The credential whose rotation stands at this secret in the schema.
pub fn credential(name: &SecretName, world: &World<'_>) -> Result<Box<dyn Credential>, Trouble> {
    let entry = world.schema.secrets.get(name);
    let Some((entry, rotation)) = entry.and_then(|entry| Some((entry, entry.rotate.as_ref()?))) else {
        return Err(Trouble::rejected(format_args!("the schema does not say how {name} is rotated"))
            .hint(format_args!("add `rotate = {{ with = \"…\" }}` to [secrets.{name}]")));
    };
    match &rotation.with {
        RotationKind::Generated => Ok(Box::new(Generated::new(name.clone(), entry.clone()))),
        RotationKind::PostgresAlternating(_) => {
            let site = Site::of(name, world.schema, world.document, &world.around)?;
            Ok(Box::new(Alternating::new(site)))
        }
        RotationKind::PostgresSingle(_) => {
            Ok(Box::new(Single::new(Site::of(name, world.schema, world.document, &world.around)?)))
        }
        RotationKind::Command(settings) => Ok(from_schema::command(name, entry, rotation, settings, world)),
        RotationKind::SshKey(settings) => from_schema::ssh_key(name, rotation, settings, world),
        RotationKind::S3Keys(settings) => from_schema::s3_keys(name, entry, rotation, settings, world),
        RotationKind::Clerk(settings) => from_schema::clerk(name, rotation, settings, world),
        RotationKind::Webhook(settings) => Ok(from_schema::webhook(name, rotation, settings, world)),
        RotationKind::DjangoSecretKey(settings) => {
            Ok(Box::new(SecretKey::new(name, entry, rotation, settings, world)?))
        }
        RotationKind::DjangoPassword(settings) => {
            Ok(Box::new(UserPassword::new(name, entry, rotation, settings, world)?))
        }
        RotationKind::Flower(settings) => {
            Ok(Box::new(FlowerPassword::new(name, entry, rotation, settings, world)?))
        }
    }
}
