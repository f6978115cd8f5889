//! What can be told of a store's bytes without opening them.

/// How the first line of an armored age file reads.
const ARMOR: &[u8] = b"-----BEGIN AGE ENCRYPTED FILE-----";

/// How a binary age file begins.
const BINARY: &[u8] = b"age-encryption.org/v1";

/// How this program's documents begin.
const DOCUMENT: &[u8] = b"# A luca-secrets store:";

/// What bytes look like from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SealedForm {
    /// An age file.
    Age,
    /// Git's conflict markers stand at the beginning of a line.
    ConflictMarkers,
    /// A store's document in plain text.
    Plain,
    /// Something else.
    Other,
}

/// What the bytes look like.
pub fn sealed_form(bytes: &[u8]) -> SealedForm {
    let mut lines = bytes.split(|byte| *byte == b'\n');
    if bytes.starts_with(DOCUMENT) {
        SealedForm::Plain
    } else if bytes.starts_with(BINARY) {
        SealedForm::Age
    } else if lines.any(|line| line.starts_with(b"<<<<<<< ")) {
        SealedForm::ConflictMarkers
    } else if bytes.starts_with(ARMOR) {
        SealedForm::Age
    } else {
        SealedForm::Other
    }
}

/// Two sealed stores as git would leave them where nothing could merge them: nobody can mistake that for a store.
pub fn with_conflict_markers(ours: &[u8], theirs: &[u8]) -> Vec<u8> {
    let line_feed = |bytes: &[u8]| if bytes.ends_with(b"\n") { "" } else { "\n" };
    [
        b"<<<<<<< ours\n",
        ours,
        line_feed(ours).as_bytes(),
        b"=======\n",
        theirs,
        line_feed(theirs).as_bytes(),
        b">>>>>>> theirs\n",
    ]
    .concat()
}
