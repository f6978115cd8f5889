//! Kinds of credentials that are keys, each against the real service or a stand-in after its published description.

mod command;
mod command_line;
mod walk;
mod people;
mod pasted;
mod ssh_key;
mod ssh_faults;
mod clerk;
mod rests;
mod s3;
mod s3_faults;
mod ssh_agent;
mod schema;
mod measure;
