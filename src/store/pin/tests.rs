use super::*;
use crate::secret::SecretText;

const MAIN: &str = "refs/heads/main";

fn document(id: &str, generation: u64, names: &[&str]) -> Document {
    let secrets: Vec<String> = names.iter().map(|name| format!("{name} = \"v\"\n")).collect();
    let text = format!(
        "[store]\nformat = 1\nid = \"{id}\"\ngeneration = {generation}\nwritten = 2026-11-23T12:00:00Z\n\
         by = \"you\"\n[[recipients]]\nname = \"you\"\nkey = \"age1\"\nsince = 2026-11-23T12:00:00Z\n[secrets.a]\n{}",
        secrets.concat()
    );
    Document::parse(SecretText::new(text)).unwrap()
}

fn main() -> Checkout {
    Checkout::Branch(MAIN.to_owned())
}

fn branch() -> Checkout {
    Checkout::Branch("refs/heads/b".to_owned())
}

/// A pin of the store `one` that saw these generations.
fn pin(path: &str, seen: &[(&Checkout, u64)]) -> Pin {
    let mut pin = Pin::new(path.to_owned(), StorePrint::of("one"), "key".to_owned());
    for (checkout, generation) in seen {
        pin.note(checkout, &document("one", *generation, &[]), false);
    }
    pin
}

fn verdict(document: &Document, checkout: &Checkout, pin: &Pin) -> Verdict {
    judge(document, checkout, Some(pin), &[], Vec::new)
}

fn sighting(generation: u64) -> Sighting {
    Sighting::of(&document("one", generation, &[]))
}

#[test]
fn a_print_is_no_id_and_reads_back() {
    let print = StorePrint::of("0123456789abcdef");
    // `printf 'luca-secrets store id v1\0000123456789abcdef' | sha256sum | cut -c-32`
    assert_eq!(print.to_string(), "dad86e473544b0634497364f3c9750fc");
    assert_eq!(StorePrint::parse(&print.to_string()), Some(print));
    for text in ["", "0123", &format!("{print}0"), &print.to_string().replace(|c: char| c.is_numeric(), "g")]
    {
        assert_eq!(StorePrint::parse(text), None, "{text}");
    }
}

#[test]
fn an_identity_names_stores_in_comments() {
    let (one, two) = (StorePrint::of("one"), StorePrint::of("two"));
    let text = format!("# made by me\n{}\n  {}  \nAGE-SECRET-KEY-1\n", one.comment(), two.comment());
    assert_eq!(StorePrint::all_in(&text), Ok(vec![one, two]));
    assert_eq!(StorePrint::all_in("# a store: x\nAGE-SECRET-KEY-1\n"), Ok(Vec::new()));
    assert_eq!(StorePrint::all_in("\n# luca-secrets store: 0123\n"), Err(2));
}

#[test]
fn the_generation_counts_by_branch() {
    let known = pin("/p", &[(&main(), 5), (&branch(), 7)]);
    for (generation, checkout, expected) in [
        (5, main(), Verdict::Same),
        (6, main(), Verdict::Note),
        (4, main(), Verdict::Refused(Refusal::Older(sighting(5)))),
        (7, branch(), Verdict::Same),
        (6, branch(), Verdict::Refused(Refusal::Older(sighting(7)))),
        // No branch is held to the newest of all.
        (5, Checkout::Loose, Verdict::Note),
        (6, Checkout::Loose, Verdict::Refused(Refusal::Older(sighting(7)))),
        (7, Checkout::Loose, Verdict::Note),
        (1, Checkout::Moving, Verdict::Same),
        // A new branch starts from another, ahead, or is an old one.
        (5, Checkout::Branch("c".to_owned()), Verdict::Note),
        (8, Checkout::Branch("c".to_owned()), Verdict::Note),
        (4, Checkout::Branch("c".to_owned()), Verdict::Behind("/p on b".to_owned(), sighting(7))),
    ] {
        assert_eq!(verdict(&document("one", generation, &[]), &checkout, &known), expected, "{generation}");
    }
}

