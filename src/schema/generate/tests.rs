use std::collections::BTreeMap;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use proptest::prelude::*;

use super::*;
use crate::schema::{Place, Rules, check_value};

/// `SplitMix64` (Steele, Lea, Flood 2014): the same numbers on every run.
struct Seeded(u64);

impl Random for Seeded {
    fn fill(&mut self, buffer: &mut [u8]) -> io::Result<()> {
        for chunk in buffer.chunks_mut(8) {
            self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut z = self.0;
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            chunk.copy_from_slice(&(z ^ (z >> 31)).to_ne_bytes()[..chunk.len()]);
        }
        Ok(())
    }
}

/// Gives the same byte for ever.
struct Stuck(u8);

impl Random for Stuck {
    fn fill(&mut self, buffer: &mut [u8]) -> io::Result<()> {
        buffer.fill(self.0);
        Ok(())
    }
}

struct Broken;

impl Random for Broken {
    fn fill(&mut self, _: &mut [u8]) -> io::Result<()> {
        Err(io::Error::other("no entropy"))
    }
}

fn entry(kind: Type, generate: Option<Policy>, rules: Rules) -> Entry {
    let place = Place { file: Path::new("s.toml").into(), line: 1, column: 1 };
    Entry { rules, generate, ..Entry::new(kind, place) }
}

fn policy(alphabet: Alphabet, length: usize) -> Policy {
    Policy { length, alphabet, prefix: String::new(), suffix: String::new() }
}

fn make(entry: &Entry, random: &mut dyn Random) -> Result<String, String> {
    let name = SecretName::parse("a.b").unwrap();
    generate(&name, entry, random).map(|value| value.expose().to_owned()).map_err(|error| error.to_string())
}

fn by(alphabet: Alphabet, length: usize) -> Result<String, String> {
    make(&entry(Type::String, Some(policy(alphabet, length)), Rules::default()), &mut Seeded(1))
}

#[test]
fn alphabets_and_lengths() {
    let all_in = |text: &str, alphabet: &str| text.chars().all(|c| alphabet.contains(c));
    let cases = [
        (Alphabet::Alphanumeric, 40, 40, ALPHANUMERIC),
        (Alphabet::Lower, 20, 20, LOWER),
        (Alphabet::Digits, 20, 20, DIGITS),
        (Alphabet::Symbols, 30, 30, SYMBOLS),
        (Alphabet::Hex, 32, 64, HEX),
        (Alphabet::Custom("äöü€😀".to_owned()), 64, 64, "äöü€😀"),
    ];
    for (alphabet, length, characters, allowed) in cases {
        let made = by(alphabet, length).unwrap();
        assert_eq!(made.chars().count(), characters);
        assert!(all_in(&made, allowed), "{allowed}");
    }
}

#[test]
fn bytes_are_spelled_as_the_standards_say() {
    for length in 8..40 {
        let mut expected = vec![0; length];
        Seeded(1).fill(&mut expected).unwrap();
        assert_eq!(by(Alphabet::Base64Url, length).unwrap(), URL_SAFE_NO_PAD.encode(&expected));
        let hex: Vec<_> = expected.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(by(Alphabet::Hex, length).unwrap(), hex.concat());
    }
    let made = make(&entry(Type::Uuid, None, Rules::default()), &mut Stuck(0xff)).unwrap();
    assert_eq!(made, "ffffffff-ffff-4fff-bfff-ffffffffffff");
    let made = make(&entry(Type::Uuid, None, Rules::default()), &mut Stuck(0)).unwrap();
    assert_eq!(made, "00000000-0000-4000-8000-000000000000");
}

#[test]
fn types_without_a_policy() {
    let made = |kind| make(&entry(kind, None, Rules::default()), &mut Seeded(1));
    assert_eq!(made(Type::Password).unwrap().len(), 40);
    assert_eq!(made(Type::Hex).unwrap().len(), 64);
    assert_eq!(made(Type::Base64).unwrap().len(), 43);
    let refused = [
        (Type::Token, "a token is issued by its service, unless the schema has a generate policy"),
        (Type::SshPrivateKey, "a key pair is made by ssh-keygen"),
        (Type::Pem, "keys and certificates are issued by their authority"),
        (Type::String, "the schema has no generate policy for it"),
        (Type::Host, "it says where something is"),
        (Type::Boolean, "it is a setting that somebody chooses"),
    ];
    for (kind, reason) in refused {
        assert_eq!(made(kind), Err(format!("a.b cannot be generated here: {reason}")));
    }
    let bounded = |fewest, most| Rules { min_length: fewest, max_length: most, ..Rules::default() };
    let length = |rules| make(&entry(Type::Password, None, rules), &mut Seeded(1)).unwrap().len();
    assert_eq!(length(bounded(Some(64), None)), 64);
    assert_eq!(length(bounded(None, Some(16))), 16);
}

