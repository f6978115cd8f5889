//! Two sealed stores that grew from one, made one: for git's merges, where nobody can be asked while they run.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::name::SecretName;
use crate::secret::{SecretText, SecretValue};

use super::compare::readers;
use super::conflict::{Conflicts, spell};
use super::document::Document;
use super::due;
use super::edit::{Author, Change};
use super::envelope;
use super::error::StoreError;
use super::exposed;
use super::history;
use super::identity::Keys;
use super::parts::{Header, Recipient};
use super::pin::StorePrint;
use super::pushes;
use super::rotations;
use super::splice::{Changes, apply, differences};
use super::state::{Unlocked, open};

/// The three sealed stores of a merge.
pub struct Sides<'a> {
    /// What both grew from, if there is such a thing.
    pub base: Option<&'a [u8]>,
    /// The side that the merge happens on.
    pub ours: &'a [u8],
    /// The side that comes in.
    pub theirs: &'a [u8],
}

/// What came of a merge.
pub struct Joined {
    /// The new store.
    pub sealed: Vec<u8>,
    /// Which store it is.
    pub print: StorePrint,
    /// Its generation.
    pub generation: u64,
    /// The secrets that both sides changed, each in its own way: ours stands, theirs is kept beside it.
    pub conflicts: Vec<SecretName>,
    /// The readers who came and went, seen from our side.
    pub readers: Vec<(Recipient, Change)>,
    /// Tables unknown to this program that both sides changed: ours were kept.
    pub kept_ours: Vec<String>,
    /// The secrets of which each side has begun a rotation: both are kept, and held.
    pub rotated_twice: Vec<SecretName>,
    /// Whether there is a base that cannot be opened: then every difference is a conflict, and nothing counts as removed.
    pub base_unreadable: bool,
}

/// A secret on one side.
#[derive(PartialEq)]
struct State<'a> {
    value: Option<SecretValue>,
    conflict: Option<&'a Option<SecretValue>>,
}

/// What becomes of the secrets.
struct Outcome {
    /// What turns our secrets into the merged ones: all of it theirs.
    taken: Changes,
    conflicts: Conflicts,
}

impl Unlocked {
    /// Merges two versions of the store by secret; `keep` is how many earlier values of a secret stay.
    pub fn join(&self, sides: &Sides<'_>, author: &Author, keep: usize) -> Result<Joined, StoreError> {
        join(&self.path, sides, &self.keys, author, keep)
    }
}

/// Merges by secret. `path` is for messages; `keep` is how many earlier values of a secret stay.
pub fn join(
    path: &Path,
    sides: &Sides<'_>,
    keys: &Keys,
    author: &Author,
    keep: usize,
) -> Result<Joined, StoreError> {
    let ours = open(&labelled(path, "ours"), sides.ours, keys)?;
    let theirs = open(&labelled(path, "theirs"), sides.theirs, keys)?;
    if ours.id() != theirs.id() {
        return Err(StoreError::Unrelated(path.to_owned()));
    }
    let base = sides.base.map(|base| open(&labelled(path, "base"), base, keys));
    let base_unreadable = matches!(base, Some(Err(_)));
    let base = base.and_then(Result::ok).filter(|base| base.id() == ours.id());
    let base_recipients = base.as_ref().map_or(Vec::new(), |base| base.recipients().to_vec());
    let base = base.map_or_else(|| nothing(&ours), Ok)?;
    let outcome = outcome(&base, &ours, &theirs)?;
    let recipients = recipients(&base_recipients, ours.recipients(), theirs.recipients());
    let (foreign, kept_ours) = foreign(&base, &ours, &theirs);
    let header = Header {
        id: ours.id().to_owned(),
        generation: ours.generation().max(theirs.generation()) + 1,
        written: author.now,
        by: author.name.clone(),
    };
    let region = region(&base, &ours, &theirs, &outcome.taken)?;
    let conflicts = spell(outcome.conflicts.iter());
    let history = history::joined(&base, &ours, &theirs, keep);
    let pushes = pushes::spell(&pushes::join(&base, &ours, &theirs));
    let all_rotations = rotations::join(&base, &ours, &theirs);
    let rotations = rotations::spell(&all_rotations);
    let exposures =
        exposed::spell(&exposures(&base, &base_recipients, &ours, &theirs, &outcome.taken, author));
    let dues = due::spell(&due::join(&base.dues, &ours.dues, &theirs.dues));
    let own = [&conflicts, &history, &exposures, &dues, &pushes, &rotations];
    let own = own.into_iter().filter(|table| !table.is_empty());
    let tables = foreign.iter().chain(own);
    let versions = versions(&ours, &theirs, &outcome.taken);
    let text = Document::compose(
        &header,
        &recipients,
        region.expose(),
        versions.into_iter(),
        tables.map(SecretText::expose),
    );
    // What cannot be read back must not replace what can.
    let next = Document::parse(text).map_err(StoreError::Text)?;
    let readable_by: Vec<&str> = recipients.iter().map(|recipient| recipient.key.as_str()).collect();
    let sealed = envelope::seal(next.text(), &readable_by, keys)
        .map_err(|error| StoreError::Envelope(path.to_owned(), error))?;
    Ok(Joined {
        sealed,
        print: ours.print(),
        generation: header.generation,
        conflicts: outcome.conflicts.into_keys().collect(),
        readers: readers(ours.recipients(), &recipients),
        kept_ours,
        rotated_twice: rotations::twice(&all_rotations),
        base_unreadable,
    })
}

