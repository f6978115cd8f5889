//! The one boundary where errors become words, hints and an exit code.

use std::fmt;
use std::io;

use crate::name::NameError;
use crate::remote::{RemoteError, RemoteProblem};
use crate::schema::LoadError;
use crate::store::{EnvelopeError, IdentityError, KeyProblem, StoreError};
use crate::sys::{FileError, FileProblem, LockError, describe};

/// How a command failed, and so its exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// It failed.
    Failed,
    /// It was called wrongly.
    Usage,
    /// A check found something.
    Finding,
    /// A person is needed.
    Held,
    /// Somebody else changed it; nothing was written.
    Changed,
    /// The other side cannot be reached for now.
    Offline,
    /// The reader of standard output went away.
    BrokenPipe,
    /// A program could not be started; the exit code that shells give.
    NotStarted(u8),
}

impl Kind {
    /// The exit code.
    pub(super) const fn code(self) -> u8 {
        match self {
            Self::Failed | Self::Offline | Self::BrokenPipe => 1,
            Self::Usage => 2,
            Self::Finding => 3,
            Self::Held => 4,
            Self::Changed => 5,
            Self::NotStarted(code) => code,
        }
    }
}

/// Why a command did not do its work: what to print and the exit code.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) kind: Kind,
    /// One line each.
    pub(super) messages: Vec<String>,
    pub(super) hints: Vec<String>,
}

impl Failure {
    /// A plain failure.
    pub(super) fn new(message: impl fmt::Display) -> Self {
        Self { kind: Kind::Failed, messages: vec![message.to_string()], hints: Vec::new() }
    }

    /// Several messages at once.
    pub(super) fn many(messages: impl IntoIterator<Item = String>) -> Self {
        Self { kind: Kind::Failed, messages: messages.into_iter().collect(), hints: Vec::new() }
    }

    /// The command was called wrongly.
    pub(super) fn usage(message: impl fmt::Display) -> Self {
        Self::new(message).kind(Kind::Usage)
    }

    /// Findings that were already printed.
    pub(super) fn findings() -> Self {
        Self { kind: Kind::Finding, messages: Vec::new(), hints: Vec::new() }
    }

    /// The same with another kind.
    pub(super) fn kind(mut self, kind: Kind) -> Self {
        self.kind = kind;
        self
    }

    /// Both at once, of the first one's kind.
    pub(super) fn and(mut self, other: Self) -> Self {
        self.messages.extend(other.messages);
        self.hints.extend(other.hints);
        self
    }

    /// The same with a hint: what to do next.
    pub(super) fn hint(mut self, hint: impl fmt::Display) -> Self {
        self.hints.push(hint.to_string());
        self
    }

    /// The same with further hints, or without any.
    pub(super) fn hints(mut self, hints: impl IntoIterator<Item = impl fmt::Display>) -> Self {
        self.hints.extend(hints.into_iter().map(|hint| hint.to_string()));
        self
    }
}

impl From<io::Error> for Failure {
    /// Only standard streams give bare errors; everything else carries its path.
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Self { kind: Kind::BrokenPipe, messages: Vec::new(), hints: Vec::new() };
        }
        Self::new(format_args!("standard output: {}", describe(&error)))
    }
}

impl From<NameError> for Failure {
    fn from(error: NameError) -> Self {
        Self::usage(error)
    }
}

impl From<FileError> for Failure {
    fn from(error: FileError) -> Self {
        let failure = Self::new(&error);
        match &error.problem {
            FileProblem::Symlink => {
                failure.hint("remove the symlink, or name the file that it points to with --to")
            }
            FileProblem::FolderWritableByOthers => {
                let folder = error.path.display();
                failure.hint(format_args!("take the right away from others: chmod go-w {folder}"))
            }
            FileProblem::Io(error) if error.kind() == io::ErrorKind::StorageFull => {
                failure.hint("make room and try again")
            }
            _ => failure,
        }
    }
}

impl From<LoadError> for Failure {
    fn from(error: LoadError) -> Self {
        match error {
            LoadError::NoSchema(folder) => Self::new(format_args!("{}: no schema here", folder.display()))
                .hint("make one with `luca-secrets init`, or name its folder with --schemas FOLDER"),
            LoadError::File(error) => error.into(),
            LoadError::NotUtf8(path) => Self::new(format_args!("{}: not UTF-8 text", path.display())),
            LoadError::Invalid(errors) => {
                let mut failure = Self::many(errors.iter().map(ToString::to_string));
                failure.hints = errors.into_iter().filter_map(|error| error.hint).collect();
                failure.hints.dedup();
                failure
            }
        }
    }
}

impl From<RemoteError> for Failure {
    fn from(error: RemoteError) -> Self {
        let failure = Self::new(&error);
        match error.problem {
            RemoteProblem::Unreachable(_) | RemoteProblem::Busy(_) => {
                failure.kind(Kind::Offline).hint("try again, or work on the copy here with --offline")
            }
            RemoteProblem::ClockSkew(_) => failure.hint("set the clock of this machine, then try again"),
            RemoteProblem::Denied(_) => {
                failure.hint("other commands than `remote` can leave the store's home alone: --offline")
            }
            RemoteProblem::Damaged(_) | RemoteProblem::Unsafe(_) => failure.kind(Kind::Held),
            _ => failure,
        }
    }
}

