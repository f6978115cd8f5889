//! A branch of a git repository as the store's home. A push that is not refused is the compare-and-swap.

mod call;
mod trouble;
mod repository;
mod home;

pub use home::{GitHome, GitPlace};
