//! An object that is created and never replaced, with every doubt settled by reading it back.

use super::patience::Patience;
use super::trouble::Trouble;
use super::wire::{Got, Only, Put, Stored, Upload, Wire};
use crate::remote::error::{RemoteError, RemoteProblem};

/// How many tries it is worth where the service decides for nobody.
const CONTESTED: u32 = 20;

/// What came of it.
pub(super) enum Created {
    /// The object is there, and it is ours.
    Done(Stored),
    /// Somebody else's is there.
    Exists,
}

/// What is at a key, seen after a doubt.
enum Found {
    Ours(Stored),
    Other,
    Nothing,
}

impl Wire {
    /// Creates an object, if there is none of that key. Sealed bytes are never the same twice, so that what is found to be
    /// the same is ours. The same bytes may be sent again after a doubt: whichever arrives first, they are the same.
    pub(super) async fn create(
        &self,
        key: &str,
        bytes: &[u8],
        notes: &[(&str, String)],
        patience: &mut Patience,
    ) -> Result<Created, RemoteError> {
        let mut in_doubt = false;
        let doubtful = |error: RemoteError, in_doubt| if in_doubt { error.in_doubt() } else { error };
        loop {
            let upload = Upload { key, bytes, notes, only: Only::IfAbsent };
            let trouble = match self.put(&upload, patience).await {
                Ok(Put::Done(stored)) => return Ok(Created::Done(stored)),
                Ok(Put::Contested) => None,
                // It may be our own that is in the way: of an earlier try, or sent twice by something between.
                Ok(Put::Refused) => Some(Ok(())),
                Err(trouble) => Some(Err(trouble)),
            };
            if let Some(Err(Trouble { tries: 0, problem, .. })) = &trouble {
                return Err(doubtful(self.error(problem.clone()), in_doubt));
            }
            if let Some(Ok(()) | Err(Trouble { in_doubt: true, .. })) = &trouble {
                in_doubt |= matches!(trouble, Some(Err(_)));
                match self.look(key, bytes, patience).await.map_err(|error| doubtful(error, in_doubt))? {
                    Found::Ours(stored) => return Ok(Created::Done(stored)),
                    Found::Other => return Ok(Created::Exists),
                    // It may still be on its way, or may just have been removed.
                    Found::Nothing => {}
                }
            }
            let tries = trouble
                .as_ref()
                .and_then(|trouble| trouble.as_ref().err())
                .map_or(CONTESTED, |trouble| trouble.tries);
            if !patience.pause(tries).await {
                let problem = match trouble {
                    Some(Err(trouble)) => trouble.problem,
                    _ => RemoteProblem::Busy("somebody else writes there all the time".to_owned()),
                };
                return Err(doubtful(self.error(problem), in_doubt));
            }
        }
    }

    async fn look(&self, key: &str, bytes: &[u8], patience: &mut Patience) -> Result<Found, RemoteError> {
        Ok(match self.get(key, None, patience).await? {
            Got::Object(object) if object.bytes == bytes => {
                Found::Ours(Stored { etag: object.head.etag, is_versioned: false })
            }
            Got::Object(_) | Got::Same => Found::Other,
            Got::Missing => Found::Nothing,
        })
    }
}
