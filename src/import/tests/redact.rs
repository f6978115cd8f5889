//! Pages after the values have gone.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;

use super::*;

fn secret(name_text: &str, value: &str, line: usize) -> Found {
    let value = SecretValue::new(value.to_owned());
    Found { name: name(name_text), value, line, also: Vec::new(), declared: true }
}

fn redacted(text: &str, secrets: &[Found]) -> Redaction {
    redact(text, &secrets.iter().collect::<Vec<_>>(), &[])
}

#[test]
fn the_example_page() {
    let schema = schema();
    let findings = read_with(Source::Markdown, PAGE, &schema);
    let (secrets, plain): (Vec<&Found>, Vec<&Found>) = findings
        .found
        .iter()
        .partition(|it| schema.secrets[&it.name].secret && schema.secrets[&it.name].kind != Type::String);
    let redaction = redact(PAGE, &secrets, &plain);
    let mut expected = PAGE.to_owned();
    for it in &secrets {
        let placeholder = format!("(in secrets.enc: {})", it.name);
        expected = expected.replace(it.value.expose(), &placeholder);
    }
    assert_eq!(redaction.text.expose(), expected);
    assert!(expected.contains("postgres://shop:(in secrets.enc: database.password)@192.0.2.20:5432/shop"));
    assert!(redaction.left.is_empty(), "{:?}", redaction.left);
    let count = redaction.replaced.iter().find(|(name, _)| name.as_str() == "database.password");
    assert_eq!(count.map(|(_, count)| *count), Some(2));
    let again = redact(redaction.text.expose(), &secrets, &plain);
    assert_eq!(again.text.expose(), redaction.text.expose());
    assert!(again.replaced.is_empty());
    let imported = read_with(Source::Markdown, redaction.text.expose(), &schema);
    assert!(imported.found.iter().all(|it| secrets.iter().all(|gone| gone.name != it.name)));
}

#[test]
fn every_spelling_goes() {
    let value = "p@s_s|w/ö\"r'd\\%& <1>";
    let json = serde_json::to_string(value).unwrap();
    let encoded = percent_encode(value, "");
    for spelled in [
        value.to_owned(),
        encoded.clone(),
        encoded.to_ascii_lowercase(),
        percent_encode(value, "@|/'&"),
        encoded.replace("%20", "+"),
        json[1..json.len() - 1].to_owned(),
        json[1..json.len() - 1].replace('ö', "\\u00f6"),
        "p@s\\_s\\|w/ö\\\"r'd\\\\%\\& \\<1\\>".to_owned(),
        value.replace('\'', "'\\''"),
        value.replace('\'', "'\"'\"'"),
        value.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&#62;"),
        STANDARD.encode(value),
        STANDARD.encode(format!("{value}\n")),
        STANDARD.encode(value).replace('=', "%3D"),
    ] {
        let text = format!("x\r\n= \"{spelled}\" =\r\ny");
        let redaction = redacted(&text, &[secret("database.password", value, 1)]);
        let shown = redaction.text.expose();
        assert!(shown.starts_with("x\r\n= \"(in secrets.enc: database.password)"), "{spelled}: {shown}");
        assert!(shown.ends_with("\" =\r\ny"), "{spelled}: {shown}");
        assert_eq!(redaction.left, []);
    }
    for around in ["", "u", "us", "use"] {
        let text = STANDARD.encode(format!("{around}:{value}:{around}"));
        let redaction = redacted(&text, &[secret("database.password", value, 1)]);
        assert_eq!(redaction.replaced.len(), 1, "{around}");
    }
}

#[test]
fn values_inside_each_other_leave_no_remains() {
    let secrets = [
        secret("a.inner", "Abcdef12", 1),
        secret("a.outer", "xxAbcdef12yy", 2),
        secret("a.left", "start-Middle", 3),
        secret("a.right", "Middle-end99", 4),
    ];
    let redaction = redacted("1 xxAbcdef12yy 2 Abcdef12 3 start-Middle-end99 4", &secrets);
    let expected = "1 (in secrets.enc: a.outer) 2 (in secrets.enc: a.inner) 3 (in secrets.enc: a.left) 4";
    assert_eq!(redaction.text.expose(), expected.replace("a.left", "a.right"));
    assert_eq!(redaction.replaced.len(), 4);
}

