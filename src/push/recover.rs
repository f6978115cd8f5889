//! Ending what an interrupted transaction has left on servers: by the next `push --recover`, or at once where the
//! conversation with a server was lost.
//!
//! A file whose transaction was committed anywhere stays new everywhere, since all its servers were well by then; every
//! other goes back. One that somebody has changed since stays as it is. A server that went back by itself has no note
//! any more, so it needs nothing here: the next plan shows how it differs.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::name::TargetName;
use crate::ssh::in_parallel;
use crate::target::server::{
    Broken, Digest, Direction, FileNumber, Look, Note, Reply, Request, ServerPath, Stopped, TransactionId,
};

use super::host::{Host, HostError};
use super::step::{Problem, Standing, Step, watched};
use super::transaction::{Member, Setting, folders, make_read};

/// How long the end of a process that is told to end is waited for, on top of the usual time: it may be running the
/// apply commands again.
const TAKEOVER: Duration = Duration::from_secs(20);

/// What a file is once its transaction has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// As it was before.
    Old,
    /// The new one.
    New,
    /// As somebody has changed it since.
    Changed,
}

/// What came of one server.
pub struct Recovered {
    /// Its name in the schema.
    pub server: TargetName,
    /// Its files whose transactions were interrupted, and what they are now.
    pub ended: Vec<(ServerPath, End)>,
    /// How it stands; [`Standing::Old`] where nothing is owed any longer, whatever the files are.
    pub standing: Standing,
}

/// How an interrupted transaction ends with a file. `committed` are the transactions that some server has committed.
pub fn way_out(note: &Note, stopped: Stopped, committed: &BTreeSet<String>) -> End {
    let is_committed = || note.transaction.as_ref().is_some_and(|id| committed.contains(id.as_str()));
    match stopped {
        Stopped::Committed => End::New,
        Stopped::Changed => End::Changed,
        Stopped::New if is_committed() => End::New,
        Stopped::Old | Stopped::New => End::Old,
    }
}

const fn direction(end: End) -> Direction {
    match end {
        End::Old => Direction::Back,
        End::New | End::Changed => Direction::Forward,
    }
}

/// Ends what was interrupted on these servers, each for itself: one that fails does not stop the others. The changes of
/// a member are all its files; their content is not used. The conversation of a transaction that `who` made, or of
/// anybody's where nobody is named, is ended if it still has the lock.
pub async fn recover(
    members: Vec<Member<'_>>,
    committed: &BTreeSet<String>,
    who: Option<&str>,
    setting: &Setting<'_>,
) -> Vec<Recovered> {
    in_parallel(members, setting.bound, |mut member| async move {
        let server = member.server.clone();
        let way = |look: &Look| Some(way_out(look.note.as_ref()?, look.stopped()?, committed));
        let healing = heal(&mut member, who.map_or(Takeover::OfAnybody, Takeover::Of), &way);
        let (ended, standing) = match watched(&server, Step::Recover, setting.progress, healing).await {
            Ok(healed) => {
                let owed: Vec<FileNumber> =
                    healed.iter().filter(|one| one.is_owed).map(|one| one.file).collect();
                let ended = healed.into_iter().filter_map(|one| Some((one.path, one.end?))).collect();
                (ended, make_read(&mut member, &owed, Standing::Old, setting).await)
            }
            Err(problem) => (Vec::new(), Standing::Unknown(problem)),
        };
        member.host.close().await;
        Recovered { server, ended, standing }
    })
    .await
}

/// Talks once more with a server that was lost in the middle of this transaction, and ends it there.
pub(super) async fn rescue(member: Member<'_>, direction: Direction, setting: &Setting<'_>) -> Standing {
    let Member { server, host, changes, redactor } = member;
    let contact = host.contact().clone();
    host.abandon().await;
    let host = match Host::open(&contact).await {
        Ok(host) => host,
        Err(error) => return Standing::Unknown(error.into()),
    };
    let mut member = Member { server, host, changes, redactor };
    let ours = contact.session.transaction();
    let way = |look: &Look| match (look.stopped()?, direction) {
        (Stopped::Changed, _) => Some(End::Changed),
        (Stopped::New, Direction::Back) | (Stopped::Old, _) => Some(End::Old),
        (Stopped::New, Direction::Forward) | (Stopped::Committed, _) => Some(End::New),
    };
    let standing = match heal(&mut member, Takeover::Only(ours), &way).await {
        Ok(healed) => stands(&mut member, &healed, setting).await,
        Err(problem) => Standing::Unknown(problem),
    };
    member.host.close().await;
    standing
}

