//! `postgres-alternating`: one role owns everything and cannot log in; two others become it when they log in, and take
//! turns. Both are let in from before the first consumer is given the new one until nobody uses the old one any more.

use std::time::Duration;

use crate::rotate::{Action, Asked, Created, Credential, Probed, Quiet, Step, Trouble};
use crate::schema;
use crate::secret::SecretValue;
use crate::store::{Material, RotationRecord, State, Values};
use crate::sys::Random;

use super::facts::{Facts, sessions};
use super::proof::{Seen, is_let_in, look, refuse_wrong, standing};
use super::roles::{Roles, joined};
use super::site::Site;
use super::sql;
use super::visit::{Visit, visit};

/// How long the old role is let in beside the new one where the schema does not say: for whatever connects rarely.
const GRACE: Duration = Duration::from_hours(1);

/// How often sessions are counted before there are none, and the time between.
const SAMPLES: usize = 4;
const BETWEEN: Duration = Duration::from_millis(300);

/// The deploy of the new role, and that of the old one.
const NEW: usize = 0;
const OLD: usize = 1;

/// The material's name of the new password's verifier.
const VERIFIER: &str = "verifier";

/// Two login roles in turn.
pub struct Alternating {
    site: Site,
}

impl Alternating {
    /// The login at this site.
    pub fn new(site: Site) -> Self {
        Self { site }
    }

    /// The roles before and after, as a plan calls them.
    fn shown(&self) -> (String, String) {
        let known = self.site.live.as_ref().and_then(|live| Roles::of(&self.site, live).ok());
        known.map_or(("the role in use".to_owned(), "the other role".to_owned()), |roles| {
            (roles.live, roles.idle)
        })
    }

    /// The roles of a rotation under way.
    fn roles(&self, record: &RotationRecord) -> Result<Roles, Trouble> {
        Roles::of(&self.site, &self.site.before(record)?.0)
    }

    /// That both roles are still twins, and that the new one can do what the old one can.
    fn prove_new(&self, record: &RotationRecord) -> Result<String, Trouble> {
        let (roles, place) = (self.roles(record)?, self.site.place(&record.current)?);
        let (before, after) = (self.site.before(record)?, self.site.after(record)?);
        visit(&self.site, &place, async |visit| {
            let facts = Facts::of(visit, &roles.all()).await?;
            if let Some(against) = joined(&facts.against_turns(&roles.owner, &roles.live, &roles.idle)) {
                return Err(Trouble::rejected(against));
            }
            let seen = compared(visit, &before, &after).await?;
            if seen.started != facts.started {
                return Err(Trouble::unavailable("the database was restarted just now"));
            }
            if (seen.session.as_str(), seen.current.as_str()) != (&roles.idle, &roles.owner) {
                let message = format!("{} does not become {} at its login", roles.idle, roles.owner);
                return Err(Trouble::rejected(message));
            }
            refuse_wrong(visit, &roles.idle).await?;
            let tables = tables(seen.tables);
            Ok(format!(
                "{} logs in as {}, with the same rights to {tables}; a wrong password is refused",
                roles.idle, roles.owner
            ))
        })
    }

    /// That the one is let in; and the other is not, if there is one to be refused.
    fn prove_only(
        &self,
        record: &RotationRecord,
        good: &(String, SecretValue),
        ended: Option<&(String, SecretValue)>,
    ) -> Result<String, Trouble> {
        let place = self.site.place(&record.current)?;
        visit(&self.site, &place, async |visit| {
            if !is_let_in(visit, &good.0, &good.1).await? {
                return Err(Trouble::held(format_args!("{} is not let in", good.0)));
            }
            let Some((user, password)) = ended else { return Ok(format!("{} logs in", good.0)) };
            if is_let_in(visit, user, password).await? {
                return Err(Trouble::held(format_args!("{user} is still let in")));
            }
            Ok(format!("{user} is refused; {} logs in", good.0))
        })
    }

    /// That nobody is logged in as a role.
    fn nobody_is(&self, record: &RotationRecord, role: &str) -> Result<Quiet, Trouble> {
        let place = self.site.place(&record.current)?;
        visit(&self.site, &place, async |visit| {
            for sample in 0..SAMPLES {
                if sample > 0 {
                    tokio::time::sleep(BETWEEN).await;
                }
                let (count, from) = sessions(visit, role).await?;
                if count > 0 {
                    let noun = if count == 1 { "session" } else { "sessions" };
                    return Ok(Quiet::NotYet(format!("{role} has {count} {noun}, from {from}")));
                }
            }
            Ok(Quiet::Yes(format!("no session of {role}, {SAMPLES} times in a row")))
        })
    }

