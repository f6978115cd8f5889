//! The home itself.
//!
//! Objects go into the project's own repository where the remote is one of its own, which has the other side's objects
//! already, or else into a bare one in the user's state folder. A commit is built without a work tree: the branch's tree
//! with one file replaced.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::call::Git;
use super::repository::{as_folder, of_project};
use super::trouble::{Refused, of_connection, of_refusal};
use crate::remote::error::{RemoteError, RemoteProblem};
use crate::remote::home::{Entry, Fetched, Home, Next, Replaced, Version};
use crate::store::{SIZE_LIMIT, path_digest};
use crate::sys::{Disk, Ending, own_process};

/// How often a push is tried that was refused although nobody else has pushed: a lock held by a neighbour.
const ATTEMPTS: usize = 5;

/// The line in a commit's message that says which generation it holds.
const TRAILER: &str = "Luca-Generation";

/// Where git works.
pub struct GitPlace<'a> {
    /// The project's folder, which may be in a repository.
    pub project: &'a Path,
    /// The user's state folder, for a repository of our own.
    pub state: Option<PathBuf>,
    /// What git inherits.
    pub environment: Vec<(OsString, OsString)>,
    /// Whether a person can be asked for a password.
    pub is_interactive: bool,
}

/// A branch of a git repository.
pub struct GitHome {
    git: Git,
    /// As git takes it.
    remote: String,
    /// Whether the remote is a folder on this machine, and which.
    folder: Option<PathBuf>,
    branch: String,
    path: String,
    /// Where the branch is noted.
    noted: String,
    disk: Disk,
}

impl GitHome {
    /// The home of the store at `path` in a branch. Nothing is asked of the other side yet.
    pub fn new(
        remote: &str,
        branch: &str,
        path: &str,
        place: GitPlace<'_>,
        disk: Disk,
    ) -> Result<Self, RemoteError> {
        let label = format!("branch {branch} of {remote}");
        let GitPlace { project, state, environment, is_interactive } = place;
        let git = |folder: PathBuf| Git::new(folder, environment.clone(), is_interactive, label.clone());
        let own = git(project.to_owned());
        let (git, folder) = match of_project(project, &disk, &git)? {
            Some(repository) if repository.has_remote(remote)? => (repository, None),
            _ => {
                let folder = as_folder(remote, project);
                let shown = folder.as_deref().unwrap_or(Path::new(remote));
                let no_place =
                    || RemoteProblem::Settings("there is no home folder to keep git's objects in".to_owned());
                let state = state.ok_or_else(|| own.error(no_place()))?;
                let git = git(state.join("git").join(format!("{}.git", path_digest(shown))));
                git.make(&disk)?;
                (git, folder)
            }
        };
        let remote = folder.as_ref().and_then(|folder| folder.to_str()).unwrap_or(remote).to_owned();
        let noted = format!("refs/luca-secrets/{}/{branch}", path_digest(Path::new(&remote)));
        Ok(Self { git, remote, folder, branch: branch.to_owned(), path: path.to_owned(), noted, disk })
    }

    /// The branch's newest commit over there; `None` if there is no such branch.
    fn tip(&self) -> Result<Option<String>, RemoteError> {
        if self.folder.as_ref().is_some_and(|folder| !matches!(self.disk.kind(folder), Ok(Some(_)))) {
            let problem = RemoteProblem::Unreachable("the folder is not there".to_owned());
            return Err(self.git.error(problem));
        }
        let name = format!("refs/heads/{}", self.branch);
        let finished = self.git.run(&["ls-remote", "--exit-code", "--", &self.remote, &name], b"", &[])?;
        match finished.ending {
            Some(Ending::Code(2)) => Ok(None),
            Some(Ending::Code(0)) => {
                let text = String::from_utf8_lossy(&finished.stdout);
                let line =
                    text.lines().find_map(|line| line.split_once('\t').filter(|(_, found)| *found == name));
                Ok(line.map(|(commit, _)| commit.to_owned()))
            }
            _ => Err(self.git.error(of_connection(&finished))),
        }
    }

