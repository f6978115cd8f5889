//! A place in a talk where it is held up, until a test has done what it wants to do just then.

use std::sync::{Arc, Condvar, Mutex};

/// Where it is held.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Side {
    /// Before the server gets what the client says.
    Before,
    /// After the server has done it, and before the client hears of it.
    After,
}

/// Holds a talk up at one of its turns, counted over all that it is set in.
#[derive(Clone, Default)]
pub struct Trap(Arc<(Mutex<Inner>, Condvar)>);

#[derive(Default)]
struct Inner {
    /// How many turns are left until it springs, and on which side.
    left: Option<(usize, Side)>,
    is_sprung: bool,
    /// Whether what is held goes on, once that is known.
    goes_on: Option<bool>,
}

impl Trap {
    /// Springs at a turn from now on, counted from 1.
    pub fn set(&self, turn: usize, side: Side) {
        *self.0.0.lock().unwrap() = Inner { left: Some((turn, side)), ..Inner::default() };
    }

    /// Springs no more.
    pub fn disarm(&self) {
        self.0.0.lock().unwrap().left = None;
    }

    /// Whether something is held.
    pub fn is_sprung(&self) -> bool {
        self.0.0.lock().unwrap().is_sprung
    }

    /// Lets what is held go on, or ends it.
    pub fn release(&self, goes_on: bool) {
        self.0.0.lock().unwrap().goes_on = Some(goes_on);
        self.0.1.notify_all();
    }

    /// A turn: on which side it is to be held, if it is.
    pub(super) fn turn(&self) -> Option<Side> {
        let mut inner = self.0.0.lock().unwrap();
        let (left, side) = inner.left?;
        inner.left = (left > 1).then_some((left - 1, side));
        (left == 1).then_some(side)
    }

    /// Holds it; whether it goes on.
    pub(super) fn hold(&self) -> bool {
        let mut inner = self.0.0.lock().unwrap();
        inner.is_sprung = true;
        loop {
            if let Some(goes_on) = inner.goes_on {
                return goes_on;
            }
            inner = self.0.1.wait(inner).unwrap();
        }
    }
}
