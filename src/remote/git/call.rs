//! How git is called: on a repository's own folder, so that no work tree, index or `HEAD` is in play; without hooks,
//! housekeeping, prompts or translations.

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use crate::remote::error::{RemoteError, RemoteProblem};
use crate::store::SIZE_LIMIT;
use crate::sys::{Ending, Finished, Program, describe};

/// How long a call may take that goes over the network.
const NETWORK_TIME: Duration = Duration::from_mins(1);

/// Settings that hold for every call, whatever the user's own say.
const SETTINGS: [&str; 8] = [
    "core.fsync=committed",
    "core.fsyncMethod=fsync",
    "core.hooksPath=/dev/null",
    "gc.auto=0",
    "maintenance.auto=false",
    "push.followTags=false",
    "submodule.recurse=false",
    "advice.pushUpdateRejected=false",
];

/// The variables by which a caller could point git elsewhere.
const ELSEWHERE: [&str; 7] = [
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_NAMESPACE",
    "GIT_COMMON_DIR",
];

/// Git on one repository.
pub(super) struct Git {
    /// The repository's own folder: `.git`, or a bare one.
    pub(super) folder: PathBuf,
    /// What every call inherits.
    environment: Vec<(OsString, OsString)>,
    /// For messages.
    pub(super) label: String,
}

impl Git {
    /// `environment` is the caller's; a person can be asked for passwords only if `is_interactive`.
    pub(super) fn new(
        folder: PathBuf,
        environment: Vec<(OsString, OsString)>,
        is_interactive: bool,
        label: String,
    ) -> Self {
        let is_kept = |(name, _): &(OsString, OsString)| !ELSEWHERE.iter().any(|other| name == other);
        let mut environment: Vec<_> = environment.into_iter().filter(is_kept).collect();
        let mut set = |name: &str, value: &str| {
            environment.retain(|(other, _)| other != name);
            environment.push((name.into(), value.into()));
        };
        set("LC_ALL", "C");
        set("LANGUAGE", "");
        if !is_interactive {
            set("GIT_TERMINAL_PROMPT", "0");
            set("SSH_ASKPASS_REQUIRE", "never");
        }
        Self { folder, environment, label }
    }

    /// Runs git with these words; `also` is added to its environment.
    pub(super) fn run(
        &self,
        words: &[&str],
        input: &[u8],
        also: &[(&str, OsString)],
    ) -> Result<Finished, RemoteError> {
        let mut arguments: Vec<OsString> = Vec::new();
        for setting in SETTINGS {
            arguments.extend(["-c".into(), setting.into()]);
        }
        let mut git_dir = OsString::from("--git-dir=");
        git_dir.push(&self.folder);
        arguments.extend([git_dir, "--literal-pathspecs".into()]);
        arguments.extend(words.iter().map(Into::into));
        let mut environment = self.environment.clone();
        environment.extend(also.iter().map(|(name, value)| (OsString::from(name), value.clone())));
        let limit = usize::try_from(SIZE_LIMIT).unwrap_or(usize::MAX);
        let program = Program {
            name: "git",
            folder: &self.folder,
            arguments: &arguments,
            environment: &environment,
            input,
            limit,
            within: NETWORK_TIME,
            is_alone: false,
        };
        program.run().map_err(|error| self.not_started(&error))
    }

    /// What git prints; `None` if it says no.
    pub(super) fn ask(&self, words: &[&str]) -> Result<Option<Vec<u8>>, RemoteError> {
        let finished = self.run(words, b"", &[])?;
        Ok((finished.ending == Some(Ending::Code(0))).then_some(finished.stdout))
    }

    /// What git prints, without its last line feed; anything but success is a failure of the step that `what` names.
    pub(super) fn must(
        &self,
        what: &str,
        words: &[&str],
        input: &[u8],
        also: &[(&str, OsString)],
    ) -> Result<String, RemoteError> {
        let finished = self.run(words, input, also)?;
        if finished.ending != Some(Ending::Code(0)) {
            return Err(self.error(RemoteProblem::Failed(format!("git could not {what}"))));
        }
        Ok(String::from_utf8_lossy(&finished.stdout).trim_end().to_owned())
    }

    pub(super) fn error(&self, problem: RemoteProblem) -> RemoteError {
        RemoteError::new(&self.label, problem)
    }

    fn not_started(&self, error: &io::Error) -> RemoteError {
        let text = if error.kind() == io::ErrorKind::NotFound {
            "git is not installed".to_owned()
        } else {
            format!("git cannot be started: {}", describe(error))
        };
        self.error(RemoteProblem::Settings(text))
    }
}
