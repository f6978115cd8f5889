//! The host keys that are recorded for servers, in the form of a `known_hosts` file or of a schema.
//!
//! Unlike russh's own reader this one knows patterns, negations, tabs, and keys that were revoked.

use std::fmt;

use russh::keys::Algorithm;

use super::pattern::{Patterns, lookup_name};
use super::public_key::{PublicKey, rsa_algorithms};

/// What a line says of its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// Good for these hosts.
    Trusted,
    /// Never again.
    Revoked,
    /// Signs host keys, which is not followed here.
    Authority,
}

#[derive(Debug, Clone)]
struct Entry {
    standing: Standing,
    hosts: Patterns,
    key: PublicKey,
}

/// Host keys as recorded; for one server or for many.
#[derive(Debug, Clone, Default)]
pub struct HostKeys(Vec<Entry>);

/// What the recorded keys say of the key that a server shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It is recorded.
    Known,
    /// Nothing is recorded for the host.
    Unknown,
    /// Other keys are recorded.
    Changed(Vec<PublicKey>),
    /// It must not be trusted any more.
    Revoked,
    /// Nothing but a certificate authority is recorded.
    Authority,
}

/// A line that cannot be read. It is not quoted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostKeyLineError {
    /// The line, counted from 1.
    pub line: usize,
    /// What is wrong with it.
    pub problem: LineProblem,
}

/// What is wrong with a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineProblem {
    /// A word with `@` that is neither `@revoked` nor `@cert-authority`.
    Marker,
    /// The hosts make no sense.
    Hosts,
    /// The key is missing, damaged, or of another type than stands before it.
    Key,
}

impl fmt::Display for HostKeyLineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.problem {
            LineProblem::Marker => "the marker is neither `@revoked` nor `@cert-authority`",
            LineProblem::Hosts => "the hosts cannot be read",
            LineProblem::Key => "the key is missing, damaged, or of another type than the line says",
        };
        write!(f, "line {}: {what}", self.line)
    }
}

impl std::error::Error for HostKeyLineError {}

impl HostKeys {
    /// Reads lines of a `known_hosts` file, bare keys (`ssh-ed25519 AAAA…`), or both. A bare key counts for every
    /// host, so it belongs into a text that speaks of one server.
    ///
    /// A line that cannot be read is an error: it might be the one that revokes a key.
    pub fn parse(text: &str) -> Result<Self, HostKeyLineError> {
        let mut entries = Vec::new();
        for (number, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            entries.push(entry(line).map_err(|problem| HostKeyLineError { line: number + 1, problem })?);
        }
        Ok(Self(entries))
    }

    /// The keys of both.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }

    /// Whether nothing is recorded at all.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What is recorded about this key of this host. Revocation wins over everything.
    pub fn verdict(&self, host: &str, port: u16, shown: &PublicKey) -> Verdict {
        let name = lookup_name(host, port);
        let of = |standing| {
            let fits = move |entry: &&Entry| entry.standing == standing;
            self.0.iter().filter(fits).filter(|entry| entry.hosts.matches(&name)).map(|entry| &entry.key)
        };
        if of(Standing::Revoked).any(|key| key == shown) {
            return Verdict::Revoked;
        }
        let recorded: Vec<PublicKey> = of(Standing::Trusted).cloned().collect();
        if recorded.contains(shown) {
            Verdict::Known
        } else if !recorded.is_empty() {
            Verdict::Changed(recorded)
        } else if of(Standing::Authority).next().is_some() {
            Verdict::Authority
        } else {
            Verdict::Unknown
        }
    }

    /// The keys that this host may show.
    pub fn trusted(&self, host: &str, port: u16) -> Vec<PublicKey> {
        let name = lookup_name(host, port);
        let fits = |entry: &&Entry| entry.standing == Standing::Trusted && entry.hosts.matches(&name);
        let keys = self.0.iter().filter(fits).map(|entry| entry.key.clone());
        keys.filter(|key| self.verdict(host, port, key) == Verdict::Known).collect()
    }

    /// The algorithms to ask this host for: those of its recorded keys first, or a server with several keys would show
    /// another than the recorded one. RSA with SHA-1 is never among them.
    pub(super) fn algorithms(&self, host: &str, port: u16) -> Vec<Algorithm> {
        let name = lookup_name(host, port);
        let mut wanted = Vec::new();
        let recorded = self.0.iter().filter(|entry| entry.standing == Standing::Trusted);
        let recorded =
            recorded.filter(|entry| entry.hosts.matches(&name)).flat_map(|entry| entry.key.algorithms());
        for algorithm in recorded.chain(all_algorithms()) {
            if !wanted.contains(&algorithm) {
                wanted.push(algorithm);
            }
        }
        wanted
    }
}

/// Every algorithm of host keys that is good enough, best first.
pub(super) fn all_algorithms() -> Vec<Algorithm> {
    let names = ["ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521"];
    let elliptic = names.into_iter().filter_map(|name| Algorithm::new(name).ok());
    elliptic.chain(rsa_algorithms()).collect()
}

fn entry(line: &str) -> Result<Entry, LineProblem> {
    if let Some(key) = PublicKey::parse(line) {
        return Ok(Entry { standing: Standing::Trusted, hosts: Patterns::Any, key });
    }
    let (standing, rest) = match line.split_once(|c: char| c.is_ascii_whitespace()) {
        Some(("@revoked", rest)) => (Standing::Revoked, rest),
        Some(("@cert-authority", rest)) => (Standing::Authority, rest),
        _ if line.starts_with('@') => return Err(LineProblem::Marker),
        _ => (Standing::Trusted, line),
    };
    let (hosts, key) =
        rest.trim_start().split_once(|c: char| c.is_ascii_whitespace()).ok_or(LineProblem::Key)?;
    let hosts = Patterns::parse(hosts).ok_or(LineProblem::Hosts)?;
    let key = PublicKey::parse(key).ok_or(LineProblem::Key)?;
    Ok(Entry { standing, hosts, key })
}

#[cfg(test)]
#[path = "tests/host_keys.rs"]
mod tests;
