//! A file on a server, put in place by one POSIX `sh` script that one `exec` starts and one conversation drives.
//!
//! [`Session::command`] is the command line: the script, a random marker, the transaction's id and who asks. No value
//! is in it. Everything else goes as lines over stdin and stdout; [`Conversation`] spells requests and reads replies,
//! and neither sends nor receives, so that SSH and the tests use the same. The content follows its request as it is, and
//! `dd` takes exactly that from stdin into the new file: it is never in arguments, environment or a log, nor in the shell.
//! (A `sudo` that an administrator has told to log its *input*, `log_input`, is beyond this: it records what it is sent.)
//!
//! # Round trips
//!
//! A request that fails makes the script skip all later ones that change something, until [`Request::Undo`]. So they
//! may all be sent at once: an install on one host whose digests are known takes one round trip after the `exec`, a
//! commit included. A push takes three on one host without apply commands and checks: the look goes with the `exec`, the
//! swap with the stage, the goodbye with the commit. With several hosts there is a barrier after each of stage, swap and
//! apply. The same conversation may look, wait for a person's word, and then lock: the digests are compared again before
//! a stage and before a swap.
//!
//! # What it costs there
//!
//! Programs and waits for the disk, so both are few. An install over a file of mode 0600 without apply commands starts 13
//! programs: `stat` and `base64` to look, `flock`, `dd`, `sha256sum`, `stat` and `sync` to stage, `sha256sum`, `ln` and
//! `mv` to swap, `mv`, `rm` and `sync` to commit. It waits for four `fsync`: the new file, the note and the folder before
//! the swap, and the folder before the commit is told.
//!
//! # Locks
//!
//! `flock` on the folders themselves, so that nothing stays behind and the kernel frees them however the script dies.
//! Commands do not inherit them. Without `flock` an install is refused: a lock that has to be cleaned up after a crash
//! is none. A commit lets go of them, whether or not a goodbye is ever heard. `.luca-secrets-holder` says who has the
//! lock; it counts only while the lock is held. The deploy workflow
//! takes the same lock by `flock FOLDER COMMAND`. A process that has outlived its connection is ended by the same
//! transaction only: `takeover` of [`Request::Lock`].
//!
//! # Beside the file `F`
//!
//! | name | what | how long |
//! |---|---|---|
//! | `.F.ID.luca-secrets-new` | the new file | until the swap; after a kill, until the next stage or heal |
//! | `.F.luca-secrets-note` | [`Note`]: whose, digests of old and new, the old mode, what is owed; no values | until commit, or settled |
//! | `.F.luca-secrets-undo` | the old file itself, by a second link | from swap to commit |
//! | `.F.luca-secrets-previous` | the one backup, mode 0600, its owner kept | until the next commit |
//!
//! # States
//!
//! A note lies beside the file for as long as the file is not certain to stay, or services may run something else than
//! it says (an apply is *owed*). It is on the disk before the swap, so a crash is read from the note and the file's digest.
//! That the new file is in place is on the disk before the first apply command, and that it stays before a commit is told.
//!
//! | state | entered by | connection cut, or SIGTERM | `kill -9`, power loss | heal back | heal forward |
//! |---|---|---|---|---|---|
//! | locked | lock | ends | holder's name, which counts no longer | – | – |
//! | staged | stage | new file and note removed | both stay; the old file is in place | removed | removed |
//! | swapped | swap | old file put back, note removed | new file, note, undo | old file put back | new file kept, owed |
//! | applied | apply | old file put back, the apply commands run again; note removed if they succeed, else owed | new file, note with `applying`, undo | old file put back, owed | new file kept, owed |
//! | undone | undo | the apply commands run again, if they had run | old file, note if owed | owed | owed |
//! | committed | commit | ends | killed in the middle of it: note with `committed`; power lost: the note as it was, at most | commit finished, or as swapped | commit finished, or as swapped |
//!
//! So without its client a host goes back by itself, and only a commit that was heard keeps the new file. If the client
//! dies between two hosts' commits, some have the new file and some the old, each whole and with its services: the next push's
//! plan sees it. [`Stopped`] says what a look has found; the next push, or `push --recover`, sends
//! [`Request::Heal`] under the lock and, where the reply says owed, an apply and [`Request::Settle`].
//! A file changed by hand is never overwritten: stage, swap, undo and heal back compare its digest first.

mod conversation;
mod note;
mod output;
mod refusal;
mod reply;
mod request;
mod session;
mod words;

pub use conversation::Conversation;
pub use note::{Note, Stopped};
pub use output::{Output, Ran};
pub use refusal::{Broken, Problem, Refusal};
pub use reply::{Container, Facts, Greeting, Holder, Look, PutBack, Reply};
pub use request::{Content, Direction, FileNumber, Request, Run, Stage};
pub use session::Session;
pub use words::{Digest, PathError, ServerPath, TransactionId};
