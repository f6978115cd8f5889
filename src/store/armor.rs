//! ASCII armor in the one form that age tools write (RFC 7468 in its strict form), taken off in large pieces.
//!
//! Anything unusual, also what the specification allows, is left to age's own reader and to its judgement.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

const BEGIN: &[u8] = b"-----BEGIN AGE ENCRYPTED FILE-----\n";
const END: &[u8] = b"-----END AGE ENCRYPTED FILE-----";

/// Characters of every line but the last.
const COLUMNS: usize = 64;

/// Lines that are decoded at once.
const LINES: usize = 64;

/// The bytes in the armor; `None` unless every line is full and every bit in its place.
pub(super) fn decode(sealed: &[u8]) -> Option<Vec<u8>> {
    let sealed = sealed.strip_suffix(b"\n").unwrap_or(sealed);
    let body = sealed.strip_prefix(BEGIN)?.strip_suffix(END)?.strip_suffix(b"\n")?;
    let mut binary = Vec::with_capacity(body.len() / 4 * 3 + 3);
    let mut pieces = body.chunks(LINES * (COLUMNS + 1)).peekable();
    let mut characters = [0; LINES * COLUMNS];
    while let Some(piece) = pieces.next() {
        let is_last = pieces.peek().is_none();
        let mut length = 0;
        let mut lines = piece.chunks(COLUMNS + 1).peekable();
        while let Some(line) = lines.next() {
            let line = if is_last && lines.peek().is_none() { line } else { line.strip_suffix(b"\n")? };
            let is_full =
                line.len() == COLUMNS || (is_last && lines.peek().is_none() && line.len() < COLUMNS);
            if !is_full || line.is_empty() {
                return None;
            }
            characters[length..length + line.len()].copy_from_slice(line);
            length += line.len();
        }
        // Padding ends the text, so it can only stand in the last piece.
        if !is_last && characters[..length].contains(&b'=') {
            return None;
        }
        STANDARD.decode_vec(&characters[..length], &mut binary).ok()?;
    }
    Some(binary)
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use age::armor::ArmoredReader;
    use proptest::prelude::*;

    use super::*;

    fn armored(body: &str) -> Vec<u8> {
        format!("-----BEGIN AGE ENCRYPTED FILE-----\n{body}\n-----END AGE ENCRYPTED FILE-----\n").into_bytes()
    }

    fn wrapped(bytes: &[u8]) -> String {
        let text = STANDARD.encode(bytes);
        let lines = text.as_bytes().chunks(COLUMNS).map(|line| std::str::from_utf8(line).unwrap());
        lines.collect::<Vec<_>>().join("\n")
    }

    fn as_age_reads(sealed: &[u8]) -> Option<Vec<u8>> {
        let mut binary = Vec::new();
        ArmoredReader::new(sealed).read_to_end(&mut binary).ok().map(|_| binary)
    }

    #[test]
    fn takes_what_age_writes_whatever_its_length() {
        for length in (1..200).chain(3060..3084).chain([48 * 64, 48 * 64 + 1, 48 * 128, 100_000]) {
            let bytes: Vec<u8> = (0..length).map(|at| u8::try_from(at % 251).unwrap()).collect();
            assert_eq!(decode(&armored(&wrapped(&bytes))), Some(bytes), "{length}");
        }
    }

    proptest! {
        #[test]
        fn takes_nothing_that_age_does_not(
            length in 1usize..7000,
            at in any::<prop::sample::Index>(),
            byte in prop::sample::select(b"=\n\r A+/-\0\xff".to_vec()),
            insert in any::<bool>(),
        ) {
            let mut sealed = armored(&wrapped(&vec![7; length]));
            let at = at.index(sealed.len());
            if insert {
                sealed.insert(at, byte);
            } else {
                sealed[at] = byte;
            }
            if let Some(binary) = decode(&sealed) {
                prop_assert_eq!(Some(binary), as_age_reads(&sealed));
            }
        }
    }
}
