//! What the tests of bad input, faults and crowds share: snapshots, sealed documents, gates.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::str::FromStr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use age::armor::{ArmoredWriter, Format};
use luca_secrets::sys::{Gate, Operation};

use crate::harness::{Done, IDENTITY, World};

/// A value that must never be seen in any output.
pub const MARKER: &str = "m4rk3r-hunter2-Zq";

/// All files and folders below a folder, with modes and contents; but not what the machine remembers of stores, which
/// any command may bring up to date.
pub fn snapshot(folder: &Path) -> BTreeMap<PathBuf, (u32, Option<Vec<u8>>)> {
    let mut found = whole_snapshot(folder);
    found.retain(|path, _| !path.components().any(|part| part.as_os_str() == ".local"));
    found
}

/// All files and folders below a folder, with modes and contents.
pub fn whole_snapshot(folder: &Path) -> BTreeMap<PathBuf, (u32, Option<Vec<u8>>)> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let metadata = std::fs::symlink_metadata(&path).unwrap();
            let content = metadata.is_file().then(|| {
                // Sparse giants are told by their size alone.
                if metadata.len() > 10_000_000 {
                    metadata.len().to_string().into_bytes()
                } else {
                    std::fs::read(&path).unwrap()
                }
            });
            if metadata.is_dir() {
                folders.push(path.clone());
            }
            found.insert(path, (metadata.permissions().mode(), content));
        }
    }
    found
}

/// Files that a writer left behind.
pub fn leftovers(world: &World) -> Vec<PathBuf> {
    let is_leftover = |path: &PathBuf| path.to_string_lossy().ends_with(".tmp");
    whole_snapshot(world.root()).into_keys().filter(is_leftover).collect()
}

/// Runs something that must fail, and holds it to changing nothing and quoting nothing.
#[track_caller]
pub fn refused(world: &World, act: impl FnOnce(&World) -> Done) -> Done {
    let before = snapshot(world.root());
    let done = act(world);
    assert!(snapshot(world.root()) == before, "something changed");
    assert!(done.code != 0, "{}{}", done.stdout, done.stderr);
    assert!(!done.stderr.contains(MARKER) && !done.stdout.contains(MARKER), "{}{}", done.stdout, done.stderr);
    done
}

/// The recipient of the tests' identity.
pub fn recipient() -> age::x25519::Recipient {
    age::x25519::Identity::from_str(IDENTITY).unwrap().to_public()
}

/// Encrypts to the tests' identity.
pub fn seal(plain: &[u8], format: Format) -> Vec<u8> {
    let recipient = recipient();
    let encryptor =
        age::Encryptor::with_recipients(std::iter::once(&recipient as &dyn age::Recipient)).unwrap();
    let mut writer = encryptor.wrap_output(ArmoredWriter::wrap_output(Vec::new(), format).unwrap()).unwrap();
    io::Write::write_all(&mut writer, plain).unwrap();
    writer.finish().and_then(ArmoredWriter::finish).unwrap()
}

/// Decrypts what was encrypted to the tests' identity.
pub fn unseal(sealed: &[u8]) -> String {
    let identity = age::x25519::Identity::from_str(IDENTITY).unwrap();
    let decryptor = age::Decryptor::new(age::armor::ArmoredReader::new(sealed)).unwrap();
    let mut plain = String::new();
    let mut reader = decryptor.decrypt(std::iter::once(&identity as &dyn age::Identity)).unwrap();
    io::Read::read_to_string(&mut reader, &mut plain).unwrap();
    plain
}

/// The store's own part of a document; eleven lines, then `[secrets]`.
pub fn header() -> String {
    format!(
        "[store]\nformat = 1\nid = \"0123456789abcdef\"\ngeneration = 7\nwritten = 2026-11-23T12:00:00Z\n\
         by = \"tester\"\n\n[[recipients]]\nname = \"tester\"\nkey = \"{}\"\nsince = 2026-11-23T12:00:00Z\n",
        recipient()
    )
}

/// Puts a document with this text after its header in place of the world's store, which the machine forgets.
pub fn store_with(world: &World, rest: &str) {
    world.forget_stores();
    world.write("secrets.enc", seal(format!("{}{rest}", header()).as_bytes(), Format::AsciiArmor));
}

/// Ends this process as an out-of-memory killer or a power cut would.
pub fn killed() -> io::Result<()> {
    rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL).unwrap();
    loop {
        std::thread::park();
    }
}

/// Runs one of these tests, which may end with [`killed`], in a process of its own. Whether it was; else it has passed.
pub fn is_killed<'a>(test: &str, environment: impl IntoIterator<Item = (&'a str, &'a OsStr)>) -> bool {
    let done = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .envs(environment)
        .output()
        .unwrap();
    let is_killed = done.status.signal() == Some(9);
    assert!(is_killed || done.status.success(), "{test}: {}", String::from_utf8_lossy(&done.stdout));
    is_killed
}

/// Counts effects; at the chosen one it fails, or does what the test wants.
pub struct Nth {
    count: AtomicUsize,
    at: usize,
    act: fn() -> io::Result<()>,
}

impl Nth {
    /// Acts at effect number `at`, from 1.
    pub fn new(at: usize, act: fn() -> io::Result<()>) -> Self {
        Self { count: AtomicUsize::new(0), at, act }
    }

    /// How many effects there were.
    pub fn count(&self) -> usize {
        self.count.load(Ordering::SeqCst)
    }
}

impl Gate for Nth {
    fn pass(&self, _: Operation, _: &Path) -> io::Result<()> {
        if self.count.fetch_add(1, Ordering::SeqCst) + 1 == self.at { (self.act)() } else { Ok(()) }
    }
}

/// Writes down what passes.
#[derive(Default)]
pub struct Recorder(Mutex<Vec<(Operation, PathBuf)>>);

impl Recorder {
    /// What passed, with file names only.
    pub fn seen(&self) -> Vec<(Operation, String)> {
        let name = |path: &PathBuf| path.file_name().unwrap().to_string_lossy().into_owned();
        self.0.lock().unwrap().iter().map(|(operation, path)| (*operation, name(path))).collect()
    }
}

impl Gate for Recorder {
    fn pass(&self, operation: Operation, path: &Path) -> io::Result<()> {
        self.0.lock().unwrap().push((operation, path.to_owned()));
        Ok(())
    }
}
