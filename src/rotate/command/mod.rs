//! `command`: a credential that a program of the user's own replaces. Its contract stands in the README and has a version:
//! one request as JSON on standard input, one reply as JSON on standard output.

mod kind;
mod reply;
mod request;

pub use kind::Command;
pub use request::VERSION;