/// How a server stands that was lost and is healed.
async fn stands(member: &mut Member<'_>, healed: &[Healed], setting: &Setting<'_>) -> Standing {
    let is_old = |one: &&Healed| {
        let change = member.changes.iter().find(|change| change.file == one.file);
        change.is_some_and(|change| change.expected == one.digest)
    };
    let changed: Vec<ServerPath> =
        healed.iter().filter(|one| one.end == Some(End::Changed)).map(|one| one.path.clone()).collect();
    if !changed.is_empty() {
        return Standing::Left(changed);
    }
    let standing = if healed.iter().all(|one| is_old(&one)) { Standing::Old } else { Standing::New };
    let owed: Vec<FileNumber> = healed.iter().filter(|one| one.is_owed).map(|one| one.file).collect();
    make_read(member, &owed, standing, setting).await
}

/// Whose lost conversation may be ended where it still has the lock.
#[derive(Clone, Copy)]
enum Takeover<'a> {
    /// That of this transaction.
    Only(&'a TransactionId),
    /// Those of the transactions that this person has made on this machine.
    Of(&'a str),
    /// Those of all: what is under way goes back.
    OfAnybody,
}

/// A file that was looked at and, where there was a note, healed.
struct Healed {
    file: FileNumber,
    path: ServerPath,
    end: Option<End>,
    digest: Option<Digest>,
    is_owed: bool,
}

/// Locks, looks again at what nobody can change now, and ends what was interrupted.
async fn heal(
    member: &mut Member<'_>,
    takeover: Takeover<'_>,
    way: &dyn Fn(&Look) -> Option<End>,
) -> Result<Vec<Healed>, Problem> {
    let mut looks = look(member).await?;
    let mine = |by: &str, id: Option<&TransactionId>| match takeover {
        Takeover::Only(id) => Some(id.clone()),
        Takeover::Of(who) if by == who => id.cloned(),
        Takeover::OfAnybody => id.cloned(),
        Takeover::Of(_) => None,
    };
    // A note may be gone already, and its process still at it; or not be there yet, where a content never came.
    let notes = looks.iter().filter_map(|look| look.note.as_ref());
    let holders = looks.iter().filter_map(|look| look.holder.as_ref());
    let found = notes
        .map(|note| mine(&note.by, note.transaction.as_ref()))
        .chain(holders.map(|holder| mine(&holder.by, Some(&holder.transaction))))
        .find_map(|id| id);
    let known = match takeover {
        Takeover::Only(id) => Some(id.clone()),
        Takeover::Of(_) | Takeover::OfAnybody => found,
    };
    let Member { host, changes, .. } = &mut *member;
    let limit = host.contact().timeout + TAKEOVER;
    for folder in &folders(changes) {
        host.send(&Request::Lock { folder, takeover: known.as_ref() }).await?;
        host.hear_within(limit).await?;
    }
    looks = look(member).await?;
    let mut healed = Vec::with_capacity(looks.len());
    for look in &looks {
        healed.push(heal_file(member, healed.len(), look, way(look)).await?);
    }
    Ok(healed)
}

async fn heal_file(
    member: &mut Member<'_>,
    at: usize,
    look: &Look,
    end: Option<End>,
) -> Result<Healed, HostError> {
    let Member { host, changes, .. } = member;
    let file = changes.get(at).map_or(at + 1, |change| change.file);
    let path = look.path.clone();
    // Without a note too: a kill may have left a new file that nobody has put in place.
    let direction = end.map_or(Direction::Back, direction);
    match host.ask(&Request::Heal { file, direction }).await? {
        Reply::Healed { digest, is_owed } => Ok(Healed { file, path, end, digest, is_owed }),
        _ => Err(Broken::NotAReply.into()),
    }
}

async fn look(member: &mut Member<'_>) -> Result<Vec<Look>, HostError> {
    let Member { host, changes, .. } = member;
    for change in changes.iter() {
        host.send(&Request::Look { file: change.file, path: change.path, with_content: false }).await?;
    }
    let mut looks = Vec::with_capacity(changes.len());
    for _ in changes.iter() {
        match host.hear().await? {
            Reply::Looked(look) => looks.push(*look),
            _ => return Err(Broken::NotAReply.into()),
        }
    }
    Ok(looks)
}
