//! The world: what the service accepts, what consumers have, what stands in the store's home and in each copy, and a list
//! of faults by the number of the place where they strike.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::panic::resume_unwind;
use std::rc::Rc;
use std::time::Duration;

use jiff::Timestamp;

use super::model::{Kind, name};
use crate::rotate::credential::Question;
use crate::rotate::engine::{Outside, Patience, Start};
use crate::rotate::seams::{Deployer, Journal, Person, Seen, Watch};
use crate::rotate::step::Step;
use crate::rotate::trouble::Trouble;
use crate::secret::SecretValue;
use crate::store::{Outcome, RotationRecord, State, Values};
use crate::sys::Random;

/// What is thrown where a process is killed.
pub(super) struct Crash;

/// What goes wrong at a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// Killed before anything is done.
    KilledBefore,
    /// Killed when it is done, before anybody hears of it.
    KilledAfter,
    /// Nothing is done, and that is known.
    Down,
    /// A definite refusal.
    Refused,
    /// Done, and the reply is lost.
    ReplyLost,
    /// Not done, and no reply.
    NothingHeard,
    /// Done only after the next two questions about it.
    Late,
}

impl Fault {
    pub(super) const ALL: [Self; 7] = [
        Self::KilledBefore,
        Self::KilledAfter,
        Self::Down,
        Self::Refused,
        Self::ReplyLost,
        Self::NothingHeard,
        Self::Late,
    ];
}

/// Where a machine falls asleep for longer than anybody waits; another one takes over meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Nap {
    /// When it has written that it is about to do something.
    Intended,
    /// With that on its way: it happens at the last moment at which it can.
    OnItsWay,
}

impl Nap {
    pub(super) const ALL: [Self; 2] = [Self::Intended, Self::OnItsWay];
}

/// How long after its intent an effect may still happen, in seconds.
const LAST_MOMENT: i64 = 170;

/// A copy of the store: its record, its secret, and all values that its history has.
#[derive(Clone)]
pub(super) struct Copy {
    record: Option<RotationRecord>,
    value: String,
    history: BTreeSet<String>,
    generation: usize,
}

/// Where logins happen.
#[derive(Default)]
pub(super) struct Service {
    pub(super) accepted: BTreeSet<String>,
    /// Live, and known to nobody but who made them there.
    orphans: BTreeSet<String>,
    made: usize,
}

impl Service {
    fn make(&mut self) -> String {
        self.made += 1;
        format!("new {}", self.made)
    }

    /// A person, or the service itself, makes a value that is valid at once.
    pub(super) fn make_here(&mut self) -> String {
        let value = self.make();
        self.accepted.insert(value.clone());
        self.orphans.insert(value.clone());
        value
    }
}

type LateChange = Box<dyn FnOnce(&mut Service)>;

type Meanwhile = Box<dyn FnOnce()>;

type Interposed = Box<dyn FnOnce() -> usize>;

struct Inner {
    kind: Kind,
    faults: BTreeMap<usize, Fault>,
    place: usize,
    /// From this place on the service is away.
    down_from: Option<usize>,
    interrupt_at: Option<usize>,
    interposed: Option<(usize, Interposed)>,
    effects_then: Option<usize>,
    effects: usize,
    service: Service,
    late: Option<(usize, LateChange)>,
    nap: Option<(Nap, usize, Meanwhile)>,
    has_napped: bool,
    /// What is on its way from a machine that sleeps, and when it happens.
    on_its_way: Option<(i64, LateChange)>,
    consumers: String,
    /// The generation of the store that they have.
    consumers_generation: usize,
    home: Copy,
    /// Each machine's copy, and the record that it last had in common with the home.
    machines: [(Copy, Option<RotationRecord>); 2],
    sent: BTreeSet<String>,
    now: i64,
    runs: usize,
    is_person_there: bool,
    /// Whether a run waits for another machine.
    is_patient: bool,
    /// Whether each machine knows the other one's traces from its own.
    are_apart: bool,
}