    /// Brings a commit's objects here.
    fn bring(&self, tip: &str) -> Result<(), RemoteError> {
        if self.has(tip)? {
            return Ok(());
        }
        let from_to = format!("+refs/heads/{}:{}", self.branch, self.noted);
        let words = [
            "fetch",
            "--quiet",
            "--no-tags",
            "--no-write-fetch-head",
            "--refmap=",
            "--",
            &self.remote,
            &from_to,
        ];
        let finished = self.git.run(&words, b"", &[])?;
        if finished.ending == Some(Ending::Code(0)) && self.has(tip)? {
            return Ok(());
        }
        Err(self.git.error(of_connection(&finished)))
    }

    fn has(&self, commit: &str) -> Result<bool, RemoteError> {
        // Without its tree a commit is of no use: a fetch may have been killed.
        Ok(self
            .git
            .ask(&["rev-list", "--objects", "--max-count=1", "--missing=error", commit, "--"])?
            .is_some())
    }

    /// The store's blob in a commit; `None` if there is no such file.
    fn blob(&self, commit: &str) -> Result<Option<String>, RemoteError> {
        let line = self.git.must(
            "read a tree",
            &["ls-tree", "-z", "--full-tree", commit, "--", &self.path],
            b"",
            &[],
        )?;
        if line.is_empty() {
            return Ok(None);
        }
        match line.split(['\t', ' ']).collect::<Vec<_>>().as_slice() {
            ["100644" | "100755", "blob", blob, ..] => Ok(Some((*blob).to_owned())),
            _ => Err(self.git.error(RemoteProblem::Damaged(format!("{} is no plain file there", self.path)))),
        }
    }

    fn content(&self, blob: &str) -> Result<Vec<u8>, RemoteError> {
        let size = self.git.must("read a file's size", &["cat-file", "-s", blob], b"", &[])?;
        if size.parse::<u64>().map_or(true, |size| size > SIZE_LIMIT) {
            let problem = RemoteProblem::Damaged(format!("{} is too large there", self.path));
            return Err(self.git.error(problem));
        }
        let content = self.git.ask(&["cat-file", "blob", blob])?;
        content.ok_or_else(|| self.git.error(RemoteProblem::Failed("git could not read a file".to_owned())))
    }

    /// Refuses a branch whose history no longer has the version that is known.
    fn refuse_rewritten(&self, known: &str, tip: &str) -> Result<(), RemoteError> {
        let finished = self.git.run(&["merge-base", "--is-ancestor", known, tip], b"", &[])?;
        let is_shallow = || self.git.ask(&["rev-parse", "--is-shallow-repository"]);
        // With 128 the known commit is not here any more, and nothing can be said.
        if finished.ending == Some(Ending::Code(1)) && is_shallow()?.as_deref() != Some(b"true\n") {
            let text = "somebody has rewritten its history: what was there before is no longer part of it";
            return Err(self.git.error(RemoteProblem::Damaged(text.to_owned())));
        }
        Ok(())
    }

    /// Whether a version is what a commit holds, whatever else was committed since.
    fn still_holds(&self, tip: Option<&str>, expected: Option<&Version>) -> Result<bool, RemoteError> {
        let there = match tip {
            Some(tip) => {
                self.bring(tip)?;
                self.blob(tip)?
            }
            None => None,
        };
        let Some(expected) = expected else { return Ok(there.is_none()) };
        if tip == Some(expected.as_str()) {
            return Ok(true);
        }
        Ok(there.is_some() && self.has(expected.as_str())? && self.blob(expected.as_str())? == there)
    }

