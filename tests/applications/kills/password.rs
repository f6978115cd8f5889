//! `django-password`: at every moment exactly one password lets the user in, and the store has it.

use std::collections::BTreeSet;

use crate::applications::App;
use crate::faults::unseal;

use super::{Effects, Journal, Killed, further, is_killed_at, is_long, once};

const PASSWORD: &str = r#"{ with = "django-password", user = "alice@example.com", login = "http://127.0.0.1:[port]/admin/login/", [manage] }"#;
const NAME: &str = "alice.password";
const TIMES: [&str; 3] = ["2026-11-24T12:00:00Z", "2026-11-25T12:00:00Z", "2026-11-26T12:00:00Z"];

/// Of all that stands in the store, what lets alice in.
fn that_lets_in(app: &App, when: &str) -> String {
    let inside = unseal(&app.world.store_bytes());
    // Every value that the schema makes for her has this length.
    let values: BTreeSet<&str> = inside.split('"').filter(|text| text.len() == 24).collect();
    let lets_in = |password: &&&str| {
        let fields = [("username", "alice"), ("password", **password)];
        app.browser().post("/sign-in/", &fields).unwrap().status == 200
    };
    let found: Vec<&&str> = values.iter().filter(lets_in).collect();
    assert_eq!(found.len(), 1, "{when}: {} of {}", found.len(), values.len());
    (*found[0]).to_owned()
}

/// A rotation with such kills, and one that is taken back. How many there were.
fn life(app: &App, effects: &dyn Fn() -> Effects) -> usize {
    let killed = |now| Killed { world: &app.world, name: NAME, now };
    let state = || Journal::of(&app.world, NAME).unwrap().state;
    let before = app.get(NAME);
    let mut seen = BTreeSet::from([before.clone()]);
    let mut kills = killed(TIMES[0]).on(effects(), &mut |when| {
        seen.insert(that_lets_in(app, when));
    });
    let after = app.get(NAME);
    assert_eq!((state().as_str(), that_lets_in(app, "done")), ("done", after.clone()));
    seen.insert(after.clone());
    assert_eq!(seen, BTreeSet::from([before, after.clone()]), "one new value only");

    // Killed until the new one is set; and back from there.
    let mut at = 10;
    let mut arguments = NAME;
    while that_lets_in(app, "on the way to an undo") == after {
        assert!(is_killed_at(&app.world, at, TIMES[1], arguments), "{at}");
        if Journal::of(&app.world, NAME).is_some_and(|journal| !journal.is_over()) {
            arguments = "--resume";
        }
        at += 5;
    }
    kills += killed(TIMES[2]).back(effects(), &mut |when| drop(that_lets_in(app, when)));
    assert_eq!((state().as_str(), app.get(NAME)), ("undone", after.clone()));
    assert_eq!(that_lets_in(app, "undone"), after);
    kills
}

#[test]
#[ignore = "needs sshd, Django and gunicorn; run tests/run"]
fn a_password_is_killed_again_and_again_and_one_lets_in() {
    let app = App::start(r#"{ with = "generated" }"#, PASSWORD);
    if !is_long() {
        assert!(life(&app, &|| further(6, 5)) >= 6);
        return;
    }
    let mut at = 1;
    while life(&app, &|| once(at)) > 0 {
        at += 1;
    }
    assert!(at > 30, "{at}");
}
