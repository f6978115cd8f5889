use proptest::prelude::*;

use super::*;

const OLD: Wanted<'_> = Wanted { kind: "ssh-ed25519", blob: "AAAAold=" };
const NEW: Wanted<'_> = Wanted { kind: "ssh-ed25519", blob: "AAAAnew=" };

fn added(file: &str) -> String {
    String::from_utf8(with(file.as_bytes(), OLD, NEW, "mark").unwrap()).unwrap()
}

fn removed(file: &str) -> String {
    String::from_utf8(without(file.as_bytes(), OLD)).unwrap()
}

#[test]
fn a_key_goes_behind_all_others() {
    assert_eq!(added("ssh-ed25519 AAAAold= a\n"), "ssh-ed25519 AAAAold= a\nssh-ed25519 AAAAnew= mark\n");
    // A missing line feed would join two keys.
    assert_eq!(added("ssh-ed25519 AAAAold="), "ssh-ed25519 AAAAold=\nssh-ed25519 AAAAnew= mark\n");
    assert_eq!(added("ssh-ed25519 AAAAold=\r\n"), "ssh-ed25519 AAAAold=\r\nssh-ed25519 AAAAnew= mark\n");
    let both = "ssh-ed25519 AAAAold= a\nssh-ed25519 AAAAnew= b\n";
    assert_eq!(added(both), both);
}

#[test]
fn its_restrictions_are_those_of_the_key_it_stands_beside() {
    let file = "from=\"192.0.2.1\",command=\"echo \\\"a b\\\" # x\",restrict ssh-ed25519 AAAAold= ci\n";
    let line = "from=\"192.0.2.1\",command=\"echo \\\"a b\\\" # x\",restrict ssh-ed25519 AAAAnew= mark\n";
    assert_eq!(added(file), format!("{file}{line}"));
    assert_eq!(removed(&added(file)), line);
}

#[test]
fn only_the_key_itself_counts() {
    for file in [
        "",
        "# ssh-ed25519 AAAAold=\n",
        "ssh-rsa AAAAold=\n",
        "ssh-ed25519 AAAAold=x\n",
        "ssh-ed25519 AAAAother ssh-ed25519 AAAAold=\n",
        "command=\"ssh-ed25519 AAAAold= \" ssh-ed25519 AAAAother\n",
        "command=\"unfinished ssh-ed25519 AAAAold=\n",
        "ssh-ed25519\n",
    ] {
        assert_eq!(with(file.as_bytes(), OLD, NEW, "mark"), Err(LinesProblem::NotThere), "{file}");
        assert_eq!(removed(file), file);
    }
    assert_eq!(removed("ssh-ed25519 AAAAold=\n  restrict \tssh-ed25519\t AAAAold= x\nb"), "b");
}

proptest! {
    #[test]
    fn adding_and_taking_away_leaves_every_other_byte(
        before in proptest::collection::vec("(#|ssh-rsa |restrict,x=\"a b\" )?[ -~]{0,20}", 0..5),
        after in "[\\PC\t\"\\\\ ]{0,40}",
    ) {
        let file = format!("{}\nssh-ed25519 AAAAold= x\n{after}", before.join("\n"));
        let grown = with(file.as_bytes(), OLD, NEW, "mark").unwrap();
        prop_assert!(has(&grown, NEW) && has(&grown, OLD));
        prop_assert!(grown.starts_with(file.as_bytes()));
        let shrunk = without(&grown, NEW);
        let shrunk = String::from_utf8(shrunk).unwrap();
        prop_assert_eq!(shrunk.trim_end_matches('\n'), file.trim_end_matches('\n'));
        prop_assert!(!has(&without(&grown, OLD), OLD));
    }
}
