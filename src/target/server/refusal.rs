//! Why a server did not do what it was asked, and why a conversation cannot go on.

use std::fmt;

use super::words::ServerPath;

/// Longest text of another program that is shown, in characters.
const LONGEST_DETAIL: usize = 200;

/// What stands in the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Problem {
    /// `flock` is not installed there.
    NoFlock,
    /// A folder is missing, or may not be entered.
    NoFolder,
    /// The user may not write into the folder, or its disk is read-only.
    ReadOnly,
    /// The lock cannot be taken, for a reason of the system.
    CannotLock,
    /// Somebody else has the lock.
    Held,
    /// More than six folders to lock on one server.
    TooManyFolders,
    /// The symlink leads nowhere, or in a circle.
    Symlink,
    /// Something that is no regular file stands at the path.
    NotAFile,
    /// The user may not read the file.
    Unreadable,
    /// The file is larger than 4 MiB.
    TooLarge,
    /// The file does not hold what it is expected to hold.
    Changed,
    /// An earlier transaction was interrupted and is not healed.
    Unhealed,
    /// Writing or renaming failed.
    CannotWrite,
    /// The new file stays, and what lies beside it could not be put away; the next push does that.
    Unfinished,
    /// What was written is not what was sent.
    Garbled,
    /// The owner or the mode cannot be set.
    CannotOwn,
    /// There is no previous file.
    NoPrevious,
    /// `docker` is not installed there.
    NoDocker,
    /// `docker` failed.
    Docker,
    /// A request came out of its order: a mistake in this program.
    OutOfOrder,
}

/// One request that was refused, and all that can be said of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// What stands in the way.
    pub problem: Problem,
    /// The file or the folder, where there is one.
    pub path: Option<ServerPath>,
    /// What the system or the lock's holder says.
    pub detail: Option<String>,
}

impl Refusal {
    /// Reads `CODE DETAIL`.
    pub(super) fn parse(text: &str, path: Option<ServerPath>) -> Self {
        let (code, detail) = text.split_once(' ').unwrap_or((text, ""));
        let problem = match code {
            "no-flock" => Problem::NoFlock,
            "no-folder" => Problem::NoFolder,
            "read-only" => Problem::ReadOnly,
            "cannot-lock" => Problem::CannotLock,
            "held" => Problem::Held,
            "too-many-folders" => Problem::TooManyFolders,
            "symlink" => Problem::Symlink,
            "not-a-file" => Problem::NotAFile,
            "unreadable" => Problem::Unreadable,
            "too-large" => Problem::TooLarge,
            "changed" => Problem::Changed,
            "unhealed" => Problem::Unhealed,
            "cannot-write" => Problem::CannotWrite,
            "unfinished" => Problem::Unfinished,
            "garbled" => Problem::Garbled,
            "cannot-own" => Problem::CannotOwn,
            "no-previous" => Problem::NoPrevious,
            "no-docker" => Problem::NoDocker,
            "docker" => Problem::Docker,
            _ => Problem::OutOfOrder,
        };
        let detail = match problem {
            Problem::NoFolder | Problem::ReadOnly => None,
            Problem::Held => shown(detail),
            _ => shown(detail.rsplit(": ").next().unwrap_or_default()).map(|detail| lowered(&detail)),
        };
        Self { problem, path, detail }
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<&'static str> {
        Some(match self.problem {
            Problem::NoFlock => "install it there: apt-get install util-linux, or apk add util-linux",
            Problem::NoFolder => "make the folder there, or correct the path in the schema",
            Problem::ReadOnly | Problem::Unreadable => {
                "connect as the file's owner, or as one who may use sudo"
            }
            Problem::Held => {
                "wait until that push has ended and try again; one that has died is ended by \
                 `luca-secrets push --recover --take-over`"
            }
            Problem::TooManyFolders => "put files of one server into fewer folders",
            Problem::Symlink | Problem::NotAFile => "correct the path in the schema, or what stands there",
            Problem::Changed => "see luca-secrets diff",
            Problem::Unhealed | Problem::Unfinished => "run luca-secrets push --recover",
            Problem::CannotWrite if self.is_full() => "make room there and try again",
            Problem::CannotOwn => "connect as root, or as one who may use sudo, or leave the owner as it is",
            Problem::NoDocker => "the schema asks for a variable of containers: install docker there",
            _ => return None,
        })
    }

