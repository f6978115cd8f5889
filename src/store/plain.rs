//! The outline of a document in the form that this program writes, without the detours of a whole TOML parser.

use std::borrow::Cow;

use crate::lines::{Line, Scanner};

use super::outline::{Keys, Leaf, Outline, Table};

/// Reads a document; `None` where anything in it has another form, valid or not. Without `versions`, theirs are
/// checked and passed over: they are as many as the secrets, and reading values needs none.
pub(super) fn read<'t>(text: &'t str, root: &[&str], versions: bool) -> Option<Outline<'t>> {
    let mut scanner = Scanner::new(text);
    let mut outline = Outline::empty(root);
    let mut among_secrets = root == ["secrets"];
    let mut is_kept = true;
    loop {
        match scanner.line()? {
            Line::End => return Some(outline),
            Line::Header(header) => {
                let path: Vec<String> = header.path().iter().map(|key| key.text.to_owned()).collect();
                among_secrets = path.first().is_some_and(|key| key == "secrets");
                is_kept = versions || path.first().is_none_or(|key| key != "versions");
                outline.tables.push(Table { path, start: header.start, is_array: header.is_array });
            }
            Line::Pair(key) => {
                let start = scanner.at();
                let mut encoding = None;
                let mut nested = false;
                match scanner.peek()? {
                    b'"' | b'\'' => encoding = Some(scanner.string()?.encoding),
                    b'{' if !among_secrets => {
                        inline_table(&mut scanner)?;
                        nested = true;
                    }
                    _ => drop(scanner.bare()?),
                }
                let value = start..scanner.at();
                scanner.end_line()?;
                if !is_kept {
                    continue;
                }
                let table = outline.tables.len() - 1;
                let keys = Keys::One([Cow::Borrowed(key.text)]);
                outline.leaves.push(Leaf { table, keys, start: key.start, value, encoding, nested });
            }
        }
    }
}

/// Goes past `{ key = value, … }` with at least one scalar, as it stands in `[versions]`.
fn inline_table(scanner: &mut Scanner<'_>) -> Option<()> {
    scanner.eat(b'{');
    loop {
        scanner.skip_blanks();
        scanner.key()?;
        scanner.skip_blanks();
        if !scanner.eat(b'=') {
            return None;
        }
        scanner.skip_blanks();
        if matches!(scanner.peek()?, b'"' | b'\'') {
            scanner.string()?;
        } else {
            scanner.bare()?;
        }
        scanner.skip_blanks();
        if !scanner.eat(b',') {
            break;
        }
    }
    scanner.eat(b'}').then_some(())
}
