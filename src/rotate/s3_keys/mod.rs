//! `s3-keys`: the pair of keys by which programs use a bucket. A person makes it on a page, or IAM does.

mod bucket;
mod issuer;
mod query;
mod reply;
mod iam;

pub use bucket::KeyedBucket;
pub use iam::IamKeys;
pub use issuer::S3Keys;
pub use query::Iam;
