//! Putting a file on a server, with the real script under every shell.

mod peer;
mod steps;
mod whole;
