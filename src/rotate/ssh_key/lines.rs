//! A file of keys that may log in (`AUTHORIZED_KEYS FILE FORMAT` in sshd(8)), changed by one line and nothing else.

use std::ops::Range;

/// Where the parts of a line are. Offsets are bytes of the line.
#[derive(Debug, PartialEq, Eq)]
struct Parts {
    /// What stands before the type: the restrictions.
    options: Range<usize>,
    /// The type and the key in base64.
    key: (Range<usize>, Range<usize>),
}

/// Why the file cannot be changed as wanted.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum LinesProblem {
    /// The key to stand beside is not in it.
    NotThere,
}

/// A key as such files have it.
#[derive(Clone, Copy)]
pub(super) struct Wanted<'a> {
    /// Its type.
    pub(super) kind: &'a str,
    /// Its public half, in base64.
    pub(super) blob: &'a str,
}

impl<'a> Wanted<'a> {
    /// Reads `ssh-ed25519 AAAA…`.
    pub(super) fn of(line: &'a str) -> Self {
        let (kind, blob) = line.split_once(' ').unwrap_or((line, ""));
        Self { kind, blob }
    }

    fn is_on(self, line: &[u8]) -> bool {
        parts(line).is_some_and(|parts| {
            let (kind, blob) = parts.key;
            line.get(kind) == Some(self.kind.as_bytes()) && line.get(blob) == Some(self.blob.as_bytes())
        })
    }
}

/// Whether a key may log in by this file.
pub(super) fn has(file: &[u8], wanted: Wanted<'_>) -> bool {
    lines(file).any(|line| wanted.is_on(line))
}

/// The file with a key behind all others, under the restrictions of the one that it stands beside. A key that is there
/// already is not added again.
pub(super) fn with(
    file: &[u8],
    beside: Wanted<'_>,
    new: Wanted<'_>,
    comment: &str,
) -> Result<Vec<u8>, LinesProblem> {
    let model = lines(file).find(|line| beside.is_on(line)).ok_or(LinesProblem::NotThere)?;
    let mut changed = file.to_vec();
    if has(file, new) {
        return Ok(changed);
    }
    // Without this the new key would become part of the last one's comment.
    if !file.ends_with(b"\n") {
        changed.push(b'\n');
    }
    let options = parts(model).and_then(|parts| model.get(parts.options)).unwrap_or_default();
    changed.extend_from_slice(options);
    changed.extend_from_slice(format!("{} {} {comment}\n", new.kind, new.blob).as_bytes());
    Ok(changed)
}

/// The file without a key, on however many lines it stands.
pub(super) fn without(file: &[u8], old: Wanted<'_>) -> Vec<u8> {
    let kept = file.split_inclusive(|byte| *byte == b'\n').filter(|line| !old.is_on(line));
    kept.flatten().copied().collect()
}

fn lines(file: &[u8]) -> impl Iterator<Item = &[u8]> {
    file.split(|byte| *byte == b'\n')
}

/// Finds the key of a line: its first word is the type, or else restrictions stand before it, in which blanks count only
/// outside quotes.
fn parts(line: &[u8]) -> Option<Parts> {
    let start = line.iter().position(|byte| !byte.is_ascii_whitespace()).filter(|at| line[*at] != b'#')?;
    let first = word(line, start, false)?;
    if is_type(&line[first.clone()]) {
        let blob = word(line, first.end, false)?;
        return Some(Parts { options: start..start, key: (first, blob) });
    }
    let options = word(line, start, true)?;
    let kind = word(line, options.end, false).filter(|kind| is_type(&line[kind.clone()]))?;
    let blob = word(line, kind.end, false)?;
    Some(Parts { options: start..kind.start, key: (kind, blob) })
}

/// The next word from an offset on.
fn word(line: &[u8], from: usize, quotes: bool) -> Option<Range<usize>> {
    let start = from + line.get(from..)?.iter().position(|byte| !byte.is_ascii_whitespace())?;
    let (mut in_quotes, mut escaped) = (false, false);
    let mut end = start;
    for byte in &line[start..] {
        if byte.is_ascii_whitespace() && !in_quotes {
            break;
        }
        // sshd knows one escape in quotes, that of a quote.
        if *byte == b'"' && quotes && !escaped {
            in_quotes = !in_quotes;
        }
        escaped = *byte == b'\\' && !escaped;
        end += 1;
    }
    Some(start..end)
}

fn is_type(word: &[u8]) -> bool {
    [&b"ssh-"[..], b"ecdsa-sha2-", b"sk-ssh-", b"sk-ecdsa-"].iter().any(|prefix| word.starts_with(prefix))
}

#[cfg(test)]
mod tests;
