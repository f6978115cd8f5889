//! The one place where asynchronous work is started. Local commands never come here.

use std::future::Future;
use std::io;
use std::pin::pin;
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};

/// A place for asynchronous work that is kept from one piece of it to the next, and with it what they share: connections.
pub struct Runtime(Option<tokio::runtime::Runtime>);

impl Runtime {
    /// A new one, on whatever thread uses it.
    pub fn new() -> io::Result<Self> {
        tokio::runtime::Builder::new_current_thread().enable_all().build().map(|runtime| Self(Some(runtime)))
    }

    /// Does asynchronous work and gives what came of it. Must not be called from within such work.
    pub fn block_on<F: Future>(&self, work: F) -> F::Output {
        match &self.0 {
            Some(runtime) => runtime.block_on(work),
            None => unreachable!("it is taken away only where nobody can call any more"),
        }
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        // A name that is still being looked up has a thread that cannot be stopped; nobody waits for it.
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// Does asynchronous work on this thread and gives what came of it. Must not be called from within such work.
pub fn block_on<F: Future>(work: F) -> io::Result<F::Output> {
    Ok(Runtime::new()?.block_on(work))
}

/// Does asynchronous work, and calls `tick` every so often while it lasts.
pub async fn with_ticks<F: Future>(work: F, every: Duration, mut tick: impl FnMut()) -> F::Output {
    let mut work = pin!(work);
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        tokio::select! {
            biased;
            done = &mut work => return done,
            _ = ticks.tick() => tick(),
        }
    }
}
