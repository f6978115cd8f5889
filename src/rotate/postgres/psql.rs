//! `psql` on the database's server, as the system user that owns the database: no password is involved, so it works even if
//! every password is lost. Statements go in by standard input; what stands in the process list names a database and a port.

use std::time::Duration;

use crate::secret::SecretText;
use crate::ssh::{Connection, Ending, Output};

use super::problem::{PgError, PgProblem, tamed};

/// What is printed before and after the statements, so that what a shell's profile prints is not taken for an answer.
const BEGUN: &str = "luca-secrets: begun";
const DONE: &str = "luca-secrets: done";

/// Where `psql` connects to.
pub(super) struct Socket<'a> {
    /// The system's user, and the database's role of the same name.
    pub(super) account: &'a str,
    /// The folder of the Unix socket; where `psql` looks otherwise.
    pub(super) folder: Option<&'a str>,
    pub(super) port: u16,
    pub(super) database: &'a str,
    /// How long it may take.
    pub(super) limit: Duration,
}

impl Socket<'_> {
    /// The command line: as it is for that user, by `runuser` for root, by `sudo` for anybody else.
    fn command(&self) -> String {
        let mut address = format!(
            "dbname={} port={} user={} application_name=luca-secrets connect_timeout=10",
            quoted(self.database),
            self.port,
            quoted(self.account)
        );
        if let Some(folder) = self.folder {
            address.push_str(" host=");
            address.push_str(&quoted(folder));
        }
        let (account, address) =
            (shell_words::quote(self.account), shell_words::quote(&address).into_owned());
        let psql = format!("psql -XqAtw -v ON_ERROR_STOP=1 -v VERBOSITY=sqlstate -d {address}");
        let script = format!(
            "PATH=\"$PATH:/usr/sbin:/sbin\"; cd /; \
             if [ \"$(id -un)\" = {account} ]; then exec {psql}; \
             elif [ \"$(id -u)\" = 0 ]; then exec runuser -u {account} -- {psql}; \
             else exec sudo -n -u {account} {psql}; fi"
        );
        format!("exec sh -c {}", shell_words::quote(&script))
    }

    fn who(&self, server: &str) -> String {
        format!("{} on {server}", self.account)
    }
}

/// The one value that a query gives.
pub(super) async fn ask(
    connection: &Connection,
    server: &str,
    socket: &Socket<'_>,
    query: &str,
) -> Result<String, PgError> {
    let script = SecretText::new(query.to_owned());
    let found = run(connection, server, socket, &script, PgProblem::NoAnswer).await?;
    let empty = || PgError::new(socket.who(server), PgProblem::NoAnswer("the answer is empty".to_owned()));
    found.lines().next().map(str::to_owned).ok_or_else(empty)
}

/// Statements that change something, as one transaction.
pub(super) async fn change(
    connection: &Connection,
    server: &str,
    socket: &Socket<'_>,
    transaction: &SecretText,
) -> Result<(), PgError> {
    run(connection, server, socket, transaction, PgProblem::Lost).await.map(drop)
}

async fn run(
    connection: &Connection,
    server: &str,
    socket: &Socket<'_>,
    statements: &SecretText,
    unanswered: fn(String) -> PgProblem,
) -> Result<String, PgError> {
    let who = socket.who(server);
    let mut script = SecretText::with_capacity(statements.len() + 128);
    for part in [
        "\\echo ",
        BEGUN,
        "\n",
        statements.expose().trim_end().trim_end_matches(';'),
        ";\n\\echo ",
        DONE,
        "\n",
    ] {
        script.push_str(part);
    }
    let output = connection.run(&socket.command(), &script, socket.limit).await.map_err(|error| {
        let problem = unanswered(error.problem.to_string());
        PgError { hint: error.hint(server), ..PgError::new(who.clone(), problem) }
    })?;
    verdict(&output, unanswered)
        .map_err(|problem| PgError { hint: hint(&problem, socket), ..PgError::new(who, problem) })
}

/// What `psql` has printed between the marks, or why it is not all.
fn verdict(output: &Output, unanswered: fn(String) -> PgProblem) -> Result<String, PgProblem> {
    let said = String::from_utf8_lossy(&output.stdout);
    let complaint = String::from_utf8_lossy(&output.stderr);
    let Some((_, answer)) = said.split_once(&format!("{BEGUN}\n")) else {
        return Err(PgProblem::NoAnswer(before_begin(output, &complaint)));
    };
    if let (Ending::Code(0), Some((answer, _))) = (&output.ending, answer.split_once(&format!("{DONE}\n"))) {
        return Ok(answer.to_owned());
    }
    // Only an error that leaves the connection standing has surely undone everything.
    let code = complaint.lines().find_map(|line| line.split_once("ERROR:  ").map(|(_, code)| code.trim()));
    match (&output.ending, code) {
        (Ending::Code(3), Some(code)) if !complaint.contains("FATAL") => Err(PgProblem::of_statement(code)),
        _ => Err(unanswered(ending(output, &complaint))),
    }
}

fn before_begin(output: &Output, complaint: &str) -> String {
    match &output.ending {
        Ending::Code(127) => "there is no psql, or no sudo".to_owned(),
        _ => ending(output, complaint),
    }
}

fn ending(output: &Output, complaint: &str) -> String {
    let reason = tamed(complaint.lines().last().unwrap_or_default());
    match (&output.ending, reason.is_empty()) {
        (_, false) => reason,
        (Ending::Code(code), true) => format!("psql ended with {code}"),
        (Ending::Signal(name), true) => format!("psql was killed by {name}"),
    }
}

fn hint(problem: &PgProblem, socket: &Socket<'_>) -> Option<String> {
    let PgProblem::NoAnswer(reason) = problem else { return None };
    let account = socket.account;
    if reason.contains("sudo") {
        return Some(format!(
            "let the user who logs in there run psql as {account}: `sudo -n -u {account} psql`"
        ));
    }
    reason.contains("Peer").then(|| format!("pg_hba.conf needs a line `local all {account} peer` there"))
}

/// A value in a connection string (libpq's "Keyword/Value Connection Strings").
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}