    /// Lets a role in no more.
    fn keep_out(&self, record: &RotationRecord, role: &str) -> Result<String, Trouble> {
        let place = self.site.place(&record.current)?;
        visit(&self.site, &place, async |visit| {
            visit.change(&sql::keep_out(role)).await?;
            Ok(format!("{role} cannot log in any more"))
        })
    }

    fn is_kept_out(&self, record: &RotationRecord, role: &str) -> Result<Probed, Trouble> {
        let place = self.site.place(&record.current)?;
        visit(&self.site, &place, async |visit| {
            let facts = Facts::of(visit, &[role]).await?;
            Ok(match facts.role(role) {
                None => Probed::Changed(format!("there is no role {role} any more")),
                Some(found) if found.can_log_in => Probed::NotApplied,
                Some(_) => Probed::Applied(format!("{role} cannot log in any more")),
            })
        })
    }
}

/// What a new login sees, that is as good as the old one. What changes meanwhile, as by a migration, is looked at again.
async fn compared(
    visit: &Visit<'_>,
    before: &(String, SecretValue),
    after: &(String, SecretValue),
) -> Result<Seen, Trouble> {
    for _ in 0..2 {
        let new = match look(visit, &after.0, &after.1).await {
            Err(error) if error.is_refusal() => return Err(Trouble::rejected(error)),
            found => found?,
        };
        let old = look(visit, &before.0, &before.1).await?;
        if new.may_do_as(&old) {
            return Ok(new);
        }
    }
    Err(Trouble::rejected(format_args!("{} may not do the same as {}", after.0, before.0)))
}

fn tables(count: i64) -> String {
    if count == 1 { "1 table".to_owned() } else { format!("{count} tables") }
}

/// A step that is not final.
fn step(name: &'static str, shown: String, action: Action, then: State) -> Step {
    Step { name, shown, action, then, is_final: false }
}

impl Credential for Alternating {
    fn steps(&self) -> Vec<Step> {
        let (old, new) = self.shown();
        let grace = self.site.entry.rotate.as_ref().and_then(|rotation| rotation.grace).unwrap_or(GRACE);
        let retire = step("retire", format!("let {old} log in no more"), Action::Effect, State::Retiring);
        vec![
            step("let-in", format!("let {new} log in, with a new password"), Action::Effect, State::Granted),
            step(
                "log-in",
                format!("log in as {new}, and with a wrong password"),
                Action::Prove,
                State::Proven,
            ),
            step("deploy", format!("bring {new} to all that use it"), Action::Deploy(NEW), State::Rolled),
            step(
                "quiet",
                format!("wait until nobody is logged in as {old}"),
                Action::Wait(grace),
                State::Grace,
            ),
            Step { is_final: true, ..retire },
            step("refused", format!("see {old} refused"), Action::Prove, State::Retiring),
        ]
    }

    fn undo_steps(&self, begun: usize) -> Vec<Step> {
        let (old, new) = self.shown();
        let take_back =
            step("take-back", format!("let {new} log in no more"), Action::Effect, State::Undoing);
        match begun {
            0 => Vec::new(),
            1 | 2 => vec![take_back],
            _ => vec![
                step("old-log-in", format!("log in as {old}"), Action::Prove, State::Undoing),
                step(
                    "deploy-old",
                    format!("bring {old} back to all that use it"),
                    Action::Deploy(OLD),
                    State::Undoing,
                ),
                step(
                    "quiet-new",
                    format!("wait until nobody is logged in as {new}"),
                    Action::Wait(Duration::ZERO),
                    State::Undoing,
                ),
                take_back,
            ],
        }
    }

