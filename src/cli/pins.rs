//! The one place where an opened store is recognized: compared with what this machine and the identity know of it.
//!
//! What is remembered is read before the store, and written after it only where it has changed. The folder of its new
//! entry is not synced: a crash may bring an older pin back, which accepts no store that it would not have accepted.
//! A machine on which nothing can be remembered (no home, a read-only one) trusts what the identity carries.

use std::io;
use std::path::{Path, PathBuf};

use crate::name::SecretName;
use crate::secret::hex;
use crate::store::{
    Checkout, Document, Pin, PinError, PinFolder, Pinning, Refusal, Sighting, StorePrint, Unlocked, Verdict,
    judge,
};
use crate::sys::{Disk, FileError, FileProblem, Kind as Lying};

use super::checkout::checkout;
use super::context::Context;
use super::failure::{Failure, Kind};
use super::report::count;
use super::settings::Acceptance;

/// Bytes of the key of the names' digests.
const KEY_BYTES: usize = 16;

/// Most new names that are listed one by one.
const MOST_NAMES: usize = 20;

/// The stores that an identity names in comments; none for an identity that may open any.
#[derive(Default, Clone)]
pub(super) struct Carried(Vec<StorePrint>);

impl Carried {
    /// Reads the comments of an identity file.
    pub(super) fn read(source: &str, text: &str) -> Result<Self, Failure> {
        StorePrint::all_in(text).map(Self).map_err(|line| {
            Failure::new(format_args!("{source}: line {line} names no store"))
                .hint("write the fingerprint as `luca-secrets init` did, or take the line out")
        })
    }

    /// Whether the identity may open any store.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What several identities together may open.
    pub(super) fn or(mut self, other: &Self) -> Self {
        if self.is_empty() || other.is_empty() {
            return Self::default();
        }
        self.0.extend_from_slice(&other.0);
        self
    }

    fn may_open(&self, print: StorePrint) -> bool {
        self.is_empty() || self.0.contains(&print)
    }
}

/// What is known of the store before it is opened.
pub(super) struct Memory {
    /// Its path, without symlinks.
    place: PathBuf,
    checkout: Checkout,
    folder: Option<PinFolder>,
    pin: Result<Option<Pin>, PinError>,
}

impl Memory {
    fn pin(&self) -> Option<&Pin> {
        self.pin.as_ref().ok().and_then(Option::as_ref)
    }

    /// The store that is known at the path.
    pub(super) fn print(&self) -> Option<StorePrint> {
        self.pin().map(|pin| pin.print)
    }

    /// The highest generation of it that was seen here, on any branch.
    pub(super) fn highest(&self) -> u64 {
        self.pin().and_then(Pin::newest).map_or(0, |(_, seen)| seen.generation)
    }

    fn judge(&self, document: &Document, carried: &Carried, disk: &Disk) -> Verdict {
        let others = || self.folder.as_ref().map_or(Vec::new(), |folder| folder.others(disk, &self.place));
        judge(document, &self.checkout, self.pin(), &carried.0, others)
    }
}

impl Context {
    /// What is known of the store, to be asked for before it is read.
    pub(super) fn memory(&self) -> Memory {
        let place = self.disk.real_path(&self.settings.store);
        let folder = self.env.state_folder().map(|folder| PinFolder::of(&folder));
        let pin = folder.as_ref().map_or(Ok(None), |folder| folder.load(&self.disk, &place));
        let checkout = checkout(&self.disk, place.parent().unwrap_or(&place));
        Memory { place, checkout, folder, pin }
    }

    /// The opened store, if it is the one that is known, or a person accepts it now.
    pub(super) fn recognized(&mut self, memory: &Memory, store: Unlocked) -> Result<Unlocked, Failure> {
        self.recognize(memory, store.document()).map(|()| store)
    }

    /// Whether what was opened is the store that is known, or a person accepts it now.
    pub(super) fn recognize(&mut self, memory: &Memory, document: &Document) -> Result<(), Failure> {
        let verdict = memory.judge(document, &self.carried.borrow(), &self.disk);
        let failure = match (&memory.pin, &verdict) {
            (Err(error), _) => damaged(error),
            (Ok(_), Verdict::Refused(refusal)) => self.refused(memory, refusal, document),
            (Ok(_), _) => {
                self.hold_to_named_print(document.print())?;
                return self.note(memory, &verdict, document);
            }
        };
        match self.settings.acceptance {
            Acceptance::Refuse => Err(failure),
            _ => self.accept(memory, &failure, document),
        }
    }

