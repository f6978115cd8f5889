//! The engine against a world made for it: a service with logins, consumers with a file, machines with a copy of the store
//! and its home. They fail, lie and die in every way that the contracts allow, and an observer looks after every effect.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use proptest::prelude::*;

use super::*;

mod model;
mod world;

use model::Kind;
use world::{Crash, Fault, Machine, Nap, World};

/// How many random histories of each kind; `LUCA_SECRETS_LONG=N` makes them more.
fn cases() -> u32 {
    std::env::var("LUCA_SECRETS_LONG").ok().and_then(|number| number.parse().ok()).unwrap_or(300)
}

/// Most runs that a history may take once nothing fails any more.
const MOST_RUNS: usize = 12;

/// One run on a machine: begins, or takes up what is there. Nothing if the process was killed.
fn run(world: &World, kind: Kind, machine: usize, undoes: bool) -> Option<Ending> {
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        let mut machine = Machine::open(world, machine);
        let record = machine.pull();
        let mut credential = model::Model::new(world, kind);
        let mut parts = machine.parts();
        let start = parts.start();
        let mut engine = Engine::new(&mut credential, parts.outside());
        match record {
            // One rotation is a whole history.
            Some(record) if record.state.is_end() => Ending::Done,
            Some(record) if undoes => engine.undo(record, "asked for"),
            Some(record) => engine.resume(record),
            None => engine.begin(start),
        }
    }));
    match outcome {
        Ok(ending) => Some(ending),
        Err(panic) if panic.is::<Crash>() => None,
        Err(panic) => resume_unwind(panic),
    }
}

/// Runs until the rotation has ended. Where it is held, a person takes it up, now and then on the other machine.
fn finish(world: &World, kind: Kind) -> State {
    for attempt in 0..MOST_RUNS {
        world.assert_well();
        if let Some(record) = world.at_home().filter(|record| record.state.is_end()) {
            world.assert_ended(record.state);
            return record.state;
        }
        world.pass_time();
        let ending = run(world, kind, attempt % 2, false);
        assert!(!matches!(ending, Some(Ending::Refused(_))), "{ending:?}");
    }
    panic!("no end after {MOST_RUNS} runs: {}", world.describe());
}

/// Begins, and lets the faults happen.
fn with_faults(kind: Kind, faults: &[(usize, Fault)]) -> (World, Option<Ending>) {
    let world = World::new(kind, faults.iter().copied().collect());
    let ending = run(&world, kind, 0, false);
    world.assert_well();
    (world, ending)
}

fn has_begun(world: &World) -> bool {
    world.at_home().is_some()
}

#[test]
fn without_faults_every_kind_comes_to_its_end() {
    for kind in Kind::ALL {
        let (world, ending) = with_faults(kind, &[]);
        let expected = if kind.waits() {
            matches!(ending, Some(Ending::Resting { .. }))
        } else {
            ending == Some(Ending::Done)
        };
        assert!(expected, "{kind:?}: {ending:?}");
        assert_eq!(finish(&world, kind), State::Done, "{kind:?}");
        assert!(world.sent() <= 2, "{kind:?}");
    }
}

/// P1, P2, P5: one fault at each place, and every pair of a fault and a kill while it is taken up again.
#[test]
fn any_fault_anywhere_and_a_kill_during_what_follows_come_to_an_end() {
    let mut histories = 0;
    for kind in Kind::ALL {
        let places = {
            let (world, _) = with_faults(kind, &[]);
            finish(&world, kind);
            world.places()
        };
        for first in 0..places {
            for fault in Fault::ALL {
                let (world, _) = with_faults(kind, &[(first, fault)]);
                let after = world.places();
                if has_begun(&world) {
                    finish(&world, kind);
                }
                histories += 1;
                for second in after..world.places() {
                    for kill in [Fault::KilledBefore, Fault::KilledAfter] {
                        let (world, _) = with_faults(kind, &[(first, fault), (second, kill)]);
                        if has_begun(&world) {
                            finish(&world, kind);
                        }
                        histories += 1;
                    }
                }
            }
        }
    }
    assert!(histories > 2_000, "{histories}");
}

