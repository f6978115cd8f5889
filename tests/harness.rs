//! A world for one test: an empty folder, a fixed clock, an environment with nothing in it. Runs command lines in this
//! process and compares all that they print; silence is expected unless a test says otherwise.

pub mod between;
pub mod engine;
pub mod home;
pub mod s3;
pub mod postgres;
pub mod proxy;
pub mod sshd;
pub mod trap;

use std::cell::RefCell;
use std::collections::VecDeque;
use std::ffi::OsString;
use std::io::{self, Cursor, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use luca_secrets::cli;
use luca_secrets::secret::SecretValue;
use luca_secrets::store::{Identity, Keys, Prompt};
use luca_secrets::sys::{
    Clock, Disk, Environment, FixedClock, Gate, OpenGate, OsRandom, System, SystemClock, Terminal, Uptime,
};

/// The moment in which every test happens.
pub const NOW: &str = "2026-11-23T12:00:00Z";

/// The identity of every test world, made up for the tests.
pub const IDENTITY: &str = "AGE-SECRET-KEY-1GQ9778VQXMMJVE8SK7J6VT8UJ4HDQAJUVSFCWCM02D8GEWQ72PVQ2Y5J33";

/// [`IDENTITY`] as the library takes it.
pub fn keys() -> Keys {
    let nobody = Prompt::nobody();
    Keys::new(Identity::parse_all(IDENTITY.as_bytes(), "", &nobody).unwrap(), &nobody)
}

/// The folder with the programs that `tests/tools/install` gets.
pub fn tools() -> PathBuf {
    let folder =
        std::env::var_os("LUCA_SECRETS_TOOLS").map_or_else(|| "target/test-tools".into(), PathBuf::from);
    assert!(folder.exists(), "the programs are missing; run tests/tools/install");
    std::path::absolute(folder).unwrap()
}

/// Writes a program that can be run at once, in a folder that is made where it is not there. A process of its own does it:
/// a child that another test is just starting holds a copy of what this one has open, and what is open for writing cannot
/// be run ("text file busy").
pub fn executable(path: impl AsRef<Path>, text: impl AsRef<[u8]>) {
    std::fs::create_dir_all(path.as_ref().parent().unwrap()).unwrap();
    let mut writer = Command::new("sh");
    writer.args(["-c", "cat >\"$0\" && chmod 755 \"$0\""]).arg(path.as_ref());
    let mut writer = writer.stdin(Stdio::piped()).spawn().unwrap();
    writer.stdin.take().unwrap().write_all(text.as_ref()).unwrap();
    assert!(writer.wait().unwrap().success(), "{}", path.as_ref().display());
}

/// How many rotations one after the other: few, or as many as a long run is told to do.
pub fn rotations() -> usize {
    std::env::var("LUCA_SECRETS_ROTATIONS").map_or(3, |text| text.parse().unwrap())
}

/// The path of the built program.
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_luca-secrets");

/// A schema with a little of everything.
pub const SCHEMA: &str = r#"
[secrets.database]
title = "Database"
[secrets.database.password]
type = "password"
generate = { length = 40 }
[secrets.database.port]
type = "port"
[secrets.sentry.dsn]
type = "url"
secret = true
required = false

[env-file.django]
path = ".envs/.production/.django"
[env-file.django.variables]
DB_PASSWORD = "{{ database.password }}"
DB_PORT = "{{ database.port }}"
SENTRY_DSN = "{{ sentry.dsn }}"

[github.deploy]
repository = "example/shop"
[github.deploy.secrets]
DB_PASSWORD = "{{ database.password }}"
"#;

/// A stream that a test can read afterwards.
#[derive(Clone, Default)]
struct Captured(Rc<RefCell<Vec<u8>>>);

impl Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A person who gives prepared answers and then leaves.
struct Scripted(VecDeque<String>);

impl Terminal for Scripted {
    fn is_there(&self) -> bool {
        true
    }
    fn ask(&mut self, _: &str) -> io::Result<String> {
        self.0.pop_front().ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }
    fn ask_secret(&mut self, question: &str) -> io::Result<SecretValue> {
        self.ask(question).map(SecretValue::new)
    }
}

/// A clock that stands still, of a machine that can have been running for some time.
struct TestClock {
    now: FixedClock,
    up: Option<u64>,
}

impl Clock for TestClock {
    fn now(&self) -> jiff::Timestamp {
        self.now.now()
    }
    fn uptime(&self) -> Option<Uptime> {
        let since = std::time::Duration::from_secs(self.up?);
        // Less than a quarter of an hour: started anew since.
        let boot = if since.as_secs() < 900 { "second" } else { "first" };
        Some(Uptime { boot: boot.to_owned(), since })
    }
}

/// The machine's clock, ahead by so many seconds, and one more with each look.
struct Hurry(AtomicI64);

impl Clock for Hurry {
    fn now(&self) -> jiff::Timestamp {
        let ahead = self.0.fetch_add(1, Ordering::Relaxed);
        SystemClock.now() + jiff::SignedDuration::from_secs(ahead)
    }
}

/// A folder with nothing in it but what the test puts there.
pub struct World {
    root: PathBuf,
    /// Removes the folder in the end, if it is this world's own.
    _guard: Option<tempfile::TempDir>,
}

impl World {
    /// An empty project and an empty home.
    pub fn empty() -> Self {
        let guard = tempfile::tempdir().unwrap();
        std::fs::create_dir(guard.path().join("project")).unwrap();
        std::fs::create_dir(guard.path().join("home")).unwrap();
        Self { root: guard.path().to_owned(), _guard: Some(guard) }
    }

    /// The world that another process has made.
    pub fn at(root: &Path) -> Self {
        Self { root: root.to_owned(), _guard: None }
    }

    /// The folder that holds everything.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// A project with [`SCHEMA`], a store without secrets, and an identity at its usual place.
    pub fn new() -> Self {
        let world = Self::empty();
        world.write("schemas/schema.toml", SCHEMA);
        let config = world.home().join(".config/luca-secrets");
        std::fs::create_dir_all(&config).unwrap();
        std::fs::write(config.join("identity.txt"), format!("{IDENTITY}\n")).unwrap();
        std::fs::set_permissions(config.join("identity.txt"), std::fs::Permissions::from_mode(0o600))
            .unwrap();
        world.run(&["init", "-q"]).success();
        world
    }

    /// A project whose store holds what [`SCHEMA`] requires.
    pub fn filled() -> Self {
        let world = Self::new();
        world.run(&["set", "-q", "database.password"]).stdin("correct horse battery").success();
        world.run(&["set", "-q", "database.port"]).stdin("5432").success();
        world
    }

    /// The project's folder.
    pub fn folder(&self) -> PathBuf {
        self.root.join("project").canonicalize().unwrap()
    }

    /// The user's home folder.
    pub fn home(&self) -> PathBuf {
        self.root.join("home")
    }

    /// A path in the project.
    pub fn path(&self, path: impl AsRef<Path>) -> PathBuf {
        self.folder().join(path)
    }

    /// Writes a file of the project, with its folders.
    pub fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        let path = self.folder().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    /// Reads a file of the project.
    pub fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.folder().join(path)).unwrap()
    }

    /// The encrypted bytes of the store.
    pub fn store_bytes(&self) -> Vec<u8> {
        std::fs::read(self.path("secrets.enc")).unwrap()
    }

    /// The folder with what this machine remembers of stores.
    pub fn pins(&self) -> PathBuf {
        self.home().join(".local/state/luca-secrets/pins")
    }

    /// Makes this a machine that has never seen a store.
    pub fn forget_stores(&self) {
        let _ = std::fs::remove_dir_all(self.pins());
    }

    /// The permissions of a file of the project.
    pub fn mode(&self, path: &str) -> u32 {
        std::fs::metadata(self.path(path)).unwrap().permissions().mode() & 0o7777
    }

    /// A command line to be run in this process.
    #[must_use = "say what is expected of it"]
    pub fn run(&self, arguments: &[&str]) -> Run<'_> {
        Run {
            world: self,
            arguments: arguments.iter().map(Into::into).collect(),
            stdin: None,
            answers: None,
            env: Vec::new(),
            gate: Arc::new(OpenGate),
            stdout_is_terminal: false,
            subfolder: None,
            now: NOW,
            ahead: None,
            up: None,
        }
    }

    /// A command line to be run as a process of its own, in this world's environment.
    pub fn spawn(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(PROGRAM);
        command
            .args(arguments)
            .current_dir(self.folder())
            .env_clear()
            .env("HOME", self.home())
            .env("USER", "tester")
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .stdin(Stdio::null());
        command
    }
}

