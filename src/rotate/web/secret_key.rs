//! `django-secret-key`: what Django signs with. A new key and the old one are accepted side by side, by three deploys:
//!
//! | deploy | `SECRET_KEY` | `SECRET_KEY_FALLBACKS` |
//! | --- | --- | --- |
//! | 1 | old | new |
//! | 2 | new | old |
//! | 3, once nothing that the old key signed can be of use | new | none |
//!
//! The first is there for the time in which some processes run on the second and others not yet: what those sign is
//! refused by nobody. Taking the second back is the first again, and then the same wait. An application without the
//! setting for fallbacks gets the new key at once, and everybody is signed out.

use std::time::Duration;

use serde_json::Value;

use crate::name::SecretName;
use crate::rotate::credential::{Answer, Asked, Created, Credential, Probed, Question, Quiet};
use crate::rotate::kinds::World;
use crate::rotate::step::{Action, Step};
use crate::rotate::trouble::Trouble;
use crate::schema::{self, DjangoSecretKey, Entry, Rotation};
use crate::secret::{SecretText, SecretValue};
use crate::store::{Material, RotationRecord, Values};
use crate::sys::Random;

use super::host::Host;
use super::manage::Manager;

mod proof;
mod steps;

use proof::Expected;
use steps::{DROP, REPLACE};

/// What the application runs, to tell what it signs with and accepts.
const PROGRAM: &str = include_str!("secret_key.py");

/// A text that the old key signed before anything was changed.
const SIGNED: &str = "signed";
/// A key that nobody has.
const WRONG: &str = "wrong";

/// A key that Django signs with.
pub(in crate::rotate) struct SecretKey {
    name: SecretName,
    entry: Entry,
    settings: DjangoSecretKey,
    grace: Option<Duration>,
    manager: Option<Manager>,
}

impl SecretKey {
    /// The key with this name.
    pub(in crate::rotate) fn new(
        name: &SecretName,
        entry: &Entry,
        rotation: &Rotation,
        settings: &DjangoSecretKey,
        world: &World<'_>,
    ) -> Result<Self, Trouble> {
        let manager = match (&settings.manage, &rotation.on) {
            (Some(manage), Some(server)) => Some(Manager::new(Host::new(server, world)?, manage.clone())),
            _ => None,
        };
        let (name, entry, settings) = (name.clone(), entry.clone(), settings.clone());
        Ok(Self { name, entry, settings, grace: rotation.grace, manager })
    }

    /// How long the old key is accepted once the new one signs.
    fn wait(&self) -> Duration {
        self.settings.longest_age().max(self.grace.unwrap_or_default())
    }

    /// What an application says of itself.
    fn ask(manager: &Manager, task: &str, values: &[(&str, Option<&SecretValue>)]) -> Result<Value, Trouble> {
        let question = values.iter().filter_map(|(name, value)| Some((*name, (*value)?))).collect();
        manager.look(PROGRAM, task, &question)
    }

    fn ask_of(&self, manager: &Manager, record: &RotationRecord) -> Result<Value, Trouble> {
        let values = [
            ("current", record.current(&self.name)),
            ("pending", record.pending(&self.name)),
            (SIGNED, record.material(SIGNED)),
            (WRONG, record.material(WRONG)),
        ];
        Self::ask(manager, "look", &values)
    }

    /// Refuses keys that the list of fallbacks cannot carry.
    fn refuse_unlistable(&self, what: &str, value: &SecretValue) -> Result<(), Trouble> {
        let text = value.expose();
        let problem = if text.contains(',') {
            "holds a comma, at which the list of fallbacks is split"
        } else if text.starts_with('$') {
            "starts with `$`, which django-environ takes for the name of another variable"
        } else {
            return Ok(());
        };
        let trouble = Trouble::rejected(format_args!("{what} {} {problem}", self.name));
        Err(trouble
            .hint("without fallbacks it can be replaced, which signs everybody out: `fallbacks = false`"))
    }

