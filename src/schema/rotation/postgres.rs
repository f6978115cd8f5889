//! The keys of `postgres-alternating` and `postgres-single`.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use crate::name::SecretName;
use crate::schema::model::Entry;

/// A login of a database. The names of secrets that are `None` are those of the same group that one would expect.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Postgres {
    /// The secret with the login role's name. Default: `user` or `username` of the group.
    pub user: Option<SecretName>,
    /// The secret with the database's name. Default: `name` or `database` of the group.
    pub database: Option<SecretName>,
    /// The secret with the database server's address. Default: `host` of the group.
    pub host: Option<SecretName>,
    /// The secret with its port. Default: `port` of the group.
    pub port: Option<SecretName>,
    /// The role that cannot log in and owns everything, of alternating users. Default: the first user with `_owner`.
    pub owner: Option<String>,
    /// The two roles that log in in turn. Default: the present one, and the same with `_b`.
    pub roles: Option<[String; 2]>,
    /// Who changes the roles.
    pub admin: PostgresAdmin,
    /// How logins reach the database. Default: through the server that it runs on, if `on` names it.
    pub way: Option<PostgresWay>,
    /// A file with the certificates to trust, in PEM, instead of the system's: from the root, from home with `~/`, or
    /// relative to the project's folder.
    pub ca_file: Option<PathBuf>,
    /// How long it may take to connect, to log in or to answer a statement. `None` leaves it to each.
    pub within: Option<Duration>,
}

/// Who changes the roles of a database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PostgresAdmin {
    /// The account of the database server's own system user, by its Unix socket: no password is involved.
    Peer {
        /// The account. Default: `postgres`.
        account: String,
        /// The folder of the socket. Default: where `psql` looks.
        socket: Option<PathBuf>,
    },
    /// A role of the database with a password, that is not the one being changed.
    Role {
        /// The secret with its name.
        user: SecretName,
        /// The secret with its password.
        password: SecretName,
    },
}

impl Default for PostgresAdmin {
    fn default() -> Self {
        Self::Peer { account: "postgres".to_owned(), socket: None }
    }
}

/// How logins reach a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PostgresWay {
    /// By SSH to the server that it runs on, and from there to that server's own `127.0.0.1`. The host key tells that it is
    /// the right one.
    Server,
    /// Straight to its address, by TLS with a certificate for that address.
    Direct,
}

/// The secrets of a login, the expected ones filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PostgresLogin {
    /// The login role's name.
    pub user: SecretName,
    /// Its password.
    pub password: SecretName,
    /// The database's name.
    pub database: SecretName,
    /// The database server's address.
    pub host: Option<SecretName>,
    /// Its port; 5432 without one.
    pub port: Option<SecretName>,
}

impl Postgres {
    /// The secrets of the login with this password; the error is the key without which it is not known.
    pub fn login(
        &self,
        password: &SecretName,
        secrets: &BTreeMap<SecretName, Entry>,
    ) -> Result<PostgresLogin, &'static str> {
        let find = |named: &Option<SecretName>, expected: &[&str]| {
            let siblings = expected.iter().filter_map(|key| SecretName::new(password.group(), key).ok());
            named.clone().or_else(|| siblings.into_iter().find(|name| secrets.contains_key(name)))
        };
        Ok(PostgresLogin {
            user: find(&self.user, &["user", "username"]).ok_or("user")?,
            password: password.clone(),
            database: find(&self.database, &["name", "database"]).ok_or("database")?,
            host: find(&self.host, &["host"]),
            port: find(&self.port, &["port"]),
        })
    }

    /// How logins reach it, `on` being a server or none.
    pub fn way(&self, has_server: bool) -> PostgresWay {
        self.way.unwrap_or(if has_server { PostgresWay::Server } else { PostgresWay::Direct })
    }
}
