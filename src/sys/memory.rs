//! This process's memory, kept from others: no core image, nothing to read in `/proc`, no secrets in the swap.
//!
//! What is done, and where it ends:
//! - The process is not dumpable (`PR_SET_DUMPABLE`): it leaves no core image, no other process of the same user can
//!   trace it or read its memory, its maps, its open files or its environment in `/proc`. Root can, and so can whoever
//!   traces it from the start. Between `execve` and the first line of `main` it is as open as any other.
//! - The limit for core images is 0 as well. Programs that we start get back what we inherited, and `execve` makes them
//!   dumpable again.
//! - The pages of the document and the identity are locked, as far as `RLIMIT_MEMLOCK` lets. They are never unlocked:
//!   a page may hold another secret besides, and locks do not add up. What is unmapped or ends with the process needs
//!   no unlocking. Single values taken out of the document are not locked.
//! - Everything on the heap is wiped when it is freed: by its type here, and by the program's allocator (`main.rs`)
//!   where a library made a copy (age's buffers, the arguments of `execve`, JSON). Copies on the stack and in registers
//!   are overwritten by what comes next there, and not on purpose; hibernation writes locked pages to the disk too.
//! - `MADV_DONTDUMP` and `MADV_WIPEONFORK` would add nothing: there is no dump, and every fork becomes another program.
//! - The environment that we were started with stays where the kernel put it, below the stack: overwriting it takes
//!   `unsafe`. Nobody but root can read ours, but whoever started us with `LUCA_SECRETS_IDENTITY` has it too.

use std::mem::{ManuallyDrop, size_of_val};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use rustix::process::{DumpableBehavior, Resource, Rlimit, getrlimit, set_dumpable_behavior, setrlimit};

/// How this process is protected. One for the whole process, as its memory is. Only the program sets it: a library must
/// not lock another program's memory.
static PROTECTION: OnceLock<Protection> = OnceLock::new();

struct Protection {
    is_dumpable: bool,
    /// The limit for core images (bytes) that was inherited.
    core_limit: Rlimit,
    /// Bytes that could not be locked.
    unlocked: AtomicUsize,
}

/// Makes this process one that cannot be dumped or looked into. To be called before anything is read.
pub fn protect_process() {
    let is_dumpable = set_dumpable_behavior(DumpableBehavior::NotDumpable).is_err();
    let core_limit = getrlimit(Resource::Core);
    // Lowering a limit is always allowed; and without it there is no core image either.
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), ..core_limit });
    let _ = PROTECTION.set(Protection { is_dumpable, core_limit, unlocked: AtomicUsize::new(0) });
}

/// Starts another program with the limits that this one inherited.
pub(super) fn with_inherited_limits<T>(start: impl FnOnce() -> T) -> T {
    let Some(protection) = PROTECTION.get() else { return start() };
    let _ = setrlimit(Resource::Core, protection.core_limit);
    let outcome = start();
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), ..protection.core_limit });
    outcome
}

/// An empty buffer with room for `bytes` bytes that are not swapped out, as far as the system lets.
pub fn locked_buffer(bytes: usize) -> Vec<u8> {
    let buffer = Vec::with_capacity(bytes);
    lock(buffer.as_ptr(), buffer.capacity());
    buffer
}

/// Keeps the pages in which these things lie from being swapped out, as far as the system lets.
pub fn keep_in_memory<T>(things: &[T]) {
    lock(things.as_ptr(), size_of_val(things));
}

fn lock<T>(start: *const T, bytes: usize) {
    let Some(protection) = PROTECTION.get().filter(|_| bytes > 0) else { return };
    // Dropping the guard would unlock the pages, see above.
    if region::lock(start, bytes).map(ManuallyDrop::new).is_err() {
        protection.unlocked.fetch_add(bytes, Ordering::Relaxed);
    }
}

/// What of the protection failed, to be told to those who ask; `None` if nothing did.
pub fn shortcoming() -> Option<String> {
    let protection = PROTECTION.get()?;
    let unlocked = protection.unlocked.load(Ordering::Relaxed);
    if protection.is_dumpable {
        return Some("the system did not let this process forbid core images of itself".to_owned());
    }
    let limit = match getrlimit(Resource::Memlock).current {
        Some(limit) => format!("the limit is {} KiB, see `ulimit -l`", limit / 1024),
        None => "the system refused".to_owned(),
    };
    (unlocked > 0).then(|| {
        format!(
            "{} KiB of secrets are not locked in memory and could be swapped out: {limit}",
            unlocked.div_ceil(1024)
        )
    })
}
