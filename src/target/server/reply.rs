//! What a server answers, as data.

use super::note::{Note, Stopped};
use super::output::{Output, Ran};
use super::refusal::Refusal;
use super::request::FileNumber;
use super::words::{Digest, ServerPath, TransactionId};
use crate::sys::PrivateBytes;

/// One answer. They come in the order of the requests, after one [`Reply::Greeted`].
pub enum Reply {
    /// The script runs.
    Greeted(Greeting),
    /// The folder is locked until the conversation ends.
    Locked,
    /// What a file is now.
    Looked(Box<Look>),
    /// The new file is on the disk beside the old one; its digest.
    Staged(Digest),
    /// The new file is in place; its digest, as read back.
    Swapped(Digest),
    /// A command has ended, one way or another.
    Ran(Ran, Output),
    /// The new files stay, and the old ones are their backups.
    Committed,
    /// What became of each file that was in place or, where nothing was in place, nothing.
    Undone(Vec<PutBack>),
    /// No apply is owed any longer.
    Settled,
    /// An interrupted transaction has ended; what the file holds, and whether an apply is owed.
    Healed {
        /// What the file holds now.
        digest: Option<Digest>,
        /// Whether the services must be made to read it, before [`Settle`](super::Request::Settle).
        is_owed: bool,
    },
    /// The containers of a compose project, those that do not run too.
    Attested(Vec<Container>),
    /// The conversation is over.
    Ended,
    /// Nothing was done, since an earlier request failed.
    Skipped,
    /// Nothing was done, for this reason.
    Refused(Refusal),
}

/// What a server says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Greeting {
    /// The programs it may need and does not have. Without `timeout`, only this side knows deadlines.
    pub missing: Vec<String>,
}

/// What a file on a server is now.
pub struct Look {
    /// Where it really is: behind symlinks at its own name, which stay.
    pub path: ServerPath,
    /// The file, if there is one.
    pub file: Option<Facts>,
    /// What it holds; `None` if there is none.
    pub digest: Option<Digest>,
    /// Its content, if it was asked for.
    pub content: Option<PrivateBytes>,
    /// Whether its folder can be written to.
    pub is_writable: bool,
    /// Whether there is a previous file to put back.
    pub has_previous: bool,
    /// What an interrupted transaction, or one under way, has left.
    pub note: Option<Note>,
    /// Whose conversation has the lock of its folder, if not this one.
    pub holder: Option<Holder>,
}

/// Whose conversation has a lock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// Its transaction.
    pub transaction: TransactionId,
    /// Who began it, such as `ada@laptop`.
    pub by: String,
}

impl Holder {
    /// Reads `TRANSACTION WHO`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (transaction, by) = text.split_once(' ')?;
        Some(Self { transaction: TransactionId::parse(transaction)?, by: by.to_owned() })
    }
}

impl Look {
    /// Where a transaction stopped that has left a note.
    pub fn stopped(&self) -> Option<Stopped> {
        self.note.as_ref().map(|note| note.stopped(self.digest))
    }
}

/// Size, mode and owner of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// In bytes.
    pub size: u64,
    /// The lowest twelve bits.
    pub mode: u32,
    /// The owner's number.
    pub user_number: u32,
    /// The group's number.
    pub group_number: u32,
    /// The owner's name.
    pub user: String,
    /// The group's name.
    pub group: String,
}

impl Facts {
    /// Reads `SIZE MODE UID GID USER GROUP`.
    pub(super) fn parse(words: &[&str]) -> Option<Self> {
        let [size, mode, user_number, group_number, user, group @ ..] = words else { return None };
        Some(Self {
            size: size.parse().ok()?,
            mode: u32::from_str_radix(mode, 8).ok()?,
            user_number: user_number.parse().ok()?,
            group_number: group_number.parse().ok()?,
            user: (*user).to_owned(),
            group: group.join(" "),
        })
    }
}

/// What an undo has done with one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PutBack {
    /// Which file.
    pub file: FileNumber,
    /// What it holds now.
    pub digest: Option<Digest>,
    /// Whether it is as it was before. Otherwise it could not be put back, or somebody else has changed it.
    pub is_back: bool,
    /// Whether the services must be made to read it again, before [`Settle`](super::Request::Settle).
    pub is_owed: bool,
}

impl PutBack {
    /// Reads `undone N DIGEST OWED` or `left N DIGEST`.
    pub(super) fn parse(line: &str) -> Option<Self> {
        let words: Vec<&str> = line.split(' ').collect();
        let [verb, file, digest, ..] = words[..] else { return None };
        Some(Self {
            file: file.parse().ok()?,
            digest: Digest::parse(digest),
            is_back: verb == "undone",
            is_owed: words.get(3) == Some(&"1"),
        })
    }
}

/// One container of a compose project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Container {
    /// Its name.
    pub name: String,
    /// Its state in docker's words, such as `running`.
    pub state: String,
    /// The service it belongs to.
    pub service: String,
    /// The variable that was asked for, up to a second `=`; `None` if the container does not have it.
    pub value: Option<String>,
}

impl Container {
    /// Reads `NAME STATE SERVICE "VALUE"`.
    pub(super) fn parse(line: &str) -> Option<Self> {
        let mut words = line.splitn(4, ' ');
        let (name, state, service) = (words.next()?, words.next()?, words.next()?);
        let value = words.next().filter(|value| !value.is_empty());
        Some(Self {
            name: name.to_owned(),
            state: state.to_owned(),
            service: service.to_owned(),
            value: value.map(serde_json::from_str).transpose().ok()?,
        })
    }

    /// The name of the container whose recreation was killed, leaving this one behind: compose names it
    /// `<first 12 digits of the id>_<name>`, and refuses to go on for as long as it is there.
    pub fn leftover_of(&self) -> Option<&str> {
        let (id, name) = self.name.split_once('_')?;
        let is_id = id.len() == 12 && id.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        is_id.then_some(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn containers_are_read_and_leftovers_known() {
        let container = Container::parse(r#"0123456789ab_shop-django-1 exited django "g-1""#).unwrap();
        assert_eq!(container.value.as_deref(), Some("g-1"));
        assert_eq!(container.leftover_of(), Some("shop-django-1"));
        let container = Container::parse("shop-redis-1 running redis ").unwrap();
        assert_eq!((container.value.as_deref(), container.leftover_of()), (None, None));
        assert_eq!(Container::parse("a b"), None);
    }
}
