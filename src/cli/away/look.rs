//! How the copy here stands to the store's home.

use std::path::PathBuf;

use crate::cli::context::Context;
use crate::cli::failure::{Failure, Kind};
use crate::remote::{Anchor, AnchorFile, Fetched, Home, Version};
use crate::store::{Document, Unlocked};

/// The store's home, and what this machine last had in common with it.
pub(in crate::cli) struct Away {
    pub(in crate::cli) home: Box<dyn Home>,
    file: Option<AnchorFile>,
    pub(super) anchor: Option<Anchor>,
}

/// How the copy here stands to the home.
pub(in crate::cli) enum Standing {
    /// Both are the same.
    Same,
    /// The home has nothing yet.
    Empty,
    /// Only the copy here has changed.
    Ahead,
    /// Only the home has changed.
    Behind(Incoming),
    /// Both have changed, from the sealed store given, if that is known.
    Apart(Incoming, Option<Vec<u8>>),
}

/// A version that came from the home.
pub(in crate::cli) struct Incoming {
    pub(in crate::cli) version: Version,
    pub(in crate::cli) sealed: Vec<u8>,
    pub(in crate::cli) document: Document,
}

impl Away {
    /// The home, with what is known of it on this machine.
    pub(super) fn new(home: Box<dyn Home>, context: &Context) -> Self {
        let store = context.disk.real_path(&context.settings.store);
        let state = context.env.state_folder();
        let file = state.map(|state| AnchorFile::of(&state, &store, &home.label()));
        let anchor = file.as_ref().and_then(|file| file.load(&context.disk));
        Self { home, file, anchor }
    }

    /// Compares the copy here, opened as `store`, with the newest version there.
    pub(in crate::cli) fn look(
        &mut self,
        store: &Unlocked,
        local: &[u8],
        context: &mut Context,
    ) -> Result<Standing, Failure> {
        let known = self.anchor.as_ref().map(|anchor| &anchor.version);
        match self.home.fetch(known)? {
            Fetched::Unchanged => {
                let is_same = self.anchor.as_ref().is_some_and(|anchor| anchor.sealed == local);
                Ok(if is_same { Standing::Same } else { Standing::Ahead })
            }
            Fetched::Empty if self.anchor.is_some() => Err(self.emptied()),
            Fetched::Empty => Ok(Standing::Empty),
            Fetched::New { version, sealed } if sealed == local => {
                let generation = store.document().generation();
                self.settle(Anchor { version, generation, sealed }, context);
                Ok(Standing::Same)
            }
            Fetched::New { version, sealed } => {
                let document = store.open_version(&PathBuf::from(self.home.label()), &sealed)?;
                let incoming = Incoming { version, sealed, document };
                self.recognize(&incoming, store)?;
                self.compare(incoming, store, local)
            }
        }
    }

    fn compare(&mut self, incoming: Incoming, store: &Unlocked, local: &[u8]) -> Result<Standing, Failure> {
        match &self.anchor {
            Some(anchor) if anchor.sealed == local => Ok(Standing::Behind(incoming)),
            Some(anchor) => Ok(Standing::Apart(incoming, Some(anchor.sealed.clone()))),
            None => {
                let generation = store.document().generation();
                let was_there = self.home.find(generation, local)?.is_some();
                Ok(if was_there { Standing::Behind(incoming) } else { Standing::Apart(incoming, None) })
            }
        }
    }

    /// Refuses what is there if it is another store, or an older one than was there before.
    fn recognize(&self, incoming: &Incoming, store: &Unlocked) -> Result<(), Failure> {
        let label = self.home.label();
        if incoming.document.print() != store.document().print() {
            return Err(Failure::new(format_args!("{label}: another store than the one here"))
                .kind(Kind::Held)
                .hint("give this project a home of its own in [remote], or look who has written there: `luca-secrets remote log`"));
        }
        let generation = incoming.document.generation();
        match &self.anchor {
            Some(anchor) if generation < anchor.generation => Err(Failure::new(format_args!(
                "{label}: older: generation {generation}, and generation {} was there before",
                anchor.generation
            ))
            .kind(Kind::Held)
            .hint("what was rotated or taken away since then is back in it: `luca-secrets remote log` shows who wrote it")
            .hint("to put the copy here in its place: `luca-secrets remote push --overwrite`")),
            _ => Ok(()),
        }
    }

    fn emptied(&self) -> Failure {
        Failure::new(format_args!("{}: the store is gone from there", self.home.label()))
            .kind(Kind::Held)
            .hint("to put the copy here back: `luca-secrets remote push --overwrite`")
    }

    /// Remembers what both have in common now. Where that cannot be done, the next command finds out anew.
    pub(super) fn settle(&mut self, anchor: Anchor, context: &mut Context) {
        if let Some(file) = &self.file
            && let Err(error) = file.save(&context.disk, &anchor)
        {
            context.explain(&format!("what the store's home has was not noted: {error}"));
        }
        self.anchor = Some(anchor);
    }

    /// What both have in common, opened; `None` if nothing is known.
    pub(in crate::cli) fn common(&self, store: &Unlocked) -> Result<Option<Document>, Failure> {
        let base = self.anchor.as_ref();
        let open = |anchor: &Anchor| store.open_version(&PathBuf::from(self.home.label()), &anchor.sealed);
        Ok(base.map(open).transpose()?)
    }

    /// Takes what is there to be what the copy here replaces, if it is gone or older than what was there before. What
    /// others have written since is left to be merged.
    pub(in crate::cli) fn accept_rewind(
        &mut self,
        store: &Unlocked,
        context: &mut Context,
    ) -> Result<(), Failure> {
        let Some(known) = self.anchor.as_ref().map(|anchor| anchor.generation) else { return Ok(()) };
        match self.home.fetch(None)? {
            Fetched::New { version, sealed } => {
                let document = store.open_version(&PathBuf::from(self.home.label()), &sealed)?;
                let generation = document.generation();
                if document.print() == store.document().print() && generation < known {
                    self.settle(Anchor { version, generation, sealed }, context);
                }
            }
            Fetched::Empty | Fetched::Unchanged => self.anchor = None,
        }
        Ok(())
    }
}