/// Shared by everything in it.
#[derive(Clone)]
pub(super) struct World(Rc<RefCell<Inner>>, Rc<Cell<bool>>);

/// The value that everything begins with.
const OLD: &str = "old";

impl World {
    pub(super) fn new(kind: Kind, faults: BTreeMap<usize, Fault>) -> Self {
        let copy = Copy {
            record: None,
            value: OLD.to_owned(),
            history: BTreeSet::from([OLD.to_owned()]),
            generation: 1,
        };
        let inner = Inner {
            kind,
            faults,
            place: 0,
            down_from: None,
            interrupt_at: None,
            interposed: None,
            effects_then: None,
            effects: 0,
            service: Service { accepted: BTreeSet::from([OLD.to_owned()]), ..Service::default() },
            late: None,
            nap: None,
            has_napped: false,
            on_its_way: None,
            consumers: OLD.to_owned(),
            consumers_generation: 1,
            home: copy.clone(),
            machines: [(copy.clone(), None), (copy, None)],
            sent: BTreeSet::new(),
            now: 1_700_000_000,
            runs: 0,
            is_person_there: true,
            is_patient: true,
            are_apart: true,
        };
        Self(Rc::new(RefCell::new(inner)), Rc::default())
    }

    /// Passes a place: something strikes here or nothing.
    fn pass(&self) -> Option<Fault> {
        let due = {
            let mut inner = self.0.borrow_mut();
            let place = inner.place;
            inner.place += 1;
            if inner.interrupt_at.is_some_and(|at| place >= at) {
                self.1.set(true);
            }
            let is_down = inner.down_from.is_some_and(|from| place >= from);
            inner.faults.remove(&place).or(is_down.then_some(Fault::Down))
        };
        if due == Some(Fault::KilledBefore) {
            resume_unwind(Box::new(Crash));
        }
        due
    }

    /// What another machine does right before a write of the journal.
    pub(super) fn interpose(&self, place: usize, what: impl FnOnce() -> usize + 'static) {
        self.0.borrow_mut().interposed = Some((place, Box::new(what)));
    }

    /// How many effects there were when the other machine was done; nothing if it had nothing to do.
    pub(super) fn interposed(&self) -> Option<usize> {
        self.0.borrow().effects_then
    }

    /// The first machine falls asleep at a place, and another one does something until it wakes up.
    pub(super) fn nap(&self, nap: Nap, place: usize, meanwhile: impl FnOnce() + 'static) {
        self.0.borrow_mut().nap = Some((nap, place, Box::new(meanwhile)));
    }

    pub(super) fn has_napped(&self) -> bool {
        self.0.borrow().has_napped
    }

    /// Whether anything is live that nobody knows of.
    pub(super) fn has_orphans(&self) -> bool {
        let inner = self.0.borrow();
        inner.service.orphans.iter().any(|value| inner.service.accepted.contains(value))
    }

    /// What the other one does while this one sleeps here, if it does.
    fn falls_asleep(&self, here: Nap) -> Option<Meanwhile> {
        let mut inner = self.0.borrow_mut();
        let is_due = inner.nap.as_ref().is_some_and(|(nap, place, _)| *nap == here && inner.place >= *place);
        let (_, _, meanwhile) = if is_due { inner.nap.take()? } else { return None };
        inner.has_napped = true;
        Some(meanwhile)
    }

    /// Time passes, and what is on its way happens when its time has come.
    fn wait(&self, seconds: i64) {
        let mut inner = self.0.borrow_mut();
        inner.now += seconds;
        if let Some((at, change)) = inner.on_its_way.take() {
            if inner.now < at {
                inner.on_its_way = Some((at, change));
            } else {
                change(&mut inner.service);
                inner.effects += 1;
            }
        }
    }

