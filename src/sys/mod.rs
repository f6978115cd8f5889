//! Everything outside the process. The only module that touches files, the clock, randomness, other programs and the
//! terminal, so that tests can stop, fail and kill any of it.

mod browser;
mod clock;
mod disk;
mod env;
mod errand;
mod folder;
mod keyring;
mod lock;
mod memory;
mod process;
mod program;
mod random;
mod runtime;
mod stamp;
mod replace;
mod stdio;
mod system;
mod terminal;

pub use browser::Browser;
pub use clock::{Clock, FixedClock, SystemClock, Uptime, pause, since_start};
pub use disk::{
    Disk, FileError, FileProblem, Gate, Kind, OpenGate, Operation, Permissions, PrivateBytes, describe,
};
pub use env::{Environment, Variable};
pub use errand::errand;
pub use folder::FolderEntry;
pub use keyring::{Keyring, KeyringError};
pub use lock::{FolderLock, LockError};
pub use memory::{keep_in_memory, locked_buffer, protect_process, shortcoming};
pub use process::{
    Ending, Session, SessionEnd, Signals, capture, exec, output, own_process, own_program, process_exists,
};
pub use program::{Finished, Program};
pub use random::{OsRandom, Random};
pub use runtime::{Runtime, block_on, with_ticks};
pub use stamp::Stamp;
pub use stdio::{StandardInput, StandardOutput, read_wiped};
pub use system::{System, host_name};
pub use terminal::{ControllingTerminal, NoTerminal, SharedTerminal, Terminal, terminal_size};
