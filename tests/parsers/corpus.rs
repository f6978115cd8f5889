//! Values that env files go wrong with, all made up: 178 as in the study behind `src/render`, and any number of
//! generated ones.

/// The corpus: 178 values, all different.
pub(super) fn corpus() -> Vec<String> {
    let mut values: Vec<String> =
        PLAIN.iter().chain(QUOTES).chain(DOLLARS).chain(SPECIAL).map(|v| (*v).to_owned()).collect();
    values.extend(LINES.iter().map(|v| (*v).to_owned()));
    values.extend(separators());
    values.extend(controls());
    values.extend(documents());
    let mut unique = values.clone();
    unique.sort();
    unique.dedup();
    assert_eq!(unique.len(), values.len(), "a value stands in the corpus twice");
    assert_eq!(values.len(), 178, "the figures that are promised are out of 178");
    values
}

const PLAIN: &[&str] = &[
    "",
    "0",
    "true",
    "plain",
    "S3cr3tValue",
    "with-dash_under.dot",
    "a/b/c",
    "user@example.com",
    "10.0.0.1:8080",
    "=",
    "==",
    "a=b",
    "a=b=c",
    "=leading",
    "key:=x",
    "100%",
    "%41",
    "a+b",
    "a,b,c",
    "[x]",
    "{y}",
    "!important",
    "*",
    "?",
    "~",
    "~root",
    "a:~",
    "^caret",
    " ",
    " lead",
    "trail ",
    " both ",
    "two words",
    "a  b",
    "many   inner   spaces",
    "export X=1",
    "null",
    "-",
    "--flag",
];

const QUOTES: &[&str] = &[
    "'",
    "\"",
    "`",
    "''",
    "\"\"",
    "it's",
    "say \"hi\"",
    "`tick`",
    "'wrapped'",
    "\"wrapped\"",
    "`wrapped`",
    "'open",
    "\"open",
    "close'",
    "close\"",
    "it's \"both\"",
    "'\"`",
    "a'b\"c`d",
    "'\"'\"'",
    "\\'",
    "\\\"",
    "'x\"",
    "\"it's\"",
    "'a' 'b'",
    "\"a\" \"b\"",
    "{\"k\": \"v\"}",
    "{'k': 'v'}",
    "it''s",
];

const DOLLARS: &[&str] = &[
    "$",
    "$$",
    "$HOME",
    "${HOME}",
    "a$",
    "a$b",
    "pa$word",
    "pa$$word",
    "$(id)",
    "`id`",
    "a${X:-y}b",
    "a${X:?m}b",
    "$2b$12$abcdefghijklmnopqrstuv",
    "$6$salt$hash",
    "US$ 5",
    "$1",
    "$'x'",
    "$\"x\"",
    "\\$HOME",
    "\\${HOME}",
    "${",
    "${}",
    "$ 41%",
    "it's $5",
    "$_",
    "$?",
    "a$#b",
    "x$(",
    "cost: 5$",
];

const SPECIAL: &[&str] = &[
    "#",
    "# comment",
    "a#b",
    "a #b",
    "a # b",
    "#lead",
    "p#ss'word",
    "p#ss\"word",
    "p #1 'q' \"r\"",
    "\\",
    "\\\\",
    "a\\",
    "a\\\\",
    "\\a",
    "\\n",
    "\\r",
    "a\\nb",
    "a\\tb",
    "\\\\n",
    "C:\\dir\\new",
    "\\\\server\\share",
    "\\0123",
    "\\x41",
    "\\u0041",
    "a;b",
    "a&b",
    "a|b",
    "a<b>c",
    "(a)",
    "a;#b",
    "; rm x",
    "&& true",
    "tab\there",
    "\tlead",
    "trail\t",
    "caf\u{e9}",
    "\u{1f600}",
    "\u{65e5}\u{672c}",
    "e\u{301}",
    "\u{feff}bom",
    "a\u{feff}b",
    "\u{a0}nbsp\u{a0}",
    "\u{3000}wide\u{3000}",
    "\u{200b}zero",
    "\u{202e}rtl",
    "\u{fffd}",
];

