//! A place for backups.
//!
//! Whether there is an object is asked before it is put, and put on the condition that there is none. Where a service
//! ignores the condition (Ceph in a bucket with versioning), two who put the same key in the same instant may replace each
//! other; keys that are made of their content make that harmless, and the bucket keeps both.

use super::connect::S3Place;
use super::create::Created;
use super::patience::Patience;
use super::wire::{Got, Wire};
use crate::remote::error::{RemoteError, RemoteProblem};
use crate::remote::shelf::{Item, Put, Removed, Shelf};
use crate::sys::Runtime;

/// The objects of a bucket whose keys start in the same way.
pub struct S3Shelf {
    runtime: Runtime,
    wire: Wire,
    prefix: String,
}

impl S3Shelf {
    /// Makes ready to use a bucket. `prefix` is empty, or has a slash at its end.
    pub fn new(place: &S3Place<'_>, prefix: &str) -> Result<Self, RemoteError> {
        let label = place.label(prefix);
        let runtime = Runtime::new().map_err(|_| no_runtime(&label))?;
        let wire = runtime.block_on(Wire::open(place, label))?;
        Ok(Self { runtime, wire, prefix: prefix.to_owned() })
    }

    fn key(&self, key: &str) -> String {
        format!("{}{key}", self.prefix)
    }
}

/// The system gave nothing to work with.
pub(super) fn no_runtime(label: &str) -> RemoteError {
    RemoteError::new(label, RemoteProblem::Failed("the system gives no event queue".to_owned()))
}

impl Shelf for S3Shelf {
    fn put(&mut self, key: &str, bytes: &[u8]) -> Result<Put, RemoteError> {
        let key = self.key(key);
        self.runtime.block_on(async {
            let patience = Patience::new();
            if self.wire.head(&key, &patience).await?.is_some() {
                return Ok(Put::Exists);
            }
            match self.wire.create(&key, bytes, &[], &patience).await? {
                Created::Done(_) => Ok(Put::Done),
                Created::Exists => Ok(Put::Exists),
            }
        })
    }

    fn get(&mut self, key: &str) -> Result<Option<Vec<u8>>, RemoteError> {
        let key = self.key(key);
        self.runtime.block_on(async {
            match self.wire.get(&key, None, &Patience::new()).await? {
                Got::Object(object) => Ok(Some(object.bytes)),
                Got::Same | Got::Missing => Ok(None),
            }
        })
    }

    fn list(&mut self, prefix: &str, after: Option<&str>, most: usize) -> Result<Vec<Item>, RemoteError> {
        let (prefix, after) = (self.key(prefix), after.map(|after| self.key(after)));
        let work = async { self.wire.list(&prefix, after.as_deref(), most, &Patience::new()).await };
        let mut items = self.runtime.block_on(work)?;
        for item in &mut items {
            item.key.drain(..self.prefix.len());
        }
        Ok(items)
    }

    /// In a bucket that keeps versions the object is only hidden, and the bucket's own rules end it for good.
    fn remove(&mut self, key: &str) -> Result<Removed, RemoteError> {
        let key = self.key(key);
        self.runtime.block_on(async {
            let patience = Patience::new();
            match self.wire.head(&key, &patience).await? {
                None => Ok(Removed::Done),
                // Hiding it would only make it harder to find: it stays either way.
                Some(head) if head.is_locked => Ok(Removed::Kept),
                Some(_) => self.wire.remove(&key, &patience).await,
            }
        })
    }

    fn label(&self) -> String {
        self.wire.label().to_owned()
    }
}
