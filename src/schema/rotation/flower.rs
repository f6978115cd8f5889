//! The settings of the kind `flower`.

use crate::name::SecretName;

use super::Site;

/// `flower`: the password of Flower's one user, which for a time has two.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flower {
    /// The secret with the user's name.
    pub username: SecretName,
    /// The secret with the password before, for as long as it is accepted.
    pub previous: SecretName,
    /// A page that asks for the password: `/api/workers`.
    pub workers: Site,
}
