//! TOML in its plainest form, line by line: what this program writes itself and what people mostly write.
//!
//! A scanner for the bulk of large files. It takes a strict subset of TOML 1.0 and answers `None` at the first thing
//! outside of it: then `toml_parser` reads the whole text, and its word is the one that counts. So nothing here has to
//! know what is wrong with a text, only what is certainly right.

use toml_parser::decoder::Encoding;

/// Most keys in a table's header.
const DEEPEST: usize = 4;

/// A key and where it stands, its quotes included.
#[derive(Debug, Clone, Copy, Default)]
pub struct Key<'t> {
    /// The key without quotes.
    pub text: &'t str,
    /// Where it starts.
    pub start: usize,
    /// Where it ends.
    pub end: usize,
}

/// `[a.b]` or `[[a.b]]`.
#[derive(Debug, Clone, Copy)]
pub struct Header<'t> {
    /// Where its first bracket stands.
    pub start: usize,
    /// Whether it is an `[[array of tables]]`.
    pub is_array: bool,
    keys: [Key<'t>; DEEPEST],
    count: usize,
}

impl<'t> Header<'t> {
    /// The keys between the brackets.
    pub fn path(&self) -> &[Key<'t>] {
        &self.keys[..self.count]
    }
}

/// What comes next in a text.
#[derive(Debug, Clone, Copy)]
pub enum Line<'t> {
    /// A table's header.
    Header(Header<'t>),
    /// `key =`; the value is still to be taken, and then the end of the line.
    Pair(Key<'t>),
    /// Nothing.
    End,
}

/// A string and where it stands, its quotes included.
#[derive(Debug, Clone, Copy)]
pub struct Quoted {
    /// Where it starts.
    pub start: usize,
    /// Where it ends.
    pub end: usize,
    /// How it is quoted.
    pub encoding: Encoding,
    /// Whether it holds no escapes, so that what stands between the quotes is the value.
    pub is_verbatim: bool,
}

/// A place in a text.
#[derive(Debug, Clone)]
pub struct Scanner<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Scanner<'t> {
    /// A scanner at the start of a text.
    pub fn new(text: &'t str) -> Self {
        Self { text, at: 0 }
    }

    /// Where the scanner stands, in bytes.
    pub fn at(&self) -> usize {
        self.at
    }

    /// The byte that comes next.
    pub fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// Takes `byte` if it comes next.
    pub fn eat(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    /// Goes past spaces and tabs.
    pub fn skip_blanks(&mut self) {
        self.at += self.count(|byte| matches!(byte, b' ' | b'\t'));
    }

    /// Goes past spaces, tabs, line feeds and comments: what may stand between the items of an array.
    pub fn skip_space(&mut self) -> Option<()> {
        loop {
            self.skip_blanks();
            match self.peek() {
                Some(b'\n') => self.at += 1,
                Some(b'#') => self.comment()?,
                _ => return Some(()),
            }
        }
    }

    /// The next header or key; `None` where something stands that this scanner does not know.
    pub fn line(&mut self) -> Option<Line<'t>> {
        self.skip_space()?;
        match self.peek() {
            None => Some(Line::End),
            Some(b'[') => self.header().map(Line::Header),
            Some(_) => {
                let key = self.key()?;
                self.skip_blanks();
                if !self.eat(b'=') {
                    return None;
                }
                self.skip_blanks();
                Some(Line::Pair(key))
            }
        }
    }

    /// A key: bare, or in double quotes without escapes.
    pub fn key(&mut self) -> Option<Key<'t>> {
        let start = self.at;
        if self.peek() == Some(b'"') {
            let found = self.string()?;
            let is_plain = found.is_verbatim && found.encoding == Encoding::BasicString;
            let text = &self.text[start + 1..found.end - 1];
            return (is_plain && !text.is_empty()).then_some(Key { text, start, end: found.end });
        }
        self.at += self.count(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
        let text = &self.text[start..self.at];
        (!text.is_empty()).then_some(Key { text, start, end: self.at })
    }

    /// A string: of one line in either quotes, or of several lines in `'''`.
    pub fn string(&mut self) -> Option<Quoted> {
        let start = self.at;
        let rest = &self.text.as_bytes()[start..];
        match rest {
            [b'\'', b'\'', b'\'', ..] => self.block(),
            [b'"', b'"', b'"', ..] => None,
            [quote @ (b'"' | b'\''), ..] => {
                let mut is_verbatim = true;
                let mut length = 1;
                loop {
                    let byte = *rest.get(length)?;
                    length += 1;
                    if byte == *quote {
                        break;
                    } else if byte == b'\\' && *quote == b'"' {
                        is_verbatim = false;
                        length += 1;
                    } else if is_control(byte) {
                        return None;
                    }
                }
                self.at = start + length;
                let encoding = if *quote == b'"' { Encoding::BasicString } else { Encoding::LiteralString };
                Some(Quoted { start, end: self.at, encoding, is_verbatim })
            }
            _ => None,
        }
    }

    /// `'''…'''`.
    fn block(&mut self) -> Option<Quoted> {
        let start = self.at;
        let inner = &self.text[start + 3..];
        let length = inner.find("'''")?;
        let is_plain = inner.bytes().take(length).all(|byte| byte == b'\n' || !is_control(byte));
        self.at = start + 3 + length + 3;
        // One or two more quotes would belong to the value.
        (is_plain && self.peek() != Some(b'\'')).then_some(Quoted {
            start,
            end: self.at,
            encoding: Encoding::MlLiteralString,
            is_verbatim: false,
        })
    }

    /// Letters, digits, `-`, `:` and `.`: what bare values are made of.
    pub fn word(&mut self) -> &'t str {
        let start = self.at;
        self.at += self.count(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b':' | b'.'));
        &self.text[start..self.at]
    }

    /// `true`, `false`, a plain whole number of up to 18 digits, or a date with or without a time in UTC.
    pub fn bare(&mut self) -> Option<&'t str> {
        let found = self.word();
        let is_known = matches!(found, "true" | "false") || is_number(found) || is_moment(found);
        is_known.then_some(found)
    }

    /// What may stand behind a value: blanks, a comment, the end of the line.
    pub fn end_line(&mut self) -> Option<()> {
        self.skip_blanks();
        if self.peek() == Some(b'#') {
            self.comment()?;
        }
        (self.at == self.text.len() || self.eat(b'\n')).then_some(())
    }

    fn header(&mut self) -> Option<Header<'t>> {
        let start = self.at;
        self.at += 1;
        let is_array = self.eat(b'[');
        let mut header = Header { start, is_array, keys: [Key::default(); DEEPEST], count: 0 };
        loop {
            *header.keys.get_mut(header.count)? = self.key()?;
            header.count += 1;
            if !self.eat(b'.') {
                break;
            }
        }
        if !self.eat(b']') || (is_array && !self.eat(b']')) {
            return None;
        }
        self.end_line()?;
        Some(header)
    }

    fn comment(&mut self) -> Option<()> {
        self.at += self.count(|byte| !is_control(byte));
        matches!(self.peek(), None | Some(b'\n')).then_some(())
    }

    /// How many of the next bytes are wanted.
    fn count(&self, wanted: impl Fn(u8) -> bool) -> usize {
        let rest = &self.text.as_bytes()[self.at..];
        rest.iter().position(|byte| !wanted(*byte)).unwrap_or(rest.len())
    }
}

