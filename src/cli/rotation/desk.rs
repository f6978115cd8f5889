//! One rotation's place in this program: what journal, deployer, person and watch share.

use std::cell::{Cell, RefCell};
use std::io;
use std::time::Duration;

use jiff::Timestamp;

use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::cli::recovery::unheld;
use crate::name::SecretName;
use crate::push::Surroundings;
use crate::rotate::{Credential, Engine, Outside, Patience, Trouble, Watch, World, credential};
use crate::schema::Schema;
use crate::secret::SecretValue;
use crate::store::{Document, Unlocked};
use crate::sys::{Random, Signals, pause, since_start};

use super::lock::holder;
use super::seen::Progress;

/// How often to look whether somebody wants it to stop, while it waits.
const GLANCE: Duration = Duration::from_millis(50);

/// What the parts of a run share. Each borrows the context only while it is called.
pub(in crate::cli) struct Desk<'c> {
    pub(super) context: RefCell<&'c mut Context>,
    pub(super) schema: &'c Schema,
    pub(super) name: SecretName,
    pub(super) store: RefCell<Unlocked>,
    /// Whether the journal here is enough, where the store's home cannot be reached.
    pub(super) is_local: bool,
    /// The lock by which this machine knows what it left behind itself.
    holder: Option<String>,
    /// Whether the page that the present question names was opened.
    pub(super) opened: Cell<bool>,
    /// Ctrl-C means: stop at the next resting place.
    signals: Signals,
}

/// A part of the desk, one for each of the engine's seams.
pub(in crate::cli) struct Seat<'d, 'c>(pub(super) &'d Desk<'c>);

impl<'c> Desk<'c> {
    /// For one rotation of an opened store, which is up to date.
    pub(in crate::cli) fn new(
        context: &'c mut Context,
        schema: &'c Schema,
        name: SecretName,
        store: Unlocked,
        is_local: bool,
    ) -> Result<Self, Failure> {
        let signals = Signals::hold().map_err(|error| unheld(&error))?;
        let holder = holder(context);
        let (context, store) = (RefCell::new(context), RefCell::new(store));
        Ok(Self { context, schema, name, store, is_local, holder, opened: Cell::new(false), signals })
    }

    /// The credential, made from the schema and the store as it is now.
    pub(in crate::cli) fn credential(&self) -> Result<Box<dyn Credential>, Trouble> {
        let context = self.context.borrow();
        let ask = |what: &str| -> Option<SecretValue> { context.prompt.passphrase_of_key(what) };
        let around =
            Surroundings { disk: &context.disk, env: &context.env, root: &context.settings.root, ask: &ask };
        let store = self.store.borrow();
        credential(&self.name, &World { schema: self.schema, document: store.document(), around })
    }

    /// Does something with an engine for this credential.
    pub(in crate::cli) fn with_engine<T>(
        &self,
        credential: &mut dyn Credential,
        work: impl FnOnce(&mut Engine<'_>) -> T,
    ) -> T {
        let (mut journal, mut deployer, mut person) = (Seat(self), Seat(self), Seat(self));
        let (mut watch, mut random) = (Seat(self), Seat(self));
        let mut seen = Progress::new(self);
        let is_attended = self.context.borrow().settings.interactive;
        let by = self.context.borrow().author().name;
        let outside = Outside {
            journal: &mut journal,
            deployer: &mut deployer,
            person: &mut person,
            seen: &mut seen,
            watch: &mut watch,
            random: &mut random,
            by,
            holder: self.holder.clone(),
            patience: if is_attended { Patience::ATTENDED } else { Patience::UNATTENDED },
        };
        work(&mut Engine::new(credential, outside))
    }

    /// Looks at the store as it is now.
    pub(in crate::cli) fn with_document<T>(&self, look: impl FnOnce(&Document) -> T) -> T {
        look(self.store.borrow().document())
    }

    /// The store as the journal.
    pub(in crate::cli) const fn seat(&self) -> Seat<'_, 'c> {
        Seat(self)
    }

    /// The store as it is after the run.
    pub(in crate::cli) fn into_store(self) -> Unlocked {
        self.store.into_inner()
    }

    /// The lock that is held here, by its name in the journal.
    pub(in crate::cli) fn holder(&self) -> Option<&str> {
        self.holder.as_deref()
    }

    pub(super) fn is_interrupted(&self) -> bool {
        self.signals.arrived()
    }
}

impl Watch for Seat<'_, '_> {
    fn now(&self) -> Timestamp {
        self.0.context.borrow().clock.now()
    }

    fn passed(&self) -> Duration {
        since_start()
    }

    fn pause(&mut self, time: Duration) {
        let mut left = time;
        while !left.is_zero() && !self.0.is_interrupted() {
            let part = left.min(GLANCE);
            pause(part);
            left -= part;
        }
    }

    fn is_interrupted(&self) -> bool {
        self.0.is_interrupted()
    }
}

impl Random for Seat<'_, '_> {
    fn fill(&mut self, buffer: &mut [u8]) -> io::Result<()> {
        self.0.context.borrow_mut().random.fill(buffer)
    }
}