    /// Looks at what the running application says before anything is made.
    fn look_before(&self, manager: &Manager, current: &SecretValue) -> Result<Vec<String>, Trouble> {
        let found = Self::ask(manager, "look", &[("current", Some(current))])?;
        let server = manager.host().name();
        if found["key"] != "current" {
            let message =
                format!("the application on {server} runs on another {} than the store has", self.name);
            return Err(Trouble::rejected(message).hint("bring it there first: `luca-secrets push`"));
        }
        if self.settings.fallbacks.is_none() {
            return Ok(vec![format!("the application on {server} runs on the present {}", self.name)]);
        }
        if found["knows_fallbacks"] != true {
            let message = format!("the settings of the application on {server} have no SECRET_KEY_FALLBACKS");
            return Err(Trouble::rejected(message).hint(
                "add SECRET_KEY_FALLBACKS = env.list(\"DJANGO_SECRET_KEY_FALLBACKS\", default=[]), or sign everybody \
                 out: `fallbacks = false`",
            ));
        }
        self.refuse_others(&found)?;
        self.refuse_longer(&found)?;
        Ok(vec![format!("the application on {server} runs on the present {} and knows fallbacks", self.name)])
    }

    /// What is made from the key elsewhere knows no fallbacks.
    fn refuse_others(&self, found: &Value) -> Result<(), Trouble> {
        let names = found["elsewhere"].as_array().cloned().unwrap_or_default();
        let names: Vec<&str> = names.iter().filter_map(Value::as_str).collect();
        if names.is_empty() {
            return Ok(());
        }
        let message = format!("{} is also used by {}, which know no fallbacks", self.name, names.join(", "));
        Err(Trouble::rejected(message).hint("give them a key of their own first"))
    }

    /// The application must not keep anything for longer than the schema says.
    fn refuse_longer(&self, found: &Value) -> Result<(), Trouble> {
        let ages = [
            ("session_age", "SESSION_COOKIE_AGE", "session-age", self.settings.session_age),
            ("reset_timeout", "PASSWORD_RESET_TIMEOUT", "reset-timeout", self.settings.reset_timeout),
        ];
        for (field, setting, key, known) in ages {
            let seconds = found[field].as_u64().unwrap_or_default();
            if Duration::from_secs(seconds) > known.max(self.wait()) {
                let message =
                    format!("{setting} of the application is longer than the wait for {}", self.name);
                return Err(
                    Trouble::rejected(message).hint(format_args!("in its `rotate`: {key} = \"{seconds}s\""))
                );
            }
        }
        Ok(())
    }

    fn deploys(&self, current: &Values, old: &SecretValue, new: &SecretValue) -> Vec<Values> {
        let values = |key: &SecretValue, fallbacks: Option<SecretValue>| {
            let mut values = Values::from([(self.name.clone(), Some(key.clone()))]);
            values.extend(self.settings.fallbacks.clone().map(|name| (name, fallbacks)));
            values
        };
        let Some(name) = &self.settings.fallbacks else { return vec![values(new, None), current.clone()] };
        let earlier = current.get(name).and_then(Option::as_ref);
        vec![
            values(old, Some(listed(new, earlier))),
            values(new, Some(listed(old, earlier))),
            values(new, None),
            current.clone(),
        ]
    }
}

/// A key before those that are among the fallbacks already.
fn listed(key: &SecretValue, earlier: Option<&SecretValue>) -> SecretValue {
    let Some(earlier) = earlier else { return key.clone() };
    let mut list = SecretText::with_capacity(key.expose().len() + 1 + earlier.expose().len());
    list.push_str(key.expose());
    list.push(',');
    list.push_str(earlier.expose());
    list.into_value()
}

impl Credential for SecretKey {
    fn steps(&self) -> Vec<Step> {
        match self.settings.fallbacks {
            Some(_) => steps::gently(&self.name, self.wait()),
            None => steps::abruptly(&self.name),
        }
    }

    fn undo_steps(&self, begun: usize) -> Vec<Step> {
        match self.settings.fallbacks {
            Some(_) => steps::gently_back(&self.name, self.wait(), begun),
            None => steps::abruptly_back(&self.name, begun),
        }
    }

    fn preflight(&mut self, current: &Values) -> Result<Vec<String>, Trouble> {
        let value = current.get(&self.name).and_then(Option::as_ref).ok_or_else(|| {
            Trouble::rejected(format_args!("{} is not set, so there is nothing to replace", self.name))
                .hint(format_args!("`luca-secrets generate {}` makes its first value", self.name))
        })?;
        let mut lines = Vec::new();
        if self.settings.fallbacks.is_some() {
            self.refuse_unlistable("the present", value)?;
        } else {
            lines.push("everybody will be signed out, and links to reset passwords end".to_owned());
        }
        match &self.manager {
            Some(manager) => lines.extend(self.look_before(manager, value)?),
            None => lines.push("the application is not asked: the schema names no server for it".to_owned()),
        }
        Ok(lines)
    }

