//! What is no answer changes nothing, through the program: a network that is silent, cut or late, a server that is full or
//! closes down.

use std::io::{BufRead, BufReader, Read};
use std::process::Stdio;

use luca_secrets::store::Direction;

use super::doubt::{Lock, waits};
use super::stand::{RESUME, ROTATE, Stand};
use super::*;
use crate::harness::postgres::wait_until;
use crate::harness::trap::Side;
use crate::rotate::{Moment, is_long, say};

/// What can be wrong for a while.
#[derive(Clone, Copy, Debug)]
enum Fault {
    /// Connections are made, and nothing is heard.
    Silent,
    /// Every connection is ended as soon as it is made.
    Cut,
    /// 53300: there is no room for another session.
    Full,
    /// 57P03: it is shutting down, and waits for those who are there.
    Closing,
}

impl Fault {
    const ALL: [Self; 4] = [Self::Silent, Self::Cut, Self::Full, Self::Closing];

    /// What messages say of it.
    const fn words(self) -> &'static str {
        match self {
            Self::Silent => "no answer: no login within 1s",
            Self::Cut => "no answer: ",
            Self::Full => "it has no room for another connection (53300)",
            Self::Closing => "it is starting or shutting down (57P03)",
        }
    }
}

/// How many sessions there is room for.
const PLACES: usize = 14;

/// Sessions of the superuser's that do nothing.
struct Crowd {
    _sessions: Vec<Box<dyn std::any::Any>>,
    _runtime: luca_secrets::sys::Runtime,
}

impl Crowd {
    /// So many. Where others are about to leave, it waits for their places.
    fn of(cluster: &Cluster, number: usize) -> Self {
        let runtime = luca_secrets::sys::Runtime::new().unwrap();
        let address = format!("host=127.0.0.1 port={} user=rotator dbname=shop", cluster.port);
        let mut config: tokio_postgres::Config = address.parse().unwrap();
        config.password(ADMIN);
        let mut sessions: Vec<Box<dyn std::any::Any>> = Vec::new();
        wait_until(|| {
            if let Ok(session) = runtime.block_on(config.connect(tokio_postgres::NoTls)) {
                sessions.push(Box::new(session));
            }
            sessions.len() == number
        });
        Self { _sessions: sessions, _runtime: runtime }
    }
}

/// Has something wrong while the rotation is taken up, until the program has said so and was told to stop.
fn left_for(stand: &mut Stand, fault: Fault) -> String {
    let (mut crowd, mut is_closing) = (None, false);
    match fault {
        Fault::Silent => stand.database.mute(),
        Fault::Cut => stand.database.shut(),
        Fault::Full => crowd = Some(Crowd::of(&stand.cluster, PLACES)),
        Fault::Closing => {
            crowd = Some(Crowd::of(&stand.cluster, 1));
            stand.cluster.close();
            is_closing = true;
        }
    }
    let said = interrupted_after(stand, fault.words());
    stand.database.heal();
    drop(crowd);
    if is_closing {
        stand.cluster.stop();
        stand.cluster.restart();
    }
    said
}

/// Takes a rotation up, and interrupts it once it has said something. All that it says.
fn interrupted_after(stand: &Stand, words: &str) -> String {
    let mut child = stand.world.spawn(&RESUME).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap());
    let mut said = String::new();
    while !said.contains(words) {
        assert!(lines.read_line(&mut said).unwrap() > 0, "{words}: {said}");
    }
    let id = rustix::process::Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    rustix::process::kill_process(id, rustix::process::Signal::INT).unwrap();
    lines.read_to_string(&mut said).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(1), "{said}");
    assert!(said.contains("left as it is: "), "{said}");
    said
}

