//! A server without a network: the script in a process of this machine, under a shell and tools of the test's choice.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use luca_secrets::secret::{Redactor, SecretText};
use luca_secrets::sys::OsRandom;
use luca_secrets::target::server::{
    Broken, Content, Conversation, Digest, Ran, Reply, Request, Run, ServerPath, Session, Stage,
    TransactionId,
};

/// The shells that are `sh` somewhere, as far as this machine has them (`tests/tools/install` brings all); with
/// `BusyBox`, its other programs too.
pub fn shells() -> impl Iterator<Item = &'static str> {
    let all = ["bash", "dash", "busybox"];
    all.into_iter().enumerate().filter(|(at, name)| *at == 0 || find(name).is_some()).map(|(_, name)| name)
}

fn find(name: &str) -> Option<PathBuf> {
    ["/usr/bin", "/bin", "/usr/sbin"]
        .iter()
        .map(|folder| Path::new(folder).join(name))
        .find(|path| path.exists())
}

/// Where a program is.
pub fn program(name: &str) -> PathBuf {
    find(name).unwrap()
}

/// A server's disk: a folder for files, and one for the programs that a shell finds first.
pub struct Host {
    root: tempfile::TempDir,
    path: String,
}

impl Host {
    /// A host whose `sh` is this shell.
    pub fn new(shell: &str) -> Self {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir(root.path().join("bin")).unwrap();
        std::fs::create_dir(root.path().join("app")).unwrap();
        let host = Self { root, path: String::new() };
        host.link("sh", &program(shell));
        let mut path = host.root.path().join("bin").to_str().unwrap().to_owned();
        if shell == "busybox" {
            for tool in [
                "base64",
                "cat",
                "chmod",
                "chown",
                "cp",
                "dd",
                "grep",
                "id",
                "ln",
                "mv",
                "readlink",
                "rm",
                "sed",
                "sha256sum",
                "sleep",
                "stat",
                "sync",
                "tail",
                "timeout",
                "touch",
                "tr",
                "true",
            ] {
                host.link(tool, &program("busybox"));
            }
            // Debian builds its BusyBox without this one.
            host.link("flock", &program("flock"));
        } else {
            path += ":/usr/bin:/bin";
        }
        Self { path, ..host }
    }

    /// Puts a program where it is found first.
    pub fn link(&self, name: &str, to: &Path) {
        symlink(to, self.root.path().join("bin").join(name)).unwrap();
    }

    /// Takes every program away but these and the shell.
    pub fn only(&mut self, tools: &[&str]) {
        self.root.path().join("bin").to_str().unwrap().clone_into(&mut self.path);
        for tool in tools {
            self.link(tool, &program(tool));
        }
    }

    /// The folder of the files.
    pub fn app(&self) -> PathBuf {
        self.root.path().join("app")
    }

    /// A path in it.
    pub fn at(&self, name: &str) -> ServerPath {
        ServerPath::parse(self.app().join(name).to_str().unwrap()).unwrap()
    }

    /// Makes a file with a mode.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>, mode: u32) {
        let path = self.app().join(name);
        std::fs::write(&path, content).unwrap();
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    }

    /// What a file holds.
    pub fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.app().join(name)).unwrap()
    }

    /// All in the folder, by name: `NAME MODE CONTENT`, the transaction's own number as `T`.
    pub fn list(&self) -> Vec<String> {
        let mut found = Vec::new();
        for entry in std::fs::read_dir(self.app()).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            let parts: Vec<&str> = name
                .split('.')
                .map(|part| if TransactionId::parse(part).is_some() { "T" } else { part })
                .collect();
            let metadata = path.symlink_metadata().unwrap();
            let content = if name.ends_with("-note") || name.ends_with("-holder") || !metadata.is_file() {
                String::new()
            } else {
                String::from_utf8_lossy(&std::fs::read(&path).unwrap()).trim_end().to_owned()
            };
            found.push(
                format!("{} {:o} {content}", parts.join("."), metadata.mode() & 0o7777).trim_end().to_owned(),
            );
        }
        found.sort();
        found
    }

    /// Whether nobody has the folder's lock.
    pub fn is_free(&self) -> bool {
        Command::new("flock").arg("-n").arg(self.app()).arg("true").status().unwrap().success()
    }

    /// Waits for the last process of a script that was killed.
    pub fn wait_until_free(&self) {
        assert!(Command::new("flock").arg(self.app()).arg("true").status().unwrap().success());
    }

    /// Starts a conversation and hears the greeting.
    pub fn connect(&self) -> Peer {
        self.connect_as(&transaction(), "ada@laptop")
    }

    /// The same with a transaction and a name.
    pub fn connect_as(&self, transaction: &TransactionId, who: &str) -> Peer {
        let mut peer = self.start(transaction, who, |command| command);
        assert!(matches!(peer.hear(), Ok(Reply::Greeted(_))));
        peer
    }

    /// Starts a conversation with the command changed, such as by a profile in front.
    pub fn start(
        &self,
        transaction: &TransactionId,
        who: &str,
        change: impl FnOnce(String) -> String,
    ) -> Peer {
        let session = Session::new(transaction.clone(), who, &mut OsRandom).unwrap();
        let mut child = Command::new(self.root.path().join("bin/sh"))
            .args(["-c", &change(session.command(false))])
            .process_group(0)
            .env_clear()
            .envs([
                ("PATH", self.path.as_str()),
                ("HOME", "/"),
                ("content", "x"),
                ("output", "x"),
                ("line", "x"),
            ])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (input, output) = (child.stdin.take(), BufReader::new(child.stdout.take().unwrap()));
        Peer { conversation: Conversation::new(&session), child, input, output }
    }
}

