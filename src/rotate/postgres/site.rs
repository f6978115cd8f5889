//! Where a database is, who logs in there, and who changes its roles.

use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

use crate::http;
use crate::name::{SecretName, TargetName};
use crate::push::{Surroundings, destination};
use crate::rotate::Trouble;
use crate::schema::{Entry, Postgres, PostgresAdmin, PostgresLogin, PostgresWay, Rotation, Schema};
use crate::secret::SecretValue;
use crate::ssh::Destination;
use crate::store::{Document, RotationRecord, Values};

use super::limits::Limits;

/// The port where a store names none.
const PORT: u16 = 5432;

/// Largest file of certificates, in bytes.
const LARGEST_FILE: u64 = 1024 * 1024;

/// A login of a database, and all that it takes to change it: plain data, that nothing changes.
pub struct Site {
    /// The secret with the password, and its declaration.
    pub(super) name: SecretName,
    pub(super) entry: Entry,
    /// The keys of the schema.
    pub(super) settings: Postgres,
    pub(super) secrets: PostgresLogin,
    /// The server that the database runs on.
    pub(super) server: Option<(String, Destination)>,
    pub(super) way: PostgresWay,
    pub(super) limits: Limits,
    pub(super) admin: Admin,
    /// Whom to believe, on the direct way.
    pub(super) tls: Arc<ClientConfig>,
    /// The role in use, where the store knows one: before the rotation that is under way, if one is.
    pub(super) live: Option<String>,
}

/// Who changes the roles.
pub(super) enum Admin {
    /// The system's own user on the server.
    Peer { account: String, socket: Option<String> },
    /// A role with a password.
    Role { user: String, password: SecretValue },
}

/// Where the database is, by the values of one moment.
pub(super) struct Place {
    pub(super) host: Option<String>,
    pub(super) port: u16,
    pub(super) database: String,
}

impl Site {
    /// Gathers what schema and store say of the rotation at this secret.
    pub fn of(
        name: &SecretName,
        schema: &Schema,
        document: &Document,
        around: &Surroundings<'_>,
    ) -> Result<Self, Trouble> {
        let entry = schema
            .secrets
            .get(name)
            .ok_or_else(|| Trouble::held(format_args!("no secret {name} is declared")))?;
        let rotation = entry.rotate.clone().unwrap_or_default();
        let Some(settings) = rotation.with.postgres().cloned() else {
            return Err(Trouble::held(format_args!("{name} is not the password of a PostgreSQL role")).hint(
                format_args!("[secrets.{name}] needs rotate = {{ with = \"postgres-alternating\", … }}"),
            ));
        };
        let missing = |key| Trouble::held(format_args!("the schema does not say the {key} of {name}"));
        let secrets = settings.login(name, &schema.secrets).map_err(missing)?;
        let way = settings.way(rotation.on.is_some());
        let limits = Limits::of(settings.within);
        let admin = admin(&settings.admin, document)?;
        let server = server(&rotation, schema, document, around)?;
        let tls = Arc::new(if way == PostgresWay::Direct { tls(&settings, around)? } else { nobody()? });
        let under_way = document.rotation(name).filter(|record| !record.state.is_end());
        let live = under_way.and_then(|record| record.current(&secrets.user).cloned());
        let live = live.or_else(|| document.get(&secrets.user)).map(|user| user.expose().to_owned());
        Ok(Self {
            name: name.clone(),
            entry: entry.clone(),
            settings,
            secrets,
            server,
            way,
            limits,
            admin,
            tls,
            live,
        })
    }

    /// Whether a visit needs an SSH connection.
    pub(super) fn needs_server(&self) -> bool {
        self.way == PostgresWay::Server || matches!(self.admin, Admin::Peer { .. })
    }

    /// The secrets that it reads or changes.
    pub fn secrets(&self) -> Vec<SecretName> {
        let login = &self.secrets;
        let always = [&login.password, &login.user, &login.database];
        always.into_iter().chain(&login.host).chain(&login.port).cloned().collect()
    }

