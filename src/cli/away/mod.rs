//! The store and its home away from this machine: what both have in common, what came from there, what goes there.

mod bucket;
mod home;
mod look;
mod pull;
mod send;
mod commit;
mod refresh;

pub(super) use commit::Reach;
pub(super) use home::Known;
pub(super) use look::{Away, Standing};
pub(super) use pull::Pulled;
pub(super) use send::{Sent, message};