const LINES: &[&str] = &[
    "\n",
    "a\nb",
    "\na",
    "a\n",
    "a\n\nb",
    "a\nINJECTED=1",
    "a\nINJECTED=1\n",
    "a\n#b",
    "a'\nb",
    "a\"\nb",
    "a\r\nb",
    "\r",
    "a\rb",
    "a\r",
];

fn separators() -> Vec<String> {
    let kinds = ['\u{b}', '\u{c}', '\u{1c}', '\u{1d}', '\u{1e}', '\u{85}', '\u{2028}', '\u{2029}'];
    kinds.iter().map(|c| format!("a{c}b")).collect()
}

fn controls() -> Vec<String> {
    ["\u{1}", "\u{1b}[31mred", "\u{7f}", "a\u{8}b", "\u{7}"].into_iter().map(str::to_owned).collect()
}

fn documents() -> Vec<String> {
    let body = "MIIBVgIBADANBgkqhkiG9w0BAQEFAASCAUAw\n".repeat(6);
    vec![
        format!("-----BEGIN {} KEY-----\n{body}-----END {} KEY-----\n", "PRIVATE", "PRIVATE"),
        "{\"a\": \"it's $5\", \"b\": \"c\\\\d\"}".to_owned(),
        "{\n  \"a\": 1\n}".to_owned(),
        "postgres://u:p%40ss@db.example.com:5432/app?sslmode=require".to_owned(),
        "redis://:s3cr3t@redis:6379/0".to_owned(),
        "https://key@sentry.example.com/1#frag".to_owned(),
        "x".repeat(64 * 1024),
        "y 'z' ".repeat(128 * 1024 / 6 - 20),
        format!("a\u{fffe}{}", "b"),
    ]
}

/// A small generator with a fixed seed (splitmix64), so that a failure can be had again.
pub(super) struct Generator(pub(super) u64);

impl Generator {
    /// A number below `below`.
    pub(super) fn below(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % below as u64).unwrap()
    }

    /// A nasty value: few pieces, most of which mean something to some parser.
    pub(super) fn value(&mut self) -> String {
        const PIECES: &[&str] = &[
            "'",
            "\"",
            "`",
            "\\",
            "$",
            "#",
            " ",
            "\t",
            "\n",
            "\r",
            "=",
            "a",
            "b",
            "n",
            "r",
            "0",
            "1",
            "A",
            "_",
            "{",
            "}",
            "(",
            ")",
            ";",
            ":",
            "-",
            "~",
            "${",
            "${A",
            "$(",
            "$A",
            "\\n",
            "\\r",
            "\\\\",
            "\\\"",
            "\\'",
            "\\$",
            " #",
            "\r\n",
            "\nX=1",
            "\n'",
            "\n\"",
            "'\n",
            "\"\n",
            "\u{b}",
            "\u{85}",
            "\u{2028}",
            "\u{e9}",
            "\u{1f600}",
            "\u{a0}",
            "\u{feff}",
            "\u{1}",
            "\u{1b}",
            "%",
            "!",
            "*",
            "export ",
            "$$",
            ":-",
            "&",
            "|",
            ",",
            "\u{17f}",
            "\u{1c}",
        ];
        // Most values keep to one line: with line breaks in all of them the dialects of lines would hardly be tried.
        let one_line = self.below(3) > 0;
        let mut value = String::new();
        for _ in 0..=self.below(12) {
            let piece = PIECES[self.below(PIECES.len())];
            if !(one_line && piece.contains(['\n', '\r', '\u{b}', '\u{85}', '\u{2028}', '\u{1c}'])) {
                value.push_str(piece);
            }
        }
        value
    }
}
