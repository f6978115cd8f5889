//! Where the store is kept beside this machine, and where its backups go.

use std::path::PathBuf;

use crate::name::{SecretName, TargetName};

use super::model::Place;

/// The store's home away from this machine: `[remote]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remote {
    /// What kind of home.
    pub home: HomeKind,
    /// Where it is declared.
    pub place: Place,
}

impl Remote {
    /// Whether the schema names secrets with which the home is reached.
    pub fn has_own_credentials(&self) -> bool {
        matches!(&self.home, HomeKind::S3 { bucket, .. } if bucket.credentials.is_some())
    }
}

/// The kinds of homes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HomeKind {
    /// An object in a bucket.
    S3 {
        /// The bucket.
        bucket: Bucket,
        /// The object's key; the generations lie beside it, below the key with `.d/` behind it.
        key: String,
    },
    /// A branch of a git repository.
    Git {
        /// The name of a remote of the project's repository, or a URL or path as `git push` takes it.
        remote: String,
        /// The branch. Default: `secrets`.
        branch: String,
        /// The store's path in that branch. Default: `secrets.enc`.
        path: String,
    },
}

/// A bucket of an S3 service, and how to reach it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bucket {
    /// Its name.
    pub name: String,
    /// The service's URL without a slash at its end; `None` for AWS itself.
    pub endpoint: Option<String>,
    /// The region that signatures name. Default: `us-east-1`.
    pub region: String,
    /// Whether the bucket's name stands in the path and not in the host name. Default: where there is an endpoint.
    pub path_style: bool,
    /// The secrets with the access key and the secret key, for where the AWS chain has none.
    pub credentials: Option<(SecretName, SecretName)>,
    /// A file with the certificates to trust, in PEM, instead of the system's; relative to the schema's folder.
    pub ca_file: Option<PathBuf>,
}

/// A place for backups: `[backup.NAME]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackupTarget {
    /// Its name.
    pub name: TargetName,
    /// Where.
    pub shelf: ShelfKind,
    /// How many backups stay.
    pub keep: Keep,
    /// Whether each command that writes the store puts a backup there, and not `backup create` alone. Default: no.
    pub every_write: bool,
    /// Where it is declared.
    pub place: Place,
}

/// The kinds of places for backups.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ShelfKind {
    /// Objects in a bucket whose keys start with `prefix`.
    S3 {
        /// The bucket.
        bucket: Bucket,
        /// What all keys start with; empty, or with a slash at its end.
        prefix: String,
    },
    /// Files in a folder: from the root, from home (`~/`), or relative to the project's folder.
    Folder(PathBuf),
}

/// How many backups stay: of each period that has any, the newest, for so many periods. Periods are of UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keep {
    /// The newest ones, whatever their age. Default: 10.
    pub last: usize,
    /// Hours. Default: 24.
    pub hourly: usize,
    /// Days. Default: 30.
    pub daily: usize,
    /// Weeks, from Monday (ISO 8601). Default: 12.
    pub weekly: usize,
    /// Months. Default: 24.
    pub monthly: usize,
}

impl BackupTarget {
    /// Whether the schema names secrets with which the place is reached.
    pub fn has_own_credentials(&self) -> bool {
        matches!(&self.shelf, ShelfKind::S3 { bucket, .. } if bucket.credentials.is_some())
    }
}

impl Default for Keep {
    fn default() -> Self {
        Self { last: 10, hourly: 24, daily: 30, weekly: 12, monthly: 24 }
    }
}
