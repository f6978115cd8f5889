//! A bucket of an S3 service as the store's home, and as a place for backups. Nothing is taken for granted of a service
//! that others do not do as well: every promise that writing rests on is put to the test there first.

#[allow(dead_code, reason = "for the store's home, which comes next")]
mod connect;
mod credentials;
mod trouble;
mod patience;
#[allow(dead_code, reason = "for the store's home, which comes next")]
mod wire;
#[allow(dead_code, reason = "for the store's home, which comes next")]
mod create;
mod shelf;
mod pair;

pub use connect::S3Place;
pub use pair::{PairSaid, S3Pair};
pub use shelf::S3Shelf;
