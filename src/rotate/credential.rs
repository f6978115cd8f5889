//! What every kind of credential does.

use std::time::Duration;

use crate::name::SecretName;
use crate::secret::SecretValue;
use crate::store::{Material, RotationRecord, Values};
use crate::sys::Random;

use super::step::Step;
use super::trouble::Trouble;

/// One credential that can be replaced at its source. The contract:
///
/// - Nothing but [`run`](Self::run) and an [`Action::Issue`](super::Action::Issue) changes anything outside this process. Everything else only looks, and may be called
///   at any time and any number of times.
/// - [`run`](Self::run) done twice with the same record is as good as done once: same values, same bytes.
/// - A definite answer is one that the credential's own service gave and proved to be its own (over TLS that was verified,
///   over SSH with a pinned host key, by SCRAM's server signature). Anything else is
///   [`InDoubt`](super::TroubleKind::InDoubt) after, or [`Unavailable`](super::TroubleKind::Unavailable) before, the request
///   has left; it is never read as "wrong password".
/// - No value in a trouble, an evidence, a question or a step, nor in the arguments, the environment or the log of any
///   program here or there. Each call ends within a minute or two, or what [`longest`](Self::longest) says instead.
/// - Steps depend on the schema and the record alone, so that another machine continues where this one stopped.
pub trait Credential {
    /// The steps that replace it. Before the first of them the engine looks ([`preflight`](Self::preflight)), makes the new
    /// values ([`create`](Self::create)) and has them in the journal: [`State::Staged`](crate::store::State::Staged).
    fn steps(&self) -> Vec<Step>;

    /// The steps that take it back after so many forward steps were begun; the last of these may be done, half done or not
    /// done at all. Not called once a final step was begun. An engine that has no begun steps drops the values instead.
    fn undo_steps(&self, begun: usize) -> Vec<Step>;

    /// Looks whether the rotation can succeed, before anything is made: the source can be reached and changed, somebody can
    /// get in if all goes wrong, the current credential works, a wrong one does not. What was found, in lines without values.
    fn preflight(&mut self, current: &Values) -> Result<Vec<String>, Trouble>;

    /// The longest that what changes something takes, with all that it waits for: whatever it has sent has come to nothing
    /// by then, or has happened.
    fn longest(&self) -> Duration {
        Duration::from_mins(2)
    }

    /// The new values, without any effect. `current` is what the store has now of [`secrets`](Self::secrets). What a person
    /// has to give comes later, by [`answered`](Self::answered).
    fn create(&mut self, current: &Values, id: &str, random: &mut dyn Random) -> Result<Created, Trouble>;

    /// The secrets that it reads or changes.
    fn secrets(&self) -> Vec<SecretName>;

    /// Does an [`Action::Effect`](super::Action::Effect). What shows that it was done.
    fn run(&mut self, step: &Step, record: &RotationRecord) -> Result<String, Trouble>;

    /// Whether an effect that was begun was done.
    fn probe(&mut self, step: &Step, record: &RotationRecord) -> Result<Probed, Trouble>;

    /// Does an [`Action::Prove`](super::Action::Prove). What was seen. A negative control is part of it: a wrong value must be
    /// refused where the right one is accepted, else a service that lets everybody in would count as a proof.
    fn prove(&mut self, step: &Step, record: &RotationRecord) -> Result<String, Trouble>;

    /// Which of the two credentials the source accepts right now.
    fn standing(&mut self, record: &RotationRecord) -> Result<Asked, Trouble>;

    /// Whether nobody needs the old credential any more, for an [`Action::Wait`](super::Action::Wait).
    fn quiet(&mut self, step: &Step, record: &RotationRecord) -> Result<Quiet, Trouble> {
        let _ = record;
        Err(self.no_such(step))
    }

    /// Does an [`Action::Issue`](super::Action::Issue): gets the new values from the source, having taken away there what an
    /// earlier try has left. Changes what was created.
    fn issue(&mut self, step: &Step, record: &RotationRecord) -> Result<Created, Trouble> {
        let _ = record;
        Err(self.no_such(step))
    }

    /// What an [`Action::Ask`](super::Action::Ask) asks a person.
    fn question(&mut self, step: &Step, record: &RotationRecord) -> Result<Question, Trouble> {
        let _ = record;
        Err(self.no_such(step))
    }

    /// Takes a person's answers, in the order of the question's fields, having looked at them: what is refused here has left
    /// no trace. Changes what was created.
    fn answered(
        &mut self,
        step: &Step,
        record: &RotationRecord,
        answers: Vec<SecretValue>,
    ) -> Result<Created, Trouble> {
        let _ = (record, answers);
        Err(self.no_such(step))
    }

    /// Says that no step of this kind needs what was called for.
    fn no_such(&self, step: &Step) -> Trouble {
        Trouble::held(format_args!("this rotation has no step {}", step.name))
    }
}

/// The new values.
pub struct Created {
    /// What the secrets will be in the end; without those that a person still has to give.
    pub pending: Values,
    /// What the secrets are to be in each deploy, in order. [`Action::Deploy`](super::Action::Deploy) counts them from 0.
    pub deploys: Vec<Values>,
    /// What else is needed to do the steps again, and to undo them.
    pub material: Material,
}

impl Created {
    /// Writes them into the record of their rotation, in place of what was there.
    pub fn put_into(self, record: &mut RotationRecord) {
        (record.pending, record.deploys, record.material) = (self.pending, self.deploys, self.material);
    }
}

/// What a probe of an effect has found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Probed {
    /// It was done; what shows it.
    Applied(String),
    /// It was not done: it may be tried again.
    NotApplied,
    /// Neither: somebody else has changed it.
    Changed(String),
}

/// Whether a credential is accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// It is.
    Accepted,
    /// The right service refuses it.
    Refused,
    /// There was no answer that counts.
    Unknown,
    /// There is no such credential yet.
    None,
}

/// Which of the two credentials is accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked {
    /// The one from before.
    pub current: Answer,
    /// The new one.
    pub pending: Answer,
}

/// Whether the old credential is still needed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Quiet {
    /// Nobody is seen to; what shows it.
    Yes(String),
    /// Somebody is, for this reason.
    NotYet(String),
}

/// What a person is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// What to do, in lines.
    pub lines: Vec<String>,
    /// The page where it is done.
    pub url: Option<String>,
    /// What to give; nothing means to confirm that it was done.
    pub fields: Vec<Field>,
}

/// One thing to give.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// How it is called.
    pub label: String,
    /// Whether it is not shown while it is typed.
    pub is_hidden: bool,
}
