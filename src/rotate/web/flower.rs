//! `flower`: the password of Flower's one user. Flower takes several `user:password` with commas between them, and two
//! of the same user: both passwords are accepted in between.

use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use crate::http::Method;
use crate::name::SecretName;
use crate::rotate::credential::{Answer, Asked, Created, Credential, Probed, Quiet};
use crate::rotate::kinds::World;
use crate::rotate::step::{Action, Step};
use crate::rotate::trouble::{Trouble, TroubleKind};
use crate::schema::{self, Entry, Flower, Rotation};
use crate::secret::{SecretText, SecretValue};
use crate::store::{Material, RotationRecord, State, Values};
use crate::sys::{self, Random, describe};

use super::host::Host;
use super::page::{Page, Visit};

/// The deploys, in the order of [`Created::deploys`].
const BOTH: usize = 0;
const NEW: usize = 1;
const OLD: usize = 2;

/// Flower starts only once a worker has answered it.
const PATIENCE: Duration = Duration::from_mins(1);

/// How long a Flower from before a restart may still be the one that answers.
const SETTLING: Duration = Duration::from_secs(10);

/// The time between two looks.
const PAUSE: Duration = Duration::from_secs(1);

/// A password that nobody has.
const WRONG: &str = "wrong";

/// The password of Flower's user.
pub(in crate::rotate) struct FlowerPassword {
    name: SecretName,
    entry: Entry,
    previous: SecretName,
    username: Option<SecretValue>,
    grace: Duration,
    page: Page,
}

/// A password, what it is called, and what Flower must say to it.
type Wanted<'v> = (&'static str, &'v SecretValue, Answer);

impl FlowerPassword {
    /// The password with this name.
    pub(in crate::rotate) fn new(
        name: &SecretName,
        entry: &Entry,
        rotation: &Rotation,
        settings: &Flower,
        world: &World<'_>,
    ) -> Result<Self, Trouble> {
        let host = rotation.on.as_ref().map(|server| Host::new(server, world)).transpose()?;
        let page = Page::new("url", &settings.workers, host, world)?;
        let username = world.document.get(&settings.username);
        let (name, entry, previous) = (name.clone(), entry.clone(), settings.previous.clone());
        Ok(Self { name, entry, previous, username, grace: rotation.grace.unwrap_or_default(), page })
    }

    fn username(&self) -> Result<&SecretValue, Trouble> {
        self.username.as_ref().ok_or_else(|| {
            Trouble::rejected(format_args!("the user of {} is not set", self.name))
                .hint("`luca-secrets check` shows what is missing")
        })
    }

