//! Whatever breaks at whichever request: in the end GitHub holds what it should, or the next push brings it there.

use serde_json::{Value, json};

use luca_secrets::target::github::{Kind, Options, PushRecord};

use super::fake::{Fake, Push, repository};

/// A push that creates, changes and removes both secrets and variables, and the record that it starts from.
fn mixed(fake: &Fake) -> (Push, PushRecord) {
    fake.reset();
    let mut push = Push::new(fake, repository());
    for kind in [Kind::Secret, Kind::Variable] {
        for name in ["CHANGED", "LEFT", "SAME"] {
            push.want(kind, name, "old");
        }
    }
    let record = push.run(&PushRecord::default()).unwrap().applied.record;
    push.want.retain(|(_, name, _)| name != "LEFT");
    push.want.iter_mut().filter(|(_, name, _)| name == "CHANGED").for_each(|want| want.2 = "new".to_owned());
    push.want(Kind::Secret, "CREATED", "new");
    push.want(Kind::Variable, "CREATED", "new");
    push.options = Options { prune: true, overwrite_drift: false };
    fake.log();
    (push, record)
}

/// What GitHub holds after it.
fn expected() -> Value {
    let all = json!({"CHANGED": {"value": "new"}, "CREATED": {"value": "new"}, "SAME": {"value": "old"}});
    json!({"repos/example/shop": {"secrets": all, "variables": all}})
}

/// Lists (2), key (1), changes (6), lists again (2).
const REQUESTS: usize = 11;

#[test]
#[ignore = "needs PyNaCl and openssl; run tests/run"]
fn one_fault_anywhere_changes_nothing_in_the_end() {
    let fake = Fake::start();
    let (push, record) = mixed(&fake);
    assert_eq!(push.run(&record).unwrap().requests, REQUESTS);
    assert_eq!(fake.state(), expected());
    for fault in ["drop-before", "drop-after", "cut", "500", "500-after", "502", "503"] {
        for at in 1..=REQUESTS {
            let (push, record) = mixed(&fake);
            fake.faults(&json!({at.to_string(): fault}));
            let pushed = push.run(&record).unwrap();
            assert!(pushed.applied.failed.is_empty(), "{fault} at {at}: {:?}", pushed.failures());
            assert_eq!(fake.state(), expected(), "{fault} at {at}");
            fake.faults(&json!({}));
            let again = push.run(&pushed.applied.record).unwrap();
            assert!(again.is_clean, "{fault} at {at}: {}", again.changes());
            assert_eq!((again.requests, pushed.pauses.len() < 2), (2, true), "{fault} at {at}");
        }
    }
}

#[test]
#[ignore = "needs PyNaCl and openssl; run tests/run"]
fn a_push_that_is_cut_off_is_finished_by_the_next() {
    let fake = Fake::start();
    for (fault, killed) in
        [("drop-before", false), ("drop-after", false), ("drop-before", true), ("drop-after", true)]
    {
        for at in 1..=REQUESTS {
            let (push, record) = mixed(&fake);
            let faults: serde_json::Map<_, _> = (at..200).map(|at| (at.to_string(), json!(fault))).collect();
            fake.faults(&json!(faults));
            let left = match push.run(&record) {
                Err(error) => {
                    assert!(at <= 2 && error.ends_with(" broke"), "{fault} at {at}: {error}");
                    record
                }
                Ok(pushed) => {
                    let failures = pushed.failures();
                    assert!(
                        failures.iter().any(|line| line.ends_with(" broke")),
                        "{fault} at {at}: {failures:?}"
                    );
                    // A process that is killed leaves the record that it saved before its first write.
                    if killed { pushed.begun } else { pushed.applied.record }
                }
            };
            fake.faults(&json!({}));
            let next = push.run(&left).unwrap();
            assert!(next.applied.failed.is_empty(), "{fault} at {at}: {:?}", next.failures());
            assert!(!next.changes().contains("drifted"), "{fault} at {at}: {}", next.changes());
            assert_eq!(fake.state(), expected(), "{fault} at {at}");
            assert!(push.run(&next.applied.record).unwrap().is_clean, "{fault} at {at}");
        }
    }
}

#[test]
#[ignore = "needs PyNaCl and openssl; run tests/run"]
fn an_answer_that_comes_too_late_is_asked_for_again() {
    let fake = Fake::start();
    let (mut push, record) = mixed(&fake);
    push.time_out = std::time::Duration::from_millis(700);
    fake.faults(&json!({"4": "slow"}));
    let pushed = push.run(&record).unwrap();
    assert!(pushed.applied.failed.is_empty(), "{:?}", pushed.failures());
    assert_eq!(fake.state(), expected());
}

#[test]
#[ignore = "needs PyNaCl and openssl; run tests/run"]
fn a_key_that_changes_under_way_is_fetched_once_more() {
    let fake = Fake::start();
    let mut push = Push::new(&fake, repository());
    let mut expected = json!({});
    for number in 0..30 {
        push.want(Kind::Secret, &format!("S{number}"), "value");
        expected["repos/example/shop"]["secrets"][format!("S{number}")] = json!({"value": "value"});
    }
    for at in [3, 10, 32] {
        fake.reset();
        fake.faults(&json!({at.to_string(): "rotate"}));
        let pushed = push.run(&PushRecord::default()).unwrap();
        assert!(pushed.applied.failed.is_empty(), "{:?}", pushed.failures());
        assert_eq!(fake.state(), expected);
        let keys = fake.log().iter().filter(|line| line.ends_with("/public-key")).count();
        assert_eq!(keys, 2, "at {at}");
    }
}

#[test]
#[ignore = "needs PyNaCl and openssl; run tests/run"]
fn rate_limits_are_waited_for_as_github_asks() {
    let fake = Fake::start();
    let waits =
        [("primary", 31_000), ("primary-429", 31_000), ("secondary", 7_000), ("secondary-bare", 60_000)];
    for (fault, wait) in waits {
        for at in 1..=REQUESTS {
            let (push, record) = mixed(&fake);
            fake.faults(&json!({at.to_string(): fault}));
            let pushed = push.run(&record).unwrap();
            assert!(pushed.applied.failed.is_empty(), "{fault} at {at}: {:?}", pushed.failures());
            assert_eq!((pushed.pauses, pushed.requests), (vec![wait], REQUESTS + 1), "{fault} at {at}");
            assert_eq!(fake.state(), expected(), "{fault} at {at}");
        }
    }
}

#[test]
#[ignore = "needs PyNaCl and openssl; run tests/run"]
fn writers_that_meet_one_limit_together_wait_once() {
    let fake = Fake::start();
    let mut push = Push::new(&fake, repository());
    for number in 0..30 {
        push.want(Kind::Secret, &format!("S{number}"), "value");
    }
    let faults: serde_json::Map<_, _> = (3..11).map(|at| (at.to_string(), json!("secondary"))).collect();
    fake.faults(&json!(faults));
    let pushed = push.run(&PushRecord::default()).unwrap();
    assert!(pushed.applied.failed.is_empty(), "{:?}", pushed.failures());
    assert_eq!((pushed.pauses, pushed.requests), (vec![7_000], 41));
}