    /// A commit on the tip that has the store's next version.
    fn commit(&self, tip: Option<&str>, next: &Next<'_>) -> Result<String, RemoteError> {
        let write = ["hash-object", "-w", "--no-filters", "--stdin"];
        let blob = self.git.must("keep the store", &write, next.sealed, &[])?;
        let index = self.git.folder.join(format!("luca-secrets-index-{}", own_process()));
        let also = [("GIT_INDEX_FILE", index.clone().into_os_string())];
        let tree = self.tree(tip, &blob, &also);
        // It holds names only; one that is left over is overwritten by the next.
        let _ = self.disk.remove(&index);
        let tree = tree?;
        let mut words = vec!["commit-tree", &tree];
        if let Some(tip) = tip {
            words.extend(["-p", tip]);
        }
        let message = format!("{}\n\n{TRAILER}: {}\n", next.message.trim_end(), next.generation);
        let who = person(next.author);
        let when = format!("@{} +0000", next.at.as_second());
        let also = [
            ("GIT_AUTHOR_NAME", OsString::from(&who)),
            ("GIT_AUTHOR_EMAIL", OsString::from(&who)),
            ("GIT_AUTHOR_DATE", OsString::from(&when)),
            ("GIT_COMMITTER_NAME", OsString::from(&who)),
            ("GIT_COMMITTER_EMAIL", OsString::from(&who)),
            ("GIT_COMMITTER_DATE", OsString::from(&when)),
        ];
        self.git.must("make a commit", &words, message.as_bytes(), &also)
    }

    fn tree(&self, tip: Option<&str>, blob: &str, also: &[(&str, OsString)]) -> Result<String, RemoteError> {
        let start = tip.map_or(["read-tree", "--empty"], |tip| ["read-tree", tip]);
        self.git.must("read a tree", &start, b"", also)?;
        let entry = format!("100644,{blob},{}", self.path);
        self.git.must(
            "put the store in a tree",
            &["update-index", "--add", "--cacheinfo", &entry],
            b"",
            also,
        )?;
        self.git.must("write a tree", &["write-tree"], b"", also)
    }

    /// Pushes a commit in the place of the tip.
    fn push(&self, tip: Option<&str>, commit: &str) -> Result<Pushed, RemoteError> {
        let name = format!("refs/heads/{}", self.branch);
        let lease = format!("--force-with-lease={name}:{}", tip.unwrap_or_default());
        let from_to = format!("{commit}:{name}");
        let words =
            ["push", "--porcelain", "--no-verify", "--no-signed", &lease, "--", &self.remote, &from_to];
        let finished = self.git.run(&words, b"", &[])?;
        if finished.ending == Some(Ending::Code(0)) {
            return Ok(Pushed::Done);
        }
        let text = String::from_utf8_lossy(&finished.stdout).into_owned();
        let refusal = text.lines().find(|line| line.starts_with('!')).map(of_refusal);
        // The reply may have been lost, not the push.
        let now = match self.tip() {
            Ok(now) => now,
            Err(error) if refusal.is_none() => return Err(error.in_doubt()),
            Err(error) => return Err(error),
        };
        if now.as_deref() == Some(commit) {
            return Ok(Pushed::Done);
        }
        if now.as_deref() != tip {
            return self.is_inside(commit, now.as_deref());
        }
        match refusal {
            Some(Refused::Lost) => Ok(Pushed::Busy),
            Some(Refused::Never(problem)) => Err(self.git.error(problem)),
            None => Err(self.git.error(of_connection(&finished))),
        }
    }

    /// Whether a commit that somebody has built on is what came of a push.
    fn is_inside(&self, commit: &str, tip: Option<&str>) -> Result<Pushed, RemoteError> {
        let Some(tip) = tip else { return Ok(Pushed::Lost) };
        self.bring(tip).map_err(RemoteError::in_doubt)?;
        let finished = self.git.run(&["merge-base", "--is-ancestor", commit, tip], b"", &[])?;
        Ok(if finished.ending == Some(Ending::Code(0)) { Pushed::Done } else { Pushed::Lost })
    }
}

/// What came of one push.
enum Pushed {
    Done,
    Lost,
    /// A neighbour held a lock.
    Busy,
}

