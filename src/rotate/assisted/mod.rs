//! Credentials that only a person can make and end, on a page of whoever issues them. All around that is ours: what is
//! pasted is proven before it is stored, deployed, and the old one is seen to be dead in the end.

mod issuer;
mod kind;
mod clerk;
mod webhook;

pub use clerk::Clerk;
pub use issuer::{Issuer, ProofTime};
pub use kind::Assisted;
pub use webhook::Webhook;