#[test]
fn prefix_and_suffix_stand_around_the_random_part() {
    let policy = Policy { prefix: "sk_".to_owned(), suffix: "/".to_owned(), ..policy(Alphabet::Lower, 20) };
    let rules = Rules { starts_with: Some("sk_".to_owned()), ..Rules::default() };
    let made = make(&entry(Type::Token, Some(policy), rules), &mut Seeded(1)).unwrap();
    assert!(made.starts_with("sk_") && made.ends_with('/') && made.len() == 24);
}

#[test]
fn a_rule_that_the_policy_breaks_is_named() {
    let refused = |kind, rules| make(&entry(kind, Some(policy(Alphabet::Lower, 20)), rules), &mut Seeded(1));
    let conflict =
        |rule: &str| Err(format!("what the schema generates for a.b breaks its own rules: {rule}"));
    let rules = Rules { min_length: Some(21), ..Rules::default() };
    assert_eq!(refused(Type::Password, rules), conflict("too short: at least 21 characters"));
    let rules = Rules { max_length: Some(1), ..Rules::default() };
    assert_eq!(refused(Type::Password, rules), conflict("too long: at most 1 character"));
    let rules = Rules { starts_with: Some("sk_".to_owned()), ..Rules::default() };
    assert_eq!(refused(Type::Password, rules), conflict("does not start with sk_"));
    let rules = Rules { pattern: Some(".*[0-9].*".to_owned()), ..Rules::default() };
    assert_eq!(refused(Type::Password, rules), conflict("does not match the pattern .*[0-9].*"));
    assert_eq!(refused(Type::Port, Rules::default()), conflict("not a port: a whole number from 1 to 65535"));
}

#[test]
fn a_pattern_that_most_values_meet_is_met() {
    // About 7 in 10 000 values of this policy lack a digit, 4 in 5 lack a capital at the start.
    let rules = Rules { pattern: Some("[A-Z].*[0-9].*".to_owned()), ..Rules::default() };
    let entry = entry(Type::Password, Some(policy(Alphabet::Alphanumeric, 40)), rules);
    for seed in 0..50 {
        let made = make(&entry, &mut Seeded(seed)).unwrap();
        assert!(made.starts_with(|c: char| c.is_ascii_uppercase()));
    }
}

#[test]
fn entropy() {
    let bits = |alphabet, length| policy_entropy_bits(&policy(alphabet, length));
    assert_eq!(bits(Alphabet::Alphanumeric, 40), 238);
    assert_eq!(bits(Alphabet::Digits, 19), 63);
    assert_eq!(bits(Alphabet::Digits, 20), 66);
    assert_eq!(bits(Alphabet::Hex, 8), 64);
    assert_eq!(bits(Alphabet::Base64Url, 32), 256);
    assert_eq!(bits(Alphabet::Uuid, 0), 122);
    assert_eq!(bits(Alphabet::Lower, 0), 0);
    let custom = |text: &str, length| bits(Alphabet::Custom(text.to_owned()), length);
    assert_eq!(custom("01", 64), 64);
    assert_eq!(custom("0101010101", 64), 64);
    assert_eq!(custom("0123456789abcdef", 1000), 4000);
    assert_eq!(custom("a", 1000), 0);
    assert_eq!(custom("", 1000), 0);
}

