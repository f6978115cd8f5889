//! Changing single secrets in a text of `[secrets.group]` tables without touching anything else in it.

use std::collections::{BTreeMap, BTreeSet};

use crate::name::SecretName;
use crate::secret::{SecretText, SecretValue};

use super::document::{Document, end_of_line, start_of_line};
use super::outline::{DocumentError, Leaf, Outline, Range};
use super::toml_text::push_toml_string;

/// New values by name; `None` removes the secret.
pub(super) type Changes = BTreeMap<SecretName, Option<SecretValue>>;

/// What turns `base` into `other`.
pub(super) fn differences(base: &Document, other: &Document) -> Changes {
    let mut changes = Changes::new();
    for name in other.names() {
        let same_spelling =
            base.spelling(name).is_some_and(|spelling| other.spelling(name) == Some(spelling));
        if !same_spelling && base.get(name) != other.get(name) {
            changes.insert(name.clone(), other.get(name));
        }
    }
    for name in base.names().filter(|name| !other.contains(name)) {
        changes.insert(name.clone(), None);
    }
    changes
}

/// The text with the changes made. Comments, order and the spelling of all other values stay.
pub(super) fn apply(text: &str, changes: &Changes) -> Result<SecretText, DocumentError> {
    let outline = Outline::read(text, &["secrets"])?;
    let mut patches = Vec::new();
    let mut added = BTreeMap::new();
    let places = places(&outline, changes);
    for (name, value) in changes {
        match (places.get(&(name.group(), name.key())), value) {
            (Some(leaf), Some(value)) => patches.push(replaced(leaf, value)),
            (Some(leaf), None) => patches.push(removed(text, leaf)),
            (None, Some(value)) => {
                added.entry(name.group()).or_insert_with(Vec::new).push((name, value));
            }
            (None, None) => {}
        }
    }
    let mut tail = SecretText::default();
    for (group, secrets) in added {
        match spot(text, &outline, group) {
            Some((at, prefix)) => patches.push((at..at, lines(text, at, &prefix, &secrets))),
            None => push_group(&mut tail, group, &secrets),
        }
    }
    Ok(patched(text, patches, &tail))
}

type Patch = (Range, SecretText);

/// Where the secrets stand that are about to change.
fn places<'o, 't>(
    outline: &'o Outline<'t>,
    changes: &'o Changes,
) -> BTreeMap<(&'o str, &'o str), &'o Leaf<'t>> {
    let wanted: BTreeSet<(&str, &str)> = changes.keys().map(|name| (name.group(), name.key())).collect();
    let mut places = BTreeMap::new();
    for leaf in &outline.leaves {
        let place = match (&outline.tables[leaf.table].path[..], &*leaf.keys) {
            ([_, group], [key]) => (group.as_str(), &**key),
            ([_], [group, key]) => (&**group, &**key),
            _ => continue,
        };
        if wanted.contains(&place) {
            places.insert(place, leaf);
        }
    }
    places
}

fn replaced(leaf: &Leaf<'_>, value: &SecretValue) -> Patch {
    let mut spelled = SecretText::with_capacity(value.expose().len() + 8);
    push_toml_string(&mut spelled, value.expose());
    (leaf.value.clone(), spelled)
}

fn removed(text: &str, leaf: &Leaf<'_>) -> Patch {
    (start_of_line(text, leaf.start)..end_of_line(text, leaf.value.end), SecretText::default())
}

/// Where a new secret of an existing group goes, and what stands before its key there: after the group's last secret.
fn spot(text: &str, outline: &Outline<'_>, group: &str) -> Option<(usize, String)> {
    let tables = &outline.tables;
    let last = outline.leaves.iter().rfind(|leaf| match &tables[leaf.table].path[1..] {
        [] => leaf.keys.first().is_some_and(|key| key == group),
        path => path == [group],
    });
    if let Some(leaf) = last {
        let prefix = if tables[leaf.table].path.len() == 1 { format!("{group}.") } else { String::new() };
        return Some((end_of_line(text, leaf.value.end), prefix));
    }
    let empty = tables.iter().find(|table| table.path.len() == 2 && table.path[1] == group)?;
    Some((end_of_line(text, empty.start), String::new()))
}

fn lines(text: &str, at: usize, prefix: &str, secrets: &[(&SecretName, &SecretValue)]) -> SecretText {
    let mut lines = SecretText::default();
    if at > 0 && !text[..at].ends_with('\n') {
        lines.push('\n');
    }
    for (name, value) in secrets {
        lines.push_str(prefix);
        push_line(&mut lines, name, value);
    }
    lines
}

fn push_line(output: &mut SecretText, name: &SecretName, value: &SecretValue) {
    output.push_str(name.key());
    output.push_str(" = ");
    push_toml_string(output, value.expose());
    output.push('\n');
}

