//! Why something of a rotation did not happen.

use std::fmt;

/// What is said of what somebody has stopped.
const INTERRUPTED: &str = "interrupted";

/// What a failure says about the world, and so what may be done next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TroubleKind {
    /// A definite answer of the right service, authenticated by it: refused, and nothing was changed. The same again would
    /// be refused again.
    Rejected,
    /// Nothing was tried or nothing can have changed, and it may pass by itself: no network before the request was sent, a
    /// throttle, a service that is starting.
    Unavailable,
    /// The request may have been carried out: the reply was lost, late, or not from the service itself. Only a probe can
    /// tell. Never taken for a refusal.
    InDoubt,
    /// Somebody else has changed it, or only a person can decide.
    Held,
}

/// Why something of a rotation did not happen. No value in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// What it says about the world.
    pub kind: TroubleKind,
    /// What failed and where: lower case, no full stop.
    pub message: String,
    /// What to do next.
    pub hint: Option<String>,
}

impl Trouble {
    /// Trouble of a kind.
    pub fn new(kind: TroubleKind, message: impl fmt::Display) -> Self {
        Self { kind, message: message.to_string(), hint: None }
    }

    /// A definite refusal.
    pub fn rejected(message: impl fmt::Display) -> Self {
        Self::new(TroubleKind::Rejected, message)
    }

    /// Nothing has happened, and it may pass.
    pub fn unavailable(message: impl fmt::Display) -> Self {
        Self::new(TroubleKind::Unavailable, message)
    }

    /// It may have happened.
    pub fn in_doubt(message: impl fmt::Display) -> Self {
        Self::new(TroubleKind::InDoubt, message)
    }

    /// Somebody wants it to stop, and nothing has happened.
    pub(super) fn interrupted() -> Self {
        Self::unavailable(INTERRUPTED)
    }

    /// Whether nothing but that stopped it.
    pub fn is_interruption(&self) -> bool {
        self.message == INTERRUPTED
    }

    /// A person is needed.
    pub fn held(message: impl fmt::Display) -> Self {
        Self::new(TroubleKind::Held, message)
    }

    /// The same with a hint.
    #[must_use]
    pub fn hint(mut self, hint: impl fmt::Display) -> Self {
        self.hint = Some(hint.to_string());
        self
    }

    /// The same with a hint, where there is one.
    #[must_use]
    pub fn hint_if_any(self, hint: Option<impl fmt::Display>) -> Self {
        match hint {
            Some(hint) => self.hint(hint),
            None => self,
        }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Trouble {}