#[test]
fn an_undo_from_every_resting_place_brings_everything_back() {
    for kind in Kind::ALL {
        let places = with_faults(kind, &[]).0.places();
        for place in 0..places {
            for fault in [Fault::KilledBefore, Fault::KilledAfter, Fault::Down] {
                let (world, _) = with_faults(kind, &[(place, fault)]);
                if !has_begun(&world) {
                    continue;
                }
                world.mend();
                let ending = run(&world, kind, 1, true);
                match ending {
                    Some(Ending::Refused(trouble)) => {
                        assert!(trouble.message.contains("no way back"), "{trouble:?}");
                    }
                    Some(Ending::Undone(reason)) => {
                        assert_eq!(reason, "asked for");
                        world.assert_ended(State::Undone);
                    }
                    // It had ended before, here or there.
                    other => assert_eq!(other, Some(Ending::Done), "{kind:?}, {place}"),
                }
                world.assert_well();
            }
        }
    }
}

/// P10: another machine takes it up while this one is about to write.
#[test]
fn whoever_writes_first_has_it_and_the_other_does_nothing_more() {
    for kind in Kind::ALL {
        let places = with_faults(kind, &[]).0.places();
        let mut lost = 0;
        for place in 0..places {
            let world = World::new(kind, BTreeMap::new());
            let other = world.clone();
            world.interpose(place, move || {
                if has_begun(&other) {
                    run(&other, kind, 1, false);
                }
                other.effects()
            });
            let ending = run(&world, kind, 0, false);
            if let Some(effects) = world.interposed() {
                assert!(matches!(ending, Some(Ending::Lost(_))), "{kind:?}, {place}: {ending:?}");
                assert_eq!(world.effects(), effects, "{kind:?}, {place}: the loser did something");
                lost += 1;
            }
            finish(&world, kind);
        }
        assert!(lost >= 2, "{kind:?}: {lost}");
    }
}

/// A machine falls asleep at a place, and another one takes the rotation over, or back, meanwhile. The world as it is in the
/// end, in which everything was well all along; `None` if there is no such place.
fn with_a_nap(kind: Kind, nap: Nap, place: usize, undoes: bool, do_wait: bool) -> Option<World> {
    let world = World::new(kind, BTreeMap::new());
    world.set_apart(do_wait);
    let other = world.clone();
    world.nap(nap, place, move || {
        for _ in 0..4 {
            if other.at_home().is_some_and(|record| !record.state.is_end()) {
                run(&other, kind, 1, undoes);
            }
        }
    });
    run(&world, kind, 0, false);
    world.assert_well();
    let state = finish(&world, kind);
    assert!(!world.has_orphans(), "{kind:?}, {nap:?}, {undoes}, {place}: {state}");
    world.has_napped().then_some(world)
}

/// Whatever the first one is about to do when it falls asleep, or has on its way, is too late for nobody.
#[test]
fn a_machine_that_is_late_does_no_harm() {
    for kind in Kind::ALL {
        for (nap, undoes) in Nap::ALL.into_iter().flat_map(|nap| [(nap, false), (nap, true)]) {
            let naps = (0..40).filter(|place| with_a_nap(kind, nap, *place, undoes, true).is_some()).count();
            assert!(naps >= 1, "{kind:?}, {nap:?}");
        }
    }
}

/// The control: where the other one takes the traces for its own, and so does not wait, the world does not stay well.
#[test]
fn without_the_wait_a_machine_that_is_late_does_harm() {
    for kind in [Kind::Dual, Kind::Single, Kind::Issued] {
        let harm = |place: &usize| {
            let outcome = catch_unwind(|| with_a_nap(kind, Nap::OnItsWay, *place, true, false).is_some());
            outcome.is_err()
        };
        assert!((0..40).any(|place| harm(&place)), "{kind:?}");
    }
}

