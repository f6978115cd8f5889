//! What every home does.

use jiff::Timestamp;

use super::error::RemoteError;

/// The store's home away from this machine.
///
/// A home holds versions of one sealed store, one after the other, and knows which is the newest. The contract:
///
/// - [`replace`](Self::replace) is atomic over any number of writers on any number of machines: of those that expect the
///   same version, exactly one is told [`Replaced::Done`], all others [`Replaced::Lost`], whose bytes are then nowhere.
/// - A reply that was lost is settled before it returns: by looking whether the bytes are there. Where that cannot be
///   done either, the error is [`in_doubt`](RemoteError::in_doubt): nothing may be built on its having failed.
/// - An error that is not in doubt has changed nothing.
/// - What [`fetch`](Self::fetch) gives is what some [`replace`](Self::replace) put there, byte for byte, or is refused.
/// - Waiting is bounded: each call ends within about a minute. What may pass by itself (no network, 5xx, a throttle) was
///   tried again within that time.
pub trait Home {
    /// The newest version, unless that is the one already `known`.
    fn fetch(&mut self, known: Option<&Version>) -> Result<Fetched, RemoteError>;

    /// Puts a version behind `expected`, if that is still the newest; `None` expects that there is none yet.
    fn replace(&mut self, expected: Option<&Version>, next: &Next<'_>) -> Result<Replaced, RemoteError>;

    /// The latest versions, newest first, at most `most` of them.
    fn log(&mut self, most: usize) -> Result<Vec<Entry>, RemoteError>;

    /// The version that held exactly these bytes, of this generation, if there ever was one here: a checkout on a machine
    /// that knows nothing of this home is an earlier version of it, and not a change of its own.
    fn find(&mut self, generation: u64, sealed: &[u8]) -> Result<Option<Version>, RemoteError>;

    /// Where it is, for messages: `s3://bucket/secrets.enc at https://…`, `branch secrets of origin`. No credentials.
    fn label(&self) -> String;
}

/// A version by the home's own name for it: a key and its `ETag`, a commit. One line of printable ASCII.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version(String);

impl Version {
    /// Longest name, in bytes.
    const LONGEST: usize = 2048;

    /// Takes a name over; `None` if it is no line of printable ASCII.
    pub fn parse(text: &str) -> Option<Self> {
        let is_fine = |byte: u8| byte.is_ascii_graphic() || byte == b' ';
        let fits = !text.is_empty() && text.len() <= Self::LONGEST;
        (fits && text.bytes().all(is_fine)).then(|| Self(text.to_owned()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What a home has.
#[derive(Debug, PartialEq, Eq)]
pub enum Fetched {
    /// The version that is known already.
    Unchanged,
    /// Nothing yet.
    Empty,
    /// Another version.
    New {
        /// Its name.
        version: Version,
        /// The sealed store.
        sealed: Vec<u8>,
    },
}

/// A version to be put in place.
pub struct Next<'a> {
    /// The sealed store.
    pub sealed: &'a [u8],
    /// Its generation, above that of the expected version.
    pub generation: u64,
    /// What has changed, by names, never by values: lines for people. The first is a summary.
    pub message: &'a str,
    /// Who wrote it, `user@machine`.
    pub author: &'a str,
    /// When.
    pub at: Timestamp,
}

/// What came of a replacement.
#[derive(Debug, PartialEq, Eq)]
pub enum Replaced {
    /// It is in place under this name.
    Done(Version),
    /// Somebody else's version is in the place of the expected one; nothing was changed.
    Lost,
}

/// One version in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The home's name for it.
    pub version: Version,
    /// The generation, as far as the home knows it without opening the store.
    pub generation: Option<u64>,
    /// When it was written, by the home's clock.
    pub at: Option<Timestamp>,
    /// Who wrote it, where the home keeps that.
    pub author: Option<String>,
    /// What changed, where the home keeps that: one line.
    pub summary: Option<String>,
    /// Bytes.
    pub size: Option<u64>,
}
