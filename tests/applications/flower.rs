//! `flower` on a real Flower, with a Celery worker and Redis.

use std::io::Write as _;

use luca_secrets::rotate::{Answer, TroubleKind};

use crate::harness::rotations;

use super::by_hand::ByHand;
use super::garden::{Garden, knock, passwords};
use super::observer::{Look, Observer, watch_processes};

/// Somebody who comes with this password every 50 ms.
fn knocking(port: u16, password: &str) -> Observer<()> {
    let password = password.to_owned();
    Observer::start((), move |()| match knock(port, "gardener", &password) {
        Some(200) => Look::Well,
        None => Look::Silent,
        Some(status) => Look::Wrong(status.to_string()),
    })
}

#[test]
#[ignore = "needs sshd, Redis, Celery and Flower; run tests/run"]
fn flower_takes_both_passwords_in_between_and_then_only_the_new_one() {
    let garden = Garden::start();
    let old = garden.password();
    let deploy = || garden.push();
    let mut way = ByHand::new(&garden.world, "flower.password", &deploy);
    let host = format!("127.0.0.1:{}", garden.port);
    assert_eq!(way.begin(), [format!("Flower at {host} accepts the present one, refuses the wrong one")]);
    let new = way.record.pending(&way.name).unwrap().expose().to_owned();
    let needles: Vec<String> = way.values().iter().map(|value| value.expose().to_owned()).collect();
    let processes = watch_processes(&needles, &["cmdline"]);

    // Whoever has the old one is not refused before the last deploy, nor whoever has the new one after the first.
    let port = garden.port;
    let by_old = knocking(port, &old);

    let steps = way.credential.steps();
    way.stepped(&steps[0]);
    assert_eq!(
        way.stepped(&steps[1]),
        format!("Flower at {host} accepts the new one, refuses the wrong one, accepts the old one")
    );
    let standing = way.credential.standing(&way.record).unwrap();
    assert_eq!((standing.current, standing.pending), (Answer::Accepted, Answer::Accepted));
    way.stepped(&steps[2]);
    let ((), seen) = by_old.end();
    assert!(seen.well > 5 && seen.wrong.is_empty(), "{seen:?}");
    // Too early: the old one is accepted still.
    let early = way.step(&way.named("dropped"));
    assert_eq!(early.unwrap_err().kind, TroubleKind::Rejected);

    // Back from here, and there once more.
    for step in way.credential.undo_steps(3) {
        way.stepped(&step);
    }
    assert_eq!((knock(port, "gardener", &old), knock(port, "gardener", &new)), (Some(200), Some(401)));
    let line =
        garden.read("app.env").lines().find(|line| line.contains("FLOWER_PASSWORD")).unwrap().to_owned();
    assert!(!line.contains(','), "the old one alone");

    way.stepped(&steps[0]);
    let by_new = knocking(port, &new);
    for step in &steps[1..] {
        way.stepped(step);
    }
    assert_eq!((knock(port, "gardener", &old), knock(port, "gardener", &new)), (Some(401), Some(200)));
    let ((), seen) = by_new.end();
    assert!(seen.well > 5 && seen.wrong.is_empty(), "{seen:?}");
    let (_, processes) = processes.end();
    assert!(processes.well > 10 && processes.wrong.is_empty(), "{processes:?}");
    for needle in &needles {
        assert!(
            !garden.host.log().contains(needle.as_str())
                && !garden.read("flower.log").contains(needle.as_str())
        );
    }
    nobody_there_is_no_refusal(&garden);
}

/// Somebody who comes every 50 ms with what the server's env file says at that moment, which may be two passwords.
pub fn following(garden: &Garden) -> Observer<()> {
    let (port, file) = (garden.port, garden.path("app.env"));
    Observer::start((), move |()| {
        let text = std::fs::read_to_string(&file).unwrap();
        let statuses: Vec<Option<u16>> =
            passwords(&text).iter().map(|password| knock(port, "gardener", password)).collect();
        if statuses.contains(&Some(200)) {
            Look::Well
        } else if statuses.contains(&None) {
            Look::Silent
        } else {
            Look::Wrong(format!("{statuses:?}"))
        }
    })
}

#[test]
#[ignore = "needs sshd, Redis, Celery and Flower; run tests/run"]
fn nobody_is_refused_in_many_rotations() {
    let garden = Garden::start();
    let watched = following(&garden);
    let mut all = vec![garden.password()];
    for number in 0..rotations() {
        let done = garden.world.run(&["rotate", "--yes", "--local", "flower.password"]).done();
        assert_eq!(done.code, 0, "{number}: {}", done.stderr);
        all.push(garden.password());
    }
    let ((), seen) = watched.end();
    assert!(seen.well > rotations() && seen.wrong.is_empty(), "{seen:?}");
    let text = format!(
        "flower: {} rotations: {} logins, {} without an answer while Flower started, none refused\n",
        rotations(),
        seen.well,
        seen.silent
    );
    std::io::stderr().write_all(text.as_bytes()).unwrap();
    let last = all.pop().unwrap();
    assert_eq!(knock(garden.port, "gardener", &last), Some(200));
    for (number, old) in all.iter().enumerate() {
        assert_eq!(knock(garden.port, "gardener", old), Some(401), "{number}");
    }
}

fn nobody_there_is_no_refusal(garden: &Garden) {
    let deploy = || ();
    let way = ByHand::new(&garden.world, "flower.password", &deploy);
    let id: i32 = garden.read("flower.pid").trim().parse().unwrap();
    let id = rustix::process::Pid::from_raw(id).unwrap();
    rustix::process::kill_process(id, rustix::process::Signal::KILL).unwrap();
    let mut credential = way.credential;
    let trouble = credential.preflight(&way.record.current).unwrap_err();
    assert_eq!(trouble.kind, TroubleKind::Unavailable, "{trouble}");
    assert_eq!(credential.standing(&way.record).unwrap().current, Answer::Unknown);
}
