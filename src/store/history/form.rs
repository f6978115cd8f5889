//! How `[history]` is spelled: one array for each secret, one line for each value.
//!
//! Only this form is read, in whatever order of the keys and with whatever comments between the lines, so that no other
//! parser has to look at the values to find out whether the table is valid TOML.

use std::collections::{BTreeMap, HashSet};

use toml_parser::decoder::Encoding;

use crate::lines::{Quoted, Scanner};
use crate::name::SecretName;
use crate::secret::SecretText;

use super::super::outline::{DocumentError, DocumentProblem, Outline, Range, error_at};
use super::super::parts::{end_of_line, section, start_of_line};
use super::super::toml_text::{decode_scalar, push_toml_line};
use super::super::version::is_usual_time;
use super::{Earlier, Lines};

/// One `{ since = …, until = …, origin = "…", value = "…" }`.
#[derive(Default)]
struct Spelled<'t> {
    since: Option<&'t str>,
    until: Option<&'t str>,
    origin: Option<&'t str>,
    value: Option<Quoted>,
}

/// Whether a table's keys are those of the history.
pub(in crate::store) fn is_history(path: &[String]) -> bool {
    path == ["history"]
}

/// Goes past the table behind its header; `None` if anything in it has another form, or the names are in another order,
/// than this program writes.
pub(in crate::store) fn pass<'t>(scanner: &mut Scanner<'t>, text: &'t str) -> Option<()> {
    let mut last = "";
    table(scanner, text, &mut |name, _| {
        let is_next = last < name;
        last = name;
        is_next
    })
}

/// Where the lines of the table stand in a document; empty if there is none.
pub(in crate::store) fn find(text: &str, outline: &Outline<'_>) -> Result<Range, DocumentError> {
    let mut found = 0..0;
    for (index, at) in outline.tables.iter().enumerate().filter(|(_, table)| section(table) == "history") {
        if !is_history(&at.path) || at.is_array {
            return Err(damaged(text, at.start));
        }
        let end = outline.tables.get(index + 1).map_or(text.len(), |next| start_of_line(text, next.start));
        found = end_of_line(text, at.start)..end;
    }
    if !outline.history_passed {
        let (mut scanner, mut names) = (Scanner::new(&text[found.clone()]), HashSet::new());
        let read = table(&mut scanner, &text[found.clone()], &mut |name, _| names.insert(name.to_owned()));
        if read.is_none() || found.start + scanner.at() < found.end {
            return Err(damaged(text, found.start + scanner.at()));
        }
    }
    Ok(found)
}

fn damaged(text: &str, at: usize) -> DocumentError {
    let what =
        "a line of [history] has the form { since = TIME, until = TIME, origin = \"edit\", value = \"…\" }";
    error_at(text, at, DocumentProblem::Store(what))
}

/// Where the values of each secret stand among the table's lines, without the brackets around them.
pub(in crate::store) fn index(lines: &str) -> BTreeMap<SecretName, Range> {
    let mut found = BTreeMap::new();
    // The lines were gone past before, so they can be again.
    let _ = table(&mut Scanner::new(lines), lines, &mut |name, range| {
        found.extend(SecretName::parse(name).map(|name| (name, range)));
        true
    });
    found
}

/// The values in an array, newest first.
pub(super) fn read(items: &str) -> Vec<Earlier> {
    let mut found = Vec::new();
    let _ = values(&mut Scanner::new(items), items, &mut |spelled| {
        let moment = |text: Option<&str>| text.and_then(|text| text.parse().ok());
        let (since, until) = (moment(spelled.since), moment(spelled.until));
        let value =
            spelled.value.and_then(|at| decode_scalar(&items[at.start..at.end], Some(at.encoding)).ok());
        if let (Some(until), Some(value)) = (until, value) {
            found.push(Earlier { since, until, origin: spelled.origin.map(str::to_owned), value });
        }
    });
    found
}

/// The lines behind the header, up to the next header or the end. `take` says whether to go on.
fn table<'t>(
    scanner: &mut Scanner<'t>,
    text: &'t str,
    take: &mut impl FnMut(&'t str, Range) -> bool,
) -> Option<()> {
    loop {
        scanner.skip_space()?;
        if matches!(scanner.peek(), None | Some(b'[')) {
            return Some(());
        }
        let key = scanner.key()?;
        SecretName::parse(key.text).ok()?;
        scanner.skip_blanks();
        equals(scanner)?;
        scanner.eat(b'[').then_some(())?;
        let start = scanner.at();
        values(scanner, text, &mut |_| {})?;
        let range = start..scanner.at();
        scanner.eat(b']').then_some(())?;
        scanner.end_line()?;
        take(key.text, range).then_some(())?;
    }
}

