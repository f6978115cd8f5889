//! What the commands ask git.

use std::io;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::sys::{capture, describe};

/// The working tree around the store.
pub(in crate::cli) struct Repository {
    /// Where git is started, so that it sees the folder that the user sees.
    folder: PathBuf,
    top: PathBuf,
}

impl Repository {
    /// The working tree that the current folder is in.
    pub(in crate::cli) fn find(context: &Context) -> Result<Self, Failure> {
        let folder = context.settings.folder.clone();
        let here = Self { top: folder.clone(), folder };
        let top = here.ask(context, &["rev-parse", "--show-toplevel"])?;
        let top = top.and_then(|top| text(&top)).ok_or_else(|| {
            Failure::new("this is no git working tree").hint("make one with `git init`, or go to one with -C")
        })?;
        Ok(Self { top: PathBuf::from(top), ..here })
    }

    /// What git prints; `None` if it says no.
    pub(in crate::cli) fn ask(
        &self,
        context: &Context,
        arguments: &[&str],
    ) -> Result<Option<Zeroizing<Vec<u8>>>, Failure> {
        capture("git", &self.folder, arguments, context.env.for_children())
            .map_err(|error| not_started(&error))
    }

    /// What git prints; anything but success is a failure of the step that `what` names.
    pub(super) fn must(
        &self,
        context: &Context,
        arguments: &[&str],
        what: &str,
    ) -> Result<Zeroizing<Vec<u8>>, Failure> {
        self.ask(context, arguments)?.ok_or_else(|| Failure::new(format_args!("git could not {what}")))
    }

    /// A path as git calls it, from the top of the working tree.
    pub(in crate::cli) fn path(&self, path: &Path) -> Result<String, Failure> {
        let inside = path.strip_prefix(&self.top).ok().and_then(Path::to_str);
        inside
            .map(str::to_owned)
            .ok_or_else(|| Failure::new(format_args!("{}: not in this git working tree", path.display())))
    }

    /// One stage of the store in git's index: 0, or 1 to 3 while a merge is not finished.
    pub(in crate::cli) fn staged(
        &self,
        context: &Context,
        stage: u8,
    ) -> Result<Option<Zeroizing<Vec<u8>>>, Failure> {
        let path = self.path(&context.settings.store)?;
        self.ask(context, &["cat-file", "blob", &format!(":{stage}:{path}")])
    }
}

/// Whether git waits for the store to be added after a merge.
pub(in crate::cli) fn is_unmerged(context: &Context) -> bool {
    let staged = Repository::find(context).and_then(|repository| repository.staged(context, 3));
    staged.is_ok_and(|staged| staged.is_some())
}

/// Output of one line, or of several.
pub(super) fn text(output: &[u8]) -> Option<String> {
    std::str::from_utf8(output).ok().map(|text| text.trim_end_matches('\n').to_owned())
}

fn not_started(error: &io::Error) -> Failure {
    if error.kind() == io::ErrorKind::NotFound {
        return Failure::new("git is not installed");
    }
    Failure::new(format_args!("git cannot be started: {}", describe(error)))
}
