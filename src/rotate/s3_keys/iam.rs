//! A pair that IAM makes. A user has two at most; the old one is first made inactive, which can be taken back, and deleted
//! when nothing has missed it.

use std::time::Duration;

use jiff::SignedDuration;

use crate::name::SecretName;
use crate::secret::SecretValue;
use crate::store::{Material, RotationRecord, State, Values};
use crate::sys::{Clock, Random, SystemClock};

use super::super::credential::{Answer, Asked, Created, Credential, Probed, Quiet};
use super::super::step::{Action, Step};
use super::super::trouble::Trouble;
use super::bucket::{KeyedBucket, Pair};
use super::query::{Answered, Iam};
use super::reply::{self, Listed, Used};

/// How long the old pair stays inactive before it is deleted, at most.
const IDLE: Duration = Duration::from_hours(24);

/// What the material calls the keys that were there before.
const KNOWN: &str = "known";

/// A pair of keys that IAM makes.
pub struct IamKeys {
    access: SecretName,
    secret: SecretName,
    bucket: KeyedBucket,
    iam: Iam,
    grace: Duration,
}

impl IamKeys {
    /// The pair of two secrets.
    pub fn new(
        access: SecretName,
        secret: SecretName,
        bucket: KeyedBucket,
        iam: Iam,
        grace: Duration,
    ) -> Self {
        Self { access, secret, bucket, iam, grace }
    }

    fn pair(&self, values: &Values) -> Result<Pair, Trouble> {
        let value = |name: &SecretName| {
            let found = values.get(name).cloned().flatten();
            found.ok_or_else(|| Trouble::held(format!("{name} is not set")))
        };
        Ok(Pair { access: value(&self.access)?, secret: value(&self.secret)? })
    }

    fn step(name: &'static str, shown: &str, action: Action, then: State) -> Step {
        Step { name, shown: shown.to_owned(), action, then, is_final: false }
    }

    fn list(&self, signer: &Pair) -> Result<Vec<Listed>, Trouble> {
        match self.iam.ask(signer, "ListAccessKeys", &[])? {
            Answered::Done(xml) => reply::listed(&xml).ok_or_else(|| {
                Trouble::unavailable("IAM (ListAccessKeys): the answer is of an unknown form")
            }),
            Answered::Refused(code) => Err(refused("ListAccessKeys", &code)),
        }
    }

    /// Does something with a key; what is so already is done.
    fn change(&self, signer: &Pair, action: &str, fields: &[(&str, &str)]) -> Result<(), Trouble> {
        match self.iam.ask(signer, action, fields)? {
            Answered::Done(_) => Ok(()),
            Answered::Refused(code) if code == "NoSuchEntity" && action == "DeleteAccessKey" => Ok(()),
            Answered::Refused(code) => Err(refused(action, &code)),
        }
    }

    fn set_active(&self, signer: &Pair, id: &SecretValue, is_active: bool) -> Result<(), Trouble> {
        let status = if is_active { "Active" } else { "Inactive" };
        self.change(signer, "UpdateAccessKey", &[("AccessKeyId", id.expose()), ("Status", status)])
    }

    fn delete(&self, signer: &Pair, id: &str) -> Result<(), Trouble> {
        self.change(signer, "DeleteAccessKey", &[("AccessKeyId", id)])
    }

    /// Whether a key is there and active; `None` if it is not there.
    fn state(&self, signer: &Pair, id: &SecretValue) -> Result<Option<bool>, Trouble> {
        Ok(self.list(signer)?.into_iter().find(|key| key.id == id.expose()).map(|key| key.is_active))
    }

    /// A new pair. What an earlier try of this rotation has made, and nobody has the secret half of, is deleted first.
    fn make(&self, record: &RotationRecord) -> Result<Created, Trouble> {
        let current = self.pair(&record.current)?;
        let known: Vec<&str> =
            record.material(KNOWN).map_or("", SecretValue::expose).split_ascii_whitespace().collect();
        if !known.contains(&current.access.expose()) {
            return Err(Trouble::held("the journal does not say which keys were there before"));
        }
        let held = record.pending(&self.access);
        for key in self.list(&current)? {
            let is_held = held.is_some_and(|held| held.expose() == key.id);
            if !known.contains(&key.id.as_str()) && !is_held {
                self.delete(&current, &key.id)?;
            }
        }
        let (id, secret) = match self.iam.ask(&current, "CreateAccessKey", &[])? {
            Answered::Done(xml) => reply::created(&xml).ok_or_else(|| {
                Trouble::in_doubt("IAM (CreateAccessKey): the answer is of an unknown form")
            })?,
            Answered::Refused(code) => return Err(refused("CreateAccessKey", &code)),
        };
        let values = [(&self.access, SecretValue::new(id)), (&self.secret, SecretValue::new(secret))];
        let pending: Values = values.into_iter().map(|(name, value)| (name.clone(), Some(value))).collect();
        let before = pending.keys().map(|name| (name.clone(), record.current.get(name).cloned().flatten()));
        let deploys = vec![pending.clone(), before.collect()];
        Ok(Created { pending, deploys, material: record.material.clone() })
    }

