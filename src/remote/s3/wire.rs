//! Single requests, and those that may be asked again because they change nothing.

use std::collections::HashMap;

use aws_sdk_s3::operation::get_object::GetObjectOutput;
use aws_sdk_s3::primitives::{ByteStream, DateTime};
use aws_sdk_s3::types::ChecksumAlgorithm;
use jiff::Timestamp;

use super::connect::{Clients, S3Place, connect};
use super::patience::Patience;
use super::trouble::{Refusal, Trouble};
use crate::remote::error::{RemoteError, RemoteProblem};
use crate::remote::shelf::{Item, Removed};
use crate::store::SIZE_LIMIT;

/// Most keys that one request lists, by the protocol.
const PAGE: usize = 1000;

/// A bucket that can be asked.
pub(super) struct Wire {
    clients: Clients,
    bucket: String,
    label: String,
    now: Timestamp,
}

/// An object.
pub(super) struct Object {
    pub(super) bytes: Vec<u8>,
    pub(super) head: Head,
}

/// What is known of an object without its content.
pub(super) struct Head {
    /// As the service gives it, in quotes.
    pub(super) etag: Option<String>,
    /// What was put beside it.
    pub(super) notes: HashMap<String, String>,
    /// When it was written, by the service's clock.
    pub(super) at: Option<Timestamp>,
    pub(super) size: Option<u64>,
    /// Whether the bucket keeps what was there before.
    pub(super) is_versioned: bool,
    /// Whether a lock still keeps it.
    pub(super) is_locked: bool,
}

/// What came of asking for an object.
pub(super) enum Got {
    Object(Object),
    /// It still has the `ETag` that is known.
    Same,
    Missing,
}

/// An object to be put in place.
pub(super) struct Upload<'a> {
    pub(super) key: &'a str,
    pub(super) bytes: &'a [u8],
    pub(super) notes: &'a [(&'a str, String)],
    pub(super) only: Only<'a>,
}

/// On which condition.
#[derive(Clone, Copy)]
pub(super) enum Only<'a> {
    Always,
    /// There is no object of that key.
    IfAbsent,
    /// The object has this `ETag`, given with or without quotes.
    IfTag(&'a str),
}

/// What came of one try to put an object in place.
pub(super) enum Put {
    Done(Stored),
    /// The condition does not hold.
    Refused,
    /// Somebody else was writing the same key; the service decided for neither.
    Contested,
}

/// An object that was put in place.
pub(super) struct Stored {
    pub(super) etag: Option<String>,
    /// Whether the bucket keeps what was there before.
    pub(super) is_versioned: bool,
}

impl Wire {
    /// Makes ready to ask.
    pub(super) async fn open(place: &S3Place<'_>, label: String) -> Result<Self, RemoteError> {
        match connect(place).await {
            Ok(clients) => Ok(Self { clients, bucket: place.bucket.name.clone(), label, now: place.now }),
            Err(problem) => Err(RemoteError::new(label, problem)),
        }
    }

    pub(super) fn label(&self) -> &str {
        &self.label
    }

    pub(super) fn error(&self, problem: RemoteProblem) -> RemoteError {
        RemoteError::new(&self.label, problem)
    }

    /// Asks until there is an answer or no time left. Only for what changes nothing, or the same each time.
    async fn again<T>(
        &self,
        patience: &Patience,
        once: impl AsyncFn() -> Result<T, Trouble>,
    ) -> Result<T, RemoteError> {
        let mut tries = 0;
        loop {
            match once().await {
                Ok(found) => return Ok(found),
                Err(trouble) if patience.pause(&mut tries, trouble.tries).await => {}
                Err(trouble) => return Err(self.error(trouble.problem)),
            }
        }
    }

