//! The stand-in for GitHub as a child process, and pushes to it.

use std::cell::RefCell;
use std::future::Future;
use std::io::{self, BufRead, BufReader, Write};
use std::pin::Pin;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use luca_secrets::http::{Address, Client, Pause};
use luca_secrets::name::VariableName;
use luca_secrets::secret::{FingerprintKey, SecretValue};
use luca_secrets::sys::{Environment, FixedClock, Random};
use luca_secrets::target::github::{
    Action, Applied, Github, Kind, Kinds, Observed, Options, PushRecord, Scope, Settings, Wanted, plan,
};

use crate::harness::{NOW, tools};

/// A running server; it ends with this value.
pub struct Fake {
    child: Child,
    talk: RefCell<(Option<ChildStdin>, BufReader<ChildStdout>)>,
    pub port: u64,
    pub certificate: String,
    _folder: tempfile::TempDir,
}

impl Drop for Fake {
    fn drop(&mut self) {
        // It ends at the end of its input.
        self.talk.get_mut().0 = None;
        self.child.wait().unwrap();
    }
}

impl Fake {
    pub fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut child = Command::new(tools().join("python/bin/python"))
            .arg("tests/github/server.py")
            .arg(folder.path())
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let talk = RefCell::new((child.stdin.take(), BufReader::new(child.stdout.take().unwrap())));
        let mut fake = Self { child, talk, port: 0, certificate: String::new(), _folder: folder };
        let hello = fake.listen();
        fake.port = hello["port"].as_u64().unwrap();
        hello["certificate"].as_str().unwrap().clone_into(&mut fake.certificate);
        fake
    }

    fn listen(&self) -> Value {
        let mut line = String::new();
        self.talk.borrow_mut().1.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap()
    }

    fn command(&self, command: &Value) -> Value {
        writeln!(self.talk.borrow_mut().0.as_mut().unwrap(), "{command}").unwrap();
        self.listen()
    }

    /// What it holds.
    pub fn state(&self) -> Value {
        self.command(&json!({"do": "state"}))
    }

    /// What was asked since the last call of this.
    pub fn log(&self) -> Vec<String> {
        serde_json::from_value(self.command(&json!({"do": "log"}))).unwrap()
    }

    /// What to do wrong at which request.
    pub fn faults(&self, faults: &Value) {
        self.command(&json!({"do": "faults", "faults": faults}));
    }

    /// Everything as in the beginning.
    pub fn reset(&self) {
        self.command(&json!({"do": "reset"}));
    }

    /// Somebody else writes.
    pub fn set(&self, scope: &str, kind: &str, name: &str, value: &str) {
        self.command(&json!({"do": "set", "scope": scope, "kind": kind, "name": name, "value": value}));
    }

    /// A run of a workflow is there, begun so many seconds from the server's now.
    pub fn run(&self, repository: &str, id: u64, status: &str, offset: i64) {
        self.command(&json!({"do": "run", "repo": repository, "id": id, "status": status, "offset": offset}));
    }

    /// Somebody else removes.
    pub fn remove(&self, scope: &str, kind: &str, name: &str) {
        self.command(&json!({"do": "remove", "scope": scope, "kind": kind, "name": name}));
    }
}

pub fn repository() -> Scope {
    Scope::Repository { owner: "example".to_owned(), name: "shop".to_owned() }
}

/// Notes pauses, in milliseconds, and takes none.
#[derive(Default)]
struct NoPause(RefCell<Vec<u128>>);

impl Pause for NoPause {
    fn pause(&self, time: Duration) -> Pin<Box<dyn Future<Output = ()> + '_>> {
        self.0.borrow_mut().push(time.as_millis());
        Box::pin(std::future::ready(()))
    }
}

/// Randomness without surprise.
struct Zeros;

impl Random for Zeros {
    fn fill(&mut self, buffer: &mut [u8]) -> io::Result<()> {
        buffer.fill(0);
        Ok(())
    }
}

/// A push and its circumstances.
pub struct Push {
    pub scope: Scope,
    pub want: Vec<(Kind, String, String)>,
    pub options: Options,
    pub token: String,
    pub base: String,
    pub env: Vec<(String, String)>,
    pub time_out: Duration,
}

