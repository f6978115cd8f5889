//! JSON documents.
//!
//! `serde_json` says whether the text is JSON. A second walk over the then faultless text keeps what its values lose:
//! lines, keys that stand twice, and the spelling of numbers.

use serde::de::IgnoredAny;

use crate::secret::SecretValue;

use super::model::{Context, Findings, ImportError};
use super::toml::place;
use super::tree::{self, Item, Node};

/// Reads `{"group": {"key": "v"}}`, `{"group.key": "v"}` and `{"VARIABLE": "v"}`.
pub(super) fn read(text: &str, context: &Context<'_>) -> Result<Findings, ImportError> {
    serde_json::from_str::<IgnoredAny>(text).map_err(|error| ImportError::Syntax {
        format: "JSON",
        line: error.line(),
        column: error.column(),
    })?;
    match (Walk { text, at: 0 }).value()? {
        Node::Table(items) => Ok(tree::read(items, context)),
        _ => Err(ImportError::NotAnObject),
    }
}

/// A position in valid JSON. The parser before has bounded the depth.
struct Walk<'a> {
    text: &'a str,
    at: usize,
}

impl Walk<'_> {
    fn peek(&mut self) -> u8 {
        while matches!(self.byte(), b' ' | b'\t' | b'\r' | b'\n') {
            self.at += 1;
        }
        self.byte()
    }

    /// The byte here; at the end a brace, so that every loop stops.
    fn byte(&self) -> u8 {
        self.text.as_bytes().get(self.at).copied().unwrap_or(b'}')
    }

    fn value(&mut self) -> Result<Node, ImportError> {
        match self.peek() {
            b'{' => self.object(),
            b'[' => self.array(),
            b'"' => Ok(self.string().map_or(Node::Other, |text| Node::Text(SecretValue::new(text)))),
            _ => Ok(self.literal()),
        }
    }

    fn object(&mut self) -> Result<Node, ImportError> {
        let mut items: Vec<Item> = Vec::new();
        self.at += 1;
        while self.peek() != b'}' {
            let (line, column) = place(self.text, self.at);
            let key = self.string().unwrap_or_default();
            if items.iter().any(|item| item.key == key) {
                return Err(ImportError::DuplicateKey { line, column });
            }
            self.skip(b':');
            let node = self.value()?;
            items.push(Item { key, line, node });
            self.skip(b',');
        }
        self.at += 1;
        Ok(Node::Table(items))
    }

    fn array(&mut self) -> Result<Node, ImportError> {
        self.at += 1;
        while !matches!(self.peek(), b']' | b'}') {
            self.value()?;
            self.skip(b',');
        }
        self.at += 1;
        Ok(Node::Other)
    }

    fn string(&mut self) -> Option<String> {
        let start = self.at;
        self.at += 1;
        while self.at < self.text.len() && self.byte() != b'"' {
            self.at += if self.byte() == b'\\' { 2 } else { 1 };
        }
        self.at += 1;
        // `serde_json` takes back a text with a lone surrogate, which no secret can hold.
        serde_json::from_str(self.text.get(start..self.at)?).ok()
    }

    fn literal(&mut self) -> Node {
        let start = self.at;
        while !matches!(self.byte(), b',' | b']' | b'}' | b' ' | b'\t' | b'\r' | b'\n') {
            self.at += 1;
        }
        match self.text.get(start..self.at) {
            None | Some("null") => Node::Other,
            Some(text) => Node::Text(SecretValue::new(text.to_owned())),
        }
    }

    fn skip(&mut self, separator: u8) {
        if self.peek() == separator {
            self.at += 1;
        }
    }
}
