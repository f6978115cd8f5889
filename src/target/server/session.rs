//! The one command that is run on a server.

use super::words::{TransactionId, quote};
use crate::secret::hex;
use crate::sys::Random;

/// What runs over there.
const SCRIPT: &str = include_str!("install.sh");

/// Longest name of a person and a machine, in characters.
const LONGEST_WHO: usize = 100;

/// One conversation with one server: the command to run there, and what it will greet with.
#[derive(Debug, Clone)]
pub struct Session {
    marker: String,
    transaction: TransactionId,
    who: String,
}

impl Session {
    /// A conversation within a transaction. `who` is shown to whoever finds the lock held, such as `ada@laptop`;
    /// control characters in it are left out.
    pub fn new(transaction: TransactionId, who: &str, random: &mut dyn Random) -> std::io::Result<Self> {
        let mut bytes = [0; 16];
        random.fill(&mut bytes)?;
        let who: String = who.chars().filter(|c| !c.is_control()).take(LONGEST_WHO).collect();
        Ok(Self { marker: hex(&bytes), transaction, who })
    }

    /// The transaction that this conversation belongs to.
    pub fn transaction(&self) -> &TransactionId {
        &self.transaction
    }

    /// The command line for `exec`: no value in it. Any login shell that knows POSIX quotes can run it.
    ///
    /// `elevated` runs it by `sudo -n`, which never asks.
    pub fn command(&self, elevated: bool) -> String {
        format!(
            "exec {}sh -c {} luca-secrets {} {} {}",
            if elevated { "sudo -n " } else { "" },
            quote_block(&minified(SCRIPT)),
            self.marker,
            self.transaction,
            quote(&self.who)
        )
    }

    /// The random word in the script's greeting, which tells it from whatever a profile prints.
    pub(super) fn marker(&self) -> &str {
        &self.marker
    }
}

/// The script in single quotes, its line feeds kept.
fn quote_block(script: &str) -> String {
    format!("'{}'", script.replace('\'', r"'\''"))
}

/// The script without comments and indentation: a third less to send.
fn minified(script: &str) -> String {
    script
        .lines()
        .map(str::trim_start)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .flat_map(|line| [line, "\n"])
        .collect()
}