fn labelled(path: &Path, side: &str) -> PathBuf {
    PathBuf::from(format!("{} ({side})", path.display()))
}

/// A document of the same store without secrets: what two stores grew from that have no common ancestor.
fn nothing(like: &Document) -> Result<Document, StoreError> {
    let text = Document::compose(&like.header, like.recipients(), "", std::iter::empty(), std::iter::empty());
    Document::parse(text).map_err(StoreError::Text)
}

fn outcome(base: &Document, ours: &Document, theirs: &Document) -> Result<Outcome, StoreError> {
    let (mine, yours) = (differences(base, ours), differences(base, theirs));
    let documents = [base, ours, theirs];
    let in_conflict = documents.iter().flat_map(|document| document.conflicts.keys());
    let touched: BTreeSet<&SecretName> = mine.keys().chain(yours.keys()).chain(in_conflict).collect();
    let mut outcome = Outcome { taken: Changes::new(), conflicts: Conflicts::new() };
    let mut unsettled = Vec::new();
    for name in touched {
        let [before, our, their] = documents
            .map(|document| State { value: document.get(name), conflict: document.conflicts.get(name) });
        let conflict = if our == their || their == before {
            our.conflict.cloned()
        } else if our == before {
            let conflict = their.conflict.cloned();
            outcome.taken.insert(name.clone(), their.value);
            conflict
        } else if our.conflict.is_some() || their.conflict.is_some() {
            // Three values do not fit in two places.
            unsettled.push(name.clone());
            None
        } else {
            Some(their.value)
        };
        if let Some(conflict) = conflict {
            outcome.conflicts.insert(name.clone(), conflict);
        }
    }
    if unsettled.is_empty() { Ok(outcome) } else { Err(StoreError::Unsettled(unsettled)) }
}

/// The secrets' text: ours with their changes, or theirs as it is where we changed nothing, comments included.
fn region(
    base: &Document,
    ours: &Document,
    theirs: &Document,
    taken: &Changes,
) -> Result<SecretText, StoreError> {
    let text = ours.secrets_text();
    if text.expose() == base.secrets_text().expose() {
        return Ok(theirs.secrets_text());
    }
    apply(text.expose(), taken).map(|text| text.tidied()).map_err(StoreError::Text)
}

/// The version of each merged secret, from the side whose value it has.
fn versions<'a>(
    ours: &'a Document,
    theirs: &'a Document,
    taken: &'a Changes,
) -> Vec<(&'a str, Cow<'a, str>)> {
    let kept = ours.names().filter(|name| !taken.contains_key(*name)).map(|name| (ours, name));
    let new = taken.iter().filter(|(_, value)| value.is_some()).map(|(name, _)| (theirs, name));
    let lines = kept.chain(new);
    lines
        .filter_map(|(document, name)| Some((name.as_str(), Cow::Borrowed(document.version_line(name)?))))
        .collect()
}

/// Whoever was added on one side is a reader; whoever was removed on one side is none.
pub(super) fn recipients(base: &[Recipient], ours: &[Recipient], theirs: &[Recipient]) -> Vec<Recipient> {
    let find = |all: &[Recipient], key: &str| all.iter().find(|one| one.key == key).cloned();
    let mut joined = Vec::new();
    for our in ours {
        match (find(base, &our.key), find(theirs, &our.key)) {
            // They renamed the reader.
            (Some(before), Some(their)) if before == *our => joined.push(their),
            (None, _) | (_, Some(_)) => joined.push(our.clone()),
            (Some(_), None) => {}
        }
    }
    let is_new = |one: &&Recipient| find(base, &one.key).is_none() && find(ours, &one.key).is_none();
    joined.extend(theirs.iter().filter(is_new).cloned());
    joined
}

