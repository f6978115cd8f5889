//! Blocks: fenced code and PEM.

/// A fence that opens a code block: its character and length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fence {
    mark: char,
    length: usize,
}

impl Fence {
    /// The fence that a line opens, if it does.
    pub(super) fn open(line: &str) -> Option<Self> {
        let line = line.trim_start();
        let mark = line.chars().next().filter(|mark| matches!(mark, '`' | '~'))?;
        let length = line.chars().take_while(|c| *c == mark).count();
        // Backticks behind backticks on one line are a code span.
        let is_span = mark == '`' && line[length..].contains('`');
        (length >= 3 && !is_span).then_some(Self { mark, length })
    }

    /// Whether a line closes this fence.
    pub(super) fn closes(self, line: &str) -> bool {
        let line = line.trim();
        line.chars().count() >= self.length && line.chars().all(|c| c == self.mark)
    }
}

/// A PEM block that begins on the first of some lines.
pub(super) struct Pem {
    /// What stands before it on its first line.
    pub(super) prefix: String,
    /// The block, each line without indentation, with a last line break.
    pub(super) text: String,
    /// How many lines it takes.
    pub(super) lines: usize,
}

/// The PEM block that begins on the first line: `Err` if it begins there and does not end.
pub(super) fn pem(lines: &[&str]) -> Option<Result<Pem, ()>> {
    let at = lines.first()?.find("-----BEGIN ")?;
    let (prefix, first) = lines.first()?.split_at(at);
    if first.contains("-----END ") {
        return None;
    }
    let mut text = format!("{}\n", first.trim_end());
    for (index, line) in lines.iter().enumerate().skip(1) {
        let line = line.trim_start_matches([' ', '\t', '>']).trim_end();
        if Fence::open(line).is_some() || line.starts_with('#') || line.contains("-----BEGIN ") {
            break;
        }
        if let Some(end) = line.strip_prefix("-----END ").and_then(|rest| rest.find("-----")) {
            text.push_str(&line[.."-----END ".len() + end + "-----".len()]);
            text.push('\n');
            return Some(Ok(Pem { prefix: prefix.trim().to_owned(), text, lines: index + 1 }));
        }
        text.push_str(line);
        text.push('\n');
    }
    Some(Err(()))
}

/// `VARIABLE=value` as people show it in code: with or without `export`, quotes, and a remark behind.
pub(super) fn assignment(line: &str) -> Option<(&str, String)> {
    let line = line.trim();
    let line = line.strip_prefix("$ ").unwrap_or(line);
    let line = line.strip_prefix("export ").unwrap_or(line).trim_start();
    let (name, value) = line.split_once('=')?;
    let fine = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    fine.then(|| (name, assigned(value)))
}

fn assigned(value: &str) -> String {
    for quote in ['"', '\''] {
        if let Some((inner, _)) = value.strip_prefix(quote).and_then(|rest| rest.rsplit_once(quote)) {
            let is_key = inner.contains("-----BEGIN ");
            return if is_key { inner.replace("\\n", "\n") } else { inner.to_owned() };
        }
    }
    value.split(" #").next().unwrap_or_default().trim().to_owned()
}
