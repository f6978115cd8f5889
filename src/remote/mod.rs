//! The store's home away from this machine, and the places for its backups. Only sealed bytes pass here: neither ever
//! sees a value, and whoever owns it learns no more than the store's size, when it changes, and which names do.

mod home;
mod shelf;
mod error;
mod anchor;
mod git;
mod backup;
mod s3;

pub use anchor::{Anchor, AnchorFile};
pub use backup::{BackupName, FolderShelf, outdated};
pub use error::{RemoteError, RemoteProblem};
pub use git::{GitHome, GitPlace};
pub use home::{Entry, Fetched, Home, Next, Replaced, Version};
pub use s3::{PairSaid, S3Home, S3Pair, S3Place, S3Shelf};
pub use shelf::{Item, Put, Removed, Shelf};