/// What came of it.
pub struct Pushed {
    /// Name and action of every step.
    pub steps: Vec<(String, Action)>,
    pub is_clean: bool,
    /// The record as it must be safe before the first write.
    pub begun: PushRecord,
    pub applied: Applied,
    pub requests: usize,
    /// Milliseconds.
    pub pauses: Vec<u128>,
}

impl Pushed {
    /// What differs.
    pub fn changes(&self) -> String {
        let word = |action| match action {
            Action::Create => Some("create"),
            Action::Change => Some("change"),
            Action::Drifted(_) => Some("drifted"),
            Action::Orphan => Some("orphan"),
            Action::Unchanged => None,
        };
        let list = self.steps.iter().filter_map(|(name, action)| Some(format!("{} {name}", word(*action)?)));
        list.collect::<Vec<_>>().join(", ")
    }

    /// What failed, a line each.
    pub fn failures(&self) -> Vec<String> {
        self.applied.failed.iter().map(|(_, name, error)| format!("{name}: {error}")).collect()
    }
}

impl Push {
    pub fn new(fake: &Fake, scope: Scope) -> Self {
        Self {
            scope,
            want: Vec::new(),
            options: Options::default(),
            token: "made-up".to_owned(),
            base: format!("https://127.0.0.1:{}/api/v3", fake.port),
            env: vec![("SSL_CERT_FILE".to_owned(), fake.certificate.clone())],
            time_out: Duration::from_mins(1),
        }
    }

    pub fn want(&mut self, kind: Kind, name: &str, value: &str) {
        self.want.push((kind, name.to_owned(), value.to_owned()));
    }

    /// Wants another value under a name, as secret and as variable.
    pub fn change(&mut self, name: &str, value: &str) {
        for want in self.want.iter_mut().filter(|want| want.1 == name) {
            value.clone_into(&mut want.2);
        }
    }

    /// Looks at secrets and variables.
    pub fn observe(&self) -> Result<Observed, String> {
        let kinds = Kinds { secrets: true, variables: true };
        self.with(async |github, _| {
            github.observe(&self.scope, kinds).await.map_err(|error| error.to_string())
        })
    }

    /// Observes, plans and applies.
    pub fn run(&self, record: &PushRecord) -> Result<Pushed, String> {
        let names: Vec<_> = self.want.iter().map(|want| VariableName::parse(&want.1).unwrap()).collect();
        let values: Vec<_> = self.want.iter().map(|want| SecretValue::new(want.2.clone())).collect();
        let wanted: Vec<_> = (0..names.len())
            .map(|at| Wanted { kind: self.want[at].0, name: &names[at], value: &values[at] })
            .collect();
        let needs = |kind| wanted.iter().any(|want| want.kind == kind) || !record.of_kind(kind).is_empty();
        let kinds = Kinds { secrets: needs(Kind::Secret), variables: needs(Kind::Variable) };
        self.with(async |github, pause| {
            let observed = github.observe(&self.scope, kinds).await.map_err(|error| error.to_string())?;
            let key = FingerprintKey::new("made up");
            let planned = plan(&self.scope, &wanted, observed, record, &key, self.options);
            let planned = planned.map_err(|refusals| {
                refusals.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
            })?;
            let applied = github.apply(&self.scope, &planned, self.options, record).await;
            Ok(Pushed {
                steps: planned.steps.iter().map(|step| (step.name.to_string(), step.action)).collect(),
                is_clean: planned.is_clean(),
                begun: planned.begin(record, self.options),
                applied,
                requests: github.requests(),
                pauses: pause.0.borrow().clone(),
            })
        })
    }

    fn with<T>(
        &self,
        work: impl AsyncFnOnce(&Github<'_>, &NoPause) -> Result<T, String>,
    ) -> Result<T, String> {
        let env = Environment::new(self.env.iter().map(|(name, value)| (name.into(), value.into())));
        let client = Client::new(&env, self.time_out).map_err(|error| error.to_string())?;
        let (pause, clock, mut random) = (NoPause::default(), FixedClock(NOW.parse().unwrap()), Zeros);
        let random: RefCell<&mut dyn Random> = RefCell::new(&mut random);
        let github = Github::new(Settings {
            client: &client,
            base: Address::parse(&self.base).unwrap(),
            token: SecretValue::new(self.token.clone()),
            clock: &clock,
            random: &random,
            pause: &pause,
            patience: Duration::from_mins(15),
        });
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(work(&github, &pause))
    }
}
