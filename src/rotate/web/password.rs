//! `django-password`: the password of one user in a Django application's own database. Only one is valid at a time, and
//! whoever is signed in as that user is signed out.

use std::time::Duration;

use serde_json::Value;

use crate::name::SecretName;
use crate::rotate::credential::{Answer, Asked, Created, Credential, Probed};
use crate::rotate::kinds::World;
use crate::rotate::step::{Action, Step};
use crate::rotate::trouble::Trouble;
use crate::schema::{self, DjangoPassword, Entry, Rotation};
use crate::secret::SecretValue;
use crate::store::{Material, RotationRecord, State, Values};
use crate::sys::{self, Random, describe};

use super::host::Host;
use super::login::log_in;
use super::manage::Manager;
use super::page::Page;

/// What the application runs, to find the user and to change the password.
const PROGRAM: &str = include_str!("password.py");

/// The deploys, in the order of [`Created::deploys`].
const NEW: usize = 0;
const OLD: usize = 1;

/// The user's name, as it was when the rotation began.
const USER: &str = "user";
/// A password that nobody has.
const WRONG: &str = "wrong";

/// The password of one user.
pub(in crate::rotate) struct UserPassword {
    name: SecretName,
    entry: Entry,
    user: Option<SecretValue>,
    manager: Manager,
    login: Option<Page>,
}

impl UserPassword {
    /// The password with this name.
    pub(in crate::rotate) fn new(
        name: &SecretName,
        entry: &Entry,
        rotation: &Rotation,
        settings: &DjangoPassword,
        world: &World<'_>,
    ) -> Result<Self, Trouble> {
        let server = rotation.on.as_ref();
        let server = server.ok_or_else(|| Trouble::held(format_args!("{name}: its `rotate` has no `on`")))?;
        let login = match &settings.login {
            Some(site) => Some(Page::new("login", site, Some(Host::new(server, world)?), world)?),
            None => None,
        };
        let manager = Manager::new(Host::new(server, world)?, settings.manage.clone());
        let user = settings.user.render(&|name| world.document.get(name)).ok();
        Ok(Self { name: name.clone(), entry: entry.clone(), user, manager, login })
    }

    fn user(&self) -> Result<&SecretValue, Trouble> {
        self.user.as_ref().ok_or_else(|| {
            Trouble::rejected(format_args!(
                "the user of {} cannot be told: `user` needs what is not set",
                self.name
            ))
            .hint("`luca-secrets check` shows what is missing")
        })
    }

    fn step(name: &'static str, shown: String, action: Action, then: State) -> Step {
        Step { name, shown, action, then, is_final: false }
    }

