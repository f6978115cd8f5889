//! Buckets of S3 services, against real ones: Ceph's gateway, the engine of many a vendor's object storage with quirks of
//! its own, and moto, which behaves as Amazon's.

mod crowd;
mod faults;
mod home;
mod shelf;
