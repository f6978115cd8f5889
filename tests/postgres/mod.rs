//! PostgreSQL's passwords are replaced at a real server, through real SSH and real TLS.

mod adopt;
mod doubt;
mod killed;
mod kinds;
mod measure;
mod network;
mod newer;
mod stand;
mod whole;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use luca_secrets::name::SecretName;
use luca_secrets::push::Surroundings;
use luca_secrets::rotate::postgres::{Alternating, Single, Site};
use luca_secrets::rotate::{Action, Created, Credential, Quiet, Step, Trouble};
use luca_secrets::schema::{Schema, parse};
use luca_secrets::secret::{SecretText, SecretValue};
use luca_secrets::store::{Document, RotationRecord, State, Values};
use luca_secrets::sys::{Disk, Environment, OpenGate, OsRandom};

use crate::faults::header;
use crate::harness::World;
use crate::harness::postgres::{Cluster, account};
use crate::harness::sshd::{self, Sshd};

/// The password of the role in use before each test.
pub const OLD: &str = "made-up-old-password";

/// The password of the role that changes others.
pub const ADMIN: &str = "made-up-admin-password";

/// Puts into a store what a project knows of its database, and of the administrator.
pub fn fill(world: &World, port: &str) {
    for (name, value) in [
        ("db.user", "shop"),
        ("db.password", OLD),
        ("db.name", "shop"),
        ("db.host", "127.0.0.1"),
        ("db.port", port),
        ("rot.user", "rotator"),
        ("rot.password", ADMIN),
    ] {
        world.run(&["set", "-q", name]).stdin(value).success();
    }
}

/// Roles and a database for alternating users, with a few things in it.
pub const TWINS: &str = "
CREATE ROLE shop_owner NOLOGIN;
CREATE ROLE shop LOGIN PASSWORD 'made-up-old-password';
CREATE ROLE shop_b NOLOGIN;
GRANT shop_owner TO shop, shop_b;
ALTER ROLE shop SET role TO 'shop_owner';
ALTER ROLE shop_b SET role TO 'shop_owner';
CREATE ROLE rotator LOGIN SUPERUSER PASSWORD 'made-up-admin-password';
CREATE DATABASE shop OWNER shop_owner;
";

/// One role that owns a database.
pub const ONE: &str = "
CREATE ROLE shop LOGIN PASSWORD 'made-up-old-password';
CREATE ROLE rotator LOGIN SUPERUSER PASSWORD 'made-up-admin-password';
CREATE DATABASE shop OWNER shop;
";

/// A database server, the SSH server beside it, and what schema and store say of them.
pub struct Shop {
    pub cluster: Cluster,
    pub sshd: Sshd,
    schema: Schema,
    document: Document,
}

/// By whom roles are changed, and how logins go.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Means {
    /// By the system's user, logins through the tunnel.
    Peer,
    /// By a role over TLS, logins over TLS.
    Direct,
    /// By a role, and all through the tunnel.
    Tunnel,
}

pub const ALL_MEANS: [Means; 3] = [Means::Peer, Means::Direct, Means::Tunnel];

impl Shop {
    /// A server with these roles.
    pub fn new(kind: &str, means: Means, roles: &str) -> Self {
        Self::on(Cluster::start(), kind, means, roles)
    }

    /// The same on a server that runs.
    pub fn on(cluster: Cluster, kind: &str, means: Means, roles: &str) -> Self {
        for statement in roles.split(";\n").filter(|statement| !statement.trim().is_empty()) {
            cluster.sql("postgres", statement);
        }
        cluster.sql(
            "shop",
            &format!("SET ROLE {}; CREATE TABLE item (id serial PRIMARY KEY, name text)", owner(roles)),
        );
        let sshd = Sshd::start();
        Self::with(cluster, sshd, kind, means)
    }

    /// What schema and store say of servers that run.
    pub fn with(cluster: Cluster, sshd: Sshd, kind: &str, means: Means) -> Self {
        let (schema, document) = described(&cluster, &sshd, cluster.port, sshd.port, kind, means);
        Self { cluster, sshd, schema, document }
    }

    /// Has schema and store say other ports, those of something in between.
    pub fn through(&mut self, database: u16, ssh: u16, kind: &str, means: Means) {
        (self.schema, self.document) = described(&self.cluster, &self.sshd, database, ssh, kind, means);
    }

    /// What it takes to change the password.
    pub fn site(&self) -> Site {
        self.try_site().unwrap()
    }

    pub fn try_site(&self) -> Result<Site, Trouble> {
        let (disk, env) = (Disk::new(Arc::new(OpenGate)), Environment::new([]));
        let ask = |_: &str| None;
        let around = Surroundings { disk: &disk, env: &env, root: "/".as_ref(), ask: &ask };
        Site::of(&name("db.password"), &self.schema, &self.document, &around)
    }

    pub fn alternating(&self) -> Alternating {
        Alternating::new(self.site())
    }

    pub fn single(&self) -> Single {
        Single::new(self.site())
    }

    /// What the store has of these secrets.
    pub fn values(&self, names: &[SecretName]) -> Values {
        names.iter().map(|name| (name.clone(), self.document.get(name))).collect()
    }
}

fn owner(roles: &str) -> &str {
    if roles.contains("shop_owner") { "shop_owner" } else { "shop" }
}