impl Home for GitHome {
    fn fetch(&mut self, known: Option<&Version>) -> Result<Fetched, RemoteError> {
        let Some(tip) = self.tip()? else { return Ok(Fetched::Empty) };
        if known.is_some_and(|known| known.as_str() == tip) {
            return Ok(Fetched::Unchanged);
        }
        self.bring(&tip)?;
        if let Some(known) = known {
            self.refuse_rewritten(known.as_str(), &tip)?;
        }
        let Some(blob) = self.blob(&tip)? else { return Ok(Fetched::Empty) };
        let sealed = self.content(&blob)?;
        let version = Version::parse(&tip).ok_or_else(|| {
            self.git.error(RemoteProblem::Failed("git names a commit in an unknown way".to_owned()))
        })?;
        Ok(Fetched::New { version, sealed })
    }

    fn replace(&mut self, expected: Option<&Version>, next: &Next<'_>) -> Result<Replaced, RemoteError> {
        for _ in 0..ATTEMPTS {
            let tip = self.tip()?;
            if !self.still_holds(tip.as_deref(), expected)? {
                return Ok(Replaced::Lost);
            }
            let commit = self.commit(tip.as_deref(), next)?;
            match self.push(tip.as_deref(), &commit)? {
                Pushed::Done => {
                    let version = Version::parse(&commit);
                    let odd = || RemoteProblem::Failed("git names a commit in an unknown way".to_owned());
                    return version.map(Replaced::Done).ok_or_else(|| self.git.error(odd()).in_doubt());
                }
                Pushed::Lost => return Ok(Replaced::Lost),
                Pushed::Busy => {}
            }
        }
        Ok(Replaced::Lost)
    }

    fn log(&mut self, most: usize) -> Result<Vec<Entry>, RemoteError> {
        let Some(tip) = self.tip()? else { return Ok(Vec::new()) };
        self.bring(&tip)?;
        let (number, format) = (
            format!("--max-count={most}"),
            format!("--format=%H%x00%ct%x00%an%x00%s%x00%(trailers:key={TRAILER},valueonly,separator=%x2C)"),
        );
        let text = self.git.must(
            "read the log",
            &["log", "-z", &number, &format, &tip, "--", &self.path],
            b"",
            &[],
        )?;
        let fields: Vec<&str> = text.trim_end_matches('\0').split('\0').collect();
        Ok(fields.chunks_exact(5).filter_map(entry).collect())
    }

    fn find(&mut self, _generation: u64, sealed: &[u8]) -> Result<Option<Version>, RemoteError> {
        let Some(tip) = self.tip()? else { return Ok(None) };
        self.bring(&tip)?;
        let blob =
            self.git.must("digest the store", &["hash-object", "--no-filters", "--stdin"], sealed, &[])?;
        let object = format!("--find-object={blob}");
        let words = ["log", "-m", "--format=%H", &object, &tip, "--", &self.path];
        let commits = self.git.must("search the log", &words, b"", &[])?;
        // The oldest is the one that brought it; those after it took it away.
        Ok(commits.lines().last().and_then(Version::parse))
    }

    fn label(&self) -> String {
        self.git.label.clone()
    }
}

fn entry(fields: &[&str]) -> Option<Entry> {
    let [commit, at, author, summary, generation] = fields else { return None };
    Some(Entry {
        version: Version::parse(commit)?,
        generation: generation.trim().parse().ok(),
        at: at.parse().ok().and_then(|seconds| Timestamp::from_second(seconds).ok()),
        author: Some((*author).to_owned()),
        summary: Some((*summary).to_owned()),
        size: None,
    })
}

/// A name that git takes for an author's.
fn person(author: &str) -> String {
    let is_fine = |character: &char| !character.is_control() && !matches!(character, '<' | '>');
    let name: String = author.chars().filter(is_fine).collect();
    if name.trim().is_empty() { "unknown".to_owned() } else { name }
}
