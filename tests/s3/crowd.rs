//! Many writers at once, and a network and a service that fail now and then: no update is lost.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::process::Stdio;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::home::{Person, Team};
use crate::harness::between::{Asked, Fault, Proxy};
use crate::harness::s3::{Service, ceph, moto};

/// One request in so many fails.
const ONE_IN: u64 = 12;

/// What fails, but for what is waited for in vain, which comes more rarely.
const FAULTS: [Fault; 11] = [
    Fault::Refused(409, "ConditionalRequestConflict"),
    Fault::Refused(412, "PreconditionFailed"),
    Fault::Misreported(412, "PreconditionFailed"),
    Fault::Refused(500, "InternalError"),
    Fault::Misreported(500, "InternalError"),
    Fault::Refused(503, "SlowDown"),
    Fault::Misreported(503, "SlowDown"),
    Fault::Refused(429, "TooManyRequests"),
    Fault::RequestLost,
    Fault::ReplyLost,
    Fault::ReplyCut,
];

/// Which fault a request has, always the same for the same number.
fn fault(asked: &Asked) -> Fault {
    // splitmix64
    let mut mixed = (asked.number as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^= mixed >> 31;
    if mixed.is_multiple_of(2000) {
        return if asked.method == "PUT" { Fault::ReplyStalled } else { Fault::Stalled };
    }
    if !mixed.is_multiple_of(ONE_IN) {
        return Fault::None;
    }
    FAULTS[usize::try_from(mixed / ONE_IN % FAULTS.len() as u64).unwrap()]
}

/// How commands ended.
#[derive(Default)]
struct Tally {
    endings: Mutex<BTreeMap<String, usize>>,
    commands: AtomicUsize,
}

impl Tally {
    fn note(&self, ending: String) {
        *self.endings.lock().unwrap().entry(ending).or_default() += 1;
    }
}

/// Runs a command of a process of its own; the exit code, and whether it was brought to the others.
fn act(person: &Person, arguments: &[&str], input: &str, tally: &Tally) -> (i32, bool) {
    tally.commands.fetch_add(1, Ordering::Relaxed);
    let mut command = person.spawn(arguments);
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let done = child.wait_with_output().unwrap();
    let said = String::from_utf8(done.stderr).unwrap();
    let code = done.status.code().unwrap();
    let is_kept_here = said.contains("the store here is written all the same");
    let how = if is_kept_here { "kept here for now" } else { "brought there" };
    tally.note(if code == 0 {
        how.to_owned()
    } else {
        format!("{code}: {}", said.lines().next().unwrap_or_default())
    });
    (code, !is_kept_here)
}

/// One of the crowd: writes its changes, each until it is written, and brings all of them to the others in the end.
fn write_all(person: &Person, writer: usize, changes: usize, tally: &Tally) {
    for change in 0..changes {
        let (name, value) = (format!("writer{writer}.change{change}"), format!("{writer} {change}"));
        let mut is_done = false;
        for _ in 0..20 {
            let (code, _) = act(person, &["set", "-q", "--undeclared", &name], &value, tally);
            assert!(code == 0 || code == 5 || code == 1, "{code}");
            is_done = code == 0;
            if is_done {
                break;
            }
        }
        assert!(is_done, "{name} could not be written");
    }
    for _ in 0..20 {
        if act(person, &["remote", "pull"], "", tally).0 == 0
            && act(person, &["remote", "push"], "", tally).0 == 0
        {
            return;
        }
    }
    panic!("writer {writer} could not bring its changes there");
}

/// Lets so many writers make so many changes in all, and looks whether all of them are there.
fn no_update_is_lost(service: &'static Service, writers: usize, changes: usize) {
    let team = Team::new(service);
    let ada = team.ada();
    let proxy = Proxy::new(&service.endpoint, fault);
    let through = Team { endpoint: proxy.endpoint.clone(), ..Team::of(service, team.bucket.clone()) };
    let people: Vec<Person> = (0..writers).map(|_| team.bob()).collect();
    for person in &people {
        person.world.write("schemas/remote.toml", through.schema());
    }
    let tally = Tally::default();
    let start = std::time::Instant::now();
    std::thread::scope(|scope| {
        for (writer, person) in people.iter().enumerate() {
            let (each, more) = (changes / writers, usize::from(writer < changes % writers));
            let tally = &tally;
            scope.spawn(move || write_all(person, writer, each + more, tally));
        }
    });
    let took = start.elapsed();
    ada.run(&["remote", "pull"]).done();
    let shown = ada.run(&["export", "--format", "json"]).done();
    let all: serde_json::Value = serde_json::from_str(&shown.stdout).unwrap();
    let mut missing = BTreeSet::new();
    for writer in 0..writers {
        for change in 0..changes / writers + usize::from(writer < changes % writers) {
            if all[format!("writer{writer}")][format!("change{change}")] != format!("{writer} {change}") {
                missing.insert((writer, change));
            }
        }
    }
    assert_eq!(proxy.created_twice(), Vec::<String>::new(), "the service let two create one object");
    assert!(missing.is_empty(), "lost: {missing:?}");
    // The versions follow each other without a gap.
    let log = ada.run(&["remote", "log", "--limit", "1000000", "--json"]).done();
    let log: Vec<serde_json::Value> = serde_json::from_str(&log.stdout).unwrap();
    let numbers: Vec<u64> = log
        .iter()
        .map(|entry| entry["version"].as_str().unwrap().split(' ').next().unwrap().parse().unwrap())
        .collect();
    let top = numbers.len() as u64;
    assert_eq!(numbers, (1..=top).rev().collect::<Vec<_>>());
    let (asked, commands) = (proxy.asked(), tally.commands.load(Ordering::Relaxed));
    let mut told = format!(
        "{}: {writers} writers, {changes} changes, {commands} commands, {asked} requests, {top} versions, {took:?}\n",
        service.kind
    );
    for (ending, count) in tally.endings.into_inner().unwrap() {
        told.push_str(&format!("  {count:6} {ending}\n"));
    }
    std::io::stdout().write_all(told.as_bytes()).unwrap();
}

/// `LUCA_SECRETS_WRITERS=32 LUCA_SECRETS_CHANGES=1000` for a real crowd.
fn crowd() -> (usize, usize) {
    let number = |name: &str, default| {
        std::env::var(name).map_or(default, |text| text.parse().expect("a number of writers or changes"))
    };
    (number("LUCA_SECRETS_WRITERS", 8), number("LUCA_SECRETS_CHANGES", 40))
}

#[test]
#[ignore = "needs Ceph and moto; run tests/run"]
fn a_crowd_on_ceph_loses_no_update() {
    let (writers, changes) = crowd();
    no_update_is_lost(ceph(), writers, changes);
}

#[test]
#[ignore = "needs Ceph and moto; run tests/run"]
fn a_crowd_on_moto_loses_no_update() {
    let (writers, changes) = crowd();
    no_update_is_lost(moto(), writers, changes);
}
