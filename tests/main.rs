//! The one integration test binary. Every file in this folder is a module here.
#![allow(unreachable_pub, reason = "nothing here is reached from outside")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

mod harness;
mod architecture;
mod commands;
mod identities;
mod interop;
mod keyring;
mod readme;
mod parsers;
