//! `postgres-single`: one role, whose password is replaced. It has only one at a time: from the change until the consumers
//! run on the new one, their new logins are refused, while sessions that are open go on.

use crate::name::SecretName;
use crate::rotate::{Action, Asked, Created, Credential, Probed, Step, Trouble};
use crate::schema;
use crate::secret::SecretValue;
use crate::store::{Material, RotationRecord, State, Values};
use crate::sys::Random;

use super::facts::Facts;
use super::problem::{PgError, PgProblem};
use super::proof::{is_let_in, look, refuse_wrong, standing};
use super::site::Site;
use super::sql;
use super::visit::{Visit, visit};

/// The deploy of the new password, and that of the old one.
const NEW: usize = 0;
const OLD: usize = 1;

/// The material's names of the verifiers of the new password and of the old one.
const VERIFIER: &str = "verifier";
const OLD_VERIFIER: &str = "old-verifier";

/// One login role.
pub struct Single {
    site: Site,
}

impl Single {
    /// The login at this site.
    pub fn new(site: Site) -> Self {
        Self { site }
    }

    fn set(&self, record: &RotationRecord, material: &str) -> Result<String, Trouble> {
        let (user, _) = self.site.before(record)?;
        let verifier = record.material(material).filter(|verifier| sql::is_stored_form(verifier));
        let verifier = verifier.ok_or_else(|| Trouble::rejected("the journal holds no verifier"))?;
        let place = self.site.place(&record.current)?;
        visit(&self.site, &place, async |visit| {
            visit.change(&sql::set_password(&user, verifier)).await?;
            Ok(format!("{user} has another password"))
        })
    }

    /// Whether the role has come from one password to another.
    fn moved(
        &self,
        record: &RotationRecord,
        from: &SecretValue,
        to: &SecretValue,
    ) -> Result<Probed, Trouble> {
        let (user, _) = self.site.before(record)?;
        let place = self.site.place(&record.current)?;
        visit(&self.site, &place, async |visit| {
            if is_let_in(visit, &user, to).await? {
                return Ok(Probed::Applied(format!("{user} logs in with it")));
            }
            if is_let_in(visit, &user, from).await? {
                return Ok(Probed::NotApplied);
            }
            Ok(Probed::Changed(format!("{user} is let in with neither the old password nor the new one")))
        })
    }

    /// That the role is let in with one password and acts as itself, and with the other one and a wrong one it is not.
    fn prove_one(
        &self,
        record: &RotationRecord,
        good: &SecretValue,
        ended: &SecretValue,
    ) -> Result<String, Trouble> {
        let (user, _) = self.site.before(record)?;
        let place = self.site.place(&record.current)?;
        visit(&self.site, &place, async |visit| {
            let seen = match look(visit, &user, good).await {
                Err(error) if error.is_refusal() => return Err(Trouble::rejected(error)),
                found => found?,
            };
            refuse_wrong(visit, &seen.session).await?;
            if is_let_in(visit, &user, ended).await? {
                return Err(Trouble::rejected(format_args!(
                    "{user} is still let in with the password from before"
                )));
            }
            Ok(format!("{user} logs in; with the password from before, or a wrong one, it is refused"))
        })
    }
}

/// The verifier that the server has now, if the administrator may see it; else one of the same password.
async fn old_verifier(visit: &Visit<'_>, user: &str, password: &SecretValue) -> Result<SecretValue, Trouble> {
    let query =
        format!("SELECT coalesce(rolpassword, '') FROM pg_authid WHERE rolname = {}", sql::literal(user));
    match visit.ask(&query).await.map(SecretValue::new) {
        Ok(found) if sql::is_stored_form(&found) => Ok(found),
        Ok(_) | Err(PgError { problem: PgProblem::Denied(_), .. }) => Ok(sql::verifier(password)),
        Err(error) => Err(error.into()),
    }
}

fn step(name: &'static str, shown: String, action: Action, then: State) -> Step {
    Step { name, shown, action, then, is_final: false }
}

