//! Names of rotations.

use std::io;

use jiff::Timestamp;

use crate::sys::Random;

/// Crockford's base 32: no letter in it is taken for a digit.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// Bits of a ULID that are random; the 48 before them are the time in milliseconds.
const RANDOM_BITS: u32 = 80;

/// A ULID (github.com/ulid/spec): 26 characters whose order is that of their time.
pub(super) fn ulid(now: Timestamp, random: &mut dyn Random) -> io::Result<String> {
    let mut bytes = [0; 16];
    random.fill(&mut bytes)?;
    let noise = u128::from_be_bytes(bytes) >> (u128::BITS - RANDOM_BITS);
    let time = u128::try_from(now.as_millisecond()).unwrap_or_default() & ((1 << 48) - 1);
    let number = time << RANDOM_BITS | noise;
    let letter = |place: u32| char::from(ALPHABET[(number >> (5 * place) & 31) as usize]);
    Ok((0..26).rev().map(letter).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Bytes(u8);

    impl Random for Bytes {
        fn fill(&mut self, buffer: &mut [u8]) -> io::Result<()> {
            buffer.fill(self.0);
            Ok(())
        }
    }

    #[test]
    fn time_comes_first_and_the_rest_is_random() {
        // The specification's own example of a time.
        let now = Timestamp::from_millisecond(1_469_918_176_385).unwrap();
        assert_eq!(ulid(now, &mut Bytes(0)).unwrap(), "01ARYZ6S410000000000000000");
        assert_eq!(ulid(now, &mut Bytes(255)).unwrap(), "01ARYZ6S41ZZZZZZZZZZZZZZZZ");
    }
}