fn is_control(byte: u8) -> bool {
    (byte < 0x20 && byte != b'\t') || byte == 0x7f
}

fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    (1..=18).contains(&digits.len())
        && digits.bytes().all(|byte| byte.is_ascii_digit())
        && (!digits.starts_with('0') || text == "0")
}

/// `2026-01-02` or `2026-01-02T03:04:05.6Z`, by form; whether there is such a day is asked elsewhere.
fn is_moment(text: &str) -> bool {
    let fits = |text: &str, form: &str| {
        text.len() == form.len()
            && text.bytes().zip(form.bytes()).all(|(byte, form)| match form {
                b'0' => byte.is_ascii_digit(),
                _ => byte == form,
            })
    };
    match text.split_at_checked(19) {
        None => fits(text, "0000-00-00") && is_in_calendar(text),
        Some((moment, rest)) => {
            let fraction = rest.strip_suffix('Z').and_then(|rest| rest.strip_prefix('.'));
            let has_fraction = fraction.is_some_and(|digits| {
                (1..=9).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit())
            });
            fits(moment, "0000-00-00T00:00:00") && is_in_calendar(moment) && (rest == "Z" || has_fraction)
        }
    }
}

/// Whether the digits of a moment are those of a day and a time; a leap day is left to the thorough way.
fn is_in_calendar(moment: &str) -> bool {
    let last_day = match &moment[5..7] {
        "02" => "28",
        "04" | "06" | "09" | "11" => "30",
        _ => "31",
    };
    let within = |at: usize, least: &str, most: &str| {
        moment.get(at..at + 2).is_none_or(|digits| (least..=most).contains(&digits))
    };
    within(5, "01", "12")
        && within(8, "01", last_day)
        && within(11, "00", "23")
        && within(14, "00", "59")
        && within(17, "00", "59")
}
