//! A login at a PostgreSQL server, and statements over it.

use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;
use tokio_postgres::config::SslMode;
use tokio_postgres::tls::{NoTls, TlsConnect};
use tokio_postgres::{Client, Config, SimpleQueryMessage};

use crate::http;
use crate::secret::{SecretText, SecretValue};
use crate::sys::describe;

use super::limits::Limits;
use super::problem::{PgError, PgProblem, tamed};
use super::tls::VerifiedTls;

/// Who logs in where, and how patiently.
#[derive(Clone)]
pub(super) struct Login {
    pub(super) user: String,
    pub(super) password: SecretValue,
    pub(super) database: String,
    pub(super) limits: Limits,
}

/// A login that was accepted.
pub(super) struct Session {
    client: Client,
    who: String,
    /// How long a statement may take.
    limit: Duration,
}

/// Logs in over TLS, straight to the server's address.
pub(super) async fn log_in_directly(
    host: &str,
    port: u16,
    tls: &Arc<ClientConfig>,
    login: &Login,
) -> Result<Session, PgError> {
    let who = format!("{} at {host}:{port}", login.user);
    let fail = |reason: String| PgError::new(who.clone(), PgProblem::NoAnswer(reason));
    let name = ServerName::try_from(host.to_owned())
        .map_err(|_| fail("its address is not one that a certificate could be for".to_owned()))?;
    let stream =
        http::open(host, port, login.limits.connect).await.map_err(|error| fail(describe(&error)))?;
    let tls = VerifiedTls { config: Arc::clone(tls), host: name };
    log_in(stream, tls, SslMode::Require, login, who).await
}

/// Logs in over a stream that is private already and leads to the right server.
pub(super) async fn log_in_over<S>(stream: S, server: &str, login: &Login) -> Result<Session, PgError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    log_in(stream, NoTls, SslMode::Disable, login, format!("{} at {server}", login.user)).await
}

async fn log_in<S, T>(
    stream: S,
    tls: T,
    mode: SslMode,
    login: &Login,
    who: String,
) -> Result<Session, PgError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    T: TlsConnect<S>,
    T::Stream: Send + 'static,
{
    let mut config = Config::new();
    config
        .user(&login.user)
        .password(login.password.expose())
        .dbname(&login.database)
        .application_name("luca-secrets")
        .ssl_mode(mode);
    let limit = login.limits.log_in;
    match timeout(limit, config.connect_raw(stream, tls)).await {
        Ok(Ok((client, connection))) => {
            // It ends with the client, or with the runtime of this one visit.
            drop(tokio::spawn(connection));
            Ok(Session { client, who, limit: login.limits.statement })
        }
        Ok(Err(error)) => {
            let problem = match error.as_db_error() {
                Some(answer) => PgProblem::of_login(answer.code().code()),
                None => PgProblem::NoAnswer(reason(&error)),
            };
            Err(PgError::new(who, problem))
        }
        Err(_) => Err(PgError::new(who, PgProblem::NoAnswer(format!("no login within {limit:?}")))),
    }
}

impl Session {
    /// The one value that a query gives.
    pub(super) async fn ask(&self, query: &str) -> Result<String, PgError> {
        let messages = self.send(query, PgProblem::NoAnswer).await?;
        let row = messages.into_iter().find_map(|message| match message {
            SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
            _ => None,
        });
        row.ok_or_else(|| self.error(PgProblem::NoAnswer("the answer is empty".to_owned())))
    }

    /// Statements that change something, as one transaction.
    pub(super) async fn change(&self, transaction: &SecretText) -> Result<(), PgError> {
        self.send(transaction.expose(), PgProblem::Lost).await.map(drop)
    }

    /// Statements that leave no trace.
    pub(super) async fn try_out(&self, statements: &str) -> Result<(), PgError> {
        self.send(statements, PgProblem::NoAnswer).await.map(drop)
    }

    async fn send(
        &self,
        statements: &str,
        unanswered: fn(String) -> PgProblem,
    ) -> Result<Vec<SimpleQueryMessage>, PgError> {
        let problem = match timeout(self.limit, self.client.simple_query(statements)).await {
            Ok(Ok(messages)) => return Ok(messages),
            Ok(Err(error)) => match error.as_db_error() {
                // With anything graver the connection ends too, and what came before may have been done.
                Some(answer)
                    if answer.severity() == "ERROR" || answer.parsed_severity() == Some(SEVERITY) =>
                {
                    PgProblem::of_statement(answer.code().code())
                }
                Some(answer) => {
                    unanswered(format!("the server ended the connection ({})", answer.code().code()))
                }
                None => unanswered(reason(&error)),
            },
            Err(_) => unanswered(format!("no answer within {:?}", self.limit)),
        };
        Err(self.error(problem))
    }

    fn error(&self, problem: PgProblem) -> PgError {
        PgError::new(self.who.clone(), problem)
    }
}

/// What is refused and leaves the connection as it was.
const SEVERITY: tokio_postgres::error::Severity = tokio_postgres::error::Severity::Error;

/// Why there was no answer of the server's own. These errors name no values.
fn reason(error: &tokio_postgres::Error) -> String {
    let mut found = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        let text = inner.to_string();
        if !found.contains(&text) {
            found = format!("{found}: {text}");
        }
        cause = inner.source();
    }
    tamed(&found)
}
