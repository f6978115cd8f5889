//! Progress: a line for each step, with the time it took.

use std::time::{Duration, Instant};

use crate::rotate::{Action, Seen, Step, Trouble, TroubleKind};
use crate::store::RotationRecord;

use super::desk::Desk;

/// Says what goes on.
pub(super) struct Progress<'d, 'c> {
    desk: &'d Desk<'c>,
    began: Instant,
}

impl<'d, 'c> Progress<'d, 'c> {
    /// Nothing has begun yet.
    pub(super) fn new(desk: &'d Desk<'c>) -> Self {
        Self { desk, began: Instant::now() }
    }
}

impl Seen for Progress<'_, '_> {
    fn begins(&mut self, step: &Step, _: &RotationRecord) {
        self.began = Instant::now();
        // Those that wait for somebody say so themselves.
        if !matches!(step.action, Action::Ask) {
            let line = format!("{}: {} …", self.desk.name, step.shown);
            self.desk.context.borrow_mut().ui.draw(&[line]);
        }
    }

    fn waits(&mut self, step: &Step, left: Duration) {
        let seconds = left.as_secs();
        let left = format!("{}:{:02}", seconds / 60, seconds % 60);
        let line = format!(
            "{}: {}, {left} left … (Ctrl-C leaves it: it goes on whenever you want)",
            self.desk.name, step.shown
        );
        self.desk.context.borrow_mut().ui.draw(&[line]);
    }

    fn ended(&mut self, step: &Step, _: &RotationRecord, outcome: Result<&str, &Trouble>) {
        let mut context = self.desk.context.borrow_mut();
        let seconds = self.began.elapsed().as_secs_f64();
        let name = &self.desk.name;
        match outcome {
            Ok(evidence) => {
                context.ui.say(&format!("{name}: {} ({seconds:.1} s)", step.shown));
                if !evidence.is_empty() {
                    context.explain(&format!("  {evidence}"));
                }
            }
            // An answer that was refused: whoever gave it is asked again, without being told once more what to do.
            Err(trouble) if matches!(step.action, Action::Ask) && trouble.kind == TroubleKind::Rejected => {
                context.ui.warn(&format!("{name}: {trouble}"));
                if let Some(hint) = &trouble.hint {
                    context.ui.hint(hint);
                }
            }
            Err(trouble) if matches!(step.action, Action::Ask) => {
                context.ui.warn(&format!("{name}: {}: {trouble}", step.shown));
            }
            // It is tried again, or what comes of it is said in the end.
            Err(trouble) => {
                context.ui.say(&format!("{name}: {}: {trouble} ({seconds:.1} s)", step.shown));
            }
        }
    }
}
