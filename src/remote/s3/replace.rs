//! The store's home in a bucket: a new version.
//!
//! 1. The next number is created, on the condition that it does not exist. This decides who was first.
//! 2. The store's own key gets the same bytes, unless it has newer ones already.
//!
//! Whoever is killed between the two leaves a version that readers do not see yet. The next writer loses the race for its
//! number, finds it, builds on it, and brings the store's own key up to date.

use super::create::Created;
use super::home::{Keeper, Seen};
use super::notes::{Mark, Notes, notes};
use super::patience::Patience;
use super::promises::Promises;
use super::trouble::Trouble;
use super::wire::{Got, Head, Only, Put, Upload};
use crate::remote::error::RemoteError;
use crate::remote::home::{Next, Replaced, Version};

/// What came of bringing the store's own key up to date.
enum Followed {
    /// It has our version.
    Ours { tag: Option<String> },
    /// It has a later one already.
    Later,
    /// It has another one of the same number: the service let two create it, and the store's own key decides.
    Rival,
}

impl Keeper {
    pub(super) async fn replace(
        &mut self,
        expected: Option<&Version>,
        next: &Next<'_>,
    ) -> Result<Replaced, RemoteError> {
        let patience = &Patience::new();
        let before = match expected {
            Some(version) => Some(Mark::parse(version).ok_or_else(|| self.odd())?),
            None => None,
        };
        let promises = self.promises(next, patience).await?;
        let mark = Mark::new(before.as_ref().map_or(0, |before| before.number) + 1, next.sealed);
        let key = self.key.of(mark.number);
        let about = notes(&mark, before.as_ref(), next);
        match self.wire.create(&key, next.sealed, &about, patience).await? {
            Created::Exists => {
                self.was_lost = true;
                return Ok(Replaced::Lost);
            }
            Created::Done(stored) if stored.is_versioned && !promises.versions => {
                self.prove_again(next, patience).await?;
            }
            Created::Done(_) => {}
        }
        if self.seen.is_none() {
            self.seen = before.as_ref().and_then(|before| before.tag.clone()).map(Seen::Tag);
        }
        // From here on it is in place for whoever looks closely, but not done.
        let in_doubt = RemoteError::in_doubt;
        let followed = self.follow(&mark, about, next, promises, patience).await.map_err(in_doubt)?;
        if mark.number == 1 {
            self.check_first(&key, patience).await?;
        }
        let tag = match followed {
            Followed::Ours { tag } => tag,
            Followed::Later if self.is_built_upon(&mark, patience).await.map_err(in_doubt)? => None,
            Followed::Rival => {
                self.yield_to_rival(&mark, patience).await.map_err(in_doubt)?;
                self.was_lost = true;
                return Ok(Replaced::Lost);
            }
            Followed::Later => {
                // The number was free again because old versions were cleared away: nobody knows of ours.
                let _ = self.wire.remove(&key, patience).await;
                self.was_lost = true;
                return Ok(Replaced::Lost);
            }
        };
        self.was_lost = false;
        self.seen = tag.clone().map(Seen::Tag);
        let version = mark.tagged(tag.as_deref()).version();
        version.map(Replaced::Done).ok_or_else(|| self.odd().in_doubt())
    }

    /// What the bucket promises, as remembered or tried out now.
    async fn promises(&self, next: &Next<'_>, patience: &Patience) -> Result<Promises, RemoteError> {
        match self.promises.as_ref().and_then(|file| file.load(next.at)) {
            Some(promises) => Ok(promises),
            None => self.prove(next, patience).await,
        }
    }

    async fn prove(&self, next: &Next<'_>, patience: &Patience) -> Result<Promises, RemoteError> {
        let promises = self.wire.prove(&self.key, patience).await?;
        if let Some(file) = &self.promises {
            // Where it cannot be remembered it is tried out each time.
            let _ = file.save(promises, next.at);
        }
        Ok(promises)
    }

    /// Tries the bucket out once more, which keeps versions now and did not when it was tried out: what is in place may
    /// have hidden somebody else's.
    async fn prove_again(&self, next: &Next<'_>, patience: &Patience) -> Result<(), RemoteError> {
        self.prove(next, patience).await.map(drop).map_err(RemoteError::in_doubt)
    }