    fn let_the_other_in(&self) {
        let due = {
            let mut inner = self.0.borrow_mut();
            let is_due = inner.interposed.as_ref().is_some_and(|(place, _)| inner.place >= *place);
            if is_due { inner.interposed.take() } else { None }
        };
        if let Some((_, what)) = due {
            let before = self.0.borrow().home.record.clone();
            let effects = what();
            let mut inner = self.0.borrow_mut();
            if inner.home.record != before {
                inner.effects_then = Some(effects);
            }
        }
    }

    /// An effect at the service. `Err` is what its caller hears.
    pub(super) fn effect(
        &self,
        step: &Step,
        change: impl FnOnce(&mut Service) + 'static,
    ) -> Result<(), Trouble> {
        self.assert_intended(step);
        let fault = self.pass();
        let mut inner = self.0.borrow_mut();
        match fault {
            Some(Fault::Down) => return Err(Trouble::unavailable("the service is away")),
            Some(Fault::Refused) => return Err(Trouble::rejected("the service refused it")),
            Some(Fault::NothingHeard) => return Err(Trouble::in_doubt("no reply")),
            Some(Fault::Late) => {
                inner.late = Some((2, Box::new(change)));
                return Err(Trouble::in_doubt("no reply in time"));
            }
            _ => {
                drop(inner);
                self.happens(Box::new(change));
            }
        }
        self.assert_well();
        match fault {
            Some(Fault::KilledAfter) => resume_unwind(Box::new(Crash)),
            Some(Fault::ReplyLost) => Err(Trouble::in_doubt("the reply was lost")),
            _ => Ok(()),
        }
    }

    /// A change at the service: at once, or at the last moment where the machine sleeps.
    fn happens(&self, change: LateChange) {
        let Some(meanwhile) = self.falls_asleep(Nap::OnItsWay) else {
            let mut inner = self.0.borrow_mut();
            change(&mut inner.service);
            inner.effects += 1;
            return;
        };
        let at = self.0.borrow().now + LAST_MOMENT;
        self.0.borrow_mut().on_its_way = Some((at, change));
        meanwhile();
        let left = (at - self.0.borrow().now).max(0);
        self.wait(left);
    }

    /// A look at the service: whether it accepts a value.
    pub(super) fn accepts(&self, value: &str) -> Result<bool, Trouble> {
        match self.pass() {
            Some(Fault::Down) => return Err(Trouble::unavailable("the service is away")),
            Some(Fault::ReplyLost | Fault::NothingHeard | Fault::Late) => {
                return Err(Trouble::in_doubt("no answer that counts"));
            }
            Some(Fault::KilledAfter) => resume_unwind(Box::new(Crash)),
            _ => {}
        }
        self.wait(0);
        let mut inner = self.0.borrow_mut();
        match inner.late.take() {
            Some((0, change)) => {
                change(&mut inner.service);
                inner.effects += 1;
            }
            Some((left, change)) => {
                inner.late = Some((left - 1, change));
                return Err(Trouble::in_doubt("a request is under way still"));
            }
            None => {}
        }
        Ok(inner.service.accepted.contains(value))
    }

    /// The same, where a fault can be that the service says no.
    pub(super) fn is_proven(&self, value: &str) -> Result<bool, Trouble> {
        let place = self.0.borrow().place;
        let is_refused = self.0.borrow().faults.get(&place) == Some(&Fault::Refused);
        let answer = self.accepts(value)?;
        if is_refused { Err(Trouble::rejected("the service refused the proof")) } else { Ok(answer) }
    }

    /// A new value.
    pub(super) fn make(&self) -> String {
        self.0.borrow_mut().service.make()
    }

    /// Takes away at the source what nobody knows.
    pub(super) fn drop_orphans(&self) {
        let mut inner = self.0.borrow_mut();
        let orphans = std::mem::take(&mut inner.service.orphans);
        inner.service.accepted.retain(|value| !orphans.contains(value));
    }

