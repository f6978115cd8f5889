//! Questions to a person: always on the controlling terminal, never on standard input or output.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::stdio::stderr;
use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcgetwinsize, tcsetattr};
use zeroize::Zeroizing;

use crate::secret::SecretValue;

use super::process::{forget_signals, signal_arrived};

/// Longest answer that is read, in bytes.
const LONGEST_ANSWER: usize = 64 * 1024;

/// How often to look for signals while a question stands: 50 ms.
const GLANCE: Timespec = Timespec { tv_sec: 0, tv_nsec: 50_000_000 };

/// Control characters that a terminal sends as bytes (ASCII).
const CTRL_C: u8 = 0x03;
const CTRL_D: u8 = 0x04;
const BACKSPACE: u8 = 0x08;
const CTRL_U: u8 = 0x15;
const CTRL_BACKSLASH: u8 = 0x1c;
const DELETE: u8 = 0x7f;

/// A person who can be asked.
pub trait Terminal: Send {
    /// Whether there is anybody to ask.
    fn is_there(&self) -> bool;
    /// Asks a question and gives the line that was typed, without its end.
    fn ask(&mut self, question: &str) -> io::Result<String>;
    /// The same without showing what is typed.
    fn ask_secret(&mut self, question: &str) -> io::Result<SecretValue>;
    /// Shows a line that wants no answer, such as a plugin's "touch your key".
    fn tell(&mut self, _: &str) {}
}

/// One terminal for several askers: a command, and the keys that want a passphrase while it runs.
#[derive(Clone)]
pub struct SharedTerminal(Arc<Mutex<Box<dyn Terminal>>>);

impl SharedTerminal {
    /// Shares a terminal.
    pub fn new(terminal: Box<dyn Terminal>) -> Self {
        Self(Arc::new(Mutex::new(terminal)))
    }

    fn lock(&self) -> MutexGuard<'_, Box<dyn Terminal>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Terminal for SharedTerminal {
    fn is_there(&self) -> bool {
        self.lock().is_there()
    }

    fn ask(&mut self, question: &str) -> io::Result<String> {
        self.lock().ask(question)
    }

    fn ask_secret(&mut self, question: &str) -> io::Result<SecretValue> {
        self.lock().ask_secret(question)
    }

    fn tell(&mut self, message: &str) {
        self.lock().tell(message);
    }
}

/// The process's controlling terminal, `/dev/tty`.
pub struct ControllingTerminal;

impl ControllingTerminal {
    fn open() -> io::Result<File> {
        OpenOptions::new().read(true).write(true).open("/dev/tty")
    }
}

impl Terminal for ControllingTerminal {
    fn is_there(&self) -> bool {
        Self::open().is_ok()
    }

    fn ask(&mut self, question: &str) -> io::Result<String> {
        let mut tty = Self::open()?;
        forget_signals();
        tty.write_all(question.as_bytes())?;
        read_line(&mut tty).map(|line| line.as_str().to_owned())
    }

    fn ask_secret(&mut self, question: &str) -> io::Result<SecretValue> {
        let mut tty = Self::open()?;
        let before = tcgetattr(&tty)?;
        let mut silent = before.clone();
        // Without ISIG a Ctrl-C arrives as a byte: a signal would end the process and leave the terminal silent.
        silent.local_modes.remove(LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG);
        tcsetattr(&tty, OptionalActions::Flush, &silent)?;
        let answer = tty.write_all(question.as_bytes()).and_then(|()| read_hidden_line(&mut tty));
        tcsetattr(&tty, OptionalActions::Now, &before)?;
        tty.write_all(b"\n")?;
        answer.map(|line| SecretValue::new(line.as_str().to_owned()))
    }

    fn tell(&mut self, message: &str) {
        // Where the terminal went away there is nobody to tell.
        let _ = Self::open().and_then(|mut tty| writeln!(tty, "{message}"));
    }
}

/// Reads a line from a terminal that neither shows nor edits it: backspace and Ctrl-U are ours to follow.
fn read_hidden_line(tty: &mut File) -> io::Result<Zeroizing<String>> {
    let mut line = Zeroizing::new(Vec::with_capacity(LONGEST_ANSWER));
    let mut byte = [0];
    loop {
        let count = tty.read(&mut byte)?;
        match byte[0] {
            _ if count == 0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            b'\n' | b'\r' => return to_text(&line),
            CTRL_C | CTRL_D | CTRL_BACKSLASH => return Err(io::ErrorKind::Interrupted.into()),
            BACKSPACE | DELETE => erase_character(&mut line),
            CTRL_U => line.clear(),
            _ if line.len() == LONGEST_ANSWER => return Err(io::ErrorKind::FileTooLarge.into()),
            other => line.push(other),
        }
    }
}

/// Removes the last character, which may take several bytes in UTF-8.
fn erase_character(line: &mut Vec<u8>) {
    while line.pop().is_some_and(|byte| byte & 0xc0 == 0x80) {}
}

fn to_text(line: &[u8]) -> io::Result<Zeroizing<String>> {
    let text = std::str::from_utf8(line).map_err(|_| io::ErrorKind::InvalidData)?;
    Ok(Zeroizing::new(text.to_owned()))
}

/// Waits until something was typed. A signal that is only noted does not end a read, but it must end a question.
fn wait_for_input(tty: &File) -> io::Result<()> {
    loop {
        let ready = poll(&mut [PollFd::new(tty, PollFlags::IN)], Some(&GLANCE))?;
        if signal_arrived() {
            return Err(io::ErrorKind::Interrupted.into());
        }
        if ready > 0 {
            return Ok(());
        }
    }
}

/// Reads up to the end of the line, byte by byte: nothing that follows may be swallowed.
fn read_line(tty: &mut File) -> io::Result<Zeroizing<String>> {
    let mut line = Zeroizing::new(Vec::with_capacity(LONGEST_ANSWER));
    let mut byte = [0];
    loop {
        wait_for_input(tty)?;
        if tty.read(&mut byte)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        match byte[0] {
            b'\n' => break,
            _ if line.len() == LONGEST_ANSWER => return Err(io::ErrorKind::FileTooLarge.into()),
            other => line.push(other),
        }
    }
    if line.last() == Some(&b'\r') {
        line.pop();
    }
    to_text(&line)
}

/// The columns and rows of the terminal that standard error is; `None` where it is none, or does not know.
pub fn terminal_size() -> Option<(usize, usize)> {
    let size = tcgetwinsize(stderr()).ok()?;
    (size.ws_col > 0 && size.ws_row > 0).then_some((size.ws_col.into(), size.ws_row.into()))
}

/// Nobody to ask.
pub struct NoTerminal;

impl Terminal for NoTerminal {
    fn is_there(&self) -> bool {
        false
    }

    fn ask(&mut self, _: &str) -> io::Result<String> {
        Err(io::ErrorKind::NotConnected.into())
    }

    fn ask_secret(&mut self, _: &str) -> io::Result<SecretValue> {
        Err(io::ErrorKind::NotConnected.into())
    }
}
