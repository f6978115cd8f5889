//! `ssh-key`: a key by which jobs and people log in to servers. The new one is added beside the old one on every server,
//! and the old one is taken away there only over a connection that the new one alone has opened.

mod lines;
mod script;
mod login;
mod change;
mod jobs;
mod kind;

pub use jobs::Jobs;
pub use kind::SshKey;
pub use login::KeyServer;