#[test]
fn weak_and_endless_policies_are_refused() {
    let weak = |bits| Err(format!("a.b would have {bits} bits of entropy; at least 64 are needed"));
    assert_eq!(by(Alphabet::Digits, 6), weak(19));
    assert_eq!(by(Alphabet::Hex, 7), weak(56));
    assert_eq!(by(Alphabet::Custom(String::new()), 100), weak(0));
    assert_eq!(by(Alphabet::Custom("01".to_owned()), 63), weak(63));
    assert!(by(Alphabet::Custom("01".to_owned()), 64).is_ok());
    assert!(by(Alphabet::Lower, LONGEST_GENERATED).is_ok());
    let too_long = "a.b would be longer than the limit of 16384 characters or bytes";
    assert_eq!(by(Alphabet::Lower, LONGEST_GENERATED + 1), Err(too_long.to_owned()));
    assert_eq!(by(Alphabet::Hex, usize::MAX), Err(too_long.to_owned()));
}

#[test]
fn broken_randomness_ends() {
    let entry = entry(Type::Password, None, Rules::default());
    let failed = Err("the system gives no randomness".to_owned());
    assert_eq!(make(&entry, &mut Broken), failed);
    // All ones lie beyond the last whole multiple of 62 and are drawn again.
    assert_eq!(make(&entry, &mut Stuck(0xff)), failed);
}

#[test]
fn symbols_need_no_quotes_and_no_encoding() {
    let punctuation: Vec<_> = SYMBOLS.chars().filter(|c| !c.is_ascii_alphanumeric()).collect();
    assert!(punctuation.iter().all(|c| "!%*+,-./:?@[]^_{}".contains(*c)), "bare in every dialect");
    assert!(punctuation.iter().all(|c| "-._~!$&'()*+,;=".contains(*c)), "RFC 3986 unreserved or sub-delims");
    assert!(!punctuation.contains(&',') && !punctuation.contains(&'-'));
}

#[test]
#[expect(clippy::cast_precision_loss, reason = "counts are small")]
fn every_character_is_as_likely() {
    // Chi-square with n - 1 degrees of freedom: mean n - 1, variance 2 (n - 1); five deviations are one in a million.
    for alphabet in
        [Alphabet::Alphanumeric, Alphabet::Digits, Alphabet::Symbols, Alphabet::Custom("abc".to_owned())]
    {
        let mut counts = BTreeMap::new();
        for seed in 0..10 {
            let policy = policy(alphabet.clone(), 10_000);
            let made = make(&entry(Type::String, Some(policy), Rules::default()), &mut Seeded(seed)).unwrap();
            made.chars().for_each(|c| *counts.entry(c).or_insert(0u32) += 1);
        }
        let choices = characters(&alphabet).len();
        assert_eq!(counts.len(), choices);
        let expected = 100_000.0 / choices as f64;
        let chi_square: f64 =
            counts.values().map(|count| (f64::from(*count) - expected).powi(2) / expected).sum();
        let freedom = choices as f64 - 1.0;
        assert!((chi_square - freedom).abs() < 5.0 * (2.0 * freedom).sqrt(), "{alphabet:?}: {chi_square}");
    }
}

fn any_alphabet() -> impl Strategy<Value = Alphabet> {
    prop_oneof![
        Just(Alphabet::Alphanumeric),
        Just(Alphabet::Lower),
        Just(Alphabet::Digits),
        Just(Alphabet::Symbols),
        Just(Alphabet::Hex),
        Just(Alphabet::Base64Url),
        Just(Alphabet::Uuid),
        "[ -~]{0,40}".prop_map(Alphabet::Custom),
    ]
}

proptest! {
    #[test]
    fn what_is_generated_satisfies_its_entry(
        alphabet in any_alphabet(),
        length in 0usize..80,
        fewest in 0usize..60,
        prefix in "[a-z]{0,3}_?",
        seed: u64,
        kind in 0usize..20,
    ) {
        let policy = Policy { prefix: prefix.clone(), ..policy(alphabet, length) };
        let rules = Rules { min_length: Some(fewest), starts_with: Some(prefix), ..Rules::default() };
        let entry = entry(Type::NAMES[kind].1.clone(), Some(policy), rules);
        let name = SecretName::parse("a.b").unwrap();
        if let Ok(value) = generate(&name, &entry, &mut Seeded(seed)) {
            prop_assert!(check_value(&entry, &value).is_empty());
            // 64 bits and more: two seeds give two values.
            if let Ok(other) = generate(&name, &entry, &mut Seeded(!seed)) {
                prop_assert!(value != other);
            }
        }
    }
}
