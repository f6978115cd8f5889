//! The statements that change roles. None of them holds a password.

use postgres_protocol::escape::{escape_identifier, escape_literal};

use crate::secret::{SecretText, SecretValue};

/// How long a statement waits for a lock: behind one that waits, everybody else waits too.
const LOCK_TIMEOUT: &str = "5s";

/// An identifier in quotes.
pub(super) fn name(text: &str) -> String {
    escape_identifier(text)
}

/// A literal in quotes.
pub(super) fn literal(text: &str) -> String {
    // A leading blank comes with `E'…'`.
    escape_literal(text).trim_start().to_owned()
}

/// Literals with commas between them.
pub(super) fn literals(texts: &[&str]) -> String {
    texts.iter().map(|text| literal(text)).collect::<Vec<_>>().join(", ")
}

/// Statements as one transaction that is on the disk when its end is confirmed. Half of it, as when a connection breaks off,
/// is nothing.
pub(super) fn transaction(statements: &SecretText) -> SecretText {
    let mut text = SecretText::with_capacity(statements.len() + 256);
    text.push_str("BEGIN;\n");
    text.push_str("SET LOCAL lock_timeout = '");
    text.push_str(LOCK_TIMEOUT);
    text.push_str("';\nSELECT set_config('synchronous_commit', 'on', true) WHERE current_setting('synchronous_commit') = 'off';\n");
    text.push_str(statements.expose());
    text.push_str("\nCOMMIT;\n");
    text
}

/// Lets a role log in with the password that this is the verifier of.
pub(super) fn let_in(role: &str, verifier: &SecretValue) -> SecretText {
    with_verifier(role, "LOGIN PASSWORD", verifier)
}

/// Gives a role the password that this is the verifier of.
pub(super) fn set_password(role: &str, verifier: &SecretValue) -> SecretText {
    with_verifier(role, "PASSWORD", verifier)
}

/// Lets a role log in no more, and leaves nothing of its password. Its sessions go on.
pub(super) fn keep_out(role: &str) -> SecretText {
    SecretText::new(format!("ALTER ROLE {} NOLOGIN PASSWORD NULL;", name(role)))
}

fn with_verifier(role: &str, what: &str, verifier: &SecretValue) -> SecretText {
    let mut text = SecretText::with_capacity(512);
    for part in ["ALTER ROLE ", &name(role), " ", what, " "] {
        text.push_str(part);
    }
    // It is made of characters that need no quoting: `is_verifier` has looked.
    text.push_str("'");
    text.push_str(verifier.expose());
    text.push_str("';");
    text
}

/// The SCRAM verifier of a password, as `\password` of psql makes it: salted, so different each time.
pub(super) fn verifier(password: &SecretValue) -> SecretValue {
    SecretValue::new(postgres_protocol::password::scram_sha_256(password.expose().as_bytes()))
}

/// Whether a text is a verifier that PostgreSQL takes for one. Anything else it would take for a password in plain text,
/// without a word (`get_password_type` and `parse_scram_secret` in its sources).
pub(super) fn is_verifier(text: &SecretValue) -> bool {
    let Some(rest) = text.expose().strip_prefix("SCRAM-SHA-256$") else { return false };
    let Some((head, keys)) = rest.split_once('$') else { return false };
    let (Some((iterations, salt)), Some((stored, server))) = (head.split_once(':'), keys.split_once(':'))
    else {
        return false;
    };
    let is_key = |text: &str| decoded_length(text) == Some(32);
    iterations.parse::<u32>().is_ok_and(|count| count > 0)
        && decoded_length(salt).is_some_and(|length| length > 0)
        && is_key(stored)
        && is_key(server)
}

/// Whether a text is what a role's password can be set to without being a password in plain text.
pub(super) fn is_stored_form(text: &SecretValue) -> bool {
    let md5 = text.expose().strip_prefix("md5");
    is_verifier(text) || md5.is_some_and(|hex| hex.len() == 32 && hex.bytes().all(|b| b.is_ascii_hexdigit()))
}

/// The number of bytes that a text in base64 stands for.
fn decoded_length(text: &str) -> Option<usize> {
    let digits = text.trim_end_matches('=');
    let is_digit = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    (text.len().is_multiple_of(4) && text.len() - digits.len() <= 2 && digits.bytes().all(is_digit))
        .then_some(digits.len() * 3 / 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str) -> SecretValue {
        SecretValue::new(text.to_owned())
    }

    #[test]
    fn only_whole_verifiers_count() {
        let good = verifier(&value("correct horse"));
        assert!(is_verifier(&good) && is_stored_form(&good));
        assert!(!verifier(&value("correct horse")).expose().is_empty());
        let text = good.expose();
        let cut = &text[..text.len() - 1];
        for bad in ["", "SCRAM-SHA-256$4096:abc", cut, "md5", "correct horse", &text.replace("4096", "0")] {
            assert!(!is_verifier(&value(bad)) && !is_stored_form(&value(bad)), "{bad}");
        }
        assert!(is_stored_form(&value("md50123456789abcdef0123456789abcdef")));
        let short = text.replace(&text[text.len() - 44..], "QUJD");
        assert!(!is_verifier(&value(&short)));
    }

    #[test]
    fn names_and_literals_cannot_leave_their_quotes() {
        assert_eq!(name("a\"b"), "\"a\"\"b\"");
        assert_eq!(literal("a'b"), "'a''b'");
        assert_eq!(literal("a\\'b"), "E'a\\\\''b'");
    }
}