fn push_group(output: &mut SecretText, group: &str, secrets: &[(&SecretName, &SecretValue)]) {
    output.push_str("\n[secrets.");
    output.push_str(group);
    output.push_str("]\n");
    for (name, value) in secrets {
        push_line(output, name, value);
    }
}

fn patched(text: &str, mut patches: Vec<Patch>, tail: &SecretText) -> SecretText {
    patches.sort_by_key(|(range, _)| (range.start, range.end));
    let added: usize = patches.iter().map(|(_, with)| with.len()).sum();
    let mut output = SecretText::with_capacity(text.len() + added + tail.len() + 1);
    let mut done = 0;
    for (range, with) in &patches {
        output.push_str(&text[done..range.start]);
        output.push_str(with.expose());
        done = range.end;
    }
    output.push_str(&text[done..]);
    if !tail.is_empty() && !output.is_empty() && !output.expose().ends_with('\n') {
        output.push('\n');
    }
    output.push_str(if output.is_empty() { tail.expose().trim_start_matches('\n') } else { tail.expose() });
    output
}

/// The lines, from 1, that stand inside values of several lines; none if the text cannot be read.
pub(super) fn lines_inside_values(text: &str) -> BTreeSet<usize> {
    let line = |at: usize| text[..at].matches('\n').count() + 1;
    let Ok(outline) = Outline::read(text, &["secrets"]) else { return BTreeSet::new() };
    let several = outline.leaves.iter().filter(|leaf| text[leaf.value.clone()].contains('\n'));
    several.flat_map(|leaf| line(leaf.value.start) + 1..=line(leaf.value.end)).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::document::check_secrets_text;
    use super::*;

    fn line() -> impl Strategy<Value = String> {
        prop_oneof![
            Just("\n".to_owned()),
            Just("# a comment with = and [secrets.x]\n".to_owned()),
            "[a-z]{1,4}".prop_map(|key| format!("  k{key}   =   'v # {key}' # end\n")),
            "[a-z]{1,4}"
                .prop_map(|key| format!("m{key} = \"\"\"\n# in\n[secrets.in]\nx = 1\n\"\"\"   # end\n")),
            "[a-z]{1,4}".prop_map(|key| format!("[secrets.g{key}]\n")),
        ]
    }

    /// Lines; keys and tables stand only once.
    fn document() -> impl Strategy<Value = Vec<String>> {
        prop::collection::vec(line(), 0..20).prop_map(|mut lines| {
            lines.insert(0, "[secrets.first]\n".to_owned());
            let mut seen = BTreeSet::new();
            let key = |line: &str| line.split('=').next().unwrap().trim().to_owned();
            lines.retain(|line| line == "\n" || line.starts_with('#') || seen.insert(key(line)));
            lines
        })
    }

    fn names(text: &str) -> Vec<SecretName> {
        check_secrets_text(text).unwrap().into_iter().map(|(name, _)| name).collect()
    }

    proptest! {
        #[test]
        fn one_change_leaves_every_other_line_alone(
            lines in document(),
            pick in any::<prop::sample::Index>(),
            value in "(?s).{0,8}",
        ) {
            let text = lines.concat();
            let all = names(&text);
            prop_assume!(!all.is_empty());
            let name = pick.get(&all).clone();
            let own = |line: &&String| line.trim_start().starts_with(&format!("{} ", name.key()));
            let others: Vec<&String> = lines.iter().filter(|line| !own(line)).collect();

            let removed = apply(&text, &Changes::from([(name.clone(), None)])).unwrap();
            let expected: String = others.iter().map(|line| line.as_str()).collect();
            prop_assert_eq!(removed.expose(), expected.as_str());

            let new = Some(SecretValue::new(value.clone()));
            let changed = apply(&text, &Changes::from([(name.clone(), new)])).unwrap();
            prop_assert_eq!(names(changed.expose()), all);
            let mut rest = changed.expose();
            for line in others {
                let at = rest.find(line.as_str());
                prop_assert!(at.is_some(), "{:?} is gone from {}", line, changed.expose());
                rest = &rest[at.unwrap() + line.len()..];
            }
        }

        #[test]
        fn a_new_secret_leaves_every_line_alone(
            lines in document(),
            group in prop_oneof![Just("first"), Just("new")],
        ) {
            let text = lines.concat();
            let name = SecretName::new(group, "added").unwrap();
            let changes = Changes::from([(name.clone(), Some(SecretValue::new("v".to_owned())))]);
            let changed = apply(&text, &changes).unwrap();
            let ours = if group == "new" { "\n[secrets.new]\nadded = \"v\"\n" } else { "added = \"v\"\n" };
            prop_assert_eq!(changed.expose().replace(ours, ""), text);
            prop_assert!(names(changed.expose()).contains(&name));
        }
    }
}
