//! luca-secrets keeps a project's secrets in one encrypted file beside its code, says by a schema what must exist, and
//! renders from both the files that programs read.
//!
//! The modules stand in the order of their dependence: each uses only those above it (`tests/architecture.rs`).

pub mod name;
pub mod secret;
pub mod sys;
pub mod lines;
pub mod schema;
pub mod store;
pub mod bundle;
pub mod render;
pub mod import;
pub mod remote;
pub mod ssh;
pub mod http;
pub mod target;
pub mod push;
pub mod rotate;
pub mod cli;
