//! The store's home in a bucket: what there is.
//!
//! A reader asks for the store's own key by the `ETag` that it knows and mostly hears that nothing has changed (304). The
//! key follows the versions without fail: a write counts as done only once it has them, and it is replaced only by what is
//! newer, by a condition (`If-Match`) that was tried out. Where the service does not enforce that one, a reader asks for
//! the next number too, and hears that there is none (404). So does whoever has lost a race.

use std::path::PathBuf;

use futures_util::future::join_all;

use super::connect::S3Place;
use super::notes::{Key, Mark, Notes};
use super::patience::Patience;
use super::promises::PromiseFile;
use super::shelf::no_runtime;
use super::wire::{Got, Object, Wire};
use crate::remote::error::{RemoteError, RemoteProblem};
use crate::remote::home::{Entry, Fetched, Home, Next, Replaced, Version};
use crate::sys::{Disk, Runtime};

/// How many versions further on are asked for one by one, before they are listed.
const HOPS: usize = 8;

/// How many questions are under way at once.
const AT_ONCE: u64 = 16;

/// An object of a bucket, with its versions beside it.
pub struct S3Home {
    runtime: Runtime,
    keeper: Keeper,
}

/// What does the work.
pub(super) struct Keeper {
    pub(super) wire: Wire,
    pub(super) key: Key,
    /// Where it is remembered what the bucket promises.
    pub(super) promises: Option<PromiseFile>,
    /// Whether somebody was faster since the last write: then the store's own key may be behind.
    pub(super) was_lost: bool,
    /// The store's own key as it was seen last.
    pub(super) seen: Option<Seen>,
}

/// What is at the store's own key.
#[derive(Clone)]
pub(super) enum Seen {
    Nothing,
    /// An object with this `ETag`.
    Tag(String),
}

/// A version with its content.
struct Found {
    mark: Mark,
    sealed: Vec<u8>,
    generation: u64,
}

impl S3Home {
    /// The home at `key` of a bucket. `state` is the user's state folder.
    pub fn new(
        place: &S3Place<'_>,
        key: &str,
        state: Option<PathBuf>,
        disk: Disk,
    ) -> Result<Self, RemoteError> {
        let label = place.label(key);
        let runtime = Runtime::new().map_err(|_| no_runtime(&label))?;
        let promises = state.map(|state| PromiseFile::new(&state, &label, disk));
        let wire = runtime.block_on(Wire::open(place, label))?;
        let keeper = Keeper { wire, key: Key(key.to_owned()), promises, was_lost: false, seen: None };
        Ok(Self { runtime, keeper })
    }
}

impl Keeper {
    async fn fetch(&mut self, known: Option<&Version>) -> Result<Fetched, RemoteError> {
        let known = known.and_then(Mark::parse);
        let patience = &Patience::new();
        let Some(found) = self.newest(known.as_ref(), patience).await? else { return Ok(Fetched::Empty) };
        match found {
            Newest::Known => Ok(Fetched::Unchanged),
            Newest::Found(found) if known.is_some_and(|known| known.is(&found.mark)) => {
                Ok(Fetched::Unchanged)
            }
            Newest::Found(found) => {
                let version = found.mark.version().ok_or_else(|| self.odd())?;
                Ok(Fetched::New { version, sealed: found.sealed })
            }
        }
    }

    /// The newest version.
    async fn newest(
        &mut self,
        known: Option<&Mark>,
        patience: &Patience,
    ) -> Result<Option<Newest>, RemoteError> {
        let tag = known.and_then(|known| known.tag.as_deref()).filter(|_| !self.was_lost);
        if let (Some(known), None, false) = (known, tag, self.was_lost)
            && self.still_has(known, patience).await?
        {
            return Ok(Some(Newest::Known));
        }
        let object = match self.wire.get(&self.key.0, tag, patience).await? {
            Got::Same => {
                self.seen = tag.map(|tag| Seen::Tag(tag.to_owned()));
                return Ok(Some(Newest::Known));
            }
            Got::Object(object) => Some(object),
            Got::Missing => None,
        };
        self.seen = Some(match object.as_ref() {
            None => Seen::Nothing,
            Some(object) => object.head.etag.clone().map_or(Seen::Nothing, Seen::Tag),
        });
        let (latest, foreign, is_exact) = take_apart(object);
        // Who knows of none may have written the next one himself, with nothing to show for it.
        let is_ahead = |found: &Found| known.is_some_and(|known| found.mark.number >= known.number);
        if is_exact && !self.was_lost && latest.as_ref().is_some_and(is_ahead) {
            return Ok(latest.map(Newest::Found));
        }
        let found = self.walk(latest, patience).await?;
        Ok(found.or(foreign).map(Newest::Found))
    }