/// The schema, and the secrets of its store.
pub fn schema_text(
    cluster: &Cluster,
    sshd: &Sshd,
    database: u16,
    ssh: u16,
    kind: &str,
    means: Means,
) -> (String, String) {
    let keys = match means {
        Means::Peer => {
            format!("account = \"{}\", socket = \"{}\"", account(), cluster.folder().display())
        }
        Means::Direct => format!(
            "admin = \"role\", admin-user = \"rot.user\", admin-password = \"rot.password\", via = \"direct\", \
             ca-file = \"{}\"",
            cluster.authority().display()
        ),
        Means::Tunnel => {
            "admin = \"role\", admin-user = \"rot.user\", admin-password = \"rot.password\"".to_owned()
        }
    };
    let schema = format!(
        "[secrets.db.user]\n[secrets.db.name]\n[secrets.db.host]\ntype = \"host\"\n[secrets.db.port]\ntype = \"port\"\n\
         [secrets.rot.user]\n[secrets.rot.password]\ntype = \"password\"\n\
         [secrets.db.password]\ntype = \"password\"\n\
         rotate = {{ with = \"{kind}\", on = \"dbhost\", {keys} }}\n\
         [server.dbhost]\naddress = \"{}\"\nport = {ssh}\nuser = \"{}\"\nhost-keys = \"{}\"\nkey = {{ file = \"{}\" }}\n",
        sshd.address,
        sshd::user(),
        sshd.host_key("ed25519"),
        sshd.client_key().display(),
    );
    let document = format!(
        "[secrets.db]\nuser = \"shop\"\npassword = \"{OLD}\"\nname = \"shop\"\nhost = \"127.0.0.1\"\nport = \"{database}\"\n\
         [secrets.rot]\nuser = \"rotator\"\npassword = \"{ADMIN}\"\n",
    );
    (schema, document)
}

fn described(
    cluster: &Cluster,
    sshd: &Sshd,
    database: u16,
    ssh: u16,
    kind: &str,
    means: Means,
) -> (Schema, Document) {
    let (schema, document) = schema_text(cluster, sshd, database, ssh, kind, means);
    let schema = parse(&[(PathBuf::from("s.toml"), schema)]).unwrap_or_else(|errors| panic!("{errors:?}"));
    (schema, Document::parse(SecretText::new(format!("{}{document}", header()))).unwrap())
}

pub fn name(text: &str) -> SecretName {
    SecretName::parse(text).unwrap()
}

pub fn value(text: &str) -> SecretValue {
    SecretValue::new(text.to_owned())
}

/// A rotation taken step by step, the consumers being what it deploys.
pub struct Walk<'c> {
    pub credential: &'c mut dyn Credential,
    pub record: RotationRecord,
    /// What the consumers have.
    pub deployed: BTreeMap<SecretName, Option<SecretValue>>,
}

impl<'c> Walk<'c> {
    /// Looks, and makes the new values.
    pub fn begin(credential: &'c mut dyn Credential, current: Values) -> Result<Self, Trouble> {
        credential.preflight(&current)?;
        let Created { pending, deploys, material } = credential.create(&current, "01TEST", &mut OsRandom)?;
        let record = RotationRecord {
            state: State::Staged,
            pending,
            deploys,
            material,
            ..RotationRecord::new(
                "01TEST".to_owned(),
                "test".to_owned(),
                "tester".to_owned(),
                jiff::Timestamp::UNIX_EPOCH,
                1,
                current.clone(),
            )
        };
        Ok(Self { credential, record, deployed: current })
    }

    /// Takes a step; what it shows.
    pub fn take(&mut self, step: &Step) -> Result<String, Trouble> {
        match step.action {
            Action::Effect => self.credential.run(step, &self.record),
            Action::Prove => self.credential.prove(step, &self.record),
            Action::Deploy(number) => {
                self.deployed.extend(self.record.deploys[number].clone());
                Ok("deployed".to_owned())
            }
            Action::Wait(_) => match self.credential.quiet(step, &self.record)? {
                Quiet::Yes(seen) => Ok(seen),
                Quiet::NotYet(reason) => Err(Trouble::unavailable(reason)),
            },
            Action::Ask | Action::Issue => panic!("nobody is asked"),
        }
    }

    /// The step of this name, on the way there or on the way back.
    pub fn step(&self, name: &str) -> Step {
        let all = self.credential.steps().into_iter().chain(self.credential.undo_steps(9));
        all.into_iter().find(|step| step.name == name).unwrap()
    }

    /// Takes the step of this name.
    pub fn go(&mut self, name: &str) -> Result<String, Trouble> {
        let step = self.step(name);
        self.take(&step)
    }

    /// Takes these steps, which must succeed.
    #[track_caller]
    pub fn all(&mut self, steps: &[Step]) -> Vec<String> {
        steps
            .iter()
            .map(|step| self.take(step).unwrap_or_else(|trouble| panic!("{}: {trouble:?}", step.name)))
            .collect()
    }

    /// What the consumers log in with.
    pub fn login(&self) -> (String, String) {
        let get = |key: &str| self.deployed[&name(key)].as_ref().unwrap().expose().to_owned();
        (get("db.user"), get("db.password"))
    }

    /// The new value of a secret.
    pub fn new_value(&self, key: &str) -> String {
        self.record.pending(&name(key)).unwrap().expose().to_owned()
    }
}

/// What keeps somebody from logging in, if anything does.
pub fn login_problem(user: &str, password: &str, port: u16) -> Option<String> {
    let address = format!("host=127.0.0.1 port={port} user={user} dbname=shop connect_timeout=10");
    let mut config: tokio_postgres::Config = address.parse().unwrap();
    config.password(password);
    let connected = luca_secrets::sys::block_on(config.connect(tokio_postgres::NoTls)).unwrap();
    let error = connected.err()?;
    Some(error.as_db_error().map_or_else(|| error.to_string(), |answer| format!("{user}: {answer}")))
}
