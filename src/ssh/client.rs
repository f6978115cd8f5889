//! The exchange of keys, and the check of the host's.

use std::borrow::Cow;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use russh::client::{Config, DisconnectReason, Handle, Handler, connect_stream};
use russh::keys::{Algorithm, PublicKeyOrCertificate};
use russh::{Preferred, SshId, kex};
use tokio::time::timeout;

use super::dial::Stream;
use super::error::{Phase, SshProblem, tamed};
use super::host_keys::{HostKeys, Verdict};
use super::public_key::PublicKey;

/// Key exchanges that are offered, best first: hybrid with a post-quantum part, then elliptic, then large groups for
/// old servers. The last two names are no exchanges but ask for strict order (CVE-2023-48795) and for extensions.
const KEY_EXCHANGES: &[kex::Name] = &[
    kex::MLKEM768X25519_SHA256,
    kex::CURVE25519,
    kex::CURVE25519_PRE_RFC_8731,
    kex::DH_G18_SHA512,
    kex::DH_G16_SHA512,
    kex::DH_G14_SHA256,
    kex::EXTENSION_SUPPORT_AS_CLIENT,
    kex::EXTENSION_OPENSSH_STRICT_KEX_AS_CLIENT,
];

/// Signs of life that may stay unanswered.
const MISSED_SIGNS: usize = 3;

/// What the event loop of a connection leaves for those who wait for it.
#[derive(Debug, Default)]
pub(super) struct Notes {
    /// The host key that the server proved to have.
    pub(super) shown: Option<PublicKey>,
    /// What the recorded keys said of it.
    verdict: Option<Verdict>,
    /// Why the connection ended.
    ended: Option<String>,
}

/// [`Notes`], shared with the event loop.
pub(super) type SharedNotes = Arc<Mutex<Notes>>;

/// Why the connection ended, if that is known.
pub(super) fn end_reason(notes: &SharedNotes) -> Option<String> {
    notes.lock().unwrap_or_else(PoisonError::into_inner).ended.clone()
}

/// The host key that was shown.
pub(super) fn shown_key(notes: &SharedNotes) -> Option<PublicKey> {
    notes.lock().unwrap_or_else(PoisonError::into_inner).shown.clone()
}

/// Answers the event loop's questions.
pub(super) struct Watch {
    notes: SharedNotes,
    /// `None` accepts nothing and only looks.
    recorded: Option<HostKeys>,
    host: String,
    port: u16,
}

impl Handler for Watch {
    type Error = russh::Error;

    async fn check_server_key(&mut self, shown: &PublicKeyOrCertificate) -> Result<bool, russh::Error> {
        let mut notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        let key = PublicKey::new(&shown.public_key());
        let verdict = self.recorded.as_ref().map(|recorded| match shown.certificate() {
            // Never asked for, so never expected.
            Some(_) => Verdict::Authority,
            None => recorded.verdict(&self.host, self.port, &key),
        });
        let is_known = verdict == Some(Verdict::Known);
        notes.shown = Some(key);
        notes.verdict = verdict;
        Ok(is_known)
    }

    async fn disconnected(&mut self, reason: DisconnectReason<russh::Error>) -> Result<(), russh::Error> {
        let text = match &reason {
            DisconnectReason::ReceivedDisconnect(info) => tamed(&info.message),
            DisconnectReason::Error(russh::Error::KeepaliveTimeout) => "no sign of life any more".to_owned(),
            DisconnectReason::Error(russh::Error::IO(error)) => error.kind().to_string(),
            DisconnectReason::Error(_) => String::new(),
        };
        if !text.is_empty() {
            self.notes.lock().unwrap_or_else(PoisonError::into_inner).ended = Some(text);
        }
        Ok(())
    }
}

/// A connection whose host key is known, before the login.
pub(super) struct Shaken {
    pub(super) handle: Handle<Watch>,
    pub(super) notes: SharedNotes,
}

/// Whom a handshake is made with, and what is expected.
pub(super) struct Peer<'a> {
    pub(super) host: &'a str,
    pub(super) port: u16,
    /// `None` accepts nothing and only looks.
    pub(super) recorded: Option<&'a HostKeys>,
    pub(super) algorithms: Vec<Algorithm>,
    pub(super) limit: Duration,
    pub(super) keepalive: Duration,
}

/// Exchanges keys. The host key is noted even where this fails because of it.
pub(super) async fn shake(
    peer: Peer<'_>,
    stream: Box<dyn Stream>,
) -> (SharedNotes, Result<Shaken, SshProblem>) {
    let notes = SharedNotes::default();
    let watch = Watch {
        notes: Arc::clone(&notes),
        recorded: peer.recorded.cloned(),
        host: peer.host.to_owned(),
        port: peer.port,
    };
    let connecting = connect_stream(Arc::new(config(&peer)), stream, watch);
    let shaken = match timeout(peer.limit, connecting).await {
        Err(_) => Err(SshProblem::TimedOut(Phase::Handshake, peer.limit)),
        Ok(Err(error)) => Err(refusal(&notes).unwrap_or_else(|| problem(error, Phase::Handshake))),
        Ok(Ok(handle)) => Ok(Shaken { handle, notes: Arc::clone(&notes) }),
    };
    (notes, shaken)
}

fn config(peer: &Peer<'_>) -> Config {
    Config {
        client_id: SshId::Standard(Cow::Borrowed("SSH-2.0-luca-secrets")),
        preferred: Preferred {
            kex: Cow::Borrowed(KEY_EXCHANGES),
            key: Cow::Owned(peer.algorithms.clone()),
            ..Preferred::DEFAULT
        },
        keepalive_interval: Some(peer.keepalive),
        keepalive_max: MISSED_SIGNS,
        ..Config::default()
    }
}

/// The problem with the host key, if that was it.
fn refusal(notes: &SharedNotes) -> Option<SshProblem> {
    let notes = notes.lock().unwrap_or_else(PoisonError::into_inner);
    let shown = notes.shown.clone()?;
    match notes.verdict.clone()? {
        Verdict::Known => None,
        Verdict::Unknown => Some(SshProblem::HostKeyUnknown(shown)),
        Verdict::Changed(recorded) => Some(SshProblem::HostKeyChanged { shown, recorded }),
        Verdict::Revoked => Some(SshProblem::HostKeyRevoked(shown)),
        Verdict::Authority => Some(SshProblem::HostKeyByAuthority(shown)),
    }
}

/// What one of russh's errors means.
pub(super) fn problem(error: russh::Error, phase: Phase) -> SshProblem {
    match error {
        russh::Error::Version => SshProblem::NotSsh,
        russh::Error::NoCommonAlgo { kind, theirs, .. } => {
            let kind = match kind {
                russh::AlgorithmKind::Kex => "key exchange",
                russh::AlgorithmKind::Key => "kind of host key",
                russh::AlgorithmKind::Cipher => "cipher",
                russh::AlgorithmKind::Compression => "compression",
                russh::AlgorithmKind::Mac => "authentication code",
            };
            SshProblem::NoCommonAlgorithm(kind, theirs.iter().map(|name| tamed(name)).collect())
        }
        russh::Error::IO(error) => SshProblem::Closed(phase, Some(error.kind().to_string())),
        russh::Error::KeepaliveTimeout => {
            SshProblem::Closed(phase, Some("no sign of life any more".to_owned()))
        }
        russh::Error::HUP
        | russh::Error::Disconnect
        | russh::Error::SendError
        | russh::Error::RecvError
        | russh::Error::Join(_) => SshProblem::Closed(phase, None),
        other => SshProblem::Protocol(tamed(&other.to_string())),
    }
}
