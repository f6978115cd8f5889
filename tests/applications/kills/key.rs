//! `django-secret-key`: whoever is signed in stays so, and what was signed stays good for as long as it may be of use.

use crate::applications::App;
use crate::applications::key::{Held, taken};

use super::{Effects, Journal, Killed, further, is_killed_applying, is_long, never, once};
use crate::faults::unseal;

const KEY: &str = r#"{ with = "django-secret-key", [manage] }"#;
const NAME: &str = "django.secret_key";

/// Moments before and after the fortnight for which both keys are accepted; for the way there, and for the way back.
const THERE: [&str; 2] = ["2026-11-24T12:00:00Z", "2026-12-09T12:00:00Z"];
const BACK: [&str; 3] = ["2026-12-10T12:00:00Z", "2026-12-11T12:00:00Z", "2026-12-26T12:00:00Z"];

/// All that people have from the application.
struct People<'a> {
    app: &'a App,
    held: Vec<Held>,
}

impl People<'_> {
    fn come(&mut self) {
        self.held.push(taken(self.app));
    }

    /// Everybody is still signed in, and all that was signed is good, of those at least who came after so many others.
    fn are_well(&mut self, signed_after: usize, when: &str) {
        for (number, one) in self.held.iter_mut().enumerate() {
            let [session, token, signed] = one.accepted(self.app);
            assert!(session, "{when}: number {number} is signed out");
            assert!(number < signed_after || token && signed, "{when}: number {number}: {token} {signed}");
        }
    }
}

/// A rotation with such kills, and one that is taken back. How many there were.
fn life(app: &App, effects: &dyn Fn() -> Effects) -> usize {
    let killed = |now| Killed { world: &app.world, name: NAME, now };
    let state = || Journal::of(&app.world, NAME).unwrap().state;
    let mut people = People { app, held: Vec::new() };
    let before = app.get(NAME);
    people.come();

    let mut kills = killed(THERE[0]).on(effects(), &mut |when| {
        people.are_well(0, when);
        people.come();
    });
    assert_eq!(state(), "grace");
    people.are_well(0, "both are accepted");
    let by_new = people.held.len();
    people.come();
    kills += killed(THERE[1]).on(effects(), &mut |when| people.are_well(by_new, when));
    assert_eq!(state(), "done");
    let new = app.get(NAME);
    assert!(new != before && app.read("app.env").contains(&new) && !app.read("app.env").contains(&before));
    people.are_well(by_new, "the old one is dropped");

    killed(BACK[0]).on(never(), &mut |when| panic!("{when}"));
    kills += killed(BACK[1]).back(effects(), &mut |when| {
        people.are_well(by_new, when);
        people.come();
    });
    assert!(Journal::of(&app.world, NAME).unwrap().is_back && state() == "grace");
    people.come();
    let after = people.held.len() - 1;
    kills += killed(BACK[2]).back(effects(), &mut |when| people.are_well(after, when));
    assert_eq!((state().as_str(), app.get(NAME)), ("undone", new));
    people.are_well(after, "it is taken back");
    assert!(!app.read("app.env").contains("FALLBACKS"));
    kills
}

#[test]
#[ignore = "needs sshd, Django and gunicorn; run tests/run"]
fn a_key_is_killed_again_and_again_and_nobody_is_signed_out() {
    let app = App::start(KEY, r#"{ with = "generated" }"#);
    if !is_long() {
        assert!(life(&app, &|| further(10, 8)) >= 8);
        return;
    }
    let mut at = 1;
    while life(&app, &|| once(at)) > 0 {
        at += 1;
    }
    assert!(at > 80, "{at}");
}

/// Rotates from one moment on, is killed by the apply command as soon as a test of the shell's holds of the file, and goes
/// on to where it ends or rests. Of all that is held, that from so many others on is good all the while.
fn in_the_middle(
    people: &mut People<'_>,
    when: &str,
    now: &'static str,
    arguments: &str,
    signed_after: usize,
) {
    let app = people.app;
    assert!(is_killed_applying(&app.world, &app.folder(), when, now, arguments), "{when}");
    let inside = unseal(&app.world.store_bytes());
    assert!(inside.contains("outcome = \"intended\""), "{when}: it was not in the middle");
    people.are_well(signed_after, when);
    people.come();
}

#[test]
#[ignore = "needs sshd, Django and gunicorn; run tests/run"]
fn a_key_is_killed_in_the_middle_of_each_deploy_and_nobody_is_signed_out() {
    let app = App::start(KEY, r#"{ with = "generated" }"#);
    let mut people = People { app: &app, held: Vec::new() };
    let go_on = |now, is_back: bool| {
        let killed = Killed { world: &app.world, name: NAME, now };
        let runs = if is_back { Killed::back } else { Killed::on };
        runs(&killed, never(), &mut |when| panic!("{when}"));
        Journal::of(&app.world, NAME).unwrap().state
    };
    // What the file is like in each deploy.
    let fallback = "grep -q '^DJANGO_SECRET_KEY_FALLBACKS=' app.env";
    let is_key = |key: &str| format!("grep '^DJANGO_SECRET_KEY=' app.env | grep -qF '{key}'");

    let old = app.get(NAME);
    let by_old = is_key(&old);
    people.come();
    in_the_middle(&mut people, &format!("{fallback} && {by_old}"), THERE[0], NAME, 0);
    in_the_middle(&mut people, &format!("{fallback} && ! {by_old}"), THERE[0], "--resume", 0);
    assert_eq!(go_on(THERE[0], false), "grace");
    people.are_well(0, "both are accepted");
    let signed_by_new = people.held.len();
    people.come();
    in_the_middle(&mut people, &format!("! {by_old} && ! {fallback}"), THERE[1], "--resume", signed_by_new);
    assert_eq!(go_on(THERE[1], false), "done");
    people.are_well(signed_by_new, "the old one is dropped");

    let new = app.get(NAME);
    let by_new = is_key(&new);
    assert!(new != old && app.read("app.env").contains(&new) && !app.read("app.env").contains(&old));
    assert_eq!(go_on(BACK[0], false), "grace");
    people.come();
    let undo = format!("--undo {NAME}");
    in_the_middle(&mut people, &format!("{fallback} && {by_new}"), BACK[1], &undo, signed_by_new);
    assert_eq!(go_on(BACK[1], true), "grace");
    people.are_well(signed_by_new, "both are accepted again");
    let signed_at_last = people.held.len();
    people.come();
    in_the_middle(&mut people, &format!("{by_new} && ! {fallback}"), BACK[2], "--resume", signed_at_last);
    assert_eq!((go_on(BACK[2], true).as_str(), app.get(NAME)), ("undone", new));
    people.are_well(signed_at_last, "it is taken back");
}
