//! Telling values from what people write in a value's place.

/// Words that stand for "not yet", on pages and in data alike.
const UNSET: [&str; 10] = [
    "todo",
    "tbd",
    "tba",
    "fixme",
    "changeme",
    "change-me",
    "change_me",
    "change me",
    "placeholder",
    "[redacted]",
];
/// Words that say "nothing" to a person; in data they can be values.
const NOTHING: [&str; 8] = ["n/a", "na", "none", "null", "unset", "unknown", "redacted", "secret"];
/// How a sentence begins that says where the value is.
const POINTERS: [&str; 16] = [
    "see ",
    "ask ",
    "in ",
    "stored ",
    "kept ",
    "use the ",
    "same as ",
    "the same ",
    "set in ",
    "set by ",
    "from ",
    "generated ",
    "managed by ",
    "provided by ",
    "lives in ",
    "todo:",
];

/// Whether a text in a value's place on a page is none.
pub(super) fn is_placeholder_on_page(text: &str) -> bool {
    let lower = text.to_lowercase();
    is_placeholder_in_data(text)
        || text.starts_with('(') && text.ends_with(')')
        || NOTHING.contains(&lower.as_str())
        || matches!(text, "-" | "--" | "–" | "—" | "?" | "_")
        || POINTERS.iter().any(|pointer| lower.starts_with(pointer))
}

/// Whether a text where only a value can stand (data, code) is none.
pub(super) fn is_placeholder_in_data(text: &str) -> bool {
    let text = text.trim();
    UNSET.contains(&text.to_lowercase().as_str())
        || is_pattern(text)
        || is_template(text)
        || is_angle(text)
        || text.starts_with("!!!SET ")
        || text.starts_with('(') && text.ends_with(')') && text.contains(char::is_whitespace)
}

/// `********`, `......`, `xxxx`: one character, again and again.
fn is_pattern(text: &str) -> bool {
    let mut characters = text.chars();
    let Some(first) = characters.next() else { return false };
    let repeated = characters.all(|c| c == first);
    repeated && (first == '…' || "*.•x_X?-".contains(first) && text.chars().count() >= 3 || first == '•')
}

/// `{{ x }}`, `${X}` and `${{ x }}`: something fills it in later.
fn is_template(text: &str) -> bool {
    (text.starts_with("{{") && text.ends_with("}}")) || (text.starts_with("${") && text.ends_with('}'))
}

/// `<your key>`, but not the autolinks `<https://…>` and `<a@example.com>`.
fn is_angle(text: &str) -> bool {
    text.strip_prefix('<')
        .and_then(|rest| rest.strip_suffix('>'))
        .is_some_and(|inner| !inner.contains("://") && !inner.contains('@'))
}
