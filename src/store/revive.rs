//! An earlier store, put in the place of one that is gone, without going back in time.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::secret::SecretText;

use super::conflict;
use super::document::Document;
use super::edit::Author;
use super::envelope;
use super::error::StoreError;
use super::exposed;
use super::identity::Keys;
use super::parts::Header;
use super::pushes;
use super::readers::prove;
use super::rotations;

/// Seals all that a document holds as a new generation, for the readers that it lists. Whoever has seen the generation
/// before takes it for what it is: something newer. `path` is for messages.
pub fn revive(
    path: &Path,
    document: &Document,
    generation: u64,
    author: &Author,
    keys: &Keys,
) -> Result<(Vec<u8>, Document), StoreError> {
    let header =
        Header { id: document.id().to_owned(), generation, written: author.now, by: author.name.clone() };
    let versions = document
        .names()
        .filter_map(|name| Some((name.as_str(), Cow::Borrowed(document.version_line(name)?))));
    let own = [
        conflict::spell(document.conflicts.iter()),
        document.next_history(&BTreeMap::new(), &BTreeSet::new(), usize::MAX),
        exposed::spell(&document.exposures),
        pushes::spell(&document.pushes),
        rotations::spell(&document.rotations),
    ];
    let own = own.iter().map(SecretText::expose).filter(|table| !table.is_empty());
    let secrets = document.secrets_text();
    let text = Document::compose(
        &header,
        document.recipients(),
        secrets.expose(),
        versions,
        document.foreign().chain(own),
    );
    // What cannot be read back must not take the place of anything.
    let next = Document::parse(text).map_err(StoreError::Text)?;
    let readers: Vec<&str> = next.recipients().iter().map(|reader| reader.key.as_str()).collect();
    let sealed = envelope::seal(next.text(), &readers, keys)
        .map_err(|error| StoreError::Envelope(path.to_owned(), error))?;
    prove(path, &sealed, &next, keys)?;
    Ok((sealed, next))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Identity, Prompt};

    #[test]
    fn nothing_is_lost_but_the_number() {
        let key = Identity::generate();
        let nobody = Prompt::nobody();
        let identities = Identity::parse_all(key.secret.expose().as_bytes(), "", &nobody).unwrap();
        let keys = Keys::new(identities, &nobody);
        let since = "2026-11-23T12:00:00Z";
        let text = format!(
            "[store]\nformat = 1\nid = \"0123\"\ngeneration = 7\nwritten = {since}\nby = \"ada@host\"\n\n\
             [[recipients]]\nname = \"ada\"\nkey = \"{}\"\nsince = {since}\nnote = \"at home\"\n\n\
             [secrets]\n# ours\n[secrets.a]\nb = \"1\" # one\nc = '2'\n\n\
             [versions]\n\"a.b\" = {{ since = {since}, origin = \"edit\" }}\n\n\
             [conflicts]\n\"a.c\".theirs = \"3\"\n\n\
             [history]\n\"a.b\" = [{{ since = {since}, until = {since}, origin = \"edit\", value = \"0\" }}]\n\n\
             [exposed]\n\"a.b\" = {{ since = {since}, to = \"anna (age1…)\", reason = \"stored\" }}\n\n\
             [later.part]\nx = 1\n",
            key.recipient
        );
        let document = Document::parse(SecretText::new(text)).unwrap();
        let author = Author { now: "2026-12-01T00:00:00Z".parse().unwrap(), name: "bob@host".to_owned() };
        let (sealed, next) = revive(Path::new("secrets.enc"), &document, 12, &author, &keys).ok().unwrap();
        let again = crate::store::open(Path::new("secrets.enc"), &sealed, &keys).ok().unwrap();
        assert_eq!(again.text().expose(), next.text().expose());
        assert_eq!((next.generation(), next.by(), next.written()), (12, "bob@host", author.now));
        assert_eq!((next.id(), next.recipients()), (document.id(), document.recipients()));
        let lines = |document: &Document| {
            let text = document.text().expose();
            let mut lines: Vec<String> =
                text.lines().skip_while(|line| *line != "[[recipients]]").map(str::to_owned).collect();
            lines.retain(|line| !line.is_empty());
            lines.sort();
            lines
        };
        assert_eq!(lines(&next), lines(&document));
    }
}
