//! Values that only hold a place: legal text that would go live.

/// Values that stand for one to come, compared without case and with `-`, `_` and spaces taken for one another.
const WORDS: [&str; 16] = [
    "change me",
    "changeme",
    "change this",
    "changethis",
    "replace me",
    "replaceme",
    "fill me",
    "fill in",
    "fill me in",
    "insert here",
    "placeholder",
    "todo",
    "fixme",
    "tbd",
    "to be done",
    "to do",
];

/// Words that mark a placeholder also inside a longer value, such as a URL.
const PARTS: [&str; 4] = ["changeme", "change me", "replaceme", "replace me"];

/// How placeholders begin: the guides of most services write `your-api-key`, and Django's `startproject` marks the
/// key that must not be used.
const STARTS: [&str; 4] = ["your ", "insert your ", "enter your ", "django insecure "];

/// Whether the value looks like a text that stands where a value belongs.
pub(super) fn is_placeholder(value: &str) -> bool {
    // A key or a document of many kilobytes is none, whatever words stand in it.
    if value.len() > 500 {
        return false;
    }
    let text = zeroize::Zeroizing::new(plain(value));
    let text = text.trim();
    WORDS.contains(&text)
        || text.contains("!!!set ")
        || PARTS.iter().any(|part| has_word(text, part))
        || STARTS.iter().any(|start| text.starts_with(start))
        || is_filler(text)
        || is_bracketed(text)
}

/// Whether the word stands in the text by itself: not in `exchange members`, but in `changeme123`.
fn has_word(text: &str, word: &str) -> bool {
    text.match_indices(word).any(|(start, _)| {
        !text[..start].ends_with(char::is_alphanumeric)
            && !text[start + word.len()..].starts_with(char::is_alphabetic)
    })
}

/// Lower case, `-` and `_` as spaces.
fn plain(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    text.extend(value.chars().map(|c| if matches!(c, '-' | '_') { ' ' } else { c.to_ascii_lowercase() }));
    text
}

/// `xxx`, `***`, `...`, `???` and longer ones.
fn is_filler(text: &str) -> bool {
    ['x', '*', '.', '?', '•', '…'].into_iter().any(|filler| {
        let shortest = if filler == '…' { 1 } else { 3 };
        text.chars().count() >= shortest && text.chars().all(|c| c == filler)
    })
}

/// `<your key>`, `(in .envs/.production)`, `!!!SET NAME!!!`, `{{ name }}`, `${NAME}`.
fn is_bracketed(text: &str) -> bool {
    let within = |open: &str, close: &str| {
        text.strip_prefix(open)
            .and_then(|rest| rest.strip_suffix(close))
            .is_some_and(|inner| inner.contains(char::is_alphabetic) && !inner.contains(['<', '"', ':']))
    };
    within("!!!", "!!!")
        || within("<", ">")
        || within("{{", "}}")
        || within("${", "}")
        || ["(in ", "(see ", "(from ", "(set ", "(same "].into_iter().any(|open| within(open, ")"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sees_placeholders() {
        let cases = [
            "!!!SET DJANGO_SECRET_KEY!!!",
            "changeme",
            "CHANGE_ME",
            "Change-Me",
            "postgres://luca:changeme@db.example.com/luca",
            "(in .envs/.production/.django)",
            "<your key>",
            "<password>",
            "{{ database.password }}",
            "${PASSWORD}",
            "TODO",
            "todo",
            "xxx",
            "XXXXXXXX",
            "***",
            "...",
            "…",
            "••••••••",
            "your-api-key-here",
            "YOUR_API_KEY",
            "django-insecure-0a1b2c3d",
            " tbd ",
            "placeholder",
            "changeme123",
        ];
        for value in cases {
            assert!(is_placeholder(value), "{value}");
        }
    }

    #[test]
    fn leaves_values_alone() {
        let cases = [
            "",
            "x",
            "xx",
            "true",
            "5432",
            "hunter2",
            "luca",
            "postgres",
            "*",
            "https://example.com/changes",
            "todolist",
            "(in)side",
            "<a href=\"x\">",
            "{\"a\": 1}",
            "yourself",
            "exchange_members",
            "changement",
            "a<b>c",
        ];
        for value in cases {
            assert!(!is_placeholder(value), "{value}");
        }
    }
}
