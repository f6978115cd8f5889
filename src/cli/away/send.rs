//! What was written here, brought to the store's home.

use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::name::SecretName;
use crate::remote::{Anchor, Next, RemoteError, Replaced, Version};
use crate::store::{Change, Document};

use super::look::Away;

/// Most names in a summary.
const MOST_NAMES: usize = 3;

/// What came of it.
pub(in crate::cli) enum Sent {
    /// It is there, under this name.
    Done(Version),
    /// Somebody else was faster; nothing was changed.
    Lost,
    /// It cannot be reached, or whether it arrived is not known.
    NotReached(RemoteError),
}

impl Away {
    /// Puts a version in the place of the one that both have in common.
    pub(in crate::cli) fn send(
        &mut self,
        sealed: &[u8],
        document: &Document,
        message: &str,
        context: &Context,
    ) -> Result<Sent, Failure> {
        let author = context.author();
        let expected = self.anchor.as_ref().map(|anchor| &anchor.version);
        let generation = document.generation();
        let next = Next { sealed, generation, message, author: &author.name, at: author.now };
        match self.home.replace(expected, &next) {
            Ok(Replaced::Done(version)) => Ok(Sent::Done(version)),
            Ok(Replaced::Lost) => Ok(Sent::Lost),
            Err(error) if error.is_offline() || error.in_doubt => Ok(Sent::NotReached(error)),
            Err(error) => Err(error.into()),
        }
    }

    /// Remembers that the home and the copy here have this in common now.
    pub(in crate::cli) fn sent(
        &mut self,
        version: Version,
        generation: u64,
        sealed: Vec<u8>,
        context: &mut Context,
    ) {
        self.settle(Anchor { version, generation, sealed }, context);
    }
}

/// What changed, by names: a summary of one line, then a line each.
pub(in crate::cli) fn message(changes: &[(SecretName, Change)]) -> String {
    if changes.is_empty() {
        return "Keep house".to_owned();
    }
    let shown: Vec<String> = changes.iter().take(MOST_NAMES).map(phrase).collect();
    let more = changes.len().saturating_sub(MOST_NAMES);
    let more = if more == 0 { String::new() } else { format!(" and {more} more") };
    let summary = format!("{}{more}", shown.join(", "));
    if changes.len() <= MOST_NAMES {
        return summary;
    }
    let lines: Vec<String> = changes.iter().map(phrase).collect();
    format!("{summary}\n\n{}", lines.join("\n"))
}

fn phrase((name, change): &(SecretName, Change)) -> String {
    format!("{name} {}", change.word())
}
