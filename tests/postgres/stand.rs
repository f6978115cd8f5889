//! A project with a database, and on its server an application that is no more than its env file: what is killed, cut off
//! and taken up again, over and over.

use std::process::Stdio;
use std::sync::Mutex;

use luca_secrets::store::RotationRecord;

use super::*;
use crate::harness::Done;
use crate::harness::proxy::Proxy;
use crate::harness::trap::Trap;
use crate::rotate::{Moment, killed_at};

pub const ROTATE: [&str; 5] = ["rotate", "--local", "--yes", "-q", "db.password"];
pub const RESUME: [&str; 3] = ["rotate", "--local", "--resume"];

/// How many seconds later it is taken up: longer than any pause in it.
const LATER: i64 = 1000;

/// A database, the SSH server beside it, and a store that is pushed there.
pub struct Stand {
    pub cluster: Cluster,
    pub sshd: Sshd,
    pub world: World,
    kind: &'static str,
    means: Means,
    /// Between the program and the two servers.
    pub database: Proxy,
    pub ssh: Proxy,
    /// Holds what goes through both.
    pub trap: Trap,
    /// How much of the database's log is from rotations that have ended, and the login that the last of them gave.
    before: Mutex<(usize, (String, String))>,
}

impl Stand {
    /// Everything up, and pushed.
    pub fn new(kind: &'static str, means: Means) -> Self {
        let roles = if kind == "postgres-single" { ONE } else { TWINS };
        Self::on(Cluster::start(), kind, means, roles)
    }

    /// The same with a database server that runs.
    pub fn on(cluster: Cluster, kind: &'static str, means: Means, roles: &str) -> Self {
        let (sshd, trap) = (Sshd::start(), Trap::default());
        for statement in roles.split(";\n").filter(|statement| !statement.trim().is_empty()) {
            cluster.sql("postgres", statement);
        }
        let (database, ssh) = (Proxy::with_trap(cluster.port, &trap), Proxy::with_trap(sshd.port, &trap));
        let before = Mutex::new((0, ("shop".to_owned(), OLD.to_owned())));
        let stand = Self { cluster, sshd, world: World::new(), kind, means, database, ssh, trap, before };
        std::fs::create_dir(stand.app()).unwrap();
        stand.write_schema("");
        // The system's user finds the socket by the port, so that stays as it is.
        let port = if means == Means::Direct { stand.database.port } else { stand.cluster.port }.to_string();
        fill(&stand.world, &port);
        stand.world.run(&["push", "--yes", "-q"]).success();
        stand.before.lock().unwrap().0 = stand.cluster.log().len();
        stand
    }

    /// The schema, with more keys of the rotation.
    pub fn write_schema(&self, keys: &str) {
        let (schema, _) = schema_text(&self.cluster, &self.sshd, 0, self.ssh.port, self.kind, self.means);
        let grace = if self.kind == "postgres-single" { "" } else { "grace = \"1s\"," };
        let schema = schema.replace("rotate = {", &format!("rotate = {{ {grace} {keys}"));
        let app = self.app().display().to_string();
        let schema = format!(
            "{schema}\n[[server.dbhost.install]]\nenv-file = \"app\"\nto = \"{app}/app.env\"\n\
             apply = {{ in = \"{app}\", run = [\"cp\", \"app.env\", \"running\"], within = \"60s\" }}\n\
             health = {{ command = [\"cmp\", \"{app}/app.env\", \"{app}/running\"], within = \"60s\", every = \"1s\", in-a-row = 1 }}\n\
             [env-file.app]\npath = \".envs/app\"\n[env-file.app.variables]\n\
             DB_USER = \"{{{{ db.user }}}}\"\nDB_PASSWORD = \"{{{{ db.password }}}}\"\n",
        );
        self.world.write("schemas/schema.toml", schema);
    }

    fn app(&self) -> PathBuf {
        self.sshd.path("app")
    }