impl From<LockError> for Failure {
    fn from(error: LockError) -> Self {
        let held = matches!(error, LockError::Held(..));
        let failure = Self::new(error);
        if held {
            return failure
                .kind(Kind::Changed)
                .hint("nothing was written; try again, or wait longer with --lock-timeout");
        }
        failure
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::File(error) if error.is_not_found() => {
                Self::new(format_args!("{}: no store here", error.path.display()))
                    .hint("make one with `luca-secrets init`, or name one with --store FILE")
            }
            StoreError::File(error) => error.into(),
            StoreError::Lock(error) => error.into(),
            StoreError::Envelope(_, ref kind) => with_envelope_hint(Self::new(&error), kind),
            StoreError::Document(..) => Self::new(error)
                .hint("look at it with `age -d -i IDENTITY secrets.enc`, or take an earlier one from git"),
            StoreError::Conflict(_) => Self::new(error)
                .kind(Kind::Changed)
                .hint("nothing was written; look at the new values and do it again"),
            StoreError::Replaced(_) | StoreError::WentBack(..) => Self::new(error).kind(Kind::Changed),
            StoreError::NoReader(_) => {
                Self::new(error).hint("nothing was written; add another reader first, with `luca-secrets recipients add`")
            }
            StoreError::LockedOut(_) => Self::new(error).hint(
                "nothing was written; name an identity that opens it afterwards with --identity FILE, or let another reader do it",
            ),
            StoreError::Unproven(_) => Self::new(error).hint("nothing was written"),
            StoreError::Unrelated(_) => Self::new(error).hint(
                "keep one with `git checkout --ours secrets.enc` or `--theirs`, then make the other's changes again",
            ),
            StoreError::Unsettled(_) => {
                Self::new(error).hint("settle it on its branch first, with `luca-secrets merge` there")
            }
            StoreError::Rotating(_) => Self::new(&error).kind(Kind::Changed).hint(
                "nothing was written; `luca-secrets rotate --resume` brings it to its end, and `rotate --undo NAME` takes it back",
            ),
            StoreError::Rotated(_, ref rotation) => {
                let hint = format!(
                    "nothing was written; `luca-secrets rotate --resume {rotation}` brings it to its end, `rotate --undo {rotation}` takes it back, and `rotate --adopt {rotation}` takes over a value that works already"
                );
                Self::new(error).kind(Kind::Held).hint(hint)
            }
            StoreError::RotationMoved(_) => Self::new(error)
                .kind(Kind::Changed)
                .hint("nothing was written; `luca-secrets list` shows how far it is"),
            StoreError::Text(_) | StoreError::Random(_) => Self::new(error),
        }
    }
}

fn with_envelope_hint(failure: Failure, error: &EnvelopeError) -> Failure {
    match error {
        EnvelopeError::NoMatchingIdentity => failure
            .hint("name another identity with --identity FILE, or ask a reader of the store to add yours"),
        EnvelopeError::ConflictMarkers => failure.hint(
            "git merged it without luca-secrets: merge it by secret with `luca-secrets merge --from-index`",
        ),
        EnvelopeError::Damaged | EnvelopeError::Empty | EnvelopeError::NotAge => {
            failure.hint("take the last good one from git: git restore secrets.enc")
        }
        EnvelopeError::Key(problem) => with_key_hint(failure, problem),
        EnvelopeError::PassphraseMismatch => failure.hint(
            "a store for a passphrase lists the single key \"passphrase\"; seal it with stock age as its list says",
        ),
        EnvelopeError::Incompatible => {
            failure.hint("a post-quantum key protects only where every other recipient has one too")
        }
        EnvelopeError::MixedPassphrase | EnvelopeError::NotText | EnvelopeError::BadRecipient(_) => failure,
    }
}

fn with_key_hint(failure: Failure, problem: &KeyProblem) -> Failure {
    match problem {
        KeyProblem::WrongPassphrase(_) => failure.hint("nothing was changed; try again"),
        KeyProblem::NobodyToAsk(_) => failure.hint(
            "run it at a terminal and without --non-interactive, or name an identity that needs no passphrase",
        ),
        KeyProblem::MissingPlugin(_) => {
            failure.hint("install it, or name another identity with --identity FILE")
        }
        KeyProblem::Unsupported(_) => failure.hint("encrypt the key anew with `ssh-keygen -p -f FILE`"),
        KeyProblem::TooMuchWork(_) | KeyProblem::Content(..) | KeyProblem::Plugin(_) => failure,
    }
}

/// An identity that cannot be used, and where it came from.
pub(super) fn bad_identity(source: &str, error: IdentityError) -> Failure {
    let failure = Failure::new(format_args!("{source}: {error}"));
    match error {
        IdentityError::SshKind(_) => failure.hint("make a key that can be used with `ssh-keygen -t ed25519`"),
        _ => failure,
    }
}
