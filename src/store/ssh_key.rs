//! Private SSH keys as identities.
//!
//! age's own reader of encrypted keys asks for the passphrase before it looks whether the file is for that key at all,
//! and once for every recipient. Here the public half, which stands unencrypted in the key file, decides first.
//!
//! Format: PROTOCOL.key of OpenSSH; the stanza's tag: <https://c2sp.org/age#ssh-ed25519>.

use std::cell::OnceCell;

use age::DecryptError;
use age::secrecy::SecretString;
use age_core::format::{FileKey, Stanza};
use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_STANDARD_NO_PAD};
use sha2::{Digest, Sha256};

use super::identity::IdentityError;
use super::prompt::{KeyProblem, Prompt};

const BEGIN: &str = "-----BEGIN OPENSSH PRIVATE KEY-----";
const END: &str = "-----END OPENSSH PRIVATE KEY-----";
const MAGIC: &[u8] = b"openssh-key-v1\0";

/// The only kind of SSH key that is taken: age's RSA goes through a library with a known timing leak.
pub(super) const KIND: &str = "ssh-ed25519";

/// An ed25519 key as `ssh-keygen` writes it, encrypted or not.
pub(super) struct SshKey {
    key: age::ssh::Identity,
    /// The public half in SSH's binary form.
    public: Vec<u8>,
    /// What to call it in a question.
    name: String,
    prompt: Prompt,
    /// The key without its passphrase, once it was asked for.
    opened: OnceCell<age::ssh::Identity>,
}

impl SshKey {
    /// Reads a private key file.
    pub(super) fn parse(text: &str, name: &str, prompt: &Prompt) -> Result<Self, IdentityError> {
        let public = public_half(text).ok_or_else(|| foreign_kind(text))?;
        let kind = field(&public).map_or(&[][..], |(kind, _)| kind);
        if kind != KIND.as_bytes() {
            return Err(IdentityError::SshKind(kind_in_words(&String::from_utf8_lossy(kind))));
        }
        // What follows the key's own lines confuses age's reader no less than Windows line ends do.
        let text = zeroize::Zeroizing::new(text.trim().replace("\r\n", "\n"));
        let key = age::ssh::Identity::from_buffer(text.as_bytes(), None).map_err(|_| IdentityError::Ssh)?;
        Ok(Self { key, public, name: name.to_owned(), prompt: prompt.clone(), opened: OnceCell::new() })
    }

    /// The public half as one line, without its comment.
    pub(super) fn recipient(&self) -> String {
        format!("{KIND} {}", BASE64_STANDARD.encode(&self.public))
    }

    /// Whether the key itself is encrypted, so that somebody must be asked.
    pub(super) fn is_encrypted(&self) -> bool {
        matches!(self.key, age::ssh::Identity::Encrypted(_)) && self.opened.get().is_none()
    }

    /// The key without its passphrase.
    fn opened(&self) -> Result<&age::ssh::Identity, KeyProblem> {
        let encrypted = match &self.key {
            age::ssh::Identity::Unencrypted(_) => return Ok(&self.key),
            age::ssh::Identity::Unsupported(_) => return Err(KeyProblem::Unsupported(self.name.clone())),
            age::ssh::Identity::Encrypted(encrypted) => encrypted,
        };
        if let Some(opened) = self.opened.get() {
            return Ok(opened);
        }
        let passphrase: SecretString = self.prompt.passphrase(&self.name)?;
        let key =
            encrypted.decrypt(passphrase).map_err(|_| KeyProblem::WrongPassphrase(self.name.clone()))?;
        Ok(self.opened.get_or_init(|| key.into()))
    }
}

impl age::Identity for SshKey {
    fn unwrap_stanza(&self, stanza: &Stanza) -> Option<Result<FileKey, DecryptError>> {
        let tag = BASE64_STANDARD_NO_PAD.encode(&Sha256::digest(&self.public)[..4]);
        if stanza.tag != KIND || stanza.args.first() != Some(&tag) {
            return None;
        }
        match self.opened() {
            Ok(key) => key.unwrap_stanza(stanza),
            Err(problem) => Some(Err(problem.into_age())),
        }
    }
}

/// The public half in SSH's binary form, which stands in front of the encrypted part.
fn public_half(text: &str) -> Option<Vec<u8>> {
    let body = text.split_once(BEGIN)?.1.split_once(END)?.0;
    let body: String = body.split_ascii_whitespace().collect();
    let bytes = zeroize::Zeroizing::new(BASE64_STANDARD.decode(body).ok()?);
    let rest = bytes.strip_prefix(MAGIC)?;
    let (_cipher, rest) = field(rest)?;
    let (_derivation, rest) = field(rest)?;
    let (_options, rest) = field(rest)?;
    let (count, rest) = rest.split_first_chunk::<4>()?;
    let (public, _) = field(rest)?;
    (u32::from_be_bytes(*count) == 1).then(|| public.to_vec())
}

/// One string of SSH's binary form, and what follows it.
fn field(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    rest.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)
}

/// Why a PEM text is no key that can be used here.
fn foreign_kind(text: &str) -> IdentityError {
    let first = text.trim_start().lines().next().unwrap_or_default();
    match first {
        "-----BEGIN RSA PRIVATE KEY-----" => IdentityError::SshKind("an RSA key"),
        "-----BEGIN EC PRIVATE KEY-----" => IdentityError::SshKind("an ECDSA key"),
        "-----BEGIN DSA PRIVATE KEY-----" => IdentityError::SshKind("a DSA key"),
        "-----BEGIN PRIVATE KEY-----" | "-----BEGIN ENCRYPTED PRIVATE KEY-----" => {
            IdentityError::SshKind("a PKCS #8 key")
        }
        _ => IdentityError::Ssh,
    }
}

/// A key type of SSH's in a person's words; the text itself is never repeated.
pub(super) fn kind_in_words(kind: &str) -> &'static str {
    if kind.starts_with("ssh-rsa") {
        "an RSA key"
    } else if kind.starts_with("ecdsa-") {
        "an ECDSA key"
    } else if kind.starts_with("sk-") {
        "the handle of a hardware key"
    } else if kind.starts_with("ssh-dss") {
        "a DSA key"
    } else {
        "a key of another kind"
    }
}
