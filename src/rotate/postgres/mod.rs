//! Passwords of PostgreSQL's login roles.
//!
//! Nothing here trusts an answer that the right server did not give: a login goes through an SSH tunnel to the server's own
//! loopback, or over TLS with a verified certificate, and only SQLSTATE 28P01 and 28000 count as a refusal. In SQL stands
//! the SCRAM verifier of a password, never the password.

mod problem;
mod sql;
mod tls;
mod client;
mod psql;
mod visit;
mod facts;
mod limits;
mod proof;
mod site;
mod roles;
mod alternating;
mod single;
mod moves;
mod adopt;

pub use adopt::{Adoption, Names};
pub use alternating::Alternating;
pub use single::Single;
pub use site::Site;
