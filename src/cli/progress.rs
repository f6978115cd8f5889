//! What is under way. A person at a terminal sees a line for each host at work, with the time it takes, drawn over
//! itself until there is an outcome; elsewhere only outcomes are said.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::time::{Duration, Instant};

use crate::name::TargetName;
use crate::push::{Moment, Step};
use crate::sys::{terminal_size, with_ticks};

use super::ui::Ui;

/// How often the lines are drawn.
const EVERY: Duration = Duration::from_millis(100);

/// From how long work is worth a line: what is quicker would only flicker.
const WORTH_A_LINE: Duration = Duration::from_millis(150);

/// The turns of the mark before each line, which shows that the program is alive.
const TURNS: [char; 4] = ['|', '/', '-', '\\'];

/// The terminal's columns and rows where it does not tell.
const USUAL_SIZE: (usize, usize) = (80, 24);

/// Shows what is under way, for as long as it lives.
pub(super) struct Progress<'u> {
    ui: RefCell<&'u mut Ui>,
    under_way: RefCell<Vec<Work>>,
    turn: Cell<usize>,
}

struct Work {
    who: String,
    doing: String,
    since: Instant,
}

impl<'u> Progress<'u> {
    pub(super) const fn new(ui: &'u mut Ui) -> Self {
        Self { ui: RefCell::new(ui), under_way: RefCell::new(Vec::new()), turn: Cell::new(0) }
    }

    /// Somebody begins with something.
    pub(super) fn begin(&self, who: &str, doing: &str) {
        self.end(who);
        let work = Work { who: who.to_owned(), doing: doing.to_owned(), since: Instant::now() };
        self.under_way.borrow_mut().push(work);
    }

    /// What somebody is at has more to tell.
    pub(super) fn tell(&self, who: &str, doing: String) {
        if let Some(work) = self.under_way.borrow_mut().iter_mut().find(|work| work.who == who) {
            work.doing = doing;
        }
    }

    /// Somebody has ended.
    pub(super) fn end(&self, who: &str) {
        self.under_way.borrow_mut().retain(|work| work.who != who);
    }

    /// Says something that stays.
    pub(super) fn say(&self, message: &str) {
        self.ui.borrow_mut().say(message);
        self.draw();
    }

    /// A server begins or ends a step.
    pub(super) fn step(&self, server: &TargetName, step: Step, moment: Moment) {
        let who = format!("server {server}");
        let (outcome, time) = match moment {
            Moment::Begun => return self.begin(&who, step.doing()),
            Moment::Done(time) => (step.done(), time),
            Moment::Failed(time) => (step.failed(), time),
        };
        self.end(&who);
        // What was found, and what was ended, is said in more than a word.
        if !matches!(step, Step::Look | Step::Recover) {
            self.say(&format!("{who}: {outcome} ({:.1} s)", time.as_secs_f64()));
        }
    }

    /// Does work, and shows meanwhile what is under way; `before` is called each time before that.
    pub(super) async fn during<F: Future>(&self, work: F, before: impl Fn()) -> F::Output {
        if !self.ui.borrow().is_live() {
            return work.await;
        }
        let done = with_ticks(work, EVERY, || {
            before();
            self.turn.set(self.turn.get() + 1);
            self.draw();
        })
        .await;
        self.ui.borrow_mut().draw(&[]);
        done
    }

    fn draw(&self) {
        let mut ui = self.ui.borrow_mut();
        if ui.is_live() {
            ui.draw(&self.lines(terminal_size().unwrap_or(USUAL_SIZE)));
        }
    }

    /// A line for each that is at work, none longer than the terminal is wide and no more than it is high.
    fn lines(&self, (columns, rows): (usize, usize)) -> Vec<String> {
        let mark = TURNS[self.turn.get() % TURNS.len()];
        let under_way = self.under_way.borrow();
        let shown = under_way.iter().map(|work| (work, work.since.elapsed()));
        let shown = shown.filter(|(_, time)| *time >= WORTH_A_LINE);
        let mut lines: Vec<String> = shown
            .map(|(work, time)| format!("{mark} {}: {} ({} s)", work.who, work.doing, time.as_secs()))
            .collect();
        let most = rows.saturating_sub(2).max(1);
        if lines.len() > most {
            let more = lines.len() - (most - 1);
            lines.truncate(most - 1);
            lines.push(format!("{mark} {more} more"));
        }
        lines.iter().map(|line| line.chars().take(columns.saturating_sub(1)).collect()).collect()
    }
}

impl Drop for Progress<'_> {
    fn drop(&mut self) {
        self.ui.borrow_mut().draw(&[]);
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn lines_fit_the_terminal() {
        let mut ui = Ui::new(Box::new(Vec::new()), Box::new(Vec::new()), true, false, true, Path::new("/x"));
        let progress = Progress::new(&mut ui);
        assert!(progress.lines((80, 24)).is_empty());
        for number in 1..=5 {
            progress.begin(&format!("server web{number}"), "staging");
            progress.begin(&format!("server web{number}"), "applying");
        }
        assert!(progress.lines((80, 24)).is_empty(), "what is quick has no line");
        for work in &mut *progress.under_way.borrow_mut() {
            work.since -= Duration::from_secs(61);
        }
        progress.end("server web2");
        progress.tell("server web3", "applying, 3 requests".to_owned());
        assert_eq!(
            progress.lines((80, 24)),
            [
                "| server web1: applying (61 s)",
                "| server web3: applying, 3 requests (61 s)",
                "| server web4: applying (61 s)",
                "| server web5: applying (61 s)",
            ]
        );
        assert_eq!(progress.lines((16, 4)), ["| server web1: ", "| 3 more"]);
        assert_eq!(progress.lines((1, 1)), [""]);
    }
}
