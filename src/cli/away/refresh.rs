//! The store as everybody has it, for commands that bring its values elsewhere.

use crate::cli::context::Context;
use crate::cli::failure::{Failure, Kind};
use crate::remote::RemoteError;
use crate::store::{SIZE_LIMIT, Unlocked, compare};

use super::look::Away;
use super::pull::Pulled;
use super::send::{Sent, message};

/// What keeping up with the store's home came to.
enum Kept {
    /// Both are the same now.
    Up,
    /// Somebody else was faster.
    Lost,
    /// The home cannot be reached.
    Offline(RemoteError),
}

/// How often a lost race is run again.
const ATTEMPTS: usize = 5;

impl Context {
    /// The opened store with what others wrote since; what was written here without a network is brought to them. Where
    /// the home cannot be reached the copy here has to do, with a warning.
    pub(in crate::cli) fn up_to_date(&mut self, store: Unlocked) -> Result<Unlocked, Failure> {
        if self.catch_up(&store)? { self.unlock() } else { Ok(store) }
    }

    /// The same for a store that stays as it was opened: whether the copy here is another one now.
    pub(in crate::cli) fn catch_up(&mut self, store: &Unlocked) -> Result<bool, Failure> {
        let Some(mut away) = self.away(Some(store.document()))? else { return Ok(false) };
        let mut is_new = false;
        let mut outcome = Ok(());
        for attempt in 1..=ATTEMPTS {
            match away.keep_up(store, &mut is_new, self) {
                Ok(Kept::Up) => {}
                Ok(Kept::Lost) if attempt < ATTEMPTS => continue,
                Ok(Kept::Lost) => {
                    let label = away.home.label();
                    let failure = Failure::new(format_args!("{label}: others keep writing there"));
                    outcome = Err(failure.kind(Kind::Changed).hint("try again"));
                }
                Ok(Kept::Offline(error)) => self.warn_of_old_copy(&error.to_string()),
                Err(failure) if failure.kind == Kind::Offline => {
                    self.warn_of_old_copy(&failure.messages.join("; "));
                }
                Err(failure) => outcome = Err(failure),
            }
            break;
        }
        self.keep_away(away);
        outcome.map(|()| is_new)
    }

    fn warn_of_old_copy(&mut self, why: &str) {
        self.ui.warn(why);
        self.ui.warn("what others wrote may be missing from the copy here, which is used all the same");
    }
}

impl Away {
    /// One try; `is_new` tells whether the copy here has changed.
    fn keep_up(
        &mut self,
        store: &Unlocked,
        is_new: &mut bool,
        context: &mut Context,
    ) -> Result<Kept, Failure> {
        let lock = store.lock(context.settings.patience)?;
        let pulled = self.pull(store, false, &lock, context)?;
        pulled.say(self, context);
        *is_new |= matches!(pulled, Pulled::Took(_) | Pulled::Merged(_));
        if !pulled.is_ahead() {
            return Ok(Kept::Up);
        }
        let sealed = context.disk.read(store.path(), SIZE_LIMIT)?.to_vec();
        let document = store.open_version(store.path(), &sealed)?;
        if document.has_conflicts() {
            return Ok(Kept::Up);
        }
        let changes = self.common(store)?.map(|base| compare(&base, &document).secrets);
        let message = message(&changes.unwrap_or_default());
        match self.send(&sealed, &document, &message, context)? {
            Sent::Done(version) => {
                let label = self.home.label();
                self.sent(version, document.generation(), sealed, context);
                context.ui.ok(&format!("brought what was written here to {label}"));
                Ok(Kept::Up)
            }
            Sent::Lost => Ok(Kept::Lost),
            Sent::NotReached(error) => Ok(Kept::Offline(error)),
        }
    }
}
