//! Public keys as people have them: age's recipients files, `.pub` files, `authorized_keys`, `known_hosts`.

use super::recipient::{RecipientError, RecipientKey, is_ssh_kind};

/// A key that a store can be sealed for, and what stood beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey {
    /// The key in its one spelling.
    pub key: String,
    /// What stood behind it, or in the comment above it.
    pub comment: Option<String>,
    /// The host before it, as in `known_hosts`.
    pub host: Option<String>,
}

impl PublicKey {
    /// Reads one key: `age1…`, or an SSH key with anything around it that SSH's files have there.
    pub fn parse(line: &str) -> Result<Self, RecipientError> {
        let line = line.trim();
        if is_private(line) {
            return Err(RecipientError::Identity);
        }
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        let Some(at) = words.iter().position(|word| is_ssh_kind(word)) else {
            return match RecipientKey::parse(line)? {
                RecipientKey::Passphrase => Err(RecipientError::Unknown),
                key => Ok(Self { key: key.spelled(), comment: None, host: None }),
            };
        };
        // `@revoked` and `@cert-authority` say that it is no key to trust by itself.
        if line.starts_with('@') {
            return Err(RecipientError::Unknown);
        }
        let text = words[at..].iter().take(2).copied().collect::<Vec<_>>().join(" ");
        let key = RecipientKey::parse(&text)?.spelled();
        let comment = words.get(at + 2..).map(|rest| rest.join(" ")).filter(|rest| !rest.is_empty());
        let is_host = |word: &&str| at == 1 && !word.starts_with('|') && !word.contains(['=', '"']);
        let host = words.first().filter(|word| is_host(word)).map(|word| (*word).to_owned());
        Ok(Self { key, comment, host })
    }

    /// All keys of a file, each with its line from 1.
    pub fn all(text: &str) -> Vec<(usize, Result<Self, RecipientError>)> {
        let mut found = Vec::new();
        let mut above = None;
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if let Some(comment) = line.strip_prefix('#') {
                above = Some(comment.trim().to_owned()).filter(|comment| !comment.is_empty());
            } else if line.is_empty() {
                above = None;
            } else {
                let mut key = Self::parse(line);
                if let Ok(key) = &mut key {
                    key.comment = key.comment.take().or(above.take());
                }
                found.push((index + 1, key));
            }
        }
        found
    }
}

/// Whether a text is a private key, or the beginning of one.
pub fn is_private(text: &str) -> bool {
    let upper = text.trim().to_ascii_uppercase();
    ["AGE-SECRET-KEY-", "AGE-PLUGIN-", "-----BEGIN"].iter().any(|mark| upper.starts_with(mark))
}

#[cfg(test)]
mod tests {
    use super::*;

    const AGE: &str = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p";
    const SSH: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHsKLqeplhpW+uObz5dvMgjz1OxfM/XXUB+VHtZ6isGN";

    fn parts(line: &str) -> (String, Option<String>, Option<String>) {
        let PublicKey { key, comment, host } = PublicKey::parse(line).unwrap();
        (key, comment, host)
    }

    #[test]
    fn keys_are_found_among_what_stands_around_them() {
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(parts(AGE), (AGE.to_owned(), None, None));
        assert_eq!(
            parts(&format!("{SSH} anna@example.com ")),
            (SSH.to_owned(), some("anna@example.com"), None)
        );
        let restricted = format!("command=\"echo hi\",no-pty {SSH} anna");
        assert_eq!(parts(&restricted), (SSH.to_owned(), some("anna"), None));
        assert_eq!(parts(&format!("db.example.com {SSH}")), (SSH.to_owned(), None, some("db.example.com")));
        assert_eq!(parts(&format!("|1|aGFzaA==|eA== {SSH}")), (SSH.to_owned(), None, None));
    }

    #[test]
    fn what_is_no_public_key_to_use_is_refused() {
        let error = |line: &str| PublicKey::parse(line).unwrap_err();
        assert_eq!(error("age-secret-key-1qqqq"), RecipientError::Identity);
        assert_eq!(error("AGE-PLUGIN-YUBIKEY-1QQQQ"), RecipientError::Identity);
        assert_eq!(error("-----BEGIN OPENSSH PRIVATE KEY-----"), RecipientError::Identity);
        assert_eq!(error("passphrase"), RecipientError::Unknown);
        assert_eq!(error("ssh-ed25519"), RecipientError::Unknown);
        assert_eq!(error(&format!("@revoked * {SSH}")), RecipientError::Unknown);
        assert_eq!(error("db.example.com ssh-rsa AAAA"), RecipientError::SshKind("an RSA key"));
    }

    #[test]
    fn a_comment_above_a_key_is_its_name() {
        let text = format!("# Anna\n{AGE}\n\n# a heading\n\n{SSH}\nnonsense\n");
        let found = PublicKey::all(&text);
        let comments: Vec<_> = found
            .iter()
            .map(|(line, key)| (*line, key.as_ref().ok().and_then(|key| key.comment.clone())))
            .collect();
        assert_eq!(comments, [(2, Some("Anna".to_owned())), (6, None), (7, None)]);
        assert!(found[2].1.is_err());
    }
}
