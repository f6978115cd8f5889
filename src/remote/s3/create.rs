//! An object that is created and never replaced, with every doubt settled by reading it back.

use super::patience::Patience;
use super::trouble::Trouble;
use super::wire::{Got, Only, Put, Stored, Upload, Wire};
use crate::remote::error::RemoteError;

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
        patience: &Patience,
    ) -> Result<Created, RemoteError> {
        let upload = Upload { key, bytes, notes, only: Only::IfAbsent };
        let (mut tries, mut in_doubt) = (0, false);
        let fail = |error: RemoteError, in_doubt: bool| if in_doubt { error.in_doubt() } else { error };
        loop {
            let (trouble, look) = match self.put(&upload, patience).await {
                Ok(Put::Done(stored)) => return Ok(Created::Done(stored)),
                Ok(Put::Contested) => (Trouble::contested(), false),
                // It may be our own that is in the way: of an earlier try, or sent twice by something between.
                Ok(Put::Refused) => (Trouble::contested(), true),
                Err(trouble) => {
                    in_doubt |= trouble.in_doubt;
                    let look = trouble.in_doubt;
                    (trouble, look)
                }
            };
            if look {
                match self.look_at(key, bytes, patience).await.map_err(|error| fail(error, in_doubt))? {
                    Found::Ours(stored) => return Ok(Created::Done(stored)),
                    Found::Other => return Ok(Created::Exists),
                    // It may still be on its way, or may just have been removed.
                    Found::Nothing => {}
                }
            }
            if !patience.pause(&mut tries, trouble.tries).await {
                return Err(fail(self.error(trouble.problem), in_doubt));
            }
        }
    }

    async fn look_at(&self, key: &str, bytes: &[u8], patience: &Patience) -> Result<Found, RemoteError> {
        Ok(match self.get(key, None, patience).await? {
            Got::Object(object) if object.bytes == bytes => {
                Found::Ours(Stored { etag: object.head.etag, is_versioned: object.head.is_versioned })
            }
            Got::Object(_) | Got::Same => Found::Other,
            Got::Missing => Found::Nothing,
        })
    }
}
