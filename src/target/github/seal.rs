//! Sealed boxes for GitHub's public keys: libsodium's `crypto_box_seal`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use crypto_box::PublicKey;
use crypto_box::aead::OsRng;

use crate::secret::SecretValue;

use super::error::GithubError;

/// The public key of one scope.
#[derive(Clone)]
pub(super) struct ScopeKey {
    /// GitHub's name for it.
    pub(super) id: String,
    key: PublicKey,
}

impl ScopeKey {
    /// Reads a key as GitHub gives it: 32 bytes in base64.
    pub(super) fn new(id: String, key: &str) -> Result<Self, GithubError> {
        let bytes = STANDARD.decode(key).map_err(|_| GithubError::BadKey)?;
        let bytes: [u8; 32] = bytes.try_into().map_err(|_| GithubError::BadKey)?;
        Ok(Self { id, key: PublicKey::from(bytes) })
    }

    /// A value that only GitHub can open, in base64. The box's own key comes straight from the operating system.
    pub(super) fn seal(&self, value: &SecretValue) -> Result<String, GithubError> {
        let sealed = self.key.seal(&mut OsRng, value.expose().as_bytes()).map_err(|_| GithubError::BadKey)?;
        Ok(STANDARD.encode(sealed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_box_opens_with_the_secret_key_only() {
        let secret = crypto_box::SecretKey::generate(&mut OsRng);
        let key = ScopeKey::new("1".to_owned(), &STANDARD.encode(secret.public_key().as_bytes())).unwrap();
        for value in ["", "two\nlines\n", "ünï", &"x".repeat(48 * 1024)] {
            let sealed = STANDARD.decode(key.seal(&SecretValue::new(value.to_owned())).unwrap()).unwrap();
            assert_eq!(sealed.len(), value.len() + 48);
            assert_eq!(secret.unseal(&sealed).unwrap(), value.as_bytes());
            assert!(crypto_box::SecretKey::generate(&mut OsRng).unseal(&sealed).is_err());
        }
    }

    #[test]
    fn what_is_no_key_is_refused() {
        for text in ["", "AAAA", "not base64", &STANDARD.encode([0; 33])] {
            assert!(matches!(ScopeKey::new("1".to_owned(), text), Err(GithubError::BadKey)), "{text}");
        }
    }
}
