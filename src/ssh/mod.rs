//! One connection to one server: its host key is checked against what is recorded, a key of ours is accepted, commands
//! run with their input, and streams go through. Never a password.

mod public_key;
mod capture;
mod error;
mod pattern;
mod host_keys;
mod key;
mod pair;
mod agent;
mod destination;
mod dial;
mod client;
mod authenticate;
mod process;
mod connection;
mod scan;
mod parallel;

pub use connection::{Connection, Tunnel};
pub use destination::{Destination, Timeouts};
pub use error::{KeyError, Phase, SshError, SshProblem};
pub use host_keys::{HostKeyLineError, HostKeys, LineProblem, Verdict};
pub use key::Key;
pub use pair::KeyPair;
pub use parallel::in_parallel;
pub use process::{Ending, Output, Process};
pub use public_key::PublicKey;
pub use scan::scan_host_keys;