    /// Both passwords, as they stand in the journal.
    fn both<'r>(&self, record: &'r RotationRecord) -> Result<[&'r SecretValue; 2], Trouble> {
        let both = record.current(&self.name).zip(record.pending(&self.name));
        both.map(<[_; 2]>::from).ok_or_else(|| {
            Trouble::held(format_args!("the journal does not have both values of {}", self.name))
        })
    }

    fn material<'r>(&self, record: &'r RotationRecord, name: &str) -> Result<&'r SecretValue, Trouble> {
        let message =
            || Trouble::held(format_args!("the journal lacks what the rotation of {} needs", self.name));
        record.material(name).ok_or_else(message)
    }

    /// From which password to which a step leads.
    fn change<'r>(&self, step: &Step, record: &'r RotationRecord) -> Result<[&'r SecretValue; 2], Trouble> {
        let [old, new] = self.both(record)?;
        match step.name {
            "set" => Ok([old, new]),
            "set-old" => Ok([new, old]),
            _ => Err(self.no_such(step)),
        }
    }

    /// Which of the two the application's own record of the user fits.
    fn look(&self, record: &RotationRecord) -> Result<Value, Trouble> {
        let [current, pending] = self.both(record)?;
        // Of a value that is taken over, the journal has nothing but the value.
        let user = record.material(USER).map_or_else(|| self.user(), Ok)?;
        let question = vec![(USER, user), ("current", current), ("pending", pending)];
        self.found(self.manager.look(PROGRAM, "look", &question)?)
    }

    fn found(&self, answer: Value) -> Result<Value, Trouble> {
        if answer["found"] == true {
            return Ok(answer);
        }
        let server = self.manager.host().name();
        let message = format!("the application on {server} has no such user, or several, for {}", self.name);
        Err(Trouble::rejected(message).hint("`user` in its `rotate` is the name or the e-mail address"))
    }

    /// Lets the user in by the application's own backends, in a process of its own.
    fn enter(&self, user: &SecretValue, right: &SecretValue, wrong: &SecretValue) -> Result<String, Trouble> {
        let question = vec![(USER, user), ("right", right), (WRONG, wrong)];
        let answer = self.found(self.manager.look(PROGRAM, "enter", &question)?)?;
        let server = self.manager.host().name();
        if answer["right"] != true {
            return Err(Trouble::rejected(format_args!("authenticate on {server} refuses the password")));
        }
        if answer["wrong"] != false {
            return Err(Trouble::rejected(format_args!("authenticate on {server} accepts a wrong password")));
        }
        Ok(format!("authenticate on {server} accepts it and refuses a wrong one"))
    }

    /// Lets the user in by the form of the login. The wrong password is tried only where the right one is accepted: an
    /// application may count failures.
    fn enter_by_form(
        page: &Page,
        user: &SecretValue,
        right: &SecretValue,
        wrong: Option<&SecretValue>,
    ) -> Result<String, Trouble> {
        let host = page.host();
        let entered = sys::block_on(async {
            let visit = page.visit().await?;
            let mut answers = vec![log_in(&visit, user, right).await?];
            if let Some(wrong) = wrong.filter(|_| answers[0] == Answer::Accepted) {
                answers.push(log_in(&visit, user, wrong).await?);
            }
            visit.end().await;
            Ok::<_, Trouble>(answers)
        });
        let refused = |what: &str| Err(Trouble::rejected(format_args!("the login at {host} {what}")));
        match entered.map_err(|error| Trouble::unavailable(describe(&error)))??[..] {
            [Answer::Accepted] => Ok(format!("the login at {host} accepts it")),
            [Answer::Accepted, Answer::Refused] => {
                Ok(format!("the login at {host} accepts it and refuses a wrong one"))
            }
            [Answer::Accepted, _] => refused("accepts a wrong password"),
            _ => refused("refuses the password"),
        }
    }

    /// What the application objects to in a new password.
    fn refusal(&self, codes: &Value) -> Option<Trouble> {
        let codes = codes.as_array().filter(|codes| !codes.is_empty())?;
        let codes: Vec<&str> = codes.iter().filter_map(Value::as_str).collect();
        let message =
            format!("the application's validators refuse the new {}: {}", self.name, codes.join(", "));
        Some(Trouble::rejected(message).hint("`generate` in the schema says how new ones are made"))
    }
}

impl Credential for UserPassword {
    fn longest(&self) -> Duration {
        self.manager.host().longest()
    }

    fn steps(&self) -> Vec<Step> {
        let name = &self.name;
        vec![
            Self::step(
                "set",
                format!("set the new {name} in the application, which signs this user out everywhere"),
                Action::Effect,
                State::Swap,
            ),
            Self::step(
                "entered",
                format!("log in with the new {name}, and be refused with a wrong one"),
                Action::Prove,
                State::Swap,
            ),
            Self::step(
                "deploy",
                format!("keep the new {name}, and bring it to all that use it"),
                Action::Deploy(NEW),
                State::Rolled,
            ),
        ]
    }

    fn undo_steps(&self, begun: usize) -> Vec<Step> {
        let name = &self.name;
        let mut steps = vec![
            Self::step(
                "set-old",
                format!("set the old {name} again, which signs this user out everywhere"),
                Action::Effect,
                State::Undoing,
            ),
            Self::step(
                "entered-old",
                format!("log in with the old {name}, and be refused with a wrong one"),
                Action::Prove,
                State::Undoing,
            ),
        ];
        if begun > 2 {
            steps.push(Self::step(
                "deploy-old",
                format!("bring the old {name} back to all that use it"),
                Action::Deploy(OLD),
                State::Undoing,
            ));
        }
        if begun == 0 { Vec::new() } else { steps }
    }

