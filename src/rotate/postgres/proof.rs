//! What a login shows of itself.

use serde::Deserialize;

use crate::rotate::{Answer, Asked, Trouble};
use crate::secret::SecretValue;
use crate::store::RotationRecord;

use super::client::Session;
use super::problem::{PgError, PgProblem};
use super::site::Site;
use super::visit::{Visit, visit};

/// What somebody sees who has logged in.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Seen {
    /// Who has logged in.
    pub(super) session: String,
    /// Whom it acts as.
    pub(super) current: String,
    /// As in the facts.
    pub(super) started: String,
    /// How many tables and views there are.
    pub(super) tables: i64,
    /// A digest of what it may do with which of them.
    rights: String,
    /// The SQLSTATE that it got for making a table of its own, and taking it away.
    #[serde(skip)]
    own_table: Option<String>,
}

impl Seen {
    /// Whether another login may do the same.
    pub(super) fn may_do_as(&self, other: &Self) -> bool {
        (&self.current, &self.rights, &self.own_table) == (&other.current, &other.rights, &other.own_table)
    }
}

/// Up to so many tables are looked at.
const QUERY: &str = "SELECT json_build_object('session', session_user, 'current', current_user, \
    'started', (extract(epoch FROM pg_postmaster_start_time()) * 1000000)::bigint::text, \
    'tables', count(*), 'rights', md5(coalesce(string_agg(concat(t.oid, ':', t.rights), ',' ORDER BY t.oid), ''))) \
    FROM (SELECT c.oid, concat_ws(' ', has_table_privilege(c.oid, 'SELECT'), has_table_privilege(c.oid, 'INSERT'), \
      has_table_privilege(c.oid, 'UPDATE'), has_table_privilege(c.oid, 'DELETE')) AS rights \
      FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
      WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_' \
      ORDER BY c.oid LIMIT 2000) t";

/// Leaves no trace: the table ends with the session even if it is not dropped.
const OWN_TABLE: &str = "CREATE TEMPORARY TABLE luca_secrets_probe (n integer); \
    INSERT INTO luca_secrets_probe VALUES (1); DROP TABLE luca_secrets_probe";

/// Logs in and looks around.
pub(super) async fn look(visit: &Visit<'_>, user: &str, password: &SecretValue) -> Result<Seen, PgError> {
    let session = visit.log_in(user, password).await?;
    let mut seen = seen(&session).await?;
    seen.own_table = match session.try_out(OWN_TABLE).await {
        Ok(()) => None,
        Err(PgError { problem: PgProblem::Denied(code), .. }) => Some(code),
        Err(error) => return Err(error),
    };
    Ok(seen)
}

async fn seen(session: &Session) -> Result<Seen, PgError> {
    let answer = session.ask(QUERY).await?;
    serde_json::from_str(&answer)
        .map_err(|_| PgError::new("the database", PgProblem::NoAnswer("not what was asked for".to_owned())))
}

/// Whether a login is accepted: `Ok` with the answer if there was one that counts.
pub(super) async fn is_let_in(
    visit: &Visit<'_>,
    user: &str,
    password: &SecretValue,
) -> Result<bool, PgError> {
    match visit.log_in(user, password).await {
        Ok(_) => Ok(true),
        Err(PgError { problem: PgProblem::Refused(_), .. }) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Which of the two logins of a rotation the server accepts.
pub(super) fn standing(site: &Site, record: &RotationRecord) -> Result<Asked, Trouble> {
    let place = site.place(&record.current)?;
    let (before, after) = (site.before(record)?, site.after(record)?);
    let asked = visit(site, &place, async |visit| {
        let current = answer(visit, &before.0, &before.1).await;
        Ok(Asked { current, pending: answer(visit, &after.0, &after.1).await })
    });
    Ok(asked.unwrap_or(Asked { current: Answer::Unknown, pending: Answer::Unknown }))
}

/// The same as an answer.
async fn answer(visit: &Visit<'_>, user: &str, password: &SecretValue) -> Answer {
    match is_let_in(visit, user, password).await {
        Ok(true) => Answer::Accepted,
        Ok(false) => Answer::Refused,
        Err(_) => Answer::Unknown,
    }
}

/// Makes sure that a wrong password is refused, where the right one was let in: else any would do, and a login would prove
/// nothing.
pub(super) async fn refuse_wrong(visit: &Visit<'_>, user: &str) -> Result<(), Trouble> {
    // Nobody's password: what a policy generates has no blanks.
    let wrong = SecretValue::new("luca-secrets tries a wrong password".to_owned());
    if !is_let_in(visit, user, &wrong).await? {
        return Ok(());
    }
    Err(Trouble::rejected(format_args!("the server lets {user} in with a wrong password"))
        .hint("a `trust` line of its pg_hba.conf matches: make it scram-sha-256, and reload"))
}