/// What is exposed after the merge. Who was removed on one side could still read what the other side sealed since.
fn exposures(
    base: &Document,
    readers: &[Recipient],
    ours: &Document,
    theirs: &Document,
    taken: &Changes,
    author: &Author,
) -> exposed::Exposures {
    let mut joined = exposed::join(&base.exposures, &ours.exposures, &theirs.exposures);
    for (kept, removed) in [(ours, theirs), (theirs, ours)] {
        let former =
            readers.iter().filter(|one| !removed.recipients().iter().any(|reader| reader.key == one.key));
        for reader in former.filter(|one| kept.recipients().iter().any(|reader| reader.key == one.key)) {
            let changed = differences(base, kept);
            for (name, _) in changed.into_iter().filter(|(_, value)| value.is_some()) {
                exposed::mark(&mut joined, name, exposed::Exposure::merged(reader, author.now));
            }
        }
    }
    // The mark of one side may have ended where the value is the other side's.
    for (name, exposure) in joined.iter_mut().filter(|(_, exposure)| exposure.ended.is_some()) {
        let value = taken.get(name).cloned().unwrap_or_else(|| ours.get(name));
        let is_known = |value| [ours, theirs].iter().any(|side| side.was_readable(name, value, exposure));
        if value.as_ref().is_some_and(is_known) {
            exposure.ended = None;
        }
    }
    joined
}

/// Tables that this program does not know, each taken whole from the side that changed it; and those that both changed.
fn foreign(base: &Document, ours: &Document, theirs: &Document) -> (Vec<SecretText>, Vec<String>) {
    let [base, ours, theirs] = [base, ours, theirs].map(sections);
    let mut joined = Vec::new();
    let mut kept_ours = Vec::new();
    let names: BTreeSet<&String> = ours.keys().chain(theirs.keys()).collect();
    for name in names {
        let spelled = |side: &BTreeMap<String, SecretText>| side.get(name).cloned();
        let (before, our, their) = (spelled(&base), spelled(&ours), spelled(&theirs));
        let same = |a: &Option<SecretText>, b: &Option<SecretText>| {
            a.as_ref().map(SecretText::expose) == b.as_ref().map(SecretText::expose)
        };
        if !same(&our, &before) && !same(&their, &before) && !same(&our, &their) {
            kept_ours.push(name.clone());
        }
        joined.extend(if same(&our, &before) { their } else { our });
    }
    (joined, kept_ours)
}

