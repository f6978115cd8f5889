//! The server on which an application runs.

use std::time::Duration;

use crate::name::TargetName;
use crate::push::destination;
use crate::rotate::kinds::World;
use crate::rotate::trouble::Trouble;
use crate::secret::SecretText;
use crate::ssh::{Connection, Destination, Output, Phase, SshError, SshProblem};

/// A server of the schema.
pub(super) struct Host {
    name: TargetName,
    destination: Destination,
    sudo: bool,
    limit: Duration,
}

/// A command that was not seen to end.
pub(super) enum Lost {
    /// It was never begun.
    Before(Trouble),
    /// It may have done what it was to do.
    During(Trouble),
}

impl Host {
    /// The server of that name. Nothing is connected yet.
    pub(super) fn new(name: &TargetName, world: &World<'_>) -> Result<Self, Trouble> {
        let reached = destination(world.schema, world.document, name, &world.around);
        let destination = reached.map_err(|reason| {
            let trouble = Trouble::held(&reason);
            reason.hint.iter().fold(trouble, Trouble::hint)
        })?;
        let declared = world.schema.servers.get(name);
        let (sudo, limit) = declared.map_or((false, Duration::from_mins(1)), |one| (one.sudo, one.timeout));
        Ok(Self { name: name.clone(), destination, sudo, limit })
    }

    /// The longest that a command takes, logging in included.
    pub(super) fn longest(&self) -> Duration {
        self.limit + Duration::from_mins(1)
    }

    /// What it is called in the schema.
    pub(super) fn name(&self) -> &TargetName {
        &self.name
    }

    /// Runs a program with its arguments in a folder, and gives it this input. No value stands in a word.
    pub(super) async fn run(
        &self,
        folder: Option<&str>,
        words: &[&str],
        input: &SecretText,
    ) -> Result<Output, Lost> {
        let connection = self.open().await.map_err(Lost::Before)?;
        let command = command(folder, words, self.sudo);
        let ran = connection.run(&command, input, self.limit).await;
        connection.close().await;
        ran.map_err(|error| {
            let message = format!("server {}: {error}", self.name);
            if may_have_run(&error.problem) {
                Lost::During(Trouble::in_doubt(message))
            } else {
                Lost::Before(Trouble::unavailable(message))
            }
        })
    }

    /// Logs in.
    pub(super) async fn open(&self) -> Result<Connection, Trouble> {
        Connection::open(&self.destination).await.map_err(|error| self.trouble(&error))
    }

    fn trouble(&self, error: &SshError) -> Trouble {
        let message = format!("server {}: {error}", self.name);
        match error.problem {
            SshProblem::HostKeyUnknown(_)
            | SshProblem::HostKeyChanged { .. }
            | SshProblem::HostKeyRevoked(_)
            | SshProblem::HostKeyByAuthority(_) => Trouble::held(message)
                .hint(format_args!("`luca-secrets server pin {}` shows the keys that it has", self.name)),
            _ => Trouble::unavailable(message),
        }
    }
}

/// A command line for the shell over there. The folder may be one that only root can enter.
fn command(folder: Option<&str>, words: &[&str], sudo: bool) -> String {
    let words = shell_words::join(words);
    let change = folder.map(|folder| format!("cd {} && ", shell_words::quote(folder)));
    match (change, sudo) {
        (Some(change), true) => {
            let script = format!("{change}exec \"$@\"");
            format!("exec sudo -n -- sh -c {} sh {words}", shell_words::quote(&script))
        }
        (None, true) => format!("exec sudo -n -- {words}"),
        (change, false) => format!("{}exec {words}", change.unwrap_or_default()),
    }
}

/// Whether a command may have been begun when this went wrong.
fn may_have_run(problem: &SshProblem) -> bool {
    match problem {
        SshProblem::CommandRefused | SshProblem::ChannelRefused(_) => false,
        SshProblem::TimedOut(phase, _) | SshProblem::Closed(phase, _) => *phase == Phase::Command,
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_stay_words_in_the_shell() {
        let words = ["python", "manage.py", "shell", "-c", "print('a b')\n"];
        let plain = "python manage.py shell -c 'print('\\''a b'\\'')\n'";
        assert_eq!(command(Some("/srv/my app"), &words, false), format!("cd '/srv/my app' && exec {plain}"));
        assert_eq!(
            command(Some("/srv/app"), &words, true),
            format!("exec sudo -n -- sh -c 'cd /srv/app && exec \"$@\"' sh {plain}")
        );
        assert_eq!(command(None, &["true"], true), "exec sudo -n -- true");
        assert_eq!(command(None, &["true"], false), "exec true");
    }
}
