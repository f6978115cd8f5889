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

/// Looks for values in the arguments of every process on the machine, and of the given files of `/proc/ID` too, as often
/// as it can.
pub fn watch_processes(needles: &[String], files: &'static [&str]) -> Observer<Vec<String>> {
    let needles: Vec<String> = needles.iter().filter(|needle| needle.len() > 7).cloned().collect();
    Observer::start(needles, move |needles| {
        for entry in std::fs::read_dir("/proc").unwrap().flatten() {
            let name = entry.file_name().into_string().unwrap_or_default();
            if !name.bytes().all(|byte| byte.is_ascii_digit()) {
                continue;
            }
            for file in files {
                let bytes = std::fs::read(entry.path().join(file)).unwrap_or_default();
                let text = String::from_utf8_lossy(&bytes);
                if let Some(at) = needles.iter().position(|needle| text.contains(needle.as_str())) {
                    let program = std::fs::read_to_string(entry.path().join("comm")).unwrap_or_default();
                    return Look::Wrong(format!("value {at} stands in {file} of {program}"));
                }
            }
        }
        Look::Well
    })
}

/// The files below a folder that hold a text, without the folder.
pub fn files_with(folder: &std::path::Path, needle: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if String::from_utf8_lossy(&std::fs::read(&path).unwrap_or_default()).contains(needle) {
                found.push(path.strip_prefix(folder).unwrap().display().to_string());
            }
        }
    }
    found.sort();
    found
}
