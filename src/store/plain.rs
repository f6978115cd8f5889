//! The outline of a document in the form that this program writes, without the detours of a whole TOML parser.

use std::borrow::Cow;
use std::collections::HashSet;

use crate::lines::{Line, Scanner};

use super::history;
use super::outline::{Keys, Leaf, Outline, Table};
use super::version::is_usual_version;

/// Reads a document; `None` where anything in it has another form, valid or not. Without `versions`, theirs are
/// checked and passed over: they are as many as the secrets, and reading values needs none.
pub(super) fn read<'t>(text: &'t str, root: &[&str], versions: bool) -> Option<Outline<'t>> {
    let mut scanner = Scanner::new(text);
    let mut outline = Outline::empty(root);
    let mut among_secrets = root == ["secrets"];
    let mut is_kept = true;
    let mut passed_over = HashSet::new();
    loop {
        match scanner.line()? {
            Line::End => {
                outline.history_passed = true;
                return Some(outline);
            }
            Line::Header(header) => {
                let path: Vec<String> = header.path().iter().map(|key| key.text.to_owned()).collect();
                among_secrets = path.first().is_some_and(|key| key == "secrets");
                is_kept = versions || path.first().is_none_or(|key| key != "versions");
                let is_history = history::is_history(&path) && !header.is_array;
                outline.tables.push(Table { path, start: header.start, is_array: header.is_array });
                if is_history {
                    history::pass(&mut scanner, text)?;
                }
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
                    if !is_usual_version(&text[value]) || !passed_over.insert(key.text) {
                        return None;
                    }
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Lines that make up documents, good and bad.
    const LINES: &[&str] = &[
        "",
        "# a comment",
        "  # ünd \t",
        "[secrets]",
        "[secrets.a]",
        "[[recipients]]",
        "[versions]",
        "[ secrets.a ]",
        "[secrets.\"b\"]",
        "[a",
        "[[a]",
        "[a]]",
        "x = 1",
        "x=1 # c",
        "y = \"v\"",
        r#"y = "v\n\u00e9""#,
        r#"y = "v\q""#,
        r"z = 'v\'",
        "z = '''",
        "v'''",
        "it's",
        "'''",
        "b.c = 1",
        "x = 01",
        "x = -0",
        "x = 2026-01-02T03:04:05Z",
        "x = 2026-01-02",
        "x = 2026-13-02",
        "x = 2026-02-29T24:04:05Z",
        "x = 12:00:00",
        "x = tru",
        "\"a.b\" = { since = 2026-01-02T03:04:05Z, origin = \"edit\" }",
        "k = {}",
        "k = { a = 1 } # c",
        "k = { a = 1, }",
        "k = [1]",
        "x = \"",
        "\"\" = 1",
        "x = 1 y = 2",
        "x =",
        "= 1",
        "\u{b}",
        "x = 1\r",
        "\"\"\"",
        "x = \"\"\"a\"\"\"",
        "x = ''",
        "x = \"\"",
        "ключ = 1",
        "x = \"ключ\"",
        "x = \"\u{7f}\"",
    ];

    /// Everything that an outline says, with the leaves of inline tables by their lines only.
    fn described(outline: &Outline<'_>) -> Vec<String> {
        let mut lines: Vec<String> = Vec::new();
        for table in &outline.tables {
            lines.push(format!("{:?} {} {}", table.path, table.start, table.is_array));
        }
        for leaf in &outline.leaves {
            if leaf.nested {
                let key = format!("{} {} {}", leaf.table, leaf.start, leaf.keys[0]);
                if lines.last() != Some(&key) {
                    lines.push(key);
                }
            } else {
                lines.push(format!("{} {:?} {:?} {:?}", leaf.table, leaf.start, leaf.value, leaf.encoding));
                lines.extend(leaf.keys.iter().map(ToString::to_string));
            }
        }
        lines
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]
        #[test]
        fn says_what_the_toml_parser_says_or_nothing(
            lines in prop::collection::vec(prop::sample::select(LINES), 0..6),
            ends in any::<bool>(),
        ) {
            let text = lines.join("\n") + if ends { "\n" } else { "" };
            if let Some(plain) = read(&text, &[], true) {
                let any = Outline::read_any(&text, &[]);
                prop_assert!(any.is_ok(), "{:?}: {:?}", text, any.err());
                let any = any.ok().map(|any| described(&any));
                prop_assert_eq!(Some(described(&plain)), any, "{:?}", text);
            }
        }
    }
}