impl Credential for Single {
    fn steps(&self) -> Vec<Step> {
        let name = &self.site.name;
        vec![
            step(
                "swap",
                format!("give the role the new {name}: the old one ends"),
                Action::Effect,
                State::Swap,
            ),
            step(
                "log-in",
                "log in with it, with the old one, and with a wrong one".to_owned(),
                Action::Prove,
                State::Swap,
            ),
            step(
                "deploy",
                format!("bring the new {name} to all that use it"),
                Action::Deploy(NEW),
                State::Rolled,
            ),
        ]
    }

    fn undo_steps(&self, begun: usize) -> Vec<Step> {
        let name = &self.site.name;
        let mut steps = vec![
            step("put-back", format!("give the role the old {name} again"), Action::Effect, State::Undoing),
            step("old-log-in", "log in with it".to_owned(), Action::Prove, State::Undoing),
            step(
                "deploy-old",
                format!("bring the old {name} back to all that use it"),
                Action::Deploy(OLD),
                State::Undoing,
            ),
        ];
        steps.truncate(match begun {
            0 => 0,
            1 | 2 => 2,
            _ => 3,
        });
        steps
    }

    fn preflight(&mut self, current: &Values) -> Result<Vec<String>, Trouble> {
        let (user, password) = self.site.login(current)?;
        let place = self.site.place(current)?;
        visit(&self.site, &place, async |visit| {
            let facts = Facts::of(visit, &[&user]).await?;
            if facts.standby {
                return Err(Trouble::rejected("the server only reads: it is a standby"));
            }
            if facts.role(&user).is_none() {
                return Err(Trouble::rejected(format_args!("there is no role {user}")));
            }
            visit.rehearse(&[&user]).await?;
            if look(visit, &user, &password).await?.started != facts.started {
                return Err(Trouble::rejected(
                    "logins and the administrator do not reach the same database server",
                )
                .hint("compare `on`, `host` and `port` of the schema"));
            }
            refuse_wrong(visit, &user).await?;
            Ok(vec![
                format!("{user} logs in, a wrong password is refused, and the role may be changed"),
                format!(
                    "from the change until all that use {user} run on the new password, their new logins fail"
                ),
            ])
        })
    }

    fn create(&mut self, current: &Values, _: &str, random: &mut dyn Random) -> Result<Created, Trouble> {
        let (user, old) = self.site.login(current)?;
        let place = self.site.place(current)?;
        let new = schema::generate(&self.site.name, &self.site.entry, random).map_err(Trouble::rejected)?;
        let old_verifier = visit(&self.site, &place, async |visit| old_verifier(visit, &user, &old).await)?;
        let material = Material::from([
            (VERIFIER.to_owned(), sql::verifier(&new)),
            (OLD_VERIFIER.to_owned(), old_verifier),
        ]);
        let values = |value| Values::from([(self.site.name.clone(), Some(value))]);
        Ok(Created { pending: values(new.clone()), deploys: vec![values(new), values(old)], material })
    }

    fn secrets(&self) -> Vec<SecretName> {
        self.site.secrets()
    }

    fn run(&mut self, step: &Step, record: &RotationRecord) -> Result<String, Trouble> {
        match step.name {
            "swap" => self.set(record, VERIFIER),
            "put-back" => self.set(record, OLD_VERIFIER),
            _ => Err(self.no_such(step)),
        }
    }

    fn probe(&mut self, step: &Step, record: &RotationRecord) -> Result<Probed, Trouble> {
        let (old, new) = (self.site.before(record)?.1, self.site.after(record)?.1);
        match step.name {
            "swap" => self.moved(record, &old, &new),
            "put-back" => self.moved(record, &new, &old),
            _ => Err(self.no_such(step)),
        }
    }

    fn prove(&mut self, step: &Step, record: &RotationRecord) -> Result<String, Trouble> {
        let (old, new) = (self.site.before(record)?.1, self.site.after(record)?.1);
        match step.name {
            "log-in" => self.prove_one(record, &new, &old),
            "old-log-in" => self.prove_one(record, &old, &new),
            _ => Err(self.no_such(step)),
        }
    }

    fn standing(&mut self, record: &RotationRecord) -> Result<Asked, Trouble> {
        standing(&self.site, record)
    }
}
