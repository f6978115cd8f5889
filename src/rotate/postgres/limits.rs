//! How long a database may take.

use std::time::Duration;

/// How long a database may take to answer, by what it is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Limits {
    /// For a connection.
    pub(super) connect: Duration,
    /// For a login: it is a few round trips, and a deliberately slow digest.
    pub(super) log_in: Duration,
    /// For a statement.
    pub(super) statement: Duration,
    /// For statements by `psql`, with its start and that of whatever the login there starts.
    pub(super) psql: Duration,
}

impl Limits {
    /// Where the schema does not say.
    const USUAL: Self = Self {
        connect: Duration::from_secs(10),
        log_in: Duration::from_secs(20),
        statement: Duration::from_secs(30),
        psql: Duration::from_secs(45),
    };

    /// As the schema says for all of them.
    pub(super) fn of(within: Option<Duration>) -> Self {
        within.map_or(Self::USUAL, |within| Self {
            connect: within,
            log_in: within,
            statement: within,
            psql: within,
        })
    }
}
