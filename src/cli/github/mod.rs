//! What commands do with GitHub: [`Context::github_targets`](super::context::Context::github_targets) gathers, a look
//! gives a [`GithubPhase`] to show and to carry out.

mod look;
mod phase;
mod targets;

pub(super) use phase::GithubPhase;