#[test]
fn the_same_generation_may_have_other_content() {
    let known = pin("/p", &[(&main(), 5)]);
    assert_eq!(verdict(&document("one", 5, &["x"]), &main(), &known), Verdict::Note);
}

#[test]
fn another_id_is_refused_and_named_if_known() {
    let mut known = pin("/p", &[(&main(), 5)]);
    let foreign = document("two", 9, &[]);
    let other = || Pin::new("/q".to_owned(), StorePrint::of("two"), String::new());
    let refused = |known_at| Verdict::Refused(Refusal::Replaced { known_at });
    assert_eq!(verdict(&foreign, &main(), &known), refused(None));
    let known_at = Some("/q".to_owned());
    assert_eq!(judge(&foreign, &main(), Some(&known), &[], || vec![other()]), refused(known_at));
    // Not even while git rebases, nor after a person accepted the first.
    known.deliberate = true;
    assert_eq!(verdict(&foreign, &Checkout::Moving, &known), refused(None));
}

#[test]
fn a_clone_that_is_behind_is_told() {
    let elsewhere = || vec![pin("/p", &[(&main(), 5)]), pin("/q", &[(&Checkout::Loose, 9)])];
    let first = |generation| judge(&document("one", generation, &[]), &main(), None, &[], elsewhere);
    assert_eq!(first(5), Verdict::Note);
    assert_eq!(first(9), Verdict::Note);
    assert_eq!(first(10), Verdict::Note);
    assert_eq!(first(6), Verdict::Behind("/q".to_owned(), sighting(9)));
    // Another store is no clone.
    assert_eq!(judge(&document("two", 1, &[]), &main(), None, &[], elsewhere), Verdict::Note);
}

#[test]
fn what_the_identity_names_holds_on_a_fresh_machine() {
    let (one, two) = (document("one", 1, &[]), document("two", 1, &[]));
    let refused = Verdict::Refused(Refusal::NotCarried);
    let fresh = |document, carried: &[StorePrint]| judge(document, &main(), None, carried, Vec::new);
    assert_eq!(fresh(&one, &[one.print()]), Verdict::Note);
    assert_eq!(fresh(&one, &[two.print(), one.print()]), Verdict::Note);
    assert_eq!(fresh(&one, &[two.print()]), refused);
    // A first use alone does not stand against it, a person's word does.
    let mut known = pin("/p", &[(&main(), 1)]);
    assert_eq!(judge(&one, &main(), Some(&known), &[two.print()], Vec::new), refused);
    known.deliberate = true;
    assert_eq!(judge(&one, &main(), Some(&known), &[two.print()], Vec::new), Verdict::Same);
    assert_eq!(judge(&one, &main(), None, &[two.print()], || vec![known]), Verdict::Note);
}

#[test]
fn a_sighting_never_goes_back_unless_accepted() {
    let mut known = pin("/p", &[(&main(), 5), (&main(), 4)]);
    assert_eq!(known.sightings[MAIN], sighting(5));
    known.note(&main(), &document("one", 3, &[]), true);
    assert_eq!(known.sightings[MAIN], sighting(3));
    known.note(&Checkout::Loose, &document("one", 2, &[]), false);
    assert_eq!(known.sightings.len(), 2);
    known.note(&main(), &document("one", 3, &[]), false);
    known.note(&Checkout::Moving, &document("one", 9, &[]), false);
    assert_eq!(known.sightings.len(), 1);
}

#[test]
fn names_are_told_apart_without_being_written() {
    let mut known = pin("/p", &[]);
    known.note(&main(), &document("one", 1, &["x", "y", "z"]), false);
    assert!(
        known.names.iter().all(|digest| digest.len() == 16 && !digest.contains('x')),
        "{:?}",
        known.names
    );
    let apart = known.names_apart(&document("two", 1, &["evil", "y"]));
    let new = vec![SecretName::parse("a.evil").unwrap()];
    assert_eq!(apart, NamesApart { new, missing: 2, known: 3 });
}
