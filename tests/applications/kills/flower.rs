//! `flower`: whoever has what the server's env file says is let in at every moment at which Flower answers.

use crate::applications::flower::following;
use crate::applications::garden::{Garden, knock, passwords, until};
use crate::faults::unseal;

use super::{Effects, Journal, Killed, further, is_killed_applying, is_long, never, once};

const NAME: &str = "flower.password";

/// What the server's file says is in the store and accepted, as soon as Flower answers again.
fn is_well(garden: &Garden, when: &str) {
    until(when, || {
        let file = passwords(&garden.read("app.env"));
        let inside = unseal(&garden.world.store_bytes());
        for password in &file {
            assert!(inside.contains(password.as_str()), "{when}");
        }
        file.iter().any(|password| knock(garden.port, "gardener", password) == Some(200))
    });
}

/// What is so at the end: one password, everywhere the same.
fn is_over(garden: &Garden, state: &str, refused: &str) {
    assert_eq!(Journal::of(&garden.world, NAME).unwrap().state, state);
    let password = garden.password();
    assert_eq!(passwords(&garden.read("app.env")), std::slice::from_ref(&password), "{state}");
    let of = |password: &str| knock(garden.port, "gardener", password);
    assert_eq!((of(&password), of(refused)), (Some(200), Some(401)), "{state}");
}

/// A rotation with such kills and one that is killed while it brings the new password, and taken back under further ones.
/// How many there were.
fn life(garden: &Garden, effects: &dyn Fn() -> Effects) -> usize {
    let killed = |now| Killed { world: &garden.world, name: NAME, now };
    let before = garden.password();
    let mut kills = killed("2026-11-24T12:00:00Z").on(effects(), &mut |when| is_well(garden, when));
    is_over(garden, "done", &before);

    let folder = garden.path("");
    let both = "grep -q ',gardener:' app.env";
    assert!(is_killed_applying(&garden.world, &folder, both, "2026-11-25T12:00:00Z", NAME));
    is_well(garden, "while both are brought");
    kills += killed("2026-11-25T12:00:00Z").back(effects(), &mut |when| is_well(garden, when));
    is_over(garden, "undone", &before);
    kills
}

#[test]
#[ignore = "needs sshd, Redis, Celery and Flower; run tests/run"]
fn flower_is_killed_again_and_again_and_nobody_is_refused() {
    let garden = Garden::start();
    let watched = following(&garden);
    if is_long() {
        let mut at = 1;
        while life(&garden, &|| once(at)) > 0 {
            at += 1;
        }
        assert!(at > 40, "{at}");
    } else {
        assert!(life(&garden, &|| further(14, 14)) >= 4);
    }

    let before = garden.password();
    let (now, only_new) = ("2026-11-26T12:00:00Z", format!("! grep -q '{before}' app.env"));
    assert!(is_killed_applying(&garden.world, &garden.path(""), &only_new, now, NAME));
    is_well(&garden, "while the old one is dropped");
    Killed { world: &garden.world, name: NAME, now }.on(never(), &mut |when| panic!("{when}"));
    is_over(&garden, "done", &before);
    let ((), seen) = watched.end();
    assert!(seen.well > 5 && seen.wrong.is_empty(), "{seen:?}");
}
