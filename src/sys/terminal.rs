//! Questions to a person: always on the controlling terminal, never on standard input or output.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};

use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
use zeroize::Zeroizing;

use crate::secret::SecretValue;

/// Longest answer that is read, in bytes.
const LONGEST_ANSWER: usize = 64 * 1024;

/// A person who can be asked.
pub trait Terminal {
    /// Whether there is anybody to ask.
    fn is_there(&self) -> bool;
    /// Asks a question and gives the line that was typed, without its end.
    fn ask(&mut self, question: &str) -> io::Result<String>;
    /// The same without showing what is typed.
    fn ask_secret(&mut self, question: &str) -> io::Result<SecretValue>;
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
        tty.write_all(question.as_bytes())?;
        read_line(&mut tty).map(|line| line.as_str().to_owned())
    }

    fn ask_secret(&mut self, question: &str) -> io::Result<SecretValue> {
        let mut tty = Self::open()?;
        let before = tcgetattr(&tty)?;
        let mut silent = before.clone();
        silent.local_modes.remove(LocalModes::ECHO);
        silent.local_modes.insert(LocalModes::ECHONL);
        tcsetattr(&tty, OptionalActions::Flush, &silent)?;
        let answer = tty.write_all(question.as_bytes()).and_then(|()| read_line(&mut tty));
        tcsetattr(&tty, OptionalActions::Now, &before)?;
        answer.map(|line| SecretValue::new(line.as_str().to_owned()))
    }
}

/// Reads up to the end of the line, byte by byte: nothing that follows may be swallowed.
fn read_line(tty: &mut File) -> io::Result<Zeroizing<String>> {
    let mut line = Zeroizing::new(Vec::with_capacity(LONGEST_ANSWER));
    let mut byte = [0];
    loop {
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
    let text = std::str::from_utf8(&line).map_err(|_| io::ErrorKind::InvalidData)?;
    Ok(Zeroizing::new(text.to_owned()))
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
