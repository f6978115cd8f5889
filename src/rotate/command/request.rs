//! What the program is told, and how it is run.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Map, Value, json};
use zeroize::Zeroizing;

use crate::secret::Redactor;
use crate::store::{Material, Values};
use crate::sys::{Environment, Finished, Program, Variable, describe};

use super::super::trouble::Trouble;

/// The version of the contract.
pub const VERSION: u32 = 1;

/// Most bytes that are read of standard output, and of standard error: 64 KiB.
const LONGEST_OUTPUT: usize = 64 << 10;

/// What the program gets of our environment: where things are, and how the network is reached.
const INHERITED: [Variable; 13] = [
    Variable::Path,
    Variable::Home,
    Variable::User,
    Variable::SslCertFile,
    Variable::SslCertDir,
    Variable::HttpsProxy,
    Variable::HttpsProxyLower,
    Variable::AllProxy,
    Variable::AllProxyLower,
    Variable::NoProxy,
    Variable::NoProxyLower,
    Variable::RuntimeDir,
    Variable::ConfigHome,
];

/// A program, and where it runs.
pub(super) struct Runner {
    /// The program and its arguments.
    run: Vec<String>,
    /// The project's folder.
    root: PathBuf,
    /// How long one request may take.
    within: Duration,
    /// Its whole environment.
    environment: Vec<(OsString, OsString)>,
}

/// One request.
pub(super) struct Request<'a> {
    /// What is to be done: `create`, `apply`, `test`, `finish`, `undo` or `probe`.
    pub(super) verb: &'a str,
    /// The rotation's name.
    pub(super) id: &'a str,
    /// The secret that gives the rotation its name.
    pub(super) secret: &'a str,
    /// What the secrets were when the rotation began.
    pub(super) current: &'a Values,
    /// What they will be; without those that nobody knows yet.
    pub(super) new: &'a Values,
    /// What the program wanted to be kept.
    pub(super) keep: &'a Material,
}

impl Runner {
    pub(super) fn new(run: Vec<String>, root: PathBuf, within: Duration, env: &Environment) -> Self {
        let inherited = INHERITED
            .iter()
            .filter_map(|variable| Some((OsString::from(variable.name()), env.get(*variable)?.to_owned())));
        let environment = inherited.chain([("LC_ALL".into(), "C.UTF-8".into())]).collect();
        Self { run, root, within, environment }
    }

    /// Runs the program with one request to its end.
    pub(super) fn send(&self, request: &Request<'_>) -> Result<Finished, Trouble> {
        let input = Zeroizing::new(serde_json::to_vec(&request.message()).unwrap_or_default());
        let (name, arguments) =
            self.run.split_first().map_or(("", &[][..]), |(name, rest)| (name.as_str(), rest));
        // A path starts at the project's folder, wherever this program was started.
        let name =
            if name.contains('/') { self.root.join(name).display().to_string() } else { name.to_owned() };
        let program = Program {
            name: &name,
            folder: &self.root,
            arguments: &arguments.iter().map(OsString::from).collect::<Vec<_>>(),
            environment: &self.environment,
            input: &input,
            limit: LONGEST_OUTPUT,
            within: self.within,
            is_alone: true,
        };
        program.run().map_err(|error| {
            Trouble::unavailable(format!("{} cannot be started: {}", self.label(), describe(&error)))
                .hint("`run` of the rotation names the program, from the project's folder or in PATH")
        })
    }

    /// How messages call it.
    pub(super) fn label(&self) -> &str {
        self.run.first().map_or("the program", String::as_str)
    }

    /// How long one request may take.
    pub(super) const fn within(&self) -> Duration {
        self.within
    }
}

impl Request<'_> {
    fn message(&self) -> Value {
        json!({
            "luca-secrets": VERSION,
            "verb": self.verb,
            "id": self.id,
            "secret": self.secret,
            "current": spelled(self.current),
            "new": spelled(self.new),
            "keep": self.keep.iter().map(|(name, value)| (name.clone(), value.expose().into())).collect::<Map<_, _>>(),
        })
    }

    /// What hides every value of the request, in the spellings that error messages have them in too.
    pub(super) fn redactor(&self) -> Redactor {
        let mut redactor = Redactor::default();
        let values = self.current.values().chain(self.new.values()).flatten().chain(self.keep.values());
        for value in values {
            super::reply::hide(&mut redactor, value);
        }
        redactor
    }
}

fn spelled(values: &Values) -> Map<String, Value> {
    let spell = |value: &Option<crate::secret::SecretValue>| {
        value.as_ref().map_or(Value::Null, |value| value.expose().into())
    };
    values.iter().map(|(name, value)| (name.as_str().to_owned(), spell(value))).collect()
}