    /// Brings the store's own key up to a version.
    async fn follow(
        &mut self,
        mark: &Mark,
        mut about: Vec<(&'static str, String)>,
        next: &Next<'_>,
        promises: Promises,
        patience: &Patience,
    ) -> Result<Followed, RemoteError> {
        if promises.tags {
            about.push(("luca-exact", "yes".to_owned()));
        } else {
            // Without a condition the last look before must do.
            self.seen = None;
        }
        let kept = |tag: Option<String>| tag.filter(|_| promises.tags);
        let mut tries = 0;
        loop {
            let only = match &self.seen {
                None => match self.look(mark, patience).await? {
                    Looked::Followed(Followed::Ours { tag }) => return Ok(Followed::Ours { tag: kept(tag) }),
                    Looked::Followed(later) => return Ok(later),
                    Looked::Behind(seen) => {
                        self.seen = Some(seen);
                        continue;
                    }
                },
                Some(_) if !promises.tags => Only::Always,
                Some(Seen::Nothing) => Only::IfAbsent,
                Some(Seen::Tag(tag)) => Only::IfTag(tag),
            };
            let upload = Upload { key: &self.key.0, bytes: next.sealed, notes: &about, only };
            let trouble = match self.wire.put(&upload, patience).await {
                Ok(Put::Done(stored)) => return Ok(Followed::Ours { tag: kept(stored.etag) }),
                Ok(Put::Refused | Put::Contested) => Trouble::contested(),
                Err(trouble) => trouble,
            };
            self.seen = None;
            if !patience.pause(&mut tries, trouble.tries).await {
                return Err(self.wire.error(trouble.problem));
            }
        }
    }

    /// What the store's own key has, as seen from a version.
    async fn look(&self, mark: &Mark, patience: &Patience) -> Result<Looked, RemoteError> {
        let Some(Head { etag, notes, .. }) = self.wire.head(&self.key.0, patience).await? else {
            return Ok(Looked::Behind(Seen::Nothing));
        };
        Ok(match Notes::read(&notes) {
            Some(notes) if notes.number == mark.number && notes.digest == mark.digest => {
                Looked::Followed(Followed::Ours { tag: etag })
            }
            Some(notes) if notes.number == mark.number => Looked::Followed(Followed::Rival),
            Some(notes) if notes.number > mark.number => Looked::Followed(Followed::Later),
            _ => Looked::Behind(etag.map_or(Seen::Nothing, Seen::Tag)),
        })
    }

    /// Puts the version of whoever was told the same, and has the store's own key, in the place of ours.
    async fn yield_to_rival(&self, mark: &Mark, patience: &Patience) -> Result<(), RemoteError> {
        let Got::Object(object) = self.wire.get(&self.key.0, None, patience).await? else { return Ok(()) };
        // It may have moved on meanwhile.
        if Notes::read(&object.head.notes).is_none_or(|notes| notes.number != mark.number) {
            return Ok(());
        }
        let key = &self.key.of(mark.number);
        let about: Vec<(&str, String)> =
            object.head.notes.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
        let upload = Upload { key, bytes: &object.bytes, notes: &about, only: Only::Always };
        match self.wire.put(&upload, patience).await {
            Ok(_) => Ok(()),
            Err(trouble) => Err(self.wire.error(trouble.problem)),
        }
    }

    /// Whether the version after this one was built on it.
    async fn is_built_upon(&self, mark: &Mark, patience: &Patience) -> Result<bool, RemoteError> {
        let head = self.wire.head(&self.key.of(mark.number + 1), patience).await?;
        Ok(head.and_then(|head| Notes::read(&head.notes)).is_some_and(|notes| notes.follows(mark)))
    }

    /// Looks whether anybody may read the very first version, and takes it away again if so.
    async fn check_first(&self, key: &str, patience: &Patience) -> Result<(), RemoteError> {
        for shown in [&self.key.0, key] {
            if self.wire.is_public(shown, patience).await.map_err(RemoteError::in_doubt)? {
                self.wire.remove(&self.key.0, patience).await.map_err(RemoteError::in_doubt)?;
                self.wire.remove(key, patience).await.map_err(RemoteError::in_doubt)?;
                return Err(self.wire.is_shown());
            }
        }
        Ok(())
    }
}

/// How the store's own key stands to a version.
enum Looked {
    Followed(Followed),
    Behind(Seen),
}
