//! When a rotation is due, when it may run, and when it is too late. Only arithmetic: no clock, no store is touched here.
//!
//! What is decided here, so that a schedule neither stacks, skips in silence nor fires by accident:
//! - A rotation is due `every` after it was last done, give or take its jitter. That moment stands in the store. Only an
//!   entry that was there before, and makes sense, lets anything run: one that is missing, from a clock that was not set,
//!   or from the future is put right first, and nothing of it is due before a day has passed.
//! - A value that came in by another way (typed, imported, adopted) counts from then on, like a new one.
//! - Outside its window nothing begins by itself. However many windows were missed, it runs once, in the next one.
//! - What has failed is tried again in the next window, or an hour later and then twice as long each time. After three
//!   failures a person is needed.
//! - It is overdue a day (or one period, if that is shorter) after the end of the window in which it should have run.

use std::time::Duration;

use jiff::tz::Offset;
use jiff::{SignedDuration, Timestamp};

use crate::name::SecretName;
use crate::schema::{Entry, Opening, Rotation};
use crate::secret::FingerprintKey;
use crate::store::Due;

/// How long what was never seen before, or was put right, is not due: somebody may want to have a look at it.
const NOTICE: SignedDuration = SignedDuration::from_hours(24);

/// How long after the end of its window a rotation is overdue.
const SLACK: SignedDuration = SignedDuration::from_hours(24);

/// How much the clocks of two machines may differ.
const SKEW: SignedDuration = SignedDuration::from_mins(10);

/// No store is older (2025-01-01): an earlier moment comes from a clock that was not set.
const EARLIEST: i64 = 1_735_689_600;

/// The time to the second try without a window.
const FIRST_PAUSE: SignedDuration = SignedDuration::from_hours(1);

/// After so many failures in a row nothing is tried any more without a person.
pub const MOST_FAILURES: u32 = 3;

/// Whether this machine's clock is behind the moment at which the store was last written, by more than clocks differ. Then
/// nothing can be said of anything that is due.
pub fn is_clock_behind(now: Timestamp, written: Timestamp) -> bool {
    later(now, SKEW) < written
}

/// By what a rotation's time is told.
#[derive(Debug, Clone)]
pub struct Terms<'s> {
    rotation: &'s Rotation,
    /// How much later than `every` it is due; earlier if below zero.
    jitter: SignedDuration,
    /// From when on the credential's end is near, if it has one.
    warned: Option<Timestamp>,
}

/// What became of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settling {
    /// It was there, and holds.
    Kept,
    /// There was none.
    New,
    /// The secret got a value by another way since.
    NewValue,
    /// The schema has another period.
    NewPeriod,
    /// It came from a clock that was wrong.
    WrongClock,
}

/// How a rotation stands at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// When it is due.
    pub due: Timestamp,
    /// When it runs next: now, if it may.
    pub runs: Timestamp,
    /// From when on it is overdue.
    pub overdue: Timestamp,
    /// Whether it has failed too often to be tried again without a person.
    pub is_stopped: bool,
}

impl Standing {
    /// Whether it is due.
    pub fn is_due(&self, now: Timestamp) -> bool {
        self.due <= now
    }

    /// Whether it is overdue.
    pub fn is_overdue(&self, now: Timestamp) -> bool {
        self.overdue < now
    }

    /// Whether it is to be run now.
    pub fn may_run(&self, now: Timestamp) -> bool {
        self.runs <= now && !self.is_stopped
    }
}

impl<'s> Terms<'s> {
    /// Those of a secret's rotation, if it has one. `key` is the store's: the jitter is the same on every machine and
    /// differs from secret to secret.
    pub fn of(name: &SecretName, entry: &'s Entry, key: &FingerprintKey) -> Option<Self> {
        let rotation = entry.rotate.as_ref()?;
        let warned = entry.expires.and_then(|day| {
            let days = SignedDuration::from_hours(24).checked_mul(entry.expiry_notice)?;
            let end = Offset::UTC.to_timestamp(day.to_datetime(jiff::civil::Time::midnight())).ok()?;
            end.checked_sub(days).ok()
        });
        Some(Self { rotation, jitter: jitter(name, rotation.jitter, key), warned })
    }

    /// Whether it is rotated by itself at all.
    pub fn are_scheduled(&self) -> bool {
        self.rotation.every.is_some() || self.warned.is_some()
    }

    /// What is written down once it is done.
    pub fn done(&self, now: Timestamp) -> Option<Due> {
        let next = self.next(now)?;
        Some(Due { last: Some(now), ..entry(now, self.every(), next) })
    }

    /// What is written down once it was tried in vain.
    pub fn failed(&self, due: &Due, now: Timestamp) -> Due {
        Due { failures: due.failures.saturating_add(1), failed: Some(now), ..due.clone() }
    }

    /// What is to be written down, and why. `since` is when the secret got its value. `None` if it is never due.
    pub fn settle(
        &self,
        known: Option<&Due>,
        since: Option<Timestamp>,
        now: Timestamp,
    ) -> Option<(Due, Settling)> {
        let since = since.filter(|since| is_plausible(*since, now));
        let Some(known) = known else {
            let from = since.unwrap_or(now);
            return Some((self.counted(from, now)?, Settling::New));
        };
        let settling = if !self.makes_sense(known, now) {
            Settling::WrongClock
        } else if since.is_some_and(|since| Some(since) > known.failed.max(Some(known.from))) {
            // What a failure has brought back is no new value.
            Settling::NewValue
        } else if known.every != self.every() || self.expiry_has_moved(known) {
            Settling::NewPeriod
        } else {
            return Some((known.clone(), Settling::Kept));
        };
        let from = match settling {
            Settling::WrongClock => now,
            Settling::NewValue => since.unwrap_or(now),
            _ => known.from,
        };
        let last = known.last.filter(|last| is_plausible(*last, now));
        let failed = known.failed.filter(|failed| is_plausible(*failed, now));
        // What was given a new value by hand may be tried again.
        let failures = if settling == Settling::NewValue { 0 } else { known.failures };
        Some((Due { last, failures, failed, ..self.counted(from, now)? }, settling))
    }

