//! `generate = …` of a secret.

use crate::schema::model::{Alphabet, Policy, Type};

use super::context::Context;
use super::tree::{Key, Node, Value};

/// The length where the schema gives none: 40 letters and digits hold 238 bits.
const USUAL_LENGTH: usize = 40;
/// The same in bytes.
const USUAL_BYTES: usize = 32;
/// Longer ones do not fit into what reads them.
const LONGEST: usize = 4096;

const GENERATE_KEYS: [&str; 5] = ["length", "alphabet", "characters", "prefix", "suffix"];
const ALPHABETS: [&str; 7] = ["alphanumeric", "base64url", "digits", "hex", "lower", "symbols", "uuid"];

/// Reads `generate`: `true`, or a table.
pub(super) fn generate(
    context: Context<'_>,
    kind: &Type,
    key: &Key<'_>,
    value: &Value<'_>,
) -> Option<Policy> {
    let alphabet = usual_alphabet(kind);
    let mut policy = Policy { length: 0, alphabet, prefix: String::new(), suffix: String::new() };
    let table = match value.get_ref() {
        Node::Boolean(false) => return None,
        Node::Boolean(true) => {
            policy.length = usual_length(&policy.alphabet);
            return Some(policy);
        }
        Node::Table(table) => table,
        _ => return context.wrong_type(key, value, "true or a table"),
    };
    let mut length = None;
    for (key, value) in table.iter() {
        match key.get_ref().as_ref() {
            "length" => length = context.count(key, value).map(|length| (length, value)),
            "alphabet" => {
                if let Some(found) = alphabet_named(context, key, value) {
                    policy.alphabet = found;
                }
            }
            "characters" => {
                if let Some(characters) = characters(context, key, value) {
                    policy.alphabet = Alphabet::Custom(characters);
                }
            }
            "prefix" => policy.prefix = context.owned(key, value).unwrap_or_default(),
            "suffix" => policy.suffix = context.owned(key, value).unwrap_or_default(),
            _ => context.unknown_key(key, &GENERATE_KEYS),
        }
    }
    if table.contains_key("alphabet") && table.contains_key("characters") {
        context.error(&key.span(), "`alphabet` and `characters` say the same thing twice");
    }
    if let Some((_, at)) = length.filter(|(length, _)| !(1..=LONGEST).contains(length)) {
        context.error(&at.span(), format!("`length` must lie between 1 and {LONGEST}"));
    }
    policy.length = length.map_or(usual_length(&policy.alphabet), |(length, _)| length);
    Some(policy)
}

/// What a value of the type is made of, unless the schema says otherwise.
fn usual_alphabet(kind: &Type) -> Alphabet {
    match kind {
        Type::Hex => Alphabet::Hex,
        Type::Base64 => Alphabet::Base64Url,
        Type::Uuid => Alphabet::Uuid,
        Type::Integer => Alphabet::Digits,
        _ => Alphabet::Alphanumeric,
    }
}

fn usual_length(alphabet: &Alphabet) -> usize {
    match alphabet {
        Alphabet::Hex | Alphabet::Base64Url => USUAL_BYTES,
        // The length of every UUID.
        Alphabet::Uuid => 36,
        _ => USUAL_LENGTH,
    }
}

fn alphabet_named(context: Context<'_>, key: &Key<'_>, value: &Value<'_>) -> Option<Alphabet> {
    let word = context.text(key, value)?;
    Some(match word {
        "alphanumeric" => Alphabet::Alphanumeric,
        "base64url" => Alphabet::Base64Url,
        "digits" => Alphabet::Digits,
        "hex" => Alphabet::Hex,
        "lower" => Alphabet::Lower,
        "symbols" => Alphabet::Symbols,
        "uuid" => Alphabet::Uuid,
        _ => {
            context.unknown_word("an alphabet", word, value, &ALPHABETS);
            return None;
        }
    })
}

fn characters(context: Context<'_>, key: &Key<'_>, value: &Value<'_>) -> Option<String> {
    let text = context.text(key, value)?;
    let mut sorted: Vec<char> = text.chars().collect();
    let count = sorted.len();
    sorted.sort_unstable();
    sorted.dedup();
    if sorted.len() != count {
        context.error(&value.span(), "`characters` holds a character twice, which would come out more often");
    } else if count < 2 {
        context.error(&value.span(), "`characters` must hold at least two characters");
    }
    Some(text.to_owned())
}
