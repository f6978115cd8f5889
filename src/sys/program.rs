//! One run of another program: input in, output out, within a time.

use std::ffi::{OsStr, OsString};
use std::io::{self, Read, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use super::memory::with_inherited_limits;
use super::process::{Ending, ending};

/// How often a running program is looked at.
const PAUSE: Duration = Duration::from_millis(3);

/// How long what a program has left running may keep its output open after its end.
const AFTERWARDS: Duration = Duration::from_secs(2);

/// A program to be run.
pub struct Program<'a> {
    /// Its name, looked up in `PATH`.
    pub name: &'a str,
    /// The folder it starts in.
    pub folder: &'a Path,
    /// Its arguments.
    pub arguments: &'a [OsString],
    /// Its whole environment.
    pub environment: &'a [(OsString, OsString)],
    /// Its standard input.
    pub input: &'a [u8],
    /// The most that is read of its output, in bytes; a program that prints more is stopped.
    pub limit: usize,
    /// How long it may take; then it is killed.
    pub within: Duration,
    /// Whether it gets a process group of its own, away from the terminal, and is killed with all that it has started.
    pub is_alone: bool,
}

/// What came of a program.
pub struct Finished {
    /// How it ended; `None` if it took too long, printed too much, or left its output open to others.
    pub ending: Option<Ending>,
    /// Standard output, at most the limit.
    pub stdout: Vec<u8>,
    /// Standard error, at most the limit.
    pub stderr: Vec<u8>,
}

impl Program<'_> {
    /// Runs it to its end. The error says that it could not be started.
    pub fn run(&self) -> io::Result<Finished> {
        let mut command = Command::new(self.name);
        command.args(self.arguments).current_dir(self.folder).env_clear();
        command.envs(self.environment.iter().map(|(name, value)| (OsStr::new(name), OsStr::new(value))));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        if self.is_alone {
            command.process_group(0);
        }
        let mut child = with_inherited_limits(|| command.spawn())?;
        let stdout = child.stdout.take().map(|pipe| collect(pipe, self.limit));
        let stderr = child.stderr.take().map(|pipe| collect(pipe, self.limit));
        let stdin = child.stdin.take();
        let status = std::thread::scope(|scope| {
            // A program that does not read to the end shows it by its exit code.
            scope.spawn(|| stdin.map(|mut stdin| stdin.write_all(self.input)));
            self.wait(&mut child, Instant::now() + self.within)
        });
        let (stdout, out_fits) = gathered(stdout);
        let (stderr, err_fits) = gathered(stderr);
        let ending = status?.filter(|_| out_fits && err_fits).map(ending);
        Ok(Finished { ending, stdout, stderr })
    }

    /// Waits for the end, or kills at the deadline.
    fn wait(&self, child: &mut Child, deadline: Instant) -> io::Result<Option<ExitStatus>> {
        loop {
            if let Some(status) = child.try_wait()? {
                return Ok(Some(status));
            }
            if Instant::now() >= deadline {
                self.kill(child)?;
                child.wait()?;
                return Ok(None);
            }
            std::thread::sleep(PAUSE);
        }
    }

    fn kill(&self, child: &mut Child) -> io::Result<()> {
        let group = i32::try_from(child.id()).ok().and_then(rustix::process::Pid::from_raw);
        match group.filter(|_| self.is_alone) {
            Some(group) => Ok(rustix::process::kill_process_group(group, rustix::process::Signal::KILL)?),
            None => child.kill(),
        }
    }
}

/// Reads a pipe in a thread of its own; with whether that was all.
fn collect(pipe: impl Read + Send + 'static, limit: usize) -> Receiver<(Vec<u8>, bool)> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let read = pipe.take(limit as u64 + 1).read_to_end(&mut bytes);
        let fits = read.is_ok() && bytes.len() <= limit;
        bytes.truncate(limit);
        // Nobody waits any more for what comes too late.
        let _ = sender.send((bytes, fits));
    });
    receiver
}

fn gathered(reader: Option<Receiver<(Vec<u8>, bool)>>) -> (Vec<u8>, bool) {
    reader.and_then(|reader| reader.recv_timeout(AFTERWARDS).ok()).unwrap_or_default()
}
