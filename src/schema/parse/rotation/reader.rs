//! The table of one rotation, for kinds that need to know whose it is.

use std::cell::RefCell;
use std::ops::Range;

use crate::name::SecretName;
use crate::schema::rotation::{Reference, Referent, RotationKind};
use crate::schema::template::Template;

use super::super::context::Context;
use super::super::tree::{Key, Table, Value};

/// A kind with its settings, and the keys that are its own.
pub(super) type Kind = (RotationKind, &'static [&'static str]);

/// The table. What is named in it is noted, and looked up when the whole schema is known.
pub(super) struct Reader<'c, 't> {
    pub(super) context: Context<'c>,
    /// The secret that is rotated.
    pub(super) name: &'t SecretName,
    /// The key `rotate`.
    pub(super) at: &'t Key<'t>,
    table: &'t Table<'t>,
    pub(super) references: RefCell<Vec<Reference>>,
}

impl<'c, 't> Reader<'c, 't> {
    pub(super) fn new(
        context: Context<'c>,
        name: &'t SecretName,
        at: &'t Key<'t>,
        table: &'t Table<'t>,
    ) -> Self {
        Self { context, name, at, table, references: RefCell::default() }
    }

    /// What was named.
    pub(super) fn references(self) -> Vec<Reference> {
        self.references.into_inner()
    }

    /// A key of the table.
    pub(super) fn find(&self, key: &str) -> Option<(&'t Key<'t>, &'t Value<'t>)> {
        self.table.get_key_value(key)
    }

    /// The secret that a key names.
    pub(super) fn secret(&self, key: &str) -> Option<SecretName> {
        let (key, value) = self.find(key)?;
        self.secret_in(key, value)
    }

    /// The secret that a value names.
    pub(super) fn secret_in(&self, key: &Key<'_>, value: &Value<'_>) -> Option<SecretName> {
        super::secret(self.context, key, value, &[], &mut self.references.borrow_mut())
    }

    /// The template that a key holds.
    pub(super) fn template(&self, key: &str) -> Option<Template> {
        let (key, value) = self.find(key)?;
        match Template::compile(self.context.text(key, value)?) {
            Ok(template) => {
                for name in template.references() {
                    let at = self.context.inside(value, template.position_of(name).unwrap_or(0));
                    self.refer(name, &at);
                }
                Some(template)
            }
            Err(error) => {
                let at = self.context.inside(value, error.offset.unwrap_or(0));
                self.context.error(&at, error.message);
                None
            }
        }
    }

    fn refer(&self, name: &SecretName, at: &Range<usize>) {
        let reference = Reference { to: Referent::Secret(name.clone(), &[]), place: self.context.place(at) };
        self.references.borrow_mut().push(reference);
    }
}
