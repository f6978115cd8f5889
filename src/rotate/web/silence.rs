//! Why a `manage.py` has given no answer, as far as its errors tell that without a value: none of their text is shown but
//! the name of an exception.

use std::fmt;

/// What the errors tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Silence {
    /// Docker has not begun it.
    NotBegun(&'static str),
    /// Docker cannot be talked with, be it before or in the middle.
    NoDocker(&'static str),
    /// It ended by an exception of this class.
    Raised(String),
}

impl fmt::Display for Silence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotBegun(why) | Self::NoDocker(why) => f.write_str(why),
            Self::Raised(class) => write!(f, "it raised {class}"),
        }
    }
}

/// Reads the errors of Docker, Compose and Python.
pub(super) fn reason(errors: &str) -> Option<Silence> {
    let last = errors.lines().rev().map(str::trim).find(|line| !line.is_empty())?;
    of_docker(&last.to_lowercase()).or_else(|| exception(errors).map(Silence::Raised))
}

/// What Docker's client or Compose means by its last line.
fn of_docker(line: &str) -> Option<Silence> {
    let is_of_container = line.starts_with("service \"") || line.contains("container ");
    let not_begun = [
        (is_of_container && line.ends_with(" is not running"), "its container is not running"),
        (
            line.ends_with("wait until the container is running"),
            "its container is restarting again and again",
        ),
        (line.ends_with("unpause the container before exec"), "its container is paused"),
        (line.starts_with("no such service: "), "the compose file has no such service"),
        (line.starts_with("no configuration file provided"), "there is no compose file in that folder"),
        (
            line.starts_with("open /") && line.ends_with("no such file or directory"),
            "there is no such compose file",
        ),
    ];
    let no_docker = [
        (line.starts_with("cannot connect to the docker daemon"), "Docker does not answer there"),
        (
            line.starts_with("permission denied while trying to connect to the docker"),
            "the user may not use Docker there",
        ),
    ];
    let first = |all: &[(bool, &'static str)]| all.iter().find(|(holds, _)| *holds).map(|(_, why)| *why);
    first(&not_begun).map(Silence::NotBegun).or_else(|| first(&no_docker).map(Silence::NoDocker))
}

/// The class of the exception that a traceback ends with, without its message.
fn exception(errors: &str) -> Option<String> {
    let (_, traceback) = errors.rsplit_once("Traceback (most recent call last):")?;
    let line = traceback.lines().skip(1).find(|line| !line.is_empty() && !line.starts_with(' '))?;
    let class = line.split(':').next()?.trim_end();
    let is_name = |part: &str| {
        part.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    let own = class.rsplit('.').next()?;
    let is_class = class.split('.').all(is_name) && own.starts_with(|c: char| c.is_ascii_uppercase());
    is_class.then(|| class.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn docker_says_that_nothing_was_begun() {
        for (errors, expected) in [
            ("service \"django\" is not running\n", "its container is not running"),
            (
                "time=\"…\" level=warning msg=\"The \\\"A\\\" variable is not set.\"\n\
                 Error response from daemon: Container 0123 is not running\n",
                "its container is not running",
            ),
            ("Error response from daemon: container 0123 is not running", "its container is not running"),
            (
                "Error response from daemon: Container 0123 is restarting, wait until the container is running\n",
                "its container is restarting again and again",
            ),
            (
                "Error response from daemon: Container 0123 is paused, unpause the container before exec",
                "its container is paused",
            ),
            ("no such service: djang", "the compose file has no such service"),
            ("no configuration file provided: not found", "there is no compose file in that folder"),
            ("open /srv/app/x.yml: no such file or directory", "there is no such compose file"),
        ] {
            assert_eq!(reason(errors), Some(Silence::NotBegun(expected)), "{errors}");
        }
    }

    #[test]
    fn a_daemon_that_is_gone_may_have_begun_it() {
        for (errors, expected) in [
            (
                "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?",
                "Docker does not answer there",
            ),
            (
                "permission denied while trying to connect to the Docker daemon socket at unix:///var/run/docker.sock: …",
                "the user may not use Docker there",
            ),
        ] {
            assert_eq!(reason(errors), Some(Silence::NoDocker(expected)), "{errors}");
        }
    }

    #[test]
    fn of_an_exception_only_the_class_is_shown() {
        let traceback = "Traceback (most recent call last):\n  File \"manage.py\", line 1, in <module>\n    x\n\
                         KeyError: 'hunter2'\n\nThe above exception was the direct cause of the following exception:\n\n\
                         Traceback (most recent call last):\n  File \"settings.py\", line 2, in <module>\n    y\n\
                         django.core.exceptions.ImproperlyConfigured: set hunter2\nor hunter3: now\n";
        let raised = |class: &str| Some(Silence::Raised(class.to_owned()));
        assert_eq!(reason(traceback), raised("django.core.exceptions.ImproperlyConfigured"));
        assert_eq!(
            reason("Traceback (most recent call last):\n  x\nKeyboardInterrupt\n"),
            raised("KeyboardInterrupt")
        );
        for errors in [
            "",
            "hunter2",
            "ValueError: hunter2",
            "Traceback (most recent call last):\n  x\nhunter2 is wrong: x\n",
        ] {
            assert_eq!(reason(errors), None, "{errors}");
        }
    }
}
