//! A public key as people see it: type, fingerprint, line.

use std::fmt;
use std::sync::Arc;

use russh::keys::{Algorithm, HashAlg, ssh_key};

/// A public key, of a server or of ours. Shown as its type and its fingerprint, as `ssh-keygen -l` shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey(Arc<ssh_key::PublicKey>);

impl PublicKey {
    /// Takes a key without its comment, so that keys are equal whoever wrote them down.
    pub(super) fn new(key: &ssh_key::PublicKey) -> Self {
        Self(Arc::new(ssh_key::PublicKey::new(key.key_data().clone(), "")))
    }

    /// Reads `ssh-ed25519 AAAA…`; the type must be the one that the key itself names.
    pub fn parse(text: &str) -> Option<Self> {
        let mut fields = text.split_ascii_whitespace();
        let (kind, base64) = (fields.next()?, fields.next()?);
        let key = ssh_key::PublicKey::from_openssh(&format!("{kind} {base64}")).ok()?;
        Some(Self::new(&key))
    }

    /// The type: `ssh-ed25519`, `ecdsa-sha2-nistp256`, `ssh-rsa`.
    pub fn kind(&self) -> String {
        self.0.algorithm().to_string()
    }

    /// `SHA256:` and the digest, in base64 without padding.
    pub fn fingerprint(&self) -> String {
        self.0.fingerprint(HashAlg::Sha256).to_string()
    }

    /// The key as one line of a schema or an `authorized_keys` file.
    pub fn line(&self) -> String {
        self.0.to_openssh().unwrap_or_default()
    }

    /// The algorithms by which a server can prove that it has this key, best first. SHA-1 is not among them.
    pub(super) fn algorithms(&self) -> Vec<Algorithm> {
        match self.0.algorithm() {
            Algorithm::Rsa { .. } => rsa_algorithms().to_vec(),
            other => vec![other],
        }
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind(), self.fingerprint())
    }
}

/// RSA with SHA-2, best first.
pub(super) fn rsa_algorithms() -> [Algorithm; 2] {
    [HashAlg::Sha512, HashAlg::Sha256].map(|hash| Algorithm::Rsa { hash: Some(hash) })
}
