//! One visit to a database: at most one SSH connection, and over it as many logins as are needed.

use crate::rotate::Trouble;
use crate::schema::PostgresWay;
use crate::secret::{SecretText, SecretValue};
use crate::ssh::Connection;

use super::client::{Login, Session, log_in_directly, log_in_over};
use super::problem::{PgError, PgProblem};
use super::psql::{self, Socket};
use super::site::{Admin, Place, Site};
use super::sql;

/// The SQLSTATE of somebody without the right to do it.
const RIGHTS: &str = "42501";

/// A visit.
pub(super) struct Visit<'a> {
    site: &'a Site,
    place: &'a Place,
    ssh: Option<Connection>,
}

impl<'a> Visit<'a> {
    /// Connects as far as needed.
    pub(super) async fn begin(site: &'a Site, place: &'a Place) -> Result<Self, PgError> {
        let ssh = match &site.server {
            Some((name, to)) if site.needs_server() => {
                let opened = Connection::open(to).await.map_err(|error| {
                    let problem = PgProblem::NoAnswer(error.problem.to_string());
                    PgError { hint: error.hint(name), ..PgError::new(format!("server {name}"), problem) }
                });
                Some(opened?)
            }
            _ => None,
        };
        Ok(Self { site, place, ssh })
    }

    /// Says goodbye.
    pub(super) async fn end(self) {
        if let Some(ssh) = self.ssh {
            ssh.close().await;
        }
    }

    /// Logs in as a user of the database.
    pub(super) async fn log_in(&self, user: &str, password: &SecretValue) -> Result<Session, PgError> {
        let database = self.place.database.clone();
        let limits = self.site.limits;
        let login = Login { user: user.to_owned(), password: password.clone(), database, limits };
        let port = self.place.port;
        if self.site.way == PostgresWay::Direct {
            let Some(host) = &self.place.host else {
                return Err(cannot(user, "the store does not say where the database server is"));
            };
            return log_in_directly(host, port, &self.site.tls, &login).await;
        }
        let Some(ssh) = &self.ssh else { return Err(cannot(user, "the schema names no server")) };
        let tunnel = ssh.tunnel("127.0.0.1", port).await.map_err(|error| {
            PgError::new(
                format!("{user} at {}", self.server()),
                PgProblem::NoAnswer(error.problem.to_string()),
            )
        })?;
        log_in_over(tunnel, self.server(), &login).await
    }

    /// Asks as the administrator.
    pub(super) async fn ask(&self, query: &str) -> Result<String, PgError> {
        match &self.site.admin {
            Admin::Peer { account, socket } => {
                let ssh = self.ssh.as_ref().ok_or_else(|| cannot(account, "the schema names no server"))?;
                psql::ask(ssh, self.server(), &self.socket(account, socket.as_deref()), query).await
            }
            Admin::Role { user, password } => self.log_in(user, password).await?.ask(query).await,
        }
    }

    /// Changes something as the administrator, in one transaction.
    pub(super) async fn change(&self, statements: &SecretText) -> Result<(), PgError> {
        let transaction = sql::transaction(statements);
        match &self.site.admin {
            Admin::Peer { account, socket } => {
                let ssh = self.ssh.as_ref().ok_or_else(|| cannot(account, "the schema names no server"))?;
                psql::change(ssh, self.server(), &self.socket(account, socket.as_deref()), &transaction).await
            }
            Admin::Role { user, password } => self.log_in(user, password).await?.change(&transaction).await,
        }
    }

    /// Changes roles as the administrator and takes it back at once: shows that they may be changed, without doing it.
    pub(super) async fn rehearse(&self, roles: &[&str]) -> Result<(), PgError> {
        let changes: Vec<String> =
            roles.iter().map(|role| format!("ALTER ROLE {} LOGIN", sql::name(role))).collect();
        let done = self.ask(&format!("BEGIN; {}; ROLLBACK; SELECT 'done'", changes.join("; "))).await;
        done.map(drop).map_err(|error| match (&self.site.admin, &error.problem) {
            (Admin::Role { user, .. }, PgProblem::Denied(code)) if code == RIGHTS => {
                let roles = roles.join(", ");
                let hint = format!(
                    "since PostgreSQL 16 it needs more than CREATEROLE: GRANT {roles} TO {user} WITH ADMIN OPTION"
                );
                PgError { hint: Some(hint), ..error }
            }
            _ => error,
        })
    }

    fn socket<'s>(&'s self, account: &'s str, folder: Option<&'s str>) -> Socket<'s> {
        let (database, limit) = (&self.place.database, self.site.limits.psql);
        Socket { account, folder, port: self.place.port, database, limit }
    }

    fn server(&self) -> &str {
        self.site.server.as_ref().map_or("", |(name, _)| name.as_str())
    }
}

fn cannot(who: &str, reason: &str) -> PgError {
    PgError::new(who, PgProblem::NoAnswer(reason.to_owned()))
}

/// Does something during a visit and says goodbye.
pub(super) fn visit<T>(
    site: &Site,
    place: &Place,
    work: impl AsyncFnOnce(&Visit<'_>) -> Result<T, Trouble>,
) -> Result<T, Trouble> {
    let visited = crate::sys::block_on(async {
        let visit = Visit::begin(site, place).await?;
        let done = work(&visit).await;
        visit.end().await;
        done
    });
    visited.map_err(|error| Trouble::unavailable(format_args!("no connections can be made: {error}")))?
}
