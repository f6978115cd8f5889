//! New keys.

use russh::keys::ssh_key::private::{Ed25519Keypair, KeypairData};
use russh::keys::ssh_key::{LineEnding, PrivateKey};
use zeroize::Zeroizing;

use crate::secret::SecretValue;
use crate::sys::Random;

use super::public_key::PublicKey;

/// A new key, of type ed25519. Without `Debug`.
pub struct KeyPair {
    /// The private half, in OpenSSH's form, without a passphrase.
    pub private: SecretValue,
    /// The public half.
    pub public: PublicKey,
}

impl KeyPair {
    /// Makes one; the comment goes into the private half's file. `None` if the system gives no randomness.
    pub fn make(random: &mut dyn Random, comment: &str) -> Option<Self> {
        let mut seed = Zeroizing::new([0; 32]);
        random.fill(&mut *seed).ok()?;
        let pair = KeypairData::Ed25519(Ed25519Keypair::from_seed(&seed));
        let key = PrivateKey::new(pair, comment).ok()?;
        let text = key.to_openssh(LineEnding::LF).ok()?;
        Some(Self { private: SecretValue::new(text.to_string()), public: PublicKey::new(key.public_key()) })
    }
}
