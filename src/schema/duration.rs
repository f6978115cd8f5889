//! Lengths of time as schemas and values write them.

use std::time::Duration;

/// The units and their seconds, largest first.
const UNITS: [(u8, u64); 5] = [(b'w', 604_800), (b'd', 86_400), (b'h', 3_600), (b'm', 60), (b's', 1)];

/// Reads whole numbers with the units `w`, `d`, `h`, `m` and `s`, the largest first and each at most once: `90s`,
/// `15m`, `1h30m`, `90d`. No spaces, signs or leading zeros; `0s` is a length of time too.
pub fn parse_duration(text: &str) -> Option<Duration> {
    let mut rest = text.as_bytes();
    let mut units = UNITS.iter();
    let mut seconds: u64 = 0;
    while !rest.is_empty() {
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (number, tail) = rest.split_at(digits);
        let (unit, tail) = tail.split_first()?;
        // The iterator never goes back, so a unit that comes twice or out of order is not found.
        let (_, factor) = units.by_ref().find(|(name, _)| name == unit)?;
        seconds = seconds.checked_add(whole_number(number)?.checked_mul(*factor)?)?;
        rest = tail;
    }
    (!text.is_empty()).then_some(Duration::from_secs(seconds))
}

fn whole_number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || (digits.len() > 1 && digits[0] == b'0') {
        return None;
    }
    digits.iter().try_fold(0u64, |sum, digit| sum.checked_mul(10)?.checked_add(u64::from(digit - b'0')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_pairs_largest_first() {
        let cases = [
            ("0s", 0),
            ("90s", 90),
            ("15m", 900),
            ("24h", 86_400),
            ("90d", 7_776_000),
            ("2w", 1_209_600),
            ("1h30m", 5_400),
            ("1w1d1h1m1s", 694_861),
        ];
        for (text, seconds) in cases {
            assert_eq!(parse_duration(text), Some(Duration::from_secs(seconds)), "{text}");
        }
    }

    #[test]
    fn refuses_everything_else() {
        let cases = [
            "",
            "90",
            "s",
            "90 s",
            " 90s",
            "90s ",
            "-1s",
            "+1s",
            "1.5h",
            "007d",
            "30m1h",
            "1h1h",
            "1y",
            "1ms",
            "1H",
            "90s\n",
            "99999999999999999999s",
            "18446744073709551615w",
            "18446744073709551615s1s",
            "٣s",
        ];
        for text in cases {
            assert_eq!(parse_duration(text), None, "{text}");
        }
    }
}
