//! What commands do with GitHub: [`Context::github_targets`](super::context::Context::github_targets) gathers, a
//! [`Look`] shows, and a push comes last, since it cannot be undone as a file can. Looking and pushing start work of
//! their own, so neither may be called from within other asynchronous work.

mod look;
mod outcomes;
mod targets;

pub(super) use look::{Look, TargetReport};
pub(super) use outcomes::say_outcomes;
pub(super) use targets::GithubTargets;