    /// What a step wants of a key: which pair signs, which key it is about, and whether it is active or gone afterwards.
    fn wanted(
        &self,
        step: &Step,
        record: &RotationRecord,
    ) -> Result<(Pair, SecretValue, Option<bool>), Trouble> {
        let (current, pending) = (self.pair(&record.current), self.pair(&record.pending));
        Ok(match step.name {
            "deactivate" => (pending?, current?.access, Some(false)),
            "delete" => (pending?, current?.access, None),
            "reactivate" => (pending?, current?.access, Some(true)),
            _ => {
                let signer = current?;
                // Without a journaled pair there is nothing of ours but what `issue` would have cleared away.
                let id = pending.map_or_else(|_| SecretValue::new(String::new()), |pair| pair.access);
                (signer, id, None)
            }
        })
    }

    fn is_used(&self, record: &RotationRecord) -> Result<Quiet, Trouble> {
        let (current, pending) = (self.pair(&record.current)?, self.pair(&record.pending)?);
        let fields = [("AccessKeyId", current.access.expose())];
        let xml = match self.iam.ask(&pending, "GetAccessKeyLastUsed", &fields)? {
            Answered::Done(xml) => xml,
            Answered::Refused(code) => return Err(refused("GetAccessKeyLastUsed", &code)),
        };
        let used = reply::last_used(&xml).ok_or_else(|| {
            Trouble::unavailable("IAM (GetAccessKeyLastUsed): the answer is of an unknown form")
        })?;
        let Used::At(used) = used else { return Ok(Quiet::Yes("the old pair was never used".to_owned())) };
        // The programs have had the new pair for as long as the grace; what still uses the old one is another.
        let since = SystemClock
            .now()
            .saturating_sub(SignedDuration::try_from(self.grace).unwrap_or(SignedDuration::MAX));
        Ok(match since {
            Ok(since) if used > since => Quiet::NotYet(format!("the old pair was used at {used}")),
            _ => Quiet::Yes(format!("the old pair was used last at {used}")),
        })
    }

    fn asked_of(&self, values: &Values) -> Result<Answer, Trouble> {
        self.pair(values).map_or(Ok(Answer::None), |pair| self.bucket.accepts(&pair))
    }

    /// That one pair is accepted and the other is not.
    fn only(&self, good: &Values, bad: &Values) -> Result<String, Trouble> {
        match (self.asked_of(good)?, self.asked_of(bad)?) {
            (Answer::Accepted, Answer::Refused | Answer::None) => {
                Ok("one pair is accepted, and the other refused".to_owned())
            }
            (Answer::Refused | Answer::None, _) => Err(Trouble::held("the pair that is to stay is refused")),
            (_, Answer::Accepted) => Err(Trouble::unavailable("the pair that was ended is still accepted")),
            _ => Err(Trouble::unavailable("nobody could say which pair is accepted")),
        }
    }
}

fn refused(action: &str, code: &str) -> Trouble {
    let trouble = Trouble::rejected(format!("IAM ({action}): {code}"));
    match code {
        "AccessDenied" => {
            trouble.hint(format!("the user of these keys needs the permission iam:{action} for itself"))
        }
        "LimitExceeded" => trouble.hint("a user has two keys at most: delete the one that nobody needs"),
        _ => trouble,
    }
}

impl Credential for IamKeys {
    fn steps(&self) -> Vec<Step> {
        let idle = self.grace.min(IDLE);
        vec![
            Self::step("create", "have IAM make a new pair", Action::Issue, State::Granted),
            Self::step("test", "prove that it works", Action::Prove, State::Proven),
            Self::step("deploy", "give it to the programs", Action::Deploy(0), State::Rolled),
            Self::step(
                "wait",
                "keep the old pair until nobody uses it",
                Action::Wait(self.grace),
                State::Grace,
            ),
            Self::step("deactivate", "make the old pair inactive", Action::Effect, State::Grace),
            Self::step("idle", "wait whether anybody misses it", Action::Wait(idle), State::Grace),
            Step {
                is_final: true,
                ..Self::step("delete", "delete the old pair", Action::Effect, State::Retiring)
            },
            Self::step("gone", "prove that the old pair is refused", Action::Prove, State::Done),
        ]
    }

