//! Whether a bucket keeps the promises that shared writing rests on, tried out with an object of our own.
//!
//! Services differ here: some ignore a condition altogether, some ignore it in a bucket that keeps versions, some look
//! first and write later, so that several pass at once.

use futures_util::future::join_all;

use super::notes::Key;
use super::patience::Patience;
use super::promises::Promises;
use super::trouble::Trouble;
use super::wire::{Got, Only, Put, Stored, Upload, Wire};
use crate::remote::error::{RemoteError, RemoteProblem};
use crate::secret::hex;
use crate::sys::{OsRandom, Random};

/// How many at once try to create the same object.
const CROWD: u8 = 5;

/// How often a test is begun that others or the service disturb.
const ATTEMPTS: u32 = 5;

/// What one test came to.
enum Outcome {
    Found(Promises),
    /// Nothing can be said: the service failed in the middle.
    Disturbed(Trouble),
}

impl Wire {
    /// Tries a bucket out. Where it does not keep the one promise that nothing can do without, it is refused.
    pub(super) async fn prove(&self, key: &Key, patience: &Patience) -> Result<Promises, RemoteError> {
        let mut tries = 0;
        loop {
            let mut random = [0; 8];
            OsRandom.fill(&mut random).map_err(|_| {
                self.error(RemoteProblem::Failed("the system gives no randomness".to_owned()))
            })?;
            let probe = format!("{}test-{}", key.folder(), hex(&random));
            let outcome = self.try_out(&probe, patience).await;
            // One that stays is of no harm.
            let _ = self.remove(&probe, patience).await;
            match outcome? {
                Outcome::Found(promises) => {
                    self.refuse_public(&key.0, patience).await?;
                    return Ok(promises);
                }
                Outcome::Disturbed(trouble) => {
                    if !patience.pause(&mut tries, trouble.tries.min(ATTEMPTS)).await {
                        return Err(self.error(trouble.problem));
                    }
                }
            }
        }
    }

    async fn try_out(&self, probe: &str, patience: &Patience) -> Result<Outcome, RemoteError> {
        let (winner, stored) = match self.race(probe, patience).await? {
            Ok(won) => won,
            Err(trouble) => return Ok(Outcome::Disturbed(trouble)),
        };
        match self.write(probe, b"again", Only::IfAbsent, patience).await {
            Ok(Put::Refused | Put::Contested) => {}
            Ok(Put::Done(_)) => return Err(self.ignores_conditions(stored.is_versioned)),
            Err(trouble) => return self.disturbed(trouble),
        }
        match self.get(probe, None, patience).await? {
            Got::Object(object) if object.bytes == [winner] => {}
            _ => return Err(self.ignores_conditions(stored.is_versioned)),
        }
        self.refuse_public(probe, patience).await?;
        let tags = match self.keeps_tags(probe, stored.etag.as_deref(), patience).await {
            Ok(tags) => tags,
            Err(trouble) => return self.disturbed(trouble),
        };
        Ok(Outcome::Found(Promises { tags, versions: stored.is_versioned }))
    }

    /// Lets several create the same object at once; the one that did. Were there two, the bucket is refused.
    async fn race(
        &self,
        probe: &str,
        patience: &Patience,
    ) -> Result<Result<(u8, Stored), Trouble>, RemoteError> {
        let bodies: Vec<[u8; 1]> = (0..CROWD).map(|number| [number]).collect();
        let crowd = bodies.iter().map(|body| self.write(probe, body, Only::IfAbsent, patience));
        let mut won = Vec::new();
        let mut trouble = None;
        for (number, outcome) in (0..CROWD).zip(join_all(crowd).await) {
            match outcome {
                Ok(Put::Done(stored)) => won.push((number, stored)),
                Ok(Put::Refused | Put::Contested) => {}
                Err(other) => trouble = Some(other),
            }
        }
        if won.len() > 1 {
            let is_versioned = won.iter().any(|(_, stored)| stored.is_versioned);
            return Err(self.ignores_conditions(is_versioned));
        }
        match (won.pop(), trouble) {
            (_, Some(trouble)) if trouble.tries == 0 => Err(self.error(trouble.problem)),
            (_, Some(trouble)) => Ok(Err(trouble)),
            (Some(won), None) => Ok(Ok(won)),
            (None, None) => Ok(Err(Trouble::contested())),
        }
    }

    /// Whether an object is replaced only if it has a certain tag, where that is asked for.
    async fn keeps_tags(&self, probe: &str, tag: Option<&str>, patience: &Patience) -> Result<bool, Trouble> {
        let Some(tag) = tag else { return Ok(false) };
        for (tag, must_pass) in [("0123456789abcdef0123456789abcdef", false), (tag, true)] {
            match self.write(probe, b"tagged", Only::IfTag(tag), patience).await {
                Ok(Put::Done(_)) if must_pass => {}
                Ok(Put::Refused) if !must_pass => {}
                Ok(_) => return Ok(false),
                // A condition that is not known there is as good as none.
                Err(trouble) if trouble.tries == 0 => return Ok(false),
                Err(trouble) => return Err(trouble),
            }
        }
        Ok(true)
    }

    async fn write(
        &self,
        probe: &str,
        body: &[u8],
        only: Only<'_>,
        patience: &Patience,
    ) -> Result<Put, Trouble> {
        self.put(&Upload { key: probe, bytes: body, notes: &[], only }, patience).await
    }

    fn disturbed(&self, trouble: Trouble) -> Result<Outcome, RemoteError> {
        if trouble.tries == 0 { Err(self.error(trouble.problem)) } else { Ok(Outcome::Disturbed(trouble)) }
    }

    /// Refuses a bucket that shows an object to everybody.
    async fn refuse_public(&self, key: &str, patience: &Patience) -> Result<(), RemoteError> {
        if self.is_public(key, patience).await? { Err(self.is_shown()) } else { Ok(()) }
    }

    pub(super) fn is_shown(&self) -> RemoteError {
        let text = "anybody can read what lies there, without credentials: take the right to read from the public (the bucket's policy, its ACL), or name another bucket";
        self.error(RemoteProblem::Unsafe(text.to_owned()))
    }

    fn ignores_conditions(&self, is_versioned: bool) -> RemoteError {
        let text = if is_versioned {
            "the service does not enforce conditions (If-None-Match) in a bucket that keeps versions, so that two who write at once would overwrite each other: use a bucket without versioning"
        } else {
            "the service does not enforce conditions (If-None-Match), so that two who write at once would overwrite each other: use another service, or a git repository"
        };
        self.error(RemoteProblem::Unsafe(text.to_owned()))
    }
}
