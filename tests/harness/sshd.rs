//! Real OpenSSH servers on loopback, as the user who runs the tests: each with its own host keys, its own list of keys
//! that may log in, its own home folder and its own log. Stopped with all that runs in them when dropped.

use std::fmt::Write as _;
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use luca_secrets::secret::SecretValue;
use luca_secrets::ssh::{Destination, HostKeys, Key, Timeouts};

/// Debian's path; sshd wants to be called by its whole name.
const PROGRAM: &str = "/usr/sbin/sshd";

/// Someone else may take a free port before sshd does.
const ATTEMPTS: usize = 5;

/// How a server is to be set up.
pub struct Setup {
    address: String,
    host_keys: Vec<&'static str>,
    settings: String,
    launcher: Vec<String>,
}

/// A server that runs.
pub struct Sshd {
    child: Child,
    launcher: Vec<String>,
    folder: tempfile::TempDir,
    /// Its address, on loopback.
    pub address: String,
    /// Its port.
    pub port: u16,
}

impl Setup {
    /// Listens on another address of loopback, so that many servers look like many hosts.
    pub fn address(mut self, address: &str) -> Self {
        address.clone_into(&mut self.address);
        self
    }

    /// The types of its host keys: `ed25519`, `ecdsa`, `rsa`. One of type `ed25519` otherwise.
    pub fn host_keys(mut self, kinds: &[&'static str]) -> Self {
        self.host_keys = kinds.to_vec();
        self
    }

    /// Puts a line before all others of `sshd_config`, where the first one counts: `ForceCommand …`.
    pub fn setting(mut self, line: &str) -> Self {
        writeln!(self.settings, "{line}").unwrap();
        self
    }

    /// Has it started by another program, which must become it: `nsenter --net=…`.
    pub fn launcher(mut self, words: &[String]) -> Self {
        self.launcher = words.to_vec();
        self
    }

    /// Starts it and waits until it listens.
    pub fn start(self) -> Sshd {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().join("home");
        fs::create_dir(&home).unwrap();
        for kind in &self.host_keys {
            keygen(&folder.path().join(format!("host_{kind}")), &["-t", kind]);
        }
        keygen(&folder.path().join("client"), &["-t", "ed25519"]);
        fs::copy(folder.path().join("client.pub"), folder.path().join("authorized_keys")).unwrap();
        if rustix::process::getuid().is_root() {
            // Where root's sshd locks its helper in; Debian's unit makes it too.
            fs::create_dir_all("/run/sshd").unwrap();
        }
        for _ in 0..ATTEMPTS {
            // In a network of its own every port is free.
            let port = free_port(if self.launcher.is_empty() { &self.address } else { "127.0.0.1" });
            self.write_config(folder.path(), port);
            if let Some(child) = listening(folder.path(), &self.launcher) {
                return Sshd { child, launcher: self.launcher, folder, address: self.address, port };
            }
        }
        panic!("sshd does not start: {}", fs::read_to_string(folder.path().join("log")).unwrap());
    }

    fn write_config(&self, folder: &Path, port: u16) {
        let shown = folder.display();
        let mut config = self.settings.clone();
        for kind in &self.host_keys {
            writeln!(config, "HostKey {shown}/host_{kind}").unwrap();
        }
        write!(
            config,
            "ListenAddress {}:{port}\nAuthorizedKeysFile {shown}/authorized_keys\nSetEnv HOME={shown}/home\n\
             PidFile none\nUsePAM no\nStrictModes no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n\
             PermitRootLogin prohibit-password\nMaxStartups 200\nMaxSessions 100\nLogLevel VERBOSE\nPrintMotd no\n",
            self.address
        )
        .unwrap();
        fs::write(folder.join("sshd_config"), config).unwrap();
    }
}

impl Sshd {
    /// A server with the usual settings.
    pub fn start() -> Self {
        Self::setup().start()
    }

    /// Settings to change before it starts.
    pub fn setup() -> Setup {
        Setup {
            address: "127.0.0.1".to_owned(),
            host_keys: vec!["ed25519"],
            settings: String::new(),
            launcher: Vec::new(),
        }
    }

    /// A path in the server's own folder, which is removed with it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The home folder of whoever logs in.
    pub fn home(&self) -> PathBuf {
        self.path("home")
    }

    /// Its host key of a type, as `ssh-ed25519 AAAA…`.
    pub fn host_key(&self, kind: &str) -> String {
        public_line(&self.path(&format!("host_{kind}.pub")))
    }

    /// The host's name in a `known_hosts` file.
    pub fn known_name(&self) -> String {
        format!("[{}]:{}", self.address, self.port)
    }

    /// The path of a private key that may log in.
    pub fn client_key(&self) -> PathBuf {
        self.path("client")
    }

    /// Lets another key log in.
    pub fn authorize(&self, public: &str) {
        let path = self.path("authorized_keys");
        let known = fs::read_to_string(&path).unwrap();
        fs::write(path, format!("{known}{public}\n")).unwrap();
    }

