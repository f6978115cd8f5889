//! Lines of the form `label: value`, in lists and out of them.

/// A line taken apart.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Labelled<'a> {
    pub(super) label: &'a str,
    pub(super) value: &'a str,
}

/// The text of a list item behind its marker (and task box), if the line is one.
pub(super) fn list_item(line: &str) -> Option<&str> {
    let line = line.trim_start();
    let digits = line.bytes().take_while(u8::is_ascii_digit).count();
    let rest = if (1..=9).contains(&digits) {
        line[digits..].strip_prefix(['.', ')'])?
    } else {
        line.strip_prefix(['-', '*', '+'])?
    };
    let item = rest.strip_prefix([' ', '\t'])?.trim_start();
    let boxes = ["[ ] ", "[x] ", "[X] "];
    Some(boxes.iter().find_map(|task| item.strip_prefix(task)).unwrap_or(item))
}

/// Splits at the first `:` or `=` outside of code and parentheses. Emphasis around either side goes.
pub(super) fn split(text: &str) -> Option<Labelled<'_>> {
    let (label, value) = split_raw(text)?;
    let (label, value) = (label.trim(), value.trim());
    let marks = ["***", "**", "__", "*", "_"];
    let mark = marks.into_iter().find(|mark| label.starts_with(mark));
    let (label, value) = match mark {
        Some(mark) if label.len() > mark.len() && label.ends_with(mark) => {
            (&label[mark.len()..label.len() - mark.len()], value)
        }
        // `**Label:** value` and `**Label: value**`: the emphasis began in the label and ends in the value.
        Some(mark) => {
            let value = value.strip_prefix(mark).or_else(|| value.strip_suffix(mark)).unwrap_or(value);
            (&label[mark.len()..], value)
        }
        None => (label, value),
    };
    let label = label.trim();
    (!label.is_empty()).then_some(Labelled { label, value: value.trim() })
}

fn split_raw(text: &str) -> Option<(&str, &str)> {
    dashed(text).or_else(|| {
        let at = separator(text)?;
        let width = text[at..].chars().next().map_or(1, char::len_utf8);
        Some((&text[..at], &text[at + width..]))
    })
}

/// `**Label** — value`: a dash separates only behind a label that is set off.
fn dashed(text: &str) -> Option<(&str, &str)> {
    let mark = ["**", "__", "`"].into_iter().find(|mark| text.starts_with(mark))?;
    let end = text[mark.len()..].find(mark)? + 2 * mark.len();
    let rest = text[end..].trim_start();
    let value = ["— ", "– ", "- ", "-> ", "→ "].iter().find_map(|dash| rest.strip_prefix(dash))?;
    Some((&text[..end], value))
}

fn separator(text: &str) -> Option<usize> {
    let (mut code, mut depth) = (false, 0_usize);
    for (at, character) in text.char_indices() {
        match character {
            '`' => code = !code,
            '(' if !code => depth += 1,
            ')' if !code => depth = depth.saturating_sub(1),
            ':' | '=' | '：' if !code && depth == 0 => return Some(at),
            _ => {}
        }
    }
    None
}
