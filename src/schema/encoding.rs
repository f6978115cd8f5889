//! Values that are bytes or data in text: base64, hex, UUID, JSON.

use base64::Engine;
use base64::alphabet::{self, Alphabet};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use zeroize::Zeroizing;

/// Decodes base64 of one alphabet. Fails on wrong padding, line breaks and bits that no encoder leaves behind.
fn decode(text: &str, alphabet: &Alphabet, padding: DecodePaddingMode) -> Option<Zeroizing<Vec<u8>>> {
    let config = GeneralPurposeConfig::new().with_decode_padding_mode(padding);
    let engine = GeneralPurpose::new(alphabet, config);
    // At full size from the start: a buffer that grows leaves its old copy behind in memory.
    let mut buffer = Zeroizing::new(vec![0; base64::decoded_len_estimate(text.len())]);
    let length = engine.decode_slice(text, &mut buffer).ok()?;
    buffer.truncate(length);
    Some(buffer)
}

/// The bytes of padded base64 with the standard alphabet, as in PEM files and SSH keys.
pub(super) fn decode_standard(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    decode(text, &alphabet::STANDARD, DecodePaddingMode::RequireCanonical)
}

/// Base64 with the standard or the URL alphabet but not both, padded or not.
pub(super) fn is_base64(text: &str) -> bool {
    // "Indifferent" would take one sign of padding where two belong.
    let padding = if text.ends_with('=') {
        DecodePaddingMode::RequireCanonical
    } else {
        DecodePaddingMode::RequireNone
    };
    let reads_with = |alphabet| decode(text, alphabet, padding).is_some();
    !text.is_empty() && (reads_with(&alphabet::STANDARD) || reads_with(&alphabet::URL_SAFE))
}

/// Whole bytes in hex, in either case.
pub(super) fn is_hex(text: &str) -> bool {
    !text.is_empty() && text.len().is_multiple_of(2) && text.bytes().all(|b| b.is_ascii_hexdigit())
}

/// The 8-4-4-4-12 form, any version.
pub(super) fn is_uuid(text: &str) -> bool {
    let is_part = |part: &str, length| part.len() == length && part.bytes().all(|b| b.is_ascii_hexdigit());
    let mut parts = text.split('-');
    [8, 4, 4, 4, 12].into_iter().all(|length| parts.next().is_some_and(|part| is_part(part, length)))
        && parts.next().is_none()
}

/// One JSON document. Read without building it, so that no copy is left in memory.
pub(super) fn is_json(text: &str) -> bool {
    serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok()
}
