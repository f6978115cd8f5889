//! How secrets are rotated: `rotate = { every = "90d", with = "…", on = "…" }` of a secret. The secret that it stands at gives
//! the rotation its name.

use std::time::Duration;

use crate::name::{SecretName, TargetName};

use super::model::Place;
use super::server::Vantage;
use super::template::Template;

mod django;
mod flower;

pub use django::{DjangoPassword, DjangoSecretKey, Manage};
pub use flower::Flower;

/// How a secret is rotated.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rotation {
    /// The longest time between two rotations.
    pub every: Option<Duration>,
    /// How long the old credential stays valid beside the new one, at least; `None` leaves it to the kind.
    pub grace: Option<Duration>,
    /// The kind of credential.
    pub with: RotationKind,
    /// The server it happens on.
    pub on: Option<TargetName>,
    /// What it names of the rest of the schema, and where: all of it is declared.
    pub mentions: Vec<Mention>,
}

/// Something that a rotation names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mention {
    /// What it is.
    pub what: Mentioned,
    /// Where it is named.
    pub place: Place,
}

/// A part of the schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mentioned {
    /// A secret.
    Secret(SecretName),
    /// A server.
    Server(TargetName),
}

/// The kinds of credentials, with their own settings.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum RotationKind {
    /// `generated`: a value that only the programs have that are given it; a new one is made as `generate` says.
    #[default]
    Generated,
    /// `postgres-alternating`: two login roles in turn, of which one is valid and the other becomes so.
    PostgresAlternating(Postgres),
    /// `django-secret-key`: a key that signs, and is accepted beside the one before.
    DjangoSecretKey(DjangoSecretKey),
    /// `django-password`: the password of a user of a Django application.
    DjangoPassword(DjangoPassword),
    /// `flower`: the password of Flower's user.
    Flower(Flower),
}

/// A page that shows whether a credential is accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Site {
    /// Its URL, http or https.
    pub url: Template,
    /// From where it is asked for.
    pub from: Vantage,
}

/// A login role of a database server.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Postgres {}

impl RotationKind {
    /// The name in schemas and in the journal.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Generated => "generated",
            Self::PostgresAlternating(_) => "postgres-alternating",
            Self::DjangoSecretKey(_) => "django-secret-key",
            Self::DjangoPassword(_) => "django-password",
            Self::Flower(_) => "flower",
        }
    }
}