fn equals(scanner: &mut Scanner<'_>) -> Option<()> {
    scanner.skip_blanks();
    scanner.eat(b'=').then_some(())?;
    scanner.skip_blanks();
    Some(())
}

/// The inside of an array, up to its bracket or the end of the text.
fn values<'t>(scanner: &mut Scanner<'t>, text: &'t str, take: &mut impl FnMut(Spelled<'t>)) -> Option<()> {
    loop {
        scanner.skip_space()?;
        if matches!(scanner.peek(), None | Some(b']')) {
            return Some(());
        }
        take(value(scanner, text)?);
        scanner.skip_space()?;
        if !scanner.eat(b',') {
            return matches!(scanner.peek(), None | Some(b']')).then_some(());
        }
    }
}

fn value<'t>(scanner: &mut Scanner<'t>, text: &'t str) -> Option<Spelled<'t>> {
    let mut spelled = Spelled::default();
    scanner.eat(b'{').then_some(())?;
    loop {
        scanner.skip_blanks();
        let key = scanner.key()?;
        equals(scanner)?;
        let is_first = match key.text {
            "since" => spelled.since.replace(moment(scanner)?).is_none(),
            "until" => spelled.until.replace(moment(scanner)?).is_none(),
            "origin" => {
                let word = scanner.string()?;
                let is_word = word.is_verbatim;
                is_word && spelled.origin.replace(&text[word.start + 1..word.end - 1]).is_none()
            }
            "value" => spelled.value.replace(string(scanner, text)?).is_none(),
            _ => false,
        };
        is_first.then_some(())?;
        scanner.skip_blanks();
        if !scanner.eat(b',') {
            break;
        }
    }
    let is_whole = spelled.until.is_some() && spelled.value.is_some();
    (scanner.eat(b'}') && is_whole).then_some(spelled)
}

fn moment<'t>(scanner: &mut Scanner<'t>) -> Option<&'t str> {
    Some(scanner.word()).filter(|word| is_usual_time(word))
}

fn string(scanner: &mut Scanner<'_>, text: &str) -> Option<Quoted> {
    let found = scanner.string()?;
    let has_escapes = !found.is_verbatim && found.encoding == Encoding::BasicString;
    (!has_escapes || are_escapes(&text[found.start + 1..found.end - 1])).then_some(found)
}

/// Whether every backslash begins an escape (TOML 1.0, "String"). The one for characters beyond the Basic Multilingual
/// Plane is not known here: nobody needs it in UTF-8.
fn are_escapes(inner: &str) -> bool {
    let mut rest = inner;
    while let Some(at) = rest.find('\\') {
        let behind = &rest.as_bytes()[at + 1..];
        let length = match behind {
            [b'b' | b't' | b'n' | b'f' | b'r' | b'"' | b'\\', ..] => 1,
            [b'u', digits @ ..] => {
                let digits = digits.get(..4).and_then(|digits| std::str::from_utf8(digits).ok());
                let is_hex = |digits: &&str| digits.bytes().all(|byte| byte.is_ascii_hexdigit());
                let number = digits.filter(is_hex).and_then(|digits| u32::from_str_radix(digits, 16).ok());
                match number.and_then(char::from_u32) {
                    Some(_) => 5,
                    None => return false,
                }
            }
            _ => return false,
        };
        rest = &rest[at + 1 + length..];
    }
    true
}

/// The table as text; nothing if there is nothing in it.
pub(super) fn spell(table: &BTreeMap<&SecretName, Lines<'_>>) -> SecretText {
    let bytes = table.values().map(|lines| match lines {
        Lines::Kept(lines) => lines.len() + 80,
        Lines::New(all) => all.iter().map(|earlier| earlier.value.expose().len() + 160).sum(),
    });
    let mut text = SecretText::with_capacity(bytes.sum());
    for (name, lines) in table {
        let is_empty = match lines {
            Lines::Kept(lines) => lines.trim().is_empty(),
            Lines::New(all) => all.is_empty(),
        };
        if is_empty {
            continue;
        }
        text.push_str(if text.is_empty() { "[history]\n\"" } else { "\"" });
        text.push_str(name.as_str());
        text.push_str("\" = [");
        match lines {
            Lines::Kept(lines) => text.push_str(lines),
            Lines::New(all) => {
                text.push('\n');
                for earlier in all {
                    push_line(&mut text, earlier);
                }
            }
        }
        text.push_str("]\n");
    }
    text
}