    /// An object, unless it still has the `ETag` that is known.
    pub(super) async fn get(
        &self,
        key: &str,
        known: Option<&str>,
        patience: &Patience,
    ) -> Result<Got, RemoteError> {
        self.again(patience, async || {
            let request = self.clients.ours.get_object().bucket(&self.bucket).key(key);
            match patience.ask(request.set_if_none_match(known.map(ToOwned::to_owned)).send(), 0).await? {
                Ok(output) => received(output, patience).await.map(Got::Object),
                Err(refusal) if refusal.status == 304 => Ok(Got::Same),
                Err(refusal) if is_missing_key(&refusal) => Ok(Got::Missing),
                Err(refusal) => Err(refusal.trouble()),
            }
        })
        .await
    }

    /// What is known of an object without its content; `None` if there is none.
    pub(super) async fn head(&self, key: &str, patience: &Patience) -> Result<Option<Head>, RemoteError> {
        self.again(patience, async || {
            let request = self.clients.ours.head_object().bucket(&self.bucket).key(key);
            match patience.ask(request.send(), 0).await? {
                Ok(output) => Ok(Some(Head {
                    etag: output.e_tag,
                    is_versioned: is_version(output.version_id.as_deref()),
                    at: output.last_modified.as_ref().and_then(moment),
                    size: output.content_length.and_then(|length| length.try_into().ok()),
                    is_locked: output.object_lock_legal_hold_status.is_some_and(|hold| hold.as_str() == "ON")
                        || output.object_lock_retain_until_date.as_ref().and_then(moment) > Some(self.now),
                    notes: output.metadata.unwrap_or_default(),
                })),
                Err(refusal) if refusal.status == 404 => Ok(None),
                Err(refusal) => Err(refusal.trouble()),
            }
        })
        .await
    }

    /// Whether anybody may read an object.
    pub(super) async fn is_public(&self, key: &str, patience: &Patience) -> Result<bool, RemoteError> {
        self.again(patience, async || {
            let request = self.clients.anybody.get_object().bucket(&self.bucket).key(key);
            match patience.ask(request.send(), 0).await? {
                Ok(_) => Ok(true),
                // However it refuses, it does not show it.
                Err(refusal) if refusal.status < 500 && refusal.status != 429 => Ok(false),
                Err(refusal) => Err(refusal.trouble()),
            }
        })
        .await
    }

    /// Tries once to put an object in place.
    pub(super) async fn put(&self, upload: &Upload<'_>, patience: &Patience) -> Result<Put, Trouble> {
        let mut request = self
            .clients
            .ours
            .put_object()
            .bucket(&self.bucket)
            .key(upload.key)
            .content_type("application/octet-stream")
            // Buckets with object lock want one; Ceph takes it and does not look.
            .checksum_algorithm(ChecksumAlgorithm::Sha256)
            .body(ByteStream::from(upload.bytes.to_vec()));
        for (name, value) in upload.notes {
            request = request.metadata(*name, value);
        }
        request = match upload.only {
            Only::Always => request,
            Only::IfAbsent => request.if_none_match("*"),
            // Ceph never takes one in quotes for equal; Amazon takes both.
            Only::IfTag(etag) => request.if_match(etag.trim_matches('"')),
        };
        match patience.ask(request.send(), upload.bytes.len()).await? {
            Ok(output) => {
                let is_versioned = is_version(output.version_id.as_deref());
                Ok(Put::Done(Stored { etag: output.e_tag, is_versioned }))
            }
            Err(refusal) if refusal.status == 412 => Ok(Put::Refused),
            Err(refusal) if refusal.status == 409 => Ok(Put::Contested),
            // An object that must have a certain `ETag` and is not there at all.
            Err(refusal) if matches!(upload.only, Only::IfTag(_)) && is_missing_key(&refusal) => {
                Ok(Put::Refused)
            }
            Err(refusal) => Err(refusal.trouble()),
        }
    }

    /// The objects whose keys start with `prefix` and come after `after`, in order, at most `most`.
    pub(super) async fn list(
        &self,
        prefix: &str,
        after: Option<&str>,
        most: usize,
        patience: &Patience,
    ) -> Result<Vec<Item>, RemoteError> {
        let mut found: Vec<Item> = Vec::new();
        while found.len() < most {
            let wanted = (most - found.len()).min(PAGE);
            let after = found.last().map(|item| item.key.clone()).or_else(|| after.map(ToOwned::to_owned));
            let page = self.page(prefix, after.as_deref(), wanted, patience).await?;
            let is_last = !page.goes_on || page.items.is_empty();
            found.extend(page.items);
            if is_last {
                break;
            }
        }
        Ok(found)
    }

