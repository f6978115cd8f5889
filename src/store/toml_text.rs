//! TOML spelling of single values (TOML 1.0, "String"), read back by `toml_parser`.

use toml_parser::Raw;
use toml_parser::Span;
use toml_parser::decoder::{Encoding, StringBuilder};

use crate::secret::{SecretText, SecretValue};

/// Appends `value` as a TOML string: the form a person would choose, so that PEM keys stay readable in the editor.
pub fn push_toml_string(output: &mut SecretText, value: &str) {
    let block = |c: char| c == '\n' || c == '\t' || !c.is_control();
    if value.contains('\n') && value.chars().all(block) && !value.contains("'''") && !value.ends_with('\'') {
        output.push_str("'''\n");
        output.push_str(value);
        output.push_str("'''");
    } else {
        push_toml_line(output, value);
    }
}

/// Appends `value` as a TOML string of one line.
pub fn push_toml_line(output: &mut SecretText, value: &str) {
    let plain = |c: char| !c.is_control() && c != '\'';
    if value.contains(['"', '\\']) && value.chars().all(plain) {
        output.push('\'');
        output.push_str(value);
        output.push('\'');
    } else {
        push_basic_string(output, value);
    }
}

fn push_basic_string(output: &mut SecretText, value: &str) {
    output.push('"');
    for character in value.chars() {
        match character {
            '"' => output.push_str("\\\""),
            '\\' => output.push_str("\\\\"),
            '\n' => output.push_str("\\n"),
            '\r' => output.push_str("\\r"),
            '\t' => output.push_str("\\t"),
            control if control.is_control() => output.push_str(&format!("\\u{:04X}", u32::from(control))),
            other => output.push(other),
        }
    }
    output.push('"');
}

/// A string under construction that wipes what it outgrows.
struct Decoded(SecretText);

impl<'s> StringBuilder<'s> for Decoded {
    fn clear(&mut self) {
        self.0 = SecretText::default();
    }

    fn push_str(&mut self, append: &'s str) -> bool {
        self.0.push_str(append);
        true
    }

    fn push_char(&mut self, append: char) -> bool {
        self.0.push(append);
        true
    }
}

/// Why a scalar is not the text of a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ScalarProblem {
    /// Not valid TOML.
    Invalid,
    /// A date, or a number written in a way that has several spellings.
    NeedsQuotes,
}

/// The text that a scalar stands for. Booleans and plain decimal numbers stand for themselves.
pub(super) fn decode_scalar(raw: &str, encoding: Option<Encoding>) -> Result<SecretValue, ScalarProblem> {
    if is_verbatim(raw, encoding) {
        return Ok(SecretValue::new(raw[1..raw.len() - 1].to_owned()));
    }
    let mut decoded = Decoded(SecretText::with_capacity(raw.len()));
    let mut problem = None;
    let span = Span::new_unchecked(0, raw.len());
    let _kind = Raw::new_unchecked(raw, encoding, span).decode_scalar(&mut decoded, &mut problem);
    if problem.is_some() {
        return Err(ScalarProblem::Invalid);
    }
    if encoding.is_some() {
        return Ok(SecretValue::new(decoded.0.expose().to_owned()));
    }
    if matches!(raw, "true" | "false") || is_plain_number(raw) {
        return Ok(SecretValue::new(raw.to_owned()));
    }
    Err(ScalarProblem::NeedsQuotes)
}

/// Whether the value is exactly what stands between the quotes.
pub(super) fn is_verbatim(raw: &str, encoding: Option<Encoding>) -> bool {
    encoding == Some(Encoding::LiteralString) || is_simple_basic_string(raw, encoding)
}

fn is_simple_basic_string(raw: &str, encoding: Option<Encoding>) -> bool {
    encoding == Some(Encoding::BasicString)
        && raw.len() >= 2
        && raw.ends_with('"')
        && !raw.bytes().any(|byte| byte == b'\\' || byte < 0x20 || byte == 0x7f)
}

fn is_plain_number(raw: &str) -> bool {
    raw.strip_prefix('-').unwrap_or(raw).bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read_back(text: &str) -> Option<SecretValue> {
        let document = format!("x = {text}\n");
        let source = toml_parser::Source::new(&document);
        let tokens = source.lex().into_vec();
        let mut found = None;
        let mut errors = None;
        let mut receive = |event: toml_parser::parser::Event| {
            if event.kind() == toml_parser::parser::EventKind::Scalar {
                found =
                    decode_scalar(&document[event.span().start()..event.span().end()], event.encoding()).ok();
            }
        };
        toml_parser::parser::parse_document(&tokens, &mut receive, &mut errors);
        if errors.is_some() { None } else { found }
    }

    proptest! {
        #[test]
        fn every_text_survives_its_spelling(value in "(?s)(.|['\"\\\\\n\r\t#]){0,40}") {
            let mut spelled = SecretText::default();
            push_toml_string(&mut spelled, &value);
            prop_assert!(read_back(spelled.expose()).is_some_and(|read| read.expose() == value));
        }

        #[test]
        fn the_toml_crate_reads_the_same(value in "(?s)(.|['\"\\\\\n\r\t#]){0,40}") {
            let mut spelled = SecretText::default();
            push_toml_string(&mut spelled, &value);
            let table: std::collections::BTreeMap<String, String> =
                toml::from_str(&format!("x = {}\n", spelled.expose())).unwrap();
            prop_assert_eq!(&table["x"], &value);
        }
    }

    #[test]
    fn unquoted_scalars_stand_for_themselves_or_are_refused() {
        for (raw, expected) in [
            ("5432", Some("5432")),
            ("-7", Some("-7")),
            ("1.5", Some("1.5")),
            ("true", Some("true")),
            ("1_000", None),
            ("0xff", None),
            ("1e3", None),
            ("2026-01-01", None),
            ("inf", None),
            ("+5", None),
        ] {
            assert!(decode_scalar(raw, None).ok().as_ref().map(SecretValue::expose) == expected, "{raw}");
        }
    }
}
