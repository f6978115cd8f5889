//! IAM's answers: a little XML, of which a few words are wanted.

use jiff::Timestamp;

/// A key as IAM lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Listed {
    pub(super) id: String,
    pub(super) is_active: bool,
}

/// The keys of an answer to `ListAccessKeys`; `None` if it is none.
pub(super) fn listed(xml: &str) -> Option<Vec<Listed>> {
    let list = first(xml, "AccessKeyMetadata")?;
    all(list, "member")
        .map(|member| {
            let id = word(member, "AccessKeyId")?;
            Some(Listed { id, is_active: word(member, "Status")? == "Active" })
        })
        .collect()
}

/// The id and the secret half of an answer to `CreateAccessKey`.
pub(super) fn created(xml: &str) -> Option<(String, String)> {
    let key = first(xml, "AccessKey")?;
    Some((word(key, "AccessKeyId")?, word(key, "SecretAccessKey")?))
}

/// When a key was used last.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Used {
    Never,
    At(Timestamp),
}

/// What an answer to `GetAccessKeyLastUsed` says; `None` if it is none.
pub(super) fn last_used(xml: &str) -> Option<Used> {
    let used = first(xml, "AccessKeyLastUsed")?;
    match first(used, "LastUsedDate") {
        None => Some(Used::Never),
        Some(date) => date.trim().parse().ok().map(Used::At),
    }
}

/// The code of an error.
pub(super) fn code(xml: &str) -> Option<String> {
    word(first(xml, "Error")?, "Code").filter(|code| code.bytes().all(|byte| byte.is_ascii_alphanumeric()))
}

/// Whether a code says that there were too many requests.
pub(super) fn is_throttle(code: &str) -> bool {
    ["Throttling", "ThrottlingException", "RequestLimitExceeded", "SlowDown", "TooManyRequestsException"]
        .contains(&code)
}

/// Whether an error says that the request was signed at another time than the service's present. Amazon has a code of its
/// own for that, and says it as often by the message of `SignatureDoesNotMatch`.
pub(super) fn is_skewed(xml: &str) -> bool {
    let Some(error) = first(xml, "Error") else { return false };
    let message = first(error, "Message").unwrap_or_default();
    matches!(code(xml).as_deref(), Some("RequestExpired" | "RequestTimeTooSkewed" | "RequestInTheFuture"))
        || ["Signature expired: ", "Signature not yet current: "].iter().any(|text| message.starts_with(text))
}

/// What stands in the first element of that name.
fn first<'x>(xml: &'x str, name: &str) -> Option<&'x str> {
    all(xml, name).next()
}

fn all<'x>(xml: &'x str, name: &str) -> impl Iterator<Item = &'x str> {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    let mut rest = xml;
    std::iter::from_fn(move || {
        let start = rest.find(&open)? + open.len();
        let end = start + rest.get(start..)?.find(&close)?;
        let found = rest.get(start..end);
        rest = rest.get(end + close.len()..)?;
        found
    })
}

/// A word of letters, digits and the signs that keys have.
fn word(xml: &str, name: &str) -> Option<String> {
    let text = first(xml, name)?.trim();
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"+/=_-.".contains(&byte);
    (!text.is_empty() && text.bytes().all(is_plain)).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wanted_words_are_found() {
        let xml = "<ListAccessKeysResponse xmlns=\"x\"><ListAccessKeysResult><AccessKeyMetadata>\n<member><UserName>a</UserName>\
            <AccessKeyId>AKIA1</AccessKeyId><Status>Active</Status></member><member><AccessKeyId>AKIA2</AccessKeyId>\
            <Status>Inactive</Status></member></AccessKeyMetadata></ListAccessKeysResult></ListAccessKeysResponse>";
        let key = |id: &str, is_active| Listed { id: id.to_owned(), is_active };
        assert_eq!(listed(xml), Some(vec![key("AKIA1", true), key("AKIA2", false)]));
        assert_eq!(listed("<AccessKeyMetadata></AccessKeyMetadata>"), Some(Vec::new()));
        assert_eq!(listed("<AccessKeyMetadata><member></member></AccessKeyMetadata>"), None);
        assert_eq!(listed("<html>"), None);
        let xml =
            "<AccessKey><AccessKeyId>A</AccessKeyId><SecretAccessKey>b/+=</SecretAccessKey></AccessKey>";
        assert_eq!(created(xml), Some(("A".to_owned(), "b/+=".to_owned())));
        assert_eq!(created("<AccessKey><AccessKeyId>A</AccessKeyId></AccessKey>"), None);
        let xml = "<AccessKeyLastUsed><LastUsedDate>2026-11-23T12:00:00Z</LastUsedDate></AccessKeyLastUsed>";
        assert_eq!(last_used(xml), Some(Used::At("2026-11-23T12:00:00Z".parse().unwrap())));
        assert_eq!(
            last_used("<AccessKeyLastUsed><Region>N/A</Region></AccessKeyLastUsed>"),
            Some(Used::Never)
        );
        assert_eq!(code("<Error><Code>LimitExceeded</Code></Error>").as_deref(), Some("LimitExceeded"));
        assert_eq!(code("<Error><Code>a b</Code></Error>"), None);
    }

    #[test]
    fn a_wrong_clock_is_told_from_a_wrong_key() {
        let refused = |code: &str, message: &str| {
            is_skewed(&format!("<Error><Code>{code}</Code><Message>{message}</Message></Error>"))
        };
        let late = "Signature expired: 20260101T000000Z is now earlier than 20260101T001000Z";
        assert!(refused("SignatureDoesNotMatch", late));
        assert!(refused(
            "SignatureDoesNotMatch",
            "Signature not yet current: 20260101T002000Z is still later"
        ));
        assert!(refused("RequestExpired", ""));
        assert!(!refused("SignatureDoesNotMatch", "The request signature we calculated does not match"));
        assert!(!is_skewed("<html>RequestExpired</html>"));
        assert!(is_throttle("Throttling") && !is_throttle("AccessDenied"));
    }
}