    /// How to connect to it, with its first host key recorded and its own client's key.
    pub fn destination(&self) -> Destination {
        let recorded =
            ["ed25519", "ecdsa", "rsa"].iter().find(|kind| self.path(&format!("host_{kind}.pub")).exists());
        Destination {
            host: self.address.clone(),
            port: self.port,
            user: user(),
            host_keys: HostKeys::parse(&self.host_key(recorded.unwrap())).unwrap(),
            keys: vec![read_key(&self.client_key(), None)],
            jump: None,
            timeouts: patient(),
        }
    }

    /// What it has logged so far.
    pub fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap()
    }

    /// Kills everything that serves a connection, as if the machine lost its power, and the server too.
    pub fn kill(&mut self) {
        // Stopped before the first of them is killed, so that none can act on another's end; and whoever accepts
        // connections is gone before the next is killed, so that nobody gets back in between.
        let mut doomed = vec![self.child.id()];
        doomed.extend(descendants(self.child.id()));
        for signal in [rustix::process::Signal::STOP, rustix::process::Signal::KILL] {
            for process in &doomed {
                let id = rustix::process::Pid::from_raw(i32::try_from(*process).unwrap()).unwrap();
                let _ = rustix::process::kill_process(id, signal);
                if signal == rustix::process::Signal::KILL && *process == self.child.id() {
                    let _ = self.child.wait();
                }
            }
        }
    }

    /// Starts it again, where and as it was.
    pub fn restart(&mut self) {
        self.child = listening(self.folder.path(), &self.launcher).unwrap();
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        self.kill();
    }
}

/// An ssh-agent of this test's own.
pub struct Agent {
    child: Child,
    /// As `SSH_AUTH_SOCK` names it.
    pub socket: PathBuf,
}

impl Agent {
    /// One without keys, with its socket in a folder.
    pub fn start(folder: &Path) -> Self {
        let socket = folder.join("agent");
        let child =
            Command::new("ssh-agent").args(["-D", "-a"]).arg(&socket).stdout(Stdio::null()).spawn().unwrap();
        while !socket.exists() {
            std::thread::sleep(Duration::from_millis(5));
        }
        Self { child, socket }
    }

    /// Gives it a key.
    pub fn add(&self, options: &[&str], key: &Path) {
        let mut command = Command::new("ssh-add");
        command.arg("-q").args(options).arg(key).env("SSH_AUTH_SOCK", &self.socket);
        assert!(command.status().unwrap().success());
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Limits that a busy machine does not reach.
pub fn patient() -> Timeouts {
    let long = Duration::from_mins(1);
    Timeouts { connect: long, handshake: long, authenticate: long, keepalive: long }
}

/// The name of whoever runs the tests.
pub fn user() -> String {
    let id = Command::new("id").arg("-un").output().unwrap();
    String::from_utf8(id.stdout).unwrap().trim().to_owned()
}

/// Makes a pair of keys without a passphrase, unless the options say one.
pub fn keygen(path: &Path, options: &[&str]) {
    let mut command = Command::new("ssh-keygen");
    command.args(["-q", "-C", "", "-f"]).arg(path).args(options);
    if !options.contains(&"-N") {
        command.args(["-N", ""]);
    }
    assert!(command.status().unwrap().success(), "ssh-keygen {options:?}");
}

/// A public key's file as `type base64`.
pub fn public_line(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    text.split_ascii_whitespace().take(2).collect::<Vec<_>>().join(" ")
}

/// Reads a private key's file.
pub fn read_key(path: &Path, passphrase: Option<&str>) -> Key {
    let text = SecretValue::new(fs::read_to_string(path).unwrap());
    Key::parse(&text, &mut || passphrase.map(|text| SecretValue::new(text.to_owned()))).unwrap()
}

/// A port on which nobody listens just now.
pub fn free_port(address: &str) -> u16 {
    TcpListener::bind((address, 0)).unwrap().local_addr().unwrap().port()
}

/// Starts sshd; `None` if it ended, which it does when the port was taken meanwhile.
fn listening(folder: &Path, launcher: &[String]) -> Option<Child> {
    let log = fs::File::create(folder.join("log")).unwrap();
    let words: Vec<&str> = launcher.iter().map(String::as_str).chain([PROGRAM]).collect();
    let mut child = Command::new(words[0])
        .args(&words[1..])
        .args(["-D", "-e", "-f"])
        .arg(folder.join("sshd_config"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .unwrap_or_else(|error| panic!("{PROGRAM}: {error}; run tests/tools/install"));
    loop {
        if fs::read_to_string(folder.join("log")).unwrap().contains("Server listening on") {
            return Some(child);
        }
        if child.try_wait().unwrap().is_some() {
            return None;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn descendants(of: u32) -> Vec<u32> {
    let mut parents = Vec::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let Some(id) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        let stat = fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        let parent =
            stat.rsplit(')').next().and_then(|rest| rest.split_whitespace().nth(1)?.parse::<u32>().ok());
        parents.extend(parent.map(|parent| (id, parent)));
    }
    let mut found = vec![of];
    let mut at = 0;
    while at < found.len() {
        let of = found[at];
        found.extend(parents.iter().filter(|(_, parent)| *parent == of).map(|(id, _)| *id));
        at += 1;
    }
    found.split_off(1)
}