    /// The login in a file there.
    pub fn login(&self, file: &str) -> (String, String) {
        let text = std::fs::read_to_string(self.app().join(file)).unwrap();
        let get = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
            line.unwrap().trim_matches(['"', '\'']).to_owned()
        };
        (get("DB_USER"), get("DB_PASSWORD"))
    }

    fn is_let_in(&self, (user, password): &(String, String)) -> bool {
        match login_problem(user, password, self.cluster.port) {
            None => true,
            Some(problem) => {
                let words = ["password authentication failed", "is not permitted to log in"];
                let refused = words.iter().any(|words| problem.contains(words));
                assert!(refused, "{problem}");
                false
            }
        }
    }

    /// What the store says.
    pub fn document(&self) -> Document {
        let text = crate::faults::unseal(&self.world.store_bytes());
        Document::parse(SecretText::new(text)).unwrap()
    }

    /// The login that the store has now.
    pub fn stored(&self) -> (String, String) {
        let document = self.document();
        let get = |key: &str| document.get(&name(key)).unwrap().expose().to_owned();
        (get("db.user"), get("db.password"))
    }

    /// The rotation that is under way or was the last.
    pub fn record(&self) -> Option<RotationRecord> {
        self.document().rotation(&name("db.password")).cloned()
    }

    /// Every login that somebody can find in the store.
    fn known(&self) -> BTreeSet<(String, String)> {
        let (document, record) = (self.document(), self.record());
        let all = |key: &str| -> Vec<String> {
            let in_journal = record.iter().flat_map(|record| {
                [record.current(&name(key)), record.pending(&name(key))].into_iter().flatten().cloned()
            });
            in_journal.chain(document.get(&name(key))).map(|value| value.expose().to_owned()).collect()
        };
        let passwords = all("db.password");
        let pairs =
            |user: String| passwords.clone().into_iter().map(move |password| (user.clone(), password));
        all("db.user").into_iter().flat_map(pairs).collect()
    }

    /// The verifiers that roles were given since the last rotation ended.
    pub fn verifiers(&self) -> BTreeSet<String> {
        let log = self.cluster.log();
        let new = &log[self.before.lock().unwrap().0..];
        let found = new.match_indices("PASSWORD 'SCRAM-SHA-256$");
        found.map(|(at, _)| new[at + 10..].split('\'').next().unwrap().to_owned()).collect()
    }

    /// What must be so at every moment: I1, I2 and I3. Whether the application can log in.
    pub fn assert_well(&self, at: &str) -> bool {
        let known = self.known();
        for file in ["app.env", "running"] {
            assert!(known.contains(&self.login(file)), "{at}: what {file} says is not in the store");
        }
        for role in self.cluster.sql("postgres", ROLES).lines() {
            let mine = known.iter().filter(|(user, _)| user == role);
            let is_known = mine.into_iter().any(|login| self.is_let_in(login));
            assert!(is_known, "{at}: {role} is let in with a password that is not in the store");
        }
        assert!(self.verifiers().len() <= 1, "{at}: a second password");
        let is_in = self.is_let_in(&self.login("app.env"));
        assert!(is_in || self.is_swapping(), "{at}: the env file's login is refused");
        is_in
    }

    /// Whether the one role has the new password, or may have it, and the application has not.
    fn is_swapping(&self) -> bool {
        let Some(record) = self.record().filter(|record| !record.state.is_end()) else { return false };
        let (swapped, deployed) = (
            record.effects.iter().any(|note| note.step == "swap"),
            record.effects.iter().any(|note| note.step == "deploy" && note.settled.is_some()),
        );
        self.kind == "postgres-single" && swapped && !deployed
    }

    /// Rotates until it is killed at a moment of its effects on the disk.
    pub fn killed_at(&self, moment: Moment) -> bool {
        killed_at(&self.world, moment, 0, &ROTATE[1..])
    }

    /// The same of what takes it up.
    pub fn killed_again_at(&self, moment: Moment) -> bool {
        killed_at(&self.world, moment, LATER, &RESUME[1..])
    }

    /// Rotates until something is held, and kills it then. Whether anything was.
    pub fn killed_when(&self, is_held: impl Fn() -> bool) -> bool {
        let mut child = self.world.spawn(&ROTATE).stderr(Stdio::piped()).spawn().unwrap();
        loop {
            if is_held() {
                child.kill().unwrap();
                child.wait().unwrap();
                return true;
            }
            if let Some(status) = child.try_wait().unwrap() {
                let mut said = String::new();
                std::io::Read::read_to_string(child.stderr.as_mut().unwrap(), &mut said).unwrap();
                assert!(status.success(), "{said}");
                return false;
            }
            std::thread::sleep(std::time::Duration::from_millis(2));
        }
    }

    pub fn resume(&self) -> Done {
        self.world.run(&RESUME).hurried(2 * LATER).done()
    }

    /// Brings what was begun to its end. Then the new login is in use and lets in, the old one does not, and no other password
    /// was ever made.
    pub fn heal(&self, at: &str) {
        self.assert_well(at);
        let was_begun = self.record().is_some_and(|record| !record.state.is_end());
        // Whoever is cut off in the middle of a push has a server that puts it back, which takes a moment.
        for tries in 0.. {
            let done = self.resume();
            if done.code == 0 && self.record().is_none_or(|record| record.state.is_end()) {
                break;
            }
            assert!(done.code <= 1 && tries < 30, "{at}: {}", done.stderr);
            self.assert_well(at);
        }
        assert!(self.assert_well(at), "{at}");
        let old = self.before.lock().unwrap().1.clone();
        let (new, verifiers) = (self.stored(), self.verifiers());
        assert_eq!((self.login("app.env"), self.login("running")), (new.clone(), new.clone()), "{at}");
        if let Some(record) = self.record() {
            assert_eq!((record.state, record.reason), (State::Done, None), "{at}");
        }
        let is_rotated = new != old;
        // Where it was killed before it was begun, nothing has happened.
        assert!(is_rotated || !was_begun, "{at}");
        assert_eq!(verifiers.len(), usize::from(is_rotated), "{at}: {verifiers:?}");
        assert!(!is_rotated || !self.is_let_in(&old), "{at}: the old login is let in");
        let seen = self.cluster.log().len();
        *self.before.lock().unwrap() = (seen, new);
    }
}

/// The roles that applications log in with, and that can.
const ROLES: &str = "SELECT rolname FROM pg_roles WHERE rolname ~ '^shop' AND rolcanlogin ORDER BY 1";