    fn preflight(&mut self, current: &Values) -> Result<Vec<String>, Trouble> {
        let password = current.get(&self.name).and_then(Option::as_ref);
        let password = password.ok_or_else(|| {
            Trouble::rejected(format_args!("{} is not set, so there is nothing to replace", self.name))
                .hint(format_args!("`luca-secrets set {}` takes the one that is in use", self.name))
        })?;
        let wrong = SecretValue::new(format!("{}x", password.expose()));
        let question = vec![(USER, self.user()?), ("current", password), (WRONG, &wrong)];
        let answer = self.found(self.manager.look(PROGRAM, "look", &question)?)?;
        let server = self.manager.host().name();
        if answer["active"] != true {
            return Err(Trouble::rejected(format_args!(
                "the user of {} is not active on {server}",
                self.name
            )));
        }
        if answer["current"] != true || answer[WRONG] != false {
            let message = format!("the application on {server} has another password than {}", self.name);
            return Err(Trouble::rejected(message)
                .hint(format_args!("`luca-secrets rotate --adopt {}` takes it over", self.name)));
        }
        let mut lines = vec![format!("the application on {server} has the present {}", self.name)];
        if let Some(page) = &self.login {
            // Found out now, and not when the old password is gone.
            let name = answer["name"].as_str().unwrap_or_default().to_owned();
            lines.push(Self::enter_by_form(page, &SecretValue::new(name), password, None)?);
        }
        lines.push(
            "this user's sessions will end, and there is no moment at which both passwords are valid"
                .to_owned(),
        );
        Ok(lines)
    }

    fn create(&mut self, current: &Values, _: &str, random: &mut dyn Random) -> Result<Created, Trouble> {
        let mut make = || schema::generate(&self.name, &self.entry, random).map_err(Trouble::rejected);
        let (new, wrong) = (make()?, make()?);
        let user = self.user()?.clone();
        let question = vec![(USER, &user), ("to", &new)];
        let answer = self.found(self.manager.look(PROGRAM, "look", &question)?)?;
        if let Some(refusal) = self.refusal(&answer["objections"]) {
            return Err(refusal);
        }
        let pending = Values::from([(self.name.clone(), Some(new))]);
        let material = Material::from([(USER.to_owned(), user), (WRONG.to_owned(), wrong)]);
        Ok(Created { deploys: vec![pending.clone(), current.clone()], pending, material })
    }

    fn secrets(&self) -> Vec<SecretName> {
        vec![self.name.clone()]
    }

    fn run(&mut self, step: &Step, record: &RotationRecord) -> Result<String, Trouble> {
        let [from, to] = self.change(step, record)?;
        let yes = SecretValue::new("yes".to_owned());
        let mut question = vec![(USER, self.material(record, USER)?), ("from", from), ("to", to)];
        if step.name == "set" {
            // The old one was good enough when it was set.
            question.push(("validate", &yes));
        }
        let answer = self.found(self.manager.tell(PROGRAM, "set", &question)?)?;
        let server = self.manager.host().name();
        match answer["done"].as_str() {
            Some("set") => Ok(format!("the application on {server} has set it")),
            Some("already") => Ok(format!("the application on {server} has it already")),
            Some("refused") => Err(self.refusal(&answer["objections"]).unwrap_or_else(|| self.no_such(step))),
            _ => Err(Trouble::held(format_args!(
                "the application on {server} has neither the old nor the new {}: somebody has changed it",
                self.name
            ))),
        }
    }

    fn probe(&mut self, step: &Step, record: &RotationRecord) -> Result<Probed, Trouble> {
        self.change(step, record)?;
        let answer = self.look(record)?;
        let (from, to) = if step.name == "set" { ("current", "pending") } else { ("pending", "current") };
        let server = self.manager.host().name();
        Ok(if answer[to] == true {
            Probed::Applied(format!("the application on {server} has it"))
        } else if answer[from] == true {
            Probed::NotApplied
        } else {
            Probed::Changed(format!("the application on {server} has neither of the two"))
        })
    }

    fn prove(&mut self, step: &Step, record: &RotationRecord) -> Result<String, Trouble> {
        let [old, new] = self.both(record)?;
        let right = match step.name {
            "entered" => new,
            "entered-old" => old,
            _ => return Err(self.no_such(step)),
        };
        let (user, wrong) = (self.material(record, USER)?, self.material(record, WRONG)?);
        let mut seen = Vec::new();
        if let Some(page) = &self.login {
            // The form wants the name, where the schema may have the address.
            let name = self.look(record)?["name"].as_str().unwrap_or_default().to_owned();
            seen.push(Self::enter_by_form(page, &SecretValue::new(name), right, Some(wrong))?);
        }
        seen.push(self.enter(user, right, wrong)?);
        Ok(seen.join("; "))
    }

    fn standing(&mut self, record: &RotationRecord) -> Result<Asked, Trouble> {
        let answer = self.look(record)?;
        let said = |name: &str| if answer[name] == true { Answer::Accepted } else { Answer::Refused };
        Ok(Asked { current: said("current"), pending: said("pending") })
    }
}
