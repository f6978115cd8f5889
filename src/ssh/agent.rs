//! Keys that an ssh-agent holds.

use std::path::{Path, PathBuf};

use russh::keys::agent::AgentIdentity;
use russh::keys::agent::client::AgentClient;
use russh::keys::ssh_key;
use tokio::net::UnixStream;

use super::error::SshProblem;
use super::public_key::PublicKey;

/// A conversation with an agent.
pub(super) struct Agent {
    /// What signs.
    pub(super) client: AgentClient<UnixStream>,
    /// Where it listens.
    pub(super) socket: PathBuf,
    /// The keys to offer, in the agent's order. Certificates are left out.
    pub(super) keys: Vec<ssh_key::PublicKey>,
}

impl Agent {
    /// Asks for the keys; `pick` is the fingerprint of the only one wanted.
    pub(super) async fn ask(socket: &Path, pick: Option<&str>) -> Result<Self, SshProblem> {
        let absent = |_| SshProblem::AgentAbsent(socket.to_owned());
        let mut client = AgentClient::connect_uds(socket).await.map_err(absent)?;
        let refused = |_| SshProblem::AgentRefused(socket.to_owned());
        let held = client.request_identities().await.map_err(refused)?;
        let mut keys: Vec<_> = held.into_iter().filter_map(plain).collect();
        if keys.is_empty() {
            return Err(SshProblem::AgentEmpty(socket.to_owned()));
        }
        if let Some(pick) = pick {
            keys.retain(|key| PublicKey::new(key).fingerprint() == pick);
            if keys.is_empty() {
                return Err(SshProblem::AgentLacks(socket.to_owned(), pick.to_owned()));
            }
        }
        Ok(Self { client, socket: socket.to_owned(), keys })
    }
}

fn plain(identity: AgentIdentity) -> Option<ssh_key::PublicKey> {
    match identity {
        AgentIdentity::PublicKey { key, .. } => Some(key),
        AgentIdentity::Certificate { .. } => None,
    }
}