    fn is_full(&self) -> bool {
        self.detail.as_deref().is_some_and(|detail| detail.contains("space") || detail.contains("quota"))
    }

    fn sentence(&self) -> &'static str {
        match self.problem {
            Problem::NoFlock => "flock is not installed there, so nothing can be locked",
            Problem::NoFolder => "the folder is missing, or may not be entered",
            Problem::ReadOnly => "the folder cannot be written to",
            Problem::CannotLock => "the folder cannot be locked",
            Problem::Held => "the folder is locked",
            Problem::TooManyFolders => "more than six folders would have to be locked at once",
            Problem::Symlink => "the symlink leads nowhere",
            Problem::NotAFile => "something that is no file stands there",
            Problem::Unreadable => "the file cannot be read",
            Problem::TooLarge => "the file is larger than 4 MiB",
            Problem::Changed => "the file is not as it was when the plan was made",
            Problem::Unhealed => "an interrupted push has left the file unfinished",
            Problem::CannotWrite => "writing in the folder failed",
            Problem::Unfinished => "the new file is in place, but the old one could not be put away",
            Problem::Garbled => "what arrived there is not what was sent",
            Problem::CannotOwn => "the owner and mode cannot be set",
            Problem::NoPrevious => "there is no previous file",
            Problem::NoDocker => "docker is not installed there",
            Problem::Docker => "docker failed",
            Problem::OutOfOrder => "the requests came in the wrong order, which is a mistake in this program",
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(path) = &self.path {
            write!(f, "{path}: ")?;
        }
        f.write_str(self.sentence())?;
        match (&self.detail, self.problem) {
            (Some(detail), Problem::Held) => write!(f, " by {detail}"),
            (None, Problem::Held) => f.write_str(" by another process"),
            (Some(detail), _) => write!(f, ": {detail}"),
            (None, _) => Ok(()),
        }
    }
}

impl std::error::Error for Refusal {}

/// Why a conversation cannot go on. What was not committed is put back over there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Broken {
    /// `sudo -n` did not let the script run; what it said.
    Sudo(String),
    /// The script did not greet; the last line of the error stream, if any.
    NoGreeting(Option<String>),
    /// So much was printed before the greeting that it is not waited for any longer.
    TooMuchTalk,
    /// The connection ended with replies still to come.
    Cut,
    /// Something came that is no reply. Its text is not repeated.
    NotAReply,
}

impl Broken {
    /// What to do about it.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Sudo(said) if said.contains("password") => {
                Some("allow it without a password in /etc/sudoers.d, or connect as root")
            }
            Self::Sudo(_) => Some("install sudo there, or connect as root"),
            Self::NoGreeting(_) | Self::TooMuchTalk => {
                Some("the login shell there must run POSIX commands, and its profile must not stop or loop")
            }
            Self::Cut => Some("run luca-secrets push again: it finds and ends what was interrupted"),
            Self::NotAReply => None,
        }
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sudo(said) => write!(f, "sudo does not let the user run commands: {said}"),
            Self::NoGreeting(Some(said)) => write!(f, "the server did not run the command: {said}"),
            Self::NoGreeting(None) => f.write_str("the server did not run the command"),
            Self::TooMuchTalk => f.write_str("the login shell there prints without end"),
            Self::Cut => f.write_str("the connection ended before the server had answered"),
            Self::NotAReply => f.write_str("the server answered something that is no reply"),
        }
    }
}

impl std::error::Error for Broken {}

/// A text of another program, short and without control characters.
pub(super) fn shown(text: &str) -> Option<String> {
    let clean: String = text.trim().chars().filter(|c| !c.is_control()).take(LONGEST_DETAIL).collect();
    (!clean.is_empty()).then_some(clean)
}

/// The text with a small first letter, as messages here have it.
fn lowered(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map_or(String::new(), |first| first.to_lowercase().chain(characters).collect())
}
