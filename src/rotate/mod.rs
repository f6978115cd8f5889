//! New credentials at their source, without downtime or lock-out.
//!
//! A kind of credential ([`Credential`]) says by which [`Step`]s it is replaced and taken back, and does each of them. The
//! engine walks the steps and keeps the journal: what is about to be done is in the store, and in the store's home, before
//! it is done; what came of it is known, or found out by a probe, before anything else is done.

mod trouble;
mod step;
mod credential;
mod seams;
mod schedule;
mod generated;
pub mod postgres;
mod wrong;
mod command;
mod assisted;
mod s3_keys;
mod ssh_key;
mod from_schema;
mod web;
mod kinds;
mod id;
mod engine;

pub use assisted::{Assisted, Clerk, Issuer, ProofTime, Webhook};
pub use command::{Command, VERSION};
pub use credential::{Answer, Asked, Created, Credential, Field, Probed, Question, Quiet};
pub use engine::{Ending, Engine, Outside, Patience, Start, busy_until};
pub use kinds::{World, credential};
pub use s3_keys::{Iam, IamKeys, KeyedBucket, S3Keys};
pub use schedule::{MOST_FAILURES, Settling, Standing, Terms, is_clock_behind};
pub use seams::{Deployer, Journal, Person, Seen, Watch};
pub use ssh_key::{Jobs, KeyServer, SshKey};
pub use step::{Action, Step};
pub use trouble::{Trouble, TroubleKind};
