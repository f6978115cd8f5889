//! Randomness.

use std::io;

/// Fills buffers with unpredictable bytes.
pub trait Random {
    /// Fills the whole buffer.
    fn fill(&mut self, buffer: &mut [u8]) -> io::Result<()>;
}

/// The operating system's generator, `getrandom(2)`.
pub struct OsRandom;

impl Random for OsRandom {
    fn fill(&mut self, buffer: &mut [u8]) -> io::Result<()> {
        let mut filled = 0;
        while filled < buffer.len() {
            match rustix::rand::getrandom(&mut buffer[filled..], rustix::rand::GetRandomFlags::empty()) {
                Ok(count) => filled += count,
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}
