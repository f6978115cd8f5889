//! The marker of an env file: what a running program gives back to show which content it was started with.
//!
//! The store's generation will not do: it counts every write, so that each would be a change for every file. A plain
//! digest will not do either: the marker shows in health replies, and a short value could be searched for with it.

use crate::secret::{FingerprintKey, SecretText, SecretValue};

use super::BundleVariable;

/// What a marker's digest begins with, so that it is never the fingerprint of a value.
const PURPOSE: &str = "luca-secrets marker v1\0";

/// The first 64 bits of a digest of all names and values, keyed with what only readers of the store know, in
/// lower-case hex. It depends neither on the order of the variables nor on how a dialect spells them.
pub(super) fn of(variables: &[BundleVariable], key: &FingerprintKey) -> SecretValue {
    let mut sorted: Vec<&BundleVariable> = variables.iter().collect();
    sorted.sort_by(|a, b| a.name.cmp(&b.name));
    let room = |variable: &BundleVariable| variable.name.as_str().len() + variable.value.expose().len() + 2;
    let mut text = SecretText::with_capacity(PURPOSE.len() + variables.iter().map(room).sum::<usize>());
    text.push_str(PURPOSE);
    for variable in sorted {
        // Neither a name nor a value that an environment can carry has a NUL in it: two lists never read the same.
        text.push_str(variable.name.as_str());
        text.push('\0');
        text.push_str(variable.value.expose());
        text.push('\0');
    }
    SecretValue::new(key.of_text(text.expose()).to_string())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::name::VariableName;

    type Pairs = Vec<(String, String)>;

    fn marker(pairs: &[(String, String)], key: &str) -> String {
        let variable = |(name, value): &(String, String)| BundleVariable {
            name: VariableName::parse(name).unwrap(),
            value: SecretValue::new(value.clone()),
            read_by: Vec::new(),
            secret: true,
        };
        let variables: Vec<_> = pairs.iter().map(variable).collect();
        of(&variables, &FingerprintKey::new(key)).expose().to_owned()
    }

    fn pairs() -> impl Strategy<Value = Pairs> {
        prop::collection::btree_map("[A-B]{1,2}", "[a=\n]{0,2}", 0..3)
            .prop_map(|map| map.into_iter().collect())
    }

    proptest! {
        #[test]
        fn two_files_have_the_same_marker_only_if_they_are_the_same(a in pairs(), b in pairs()) {
            prop_assert_eq!(a == b, marker(&a, "k") == marker(&b, "k"));
        }

        #[test]
        fn the_order_of_the_variables_does_not_matter(
            (sorted, shuffled) in pairs().prop_flat_map(|a| (Just(a.clone()), Just(a).prop_shuffle())),
        ) {
            prop_assert_eq!(marker(&sorted, "k"), marker(&shuffled, "k"));
        }
    }

    #[test]
    fn it_stays_the_same_from_release_to_release_and_differs_from_store_to_store() {
        let pairs = [("B".to_owned(), "2".to_owned()), ("A".to_owned(), "1".to_owned())];
        // Otherwise a new release would restart every program once for nothing. Computed with Python's hmac.
        assert_eq!(marker(&pairs, "k"), "26739a80a2da48d7");
        assert_ne!(marker(&pairs, "k"), marker(&pairs, "l"));
    }
}
