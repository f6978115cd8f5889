//! A network and a service that fail in every way, at every request: what was written is there once or not at all, and
//! what a command says is true. The same for a command that is killed.

use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Stdio;
use std::sync::mpsc;
use std::sync::{Arc, Mutex};

use super::home::{Person, Team};
use crate::faults::{Nth, is_killed, killed};
use crate::harness::between::{Fault, Proxy};
use crate::harness::s3::{ceph, moto};

/// What may happen to a single request and passes by itself, without waiting for long.
const PASSING: [Fault; 10] = [
    Fault::Refused(500, "InternalError"),
    Fault::Misreported(500, "InternalError"),
    Fault::Refused(503, "SlowDown"),
    Fault::Misreported(503, "SlowDown"),
    Fault::Refused(429, "TooManyRequests"),
    Fault::Refused(409, "ConditionalRequestConflict"),
    Fault::Misreported(412, "PreconditionFailed"),
    Fault::RequestLost,
    Fault::ReplyLost,
    Fault::ReplyCut,
];

/// Somebody who reaches the service by way of something else from now on.
fn by_way_of(person: &Person, team: &Team, endpoint: &str) {
    let team = Team { endpoint: endpoint.to_owned(), ..Team::of(team.service, team.bucket.clone()) };
    person.world.write("schemas/remote.toml", team.schema());
}

/// A proxy that lets everything through for now.
fn proxy(team: &Team) -> Proxy {
    Proxy::new(&team.service.endpoint, |_| Fault::None)
}

/// Spoils the request of that number only.
fn once(proxy: &Proxy, at: usize, fault: Fault) {
    proxy.plan(move |asked| if asked.number == at { fault } else { Fault::None });
}

/// Lets everything through again; how many requests there were.
fn end(proxy: &Proxy) -> usize {
    let asked = proxy.asked();
    proxy.plan(|_| Fault::None);
    asked
}

/// Lets somebody write once by way of something else, so that the service is known by that address and not tried out
/// again.
fn acquaint(person: &Person, team: &Team, proxy: &Proxy) {
    by_way_of(person, team, &proxy.endpoint);
    person.set("database.password", "first");
}

/// Holds a team to having one store, with these values, everywhere.
#[track_caller]
fn all_have(team: &Team, people: &[&Person], values: &[(&str, &str)], what: &str) {
    let there = team.service.get(&team.bucket, "secrets.enc");
    for person in people {
        let pulled = person.run(&["remote", "pull"]).done();
        assert_eq!(pulled.code, 0, "{what}: {}", pulled.stderr);
        assert!(there.as_ref() == Some(&person.world.store_bytes()), "{what}: {}", pulled.stderr);
    }
    for (name, value) in values {
        assert_eq!(people[0].value(name), *value, "{what}");
    }
    let status = people[0].run(&["remote", "status"]).done();
    assert_eq!(status.code, 0, "{what}: {}{}", status.stdout, status.stderr);
}

#[test]
#[ignore = "needs Ceph and moto; run tests/run"]
fn a_fault_at_any_request_loses_nothing_and_invents_nothing() {
    for team in [Team::new(ceph()), Team::new(moto())] {
        let (ada, bob) = (team.ada(), team.bob());
        let proxy = proxy(&team);
        acquaint(&ada, &team, &proxy);
        let mut number = 0;
        for fault in PASSING {
            for at in 1.. {
                let what = format!("{} {fault:?} at {at}", team.service.kind);
                number += 1;
                let (hers, his) = (format!("from ada {number}"), (1000 + number).to_string());
                // Ada is behind, so that there is something to be merged too.
                bob.set("database.port", &his);
                once(&proxy, at, fault);
                let done = ada.run(&["set", "database.password"]).stdin(&hers).done();
                assert_eq!(done.code, 0, "{what}: {}", done.stderr);
                assert!(!done.stderr.contains("warn:"), "{what}: {}", done.stderr);
                let values = [("database.password", hers.as_str()), ("database.port", his.as_str())];
                let asked = end(&proxy);
                all_have(&team, &[&ada, &bob], &values, &what);
                if asked < at {
                    assert!(at > 3, "{what}: too few requests");
                    break;
                }
            }
        }
    }
}

