//! A bucket of an S3 service as the store's home, and as a place for backups. Nothing is taken for granted of a service
//! that others do not do as well: every promise that writing rests on is put to the test there first.

mod connect;
mod credentials;
mod trouble;
mod patience;
mod wire;
mod create;
mod shelf;
mod presigned;
mod pair;

mod notes;
mod promises;
mod prove;
mod home;
mod replace;

pub use connect::S3Place;
pub use home::S3Home;
pub use pair::{PairSaid, S3Pair};
pub use shelf::S3Shelf;
