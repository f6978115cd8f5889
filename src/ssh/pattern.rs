//! Which hosts a line of a `known_hosts` file speaks of, by the rules of sshd(8).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;

/// The port that is not written down.
const USUAL_PORT: u16 = 22;

/// The hosts of one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Patterns {
    /// A line without hosts: recorded for the very server that it is asked about.
    Any,
    /// Patterns with `*` and `?`; `true` marks those with `!`. Lower case.
    Globs(Vec<(bool, String)>),
    /// One name as a keyed digest: salt and digest.
    Hashed(Vec<u8>, Vec<u8>),
}

impl Patterns {
    /// Reads the field; `None` if it makes no sense.
    pub(super) fn parse(field: &str) -> Option<Self> {
        if let Some(hashed) = field.strip_prefix("|1|") {
            let (salt, digest) = hashed.split_once('|')?;
            let (salt, digest) = (STANDARD.decode(salt).ok()?, STANDARD.decode(digest).ok()?);
            return (digest.len() == 20).then_some(Self::Hashed(salt, digest));
        }
        if field.starts_with('|') {
            return None;
        }
        let globs = field.split(',').map(|part| match part.strip_prefix('!') {
            Some(rest) => (true, rest.to_ascii_lowercase()),
            None => (false, part.to_ascii_lowercase()),
        });
        let globs: Vec<_> = globs.collect();
        globs.iter().all(|(_, glob)| !glob.is_empty()).then_some(Self::Globs(globs))
    }

    /// Whether the line speaks of this host, written as [`lookup_name`] writes it.
    pub(super) fn matches(&self, name: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Globs(globs) => {
                let hit =
                    |negated| globs.iter().any(|(not, glob)| *not == negated && glob_matches(glob, name));
                hit(false) && !hit(true)
            }
            Self::Hashed(salt, digest) => Hmac::<Sha1>::new_from_slice(salt)
                .is_ok_and(|mac| mac.chain_update(name).verify_slice(digest).is_ok()),
        }
    }
}

/// The name under which a host stands in such a file: lower case, with its port if that is not 22.
pub(super) fn lookup_name(host: &str, port: u16) -> String {
    let host = host.to_ascii_lowercase();
    if port == USUAL_PORT { host } else { format!("[{host}]:{port}") }
}

/// Matches `*` and `?`, going back only to the latest `*`, so that no pattern takes more than quadratic time.
fn glob_matches(glob: &str, text: &str) -> bool {
    let (glob, text) = (glob.as_bytes(), text.as_bytes());
    let (mut g, mut t) = (0, 0);
    let mut retry = None;
    while t < text.len() {
        match glob.get(g) {
            Some(b'*') => {
                retry = Some((g, t));
                g += 1;
            }
            Some(byte) if *byte == b'?' || *byte == text[t] => {
                g += 1;
                t += 1;
            }
            _ => {
                let Some((star, from)) = retry else { return false };
                retry = Some((star, from + 1));
                g = star + 1;
                t = from + 1;
            }
        }
    }
    glob[g..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_match_as_sshd_says() {
        let cases = [
            ("example.com", "example.com", true),
            ("Example.COM", "example.com", true),
            ("*.example.com", "a.example.com", true),
            ("*.example.com", "example.com", false),
            ("10.0.0.*", "10.0.0.7", true),
            ("10.0.0.?", "10.0.0.17", false),
            ("*,!bad.example.com", "good.example.com", true),
            ("*,!bad.example.com", "bad.example.com", false),
            ("!bad.example.com", "good.example.com", false),
            ("a,b,c", "b", true),
            ("[example.com]:2222", "[example.com]:2222", true),
            ("example.com", "[example.com]:2222", false),
            ("[*.example.com]:2222", "[a.example.com]:2222", true),
            ("*a*b*c", "xxaxxbxxc", true),
            ("*a*b*c", "xxaxxbxx", false),
            ("**", "", true),
        ];
        for (patterns, name, expected) in cases {
            assert_eq!(Patterns::parse(patterns).unwrap().matches(name), expected, "{patterns} {name}");
        }
    }

    #[test]
    fn nonsense_is_no_pattern() {
        for field in ["|1|", "|1|AAAA", "|1|AAAA|AAAA", "|2|AAAA|AAAA", "a,,b", "!", ""] {
            assert_eq!(Patterns::parse(field), None, "{field}");
        }
    }

    #[test]
    fn ports_other_than_22_are_written() {
        assert_eq!(lookup_name("Example.com", 22), "example.com");
        assert_eq!(lookup_name("::1", 2222), "[::1]:2222");
    }
}
