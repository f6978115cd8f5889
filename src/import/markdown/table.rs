//! GitHub's tables.

/// Titles of the column of labels, if it is not the first.
const LABELS: [&str; 9] =
    ["secret", "key", "name", "variable", "label", "setting", "credential", "parameter", "secretname"];
/// Titles of the column of values, the best first.
const VALUES: [&str; 7] =
    ["value", "secretvalue", "currentvalue", "content", "address", "description", "secret"];

/// Which cells of a row are the label and the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Columns {
    pub(super) label: usize,
    pub(super) value: usize,
}

/// Whether a line is the `|---|:--:|` below a table's header.
pub(super) fn is_delimiter(line: &str) -> bool {
    let line = line.trim();
    line.contains('|')
        && cells(line).iter().all(|cell| {
            let dashes = cell.trim().trim_start_matches(':').trim_end_matches(':');
            !dashes.is_empty() && dashes.bytes().all(|byte| byte == b'-')
        })
}

/// The cells of a row. `\|` is a pipe inside a cell, in code too.
pub(super) fn cells(line: &str) -> Vec<String> {
    let line = line.trim();
    let line = line.strip_prefix('|').unwrap_or(line);
    let mut cells = vec![String::new()];
    let mut characters = line.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\\' if characters.peek() == Some(&'|') => {
                characters.next();
                push(&mut cells, '|');
            }
            // The last pipe closes the row and opens no cell.
            '|' if characters.peek().is_none() => break,
            '|' => cells.push(String::new()),
            _ => push(&mut cells, character),
        }
    }
    cells
}

fn push(cells: &mut [String], character: char) {
    if let Some(cell) = cells.last_mut() {
        cell.push(character);
    }
}

/// The columns that matter, by their titles; a table of one column has none.
pub(super) fn columns(header: &[String], normalize: fn(&str) -> String) -> Option<Columns> {
    let titles: Vec<_> = header.iter().map(|title| normalize(title)).collect();
    let position = |wanted: &str, except: Option<usize>| {
        titles.iter().enumerate().position(|(index, title)| title == wanted && Some(index) != except)
    };
    let label =
        LABELS.iter().find_map(|title| position(title, None)).filter(|index| *index == 0).unwrap_or(0);
    let named = VALUES.iter().find_map(|title| position(title, Some(label)));
    let value = named.unwrap_or(label + 1);
    (value < titles.len()).then_some(Columns { label, value })
}