/// A new transaction.
pub fn transaction() -> TransactionId {
    TransactionId::new(&mut OsRandom).unwrap()
}

/// A text that is to be installed.
pub fn text(content: &str) -> SecretText {
    SecretText::new(content.to_owned())
}

/// One conversation under way.
pub struct Peer {
    pub conversation: Conversation,
    pub child: Child,
    pub input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Peer {
    /// Sends without waiting.
    pub fn send(&mut self, request: &Request<'_>) {
        let bytes = self.conversation.ask(request);
        self.input.as_mut().unwrap().write_all(&bytes).unwrap();
    }

    /// The next reply.
    pub fn hear(&mut self) -> Result<Reply, Broken> {
        loop {
            let mut line = Vec::new();
            if self.output.read_until(b'\n', &mut line).unwrap() == 0 {
                let mut errors = String::new();
                self.child.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
                return Err(self.conversation.closed(&errors).expect("an end in the middle"));
            }
            if let Some(reply) = self.conversation.hear(line.strip_suffix(b"\n").unwrap())? {
                return Ok(reply);
            }
        }
    }

    /// Asks and waits; the reply in words.
    pub fn ask(&mut self, request: &Request<'_>) -> String {
        self.send(request);
        tell(&self.hear().unwrap())
    }

    /// Locks the folder and looks at a file in it.
    pub fn begin(&mut self, host: &Host, name: &str) -> Vec<String> {
        let (path, folder) = (host.at(name), host.at(name).folder());
        [
            self.ask(&Request::Lock { folder: &folder, takeover: None }),
            self.ask(&Request::Look { file: 1, path: &path, with_content: false }),
        ]
        .into()
    }

    /// Stages a text as file 1.
    pub fn stage(&mut self, old: Option<&str>, new: &str) -> String {
        let content = text(new);
        let expected = old.map(|old| Digest::of(old.as_bytes()));
        self.ask(&Request::Stage(Stage {
            file: 1,
            expected,
            content: Content::Text(&content),
            mode: None,
            owner: None,
        }))
    }

    /// Runs an apply command in the folder of the files.
    pub fn apply(&mut self, host: &Host, script: &str, seconds: u64) -> String {
        let words = ["sh", "-c", script].map(str::to_owned);
        let folder = host.at("x").folder();
        self.ask(&Request::Apply(Run { folder: &folder, words: &words, seconds }))
    }

    /// Ends the input, as a cut connection does, and waits for the script's end.
    pub fn cut(mut self) {
        drop(self.input.take());
        assert!(self.child.wait().unwrap().success());
    }

    /// `kill -9`.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// A reply in words.
pub fn tell(reply: &Reply) -> String {
    let owed = |is_owed: &bool| if *is_owed { ", apply owed" } else { "" };
    match reply {
        Reply::Greeted(greeting) => format!("greeted, without {}", greeting.missing.join(" ")),
        Reply::Locked => "locked".to_owned(),
        Reply::Looked(look) => match (&look.file, look.stopped()) {
            (None, None) => "missing".to_owned(),
            (Some(file), None) => format!("file {} {:o}", file.size, file.mode),
            (_, Some(stopped)) => {
                format!(
                    "{stopped:?} of {}{}",
                    look.note.as_ref().unwrap().by,
                    owed(&look.note.as_ref().unwrap().is_owed)
                )
            }
        },
        Reply::Staged(_) => "staged".to_owned(),
        Reply::Swapped(_) => "swapped".to_owned(),
        Reply::Ran(ran, output) => {
            let said = output.last_lines(3, &Redactor::default()).join("|");
            if *ran == Ran::Done { said } else { format!("{ran:?}: {said}") }
        }
        Reply::Committed => "committed".to_owned(),
        Reply::Undone(files) => {
            let words = files.iter().map(|file| {
                format!("{} {}{}", file.file, if file.is_back { "back" } else { "left" }, owed(&file.is_owed))
            });
            format!("undone: {}", words.collect::<Vec<_>>().join(", "))
        }
        Reply::Settled => "settled".to_owned(),
        Reply::Healed { is_owed, .. } => format!("healed{}", owed(is_owed)),
        Reply::Attested(containers) => format!("{containers:?}"),
        Reply::Ended => "ended".to_owned(),
        Reply::Skipped => "skipped".to_owned(),
        Reply::Refused(refusal) => refusal.to_string(),
    }
}