    /// Whether a version that is known without a tag is still the newest.
    async fn still_has(&self, known: &Mark, patience: &Patience) -> Result<bool, RemoteError> {
        let head = self.wire.head(&self.key.0, patience).await?;
        let notes = head.and_then(|head| Notes::read(&head.notes));
        match notes.filter(|notes| notes.number == known.number && notes.digest == known.digest) {
            Some(notes) if notes.is_exact => Ok(true),
            Some(_) => Ok(self.wire.head(&self.key.of(known.number + 1), patience).await?.is_none()),
            None => Ok(false),
        }
    }

    /// The newest version, from one that may have been followed by others.
    async fn walk(
        &self,
        mut latest: Option<Found>,
        patience: &Patience,
    ) -> Result<Option<Found>, RemoteError> {
        if latest.is_some() {
            for _ in 0..HOPS {
                let next = latest.as_ref().map_or(0, |found| found.mark.number) + 1;
                match self.version(next, latest.as_ref(), patience).await? {
                    Some(found) => latest = Some(found),
                    None => return Ok(latest),
                }
            }
        }
        // Far behind, or the store's own key is gone.
        loop {
            let from = latest.as_ref().map_or(0, |found| found.mark.number);
            let last = self.last_number(from, patience).await?;
            if let Some(last) = last.filter(|last| *last > from) {
                latest = self.version(last, None, patience).await?.or(latest);
            }
            let Some(found) = &latest else { return Ok(None) };
            // A list may be a moment old.
            match self.version(found.mark.number + 1, Some(found), patience).await? {
                Some(next) => latest = Some(next),
                None => return Ok(latest),
            }
        }
    }

    /// The highest number above `from`. Only a page is held at a time.
    async fn last_number(&self, from: u64, patience: &Patience) -> Result<Option<u64>, RemoteError> {
        let folder = self.key.folder();
        let (mut after, mut last) = (self.key.of(from), None);
        loop {
            let page = self.wire.page(&folder, Some(&after), usize::MAX, patience).await?;
            last = page.items.iter().filter_map(|item| self.key.number(&item.key)).max().or(last);
            match page.items.last() {
                Some(item) if page.goes_on => after.clone_from(&item.key),
                _ => return Ok(last),
            }
        }
    }

    /// The version of that number, which must follow the one `before`.
    async fn version(
        &self,
        number: u64,
        before: Option<&Found>,
        patience: &Patience,
    ) -> Result<Option<Found>, RemoteError> {
        let key = self.key.of(number);
        let Got::Object(object) = self.wire.get(&key, None, patience).await? else { return Ok(None) };
        let damaged = |text: &str| self.wire.error(RemoteProblem::Damaged(format!("{key}: {text}")));
        let Some(notes) = Notes::read(&object.head.notes).filter(|notes| notes.number == number) else {
            return Err(damaged("another program has put it there"));
        };
        let mark = Mark::new(number, &object.bytes);
        if mark.digest != notes.digest {
            return Err(damaged("it is not what was put there"));
        }
        if before.is_some_and(|before| !notes.follows(&before.mark)) {
            return Err(damaged("it does not follow the version before it"));
        }
        Ok(Some(Found { mark, sealed: object.bytes, generation: notes.generation }))
    }

    async fn log(&mut self, most: usize) -> Result<Vec<Entry>, RemoteError> {
        let patience = &Patience::new();
        let Some(Newest::Found(newest)) = self.newest(None, patience).await? else { return Ok(Vec::new()) };
        let mut entries = Vec::new();
        let mut next = newest.mark.number;
        while entries.len() < most && next > 0 {
            let wanted = AT_ONCE.min(u64::try_from(most - entries.len()).unwrap_or(AT_ONCE)).min(next);
            let keys: Vec<String> =
                (next - wanted + 1..=next).rev().map(|number| self.key.of(number)).collect();
            let before = entries.len();
            for entry in join_all(keys.iter().map(|key| self.entry(key))).await {
                entries.extend(entry?);
            }
            if entries.len() == before {
                break;
            }
            next -= wanted;
        }
        // Its versions may have been cleared away.
        if entries.is_empty() && most > 0 {
            entries.extend(self.entry(&self.key.0).await?);
        }
        Ok(entries)
    }