#[test]
#[ignore = "needs Ceph and moto; run tests/run"]
fn a_fault_at_any_request_of_the_first_write_leaves_the_old_or_the_new() {
    for service in [ceph(), moto()] {
        for fault in [Fault::ReplyLost, Fault::Misreported(500, "InternalError")] {
            for at in 1.. {
                let what = format!("{} {fault:?} at {at}", service.kind);
                let team = Team::new(service);
                let ada = team.founder();
                let proxy = proxy(&team);
                once(&proxy, at, fault);
                by_way_of(&ada, &team, &proxy.endpoint);
                let done = ada.run(&["remote", "push"]).done();
                assert_eq!(done.code, 0, "{what}: {}", done.stderr);
                let asked = end(&proxy);
                all_have(&team, &[&ada, &team.bob()], &[("database.port", "5432")], &what);
                if asked < at {
                    assert!(at > 10, "{what}: too few requests");
                    break;
                }
            }
        }
    }
}

#[test]
#[ignore = "needs Ceph and moto; run tests/run"]
fn a_service_that_fails_for_long_leaves_the_copy_here() {
    let team = Team::new(ceph());
    let ada = team.ada();
    let bob = team.bob();
    let proxy = proxy(&team);
    acquaint(&ada, &team, &proxy);
    for (from, fault, said) in [
        (1, Fault::Refused(503, "SlowDown"), "the service asks to slow down"),
        (2, Fault::Misreported(500, "InternalError"), "the service fails for now (500)"),
        (2, Fault::ReplyLost, "the connection failed; whether the write arrived is not known"),
    ] {
        let what = format!("{fault:?}");
        proxy.plan(move |asked| if asked.number >= from { fault } else { Fault::None });
        let done = ada.run(&["set", "database.password"]).stdin(&what).done();
        assert_eq!(done.code, 0, "{what}: {}", done.stderr);
        assert!(done.stderr.starts_with("warn: "), "{what}: {}", done.stderr);
        assert!(done.stderr.contains(said), "{what}: {}", done.stderr);
        assert_eq!(ada.value("database.password"), what);
        end(&proxy);
        ada.set("database.port", "6432");
        all_have(&team, &[&ada, &bob], &[("database.password", &what), ("database.port", "6432")], &what);
    }
}

#[test]
#[ignore = "needs Ceph and moto; run tests/run"]
fn who_waits_in_vain_tries_again() {
    let team = Team::new(ceph());
    let ada = team.ada();
    let proxy = proxy(&team);
    acquaint(&ada, &team, &proxy);
    for (at, fault) in [(1, Fault::Stalled), (2, Fault::ReplyStalled)] {
        once(&proxy, at, fault);
        let value = format!("{fault:?}");
        assert_eq!(ada.set("database.password", &value), "ok: database.password changed\n");
        end(&proxy);
        all_have(&team, &[&ada], &[("database.password", &value)], &value);
    }
}

#[test]
#[ignore = "needs Ceph and moto; run tests/run"]
fn what_lasts_is_named() {
    let team = Team::new(ceph());
    let ada = team.ada();
    let before = ada.world.store_bytes();
    for (status, code, code_of_ours, text) in [
        (
            301,
            "PermanentRedirect",
            1,
            "the bucket is in another region, or at another endpoint: see `region` and `endpoint`",
        ),
        (
            400,
            "AuthorizationHeaderMalformed",
            1,
            "the bucket is in another region, or at another endpoint: see `region` and `endpoint`",
        ),
        (403, "RequestTimeTooSkewed", 1, "this machine's clock differs too much from the service's"),
        (
            403,
            "AccessDenied",
            1,
            "the credentials may not do this: they need to read, write and list in the bucket",
        ),
        (403, "ExpiredToken", 1, "the credentials have expired"),
        (404, "NoSuchBucket", 1, "there is no such bucket"),
        (400, "SomethingElse", 1, "the service refuses the request (400)"),
    ] {
        let proxy = Proxy::new(&team.service.endpoint, move |_| Fault::Refused(status, code));
        by_way_of(&ada, &team, &proxy.endpoint);
        let done = ada.run(&["set", "database.port"]).stdin("6432").done();
        let start = format!("error: s3://{}/secrets.enc at {}: {text}\n", team.bucket, proxy.endpoint);
        assert_eq!(done.code, code_of_ours, "{code}: {}", done.stderr);
        assert!(done.stderr.starts_with(&start), "{code}: {}", done.stderr);
        assert!(ada.world.store_bytes() == before, "{code}");
        assert_eq!(proxy.asked(), 1, "{code}: asked again");
    }
}