fn sections(document: &Document) -> BTreeMap<String, SecretText> {
    let mut sections: BTreeMap<String, SecretText> = BTreeMap::new();
    for table in document.foreign() {
        let header = table.trim_start().trim_start_matches('[');
        let name = header.split(['.', ']']).next().unwrap_or_default().trim().to_owned();
        let text = sections.entry(name).or_default();
        text.push_str(table.trim_end_matches('\n'));
        text.push('\n');
    }
    sections
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Identity, NewKey, Prompt};

    const PATH: &str = "secrets.enc";

    fn author() -> Author {
        Author { now: "2026-11-23T12:00:00Z".parse().unwrap(), name: "tester@host".to_owned() }
    }

    fn reader(identity: &NewKey) -> Recipient {
        Recipient::new("somebody".to_owned(), identity.recipient.clone(), author().now)
    }

    /// A sealed store of generation 7.
    fn sealed(readers: &[&NewKey], secrets: &str, tables: &[&str]) -> Vec<u8> {
        let header =
            Header { id: "0123".to_owned(), generation: 7, written: author().now, by: String::new() };
        let recipients: Vec<Recipient> = readers.iter().map(|identity| reader(identity)).collect();
        let text =
            Document::compose(&header, &recipients, secrets, std::iter::empty(), tables.iter().copied());
        let keys: Vec<&str> = recipients.iter().map(|reader| reader.key.as_str()).collect();
        envelope::seal(&text, &keys, &Keys::new(Vec::new(), &Prompt::nobody())).unwrap()
    }

    fn joined(
        base: Option<&[u8]>,
        ours: &[u8],
        theirs: &[u8],
        identity: &NewKey,
    ) -> Result<(Joined, Document), StoreError> {
        let nobody = Prompt::nobody();
        let identities = Identity::parse_all(identity.secret.expose().as_bytes(), "", &nobody).unwrap();
        let keys = Keys::new(identities, &nobody);
        let joined = join(Path::new(PATH), &Sides { base, ours, theirs }, &keys, &author(), 10)?;
        let document = open(Path::new(PATH), &joined.sealed, &keys)?;
        Ok((joined, document))
    }

    fn text(document: &Document) -> String {
        document.secrets_text().expose().to_owned()
    }

    #[test]
    fn readers_come_and_go_as_each_side_decided() {
        let [me, added, removed, stays] = [(); 4].map(|()| Identity::generate());
        let base = sealed(&[&me, &removed, &stays], "", &[]);
        let ours = sealed(&[&me, &stays], "", &[]);
        let theirs = sealed(&[&me, &removed, &stays, &added], "", &[]);
        for (ours, theirs, change) in [(&ours, &theirs, Change::Added), (&theirs, &ours, Change::Removed)] {
            let (joined, document) = joined(Some(&base), ours, theirs, &me).ok().unwrap();
            let keys: BTreeSet<&str> =
                document.recipients().iter().map(|reader| reader.key.as_str()).collect();
            let expected = [&me, &stays, &added].map(|key| &key.recipient);
            assert_eq!(keys, expected.iter().map(|key| key.as_str()).collect());
            assert_eq!(joined.readers.iter().map(|(_, change)| *change).collect::<Vec<_>>(), [change]);
            assert_eq!(document.generation(), 8);
        }
    }

    #[test]
    fn unknown_tables_come_from_the_side_that_changed_them() {
        let me = Identity::generate();
        let base = sealed(&[&me], "", &["[pushes]\na = 1\n", "[later.one]\nx = 1\n"]);
        let ours = sealed(&[&me], "", &["[pushes]\na = 1\n", "[later.one]\nx = 2\n"]);
        let theirs = sealed(&[&me], "", &["[pushes]\na = 2\n", "[later.one]\nx = 3\n"]);
        let (joined, document) = joined(Some(&base), &ours, &theirs, &me).ok().unwrap();
        let tables: String = document.foreign().collect();
        assert!(tables.contains("[pushes]\na = 2") && tables.contains("[later.one]\nx = 2"), "{tables}");
        assert_eq!(joined.kept_ours, ["later"]);
    }

    #[test]
    fn without_a_common_ancestor_every_difference_is_a_conflict() {
        let (me, other) = (Identity::generate(), Identity::generate());
        let ours = sealed(&[&me], "[secrets.a]\nb = \"1\"\nc = \"1\"\nd = \"1\"\n", &[]);
        let theirs = sealed(&[&me], "[secrets.a]\nb = \"1\"\nc = \"2\"\ne = \"2\"\n", &[]);
        let unreadable = sealed(&[&other], "", &[]);
        for base in [None, Some(unreadable.as_slice())] {
            let (joined, document) = joined(base, &ours, &theirs, &me).ok().unwrap();
            assert_eq!(joined.base_unreadable, base.is_some());
            assert_eq!(joined.conflicts.iter().map(SecretName::as_str).collect::<Vec<_>>(), ["a.c"]);
            assert_eq!(text(&document), "[secrets.a]\nb = \"1\"\nc = \"1\"\nd = \"1\"\ne = \"2\"\n");
        }
    }

    #[test]
    fn a_third_value_beside_a_conflict_is_refused() {
        let me = Identity::generate();
        let base = sealed(&[&me], "[secrets.a]\nb = \"1\"\n", &[]);
        let conflict = "[conflicts]\n\"a.b\".theirs = \"3\"\n";
        let ours = sealed(&[&me], "[secrets.a]\nb = \"2\"\n", &[conflict]);
        let theirs = sealed(&[&me], "[secrets.a]\nb = \"4\"\n", &[]);
        let outcome = joined(Some(&base), &ours, &theirs, &me);
        assert!(matches!(outcome, Err(StoreError::Unsettled(names)) if names.len() == 1));
        // An untouched other side leaves the conflict as it is.
        let (joined, document) = joined(Some(&base), &ours, &base, &me).ok().unwrap();
        assert_eq!(joined.conflicts.len(), 1);
        assert!(document.conflicts().all(|(_, theirs)| theirs.is_some_and(|value| value.expose() == "3")));
    }

    #[test]
    fn conflicts_are_read_strictly() {
        let me = Identity::generate();
        let sides = |table: &str| {
            let sealed = sealed(&[&me], "", &[table]);
            joined(None, &sealed, &sealed, &me)
        };
        let spelled = "[conflicts]\n\"a.b\".theirs = 'x'\n\"a.c\".removed = true\n";
        assert_eq!(sides(spelled).ok().unwrap().1.conflicts().count(), 2);
        for wrong in [
            "[conflicts]\n\"a.b\".theirs = \"x\"\n\"a.b\".removed = true\n",
            "[conflicts]\n\"a.b\".theirs = [\"x\"]\n",
            "[conflicts]\n\"a.b\" = \"x\"\n",
            "[conflicts]\n\"a.b\".ours = \"x\"\n",
            "[conflicts]\n\"not a name\".theirs = \"x\"\n",
            "[conflicts.\"a.b\"]\ntheirs = \"x\"\n",
            "[[conflicts]]\n\"a.b\".theirs = \"x\"\n",
        ] {
            assert!(matches!(sides(wrong), Err(StoreError::Document(..))), "{wrong}");
        }
    }
}
