//! The reader of documents against the `toml` crate: neither accepts what the other refuses.

use luca_secrets::name::SecretName;
use luca_secrets::secret::SecretText;
use luca_secrets::store::Document;
use proptest::prelude::*;

use crate::faults::header;

/// Pieces that a document may be made of, and some that none may hold.
const PIECES: &[&str] = &[
    "[secrets]\n",
    "[secrets.a]\n",
    "[ secrets . a ] # c\n",
    "[secrets.b]\n",
    "[\"secrets\".'c']\n",
    "[[secrets.a]]\n",
    "[[secrets]]\n",
    "[secrets.a.b]\n",
    "x = 1\n",
    "x = \"v\"\n",
    "y = 'v' # c\n",
    "z = true\n",
    "a.x = \"dotted\"\n",
    "b . y = '''\nseveral\nlines'''\n",
    "\"x\" = \"\"\"\n  \\\n  folded \\u00e9\"\"\"\n",
    "x = {}\n",
    "x = []\n",
    "w = { a = 1 }\n",
    "w = [1, [2], {a = {}}]\n",
    "w = 2026-01-01\n",
    "w = -0.5\n",
    "w = 007\n",
    "w = \"\\q\"\n",
    "\"w\\q\" = 1\n",
    "W = 1\n",
    "w = 1 x\n",
    "[versions]\n",
    "[versions.a]\n",
    "\"a.x\" = { since = 2026-11-23T12:00:00Z, origin = \"edit\" }\n",
    "\"a.x\" = { since = 2026-13-23T12:00:00Z, origin = \"edit\" }\n",
    "\"a.y\" = { since = 2026-11-23T12:00:00Z, since = 2026-11-23T12:00:00Z }\n",
    "[history]\n",
    "[history.a]\n",
    "[[history]]\n",
    "[ history ] # c\n",
    "\"a.x\" = [\n",
    "\"a.y\" = [ # c\n",
    "\"a.x\" = []\n",
    "'a.x' = []\n",
    "a = []\n",
    "  { until = 2026-11-23T12:00:00Z, value = \"v\" },\n",
    "  { since = 2026-11-23T12:00:00Z, until = 2026-11-23T12:00:00Z, origin = \"edit\", value = 'v' } # c\n",
    "  { value = '''\nv\n''', until = 2028-02-29T12:00:00Z },\n",
    "  { value = \"v\\u00e9\\n\", until = 2028-02-29T12:00:00Z },\n",
    "  { value = \"v\\q\", until = 2028-02-29T12:00:00Z },\n",
    "  { value = \"v\\ud800\", until = 2028-02-29T12:00:00Z },\n",
    "  { value = \"v\", value = \"v\", until = 2028-02-29T12:00:00Z },\n",
    "  { until = 2026-02-29T12:00:00Z, value = \"v\" },\n",
    "{}",
    ",",
    "]\n",
    "[foreign]\n",
    "[foreign.deep]\n",
    "[[foreign]]\n",
    "[store]\n",
    "[store.more]\n",
    "[recipients]\n",
    "[[recipients]]\n",
    "id = \"again\"\n",
    "# comment\n",
    "# bad \u{1} comment\n",
    "\r\n",
    "\r",
    "\n",
    "\u{feff}",
    " \t",
    "é",
    "[",
    "]",
    "\"",
    "'''",
    "=",
];

fn soup() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        30 => proptest::sample::select(PIECES).prop_map(str::to_owned),
        1 => "(?s).{0,6}",
    ];
    proptest::collection::vec(piece, 0..14).prop_map(|pieces| pieces.concat())
}

/// The name and value of every secret as the `toml` crate reads them, or `None` where a store may not be so.
fn read_by_toml(text: &str) -> Option<Vec<(String, String)>> {
    let table: toml::Table = text.parse().ok()?;
    let mut found = Vec::new();
    let empty = toml::Table::new();
    let secrets = table.get("secrets").map_or(Some(&empty), toml::Value::as_table)?;
    for (group, keys) in secrets {
        for (key, value) in keys.as_table()? {
            let value = match value {
                toml::Value::String(text) => text.clone(),
                toml::Value::Integer(number) => number.to_string(),
                toml::Value::Boolean(flag) => flag.to_string(),
                toml::Value::Float(number) => number.to_string(),
                _ => return None,
            };
            found.push((SecretName::new(group, key).ok()?.to_string(), value));
        }
    }
    found.sort();
    Some(found)
}