    fn preflight(&mut self, current: &Values) -> Result<Vec<String>, Trouble> {
        let (user, password) = self.site.login(current)?;
        let (roles, place) = (Roles::of(&self.site, &user)?, self.site.place(current)?);
        visit(&self.site, &place, async |visit| {
            let facts = Facts::of(visit, &roles.all()).await?;
            roles.take_turns(&facts, &self.site.name)?;
            // Both: that the old one may not be changed would be seen only when there is no way back.
            visit.rehearse(&[&roles.live, &roles.idle]).await?;
            let seen = look(visit, &roles.live, &password).await?;
            if seen.started != facts.started {
                return Err(Trouble::rejected(
                    "logins and the administrator do not reach the same database server",
                )
                .hint("compare `on`, `host` and `port` of the schema"));
            }
            if seen.current != roles.owner {
                return Err(Trouble::rejected(format_args!(
                    "{} does not become {}",
                    roles.live, roles.owner
                )));
            }
            refuse_wrong(visit, &roles.live).await?;
            let mut lines = vec![
                format!("{} logs in as {}, a wrong password is refused", roles.live, roles.owner),
                format!("{} is its twin, cannot log in yet, and may be changed", roles.idle),
            ];
            let wanted = facts.role(&roles.live).map_or(0, |role| role.sessions);
            if facts.free < wanted {
                let room = facts.free;
                lines
                    .push(format!("{} has {wanted} sessions, and there is room for {room} more", roles.live));
            }
            Ok(lines)
        })
    }

    fn create(&mut self, current: &Values, _: &str, random: &mut dyn Random) -> Result<Created, Trouble> {
        let (user, _) = self.site.login(current)?;
        let roles = Roles::of(&self.site, &user)?;
        let secrets = &self.site.secrets;
        let password =
            schema::generate(&secrets.password, &self.site.entry, random).map_err(Trouble::rejected)?;
        let material = Material::from([(VERIFIER.to_owned(), sql::verifier(&password))]);
        let idle = SecretValue::new(roles.idle);
        let pending =
            Values::from([(secrets.user.clone(), Some(idle)), (secrets.password.clone(), Some(password))]);
        let old = pending.keys().map(|name| (name.clone(), current.get(name).cloned().flatten())).collect();
        Ok(Created { deploys: vec![pending.clone(), old], pending, material })
    }

    fn secrets(&self) -> Vec<crate::name::SecretName> {
        self.site.secrets()
    }

    fn run(&mut self, step: &Step, record: &RotationRecord) -> Result<String, Trouble> {
        let roles = self.roles(record)?;
        match step.name {
            "let-in" => {
                let verifier = record.material(VERIFIER).filter(|verifier| sql::is_verifier(verifier));
                let verifier = verifier.ok_or_else(|| Trouble::rejected("the journal holds no verifier"))?;
                let place = self.site.place(&record.current)?;
                visit(&self.site, &place, async |visit| {
                    visit.change(&sql::let_in(&roles.idle, verifier)).await?;
                    Ok(format!("{} can log in", roles.idle))
                })
            }
            "retire" => self.keep_out(record, &roles.live),
            "take-back" => self.keep_out(record, &roles.idle),
            _ => Err(self.no_such(step)),
        }
    }

    fn probe(&mut self, step: &Step, record: &RotationRecord) -> Result<Probed, Trouble> {
        let roles = self.roles(record)?;
        match step.name {
            "let-in" => {
                let (user, password) = self.site.after(record)?;
                let place = self.site.place(&record.current)?;
                visit(&self.site, &place, async |visit| {
                    let is_in = is_let_in(visit, &user, &password).await?;
                    Ok(if is_in { Probed::Applied(format!("{user} logs in")) } else { Probed::NotApplied })
                })
            }
            "retire" => self.is_kept_out(record, &roles.live),
            "take-back" => self.is_kept_out(record, &roles.idle),
            _ => Err(self.no_such(step)),
        }
    }

    fn prove(&mut self, step: &Step, record: &RotationRecord) -> Result<String, Trouble> {
        match step.name {
            "log-in" => self.prove_new(record),
            "refused" => self.prove_only(record, &self.site.after(record)?, Some(&self.site.before(record)?)),
            "old-log-in" => self.prove_only(record, &self.site.before(record)?, None),
            _ => Err(self.no_such(step)),
        }
    }

    fn standing(&mut self, record: &RotationRecord) -> Result<Asked, Trouble> {
        standing(&self.site, record)
    }

    fn quiet(&mut self, step: &Step, record: &RotationRecord) -> Result<Quiet, Trouble> {
        let roles = self.roles(record)?;
        match step.name {
            "quiet" => self.nobody_is(record, &roles.live),
            "quiet-new" => self.nobody_is(record, &roles.idle),
            _ => Err(self.no_such(step)),
        }
    }
}
