//! The login: our keys, one after another.

use std::sync::Arc;

use russh::client::{AuthResult, Handle};
use russh::keys::{HashAlg, PrivateKey, PrivateKeyWithHashAlg, ssh_key};

use super::agent::Agent;
use super::client::{Shaken, Watch, end_reason, problem};
use super::destination::Destination;
use super::error::{Phase, SshProblem};
use super::key::Key;
use super::public_key::PublicKey;

/// Logs in with the first key that the server accepts, and gives that key.
pub(super) async fn authenticate(shaken: &mut Shaken, to: &Destination) -> Result<PublicKey, SshProblem> {
    let mut login = Login { shaken, user: &to.user, offered: Vec::new(), accepts: Vec::new() };
    let mut trouble = None;
    for key in &to.keys {
        let accepted = match key {
            Key::Private(key) => login.offer(key).await?,
            Key::Agent { socket, pick } => match Agent::ask(socket, pick.as_deref()).await {
                Ok(agent) => login.offer_agent(agent).await?,
                // Another key may still do, so this is told only if none does.
                Err(problem) => {
                    trouble = trouble.or(Some(problem));
                    None
                }
            },
        };
        if let Some(key) = accepted {
            return Ok(key);
        }
    }
    match trouble {
        Some(problem) if login.offered.is_empty() => Err(problem),
        _ if login.offered.is_empty() => Err(SshProblem::NoKeys),
        _ => Err(login.refused()),
    }
}

struct Login<'a> {
    shaken: &'a mut Shaken,
    user: &'a str,
    offered: Vec<PublicKey>,
    /// By what the server would let somebody in.
    accepts: Vec<String>,
}

impl Login<'_> {
    async fn offer(&mut self, key: &Arc<PrivateKey>) -> Result<Option<PublicKey>, SshProblem> {
        let public = PublicKey::new(key.public_key());
        let Some(hash) = self.hash_for(key.public_key()).await? else {
            self.offered.push(public);
            return Ok(None);
        };
        let key = PrivateKeyWithHashAlg::new(Arc::clone(key), hash.for_rsa());
        let answer = self.shaken.handle.authenticate_publickey(self.user, key).await;
        self.judge(public, answer.map_err(|error| problem(error, Phase::Authenticate))?)
    }

    async fn offer_agent(&mut self, mut agent: Agent) -> Result<Option<PublicKey>, SshProblem> {
        let mut unsigned = false;
        for key in std::mem::take(&mut agent.keys) {
            let public = PublicKey::new(&key);
            let Some(hash) = self.hash_for(&key).await? else {
                self.offered.push(public);
                continue;
            };
            let handle = &mut self.shaken.handle;
            let signing =
                handle.authenticate_publickey_with(self.user, key, hash.for_rsa(), &mut agent.client);
            match signing.await {
                Ok(answer) => {
                    if let Some(key) = self.judge(public, answer)? {
                        return Ok(Some(key));
                    }
                }
                // The server would take this key; whether the agent is locked or somebody said no, the next may do.
                Err(_) => unsigned = true,
            }
        }
        if unsigned { Err(SshProblem::AgentRefused(agent.socket)) } else { Ok(None) }
    }

    /// The hash to sign with; `None` if the server takes this type of key only with SHA-1.
    async fn hash_for(&self, key: &ssh_key::PublicKey) -> Result<Option<Hash>, SshProblem> {
        if !key.algorithm().is_rsa() {
            return Ok(Some(Hash::OfTheKey));
        }
        best_rsa_hash(&self.shaken.handle).await
    }

    fn judge(&mut self, key: PublicKey, answer: AuthResult) -> Result<Option<PublicKey>, SshProblem> {
        self.offered.push(key.clone());
        let AuthResult::Failure { remaining_methods, .. } = answer else { return Ok(Some(key)) };
        self.accepts = remaining_methods.iter().map(|method| <&str>::from(method).to_owned()).collect();
        // russh tells a connection that ended as a refusal by no method at all.
        if self.accepts.is_empty() && self.shaken.handle.is_closed() {
            let reason = end_reason(&self.shaken.notes);
            let gave_up = reason.as_deref().is_some_and(|reason| reason.contains("authentication failures"));
            return Err(if gave_up {
                self.refused()
            } else {
                SshProblem::Closed(Phase::Authenticate, reason)
            });
        }
        Ok(None)
    }

    fn refused(&self) -> SshProblem {
        SshProblem::NoKeyAccepted {
            user: self.user.to_owned(),
            offered: self.offered.clone(),
            accepts: self.accepts.clone(),
        }
    }
}

#[derive(Clone, Copy)]
enum Hash {
    /// The type of the key decides.
    OfTheKey,
    Rsa(HashAlg),
}

impl Hash {
    fn for_rsa(self) -> Option<HashAlg> {
        match self {
            Self::OfTheKey => None,
            Self::Rsa(hash) => Some(hash),
        }
    }
}

async fn best_rsa_hash(handle: &Handle<Watch>) -> Result<Option<Hash>, SshProblem> {
    match handle.best_supported_rsa_hash().await {
        Ok(Some(hash)) => Ok(hash.map(Hash::Rsa)),
        // Servers that name nothing mostly take both.
        Ok(None) => Ok(Some(Hash::Rsa(HashAlg::Sha512))),
        Err(error) => Err(problem(error, Phase::Authenticate)),
    }
}
