//! `generated`: a value that nobody else knows than the programs that are given it. A new one is made as the schema's
//! `generate` says, and brought to them; there is no source where anything would have to be changed.

use crate::name::SecretName;
use crate::schema::{self, Entry};
use crate::store::{Material, RotationRecord, State, Values};
use crate::sys::Random;

use super::credential::{Answer, Asked, Created, Credential, Probed};
use super::step::{Action, Step};
use super::trouble::Trouble;

/// The deploy of the new value, and that of the old one.
const NEW: usize = 0;
const OLD: usize = 1;

/// A value that only env files and GitHub carry.
pub(super) struct Generated {
    name: SecretName,
    entry: Entry,
}

impl Generated {
    /// The value of the secret with this name.
    pub(super) fn new(name: SecretName, entry: Entry) -> Self {
        Self { name, entry }
    }
}

impl Credential for Generated {
    fn steps(&self) -> Vec<Step> {
        let shown = format!("bring the new {} to all that use it", self.name);
        vec![Step {
            name: "deploy",
            shown,
            action: Action::Deploy(NEW),
            then: State::Rolled,
            is_final: false,
        }]
    }

    fn undo_steps(&self, begun: usize) -> Vec<Step> {
        if begun == 0 {
            return Vec::new();
        }
        let shown = format!("bring the old {} back to all that use it", self.name);
        vec![Step {
            name: "deploy-old",
            shown,
            action: Action::Deploy(OLD),
            then: State::Undoing,
            is_final: false,
        }]
    }

    fn preflight(&mut self, current: &Values) -> Result<Vec<String>, Trouble> {
        if current.get(&self.name).is_some_and(Option::is_some) {
            return Ok(Vec::new());
        }
        Err(Trouble::rejected(format_args!("{} is not set, so there is nothing to replace", self.name))
            .hint(format_args!("`luca-secrets generate {}` makes its first value", self.name)))
    }

    fn create(&mut self, current: &Values, _: &str, random: &mut dyn Random) -> Result<Created, Trouble> {
        let new = schema::generate(&self.name, &self.entry, random).map_err(Trouble::rejected)?;
        let pending = Values::from([(self.name.clone(), Some(new))]);
        let deploys = vec![pending.clone(), current.clone()];
        Ok(Created { pending, deploys, material: Material::new() })
    }

    fn secrets(&self) -> Vec<SecretName> {
        vec![self.name.clone()]
    }

    fn run(&mut self, step: &Step, _: &RotationRecord) -> Result<String, Trouble> {
        Err(self.no_such(step))
    }

    fn probe(&mut self, step: &Step, _: &RotationRecord) -> Result<Probed, Trouble> {
        Err(self.no_such(step))
    }

    fn prove(&mut self, step: &Step, _: &RotationRecord) -> Result<String, Trouble> {
        Err(self.no_such(step))
    }

    fn standing(&mut self, _: &RotationRecord) -> Result<Asked, Trouble> {
        // Whatever its programs were given counts: the store says what that is.
        Ok(Asked { current: Answer::None, pending: Answer::None })
    }
}