    /// A value was sent to the service.
    pub(super) fn send(&self, value: &str) {
        self.0.borrow_mut().sent.insert(value.to_owned());
    }

    pub(super) fn sent(&self) -> usize {
        self.0.borrow().sent.len()
    }

    pub(super) fn effects(&self) -> usize {
        self.0.borrow().effects
    }

    pub(super) fn places(&self) -> usize {
        self.0.borrow().place
    }

    pub(super) fn at_home(&self) -> Option<RotationRecord> {
        self.0.borrow().home.record.clone()
    }

    pub(super) fn go_down(&self, from: usize) {
        self.0.borrow_mut().down_from = Some(from);
    }

    pub(super) fn interrupt_at(&self, place: usize) {
        self.0.borrow_mut().interrupt_at = Some(place);
    }

    pub(super) fn set_person(&self, is_there: bool) {
        self.0.borrow_mut().is_person_there = is_there;
    }

    pub(super) fn set_patient(&self, is_patient: bool) {
        self.0.borrow_mut().is_patient = is_patient;
    }

    pub(super) fn set_apart(&self, are_apart: bool) {
        self.0.borrow_mut().are_apart = are_apart;
    }

    /// Nothing fails any more.
    pub(super) fn mend(&self) {
        let mut inner = self.0.borrow_mut();
        inner.faults.clear();
        (inner.down_from, inner.interrupt_at, inner.is_person_there) = (None, None, true);
        self.1.set(false);
    }

    pub(super) fn pass_time(&self) {
        self.wait(100_000);
    }

    /// I4: what is about to be done stands in the journal, here and in the home.
    fn assert_intended(&self, step: &Step) {
        let inner = self.0.borrow();
        let is_note = |copy: &Copy| {
            let last = copy.record.as_ref().and_then(|record| record.effects.last());
            last.is_some_and(|note| note.step == step.name && note.outcome == Outcome::Intended)
        };
        assert!(inner.machines.iter().any(|(copy, _)| is_note(copy)), "{} was not intended", step.name);
        assert!(is_note(&inner.home), "{} was not intended everywhere", step.name);
    }

    /// I1 and I2.
    pub(super) fn assert_well(&self) {
        let inner = self.0.borrow();
        let readable = |value: &String| {
            let record = inner.home.record.as_ref();
            let in_record =
                record.is_some_and(|record| record.values().any(|(_, one)| one.expose() == value));
            in_record || inner.home.history.contains(value) || inner.service.orphans.contains(value)
        };
        let lost: Vec<&String> = inner.service.accepted.iter().filter(|value| !readable(value)).collect();
        assert!(lost.is_empty(), "live, and nowhere in the store's home: {lost:?}");
        if inner.kind.is_dual() {
            assert!(
                inner.service.accepted.contains(&inner.consumers),
                "the consumers are locked out with {:?}",
                inner.consumers
            );
        }
        assert!(!inner.service.accepted.is_empty(), "nobody gets in any more");
    }

    /// The end is an end: one value, the same everywhere.
    pub(super) fn assert_ended(&self, state: State) {
        let inner = self.0.borrow();
        assert_eq!(inner.consumers, inner.home.value, "{state}");
        let live: Vec<&String> = inner.service.accepted.difference(&inner.service.orphans).collect();
        assert_eq!(live, [&inner.consumers], "{state}");
        assert_eq!(state == State::Undone, inner.consumers == OLD, "{state}");
        assert!(inner.home.record.as_ref().is_some_and(|record| record.values().next().is_none()));
    }

    pub(super) fn describe(&self) -> String {
        let inner = self.0.borrow();
        let record = inner.home.record.as_ref().map(|record| {
            let effects = record.effects.iter().map(|note| format!("{} {}", note.step, note.outcome.word()));
            format!(
                "{}, {} done, {:?}, {:?}",
                record.state,
                record.done,
                record.reason,
                effects.collect::<Vec<_>>()
            )
        });
        format!("{record:?}, accepted {:?}, consumers {:?}", inner.service.accepted, inner.consumers)
    }
}