    /// A single page of a list.
    pub(super) async fn page(
        &self,
        prefix: &str,
        after: Option<&str>,
        most: usize,
        patience: &Patience,
    ) -> Result<Page, RemoteError> {
        let most = i32::try_from(most.min(PAGE)).unwrap_or(i32::MAX);
        self.again(patience, async || {
            let request = self.clients.ours.list_objects_v2().bucket(&self.bucket).prefix(prefix);
            let request = request.max_keys(most).set_start_after(after.map(ToOwned::to_owned));
            let output = patience.ask(request.send(), 0).await?.map_err(|refusal| refusal.trouble())?;
            let goes_on = output.is_truncated.unwrap_or(false);
            let item = |object: aws_sdk_s3::types::Object| {
                Some(Item {
                    key: object.key?,
                    size: object.size.and_then(|size| size.try_into().ok()).unwrap_or_default(),
                    at: object.last_modified.as_ref().and_then(moment),
                })
            };
            let items = output.contents.unwrap_or_default().into_iter().filter_map(item).collect();
            Ok(Page { items, goes_on })
        })
        .await
    }

    /// Removes an object.
    pub(super) async fn remove(&self, key: &str, patience: &Patience) -> Result<Removed, RemoteError> {
        self.again(patience, async || {
            let request = self.clients.ours.delete_object().bucket(&self.bucket).key(key);
            match patience.ask(request.send(), 0).await? {
                Ok(_) => Ok(Removed::Done),
                Err(refusal) if is_missing_key(&refusal) => Ok(Removed::Done),
                Err(refusal) if refusal.code == "ObjectLocked" => Ok(Removed::Kept),
                Err(refusal) => Err(refusal.trouble()),
            }
        })
        .await
    }
}

/// Part of a list.
pub(super) struct Page {
    pub(super) items: Vec<Item>,
    /// Whether there are more.
    pub(super) goes_on: bool,
}

fn is_missing_key(refusal: &Refusal) -> bool {
    refusal.status == 404 && matches!(refusal.code.as_str(), "" | "NoSuchKey" | "NotFound")
}

/// Reads an answer to its end.
async fn received(output: GetObjectOutput, patience: &Patience) -> Result<Object, Trouble> {
    let head = Head {
        etag: output.e_tag,
        is_versioned: is_version(output.version_id.as_deref()),
        at: output.last_modified.as_ref().and_then(moment),
        size: output.content_length.and_then(|length| length.try_into().ok()),
        is_locked: false,
        notes: output.metadata.unwrap_or_default(),
    };
    let too_large =
        || Trouble::lasting(RemoteProblem::Damaged("what is there is too large for a store".to_owned()));
    if head.size.is_some_and(|size| size > SIZE_LIMIT) {
        return Err(too_large());
    }
    let mut bytes = Vec::new();
    let mut body = output.body;
    let broken = |_| Trouble::passing(RemoteProblem::Unreachable("the answer broke off".to_owned()));
    while let Some(part) = patience.one(0, body.next()).await? {
        bytes.extend_from_slice(&part.map_err(broken)?);
        if bytes.len() as u64 > SIZE_LIMIT {
            return Err(too_large());
        }
    }
    if head.size.is_some_and(|size| size != bytes.len() as u64) {
        return Err(Trouble::passing(RemoteProblem::Unreachable("the answer broke off".to_owned())));
    }
    Ok(Object { bytes, head })
}

/// Whether it is one of several that the bucket keeps.
fn is_version(id: Option<&str>) -> bool {
    id.is_some_and(|id| id != "null")
}

fn moment(at: &DateTime) -> Option<Timestamp> {
    Timestamp::from_second(at.secs()).ok()
}
