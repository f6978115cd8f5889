//! One run of another program: input in, output out, within a time.

use std::ffi::{OsStr, OsString};
use std::io::{self, Read, Write};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::memory::with_inherited_limits;
use super::process::{Ending, ending};

/// How often a running program is looked at.
const PAUSE: Duration = Duration::from_millis(3);

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
}

/// What came of a program.
pub struct Finished {
    /// How it ended; `None` if it took too long or printed too much.
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
        let mut child = with_inherited_limits(|| command.spawn())?;
        let stdout = child.stdout.take().map(|pipe| collect(pipe, self.limit));
        let stderr = child.stderr.take().map(|pipe| collect(pipe, self.limit));
        let stdin = child.stdin.take();
        let status = std::thread::scope(|scope| {
            // A program that does not read to the end shows it by its exit code.
            scope.spawn(|| stdin.map(|mut stdin| stdin.write_all(self.input)));
            wait(&mut child, Instant::now() + self.within)
        });
        let (stdout, out_fits) = gathered(stdout);
        let (stderr, err_fits) = gathered(stderr);
        let ending = status?.filter(|_| out_fits && err_fits).map(ending);
        Ok(Finished { ending, stdout, stderr })
    }
}

/// Waits for the end, or kills at the deadline.
fn wait(child: &mut Child, deadline: Instant) -> io::Result<Option<ExitStatus>> {
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if Instant::now() >= deadline {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        std::thread::sleep(PAUSE);
    }
}

/// Reads a pipe in a thread of its own; with whether that was all.
fn collect(pipe: impl Read + Send + 'static, limit: usize) -> JoinHandle<(Vec<u8>, bool)> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let read = pipe.take(limit as u64 + 1).read_to_end(&mut bytes);
        let fits = read.is_ok() && bytes.len() <= limit;
        bytes.truncate(limit);
        (bytes, fits)
    })
}

fn gathered(reader: Option<JoinHandle<(Vec<u8>, bool)>>) -> (Vec<u8>, bool) {
    reader.and_then(|reader| reader.join().ok()).unwrap_or_default()
}