/// A run of the program on one machine.
pub(super) struct Machine<'w> {
    world: &'w World,
    number: usize,
    run: usize,
}

impl<'w> Machine<'w> {
    pub(super) fn open(world: &'w World, number: usize) -> Self {
        let mut inner = world.0.borrow_mut();
        inner.runs += 1;
        let run = inner.runs;
        drop(inner);
        Self { world, number, run }
    }

    /// Takes in what the home has, or brings there what only this copy has.
    pub(super) fn pull(&mut self) -> Option<RotationRecord> {
        let mut inner = self.world.0.borrow_mut();
        let home = inner.home.clone();
        let (copy, common) = inner.machines[self.number].clone();
        if home.record == common && copy.record != common {
            inner.home = copy.clone();
        }
        // What both have changed is the home's: this copy has lost.
        let home = inner.home.clone();
        inner.machines[self.number] = (home.clone(), home.record);
        inner.machines[self.number].0.record.clone()
    }

    pub(super) fn parts(&self) -> Parts<'w> {
        let seat = || Seat { world: self.world, number: self.number };
        Parts {
            by: format!("run {}", self.run),
            holder: format!("machine {}", if self.world.0.borrow().are_apart { self.number } else { 0 }),
            waits: self.world.0.borrow().is_patient,
            seats: [seat(), seat(), seat(), seat(), seat(), seat()],
        }
    }
}

/// One for each seam.
pub(super) struct Parts<'w> {
    by: String,
    holder: String,
    waits: bool,
    seats: [Seat<'w>; 6],
}

impl Parts<'_> {
    pub(super) fn start(&self) -> Start {
        let inner = self.seats[0].world.0.borrow();
        let value = &inner.machines[self.seats[0].number].0.value;
        let current = Values::from([(name(), Some(SecretValue::new(value.clone())))]);
        Start { kind: "model".to_owned(), current, generation: 1 }
    }

    pub(super) fn outside(&mut self) -> Outside<'_> {
        let [journal, deployer, person, seen, watch, random] = &mut self.seats;
        let altogether = Duration::from_mins(1);
        let patience = Patience { altogether, waits_for_others: self.waits, ..Patience::UNATTENDED };
        let (by, holder) = (self.by.clone(), Some(self.holder.clone()));
        Outside { journal, deployer, person, seen, watch, random, by, holder, patience }
    }
}

struct Seat<'w> {
    world: &'w World,
    number: usize,
}

impl Journal for Seat<'_> {
    fn write(&mut self, record: &RotationRecord, values: &Values, everywhere: bool) -> Result<(), Trouble> {
        self.world.let_the_other_in();
        let fault = self.world.pass();
        let mut inner = self.world.0.borrow_mut();
        let home = inner.home.record.clone();
        let (mut copy, common) = inner.machines[self.number].clone();
        if home != common {
            return Err(Trouble::held("somebody else was first"));
        }
        copy.record = Some(record.clone());
        for value in values.values().flatten() {
            copy.value = value.expose().to_owned();
            copy.history.insert(copy.value.clone());
        }
        let is_away = matches!(fault, Some(Fault::Down | Fault::NothingHeard | Fault::Refused | Fault::Late));
        if is_away && everywhere {
            return Err(Trouble::unavailable("the home is away"));
        }
        if is_away {
            inner.machines[self.number].0 = copy;
            return Ok(());
        }
        let known: Vec<String> = record.values().map(|(_, value)| value.expose().to_owned()).collect();
        inner.service.orphans.retain(|value| !known.contains(value));
        copy.generation += 1;
        inner.home = copy.clone();
        if fault == Some(Fault::KilledAfter) {
            // There, and not yet here.
            drop(inner);
            resume_unwind(Box::new(Crash));
        }
        inner.machines[self.number] = (copy, Some(record.clone()));
        drop(inner);
        let is_intent = record.effects.last().is_some_and(|note| note.outcome == Outcome::Intended);
        if is_intent
            && everywhere
            && let Some(meanwhile) = self.world.falls_asleep(Nap::Intended)
        {
            self.world.wait(LAST_MOMENT);
            meanwhile();
        }
        Ok(())
    }

    fn read(&mut self) -> Result<Option<RotationRecord>, Trouble> {
        Ok(self.world.0.borrow().machines[self.number].0.record.clone())
    }
}