    /// Refuses a store that is another than the one known at the store's path. For what is opened on purpose from
    /// elsewhere, such as an earlier revision: its generation does not matter.
    pub(super) fn refuse_foreign(&self, print: StorePrint) -> Result<(), Failure> {
        let memory = self.memory();
        let known = memory.pin.map_err(|error| damaged(&error))?;
        let is_foreign = match &known {
            Some(pin) => pin.print != print,
            None => !self.carried.borrow().may_open(print),
        };
        if !is_foreign {
            return Ok(());
        }
        let path = self.settings.store.display();
        Err(Failure::new(format_args!("{path}: this is another store than the one known here"))
            .kind(Kind::Held)
            .hint(WAY_OUT))
    }

    /// Remembers a store that was opened or written. Where that cannot be done the store is usable all the same.
    pub(super) fn remember(&mut self, document: &Document, pinning: Pinning) {
        let memory = self.memory();
        match self.keep(&memory, document, pinning) {
            Err(error) if !is_no_place(&error) => {
                self.ui.warn(&format!("{error}; the store was not noted as known"));
            }
            Err(error) => self.explain(&format!("the store was not noted as known: {error}")),
            Ok(()) => {}
        }
    }

    fn keep(&mut self, memory: &Memory, document: &Document, pinning: Pinning) -> Result<(), PinError> {
        let state = self.env.state_folder().filter(|state| has_home(&self.disk, state));
        let (Some(folder), Some(_)) = (&memory.folder, state) else {
            self.explain("there is no home folder to note the store in");
            return Ok(());
        };
        let mut key = [0; KEY_BYTES];
        self.random.fill(&mut key).map_err(|error| {
            PinError::File(FileError { path: memory.place.clone(), problem: FileProblem::Io(error) })
        })?;
        folder.keep(&self.disk, &memory.place, (&memory.checkout, document), (pinning, hex(&key)))
    }

