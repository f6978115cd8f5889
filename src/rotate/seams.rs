//! What the engine needs of the rest of the program.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;

use crate::name::SecretName;
use crate::secret::SecretValue;
use crate::store::{RotationRecord, Values};

use super::credential::Question;
use super::step::Step;
use super::trouble::Trouble;

/// The store as the journal.
pub trait Journal {
    /// Writes a rotation's record, and what some secrets are from now on, in one commit that is durable here when this
    /// returns. With `everywhere` it is in the store's home too, or nothing was written and the trouble is
    /// [`Unavailable`](super::TroubleKind::Unavailable) or, where somebody else's rotation got there first,
    /// [`Held`](super::TroubleKind::Held).
    fn write(&mut self, record: &RotationRecord, values: &Values, everywhere: bool) -> Result<(), Trouble>;

    /// The record as it is in the store now, with what others wrote to it.
    fn read(&mut self) -> Result<Option<RotationRecord>, Trouble>;
}

/// The consumers of values.
pub trait Deployer {
    /// Brings what the store has now to every target whose templates use one of these secrets, has it applied, and proves
    /// that it is in use. Everywhere, or nowhere: a definite failure has everything as before and is
    /// [`Rejected`](super::TroubleKind::Rejected). May be called again after any trouble. What was seen, in words.
    fn deploy(&mut self, secrets: &BTreeSet<SecretName>) -> Result<String, Trouble>;

    /// Whether these targets run on what the store has now, and nobody else has changed them: what must hold before a
    /// rotation begins. What differs, in lines; nothing if all is well.
    fn differences(&mut self, secrets: &BTreeSet<SecretName>) -> Result<Vec<String>, Trouble>;
}

/// Whoever is there to be asked.
pub trait Person {
    /// Asks; `None` if nobody is there or the question was left for later. The answers in the order of the fields.
    /// `is_again` where the answers just given were refused, which was said: what to do was told before.
    fn ask(&mut self, step: &Step, question: &Question, is_again: bool) -> Option<Vec<SecretValue>>;
}

/// Whoever watches.
pub trait Seen {
    /// A step begins.
    fn begins(&mut self, step: &Step, record: &RotationRecord);
    /// A step waits, for so long still.
    fn waits(&mut self, step: &Step, left: Duration);
    /// A step has ended: what shows it, or why it failed.
    fn ended(&mut self, step: &Step, record: &RotationRecord, outcome: Result<&str, &Trouble>);
}

/// The time, and whether somebody wants it to stop.
pub trait Watch {
    /// The present moment.
    fn now(&self) -> Timestamp;
    /// How much time has passed since some moment, by a clock that nobody can set and that goes on while the machine sleeps.
    fn passed(&self) -> Duration;
    /// Waits; shorter if somebody wants it to stop.
    fn pause(&mut self, time: Duration);
    /// Whether somebody wants it to stop: at the next resting place, never in the middle of an effect.
    fn is_interrupted(&self) -> bool;
}