#[test]
fn keys_of_many_lines_go_however_they_are_indented() {
    let key = "-----BEGIN X-----\nQUJDREVGR0hJSktMTU5P\nUFFSU1RVVldY\n-----END X-----\n";
    for spelled in [
        key.trim_end().to_owned(),
        key.trim_end().replace('\n', "\r\n"),
        key.trim_end().replace('\n', "\n    "),
        key.trim_end().replace('\n', "\n> > "),
        key.trim_end().replace('\n', "\\n"),
        key.trim_end().replace('\n', "<br>"),
    ] {
        let text = format!("a\n  {spelled}\nb");
        let redaction = redacted(&text, &[secret("a.key", key, 2)]);
        assert_eq!(redaction.text.expose(), "a\n  (in secrets.enc: a.key)\nb", "{spelled}");
    }
    let wrapped = STANDARD
        .encode(key)
        .as_bytes()
        .chunks(16)
        .map(|it| String::from_utf8_lossy(it) + "\n")
        .collect::<String>();
    let redaction = redacted(&wrapped, &[secret("a.key", key, 2)]);
    assert!(redaction.text.len() < 40, "{}", redaction.text.expose());
    let part = redacted("QUJDREVGR0hJSktMTU5P", &[secret("a.key", key, 2)]);
    assert_eq!(part.text.expose(), "(in secrets.enc: a.key)");
}

#[test]
fn short_values_go_only_from_where_they_were_found() {
    let redaction = redacted("- PIN: 123\n- Floor: 123\n- 91234\n", &[secret("a.pin", "123", 1)]);
    assert_eq!(redaction.text.expose(), "- PIN: (in secrets.enc: a.pin)\n- Floor: 123\n- 91234\n");
    assert_eq!(redaction.left, [Left { name: name("a.pin"), line: 2, reason: LeftReason::Short }]);
}

#[test]
fn plain_words_go_as_whole_words_and_addresses_stay() {
    let text =
        "- User: shop\n- Password: shop\n- Mail: shop@example.com\n- shop-db, workshops\npsql shop:shop@db\n";
    let secrets = [secret("db.password", "shop", 2)];
    let plain = [secret("db.user", "shop", 1), secret("db.mail", "shop@example.com", 3)];
    let redaction = redact(text, &[&secrets[0]], &[&plain[0], &plain[1]]);
    let gone = "(in secrets.enc: db.password)";
    let expected = format!(
        "- User: {gone}\n- Password: {gone}\n- Mail: shop@example.com\n- shop-db, workshops\npsql {gone}:{gone}@db\n"
    );
    assert_eq!(redaction.text.expose(), expected);
    let left: Vec<_> = redaction.left.iter().map(|it| (it.line, it.reason)).collect();
    assert_eq!(left, [(3, LeftReason::InsideOther), (4, LeftReason::InsideWord)]);
    assert_eq!(redaction.shared, [(name("db.password"), name("db.user"))]);
}

#[test]
fn lines_of_what_is_left_count_in_the_new_page() {
    let key = "-----BEGIN X-----\nQUJDREVGR0hJSktMTU5P\n-----END X-----\n";
    let secrets = [secret("a.key", key, 1), secret("a.pin", "77", 9)];
    let redaction = redacted(&format!("{key}x\n77\n"), &secrets);
    assert_eq!(redaction.left, [Left { name: name("a.pin"), line: 3, reason: LeftReason::Short }]);
}

#[test]
fn words_of_a_placeholder_are_left_alone() {
    let text = "(in secrets.enc: database.password) database.password\n";
    let redaction = redacted(text, &[secret("a.word", "password", 1)]);
    assert_eq!(
        redaction.text.expose(),
        "(in secrets.enc: database.password) database.(in secrets.enc: a.word)\n"
    );
    assert_eq!(redaction.left, []);
}

