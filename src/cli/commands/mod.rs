//! One file per command: its arguments, then what it does.

mod bundles;
pub(super) mod check;
pub(super) mod compare;
pub(super) mod completions;
pub(super) mod edit;
pub(super) mod export;
pub(super) mod generate;
pub(super) mod get;
pub(super) mod git;
pub(super) mod history;
pub(super) mod identity;
pub(super) mod import;
pub(super) mod init;
pub(super) mod list;
pub(super) mod manual;
pub(super) mod merge;
pub(super) mod push;
mod readers;
pub(super) mod recipients;
pub(super) mod rekey;
pub(super) mod remove;
pub(super) mod render;
pub(super) mod rollback;
pub(super) mod run;
pub(super) mod server;
pub(super) mod set;
pub(super) mod unseal;
