//! Backups: what they are called, which of them stay, and a folder that holds them.

mod name;
mod policy;
mod folder;

pub use folder::FolderShelf;
pub use name::BackupName;
pub use policy::outdated;
