//! The way from an old credential to a new one, as data.

use std::time::Duration;

use crate::store::State;

/// One step of a rotation. The step's name is the kind's own word for it and stands in the journal: a later release must
/// know it still.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Its name, unique among the steps of one way.
    pub name: &'static str,
    /// What is done, as a plan shows it: `let luca_b log in`. Names, never values.
    pub shown: String,
    /// What is done.
    pub action: Action,
    /// How far the rotation is once it is done.
    pub then: State,
    /// Whether there is no way back once it is begun. The engine brings the journal to the store's home before.
    pub is_final: bool,
}

/// What a step does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Changes something at the credential's source: [`Credential::run`](super::Credential::run), settled by
    /// [`Credential::probe`](super::Credential::probe) where its outcome is in doubt.
    Effect,
    /// Has the source itself make the new values, where only it can: [`Credential::answered`](super::Credential::answered)
    /// without answers. Its outcome is never probed, since what was made is known only to whoever got the reply: it is
    /// done again, and first takes away at the source what an earlier try has left there.
    Issue,
    /// Shows that something is so, by looking: [`Credential::prove`](super::Credential::prove).
    Prove,
    /// Writes the values of the deploy with this number into the store, and brings them to the consumers.
    Deploy(usize),
    /// Asks a person: [`Credential::question`](super::Credential::question) and
    /// [`Credential::answered`](super::Credential::answered). The rotation can rest here for days.
    Ask,
    /// Waits at least so long, and until [`Credential::quiet`](super::Credential::quiet) sees nobody who needs the old
    /// credential. The rotation can rest here for days.
    Wait(Duration),
}
