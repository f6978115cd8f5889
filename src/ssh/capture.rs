//! What a remote command prints, up to a limit, wiped when dropped.

use zeroize::Zeroizing;

/// Collects bytes that may be secret. Growing wipes the smaller buffer, which a plain `Vec` would leave behind.
#[derive(Default)]
pub(super) struct Capture {
    bytes: Zeroizing<Vec<u8>>,
    /// How many bytes at the start have been taken already.
    taken: usize,
}

impl Capture {
    /// Bytes that nobody has taken yet.
    pub(super) fn waiting(&self) -> &[u8] {
        &self.bytes[self.taken..]
    }

    /// Appends; gives `false`, and takes nothing, if more than `limit` bytes would wait.
    pub(super) fn push(&mut self, more: &[u8], limit: usize) -> bool {
        if self.waiting().len() + more.len() > limit {
            return false;
        }
        self.make_room(more.len());
        self.bytes.extend_from_slice(more);
        true
    }

    /// Appends and forgets from the start what goes beyond `limit`.
    pub(super) fn push_tail(&mut self, more: &[u8], limit: usize) {
        let more = &more[more.len().saturating_sub(limit)..];
        self.taken += (self.waiting().len() + more.len()).saturating_sub(limit);
        self.make_room(more.len());
        self.bytes.extend_from_slice(more);
    }

    fn make_room(&mut self, more: usize) {
        let needed = self.bytes.len() + more;
        if needed > self.bytes.capacity() {
            let waiting = self.waiting().len();
            let mut larger =
                Zeroizing::new(Vec::with_capacity((waiting + more).next_power_of_two().max(1024)));
            larger.extend_from_slice(self.waiting());
            self.bytes = larger;
            self.taken = 0;
        }
    }

    /// The first waiting line, without its end; `None` as long as no line feed came.
    pub(super) fn take_line(&mut self) -> Option<String> {
        let end = self.waiting().iter().position(|byte| *byte == b'\n')?;
        let line = String::from_utf8_lossy(&self.waiting()[..end]).trim_end_matches('\r').to_owned();
        self.taken += end + 1;
        Some(line)
    }

    /// All that waits.
    pub(super) fn take(mut self) -> Zeroizing<Vec<u8>> {
        if self.taken == 0 {
            return std::mem::take(&mut self.bytes);
        }
        Zeroizing::new(self.waiting().to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_out_one_by_one_and_the_rest_stays() {
        let mut capture = Capture::default();
        assert!(capture.push(b"one\r\ntwo", 10));
        assert_eq!(capture.take_line().as_deref(), Some("one"));
        assert_eq!(capture.take_line(), None);
        assert!(capture.push(b"\nthree", 10));
        assert_eq!(capture.take_line().as_deref(), Some("two"));
        assert_eq!(*capture.take(), b"three");
    }

    #[test]
    fn the_limit_counts_what_waits() {
        let mut capture = Capture::default();
        assert!(capture.push(b"12345678\n", 10));
        assert!(!capture.push(b"ab", 10));
        assert_eq!(capture.take_line().as_deref(), Some("12345678"));
        assert!(capture.push(b"ab", 10));
        assert_eq!(*capture.take(), b"ab");
    }

    #[test]
    fn a_tail_keeps_the_end() {
        let mut capture = Capture::default();
        for round in 0..1000 {
            capture.push_tail(format!("{round:04}").as_bytes(), 6);
        }
        assert_eq!(*capture.take(), b"980999");
        let mut capture = Capture::default();
        capture.push_tail(b"abcdefgh", 3);
        assert_eq!(*capture.take(), b"fgh");
    }
}
