//! A home of a store in git: a bare repository.

use std::path::PathBuf;
use std::process::Command;

/// A bare repository in a folder of its own.
pub struct Home {
    folder: tempfile::TempDir,
}

impl Home {
    /// An empty one.
    pub fn new() -> Self {
        let home = Self { folder: tempfile::tempdir().unwrap() };
        home.create();
        home
    }

    fn create(&self) {
        let made =
            Command::new("git").args(["init", "-q", "--bare"]).arg(self.repository()).output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    }

    /// Loses all that is in it.
    pub fn lose(&self) {
        std::fs::remove_dir_all(self.repository()).unwrap();
        self.create();
    }

    pub fn repository(&self) -> PathBuf {
        self.folder.path().join("keys.git")
    }

    /// What messages call it.
    pub fn label(&self) -> String {
        format!("branch secrets of {}", self.repository().display())
    }

    /// What a schema says of it.
    pub fn schema(&self) -> String {
        format!("[remote]\nkind = \"git\"\nremote = \"{}\"\n", self.repository().display())
    }

    /// Takes the network away, or gives it back.
    pub fn cut(&self, is_cut: bool) {
        let elsewhere = self.folder.path().join("away.git");
        let (from, to) = if is_cut { (self.repository(), elsewhere) } else { (elsewhere, self.repository()) };
        std::fs::rename(from, to).unwrap();
    }

    /// The messages of the branch's commits, newest first.
    pub fn messages(&self) -> String {
        let log = Command::new("git")
            .args(["--git-dir", self.repository().to_str().unwrap(), "log", "--format=%s", "secrets"])
            .output()
            .unwrap();
        String::from_utf8(log.stdout).unwrap()
    }
}
