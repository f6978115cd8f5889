//! New values by an entry's policy.

use std::fmt;
use std::io;

use zeroize::Zeroizing;

use crate::name::SecretName;
use crate::secret::SecretValue;
use crate::sys::Random;

use super::check::Checker;
use super::model::{Alphabet, Entry, Policy, Type};
use super::violation::ViolationKind;

/// Fewest bits of entropy in a generated value: out of reach for whoever can only ask the service.
pub const WEAKEST_BITS: u32 = 64;

/// Longest random part, in the policy's unit: longer ones do not fit the environments that carry them.
pub const LONGEST_GENERATED: usize = 16_384;

/// Tries before a pattern counts as one that the policy does not meet. Leaving out what a pattern refuses costs
/// entropy: with so few tries not more than about seven bits.
const TRIES: usize = 100;

/// Draws for one character before the source of randomness counts as broken. A working one fails each with a chance
/// below 2^-11 (there are fewer than 2^21 characters).
const DRAWS: usize = 64;

/// Length of a password without a policy, in characters: 238 bits.
const PASSWORD_LENGTH: usize = 40;

/// Length of a key without a policy, in bytes.
const KEY_LENGTH: usize = 32;

const LOWER: &str = "abcdefghijklmnopqrstuvwxyz";
const DIGITS: &str = "0123456789";
const ALPHANUMERIC: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const HEX: &str = "0123456789abcdef";
/// The URL alphabet of RFC 4648, section 5, in the order of its values.
const BASE64_URL: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
/// The punctuation is what is left of the characters that every measured env-file parser reads unquoted and in any
/// position (`! % * + , - . / : ? @ [ ] ^ _ { }`), without those that RFC 3986 forbids in a URL's user information or
/// gives a meaning there (`% / : ? @ [ ] ^ { }`), the comma at which Flower splits, and the `-` that at the start
/// would make the value an option on a command line.
const SYMBOLS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!*+._";

/// Why no value was made.
#[derive(Debug)]
pub enum GenerateError {
    /// The entry has no policy, and values of its type come from elsewhere.
    NotGenerated {
        /// The secret.
        name: SecretName,
        /// Where its value comes from.
        source: &'static str,
    },
    /// The policy leaves fewer than [`WEAKEST_BITS`] bits of entropy.
    TooWeak {
        /// The secret.
        name: SecretName,
        /// How many it leaves, rounded down.
        bits: u32,
    },
    /// The policy asks for more than [`LONGEST_GENERATED`].
    TooLong {
        /// The secret.
        name: SecretName,
    },
    /// What the policy makes breaks a rule of the same entry.
    Conflict {
        /// The secret.
        name: SecretName,
        /// The rule.
        rule: ViolationKind,
    },
    /// The source of randomness failed.
    Random(io::Error),
}

impl fmt::Display for GenerateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotGenerated { name, source } => write!(f, "{name} cannot be generated here: {source}"),
            Self::TooWeak { name, bits } => {
                write!(f, "{name} would have {bits} bits of entropy; at least {WEAKEST_BITS} are needed")
            }
            Self::TooLong { name } => {
                write!(f, "{name} would be longer than the limit of {LONGEST_GENERATED} characters or bytes")
            }
            Self::Conflict { name, rule } => {
                write!(f, "what the schema generates for {name} breaks its own rules: {rule}")
            }
            Self::Random(_) => f.write_str("the system gives no randomness"),
        }
    }
}

impl std::error::Error for GenerateError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Random(error) => Some(error),
            _ => None,
        }
    }
}