    /// The same for somebody who only looks: what was never written down is due when its value is old enough.
    pub fn look(&self, known: Option<&Due>, since: Option<Timestamp>, now: Timestamp) -> Option<Due> {
        if known.is_some() {
            return Some(self.settle(known, since, now)?.0);
        }
        let since = since.filter(|since| is_plausible(*since, now))?;
        Some(entry(since, self.every(), self.next(since)?))
    }

    /// How it stands.
    pub fn standing(&self, known: &Due, now: Timestamp) -> Standing {
        let due = match self.warned.filter(|warned| known.from < *warned) {
            Some(warned) => known.next.min(warned),
            None => known.next,
        };
        let again = self.again(known).unwrap_or(due);
        let runs = self.open(due.max(again).max(now)).map_or(Timestamp::MAX, |opening| opening.from);
        let planned = self.open(due).map_or(due, |opening| opening.to);
        let period = self.rotation.every.and_then(|every| SignedDuration::try_from(every).ok());
        let overdue = later(planned, period.map_or(SLACK, |period| period.min(SLACK)));
        Standing { due, runs, overdue, is_stopped: known.failures >= MOST_FAILURES }
    }

    /// Whether one that is under way may go on at a moment: in its window, and not at once after a failure.
    pub fn may_go_on(&self, known: Option<&Due>, now: Timestamp) -> bool {
        let again = known.and_then(|known| self.again(known)).unwrap_or(now);
        again <= now && self.open(now).is_some_and(|opening| opening.from <= now)
    }

    /// When it may be tried again after failures.
    fn again(&self, known: &Due) -> Option<Timestamp> {
        let failed = known.failed.filter(|_| known.failures > 0)?;
        let pause = FIRST_PAUSE.checked_mul(1 << (known.failures - 1).min(4)).unwrap_or(NOTICE);
        Some(match self.rotation.window.as_ref().and_then(|window| window.opening(failed)) {
            Some(opening) if opening.is_open(failed) => opening.to,
            Some(_) => failed,
            None => later(failed, pause),
        })
    }

    /// The first time from a moment on at which it may run, and until when; without a window that is the moment itself.
    fn open(&self, at: Timestamp) -> Option<Opening> {
        let Some(window) = &self.rotation.window else { return Some(Opening { from: at, to: at }) };
        window.opening(at).map(|opening| Opening { from: opening.from.max(at), ..opening })
    }

    /// The entry of what is counted from a moment and was not known before.
    fn counted(&self, from: Timestamp, now: Timestamp) -> Option<Due> {
        let period = SignedDuration::try_from(self.every()).unwrap_or(NOTICE);
        let next = self.next(from)?;
        // A credential's end does not wait for anybody.
        let next =
            if self.rotation.every.is_some() { next.max(later(now, NOTICE.min(period))) } else { next };
        Some(entry(from, self.every(), next))
    }

    /// When it is due next if it was last done at a moment; `None` if never.
    fn next(&self, from: Timestamp) -> Option<Timestamp> {
        match self.rotation.every {
            Some(every) => {
                let period = SignedDuration::try_from(every).unwrap_or(SignedDuration::MAX);
                Some(later(later(from, period), self.jitter))
            }
            None => self.warned,
        }
    }

    fn every(&self) -> Duration {
        self.rotation.every.unwrap_or_default()
    }

    fn expiry_has_moved(&self, known: &Due) -> bool {
        self.rotation.every.is_none() && self.warned.is_some_and(|warned| warned != known.next)
    }

    /// Whether an entry can have been written by a clock that was right.
    fn makes_sense(&self, known: &Due, now: Timestamp) -> bool {
        let period = SignedDuration::try_from(known.every).unwrap_or(SignedDuration::MAX);
        let most = later(later(later(now, period), self.jitter.abs()), SKEW);
        let is_in_reach = known.every.is_zero() || known.next <= most.max(later(known.from, NOTICE));
        is_plausible(known.from, now)
            && known.next.as_second() >= EARLIEST
            && is_in_reach
            && [known.last, known.failed].iter().flatten().all(|moment| is_plausible(*moment, now))
    }
}

const fn entry(from: Timestamp, every: Duration, next: Timestamp) -> Due {
    Due { from, every, next, last: None, failures: 0, failed: None }
}

/// A moment so much later, or the end of time.
fn later(moment: Timestamp, by: SignedDuration) -> Timestamp {
    let end = if by.is_negative() { Timestamp::MIN } else { Timestamp::MAX };
    moment.checked_add(by).unwrap_or(end)
}

fn is_plausible(moment: Timestamp, now: Timestamp) -> bool {
    moment.as_second() >= EARLIEST && moment <= later(now, SKEW)
}

/// Between as much earlier and as much later as the schema lets, in whole seconds.
fn jitter(name: &SecretName, most: Duration, key: &FingerprintKey) -> SignedDuration {
    let digest = key.of_text(&format!("jitter of {name}")).to_string();
    let number = u64::from_str_radix(&digest, 16).unwrap_or_default();
    let most = most.as_secs().min(u64::from(u32::MAX));
    let seconds = i64::try_from(number % (2 * most + 1)).unwrap_or_default();
    SignedDuration::from_secs(seconds - i64::try_from(most).unwrap_or_default())
}

#[cfg(test)]
mod tests;