    async fn entry(&self, key: &str) -> Result<Option<Entry>, RemoteError> {
        let Some(head) = self.wire.head(key, &Patience::new()).await? else { return Ok(None) };
        if let Some(notes) = Notes::read(&head.notes) {
            return Ok(notes.entry(&head));
        }
        let (at, size) = (head.at, head.size);
        let version = Version::parse("0 - -").ok_or_else(|| self.odd())?;
        Ok(Some(Entry { version, generation: None, at, author: None, summary: None, size }))
    }

    /// Finds a version by its generation, which goes up with the number: by halves.
    async fn find(&mut self, generation: u64, sealed: &[u8]) -> Result<Option<Version>, RemoteError> {
        let patience = &Patience::new();
        let Some(Newest::Found(newest)) = self.newest(None, patience).await? else { return Ok(None) };
        if newest.generation < generation {
            return Ok(None);
        }
        let folder = self.key.folder();
        let first = self.wire.page(&folder, None, 1, patience).await?;
        let first = first.items.first().and_then(|item| self.key.number(&item.key)).unwrap_or(1);
        let (mut low, mut high) = (first, newest.mark.number);
        while low < high {
            let middle = low + (high - low) / 2;
            let head = self.wire.head(&self.key.of(middle), patience).await?;
            let notes = head.and_then(|head| Notes::read(&head.notes));
            // One that was cleared away was older.
            if notes.is_some_and(|notes| notes.generation >= generation) {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        let head = self.wire.head(&self.key.of(low), patience).await?;
        let Some(notes) = head.and_then(|head| Notes::read(&head.notes)) else { return Ok(None) };
        let (mark, before) = (Mark::new(low, sealed), Mark::new(low.saturating_sub(1), sealed));
        // The one before may have been put there by another program, or was cleared away.
        Ok(if notes.digest == mark.digest {
            mark.version()
        } else if notes.follows(&before) {
            before.version()
        } else {
            None
        })
    }

    pub(super) fn odd(&self) -> RemoteError {
        self.wire.error(RemoteProblem::Failed("a version has no name".to_owned()))
    }
}

/// The newest version.
enum Newest {
    /// It is the one that is known.
    Known,
    Found(Found),
}

/// What the store's own key holds: a version, or what another program put there; whether the key follows without fail.
fn take_apart(object: Option<Object>) -> (Option<Found>, Option<Found>, bool) {
    let Some(Object { bytes, head }) = object else { return (None, None, false) };
    let notes = Notes::read(&head.notes);
    match notes.filter(|notes| notes.digest == super::notes::digest(&bytes)) {
        Some(notes) => {
            let tag = head.etag.as_deref().filter(|_| notes.is_exact);
            let mark = Mark::new(notes.number, &bytes).tagged(tag);
            let found = Found { mark, sealed: bytes, generation: notes.generation };
            (Some(found), None, notes.is_exact)
        }
        None => (None, Some(Found { mark: Mark::new(0, &bytes), sealed: bytes, generation: 0 }), false),
    }
}

impl Home for S3Home {
    fn fetch(&mut self, known: Option<&Version>) -> Result<Fetched, RemoteError> {
        self.runtime.block_on(self.keeper.fetch(known))
    }

    fn replace(&mut self, expected: Option<&Version>, next: &Next<'_>) -> Result<Replaced, RemoteError> {
        self.runtime.block_on(self.keeper.replace(expected, next))
    }

    fn log(&mut self, most: usize) -> Result<Vec<Entry>, RemoteError> {
        self.runtime.block_on(self.keeper.log(most))
    }

    fn find(&mut self, generation: u64, sealed: &[u8]) -> Result<Option<Version>, RemoteError> {
        self.runtime.block_on(self.keeper.find(generation, sealed))
    }

    fn label(&self) -> String {
        self.keeper.wire.label().to_owned()
    }
}
