//! Where to connect to, as plain data.

use std::time::Duration;

use super::host_keys::HostKeys;
use super::key::Key;

/// A server, how it is known and how to log in there.
#[derive(Clone)]
pub struct Destination {
    /// Its name or address.
    pub host: String,
    /// Its port, mostly 22.
    pub port: u16,
    /// The user's name there.
    pub user: String,
    /// The keys by which it is known.
    pub host_keys: HostKeys,
    /// Our keys, the right one first: each further one costs a round trip, and servers give up after a few.
    pub keys: Vec<Key>,
    /// The server to go through.
    pub jump: Option<Box<Destination>>,
    /// How long to wait.
    pub timeouts: Timeouts,
}

impl Destination {
    /// The server as messages name it: with its port only where that is not 22.
    pub fn label(&self) -> String {
        label(&self.host, self.port)
    }
}

/// `example.com`, `example.com:2222`, `[2001:db8::1]:2222`.
pub(super) fn label(host: &str, port: u16) -> String {
    match port {
        22 => host.to_owned(),
        _ if host.contains(':') => format!("[{host}]:{port}"),
        _ => format!("{host}:{port}"),
    }
}

/// How long to wait for what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// For an answer to a look-up, and then for TCP.
    pub connect: Duration,
    /// For the exchange of keys, and for a channel.
    pub handshake: Duration,
    /// For the login: an agent may ask somebody.
    pub authenticate: Duration,
    /// After so long a silence the server is asked for a sign of life; after three without one it is given up.
    pub keepalive: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            handshake: Duration::from_secs(15),
            authenticate: Duration::from_secs(30),
            keepalive: Duration::from_secs(15),
        }
    }
}
