//! What is about to be committed, as git shows it: the lines that are new.

use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::secret::SecretText;

use super::repository::Repository;

/// Lines of a file that are new and follow each other.
pub(super) struct Added {
    /// The path from the top of the working tree.
    pub(super) path: String,
    /// The line of the first, from 1.
    pub(super) line: usize,
    /// The lines.
    text: SecretText,
}

impl Added {
    /// The lines as bytes.
    pub(super) fn bytes(&self) -> &[u8] {
        self.text.expose().as_bytes()
    }

    /// The lines of the file in which `find` finds something; it gives bytes of the text.
    pub(super) fn find(&self, find: impl Fn(&str) -> Vec<usize>) -> Vec<usize> {
        let text = self.text.expose();
        let mut lines: Vec<usize> =
            find(text).into_iter().map(|at| self.line + text[..at].matches('\n').count()).collect();
        lines.dedup();
        lines
    }
}

/// The paths about to be committed, from the top of the working tree; removed files are not among them.
pub(super) fn paths(repository: &Repository, context: &Context) -> Result<Vec<String>, Failure> {
    let arguments = [&DIFF[..], &["--name-only", "-z"]].concat();
    let names = repository.must(context, &arguments, "say what is staged")?;
    let names = names.split(|byte| *byte == 0).filter(|name| !name.is_empty());
    Ok(names.map(|name| String::from_utf8_lossy(name).into_owned()).collect())
}

/// The same files in the same order, whatever the user's configuration says.
const DIFF: [&str; 6] =
    ["diff", "--cached", "--diff-filter=ACMRT", "--no-renames", "--no-ext-diff", "--ignore-submodules"];

/// Everything that is new in `paths`, which [`paths`] gave. Binary files are read as text.
pub(super) fn added(
    repository: &Repository,
    paths: &[String],
    context: &Context,
) -> Result<Vec<Added>, Failure> {
    let form = ["-U0", "--text", "--no-textconv", "--no-color", "--patch"];
    let patch = repository.must(context, &[&DIFF[..], &form].concat(), "show what is staged")?;
    let mut found: Vec<Added> = Vec::new();
    // Names stand in the patch in a form of their own; its files have the order of the names.
    let mut names = paths.iter();
    let mut current = None;
    let mut header: &[u8] = b"";
    for line in patch.split_inclusive(|byte| *byte == b'\n') {
        if line.starts_with(b"diff --git ") {
            // A file that became a symlink, or the other way round, stands in the patch twice.
            if header != line {
                current = names.next();
            }
            header = line;
        } else if let Some(hunk) = line.strip_prefix(b"@@ ") {
            let text = SecretText::default();
            let line = first_line(hunk);
            found.extend(current.map(|path| Added { path: path.clone(), line, text }));
        } else if let (Some(line), Some(last)) = (line.strip_prefix(b"+"), found.last_mut())
            && current == Some(&last.path)
        {
            last.text.push_str(&String::from_utf8_lossy(line));
        }
    }
    Ok(found)
}

/// The 7 of `-3,2 +7,4 @@`.
fn first_line(hunk: &[u8]) -> usize {
    let hunk = String::from_utf8_lossy(hunk);
    let new = hunk.split(' ').find_map(|part| part.strip_prefix('+')).unwrap_or_default();
    new.split(',').next().and_then(|line| line.parse().ok()).unwrap_or(1)
}
