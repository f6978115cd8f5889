//! How secrets are rotated: `rotate = { every = "90d", with = "…", on = "…" }` of a secret. The secret that it stands at gives
//! the rotation its name.

use std::time::Duration;

use crate::name::TargetName;

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
}

/// The kinds of credentials, with their own settings.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum RotationKind {
    /// `generated`: a value that only the programs have that are given it; a new one is made as `generate` says.
    #[default]
    Generated,
    /// `postgres-alternating`: two login roles in turn, of which one is valid and the other becomes so.
    PostgresAlternating(Postgres),
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
        }
    }
}
