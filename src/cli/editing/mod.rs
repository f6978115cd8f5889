//! What `edit` is made of: the buffer, the place it lies in, the program that shows it.

mod buffer;
mod conflicts;
mod program;
mod scratch;

pub(super) use buffer::{Buffer, Problem, line_of, line_starts, unreadable};
pub(super) use conflicts::ConflictNotes;
pub(super) use program::Program;
pub(super) use scratch::{Leftover, Scratch};
