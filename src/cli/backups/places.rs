//! The places for backups that the schema names.

use std::path::{Path, PathBuf};

use clap::Args;

use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::name::nearest;
use crate::remote::{FolderShelf, RemoteError, RemoteProblem, S3Shelf, Shelf};
use crate::schema::{BackupTarget, ShelfKind};
use crate::store::Document;
use crate::sys::Variable;

/// For commands about backups.
#[derive(Args)]
pub(in crate::cli) struct PlaceArgs {
    /// Only this place: nas for [backup.nas]; may be repeated
    #[arg(long = "place", value_name = "PLACE")]
    places: Vec<String>,
}

impl Context {
    /// The places that were named, or all.
    pub(in crate::cli) fn backup_places(&mut self, args: &PlaceArgs) -> Result<Vec<BackupTarget>, Failure> {
        if self.places.is_none() {
            self.schema()?;
        }
        let all = self.places.clone().unwrap_or_default();
        if all.is_empty() {
            return Err(Failure::new("the schema names no place for backups").hint(
                "add one: [backup.NAME] with kind = \"folder\" and a path, or kind = \"s3\" and a bucket",
            ));
        }
        let known = |wanted: &String| all.iter().any(|target| target.name.as_str() == wanted);
        if let Some(unknown) = args.places.iter().find(|wanted| !known(wanted)) {
            let failure = Failure::usage("the schema names no such place for backups");
            let names = all.iter().map(|target| target.name.as_str());
            return Err(match nearest(unknown, names.clone()) {
                Some(other) => failure.hint(format_args!("did you mean {other}?")),
                None => failure.hint(format_args!("there are: {}", names.collect::<Vec<_>>().join(", "))),
            });
        }
        let is_wanted = |target: &BackupTarget| {
            args.places.is_empty() || args.places.iter().any(|wanted| wanted == target.name.as_str())
        };
        Ok(all.into_iter().filter(is_wanted).collect())
    }

    /// The place itself. `document` is the opened store, which may hold the credentials for it.
    pub(in crate::cli) fn shelf(
        &self,
        target: &BackupTarget,
        document: Option<&Document>,
    ) -> Result<Box<dyn Shelf>, Failure> {
        match &target.shelf {
            ShelfKind::Folder(path) => {
                Ok(Box::new(FolderShelf::new(self.folder_of(path), self.disk.clone())))
            }
            ShelfKind::S3 { bucket, prefix } => {
                let made = S3Shelf::new(&self.s3_place(bucket, document)?, prefix);
                Ok(Box::new(made.map_err(|error| of_place(target, &error))?))
            }
        }
    }

    /// A folder as the schema gives it.
    fn folder_of(&self, path: &Path) -> PathBuf {
        match (path.strip_prefix("~"), self.env.get(Variable::Home)) {
            (Ok(rest), Some(home)) => Path::new(home).join(rest),
            _ => self.settings.root.join(path),
        }
    }
}

/// What went wrong at a place.
pub(in crate::cli) fn of_place(target: &BackupTarget, error: &RemoteError) -> Failure {
    let failure = Failure::new(format_args!("backup {}: {error}", target.name));
    match error.problem {
        RemoteProblem::ClockSkew(_) => failure.hint("set the clock of this machine, then try again"),
        _ => failure,
    }
}