/// A new value for an entry. It satisfies the entry's own rules and is no placeholder.
///
/// Without a policy, passwords get 40 letters and digits, hex and base64 get 32 bytes, and UUIDs are of version 4.
pub fn generate(
    name: &SecretName,
    entry: &Entry,
    random: &mut dyn Random,
) -> Result<SecretValue, GenerateError> {
    let policy = match &entry.generate {
        Some(policy) => policy.clone(),
        None => default_policy(entry).map_err(|source| not_generated(name, source))?,
    };
    if policy.length > LONGEST_GENERATED {
        return Err(GenerateError::TooLong { name: name.clone() });
    }
    let bits = policy_entropy_bits(&policy);
    if bits < WEAKEST_BITS {
        return Err(GenerateError::TooWeak { name: name.clone(), bits });
    }
    let checker = Checker::new(entry);
    let mut rule = ViolationKind::Empty;
    for _ in 0..TRIES {
        let value = draw(&policy, random).map_err(GenerateError::Random)?;
        match checker.check(&value).into_iter().next() {
            None => return Ok(value),
            Some(broken) => rule = broken,
        }
    }
    Err(GenerateError::Conflict { name: name.clone(), rule })
}

/// The entropy of what a policy makes, in bits, rounded down.
pub fn policy_entropy_bits(policy: &Policy) -> u32 {
    match &policy.alphabet {
        Alphabet::Hex | Alphabet::Base64Url => {
            u32::try_from(policy.length).unwrap_or(u32::MAX).saturating_mul(u8::BITS)
        }
        // Four of the 128 bits say the version, two the variant (RFC 9562, section 5.4).
        Alphabet::Uuid => 122,
        alphabet => floor_log2_of_power(characters(alphabet).len(), policy.length),
    }
}

/// Bits in `choices` to the power of `length`, rounded down: by repeated multiplication of a mantissa, since the
/// rounding of floating-point numbers must not decide what is strong enough.
fn floor_log2_of_power(choices: usize, length: usize) -> u32 {
    let choices = u128::try_from(choices).unwrap_or(u128::MAX);
    if choices < 2 {
        return 0;
    }
    let (mut mantissa, mut bits) = (1u128, 0u32);
    for _ in 0..length.min(LONGEST_GENERATED) {
        mantissa = mantissa.saturating_mul(choices);
        // Kept below 2^96 by dropping the lowest bits, so the result can only be too small.
        let surplus = mantissa.ilog2().saturating_sub(95);
        mantissa >>= surplus;
        bits = bits.saturating_add(surplus);
    }
    bits.saturating_add(mantissa.ilog2())
}

fn not_generated(name: &SecretName, source: &'static str) -> GenerateError {
    GenerateError::NotGenerated { name: name.clone(), source }
}

/// How values of a type are made where the schema does not say; the error says where they come from instead.
fn default_policy(entry: &Entry) -> Result<Policy, &'static str> {
    let (alphabet, length) = match &entry.kind {
        Type::Password => {
            let rules = &entry.rules;
            let shortest = PASSWORD_LENGTH.max(rules.min_length.unwrap_or(0));
            (Alphabet::Alphanumeric, shortest.min(rules.max_length.unwrap_or(usize::MAX)))
        }
        Type::Hex => (Alphabet::Hex, KEY_LENGTH),
        Type::Base64 => (Alphabet::Base64Url, KEY_LENGTH),
        Type::Uuid => (Alphabet::Uuid, 0),
        // A made-up token would take the place of the real one and look like it.
        Type::Token => {
            return Err("a token is issued by its service, unless the schema has a generate policy");
        }
        Type::SshPrivateKey | Type::SshPublicKey | Type::KnownHosts => {
            return Err("a key pair is made by ssh-keygen");
        }
        Type::Pem => return Err("keys and certificates are issued by their authority"),
        Type::String | Type::Json => return Err("the schema has no generate policy for it"),
        Type::Url | Type::Email | Type::Host | Type::Ip | Type::Port | Type::Domain => {
            return Err("it says where something is");
        }
        Type::Integer | Type::Boolean | Type::Enum | Type::Duration => {
            return Err("it is a setting that somebody chooses");
        }
    };
    Ok(Policy { length, alphabet, prefix: String::new(), suffix: String::new() })
}

