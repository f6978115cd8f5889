//! How secrets are rotated: `rotate = { every = "90d", with = "…", on = "…" }` of a secret. The secret that it stands at gives
//! the rotation its name.

use std::time::Duration;

use crate::name::{SecretName, TargetName};

use super::model::{Place, Type};
use super::server::Vantage;
use super::template::Template;

mod command;
mod django;
mod flower;
mod keys;
mod postgres;

pub use command::{CommandRotation, Maker};
pub use django::{DjangoPassword, DjangoSecretKey, Manage};
pub use flower::Flower;
pub use keys::{ClerkRotation, S3Issuer, S3Rotation, SshKeyRotation, WebhookRotation};
pub use postgres::{Postgres, PostgresAdmin, PostgresLogin, PostgresWay};

use super::window::Window;

/// How a secret is rotated.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rotation {
    /// The time from one rotation to the next.
    pub every: Option<Duration>,
    /// How much earlier or later than that it may be, so that not everything is due at once. At most half of `every`.
    pub jitter: Duration,
    /// When it may begin by itself; `None` at any time.
    pub window: Option<Window>,
    /// How long the old credential stays valid beside the new one, at least; `None` leaves it to the kind.
    pub grace: Option<Duration>,
    /// The kind of credential.
    pub with: RotationKind,
    /// The server it happens on.
    pub on: Option<TargetName>,
    /// What its keys name, each of which the schema declares.
    pub references: Vec<Reference>,
}

/// Something that a key names, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// What is named.
    pub to: Referent,
    /// Where.
    pub place: Place,
}

/// What can be named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Referent {
    /// A server: `[server.NAME]`.
    Server(TargetName),
    /// A secret, of one of these types; of any type if there are none.
    Secret(SecretName, &'static [Type]),
}

/// The kinds of credentials, with their own settings.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum RotationKind {
    /// `generated`: a value that only the programs have that are given it; a new one is made as `generate` says.
    #[default]
    Generated,
    /// `postgres-alternating`: two login roles in turn, of which one is valid and the other becomes so.
    PostgresAlternating(Postgres),
    /// `postgres-single`: the one login role gets another password; new logins with the old one fail until the consumers
    /// have the new one.
    PostgresSingle(Postgres),
    /// `command`: whatever a program of the user's own replaces.
    Command(CommandRotation),
    /// `ssh-key`: a key by which jobs and people log in to servers.
    SshKey(SshKeyRotation),
    /// `s3-keys`: a pair of keys of an S3 service.
    S3Keys(S3Rotation),
    /// `clerk`: a secret key of Clerk's, which a person makes.
    Clerk(ClerkRotation),
    /// `webhook`: the secret with which a service signs what it sends, which a person gets.
    Webhook(WebhookRotation),
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

impl RotationKind {
    /// The settings of a login of a PostgreSQL database, if it is one.
    pub const fn postgres(&self) -> Option<&Postgres> {
        match self {
            Self::PostgresAlternating(settings) | Self::PostgresSingle(settings) => Some(settings),
            _ => None,
        }
    }

    /// The name in schemas and in the journal.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Generated => "generated",
            Self::PostgresAlternating(_) => "postgres-alternating",
            Self::PostgresSingle(_) => "postgres-single",
            Self::Command(_) => "command",
            Self::SshKey(_) => "ssh-key",
            Self::S3Keys(_) => "s3-keys",
            Self::Clerk(_) => "clerk",
            Self::Webhook(_) => "webhook",
            Self::DjangoSecretKey(_) => "django-secret-key",
            Self::DjangoPassword(_) => "django-password",
            Self::Flower(_) => "flower",
        }
    }
}
