//! One small HTTPS client for the house. Built from hyper and rustls by hand: it follows no redirect to another host,
//! sends a token only where nobody can read along, and takes no more than it was told to.

mod address;
mod blocking;
mod client;
mod dial;
mod error;
mod lazy;
mod message;
mod over;
mod pause;
mod roots;

pub use address::{Address, AddressError, encode_part};
pub use blocking::send_and_wait;
pub use client::Client;
pub use dial::{connect, open};
pub use error::HttpError;
pub use hyper::Method;
pub use lazy::LazyClient;
pub use message::{Request, Response};
pub use pause::{Pause, TimerPause};
pub use roots::tls_config;