/// The characters to choose from, each once; none for alphabets that spell bytes.
fn characters(alphabet: &Alphabet) -> Vec<char> {
    let text = match alphabet {
        Alphabet::Alphanumeric => ALPHANUMERIC,
        Alphabet::Lower => LOWER,
        Alphabet::Digits => DIGITS,
        Alphabet::Symbols => SYMBOLS,
        Alphabet::Custom(characters) => characters,
        Alphabet::Hex | Alphabet::Base64Url | Alphabet::Uuid => "",
    };
    let mut characters: Vec<char> = text.chars().collect();
    characters.sort_unstable();
    characters.dedup();
    characters
}

/// A value by a policy alone, for a purpose of the program's own.
pub fn draw(policy: &Policy, random: &mut dyn Random) -> io::Result<SecretValue> {
    // Room for the longest spelling at once: a text that grows leaves its old copy behind in memory.
    let room = policy.prefix.len() + policy.length * char::MAX.len_utf8() + 36 + policy.suffix.len();
    let mut text = Zeroizing::new(String::with_capacity(room));
    text.push_str(&policy.prefix);
    match &policy.alphabet {
        Alphabet::Hex => push_hex(&mut text, &bytes(random, policy.length)?),
        Alphabet::Base64Url => push_base64_url(&mut text, &bytes(random, policy.length)?),
        Alphabet::Uuid => push_uuid(&mut text, &bytes(random, 16)?),
        alphabet => push_characters(&mut text, &characters(alphabet), policy.length, random)?,
    }
    text.push_str(&policy.suffix);
    Ok(SecretValue::new(std::mem::take(&mut *text)))
}

fn bytes(random: &mut dyn Random, length: usize) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut buffer = Zeroizing::new(vec![0; length]);
    random.fill(&mut buffer)?;
    Ok(buffer)
}

/// Characters of equal chance each: draws beyond the last whole multiple of their number are drawn again.
fn push_characters(
    text: &mut String,
    characters: &[char],
    length: usize,
    random: &mut dyn Random,
) -> io::Result<()> {
    let count = u32::try_from(characters.len()).unwrap_or(u32::MAX).max(1);
    let fair = u32::MAX - u32::MAX % count;
    let buffer = bytes(random, length * 4)?;
    let mut first_draws = buffer.as_chunks::<4>().0.iter();
    for _ in 0..length {
        let mut number = Zeroizing::new(*first_draws.next().unwrap_or(&[0xff; 4]));
        let mut draws = 1;
        while u32::from_ne_bytes(*number) >= fair {
            if draws == DRAWS {
                return Err(io::Error::other("the source of randomness repeats itself"));
            }
            random.fill(&mut *number)?;
            draws += 1;
        }
        let index = usize::try_from(u32::from_ne_bytes(*number) % count).unwrap_or_default();
        text.extend(characters.get(index));
    }
    Ok(())
}

fn push_hex(text: &mut String, bytes: &[u8]) {
    for byte in bytes {
        for digit in [byte >> 4, byte & 0xf] {
            text.push(char::from(HEX.as_bytes()[usize::from(digit)]));
        }
    }
}

/// Spelled out here because the usual encoder leaves its output in a buffer that nobody wipes.
fn push_base64_url(text: &mut String, bytes: &[u8]) {
    for group in bytes.chunks(3) {
        let word =
            group.iter().fold(0u32, |word, byte| word << 8 | u32::from(*byte)) << (8 * (3 - group.len()));
        for place in 0..=group.len() {
            let digit = (word >> (18 - 6 * place)) & 0x3f;
            text.push(char::from(BASE64_URL[usize::try_from(digit).unwrap_or_default()]));
        }
    }
}

fn push_uuid(text: &mut String, bytes: &[u8]) {
    for (index, byte) in bytes.iter().enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        let byte = match index {
            6 => byte & 0x0f | 0x40,
            8 => byte & 0x3f | 0x80,
            _ => *byte,
        };
        push_hex(text, &[byte]);
    }
}

#[cfg(test)]
mod tests;