#[test]
fn nobody_waits_unattended_for_a_machine_that_may_be_at_work() {
    for kind in [Kind::Dual, Kind::Single, Kind::Issued] {
        // Killed with an intent written, and nothing done.
        let killed = |place: &usize| with_faults(kind, &[(*place, Fault::KilledBefore)]).0;
        let is_begun = |world: &World| world.at_home().is_some_and(|record| record.intended().is_some());
        let place = (0..9).find(|place| is_begun(&killed(place))).unwrap();
        let world = killed(&place);
        let before = world.at_home();
        world.set_patient(false);
        for undoes in [false, true] {
            let Some(Ending::Busy(trouble)) = run(&world, kind, 1, undoes) else { panic!("{kind:?}") };
            assert!(trouble.message.starts_with("run 1 may be at work on it: "), "{trouble:?}");
        }
        assert!(world.at_home() == before, "nothing is written: that would say that it is ours");
        // Who holds the lock knows better; and who comes later has nothing to wait for.
        let same = killed(&place);
        same.set_patient(false);
        assert!(!matches!(run(&same, kind, 0, false), Some(Ending::Busy(_))));
        world.pass_time();
        assert!(!matches!(run(&world, kind, 1, false), Some(Ending::Busy(_))));
        assert_eq!(finish(&world, kind), State::Done);
    }
}

/// P6: what is no answer of the service changes nothing but the number of tries; after some runs a person is asked.
#[test]
fn a_service_that_is_away_for_long_is_held_and_comes_to_its_end_later() {
    for kind in Kind::ALL {
        let world = World::new(kind, BTreeMap::new());
        world.go_down(0);
        assert!(matches!(run(&world, kind, 0, false), Some(Ending::Refused(_))), "nothing is begun");
        assert!(!has_begun(&world));
        world.mend();
        // It goes away right before the first effect.
        world.go_down(world.places() + 2);
        let mut endings = Vec::new();
        while !matches!(endings.last(), Some(Some(Ending::Held(_) | Ending::Waiting(_)))) {
            endings.push(run(&world, kind, 0, false));
            world.assert_well();
            assert!(endings.len() < 9, "{kind:?}: {endings:?}");
        }
        world.mend();
        assert_eq!(finish(&world, kind), State::Done);
    }
}

#[test]
fn ctrl_c_leaves_it_at_a_resting_place() {
    for kind in Kind::ALL {
        let places = with_faults(kind, &[]).0.places();
        for place in 0..places {
            let world = World::new(kind, BTreeMap::new());
            world.interrupt_at(place);
            let ending = run(&world, kind, 0, false);
            let is_fine = matches!(
                ending,
                Some(Ending::Left(_) | Ending::Resting { .. } | Ending::Waiting(_) | Ending::Done)
            );
            assert!(is_fine, "{ending:?}");
            world.mend();
            assert_eq!(finish(&world, kind), State::Done, "{kind:?}, {place}");
        }
    }
}

#[test]
fn a_definite_refusal_before_the_point_of_no_return_takes_everything_back() {
    for kind in Kind::ALL {
        let (world, _) = with_faults(kind, &[]);
        finish(&world, kind);
        let places = world.places();
        let mut undone = 0;
        for place in 0..places {
            let (world, ending) = with_faults(kind, &[(place, Fault::Refused)]);
            if let Some(Ending::Undone(reason)) = &ending {
                assert!(reason.contains("refused"), "{reason}");
                world.assert_ended(State::Undone);
                undone += 1;
            }
        }
        assert!(undone >= 2, "{kind:?}: {undone}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(cases()) })]
    #[test]
    fn any_history_of_faults_and_machines_comes_to_an_end(
        kind in prop::sample::select(Kind::ALL.to_vec()),
        faults in prop::collection::btree_map(0..60usize, prop::sample::select(Fault::ALL.to_vec()), 0..12),
        runs in prop::collection::vec((0..2usize, prop::bool::weighted(0.2), any::<bool>()), 1..8),
    ) {
        let world = World::new(kind, faults);
        for (machine, undoes, is_person_there) in runs {
            world.set_person(is_person_there);
            run(&world, kind, machine, undoes && has_begun(&world));
            world.assert_well();
            world.pass_time();
        }
        world.mend();
        if has_begun(&world) {
            finish(&world, kind);
        }
    }
}