proptest! {
    /// Pieces of text that hold no value, with values between: the pieces come out as they went in.
    #[test]
    fn everything_else_stays_byte_for_byte(
        pieces in proptest::collection::vec("[ \\r\\n\\ta-f|*_`.:/@#%-]{0,12}", 2..8),
        values in proptest::collection::vec("[A-Z0-9]{4}[ -~]{4,12}[A-Z0-9]{4}", 1..4),
        bom in any::<bool>(),
    ) {
        let secrets: Vec<_> =
            values.iter().enumerate().map(|(index, value)| secret(&format!("g.k{index}"), value, 1)).collect();
        let (mut text, mut expected) = (String::new(), String::new());
        if bom {
            text.push('\u{feff}');
            expected.push('\u{feff}');
        }
        for (index, piece) in pieces.iter().enumerate() {
            let which = index % values.len();
            let spelled = match index % 3 {
                0 => values[which].clone(),
                1 => percent_encode(&values[which], ""),
                _ => percent_encode(&values[which], "!$&'()*+,;=").to_lowercase_hex(),
            };
            // A separator on either side keeps a border of one spelling from reading as part of the next.
            text.extend([piece, "~", &spelled, "~"]);
            expected.extend([piece, "~", &format!("(in secrets.enc: g.k{which})"), "~"]);
        }
        prop_assume!(values.iter().enumerate().all(|(i, a)| values.iter().enumerate().all(|(j, b)| i == j || !b.contains(a.as_str()))));
        let redaction = redacted(&text, &secrets);
        prop_assert_eq!(redaction.text.expose(), expected);
        prop_assert!(redaction.left.is_empty());
    }

    /// No page, however odd, stops the reader, and no byte of a found secret stays.
    #[test]
    fn odd_pages_do_no_harm(text in "[#|\\-:=*`~>\\r\\n ()\\[\\]<A-Ca-cö\\\\_0-9]{0,200}") {
        let schema = schema();
        let page = format!("# Database\n{text}\n- Password: Xy9-Wv8-Ut7\n");
        for source in [Source::Markdown, Source::Toml, Source::Json] {
            let _ = try_read(source, &page, &schema);
            let _ = try_read(source, &text, &schema);
        }
        let findings = read_with(Source::Markdown, &page, &schema);
        let redaction = redact(&page, &findings.found.iter().collect::<Vec<_>>(), &[]);
        if findings.found.iter().any(|it| it.value.expose() == "Xy9-Wv8-Ut7") {
            prop_assert!(!redaction.text.expose().contains("Xy9-Wv8-Ut7"));
        }
    }
}

trait LowerHex {
    fn to_lowercase_hex(&self) -> String;
}

impl LowerHex for String {
    fn to_lowercase_hex(&self) -> String {
        let mut out = String::new();
        let mut hex = 0;
        for character in self.chars() {
            out.push(if hex > 0 { character.to_ascii_lowercase() } else { character });
            hex = if character == '%' { 2 } else { usize::saturating_sub(hex, 1) };
        }
        out
    }
}

/// Encodes everything but RFC 3986's unreserved characters and `safe` as `%XX` in upper case.
fn percent_encode(text: &str, safe: &str) -> String {
    const DIGITS: [char; 16] =
        ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F'];
    let mut encoded = String::with_capacity(text.len() * 3);
    for byte in text.bytes() {
        let character = char::from(byte);
        if byte.is_ascii_alphanumeric() || "-._~".contains(character) || safe.contains(character) {
            encoded.push(character);
        } else {
            encoded.extend(['%', DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
        }
    }
    encoded
}

#[test]
fn an_equals_sign_that_is_no_padding_stays() {
    let secrets = [secret("a.word", "Abc-def-Ghi-jkl", 1)];
    let text = format!("?{}=x", STANDARD.encode("Abc-def-Ghi-jkl"));
    assert_eq!(redacted(&text, &secrets).text.expose(), "?(in secrets.enc: a.word)=x");
}

#[test]
fn a_page_without_values_keeps_every_byte() {
    for text in ["", "\u{feff}", "a\r\nb\rc", "no newline", "\n\n", "| a \\| b |\r\n"] {
        let redaction = redacted(text, &[secret("a.word", "Abc-def-Ghi-jkl", 1)]);
        assert_eq!(redaction.text.expose(), text);
        assert!(redaction.replaced.is_empty() && redaction.left.is_empty() && redaction.shared.is_empty());
    }
}