#[test]
#[ignore = "needs PostgreSQL and sshd; run tests/run"]
fn a_fault_leaves_a_rotation_where_it_is() {
    let mut stand = Stand::new("postgres-alternating", Means::Direct);
    stand.cluster.sql("postgres", &format!("ALTER SYSTEM SET max_connections = {PLACES}"));
    stand.cluster.stop();
    stand.cluster.restart();
    // After these writes it is not known whether the new role can log in, it can, the old one may be out, it is out.
    let moments = [2, 3, 9, 10];
    let mut left = 0;
    for (number, commit) in moments.into_iter().enumerate() {
        for (offset, fault) in Fault::ALL.into_iter().enumerate() {
            if !is_long() && offset != number {
                continue;
            }
            let at = format!("{fault:?} after commit {commit}");
            assert!(stand.killed_at(Moment::AfterCommit(commit)), "{at}");
            let (before, record) = (stand.stored(), stand.record().unwrap());
            stand.write_schema("within = \"1s\",");
            let said = left_for(&mut stand, fault);
            stand.write_schema("");
            assert!(!said.contains("password is wrong"), "{at}: {said}");
            let after = stand.record().unwrap();
            assert_eq!((after.state, after.direction), (record.state, Direction::Forward), "{at}");
            assert!(after.done == record.done && after.pending == record.pending, "{at}");
            assert_eq!(stand.stored(), before, "{at}");
            stand.heal(&at);
            left += 1;
        }
    }
    say(&format!("postgres-alternating: left {left} times for a fault, and ended later"));
}

#[test]
#[ignore = "needs PostgreSQL and sshd; run tests/run"]
fn a_reply_that_comes_too_late_is_no_reply_and_no_second_password() {
    for (kind, role) in [("postgres-alternating", "shop_b"), ("postgres-single", "shop")] {
        let stand = Stand::new(kind, Means::Direct);
        assert!(stand.killed_at(Moment::AfterCommit(1)));
        stand.write_schema("within = \"1s\",");
        let lock = Lock::on(&stand.cluster, role);
        let mut child = stand.world.spawn(&RESUME).stderr(Stdio::piped()).spawn().unwrap();
        waits(&stand.cluster);
        stand.database.delay(true);
        lock.release();
        let mut lines = BufReader::new(child.stderr.take().unwrap());
        let mut said = String::new();
        while !said.contains("no answer: no login within 1s") {
            assert!(lines.read_line(&mut said).unwrap() > 0, "{said}");
        }
        // It arrives where nobody waits for it any more.
        stand.database.delay(false);
        lines.read_to_string(&mut said).unwrap();
        child.wait().unwrap();
        stand.write_schema("");
        stand.heal(kind);
        let (user, _) = stand.stored();
        assert_eq!(user, role, "{said}");
    }
}

#[test]
#[ignore = "needs PostgreSQL and sshd; run tests/run"]
fn a_talk_that_is_cut_anywhere_is_begun_again() {
    let stand = Stand::new("postgres-alternating", Means::Direct);
    let mut cut = 0;
    for side in [Side::Before, Side::After] {
        for turn in (9..).step_by(if is_long() { 1 } else { 47 }) {
            stand.trap.set(turn, side);
            let mut child = stand.world.spawn(&ROTATE).stderr(Stdio::piped()).spawn().unwrap();
            let is_over = loop {
                if stand.trap.is_sprung() {
                    stand.trap.release(false);
                    break false;
                }
                if child.try_wait().unwrap().is_some() {
                    break true;
                }
                std::thread::sleep(std::time::Duration::from_millis(2));
            };
            let done = child.wait_with_output().unwrap();
            stand.trap.disarm();
            let at = format!("{side:?} turn {turn}: {}", String::from_utf8_lossy(&done.stderr));
            // Before anything is begun it is not.
            assert!([Some(0), Some(1)].contains(&done.status.code()), "{at}");
            stand.heal(&at);
            if is_over {
                break;
            }
            cut += 1;
        }
    }
    assert!(cut >= 4, "{cut}");
    say(&format!("postgres-alternating: cut at {cut} turns of its talks"));
}
