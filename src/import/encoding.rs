//! The spellings in which a value can stand in a page: as it is, percent-encoded, escaped, quoted.

/// The byte that two hexadecimal digits give.
fn hex(digits: &str) -> Option<u8> {
    let both = digits.len() == 2 && digits.bytes().all(|b| b.is_ascii_hexdigit());
    both.then(|| u8::from_str_radix(digits, 16).ok()).flatten()
}

/// Decodes `%XX` (RFC 3986); `None` if a `%` stands alone or the bytes are not UTF-8.
pub(super) fn percent_decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut at = 0;
    while let Some(&byte) = text.as_bytes().get(at) {
        if byte == b'%' {
            bytes.push(hex(text.get(at + 1..at + 3)?)?);
            at += 3;
        } else {
            bytes.push(byte);
            at += 1;
        }
    }
    String::from_utf8(bytes).ok()
}

/// Where `needle` ends in `text`, if it starts at `start`, each of its characters in any spelling; the furthest end.
///
/// Spellings may be mixed: whoever wrote the page encoded by hand, or encoded twice what needed it once. With
/// `wrapped`, line breaks may stand between any two characters, as in base64.
pub(super) fn end_of(text: &str, start: usize, needle: &str, wrapped: bool) -> Option<usize> {
    let mut ends = vec![start];
    let mut next = Vec::new();
    for (index, character) in needle.chars().enumerate() {
        if wrapped && index > 0 {
            let breaks: Vec<_> =
                ends.iter().filter_map(|at| text.get(*at..)).filter_map(line_break).collect();
            ends = ends.iter().copied().chain(breaks.iter().map(|rest| text.len() - rest.len())).collect();
        }
        for &at in &ends {
            let Some(rest) = text.get(at..) else { continue };
            spellings(rest, character, &mut |length| next.push(at + length));
        }
        next.sort_unstable();
        next.dedup();
        ends.clear();
        std::mem::swap(&mut ends, &mut next);
        if ends.is_empty() {
            return None;
        }
    }
    ends.last().copied()
}

/// Whether a spelling of `character` can begin with this byte: most places are ruled out by one look.
pub(super) fn can_begin(byte: u8, character: char) -> bool {
    let mut buffer = [0; 4];
    character.encode_utf8(&mut buffer);
    buffer[0] == byte || b"%\\&'+\r<".contains(&byte)
}

/// Calls `push` with the length of every spelling of `character` at the start of `rest`.
fn spellings(rest: &str, character: char, push: &mut dyn FnMut(usize)) {
    if rest.starts_with(character) && character != '\n' {
        push(character.len_utf8());
    }
    match rest.as_bytes().first() {
        Some(b'%') => percent(rest, character, push),
        Some(b'\\') => backslash(rest, character, push),
        Some(b'&') => entity(rest, character, push),
        Some(b'\'') if character == '\'' => {
            // A single quote inside single quotes: in a shell, and doubled in YAML, TOML and SQL.
            let quotes = ["'\\''", "'\"'\"'", "''"];
            quotes.iter().filter(|quote| rest.starts_with(**quote)).for_each(|quote| push(quote.len()));
        }
        Some(b'+') if character == ' ' => push(1),
        Some(b'\r' | b'\n' | b'<') if character == '\n' => newline(rest, push),
        _ => {}
    }
}

/// `%XX` for each byte of the character's UTF-8, digits in either case.
fn percent(rest: &str, character: char, push: &mut dyn FnMut(usize)) {
    let mut buffer = [0; 4];
    let bytes = character.encode_utf8(&mut buffer).as_bytes();
    let spelled = |bytes: &[u8]| {
        bytes.iter().enumerate().all(|(index, byte)| {
            let triple = rest.get(index * 3..index * 3 + 3).and_then(|triple| triple.strip_prefix('%'));
            triple.and_then(hex) == Some(*byte)
        })
    };
    if spelled(bytes) {
        push(bytes.len() * 3);
    }
    if character == '\n' && spelled(b"\r\n") {
        push(6);
    }
}

/// The escapes of Markdown, shells and JSON.
fn backslash(rest: &str, character: char, push: &mut dyn FnMut(usize)) {
    let escaped = &rest[1..];
    if (character.is_ascii_punctuation() || character == ' ') && escaped.starts_with(character) {
        push(2);
    }
    let letters: &[&str] = match character {
        '\n' => &["n", "r\\n"],
        '\r' => &["r"],
        '\t' => &["t"],
        '\u{8}' => &["b"],
        '\u{c}' => &["f"],
        _ => &[],
    };
    letters.iter().filter(|letter| escaped.starts_with(**letter)).for_each(|letter| push(1 + letter.len()));
    let mut buffer = [0; 2];
    let units = character.encode_utf16(&mut buffer);
    let spelled = units.iter().enumerate().all(|(index, unit)| {
        let digits = rest.get(index * 6..index * 6 + 6).and_then(|six| six.strip_prefix("\\u"));
        digits.and_then(|digits| u16::from_str_radix(digits, 16).ok()) == Some(*unit)
    });
    if spelled {
        push(units.len() * 6);
    }
}

/// The character references of HTML that stand for characters of passwords.
fn entity(rest: &str, character: char, push: &mut dyn FnMut(usize)) {
    let Some(end) = rest.bytes().take(12).position(|byte| byte == b';') else { return };
    let name = &rest[1..end];
    let number = name.strip_prefix('#').and_then(|number| match number.strip_prefix(['x', 'X']) {
        Some(digits) => u32::from_str_radix(digits, 16).ok(),
        None => number.parse().ok(),
    });
    let stands_for = match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => number.and_then(char::from_u32),
    };
    if stands_for == Some(character) {
        push(end + 1);
    }
}

/// A line break with whatever indents or quotes the next line, or a table cell's `<br>`.
fn newline(rest: &str, push: &mut dyn FnMut(usize)) {
    for tag in ["<br>", "<br/>", "<br />"] {
        if rest.starts_with(tag) {
            push(tag.len());
        }
    }
    let length = if rest.starts_with("\r\n") { 2 } else { 1 };
    if !rest.starts_with(['\r', '\n']) {
        return;
    }
    push(length);
    let indent = rest[length..].bytes().take_while(|byte| b" \t>".contains(byte)).count();
    (1..=indent).for_each(|width| push(length + width));
}

/// What stands behind a line break and the next line's indentation.
fn line_break(rest: &str) -> Option<&str> {
    let rest = rest.strip_prefix("\r\n").or_else(|| rest.strip_prefix('\n'))?;
    Some(rest.trim_start_matches([' ', '\t', '>']))
}
