//! How often, and for how long.

use std::time::Duration;

use crate::rotate::step::Step;
use crate::rotate::trouble::Trouble;
use crate::store::Values;

use super::{Ending, Engine, Go, Tries};

/// How much longer each pause is than the one before.
const GROWTH: u32 = 6;

/// How long to try. A step that stays without a definite answer is left for another run, and after some of them held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// How often a step is tried in one run.
    pub tries: u32,
    /// In how many runs.
    pub runs: u32,
    /// The pause after the first failure; each further one is six times as long.
    pub first: Duration,
    /// The longest pause.
    pub longest: Duration,
    /// The longest time that a step may pause in one run altogether.
    pub altogether: Duration,
    /// The longest grace that is waited for in one run; a longer one is left for another.
    pub grace: Duration,
    /// How long to look again and again whether the old credential is used still.
    pub quiet: Duration,
    /// Whether to wait, for some minutes, until another machine cannot be at work any more.
    pub waits_for_others: bool,
}

impl Patience {
    /// Where nobody is there to wait for it.
    pub const UNATTENDED: Self = Self {
        tries: 5,
        runs: 3,
        first: Duration::from_secs(1),
        longest: Duration::from_mins(5),
        altogether: Duration::from_mins(15),
        grace: Duration::from_secs(10),
        quiet: Duration::from_mins(1),
        waits_for_others: false,
    };

    /// Where a person looks on, who sees how long it takes and may leave it at any time.
    pub const ATTENDED: Self = Self {
        altogether: Duration::from_secs(30),
        grace: Duration::from_mins(15),
        quiet: Duration::from_secs(30),
        waits_for_others: true,
        ..Self::UNATTENDED
    };

    /// The pause after so many failures, without its random part.
    pub(super) fn pause(&self, failed: u32) -> Duration {
        let times = GROWTH.saturating_pow(failed.saturating_sub(1));
        self.first.saturating_mul(times).min(self.longest)
    }
}

impl Engine<'_> {
    /// A step has no definite answer: waits before it is tried again, or leaves it for later, or holds it.
    pub(super) fn again(&mut self, step: &Step, trouble: &Trouble, tries: &mut Tries, pauses: bool) -> Go {
        let patience = self.outside.patience;
        tries.failed += 1;
        let mut next = self.record().clone();
        next.attempts += 1;
        let is_over = next.attempts >= patience.tries.saturating_mul(patience.runs);
        self.record = Some(next);
        if is_over {
            self.ended(step, Err(trouble));
            let attempts = self.record().attempts;
            let message = format!("{}: given up after {attempts} tries: {}", step.shown, trouble.message);
            return Err(self.hold(Trouble { message, ..trouble.clone() }));
        }
        let pause = if pauses { self.jittered(patience.pause(tries.failed)) } else { Duration::ZERO };
        if tries.failed >= patience.tries || tries.paused + pause > patience.altogether {
            return Err(self.leave(step, trouble.clone()));
        }
        if pause > Duration::ZERO {
            self.ended(step, Err(trouble));
            self.outside.watch.pause(pause);
            tries.paused += pause;
        }
        if self.outside.watch.is_interrupted() {
            return Err(self.leave(step, Trouble::interrupted()));
        }
        Ok(())
    }

    /// Leaves a step for another run.
    pub(super) fn leave(&mut self, step: &Step, trouble: Trouble) -> Ending {
        self.ended(step, Err(&trouble));
        let left = self.record().clone();
        match self.write(left, &Values::new(), false) {
            Err(Ending::Lost(lost)) => Ending::Lost(lost),
            // Where the journal cannot be written either it says less, and nothing wrong.
            _ => Ending::Left(trouble),
        }
    }

    /// Between half and the whole of a pause, so that many who wait do not come back at once.
    fn jittered(&mut self, pause: Duration) -> Duration {
        let mut byte = [0];
        let part = match self.outside.random.fill(&mut byte) {
            Ok(()) => f64::from(byte[0]) / 255.0,
            Err(_) => 1.0,
        };
        pause.mul_f64(part.mul_add(0.5, 0.5))
    }
}
