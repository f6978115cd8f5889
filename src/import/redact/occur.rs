//! Where a value stands in a text, in whatever spelling.

use crate::secret::SecretValue;

use super::needle::needles;

/// Fewest characters of a value that is no accident in other text.
const FEWEST: usize = 8;

/// The bytes of `text` at which the value, a long line of it or its base64 starts; none for values of fewer than eight
/// characters, which occur by chance.
pub fn occurrences(value: &SecretValue, text: &str) -> Vec<usize> {
    if value.expose().trim().chars().count() < FEWEST {
        return Vec::new();
    }
    let needles = needles(value.expose());
    let found = needles.iter().flat_map(|needle| needle.find(text));
    let mut starts: Vec<usize> = found.map(|range| range.start).collect();
    starts.sort_unstable();
    starts.dedup();
    starts
}
