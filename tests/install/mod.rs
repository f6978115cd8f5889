//! Putting a file on a server, with the real script under every shell.

mod faults;
mod outside;
mod peer;
mod refused;
mod steps;
mod whole;