impl Deployer for Seat<'_> {
    fn deploy(&mut self, _: &BTreeSet<crate::name::SecretName>) -> Result<String, Trouble> {
        let fault = self.world.pass();
        match fault {
            Some(Fault::Down) => return Err(Trouble::unavailable("a server is away")),
            Some(Fault::Refused) => {
                return Err(Trouble::rejected("a server refused the new file, and is not healthy"));
            }
            Some(Fault::NothingHeard | Fault::Late) => return Err(Trouble::in_doubt("a server was lost")),
            _ => {}
        }
        if let Some(meanwhile) = self.world.falls_asleep(Nap::OnItsWay) {
            meanwhile();
            self.world.wait(LAST_MOMENT);
        }
        let mut inner = self.world.0.borrow_mut();
        let copy = inner.machines[self.number].0.clone();
        if copy.generation < inner.consumers_generation {
            return Err(Trouble::held("the server has a later generation of the store"));
        }
        (inner.consumers, inner.consumers_generation) = (copy.value, copy.generation);
        inner.effects += 1;
        drop(inner);
        self.world.assert_well();
        match fault {
            Some(Fault::KilledAfter) => resume_unwind(Box::new(Crash)),
            Some(Fault::ReplyLost) => Err(Trouble::in_doubt("a server was lost at the end")),
            _ => Ok("web".to_owned()),
        }
    }

    fn differences(&mut self, _: &BTreeSet<crate::name::SecretName>) -> Result<Vec<String>, Trouble> {
        Ok(Vec::new())
    }
}

impl Person for Seat<'_> {
    fn ask(&mut self, _: &Step, question: &Question, _: bool) -> Option<Vec<SecretValue>> {
        if !self.world.0.borrow().is_person_there {
            return None;
        }
        if question.fields.is_empty() {
            // Whoever confirms has done it.
            let mut inner = self.world.0.borrow_mut();
            let consumers = inner.consumers.clone();
            inner.service.accepted.retain(|value| *value == consumers);
            return Some(Vec::new());
        }
        Some(vec![SecretValue::new(self.world.0.borrow_mut().service.make_here())])
    }
}

impl Seen for Seat<'_> {
    fn begins(&mut self, _: &Step, _: &RotationRecord) {}
    fn waits(&mut self, _: &Step, _: Duration) {}
    fn ended(&mut self, _: &Step, _: &RotationRecord, _: Result<&str, &Trouble>) {}
}

impl Watch for Seat<'_> {
    fn now(&self) -> Timestamp {
        Timestamp::from_second(self.world.0.borrow().now).unwrap()
    }

    fn passed(&self) -> Duration {
        Duration::from_secs(u64::try_from(self.world.0.borrow().now).unwrap())
    }

    fn pause(&mut self, time: Duration) {
        self.world.wait(i64::try_from(time.as_secs()).unwrap().max(1));
    }

    fn is_interrupted(&self) -> bool {
        self.world.1.get()
    }
}

impl Random for Seat<'_> {
    fn fill(&mut self, buffer: &mut [u8]) -> std::io::Result<()> {
        // Different at each rotation, so that their names are.
        let made = self.world.0.borrow().place;
        buffer.fill(u8::try_from(made % 251).unwrap());
        Ok(())
    }
}