    fn undo_steps(&self, begun: usize) -> Vec<Step> {
        let mut steps = Vec::new();
        if begun > 4 {
            steps.push(Self::step(
                "reactivate",
                "make the old pair active again",
                Action::Effect,
                State::Undoing,
            ));
        }
        if begun > 2 {
            let shown = "give the old pair to the programs";
            steps.push(Self::step("deploy-back", shown, Action::Deploy(1), State::Undoing));
        }
        steps.push(Self::step("delete-new", "delete the new pair", Action::Effect, State::Undoing));
        steps.push(Self::step("still", "prove that the old pair works", Action::Prove, State::Undone));
        steps
    }

    fn preflight(&mut self, current: &Values) -> Result<Vec<String>, Trouble> {
        let pair = self.pair(current)?;
        let proof = self.bucket.proof(&pair, false)?;
        let keys = self.list(&pair)?;
        if !keys.iter().any(|key| key.id == pair.access.expose()) {
            return Err(Trouble::held("IAM does not list the current key: is it of another user?"));
        }
        if keys.len() > 1 {
            return Err(Trouble::held("the user has two keys already, and IAM allows no third")
                .hint("delete or take into use the one that the store does not have"));
        }
        Ok(vec![proof, "IAM lists the current key, and room for another".to_owned()])
    }

    fn create(&mut self, current: &Values, _: &str, _: &mut dyn Random) -> Result<Created, Trouble> {
        let known: Vec<String> = self.list(&self.pair(current)?)?.into_iter().map(|key| key.id).collect();
        let material = Material::from([(KNOWN.to_owned(), SecretValue::new(known.join(" ")))]);
        Ok(Created { pending: Values::new(), deploys: Vec::new(), material })
    }

    fn secrets(&self) -> Vec<SecretName> {
        vec![self.access.clone(), self.secret.clone()]
    }

    fn run(&mut self, step: &Step, record: &RotationRecord) -> Result<String, Trouble> {
        let (signer, id, wanted) = self.wanted(step, record)?;
        match wanted {
            Some(is_active) => self.set_active(&signer, &id, is_active)?,
            None if id.is_empty() => {
                // The reply to CreateAccessKey never came here: what it made is not in use anywhere.
                let known = record.material(KNOWN).map_or("", SecretValue::expose);
                for key in self.list(&signer)? {
                    if !known.is_empty() && !known.split_ascii_whitespace().any(|known| known == key.id) {
                        self.delete(&signer, &key.id)?;
                    }
                }
            }
            None => self.delete(&signer, id.expose())?,
        }
        Ok(format!("IAM did it: {}", step.name))
    }

    fn probe(&mut self, step: &Step, record: &RotationRecord) -> Result<Probed, Trouble> {
        let (signer, id, wanted) = self.wanted(step, record)?;
        if id.is_empty() {
            return Ok(Probed::NotApplied);
        }
        let is = self.state(&signer, &id)?;
        Ok(match (is, wanted) {
            (is, wanted) if is == wanted => Probed::Applied("IAM lists the keys so".to_owned()),
            (None, Some(_)) => Probed::Changed("somebody has deleted the old pair".to_owned()),
            _ => Probed::NotApplied,
        })
    }

    fn prove(&mut self, step: &Step, record: &RotationRecord) -> Result<String, Trouble> {
        match step.name {
            // IAM takes a while to make a new key known everywhere.
            "test" => self.bucket.proof(&self.pair(&record.pending)?, true),
            "still" => self.only(&record.current, &record.pending),
            _ => self.only(&record.pending, &record.current),
        }
    }

    fn standing(&mut self, record: &RotationRecord) -> Result<Asked, Trouble> {
        Ok(Asked { current: self.asked_of(&record.current)?, pending: self.asked_of(&record.pending)? })
    }

    fn quiet(&mut self, step: &Step, record: &RotationRecord) -> Result<Quiet, Trouble> {
        match step.name {
            "wait" => self.is_used(record),
            _ => Ok(Quiet::Yes("the time has passed".to_owned())),
        }
    }

    fn issue(&mut self, _: &Step, record: &RotationRecord) -> Result<Created, Trouble> {
        self.make(record)
    }
}