    fn value<'v>(&self, values: &'v Values) -> Result<&'v SecretValue, Trouble> {
        values.get(&self.name).and_then(Option::as_ref).ok_or_else(|| {
            Trouble::rejected(format_args!("{} is not set, so there is nothing to replace", self.name))
                .hint(format_args!("`luca-secrets generate {}` makes its first value", self.name))
        })
    }

    /// Refuses what Flower would read as something else.
    fn refuse_unusable(&self, what: &str, value: &SecretValue) -> Result<(), Trouble> {
        let text = value.expose();
        let problem = if text.contains(',') {
            "holds a comma, at which Flower splits"
        } else if !text.is_ascii() {
            "holds a character beyond ASCII, which Flower refuses"
        } else {
            return Ok(());
        };
        Err(Trouble::rejected(format_args!("{what} {} {problem}", self.name)))
    }

    /// Asks until everything is as it must be.
    fn see(
        &self,
        username: &SecretValue,
        wanted: &[Wanted<'_>],
        patience: Duration,
    ) -> Result<String, Trouble> {
        let seen = sys::block_on(self.see_within(username, wanted, patience));
        seen.map_err(|error| Trouble::unavailable(describe(&error)))?
    }

    async fn see_within(
        &self,
        username: &SecretValue,
        wanted: &[Wanted<'_>],
        patience: Duration,
    ) -> Result<String, Trouble> {
        let begun = Instant::now();
        let visit = self.page.visit().await?;
        let outcome = loop {
            let outcome = self.look(&visit, username, wanted).await;
            let limit = match &outcome {
                Ok(_) => Duration::ZERO,
                Err(trouble) if trouble.kind == TroubleKind::Rejected => patience.min(SETTLING),
                Err(_) => patience,
            };
            if begun.elapsed() >= limit {
                break outcome;
            }
            tokio::time::sleep(PAUSE).await;
        };
        visit.end().await;
        outcome
    }

    async fn look(
        &self,
        visit: &Visit<'_>,
        username: &SecretValue,
        wanted: &[Wanted<'_>],
    ) -> Result<String, Trouble> {
        let host = self.page.host();
        let mut seen = Vec::new();
        for (what, password, expected) in wanted {
            let said = match knock(visit, username, password).await {
                Ok(200) => Answer::Accepted,
                Ok(401) => Answer::Refused,
                Ok(status) => {
                    let message = format!("{host} answers with status {status}, neither 200 nor 401");
                    return Err(Trouble::unavailable(message).hint("is it the page /api/workers of Flower?"));
                }
                Err(reason) => return Err(Trouble::unavailable(format_args!("Flower: {reason}"))),
            };
            let does = if said == Answer::Accepted { "accepts" } else { "refuses" };
            if said != *expected {
                return Err(Trouble::rejected(format_args!("Flower at {host} {does} the {what} password")));
            }
            seen.push(format!("{does} the {what} one"));
        }
        Ok(format!("Flower at {host} {}", seen.join(", ")))
    }

    fn step(name: &'static str, shown: &str, action: Action, then: State) -> Step {
        Step { name, shown: shown.to_owned(), action, then, is_final: false }
    }
}

/// Asks for the page with this password: the status.
async fn knock(visit: &Visit<'_>, username: &SecretValue, password: &SecretValue) -> Result<u16, String> {
    let mut pair = SecretText::with_capacity(username.expose().len() + 1 + password.expose().len());
    pair.push_str(username.expose());
    pair.push(':');
    pair.push_str(password.expose());
    let mut header = SecretText::with_capacity(6 + pair.len().div_ceil(3) * 4);
    header.push_str("Basic ");
    header.push_str(&Zeroizing::new(STANDARD.encode(pair.expose())));
    let headers = [("authorization", header.expose())];
    let answer = visit.send(Method::GET, visit.address().clone(), &headers, None).await?;
    Ok(answer.status)
}

impl Credential for FlowerPassword {
    fn steps(&self) -> Vec<Step> {
        let name = &self.name;
        let mut only_new = Self::step(
            "drop",
            &format!("bring {name} without the old password"),
            Action::Deploy(NEW),
            State::Retiring,
        );
        only_new.is_final = true;
        vec![
            Self::step(
                "both",
                &format!("bring the new {name} to Flower, and the old one beside it"),
                Action::Deploy(BOTH),
                State::Granted,
            ),
            Self::step(
                "accepted",
                "see that Flower accepts both, and no other",
                Action::Prove,
                State::Rolled,
            ),
            Self::step(
                "grace",
                "let people take up the new password",
                Action::Wait(self.grace),
                State::Grace,
            ),
            only_new,
            Self::step("dropped", "see that Flower refuses the old password", Action::Prove, State::Done),
        ]
    }

    fn undo_steps(&self, begun: usize) -> Vec<Step> {
        if begun == 0 {
            return Vec::new();
        }
        let shown = format!("bring the old {} back to Flower", self.name);
        let proof = "see that Flower accepts the old password, and no other";
        vec![
            Self::step("restore", &shown, Action::Deploy(OLD), State::Undoing),
            Self::step("restored", proof, Action::Prove, State::Undoing),
        ]
    }

    fn preflight(&mut self, current: &Values) -> Result<Vec<String>, Trouble> {
        let username = self.username()?;
        let password = self.value(current)?;
        self.refuse_unusable("the present", password)?;
        if username.expose().contains([':', ',']) {
            let message = format!("the user of {} holds a `:` or a comma, at which Flower splits", self.name);
            return Err(Trouble::rejected(message));
        }
        let wrong = SecretValue::new(format!("{}x", password.expose()));
        let wanted = [("present", password, Answer::Accepted), ("wrong", &wrong, Answer::Refused)];
        let mut lines = vec![self.see(username, &wanted, Duration::ZERO)?];
        if current.get(&self.previous).is_some_and(Option::is_some) {
            let previous = &self.previous;
            lines.push(format!("{previous} is still set: what it holds is refused from the first step on"));
        }
        Ok(lines)
    }

    fn create(&mut self, current: &Values, _: &str, random: &mut dyn Random) -> Result<Created, Trouble> {
        let mut make = || schema::generate(&self.name, &self.entry, random).map_err(Trouble::rejected);
        let (new, wrong) = (make()?, make()?);
        self.refuse_unusable("the new", &new)?;
        let old = self.value(current)?.clone();
        let values = |password: &SecretValue, previous: Option<SecretValue>| {
            let name = (self.name.clone(), Some(password.clone()));
            Values::from([name, (self.previous.clone(), previous)])
        };
        let deploys = vec![values(&new, Some(old)), values(&new, None), current.clone()];
        let material = Material::from([(WRONG.to_owned(), wrong)]);
        Ok(Created { pending: values(&new, None), deploys, material })
    }

    fn secrets(&self) -> Vec<SecretName> {
        vec![self.name.clone(), self.previous.clone()]
    }

    fn run(&mut self, step: &Step, _: &RotationRecord) -> Result<String, Trouble> {
        Err(self.no_such(step))
    }

    fn probe(&mut self, step: &Step, _: &RotationRecord) -> Result<Probed, Trouble> {
        Err(self.no_such(step))
    }

    fn prove(&mut self, step: &Step, record: &RotationRecord) -> Result<String, Trouble> {
        let (new_is, old_is) = match step.name {
            "accepted" => (Answer::Accepted, Answer::Accepted),
            "dropped" => (Answer::Accepted, Answer::Refused),
            "restored" => (Answer::Refused, Answer::Accepted),
            _ => return Err(self.no_such(step)),
        };
        let username = self.username()?;
        let old = self.value(&record.current)?;
        let new = self.value(&record.pending)?;
        let wrong = record.material(WRONG).ok_or_else(|| self.no_such(step))?;
        let wanted = [("new", new, new_is), ("wrong", wrong, Answer::Refused), ("old", old, old_is)];
        self.see(username, &wanted, PATIENCE)
    }

    fn standing(&mut self, record: &RotationRecord) -> Result<Asked, Trouble> {
        let username = self.username()?;
        let asked = sys::block_on(async {
            let visit = self.page.visit().await?;
            let mut answers = Vec::new();
            for values in [&record.current, &record.pending] {
                answers.push(match values.get(&self.name).and_then(Option::as_ref) {
                    None => Answer::None,
                    Some(password) => match knock(&visit, username, password).await {
                        Ok(200) => Answer::Accepted,
                        Ok(401) => Answer::Refused,
                        _ => Answer::Unknown,
                    },
                });
            }
            visit.end().await;
            Ok::<_, Trouble>(Asked { current: answers[0], pending: answers[1] })
        });
        asked.map_err(|error| Trouble::unavailable(describe(&error)))?
    }

    fn quiet(&mut self, step: &Step, _: &RotationRecord) -> Result<Quiet, Trouble> {
        match step.action {
            Action::Wait(_) => {
                Ok(Quiet::Yes("nothing but people's browsers has the old password".to_owned()))
            }
            _ => Err(self.no_such(step)),
        }
    }
}