    /// Follows a verdict that lets the store pass.
    fn note(&mut self, memory: &Memory, verdict: &Verdict, document: &Document) -> Result<(), Failure> {
        match verdict {
            Verdict::Same | Verdict::Refused(_) => return Ok(()),
            Verdict::Note => {}
            Verdict::Behind(place, known) => self.ui.warn(&format!(
                "{}: generation {}, and generation {} was seen in {place}",
                self.settings.store.display(),
                document.generation(),
                known.generation
            )),
        }
        if memory.pin().is_none() {
            self.explain(&format!(
                "the store is new here: fingerprint {}, generation {}",
                document.print(),
                document.generation()
            ));
        }
        match self.keep(memory, document, Pinning::Seen) {
            // Another process was here first, with another store: one of the two is wrong.
            Err(error @ PinError::Replaced(_)) => Err(Failure::new(error).kind(Kind::Changed)),
            Err(error) if is_no_place(&error) => {
                self.explain(&format!("the store was not noted as known: {error}"));
                Ok(())
            }
            Err(error) => {
                self.ui.warn(&format!("{error}; the store was not noted as known"));
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }

    /// With a fingerprint, `--accept-store` means that store and no other.
    fn hold_to_named_print(&self, print: StorePrint) -> Result<(), Failure> {
        match &self.settings.acceptance {
            Acceptance::Only(wanted) if *wanted != print.to_string() => {
                let path = self.settings.store.display();
                Err(Failure::new(format_args!(
                    "{path}: its fingerprint is {print}, another than --accept-store says"
                ))
                .kind(Kind::Held))
            }
            _ => Ok(()),
        }
    }

    /// Shows how the store differs from the known one, asks, and remembers it.
    fn accept(&mut self, memory: &Memory, failure: &Failure, document: &Document) -> Result<(), Failure> {
        self.hold_to_named_print(document.print())?;
        for message in &failure.messages {
            self.ui.warn(message);
        }
        for line in differences(memory.pin(), &memory.checkout, document) {
            self.ui.say(&line);
        }
        let print = document.print();
        if self.settings.acceptance == Acceptance::Ask {
            if !self.settings.interactive {
                return Err(Failure::new(
                    "a person would have to accept the store, and nobody is there to ask",
                )
                .kind(Kind::Held)
                .hint(format_args!("to accept this one store without being asked: --accept-store={print}")));
            }
            if !self.confirm("accept the store as it is here?")? {
                return Err(Failure::new("the store was not accepted").kind(Kind::Held));
            }
        }
        self.remember(document, Pinning::Accepted);
        self.ui.ok(&format!("accepted {}", self.settings.store.display()));
        if !self.carried.borrow().may_open(print) {
            let line = print.comment();
            self.ui.hint(&format!("to accept it wherever the identity is used, add a line to it: {line}"));
        }
        Ok(())
    }

    fn refused(&self, memory: &Memory, refusal: &Refusal, document: &Document) -> Failure {
        let path = self.settings.store.display();
        let failure = match refusal {
            Refusal::Replaced { known_at: Some(place) } => {
                Failure::new(format_args!("{path}: swapped: this is the store of {place}"))
            }
            Refusal::Replaced { known_at: None } => Failure::new(format_args!(
                "{path}: forged or made anew: not the store that was known here, whose id only its readers know"
            )),
            Refusal::NotCarried => Failure::new(format_args!(
                "{path}: forged or another: not the store that the identity is for"
            )),
            Refusal::Older(known) => Failure::new(format_args!(
                "{path}: older: generation {}, and generation {} was seen here{}",
                document.generation(),
                known.generation,
                match &memory.checkout {
                    Checkout::Branch(name) =>
                        format!(", on {}", name.strip_prefix("refs/heads/").unwrap_or(name)),
                    Checkout::Loose | Checkout::Moving => String::new(),
                }
            )),
        };
        let failure = failure.kind(Kind::Held);
        match refusal {
            Refusal::Older(_) => failure
                .hint("what was rotated or taken away since then is back in it; take the newest one from git")
                .hint(WAY_OUT),
            _ => failure.hint(WAY_OUT),
        }
    }
}

const WAY_OUT: &str = "to see what differs and to accept it all the same: `luca-secrets list --accept-store`";

fn damaged(error: &PinError) -> Failure {
    Failure::new(error)
        .kind(Kind::Held)
        .hint("to look at the store and to note it anew: `luca-secrets list --accept-store`")
}

/// How a store differs from the known one, line by line.
fn differences(pin: Option<&Pin>, checkout: &Checkout, document: &Document) -> Vec<String> {
    let here = Sighting::of(document);
    let Some(pin) = pin else {
        return vec![describe("here ", document.print(), Some(&here))];
    };
    let known = pin.seen_on(checkout);
    let mut lines =
        vec![describe("known", pin.print, known), describe("here ", document.print(), Some(&here))];
    let names = pin.names_apart(document);
    if !names.new.is_empty() {
        let listed: Vec<&str> = names.new.iter().take(MOST_NAMES).map(SecretName::as_str).collect();
        let more = names.new.len().saturating_sub(MOST_NAMES);
        let more = if more == 0 { String::new() } else { format!(" and {more} more") };
        lines.push(format!("names that were not known: {}{more}", listed.join(", ")));
    }
    if names.missing > 0 {
        lines.push(format!("known names that are missing: {} of {}", names.missing, names.known));
    }
    if names.new.is_empty() && names.missing == 0 {
        lines.push(format!("the names are the same: {}", count(names.known, "secret")));
    }
    lines
}

fn describe(which: &str, print: StorePrint, seen: Option<&Sighting>) -> String {
    let Some(Sighting { generation, written, by, .. }) = seen else {
        return format!("{which}  fingerprint {print}");
    };
    // A forger may have written anything there.
    let by: String = by.chars().filter(|character| !character.is_control()).take(80).collect();
    format!("{which}  fingerprint {print}, generation {generation}, written {written} by {by}")
}

/// Whether an error says that nothing can be remembered on this machine, which is nobody's mistake.
fn is_no_place(error: &PinError) -> bool {
    use io::ErrorKind::{NotADirectory, NotFound, PermissionDenied, ReadOnlyFilesystem};
    match error {
        PinError::File(FileError { problem: FileProblem::Io(error), .. }) => {
            matches!(error.kind(), NotADirectory | NotFound | PermissionDenied | ReadOnlyFilesystem)
        }
        _ => false,
    }
}

/// Whether the state folder is, or would be, in a home that exists: where there is none, none is made.
fn has_home(disk: &Disk, state: &Path) -> bool {
    let exists = |folder: &&Path| matches!(disk.kind(folder), Ok(Some(Lying::Folder | Lying::Symlink)));
    state.ancestors().find(exists).is_some_and(|folder| folder.parent().is_some())
}
