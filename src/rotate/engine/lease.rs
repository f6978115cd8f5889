//! That what one machine is late with does no harm to what another has made of the rotation meanwhile.
//!
//! A machine writes to the home what it is about to do, and does it. Between the two it may fall asleep, or what it sends
//! may be on its way for long, while another machine takes the rotation over, or back. Two rules keep them apart:
//!
//! - An intent is fresh for a minute. Whoever wakes up later writes it again, and learns there that it has lost.
//! - Whoever takes over from another waits until an effect that was begun on a fresh intent has come to its end, which
//!   each kind bounds ([`Credential::longest`](crate::rotate::Credential::longest)).
//!
//! The wait is told by the intent's date where the clocks of both make that safe, and never is longer than the lease, told
//! by a clock that nobody can set. A machine that holds the lock under which the intent was written waits for nobody:
//! whoever wrote it runs no more.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::rotate::step::{Action, Step};
use crate::rotate::trouble::Trouble;
use crate::store::RotationRecord;

use super::rest::TICK;
use super::{Ending, Engine, Go};

/// How long after its intent an effect may begin.
pub(super) const FRESH: Duration = Duration::from_mins(1);

/// How much the clocks of two machines may differ.
const SKEW: Duration = Duration::from_mins(10);

/// Until when whoever wrote a rotation's last intent may be at it, as far as the dates tell; `None` if nobody is. `longest`
/// is how long an effect may take, `holder` the lock that is held here.
pub fn busy_until(
    record: &RotationRecord,
    holder: Option<&str>,
    longest: Duration,
    now: Timestamp,
) -> Option<Timestamp> {
    let note = record.intended()?;
    if record.holder.is_some() && record.holder.as_deref() == holder {
        return None;
    }
    let lease = SignedDuration::try_from(FRESH + longest + SKEW).unwrap_or(SignedDuration::MAX);
    let until = note.intended.checked_add(lease).unwrap_or(Timestamp::MAX);
    (now < until).then_some(until)
}

impl Engine<'_> {
    /// Before anything is made of a rotation that another machine may be at work on: waits until it cannot be any more, or
    /// leaves it. Nothing is written: that would say that it is ours.
    pub(super) fn wait_for_others(&mut self) -> Go {
        let began = self.outside.watch.passed();
        let longest = self.credential.longest();
        let lease = FRESH + longest;
        let Some(step) = self.step_of_intent() else { return Ok(()) };
        loop {
            let now = self.outside.watch.now();
            let holder = self.outside.holder.as_deref();
            let Some(until) = busy_until(self.record(), holder, longest, now) else { return Ok(()) };
            let waited = self.outside.watch.passed().saturating_sub(began);
            if waited >= lease {
                return Ok(());
            }
            if !self.outside.patience.waits_for_others {
                return Err(Ending::Busy(self.busy(&step, until)));
            }
            if self.outside.watch.is_interrupted() {
                return Err(Ending::Left(Trouble::interrupted()));
            }
            let left = until.duration_since(now).unsigned_abs().min(lease.saturating_sub(waited));
            let who = format!("{} may be at work on it", self.record().by);
            self.outside.seen.waits(&Step { shown: who, ..step.clone() }, left);
            self.outside.watch.pause(left.min(TICK));
        }
    }

    /// The step that was about to be done, unless a person does it.
    fn step_of_intent(&self) -> Option<Step> {
        let note = self.record().intended()?;
        let step = self.steps().into_iter().find(|step| step.name == note.step)?;
        (step.action != Action::Ask).then_some(step)
    }

    fn busy(&self, step: &Step, until: Timestamp) -> Trouble {
        let by = &self.record().by;
        Trouble::held(format_args!("{by} may be at work on it: {}", step.shown)).hint(format_args!(
            "where that machine was lost, another one can take it over from {until} on, or at a terminal a little earlier"
        ))
    }
}
