//! Which home the schema gives the store.

use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::remote::{GitHome, GitPlace, Home, S3Home};
use crate::schema::{HomeKind, LoadError, Remote, Schema};
use crate::store::Document;

use super::look::Away;

/// What the schema says of a home.
#[derive(Default)]
enum Settings {
    /// It was not read yet.
    #[default]
    Unread,
    /// This one, or none.
    Read(Option<Box<Remote>>),
}

/// What is known of the store's home while a command runs.
#[derive(Default)]
pub(in crate::cli) struct Known {
    settings: Settings,
    /// The connection, kept from one write to the next.
    open: Option<Away>,
}

impl Context {
    /// Takes note of the home that the schema gives the store, and of the places for its backups.
    pub(in crate::cli) fn note_home(&mut self, schema: &Schema) {
        self.home.settings = Settings::Read(schema.remote.clone().map(Box::new));
        self.places = Some(schema.backups.values().cloned().collect());
    }

    /// The store's home, unless there is none or it is to be left alone. `document` is the opened store, which may hold
    /// the credentials for it.
    pub(in crate::cli) fn away(&mut self, document: Option<&Document>) -> Result<Option<Away>, Failure> {
        if self.settings.is_offline {
            self.explain("the store's home away from this machine is left alone: --offline");
            return Ok(None);
        }
        if let Some(away) = self.home.open.take() {
            return Ok(Some(away));
        }
        let Some(remote) = self.home_settings()? else { return Ok(None) };
        let home = self.connect(&remote, document)?;
        Ok(Some(Away::new(home, self)))
    }

    /// Keeps the connection for the next write.
    pub(in crate::cli) fn keep_away(&mut self, away: Away) {
        self.home.open = Some(away);
    }

    /// The home that the schema gives the store. A project without a schema has none.
    pub(in crate::cli) fn home_settings(&mut self) -> Result<Option<Remote>, Failure> {
        if let Settings::Read(remote) = &self.home.settings {
            return Ok(remote.as_deref().cloned());
        }
        match crate::schema::load(&self.disk, &self.settings.schemas) {
            Ok(schema) => {
                self.note_home(&schema);
                return Ok(schema.remote);
            }
            Err(LoadError::NoSchema(_)) => {}
            // A mistake elsewhere in it is no reason to stop.
            Err(LoadError::Invalid(_)) if !self.schema_has("[remote") => {}
            Err(error) => {
                return Err(Failure::from(error).hint(
                    "whether the store has a home away from this machine cannot be seen; --offline leaves it alone",
                ));
            }
        }
        self.home.settings = Settings::Read(None);
        Ok(None)
    }

    /// Whether a schema that cannot be read has a table whose header starts so.
    pub(in crate::cli) fn schema_has(&self, header: &str) -> bool {
        let is_header = |line: &str| line.trim_start().starts_with(header);
        let files = crate::schema::read_files(&self.disk, &self.settings.schemas).unwrap_or_default();
        files.iter().any(|(_, text)| text.lines().any(is_header))
    }

    fn connect(&self, remote: &Remote, document: Option<&Document>) -> Result<Box<dyn Home>, Failure> {
        match &remote.home {
            HomeKind::Git { remote, branch, path } => {
                let inherited = self.env.for_children();
                let place = GitPlace {
                    project: &self.settings.root,
                    state: self.env.state_folder(),
                    environment: inherited.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
                    is_interactive: self.settings.interactive,
                };
                Ok(Box::new(GitHome::new(remote, branch, path, place, self.disk.clone())?))
            }
            HomeKind::S3 { bucket, key } => {
                let place = self.s3_place(bucket, document)?;
                Ok(Box::new(S3Home::new(&place, key, self.env.state_folder(), self.disk.clone())?))
            }
        }
    }
}