fn push_line(text: &mut SecretText, earlier: &Earlier) {
    text.push_str("  { ");
    if let Some(since) = earlier.since {
        text.push_str(&format!("since = {since}, "));
    }
    text.push_str(&format!("until = {}, ", earlier.until));
    if let Some(origin) = &earlier.origin {
        text.push_str(&format!("origin = \"{origin}\", "));
    }
    text.push_str("value = ");
    push_toml_line(text, earlier.value.expose());
    text.push_str(" },\n");
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::secret::SecretValue;

    fn name(text: &str) -> SecretName {
        SecretName::parse(text).unwrap()
    }

    type Parts = (Option<i64>, i64, Option<String>, String);

    fn parts() -> impl Strategy<Value = Parts> {
        let second = 0..4_000_000_000_i64;
        let value = "(?s)(.|['\"\\\\\n\r\t#{},]){0,12}";
        (prop::option::of(second.clone()), second, prop::option::of("[a-z]{1,5}"), value)
    }

    fn earlier((since, until, origin, value): Parts) -> Earlier {
        let moment = |second| jiff::Timestamp::from_second(second).unwrap();
        Earlier { since: since.map(moment), until: moment(until), origin, value: SecretValue::new(value) }
    }

    proptest! {
        #[test]
        fn what_is_spelled_is_read_again_in_the_fast_way_and_by_toml(
            lists in prop::collection::btree_map("[a-z]{1,3}\\.[a-z]{1,3}", prop::collection::vec(parts(), 1..4), 1..4),
        ) {
            let lists: BTreeMap<SecretName, Vec<Earlier>> =
                lists.into_iter().map(|(text, list)| (name(&text), list.into_iter().map(earlier).collect())).collect();
            let text = spell(&lists.iter().map(|(name, list)| (name, Lines::New(list.clone()))).collect());
            let lines = text.expose().strip_prefix("[history]\n").unwrap();
            let found = index(lines);
            prop_assert!(lists.keys().eq(found.keys()));
            for (name, range) in &found {
                prop_assert!(read(&lines[range.clone()]) == lists[name]);
            }
            let mut scanner = Scanner::new(lines);
            prop_assert!(pass(&mut scanner, lines).is_some() && scanner.at() == lines.len());
            // One line for each value, one above and one below.
            let values: usize = lists.values().map(Vec::len).sum();
            prop_assert_eq!(lines.matches('\n').count(), values + 2 * lists.len());
            let table: toml::Table = text.expose().parse().unwrap();
            for (name, list) in &lists {
                let read = table["history"][name.as_str()].as_array().unwrap();
                let values = read.iter().map(|one| one["value"].as_str().unwrap());
                prop_assert!(values.eq(list.iter().map(|one| one.value.expose())));
            }
        }
    }

    #[test]
    fn other_forms_are_left_to_others() {
        let passes = |lines: &str| pass(&mut Scanner::new(lines), lines).is_some();
        let line = "{ until = 2028-02-29T12:00:00Z, value = 'v' }";
        assert!(passes(&format!(
            "# c\n\"a.b\" = [ # c\n {line} , # c\n\n {line}\n] # c\n\"a.c\" = []\n[x]\n"
        )));
        for wrong in [
            format!("\"a.c\" = [{line}]\n\"a.b\" = [{line}]\n"),
            format!("\"a.b\" = [{line}]\n\"a.b\" = [{line}]\n"),
            format!("\"a.b\" = [{line}\n"),
            format!("\"a.b\" = [{line} {line}]\n"),
            format!("\"a.b\" = [{line},,]\n"),
            format!("\"a.b\" = {line}\n"),
            format!("\"a\" = [{line}]\n"),
            format!("a.b = [{line}]\n"),
            line.replace("value", "values"),
            line.replace(" }", ", }"),
            line.replace('T', " "),
            line.replace("'v'", "\"\\q\""),
            line.replace("'v'", "\"\\ud800\""),
            line.replace("'v'", "1"),
        ] {
            let lines = if wrong.starts_with('{') { format!("\"a.b\" = [{wrong}]\n") } else { wrong };
            assert!(!passes(&lines), "{lines}");
        }
    }
}
