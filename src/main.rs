//! The binary: hands the arguments and the real world to the library.

use std::alloc;
use std::io::{IsTerminal, stderr, stdin, stdout};
use std::process::ExitCode;
use std::sync::Arc;

use luca_secrets::cli;
use luca_secrets::sys::{
    ControllingTerminal, Disk, Environment, OpenGate, OsRandom, StandardInput, StandardOutput, System,
    SystemClock, protect_process,
};
use zeroizing_alloc::ZeroAlloc;

/// Wipes whatever is freed: libraries make copies of what they are given, and know nothing of secrets.
#[global_allocator]
static WIPING: ZeroAlloc<alloc::System> = ZeroAlloc(alloc::System);

fn main() -> ExitCode {
    // Before anything is read.
    protect_process();
    let system = System {
        folder: std::env::current_dir().unwrap_or_default(),
        env: Environment::new(std::env::vars_os()),
        clock: Box::new(SystemClock),
        random: Box::new(OsRandom),
        disk: Disk::new(Arc::new(OpenGate)),
        terminal: Box::new(ControllingTerminal),
        stdin: Box::new(StandardInput),
        stdin_is_terminal: stdin().is_terminal(),
        stdout: Box::new(StandardOutput::default()),
        stdout_is_terminal: stdout().is_terminal(),
        stderr: Box::new(stderr()),
        stderr_is_terminal: stderr().is_terminal(),
    };
    ExitCode::from(cli::run(std::env::args_os(), system))
}