    fn create(&mut self, current: &Values, _: &str, random: &mut dyn Random) -> Result<Created, Trouble> {
        let mut make = || schema::generate(&self.name, &self.entry, random).map_err(Trouble::rejected);
        let (new, wrong) = (make()?, make()?);
        if self.settings.fallbacks.is_some() {
            self.refuse_unlistable("the new", &new)?;
        }
        let old = current.get(&self.name).cloned().flatten();
        let old = old.ok_or_else(|| Trouble::rejected(format_args!("{} is not set", self.name)))?;
        let mut material = Material::from([(WRONG.to_owned(), wrong)]);
        if let Some(manager) = &self.manager {
            let found = Self::ask(manager, "sign", &[("current", Some(&old))])?;
            let signed = found["signed"].as_str().unwrap_or_default().to_owned();
            material.insert(SIGNED.to_owned(), SecretValue::new(signed));
        }
        let deploys = self.deploys(current, &old, &new);
        let last = if self.settings.fallbacks.is_some() { DROP } else { REPLACE };
        let pending = deploys.get(last).cloned().unwrap_or_default();
        Ok(Created { pending, deploys, material })
    }

    fn secrets(&self) -> Vec<SecretName> {
        std::iter::once(self.name.clone()).chain(self.settings.fallbacks.clone()).collect()
    }

    fn run(&mut self, step: &Step, _: &RotationRecord) -> Result<String, Trouble> {
        Err(self.no_such(step))
    }

    fn probe(&mut self, step: &Step, _: &RotationRecord) -> Result<Probed, Trouble> {
        Err(self.no_such(step))
    }

    fn prove(&mut self, step: &Step, record: &RotationRecord) -> Result<String, Trouble> {
        let expected = Expected::after(step.name).ok_or_else(|| self.no_such(step))?;
        let Some(manager) = &self.manager else {
            return Ok("the application is not asked: the schema names no server for it".to_owned());
        };
        let found = self.ask_of(manager, record)?;
        let server = manager.host().name();
        match expected.objection(&found) {
            Some(objection) => {
                Err(Trouble::rejected(format_args!("the application on {server} {objection}")))
            }
            None => Ok(format!("the application on {server} {}", expected.seen())),
        }
    }

    fn standing(&mut self, record: &RotationRecord) -> Result<Asked, Trouble> {
        let Some(manager) = &self.manager else {
            // As of any value that only its programs have: whatever they were given counts.
            return Ok(Asked { current: Answer::None, pending: Answer::None });
        };
        let found = self.ask_of(manager, record)?;
        let answer = |name: &str| match found["loads"][name].as_bool() {
            Some(true) => Answer::Accepted,
            Some(false) => Answer::Refused,
            None => Answer::None,
        };
        Ok(Asked { current: answer("current"), pending: answer("pending") })
    }

    fn quiet(&mut self, step: &Step, _: &RotationRecord) -> Result<Quiet, Trouble> {
        match step.action {
            Action::Wait(_) => {
                Ok(Quiet::Yes("everything that it has signed is too old to be accepted".to_owned()))
            }
            _ => Err(self.no_such(step)),
        }
    }

    fn question(&mut self, step: &Step, _: &RotationRecord) -> Result<Question, Trouble> {
        if step.action != Action::Ask {
            return Err(self.no_such(step));
        }
        let lines = vec![
            format!("a new {} signs everybody out, and ends links to reset passwords", self.name),
            "the schema says that the application knows no fallbacks (`fallbacks = false`)".to_owned(),
            "answer yes to go on".to_owned(),
        ];
        Ok(Question { lines, url: None, fields: Vec::new() })
    }

    fn answered(
        &mut self,
        step: &Step,
        record: &RotationRecord,
        _: Vec<SecretValue>,
    ) -> Result<Created, Trouble> {
        if step.action != Action::Ask {
            return Err(self.no_such(step));
        }
        let RotationRecord { pending, deploys, material, .. } = record.clone();
        Ok(Created { pending, deploys, material })
    }
}
