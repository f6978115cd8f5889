//! The note that lies beside a file for as long as the file, or what its services run, is in between.

use super::words::{Digest, TransactionId};

/// What a transaction has written down beside a file. It holds no values.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Note {
    /// Whose it is; `None` if the note was cut off by a crash.
    pub transaction: Option<TransactionId>,
    /// Who made it, such as `ada@laptop`.
    pub by: String,
    /// The file before; `None` if there was none.
    pub old: Option<Digest>,
    /// The file after.
    pub new: Option<Digest>,
    /// Whether services may run something else than what the file says, so that an apply is owed.
    pub is_owed: bool,
    /// Whether the new file was meant to be kept.
    pub is_committed: bool,
}

/// Where an interrupted transaction stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stopped {
    /// Before the new file was put in place, or after it was taken back.
    Old,
    /// With the new file in place, not known to work.
    New,
    /// With the new file in place, to be kept.
    Committed,
    /// Somebody else has changed the file since.
    Changed,
}

impl Note {
    /// Takes one line of a note. What is not known is left out, so that later versions may say more.
    pub(super) fn take(&mut self, line: &str) {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        match word {
            "transaction" => self.transaction = TransactionId::parse(rest),
            "by" => rest.clone_into(&mut self.by),
            "old" => self.old = Digest::parse(rest),
            "new" => self.new = Digest::parse(rest),
            "applying" | "owed" => self.is_owed = true,
            "committed" => self.is_committed = true,
            _ => {}
        }
    }

    /// Where the transaction stopped, by what the file holds now.
    pub fn stopped(&self, current: Option<Digest>) -> Stopped {
        if self.is_committed {
            Stopped::Committed
        } else if current == self.old || self.new.is_none() {
            Stopped::Old
        } else if current == self.new {
            Stopped::New
        } else {
            Stopped::Changed
        }
    }
}
