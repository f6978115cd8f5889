//! The places that values go to.

pub mod server;
