//! What is in a place.

use crate::remote::{BackupName, RemoteError, Shelf};
use crate::store::StorePrint;

/// Objects that are asked for at once.
const PAGE: usize = 1000;

/// One backup in a place.
#[derive(Debug, Clone)]
pub(in crate::cli) struct Backup {
    pub(in crate::cli) name: BackupName,
    /// Bytes.
    pub(in crate::cli) size: u64,
}

/// What is in a place.
pub(in crate::cli) struct Listing {
    /// The backups of the store, oldest first.
    pub(in crate::cli) backups: Vec<Backup>,
    /// What ends like a backup and is not called like one.
    pub(in crate::cli) strangers: Vec<String>,
}

/// Lists a place: the backups of one store, or of all where it is not known which.
pub(in crate::cli) fn listing(
    shelf: &mut dyn Shelf,
    store: Option<StorePrint>,
) -> Result<Listing, RemoteError> {
    let mut listing = Listing { backups: Vec::new(), strangers: Vec::new() };
    let mut last: Option<String> = None;
    loop {
        let page = shelf.list("", last.as_deref(), PAGE)?;
        let is_last = page.len() < PAGE;
        last = page.last().map(|item| item.key.clone());
        for item in page {
            match BackupName::parse(&item.key) {
                Some(name) if store.is_none_or(|store| name.is_of(store)) => {
                    listing.backups.push(Backup { name, size: item.size });
                }
                None if BackupName::is_like_one(&item.key) => listing.strangers.push(item.key),
                _ => {}
            }
        }
        if is_last {
            return Ok(listing);
        }
    }
}
