//! Standard input and output without the buffers of the standard library, which keep what went through them until the
//! process ends.

use std::io::{self, Read, Write};

use rustix::io::{read, write};
use rustix::stdio::{stdin, stdout};
use zeroize::{Zeroize, Zeroizing};

use super::disk::PrivateBytes;

/// Bytes that are gathered before they are written.
const BUFFER: usize = 8 * 1024;

/// Bytes that there is room for before it is known how many will come.
const FIRST_ROOM: usize = 64 * 1024;

/// Standard input, not buffered.
pub struct StandardInput;

impl Read for StandardInput {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        Ok(read(stdin(), buffer)?)
    }
}

/// Standard output, buffered, the buffer wiped as soon as it is written.
pub struct StandardOutput(Zeroizing<Vec<u8>>);

impl Default for StandardOutput {
    fn default() -> Self {
        Self(Zeroizing::new(Vec::with_capacity(BUFFER)))
    }
}

impl Write for StandardOutput {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > BUFFER {
            self.flush()?;
        }
        if bytes.len() > BUFFER {
            return Ok(write(stdout(), bytes)?);
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let outcome = write_all(&self.0);
        // What could not be written now is not written later, behind a message that it was not.
        self.0.zeroize();
        outcome
    }
}

fn write_all(mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match write(stdout(), bytes) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => bytes = &bytes[count..],
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Reads at most `limit` bytes, to the end, and wipes every buffer that became too small.
pub fn read_wiped(input: &mut dyn Read, limit: u64) -> io::Result<PrivateBytes> {
    let mut content = Zeroizing::new(Vec::with_capacity(FIRST_ROOM));
    let mut rest = input.take(limit);
    loop {
        let room = (content.capacity() - content.len()) as u64;
        // Exactly as much as there is room for, so that reading never moves the buffer.
        if ((&mut rest).take(room).read_to_end(&mut content)? as u64) < room {
            return Ok(content);
        }
        let mut larger = Zeroizing::new(Vec::with_capacity(content.capacity() * 2));
        larger.extend_from_slice(&content);
        content = larger;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_to_the_end_or_the_limit() {
        for length in [0, 1, FIRST_ROOM - 1, FIRST_ROOM, FIRST_ROOM + 1, 2 * FIRST_ROOM, 300_000] {
            let bytes: Vec<u8> = (0..length).map(|at| u8::try_from(at % 251).unwrap()).collect();
            assert!(*read_wiped(&mut bytes.as_slice(), u64::MAX).unwrap() == bytes, "{length}");
            assert!(read_wiped(&mut bytes.as_slice(), 100_000).unwrap().len() == length.min(100_000));
        }
    }
}