    /// Where the database is, as these values have it.
    pub(super) fn place(&self, values: &Values) -> Result<Place, Trouble> {
        let text = |name: &SecretName| values.get(name)?.as_ref().map(|value| value.expose().to_owned());
        let port = match self.secrets.port.as_ref().and_then(|name| Some((name, text(name)?))) {
            None => PORT,
            Some((name, digits)) => {
                digits.parse().map_err(|_| Trouble::held(format_args!("{name} is not a port")))?
            }
        };
        let database = text(&self.secrets.database).ok_or_else(|| unset(&self.secrets.database))?;
        Ok(Place { host: self.secrets.host.as_ref().and_then(text), port, database })
    }

    /// The role of these values, and its password.
    pub(super) fn login(&self, values: &Values) -> Result<(String, SecretValue), Trouble> {
        let get = |name: &SecretName| values.get(name).and_then(Option::as_ref).ok_or_else(|| unset(name));
        let user = get(&self.secrets.user)?.expose().to_owned();
        Ok((user, get(&self.secrets.password)?.clone()))
    }

    /// The role from before and its password.
    pub(super) fn before(&self, record: &RotationRecord) -> Result<(String, SecretValue), Trouble> {
        self.login(&record.current)
    }

    /// The role that comes and its password; the role may be the same.
    pub(super) fn after(&self, record: &RotationRecord) -> Result<(String, SecretValue), Trouble> {
        let mut values = record.current.clone();
        values.extend(record.pending.clone());
        self.login(&values)
    }
}

fn unset(name: &SecretName) -> Trouble {
    Trouble::held(format_args!("{name} is not set"))
        .hint("`luca-secrets check` shows everything that is missing")
}

fn admin(admin: &PostgresAdmin, document: &Document) -> Result<Admin, Trouble> {
    Ok(match admin {
        PostgresAdmin::Peer { account, socket } => Admin::Peer {
            account: account.clone(),
            socket: socket.as_ref().map(|folder| folder.to_string_lossy().into_owned()),
        },
        PostgresAdmin::Role { user, password } => {
            let get = |name: &SecretName| document.get(name).ok_or_else(|| unset(name));
            Admin::Role { user: get(user)?.expose().to_owned(), password: get(password)? }
        }
    })
}

fn server(
    rotation: &Rotation,
    schema: &Schema,
    document: &Document,
    around: &Surroundings<'_>,
) -> Result<Option<(String, Destination)>, Trouble> {
    let Some(name) = &rotation.on else { return Ok(None) };
    let found = |name: &TargetName| destination(schema, document, name, around);
    let to = found(name).map_err(|reason| {
        let trouble = Trouble::held(&reason);
        reason.hint.iter().fold(trouble, Trouble::hint)
    })?;
    Ok(Some((name.to_string(), to)))
}

/// The certificates that the schema names, else those that HTTPS trusts.
fn tls(settings: &Postgres, around: &Surroundings<'_>) -> Result<ClientConfig, Trouble> {
    let Some(file) = &settings.ca_file else { return http::tls_config(around.env).map_err(Trouble::held) };
    let path = around.path(file);
    let pem = around.disk.read(&path, LARGEST_FILE).map_err(Trouble::held)?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&pem).flatten() {
        roots.add(certificate).map_err(|error| Trouble::held(format_args!("{}: {error}", path.display())))?;
    }
    if roots.is_empty() {
        return Err(Trouble::held(format_args!("{}: there is no certificate in it", path.display())));
    }
    configured(roots)
}

/// For ways on which nobody is asked for a certificate.
fn nobody() -> Result<ClientConfig, Trouble> {
    configured(RootCertStore::empty())
}

fn configured(roots: RootCertStore) -> Result<ClientConfig, Trouble> {
    Ok(ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(Trouble::held)?
        .with_root_certificates(roots)
        .with_no_client_auth())
}
