//! One run of another program whose output nobody reads: input in, and an end within a time, of it and of all that it has
//! started.

use std::ffi::OsStr;
use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

use super::memory::with_inherited_limits;
use super::process::{Ending, ending};

/// How often a running program is looked at.
const PAUSE: Duration = Duration::from_millis(5);

/// Runs a program, `words` being its name and its arguments, in a folder. `input` is at most a few kilobytes. How it ended;
/// `None` if it took longer than `within` and was killed. The error says that it could not be started.
pub fn errand<'a>(
    words: &[String],
    folder: &Path,
    environment: impl IntoIterator<Item = (&'a OsStr, &'a OsStr)>,
    input: &[u8],
    within: Duration,
) -> io::Result<Option<Ending>> {
    let (name, arguments) = words.split_first().ok_or(io::ErrorKind::InvalidInput)?;
    let mut command = Command::new(name);
    command.args(arguments).current_dir(folder).env_clear().envs(environment);
    // A group of its own: what it has started is killed with it, and nothing else.
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
    let mut child = with_inherited_limits(|| command.spawn())?;
    // It fits into the pipe. A program that does not read it shows by its exit code whether that was right.
    let _ = child.stdin.take().map(|mut pipe| pipe.write_all(input));
    let deadline = Instant::now() + within;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(ending(status)));
        }
        if Instant::now() >= deadline {
            return end(&mut child).map(|()| None);
        }
        std::thread::sleep(PAUSE);
    }
}

fn end(child: &mut Child) -> io::Result<()> {
    if let Some(group) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
        let _ = kill_process_group(group, Signal::KILL);
    }
    child.kill()?;
    child.wait().map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(script: &str, within: Duration) -> io::Result<Option<Ending>> {
        let words = ["sh", "-c", script].map(str::to_owned);
        let path = [(OsStr::new("PATH"), OsStr::new("/usr/bin:/bin"))];
        errand(&words, Path::new("/"), path, b"hello\n", within)
    }

    #[test]
    fn it_gets_its_input_and_its_end_is_seen() {
        let long = Duration::from_secs(20);
        assert_eq!(run("read line; test \"$line\" = hello", long).unwrap(), Some(Ending::Code(0)));
        assert_eq!(run("exit 7", long).unwrap(), Some(Ending::Code(7)));
        assert_eq!(run("kill -9 $$", long).unwrap(), Some(Ending::Signal(9)));
        assert!(errand(&["/no/such/program".to_owned()], Path::new("/"), [], b"", long).is_err());
    }

    #[test]
    fn what_takes_too_long_is_killed_with_all_that_it_has_started() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("number");
        let script = format!("sleep 600 & echo $! >{}; wait", file.display());
        assert_eq!(run(&script, Duration::from_millis(500)).unwrap(), None);
        let number: u32 = std::fs::read_to_string(&file).unwrap().trim().parse().unwrap();
        // Whoever takes in orphans needs a moment to do so.
        let is_gone = |_| {
            std::thread::sleep(PAUSE);
            let stat = std::fs::read_to_string(format!("/proc/{number}/stat")).unwrap_or_default();
            stat.is_empty() || stat.contains(") Z ")
        };
        assert!((0..2000).any(is_gone));
    }
}
