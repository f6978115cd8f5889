//! Watching from outside while a rotation goes on: whether anybody is refused, and whether a value shows in the list of
//! processes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// The time between two looks.
const EVERY: Duration = Duration::from_millis(50);

/// Something that is looked at all the while.
pub struct Observer<T> {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<(T, Seen)>>,
}

/// What was seen.
#[derive(Debug, Default)]
pub struct Seen {
    /// How often all was well.
    pub well: usize,
    /// How often nobody answered.
    pub silent: usize,
    /// What was wrong.
    pub wrong: Vec<String>,
}

/// What one look gave.
pub enum Look {
    Well,
    Silent,
    Wrong(String),
}

impl<T: Send + 'static> Observer<T> {
    /// Looks every 50 ms.
    pub fn start(mut subject: T, look: impl Fn(&mut T) -> Look + Send + 'static) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            let mut seen = Seen::default();
            while !stopped.load(Ordering::Relaxed) {
                match look(&mut subject) {
                    Look::Well => seen.well += 1,
                    Look::Silent => seen.silent += 1,
                    Look::Wrong(what) => seen.wrong.push(what),
                }
                std::thread::sleep(EVERY);
            }
            (subject, seen)
        });
        Self { stop, thread: Some(thread) }
    }

    /// Ends it: the subject, and what was seen.
    pub fn end(mut self) -> (T, Seen) {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.take().unwrap().join().unwrap()
    }
}

impl<T> Drop for Observer<T> {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

/// Looks for values in the arguments and the environment of every process on the machine, as often as it can.
pub fn watch_processes(needles: &[String]) -> Observer<Vec<String>> {
    let needles: Vec<String> = needles.iter().filter(|needle| needle.len() > 7).cloned().collect();
    Observer::start(needles, |needles| {
        for entry in std::fs::read_dir("/proc").unwrap().flatten() {
            let is_process =
                entry.file_name().to_str().is_some_and(|name| name.bytes().all(|b| b.is_ascii_digit()));
            if !is_process {
                continue;
            }
            let bytes = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
            let text = String::from_utf8_lossy(&bytes);
            if let Some(at) = needles.iter().position(|needle| text.contains(needle.as_str())) {
                let program = text.split('\0').next().unwrap_or_default().to_owned();
                return Look::Wrong(format!("value {at} stands in the arguments of {program}"));
            }
        }
        Look::Well
    })
}
