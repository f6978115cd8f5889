//! What a bucket was found to promise, remembered on this machine for a while.
//!
//! ```text
//! luca-secrets bucket 1
//! home: s3://example/secrets.enc
//! tested: 2026-11-23T12:00:00Z
//! tags: yes
//! versions: no
//! ```

use std::path::{Path, PathBuf};

use jiff::{Timestamp, ToSpan};

use crate::store::path_digest;
use crate::sys::{Disk, FileError};

const FIRST_LINE: &str = "luca-secrets bucket 1";

/// For how long a test counts, in hours.
const GOOD_FOR: i64 = 7 * 24;

/// What was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Promises {
    /// Whether an object is replaced only if it has a certain `ETag`, where that is asked for.
    pub(super) tags: bool,
    /// Whether the bucket keeps what was there before.
    pub(super) versions: bool,
}

/// Where it is remembered.
pub(super) struct PromiseFile {
    path: PathBuf,
    home: String,
    disk: Disk,
}

impl PromiseFile {
    /// For the home with that label.
    pub(super) fn new(state: &Path, home: &str, disk: Disk) -> Self {
        let path = state.join("buckets").join(path_digest(Path::new(home)));
        Self { path, home: home.to_owned(), disk }
    }

    /// What was found not long before `now`.
    pub(super) fn load(&self, now: Timestamp) -> Option<Promises> {
        let bytes = self.disk.read(&self.path, 64 * 1024).ok()?;
        let mut lines = std::str::from_utf8(&bytes).ok()?.lines();
        if lines.next() != Some(FIRST_LINE) || lines.next()?.strip_prefix("home: ")? != self.home {
            return None;
        }
        let tested: Timestamp = lines.next()?.strip_prefix("tested: ")?.parse().ok()?;
        let tags = flag(lines.next()?.strip_prefix("tags: ")?)?;
        let versions = flag(lines.next()?.strip_prefix("versions: ")?)?;
        let end = tested.checked_add(GOOD_FOR.hours()).ok()?;
        (lines.next().is_none() && tested <= now && now < end).then_some(Promises { tags, versions })
    }

    /// Remembers what was found at `now`.
    pub(super) fn save(&self, promises: Promises, now: Timestamp) -> Result<(), FileError> {
        if let Some(folder) = self.path.parent() {
            self.disk.create_private_folder(folder)?;
        }
        let word = |flag: bool| if flag { "yes" } else { "no" };
        let (tags, versions) = (word(promises.tags), word(promises.versions));
        let home = &self.home;
        let text = format!("{FIRST_LINE}\nhome: {home}\ntested: {now}\ntags: {tags}\nversions: {versions}\n");
        self.disk.replace(&self.path, text.as_bytes(), 0o600)
    }
}

fn flag(word: &str) -> Option<bool> {
    match word {
        "yes" => Some(true),
        "no" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::sys::OpenGate;

    #[test]
    fn what_was_found_counts_for_a_week() {
        let folder = tempfile::tempdir().unwrap();
        let file = |home| PromiseFile::new(folder.path(), home, Disk::new(Arc::new(OpenGate)));
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let promises = Promises { tags: true, versions: false };
        assert_eq!(file("s3://a/b").load(at("2026-11-23T12:00:00Z")), None);
        file("s3://a/b").save(promises, at("2026-11-23T12:00:00Z")).unwrap();
        for (now, is_good) in [
            ("2026-11-23T12:00:00Z", true),
            ("2026-11-30T11:59:59Z", true),
            ("2026-11-30T12:00:00Z", false),
            ("2026-11-23T11:59:59Z", false),
        ] {
            assert_eq!(file("s3://a/b").load(at(now)), is_good.then_some(promises), "{now}");
        }
        assert_eq!(file("s3://a/c").load(at("2026-11-23T12:00:00Z")), None);
    }
}
