//! Other programs: handing the process over to one, asking one, and sitting beside an editor.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use zeroize::Zeroizing;

use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};

/// How often a running editor is looked at.
const PAUSE: Duration = Duration::from_millis(10);

/// How long an editor may take to stop once it has been told to.
const GRACE: Duration = Duration::from_secs(3);

/// Becomes another program: same process number, so signals and the exit code need no forwarding, and this program's
/// memory, secrets included, is gone. Returns only if that failed.
pub fn exec<'a>(
    program: &OsStr,
    arguments: &[OsString],
    environment: impl IntoIterator<Item = (&'a OsStr, &'a OsStr)>,
) -> io::Error {
    Command::new(program).args(arguments).env_clear().envs(environment).exec()
}

/// Runs a program without input and gives what it printed if it succeeded.
pub fn output<'a>(
    program: &str,
    arguments: &[&str],
    environment: impl IntoIterator<Item = (&'a OsStr, &'a OsStr)>,
) -> Option<String> {
    let done = Command::new(program)
        .args(arguments)
        .env_clear()
        .envs(environment)
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    done.status.success().then(|| String::from_utf8_lossy(&done.stdout).trim_end().to_owned())
}

/// Runs a program in a folder, without input, and gives what it printed, whole; `None` if it did not succeed.
pub fn capture<'a>(
    program: &str,
    folder: &Path,
    arguments: &[&str],
    environment: impl IntoIterator<Item = (&'a OsStr, &'a OsStr)>,
) -> io::Result<Option<Zeroizing<Vec<u8>>>> {
    let done = Command::new(program)
        .args(arguments)
        .current_dir(folder)
        .env_clear()
        .envs(environment)
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()?;
    let stdout = Zeroizing::new(done.stdout);
    Ok(done.status.success().then_some(stdout))
}

/// Where this program lies.
pub fn own_program() -> io::Result<PathBuf> {
    std::env::current_exe()
}

/// The number of this process.
pub fn own_process() -> u32 {
    std::process::id()
}

/// Whether a process of that number lives.
pub fn process_exists(number: u32) -> bool {
    let id = i32::try_from(number).ok().and_then(rustix::process::Pid::from_raw);
    // A process of another user counts too: then we may not ask, but there is one.
    id.is_some_and(|id| rustix::process::test_kill_process(id) != Err(rustix::io::Errno::SRCH))
}

/// How a program ended by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// With this exit code.
    Code(i32),
    /// Killed by this signal.
    Signal(i32),
}

/// How an interactive session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionEnd {
    /// The program ended by itself.
    Ended(Ending),
    /// We were told to stop, by SIGTERM or because the terminal went away; the program was stopped too.
    Stopped,
}

/// An interactive program that has the terminal while this one waits.
///
/// From its start to its drop, this process survives Ctrl-C, Ctrl-\, SIGTERM and SIGHUP, so that it can save what the
/// person typed. After the drop the signals are still noted rather than deadly; the process is about to end.
pub struct Session {
    child: Child,
    told_to_stop: Arc<AtomicBool>,
}

impl Session {
    /// Starts the program on this process's own terminal.
    pub fn start<'a>(
        program: &str,
        arguments: &[OsString],
        environment: impl IntoIterator<Item = (&'a OsStr, &'a OsStr)>,
    ) -> io::Result<Self> {
        let told_to_stop = Arc::new(AtomicBool::new(false));
        let ignored = Arc::new(AtomicBool::new(false));
        for signal in [SIGTERM, SIGHUP] {
            signal_hook::flag::register(signal, Arc::clone(&told_to_stop))?;
        }
        // The terminal sends these to the editor as well, which knows what to do with them.
        for signal in [SIGINT, SIGQUIT] {
            signal_hook::flag::register(signal, Arc::clone(&ignored))?;
        }
        let child = Command::new(program).args(arguments).env_clear().envs(environment).spawn()?;
        Ok(Self { child, told_to_stop })
    }

    /// Waits until the program ends or this process is told to stop.
    pub fn wait(mut self) -> io::Result<SessionEnd> {
        loop {
            if let Some(status) = self.child.try_wait()? {
                let stopped = self.told_to_stop.load(Ordering::SeqCst);
                return Ok(if stopped { SessionEnd::Stopped } else { SessionEnd::Ended(ending(status)) });
            }
            if self.told_to_stop.load(Ordering::SeqCst) {
                self.stop()?;
                return Ok(SessionEnd::Stopped);
            }
            std::thread::sleep(PAUSE);
        }
    }

    /// Asks the program to stop, then makes it.
    fn stop(&mut self) -> io::Result<()> {
        if let Some(id) = i32::try_from(self.child.id()).ok().and_then(rustix::process::Pid::from_raw) {
            let _ = rustix::process::kill_process(id, rustix::process::Signal::TERM);
        }
        let deadline = Instant::now() + GRACE;
        while Instant::now() < deadline {
            if self.child.try_wait()?.is_some() {
                return Ok(());
            }
            std::thread::sleep(PAUSE);
        }
        self.child.kill()?;
        self.child.wait().map(drop)
    }
}

fn ending(status: std::process::ExitStatus) -> Ending {
    status.signal().map_or_else(|| Ending::Code(status.code().unwrap_or(1)), Ending::Signal)
}
