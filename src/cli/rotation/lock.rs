//! One process of a machine at a time rotates the credentials of a store, and knows its own traces in the journal.

use std::path::PathBuf;
use std::time::Duration;

use crate::cli::context::Context;
use crate::cli::failure::{Failure, Kind};
use crate::store::path_digest;
use crate::sys::FolderLock;

/// Where the lock's name in the journal stands: made once, at random, so that no other machine has it, be it a copy.
const NAME: &str = "name";

/// Longest name that is read, in bytes.
const LIMIT: u64 = 64;

/// The folder whose lock it is; none without a place for what is remembered.
fn folder(context: &Context) -> Option<PathBuf> {
    let store = context.disk.real_path(&context.settings.store);
    Some(context.env.state_folder()?.join("rotations").join(path_digest(&store)))
}

/// Takes the lock.
pub(in crate::cli) fn lock(context: &mut Context) -> Result<Option<FolderLock>, Failure> {
    let Some(folder) = folder(context) else { return Ok(None) };
    context.disk.create_private_folder(&folder)?;
    let lock = FolderLock::acquire(&folder, Duration::ZERO).map_err(|_| {
        Failure::new("another process on this machine is rotating")
            .kind(Kind::Changed)
            .hint("nothing was changed")
    })?;
    if holder(context).is_none() {
        let mut bytes = [0; 16];
        context.random.fill(&mut bytes).map_err(Failure::new)?;
        let name = format!("{:032x}", u128::from_be_bytes(bytes));
        context.disk.replace(&folder.join(NAME), name.as_bytes(), 0o600)?;
    }
    Ok(Some(lock))
}

/// What the journal calls whoever holds the lock. Known only to those who may take it.
pub(super) fn holder(context: &Context) -> Option<String> {
    let bytes = context.disk.read(&folder(context)?.join(NAME), LIMIT).ok()?;
    String::from_utf8(bytes.to_vec()).ok().filter(|name| !name.is_empty())
}
