//! The host keys that a server shows, without a login.

use russh::keys::Algorithm;

use super::client::{Peer, shake, shown_key};
use super::connection::reach;
use super::destination::Destination;
use super::error::{SshError, SshProblem};
use super::host_keys::all_algorithms;
use super::public_key::PublicKey;

/// Asks for a host key of each type, best first, as `ssh-keyscan` does: one short connection a type. What is recorded
/// does not matter here, except for a jump host, which must be known as ever; `keys` of the destination are not used.
///
/// The keys are only what somebody at that address shows. Whether it is the right one, a person has to say.
pub async fn scan_host_keys(to: &Destination) -> Result<Vec<PublicKey>, SshError> {
    let mut found = Vec::new();
    let mut trouble = None;
    for algorithms in kinds() {
        let (stream, jump) = reach(to).await?;
        let peer = Peer {
            host: &to.host,
            port: to.port,
            recorded: None,
            algorithms,
            limit: to.timeouts.handshake,
            keepalive: to.timeouts.keepalive,
        };
        let (notes, shaken) = shake(peer, stream).await;
        match (shown_key(&notes), shaken) {
            (Some(key), _) => found.push(key),
            // It has no key of that type.
            (None, Err(SshProblem::NoCommonAlgorithm("kind of host key", _)) | Ok(_)) => {}
            (None, Err(problem)) => trouble = Some(problem),
        }
        if let Some(jump) = jump {
            jump.close().await;
        }
        // Whoever is no SSH server now will be none for the next type either.
        if trouble.is_some() && found.is_empty() {
            break;
        }
    }
    match trouble {
        Some(problem) if found.is_empty() => Err(SshError { host: to.label(), problem }),
        _ => Ok(found),
    }
}

/// The algorithms, those of one key together.
fn kinds() -> Vec<Vec<Algorithm>> {
    let (rsa, others): (Vec<_>, Vec<_>) =
        all_algorithms().into_iter().partition(|kind| kind.clone().is_rsa());
    others.into_iter().map(|algorithm| vec![algorithm]).chain([rsa]).collect()
}
