//! What a backup is worth: whether it opens, and whether it is what it is called.

use std::fmt;

use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::remote::{BackupName, RemoteError, RemoteProblem, Shelf};
use crate::store::{Document, EnvelopeError, StoreError, StorePrint};

use super::here::Here;

/// A backup that was opened and is what it is called.
pub(in crate::cli) struct Proven {
    pub(in crate::cli) document: Document,
    pub(in crate::cli) sealed: Vec<u8>,
}

/// What is wrong with a backup.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::cli) enum Flaw {
    /// It is not there any more.
    Gone,
    /// There is nothing in it.
    Empty,
    /// Its bytes are not those that were put there, and they do not open.
    Damaged,
    /// It is as it was put there, and does not open: why.
    Sealed(EnvelopeError),
    /// It opens, and what is inside is no store: why.
    Unreadable(String),
    /// It is another store.
    Foreign,
    /// It is a backup that is called otherwise.
    Renamed(Box<BackupName>),
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gone => f.write_str("gone"),
            Self::Empty => f.write_str("damaged: it is empty"),
            Self::Damaged => {
                f.write_str("damaged: it does not open, and its bytes are not those that it is called after")
            }
            Self::Sealed(EnvelopeError::NoMatchingIdentity) => {
                f.write_str("not proven: none of the identities at hand opens it")
            }
            Self::Sealed(error) => write!(f, "not proven: {error}"),
            Self::Unreadable(why) => write!(f, "damaged: {why}"),
            Self::Foreign => f.write_str("foreign: it holds another store"),
            Self::Renamed(name) => {
                let (generation, written) = (name.generation(), name.written());
                write!(
                    f,
                    "not what it is called: it holds generation {generation}, written {written}: {name}"
                )
            }
        }
    }
}

impl Here {
    /// Fetches a backup and proves it. `Err` is for what says nothing about the backup.
    pub(in crate::cli) fn prove(
        &mut self,
        name: &BackupName,
        place: &mut dyn Shelf,
        context: &mut Context,
    ) -> Result<Result<Proven, Flaw>, ProofError> {
        let sealed = match place.get(&name.key()) {
            Ok(Some(sealed)) => sealed,
            Ok(None) => return Ok(Err(Flaw::Gone)),
            Err(RemoteError { problem: RemoteProblem::Damaged(why), .. }) => {
                return Ok(Err(Flaw::Unreadable(why)));
            }
            Err(error) => return Err(ProofError::Place(error)),
        };
        if sealed.is_empty() {
            return Ok(Err(Flaw::Empty));
        }
        let opened = self.open(&name.to_string(), &sealed, context).map_err(ProofError::Keys)?;
        let judged = judge(name, &sealed, opened, self.print);
        Ok(judged.map(|document| Proven { document, sealed }))
    }
}

/// Why a backup could not be looked at.
pub(in crate::cli) enum ProofError {
    /// The place.
    Place(RemoteError),
    /// There is no key at hand.
    Keys(Failure),
}

/// Holds what a backup's bytes are against its name and the store that is known here.
fn judge(
    name: &BackupName,
    sealed: &[u8],
    opened: Result<Document, StoreError>,
    store: Option<StorePrint>,
) -> Result<Document, Flaw> {
    let is_whole = name.fits(sealed);
    match opened {
        Ok(document) if store.is_some_and(|store| document.print() != store) => Err(Flaw::Foreign),
        Ok(document) => match BackupName::of(&document, sealed) {
            real if real == *name => Ok(document),
            real => Err(Flaw::Renamed(Box::new(real))),
        },
        Err(StoreError::Envelope(..)) if !is_whole => Err(Flaw::Damaged),
        Err(StoreError::Envelope(_, error)) => Err(Flaw::Sealed(error)),
        Err(StoreError::Document(_, error)) => Err(Flaw::Unreadable(error.to_string())),
        Err(error) => Err(Flaw::Unreadable(error.to_string())),
    }
}
