//! Values that nobody has: what a proof shows to be refused.

use crate::schema::{Policy, draw};
use crate::secret::SecretValue;
use crate::sys::Random;

use super::trouble::Trouble;

/// A value by a policy.
pub(super) fn drawn(policy: &Policy, random: &mut dyn Random) -> Result<SecretValue, Trouble> {
    draw(policy, random).map_err(|_| Trouble::unavailable("the system gives no randomness"))
}