/// A command line and its circumstances.
pub struct Run<'w> {
    world: &'w World,
    arguments: Vec<OsString>,
    stdin: Option<Vec<u8>>,
    answers: Option<Vec<String>>,
    env: Vec<(String, OsString)>,
    gate: Arc<dyn Gate>,
    stdout_is_terminal: bool,
    subfolder: Option<String>,
    now: &'static str,
    ahead: Option<i64>,
    up: Option<u64>,
}

impl Run<'_> {
    /// Pipes this into standard input, which otherwise is a terminal.
    pub fn stdin(mut self, text: impl AsRef<[u8]>) -> Self {
        self.stdin = Some(text.as_ref().to_vec());
        self
    }

    /// A person is there and answers.
    pub fn answers(mut self, answers: &[&str]) -> Self {
        self.answers = Some(answers.iter().map(|&answer| answer.to_owned()).collect());
        self
    }

    /// Sets an environment variable.
    pub fn env(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.env.push((name.to_owned(), value.into()));
        self
    }

    /// Puts a gate before the disk.
    pub fn gate(mut self, gate: Arc<dyn Gate>) -> Self {
        self.gate = gate;
        self
    }

    /// Standard output is a terminal.
    pub fn on_terminal(mut self) -> Self {
        self.stdout_is_terminal = true;
        self
    }

    /// Lets it be another time than [`NOW`].
    pub fn at(mut self, now: &'static str) -> Self {
        self.now = now;
        self
    }

    /// Lets time pass as the machine's clock says, which is ahead by some seconds, and in a hurry: a second more with each look
    /// at it, so that nobody waits for long.
    pub fn hurried(mut self, ahead: i64) -> Self {
        self.ahead = Some(ahead);
        self
    }

    /// The machine has been running for so many seconds, without a break since the last such run that had fewer.
    pub fn up(mut self, seconds: u64) -> Self {
        self.up = Some(seconds);
        self
    }

    /// Runs in a folder below the project's.
    pub fn within(mut self, subfolder: &str) -> Self {
        self.subfolder = Some(subfolder.to_owned());
        self
    }

    /// Runs it.
    pub fn done(self) -> Done {
        let (stdout, stderr) = (Captured::default(), Captured::default());
        let mut env = vec![("HOME".into(), self.world.home().into()), ("USER".into(), "tester".into())];
        env.extend(self.env.into_iter().map(|(name, value)| (name.into(), value)));
        let folder = self.world.folder();
        let has_person = self.answers.is_some();
        let terminal: Box<dyn Terminal> = if has_person {
            Box::new(Scripted(self.answers.unwrap_or_default().into()))
        } else {
            Box::new(luca_secrets::sys::NoTerminal)
        };
        let clock: Box<dyn Clock> = match self.ahead {
            None => Box::new(TestClock { now: FixedClock(self.now.parse().unwrap()), up: self.up }),
            Some(ahead) => Box::new(Hurry(AtomicI64::new(ahead))),
        };
        let system = System {
            folder: self.subfolder.map_or(folder.clone(), |subfolder| folder.join(subfolder)),
            env: Environment::new(env),
            clock,
            random: Box::new(OsRandom),
            disk: Disk::new(self.gate),
            terminal,
            stdin_is_terminal: self.stdin.is_none(),
            stdin: Box::new(Cursor::new(self.stdin.unwrap_or_default())),
            stdout: Box::new(stdout.clone()),
            stdout_is_terminal: self.stdout_is_terminal,
            stderr: Box::new(stderr.clone()),
            stderr_is_terminal: false,
        };
        let arguments = std::iter::once("luca-secrets".into()).chain(self.arguments);
        let code = cli::run(arguments, system);
        let text = |stream: Captured| {
            let text = String::from_utf8(stream.0.take()).unwrap();
            text.replace(self.world.root.canonicalize().unwrap().to_str().unwrap(), "[world]")
                .replace(self.world.root.to_str().unwrap(), "[world]")
                .replace(&format!("@{}", host()), "@[host]")
        };
        Done { code, stdout: text(stdout), stderr: text(stderr) }
    }

    /// Runs it and expects success.
    #[track_caller]
    pub fn success(self) -> Done {
        let done = self.done();
        assert_eq!((done.code, ""), (0, if done.code == 0 { "" } else { &done.stderr }));
        done
    }

    /// Runs it and compares exit code and both outputs, whole.
    #[track_caller]
    pub fn gives(self, code: u8, stdout: &str, stderr: &str) {
        let done = self.done();
        assert_eq!((done.code, done.stdout.as_str(), done.stderr.as_str()), (code, stdout, stderr));
    }
}

/// What came of a command line. Paths of the world are shortened to `[world]`, the machine's name to `[host]`.
pub struct Done {
    /// The exit code.
    pub code: u8,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

fn host() -> String {
    luca_secrets::sys::host_name()
}
