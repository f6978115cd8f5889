//! What to look for, so that a value is found in every spelling.

use std::ops::Range;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use zeroize::Zeroizing;

use super::super::encoding::{can_begin, end_of};

/// Fewest bytes of a line of a longer value that is looked for by itself.
const SHORTEST_LINE: usize = 16;
/// Fewest characters of base64 that are no accident in other text.
const SHORTEST_BASE64: usize = 5;

/// One text to look for.
pub(super) struct Needle {
    text: Zeroizing<String>,
    form: Form,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// The value, each character in any spelling.
    Plain,
    /// The characters of base64 that the value alone decides. Those at its borders hold bits of its neighbours too.
    Base64 { before: bool, after: bool },
}

impl Needle {
    /// Whether this looks for the value itself and not for its base64.
    pub(super) fn is_plain(&self) -> bool {
        self.form == Form::Plain
    }

    fn plain(text: &str) -> Self {
        Self { text: Zeroizing::new(text.to_owned()), form: Form::Plain }
    }

    /// Every place where it stands.
    pub(super) fn find(&self, text: &str) -> Vec<Range<usize>> {
        let Some(first) = self.text.chars().next() else { return Vec::new() };
        let wrapped = !self.is_plain();
        let starts = text.char_indices().map(|(at, _)| at);
        let likely = starts.filter(|at| can_begin(text.as_bytes()[*at], first));
        likely
            .filter_map(|at| end_of(text, at, &self.text, wrapped).map(|end| self.widen(text, at..end)))
            .collect()
    }

    /// Takes in the border characters of base64 and its padding.
    fn widen(&self, text: &str, range: Range<usize>) -> Range<usize> {
        let Form::Base64 { before, after } = self.form else { return range };
        let bytes = text.as_bytes();
        let is_base64 =
            |at: usize| bytes.get(at).is_some_and(|b| b.is_ascii_alphanumeric() || b"+/-_".contains(b));
        let Range { mut start, mut end } = range;
        if before && start > 0 && is_base64(start - 1) {
            start -= 1;
        }
        if after && is_base64(end) {
            end += 1;
        }
        // Padding follows only where bits are left over; any other `=` belongs to the page.
        let padding = bytes.iter().skip(end).take(2).take_while(|byte| **byte == b'=').count();
        if after {
            end += padding;
        }
        start..end
    }
}

/// Everything to look for on behalf of one value.
pub(super) fn needles(value: &str) -> Vec<Needle> {
    // A key's last line break is easily lost on a page.
    let value = value.trim_end_matches(['\r', '\n']);
    let unix = Zeroizing::new(value.replace("\r\n", "\n"));
    let mut needles = vec![Needle::plain(&unix)];
    if unix.contains('\n') {
        let lines = unix.lines().map(str::trim);
        let telling = lines.filter(|line| line.len() >= SHORTEST_LINE && !line.starts_with("-----"));
        needles.extend(telling.map(Needle::plain));
    }
    needles.extend((0..3).flat_map(|offset| base64(value.as_bytes(), offset)));
    needles
}

/// The value's base64 when `offset` other bytes (modulo 3) stand before it, in both alphabets.
fn base64(value: &[u8], offset: usize) -> Vec<Needle> {
    let mut bytes = Zeroizing::new(vec![0; offset]);
    bytes.extend_from_slice(value);
    let (from, to) = (offset * 8, (offset + value.len()) * 8);
    let inner = from.div_ceil(6)..to / 6;
    let form = Form::Base64 { before: from % 6 != 0, after: to % 6 != 0 };
    let mut needles: Vec<Needle> = Vec::new();
    for engine in [STANDARD_NO_PAD, URL_SAFE_NO_PAD] {
        let encoded = Zeroizing::new(engine.encode(&*bytes));
        let Some(core) = encoded.get(inner.clone()).filter(|core| core.len() >= SHORTEST_BASE64) else {
            continue;
        };
        if needles.iter().all(|known| known.text.as_str() != core) {
            needles.push(Needle { text: Zeroizing::new(core.to_owned()), form });
        }
    }
    needles
}
