//! The one integration test binary. Every file in this folder is a module here.
#![allow(unreachable_pub, reason = "nothing here is reached from outside")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::format_push_string,
    clippy::format_collect,
    reason = "a test stops at the first surprise"
)]

mod harness;
mod applications;
mod architecture;
mod authenticity;
mod bad_input;
mod concurrency;
mod damaged_store;
mod document;
mod durability;
mod faults;
mod leaks;
mod memory;
mod privileged;
mod commands;
mod git;
mod history;
mod servers;
mod sealed;
mod install;
mod push;
mod rotate;
mod edit;
mod identities;
mod interop;
mod keyring;
mod readme;
mod ssh;
mod recipients;
mod away;
mod backup;
mod s3;
mod github;
mod rotate_keys;
mod parsers;
mod postgres;