fn read_here(text: &str) -> Result<Vec<(String, String)>, String> {
    let document = Document::parse(SecretText::new(text.to_owned())).map_err(|error| error.to_string())?;
    let value = |name: &SecretName| document.get(name).unwrap().expose().to_owned();
    let mut found: Vec<_> = document.names().map(|name| (name.to_string(), value(name))).collect();
    found.sort();
    Ok(found)
}

/// A document of the store's own shape, in many spellings.
fn usual() -> impl Strategy<Value = String> {
    let value = prop_oneof![
        "[ -!#-\\[\\]-~é]{0,12}".prop_map(|text| format!("\"{text}\"")),
        "[ -&(-~é\t]{0,12}".prop_map(|text| format!("'{text}'")),
        "[ -!#-\\[\\]-~é\n]{0,12}".prop_map(|text| format!("\"\"\"{text}\"\"\"")),
        "[ -&(-~é\n]{0,12}".prop_map(|text| format!("'''{text}'''")),
        Just("\"\\u00e9\\n\\t\\\\\\\"\"".to_owned()),
        "-?[1-9][0-9]{0,6}(\\.[0-9]{1,3}[1-9])?",
        Just("true".to_owned()),
    ];
    let comment = prop_oneof![Just(String::new()), "( |\t)?#[ -~é]{0,8}"];
    let line = (0..9_u8, any::<bool>(), value, comment.clone());
    let group = (any::<bool>(), proptest::collection::vec(line, 0..6), comment);
    proptest::collection::vec(group, 0..4).prop_map(|groups| {
        let mut text = String::from("[secrets]\n");
        for (number, (is_quoted, lines, comment)) in groups.into_iter().enumerate() {
            let name = if is_quoted { format!("\"g{number}\"") } else { format!(" g{number} ") };
            text.push_str(&format!("[secrets.{name}]{comment}\n"));
            let mut used = std::collections::BTreeSet::new();
            for (key, is_quoted, value, comment) in lines {
                if used.insert(key) {
                    let key = if is_quoted { format!("'k{key}'") } else { format!("k{key}") };
                    text.push_str(&format!("  {key} = {value}{comment}\n"));
                }
            }
        }
        text
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1500) })]

    #[test]
    fn no_text_makes_the_reader_panic(text in "(?s).{0,200}", rest in soup()) {
        let _ = read_here(&text);
        let _ = read_here(&rest);
        let _ = read_here(&format!("{}{text}", header()));
    }

    #[test]
    fn what_is_accepted_here_toml_accepts_with_the_same_values(rest in soup()) {
        let text = format!("{}{rest}", header());
        if let Ok(found) = read_here(&text) {
            prop_assert_eq!(Some(found), read_by_toml(&text), "{}", rest);
        }
    }

    #[test]
    fn what_toml_accepts_in_the_shape_of_a_store_is_accepted_here(rest in usual()) {
        let text = format!("{}{rest}", header());
        if let Some(found) = read_by_toml(&text) {
            prop_assert_eq!(read_here(&text), Ok(found), "{}", rest);
        }
    }

    #[test]
    fn what_toml_refuses_is_refused_with_a_place(rest in soup()) {
        let text = format!("{}{rest}", header());
        if text.parse::<toml::Table>().is_err() {
            let error = read_here(&text).unwrap_err();
            prop_assert!(error.starts_with("line ") && error.contains(", column "), "{}", error);
        }
    }
}

#[test]
fn endless_nesting_is_refused() {
    for open in ["[", "{a=", "[{a="] {
        let text = format!("{}[secrets.a]\nx = {}", header(), open.repeat(200_000));
        assert!(read_here(&text).is_err());
    }
}
