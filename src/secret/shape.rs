//! What may be said of a value without showing it.

use super::value::SecretValue;

/// The value's length and make, such as `40 characters` or `27 lines, 1679 characters`.
pub fn shape(value: &SecretValue) -> String {
    let text = value.expose();
    let characters = text.chars().count();
    let (noun, lines) = (if characters == 1 { "character" } else { "characters" }, text.lines().count());
    if text.is_empty() {
        "empty".to_owned()
    } else if lines > 1 {
        format!("{lines} lines, {characters} {noun}")
    } else if text.bytes().all(|byte| byte.is_ascii_digit()) {
        format!("{characters} {}", if characters == 1 { "digit" } else { "digits" })
    } else {
        format!("{characters} {noun}")
    }
}
