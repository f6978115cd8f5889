//! The copy of the store here, as far as there is one, and the keys that open what was made of it.

use std::path::Path;

use crate::cli::context::Context;
use crate::cli::failure::{Failure, Kind};
use crate::store::{
    Document, DocumentProblem, EnvelopeError, Keys, SIZE_LIMIT, Store, StoreError, StorePrint, Unlocked,
    open, wants_passphrase,
};

/// The copy of the store here.
pub(in crate::cli) enum State {
    /// There is none.
    Missing,
    /// It cannot be used.
    Unusable(Spoiled),
    /// It is sound.
    Open(Box<Unlocked>),
}

/// What is in the store's place, damaged or not the store that is known there.
pub(in crate::cli) struct Spoiled {
    /// What is wrong with it, in words.
    pub(in crate::cli) why: String,
    pub(in crate::cli) bytes: Vec<u8>,
}

/// The copy of the store here, and the keys at hand.
pub(in crate::cli) struct Here {
    pub(in crate::cli) state: State,
    /// Whether the store is sealed with a passphrase.
    is_passphrase: bool,
    /// The keys for what the store itself does not open, and whether it is a passphrase.
    keys: Option<(bool, Keys)>,
    /// The store that is known at the path.
    pub(in crate::cli) print: Option<StorePrint>,
}

impl Context {
    /// Looks at the copy here. One that cannot be opened for want of a key is a failure: it may be sound.
    pub(in crate::cli) fn here(&mut self) -> Result<Here, Failure> {
        // Before the store, as in `unlock`.
        let memory = self.memory();
        let print = memory.print();
        let path = self.settings.store.clone();
        let bytes = match self.disk.read(&path, SIZE_LIMIT) {
            Err(error) if error.is_not_found() => {
                return Ok(Here { state: State::Missing, is_passphrase: false, keys: None, print });
            }
            bytes => bytes?.to_vec(),
        };
        // What is no age file is damaged whatever the keys; whether they are of the kind that the store has is not seen.
        let unopened = open(&path, &bytes, &self.keys(Vec::new()));
        if let Some(error) = unopened.err().filter(is_damage) {
            let state = State::Unusable(Spoiled { why: error.to_string(), bytes });
            return Ok(Here { state, is_passphrase: false, keys: None, print });
        }
        // Once: standard input gives an identity only once.
        let keys = self.keys_for(&bytes)?;
        let is_passphrase = wants_passphrase(&bytes);
        let unusable = |why, bytes, keys| {
            let (state, keys) = (State::Unusable(Spoiled { why, bytes }), Some((is_passphrase, keys)));
            Ok(Here { state, is_passphrase, keys, print })
        };
        let document = match open(&path, &bytes, &keys) {
            Err(error) if is_damage(&error) => return unusable(error.to_string(), bytes, keys),
            document => document?,
        };
        match self.recognize(&memory, &document) {
            Err(failure) if failure.kind == Kind::Held => unusable(failure.messages.join("; "), bytes, keys),
            Err(failure) => Err(failure),
            Ok(()) => {
                let store = Store::at(path).read(&self.disk)?.unlock(keys)?;
                let print = Some(store.document().print());
                Ok(Here { state: State::Open(Box::new(store)), is_passphrase, keys: None, print })
            }
        }
    }
}

impl Here {
    /// The store, if it is sound.
    pub(in crate::cli) fn document(&self) -> Option<&Document> {
        match &self.state {
            State::Open(store) => Some(store.document()),
            State::Missing | State::Unusable(_) => None,
        }
    }

    /// Opens another version of the store with the keys at hand. `label` is for messages.
    pub(in crate::cli) fn open(
        &mut self,
        label: &str,
        sealed: &[u8],
        context: &mut Context,
    ) -> Result<Result<Document, StoreError>, Failure> {
        let is_passphrase = wants_passphrase(sealed);
        if let State::Open(store) = &self.state
            && is_passphrase == self.is_passphrase
        {
            return Ok(store.open_version(Path::new(label), sealed));
        }
        Ok(open(Path::new(label), sealed, self.keys(is_passphrase, sealed, context)?))
    }

    /// The keys that were used last.
    pub(in crate::cli) fn into_keys(self) -> Option<Keys> {
        self.keys.map(|(_, keys)| keys)
    }

    /// The keys for something that is sealed in the same way as this.
    pub(in crate::cli) fn keys(
        &mut self,
        is_passphrase: bool,
        sealed: &[u8],
        context: &mut Context,
    ) -> Result<&Keys, Failure> {
        if self.keys.as_ref().is_none_or(|(kind, _)| *kind != is_passphrase) {
            self.keys = Some((is_passphrase, context.keys_for(sealed)?));
        }
        match &self.keys {
            Some((_, keys)) => Ok(keys),
            None => Err(Failure::new("there are no keys")),
        }
    }
}

/// Whether an error says that the file is spoiled, and not that a key or a later release is wanted.
fn is_damage(error: &StoreError) -> bool {
    match error {
        StoreError::Envelope(_, kind) => matches!(
            kind,
            EnvelopeError::Empty
                | EnvelopeError::NotAge
                | EnvelopeError::ConflictMarkers
                | EnvelopeError::Damaged
                | EnvelopeError::NotText
        ),
        StoreError::Document(_, error) => !matches!(error.problem, DocumentProblem::Format(_)),
        _ => false,
    }
}
