//! Who may log in where: each answer by a fresh connection with one key alone, of which no agent knows.

use crate::name::TargetName;
use crate::secret::SecretValue;
use crate::ssh::{Connection, Destination, Key, KeyPair, PublicKey, SshError, SshProblem};
use crate::store::RotationRecord;
use crate::sys::OsRandom;

use super::super::credential::Answer;
use super::super::trouble::Trouble;

/// A server that lets the key in.
#[derive(Clone)]
pub struct KeyServer {
    /// Its name in the schema.
    pub name: TargetName,
    /// How it is reached now. Where that is by the key that is rotated, the other of the two does as well.
    pub destination: Destination,
    /// The file that lists the keys there.
    pub file: String,
}

/// The two keys of a rotation.
pub(super) struct Keys {
    pub(super) current: Key,
    /// The new one, once it is made.
    pub(super) pending: Option<Key>,
}

impl Keys {
    pub(super) fn new(current: Option<&SecretValue>, pending: Option<&SecretValue>) -> Result<Self, Trouble> {
        let current = current.ok_or_else(|| {
            Trouble::held("there is no current key to replace").hint("`luca-secrets set` takes the first one")
        })?;
        Ok(Self {
            current: read(current, "the current key")?,
            pending: pending.map(|key| read(key, "the new key")).transpose()?,
        })
    }

    pub(super) fn of(record: &RotationRecord, secret: &crate::name::SecretName) -> Result<Self, Trouble> {
        Self::new(record.current(secret), record.pending(secret))
    }

    pub(super) fn pending(&self) -> Result<&Key, Trouble> {
        self.pending.as_ref().ok_or_else(|| Trouble::held("there is no new key"))
    }

    fn both(&self) -> Vec<Key> {
        self.pending.iter().chain([&self.current]).cloned().collect()
    }

    fn is_ours(&self, key: &Key) -> bool {
        key.public().is_some_and(|key| self.both().iter().any(|own| own.public().as_ref() == Some(&key)))
    }

    /// The same destination, where either of our keys opens what one of them did.
    fn opened(&self, mut to: Destination) -> Destination {
        if to.keys.iter().any(|key| self.is_ours(key)) {
            to.keys = self.both();
        }
        to.jump = to.jump.map(|jump| Box::new(self.opened(*jump)));
        to
    }

    /// As people and programs reach a server.
    pub(super) fn usual(&self, server: &KeyServer) -> Destination {
        self.opened(server.destination.clone())
    }

    /// With one key alone; the servers in between are reached as ever.
    pub(super) fn alone(&self, server: &KeyServer, key: &Key) -> Destination {
        let mut to = self.opened(server.destination.clone());
        to.keys = vec![key.clone()];
        to
    }
}

/// The public half of a key.
pub(super) fn public(key: &Key) -> Result<PublicKey, Trouble> {
    key.public().ok_or_else(|| Trouble::held("the key is not here, but with an agent"))
}

fn read(text: &SecretValue, which: &str) -> Result<Key, Trouble> {
    Key::parse(text, &mut || None).map_err(|error| Trouble::held(format!("{which}: {error}")))
}

/// Whether a server lets a key in. Only the server itself, known by its host key, can say no.
pub(super) async fn accepts(keys: &Keys, server: &KeyServer, key: &Key) -> Result<Answer, Trouble> {
    match Connection::open(&keys.alone(server, key)).await {
        Ok(connection) => {
            connection.close().await;
            Ok(Answer::Accepted)
        }
        Err(error) if refuses(&error, server) => Ok(Answer::Refused),
        Err(error) => Err(unreachable(server, &error)),
    }
}

/// That a server lets a key in, and none that it does not know.
pub(super) async fn proves(keys: &Keys, server: &KeyServer, key: &Key) -> Result<(), Trouble> {
    if accepts(keys, server, key).await? != Answer::Accepted {
        let shown = public(key)?;
        return Err(Trouble::rejected(format!("server {}: {shown} may not log in", server.name)));
    }
    let unknown = KeyPair::make(&mut OsRandom, "")
        .ok_or_else(|| Trouble::unavailable("the system gives no randomness"))?;
    match accepts(keys, server, &read(&unknown.private, "a key that nobody has")?).await? {
        Answer::Refused => Ok(()),
        _ => Err(Trouble::held(format!(
            "server {} lets everybody in: no login there proves anything",
            server.name
        ))),
    }
}

/// Whether that was a no of the server that was meant, and not of one on the way to it.
pub(super) fn refuses(error: &SshError, server: &KeyServer) -> bool {
    matches!(error.problem, SshProblem::NoKeyAccepted { .. }) && error.host == server.destination.label()
}

/// No answer, and nothing was asked to be changed.
pub(super) fn unreachable(server: &KeyServer, error: &SshError) -> Trouble {
    let message = format!("server {}: {error}", server.name);
    let trouble = match error.problem {
        SshProblem::HostKeyUnknown(_)
        | SshProblem::HostKeyChanged { .. }
        | SshProblem::HostKeyRevoked(_)
        | SshProblem::HostKeyByAuthority(_) => Trouble::held(message),
        // Not of a server on the way to it: that says nothing of this one.
        SshProblem::NoKeyAccepted { .. } if refuses(error, server) => Trouble::rejected(message),
        _ => Trouble::unavailable(message),
    };
    trouble.hint_if_any(error.hint(server.name.as_str()))
}