/// Kills a command at a request, before or after the service has it. Whether there was such a request.
fn kill_at_request(proxy: &Proxy, person: &Person, at: usize, fault: Fault, value: &str) -> bool {
    let (to, from) = mpsc::channel();
    let to = Mutex::new(to);
    proxy.plan(move |asked| {
        if asked.number < at {
            return Fault::None;
        }
        let _ = to.lock().unwrap().send(());
        fault
    });
    let mut command = person.spawn(&["set", "database.password"]);
    let mut child = command.stdin(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), value.as_bytes()).unwrap();
    let child = Arc::new(Mutex::new(child));
    let came_to_it = loop {
        if from.recv_timeout(std::time::Duration::from_millis(20)).is_ok() {
            // What goes through has arrived before the process is gone: the service is quicker than this.
            std::thread::sleep(std::time::Duration::from_millis(if fault == Fault::Stalled {
                0
            } else {
                300
            }));
            child.lock().unwrap().kill().unwrap();
            break true;
        }
        if child.lock().unwrap().try_wait().unwrap().is_some() {
            break false;
        }
    };
    let ending = child.lock().unwrap().wait().unwrap();
    assert!(ending.signal() == Some(9) || ending.success(), "{ending}");
    came_to_it
}

#[test]
#[ignore = "needs Ceph and moto; run tests/run"]
fn a_kill_at_any_request_leaves_the_old_or_the_new_here_and_there() {
    for team in [Team::new(ceph()), Team::new(moto())] {
        let (ada, bob) = (team.ada(), team.bob());
        let proxy = proxy(&team);
        acquaint(&ada, &team, &proxy);
        let mut number = 0;
        for fault in [Fault::Stalled, Fault::ReplyStalled] {
            for at in 1.. {
                number += 1;
                let what = format!("{} {fault:?} at {at}", team.service.kind);
                let (old, new) = (ada.value("database.password"), format!("from ada {number}"));
                let store = ada.world.store_bytes();
                let came_to_it = kill_at_request(&proxy, &ada, at, fault, &new);
                end(&proxy);
                assert!(ada.world.store_bytes() == store || !came_to_it, "{what}");
                // Others find the old or the new, and can go on.
                let port = (1000 + number).to_string();
                bob.set("database.port", &port);
                let found = bob.value("database.password");
                assert!(found == old || found == new, "{what}: {found}");
                assert!(came_to_it || found == new, "{what}");
                all_have(
                    &team,
                    &[&ada, &bob],
                    &[("database.password", &found), ("database.port", &port)],
                    &what,
                );
                // And so can she.
                let again = format!("again {number}");
                ada.set("database.password", &again);
                all_have(&team, &[&ada, &bob], &[("database.password", &again)], &what);
                if !came_to_it {
                    assert!(at > 3, "{what}: too few requests");
                    break;
                }
            }
        }
    }
}

/// The process that is killed at an effect on the disk. As a test of its own it does nothing.
#[test]
fn child() {
    let Some(root) = std::env::var_os("LUCA_TEST_S3_ROOT") else { return };
    let text = |name: &str| std::env::var(name).unwrap();
    let ada = Person::at(Path::new(&root), (text("AWS_ACCESS_KEY_ID"), text("AWS_SECRET_ACCESS_KEY")));
    let gate = Arc::new(Nth::new(text("LUCA_TEST_AT").parse().unwrap(), killed));
    let done = ada.run(&["set", "database.password"]).stdin(text("LUCA_TEST_VALUE")).gate(gate).done();
    assert_eq!(done.code, 0, "{}", done.stderr);
}

#[test]
#[ignore = "needs Ceph and moto; run tests/run"]
fn a_kill_at_any_effect_on_the_disk_leaves_the_old_or_the_new_here_and_there() {
    let team = Team::new(ceph());
    let (ada, bob) = (team.ada(), team.bob());
    for at in 1.. {
        let (old, new) = (ada.value("database.password"), format!("from ada {at}"));
        bob.set("database.port", &(1000 + at).to_string());
        let was_killed = is_killed(
            "s3::faults::child",
            [
                ("LUCA_TEST_S3_ROOT", ada.world.root().as_ref()),
                ("LUCA_TEST_AT", at.to_string().as_ref()),
                ("LUCA_TEST_VALUE", new.as_ref()),
                ("AWS_ACCESS_KEY_ID", team.service.keys.0.as_ref()),
                ("AWS_SECRET_ACCESS_KEY", team.service.keys.1.as_ref()),
            ],
        );
        let here = ada.value("database.password");
        assert!(here == new || (here == old && was_killed), "{at}: {here}");
        bob.run(&["remote", "pull"]).done();
        let there = bob.value("database.password");
        // What is here is there; what is there may not be here yet.
        assert!(there == new || (there == old && here == old), "{at}: {there}");
        all_have(&team, &[&ada, &bob], &[("database.password", &there)], &format!("at {at}"));
        ada.set("sentry.dsn", &format!("https://{at}@sentry.example.com/1"));
        all_have(&team, &[&bob, &ada], &[("database.password", &there)], &format!("after {at}"));
        if !was_killed {
            assert!(at > 10, "{at} effects");
            break;
        }
    }
}
