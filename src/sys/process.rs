//! Other programs: handing the process over to one, asking one, and sitting beside an editor.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use zeroize::Zeroizing;

use super::memory::with_inherited_limits;

use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};
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
    let mut command = Command::new(program);
    command.args(arguments).env_clear().envs(environment);
    with_inherited_limits(|| command.exec())
}

/// Runs a program without input and gives what it printed if it succeeded.
pub fn output<'a>(
    program: &str,
    arguments: &[&str],
    environment: impl IntoIterator<Item = (&'a OsStr, &'a OsStr)>,
) -> Option<String> {
    let mut command = Command::new(program);
    command
        .args(arguments)
        .env_clear()
        .envs(environment)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let done = with_inherited_limits(|| command.spawn()).ok()?.wait_with_output().ok()?;
    done.status.success().then(|| String::from_utf8_lossy(&done.stdout).trim_end().to_owned())
}

/// Runs a program in a folder, without input, and gives what it printed, whole; `None` if it did not succeed.
pub fn capture<'a>(
    program: &str,
    folder: &Path,
    arguments: &[&str],
    environment: impl IntoIterator<Item = (&'a OsStr, &'a OsStr)>,
) -> io::Result<Option<Zeroizing<Vec<u8>>>> {
    let mut command = Command::new(program);
    command
        .args(arguments)
        .current_dir(folder)
        .env_clear()
        .envs(environment)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let done = with_inherited_limits(|| command.spawn())?.wait_with_output()?;
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

/// Whether a signal was noted. One for the whole process, as signals are.
static ARRIVED: LazyLock<Arc<AtomicBool>> = LazyLock::new(Arc::default);

/// How many hold signals back, and whether none does. One for the whole process too.
static HOLDERS: AtomicUsize = AtomicUsize::new(0);
static DEADLY: LazyLock<Arc<AtomicBool>> = LazyLock::new(Arc::default);

/// From now on only signals that are yet to come count.
pub(super) fn forget_signals() {
    ARRIVED.store(false, Ordering::SeqCst);
}

/// Whether a signal was noted since [`forget_signals`].
pub(super) fn signal_arrived() -> bool {
    ARRIVED.load(Ordering::SeqCst)
}

/// Keeps signals from ending this process while a person's work has to be brought to safety.
///
/// From its making to its drop Ctrl-C, Ctrl-\\, SIGTERM and SIGHUP are only noted; afterwards they are as deadly as
/// ever. Questions on the terminal end unanswered when one arrives.
pub struct Signals {
    told_to_stop: Arc<AtomicBool>,
}

impl Signals {
    /// Starts to note signals.
    pub fn hold() -> io::Result<Self> {
        HOLDERS.fetch_add(1, Ordering::SeqCst);
        DEADLY.store(false, Ordering::SeqCst);
        let signals = Self { told_to_stop: Arc::new(AtomicBool::new(false)) };
        for signal in [SIGTERM, SIGHUP, SIGINT, SIGQUIT] {
            signal_hook::flag::register_conditional_default(signal, Arc::clone(&DEADLY))?;
            signal_hook::flag::register(signal, Arc::clone(&ARRIVED))?;
        }
        // A terminal sends the other two to the editor as well, which knows what to do with them.
        for signal in [SIGTERM, SIGHUP] {
            signal_hook::flag::register(signal, Arc::clone(&signals.told_to_stop))?;
        }
        Ok(signals)
    }

    /// Whether any of them came since the last question on the terminal, or since the start.
    pub fn arrived(&self) -> bool {
        signal_arrived()
    }

    /// Whether SIGTERM came, or SIGHUP because the terminal went away.
    pub fn told_to_stop(&self) -> bool {
        self.told_to_stop.load(Ordering::SeqCst)
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        // One may hold them for a part of what another holds them for.
        if HOLDERS.fetch_sub(1, Ordering::SeqCst) == 1 {
            DEADLY.store(true, Ordering::SeqCst);
        }
    }
}

/// An interactive program that has the terminal while this one waits.
pub struct Session<'s> {
    child: Child,
    signals: &'s Signals,
    /// The terminal and how it was set before the program changed it.
    terminal: Option<(File, Termios)>,
}

impl<'s> Session<'s> {
    /// Starts the program on this process's own terminal.
    pub fn start<'a>(
        program: &str,
        arguments: &[OsString],
        environment: impl IntoIterator<Item = (&'a OsStr, &'a OsStr)>,
        signals: &'s Signals,
    ) -> io::Result<Self> {
        let terminal = File::open("/dev/tty").ok().and_then(|tty| {
            let settings = tcgetattr(&tty).ok()?;
            Some((tty, settings))
        });
        let mut command = Command::new(program);
        command.args(arguments).env_clear().envs(environment);
        let child = with_inherited_limits(|| command.spawn())?;
        Ok(Self { child, signals, terminal })
    }

    /// Waits until the program ends or this process is told to stop.
    pub fn wait(mut self) -> io::Result<SessionEnd> {
        let end = loop {
            if let Some(status) = self.child.try_wait()? {
                let ended = SessionEnd::Ended(ending(status));
                break if self.signals.told_to_stop() { SessionEnd::Stopped } else { ended };
            }
            if self.signals.told_to_stop() {
                self.stop()?;
                break SessionEnd::Stopped;
            }
            std::thread::sleep(PAUSE);
        };
        // A program that was killed leaves the terminal without echo and line ends.
        if let (Some((tty, settings)), false) = (&self.terminal, end == SessionEnd::Ended(Ending::Code(0))) {
            let _ = tcsetattr(tty, OptionalActions::Now, settings);
        }
        Ok(end)
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

pub(super) fn ending(status: std::process::ExitStatus) -> Ending {
    status.signal().map_or_else(|| Ending::Code(status.code().unwrap_or(1)), Ending::Signal)
}
