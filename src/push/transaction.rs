//! One transaction over all servers: stage everywhere, swap, apply, prove healthy, commit; or put everything back
//! everywhere. No server begins a step before every server has ended the one before it. A single server is told to swap
//! with the request to stage, and every server gets the goodbye with the commit, so that nothing waits for an answer
//! that nobody needs.
//!
//! What a server does when this side is gone stands in the table of [`target::server`](crate::target::server): up to
//! the commit it goes back by itself.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use crate::bundle::HealthCheck;
use crate::http::LazyClient;
use crate::name::{TargetName, VariableName};
use crate::schema::{Apply, GenerationProof};
use crate::secret::{Redactor, SecretValue};
use crate::ssh::in_parallel;
use crate::target::server::{
    Broken, Content, Digest, Direction, FileNumber, PutBack, Ran, Reply, Request, Run, ServerPath, Stage,
    TransactionId,
};

use super::health::{leftover, wait_until_healthy};
use super::host::{Host, HostError};
use super::recover::rescue;
use super::step::{FailedCommand, HostOutcome, Moment, Problem, Standing, Step, Watcher, watched};

/// How much longer than its own deadline a command's reply is waited for.
const GRACE: Duration = Duration::from_secs(15);

/// How many of a failed command's last lines are shown.
const SHOWN_LINES: usize = 5;

/// A file to be put in place, and what makes it take effect.
pub struct Change<'p> {
    /// Its number in the conversation.
    pub file: FileNumber,
    /// Its path over there.
    pub path: &'p ServerPath,
    /// What it must hold now; `None` if there must be none.
    pub expected: Option<Digest>,
    /// What it will hold.
    pub content: Content<'p>,
    /// Its mode; `None` keeps the one it has.
    pub mode: Option<u32>,
    /// Its owner, as `chown` takes it; `None` keeps the one it has.
    pub owner: Option<String>,
    /// What makes programs read it.
    pub apply: &'p [Apply],
    /// What must hold afterwards.
    pub health: &'p [HealthCheck],
    /// How programs show that they run on the new content.
    pub proofs: &'p [GenerationProof],
    /// The variable that they show, and its value.
    pub marker: Option<&'p (VariableName, SecretValue)>,
}

/// One server of the transaction. One without changes is not touched.
pub struct Member<'p> {
    /// Its name in the schema.
    pub server: &'p TargetName,
    /// The conversation with it.
    pub host: Host,
    /// What is to change there.
    pub changes: Vec<Change<'p>>,
    /// Takes values out of what commands over there say.
    pub redactor: Redactor,
}

/// What the transaction needs beside its servers.
#[derive(Clone, Copy)]
pub struct Setting<'a> {
    /// For health checks by URL from this machine.
    pub client: &'a LazyClient,
    /// Most servers that are worked on at once.
    pub bound: usize,
    /// Whether the apply commands and health checks run.
    pub applies: bool,
    /// Whether somebody wants it to stop: then everything is put back once the commands under way have ended.
    pub is_interrupted: &'a dyn Fn() -> bool,
    /// Told of every step that a server begins and ends.
    pub progress: Watcher<'a>,
}

/// A member under way.
struct Active<'p> {
    member: Member<'p>,
    failed: Option<(Step, Problem)>,
    /// Whether something of it may be on the server.
    has_begun: bool,
    /// Whether it has no other server to wait for.
    is_alone: bool,
}

/// Runs the transaction. The servers that have no changes have no outcome.
pub async fn transact(members: Vec<Member<'_>>, setting: &Setting<'_>) -> Vec<HostOutcome> {
    let (members, idle): (Vec<_>, Vec<_>) =
        members.into_iter().partition(|member| !member.changes.is_empty());
    in_parallel(idle, setting.bound, |member| member.host.close()).await;
    let is_alone = members.len() == 1;
    let begin = |member| Active { member, failed: None, has_begun: false, is_alone };
    let mut active: Vec<Active<'_>> = members.into_iter().map(begin).collect();
    let steps: &[Step] = if setting.applies {
        &[Step::Stage, Step::Swap, Step::Apply, Step::Health]
    } else {
        &[Step::Stage, Step::Swap]
    };
    let mut is_fine = true;
    for step in steps {
        is_fine = is_fine && run_step(&mut active, *step, setting).await && !(setting.is_interrupted)();
    }
    let last = if is_fine { Step::Commit } else { Step::Undo };
    in_parallel(active, setting.bound, |member| finish(member, last, setting)).await
}

/// One step on all servers; whether all have done it.
async fn run_step(active: &mut [Active<'_>], step: Step, setting: &Setting<'_>) -> bool {
    // Whoever locks the first server first wins: two transactions at once cannot stop each other for ever, nor both.
    if step == Step::Stage
        && let [first, _, ..] = active
        && let Err(problem) = first.lock().await
    {
        let failing = std::future::ready(Err::<(), _>(problem));
        first.failed =
            watched(first.member.server, step, setting.progress, failing).await.err().map(|it| (step, it));
        return false;
    }
    in_parallel(active.iter_mut(), setting.bound, |one| async move {
        let server = one.member.server;
        if let Err(problem) = watched(server, step, setting.progress, one.step(step, setting)).await {
            one.failed = Some((step, problem));
        }
    })
    .await;
    active.iter().all(|one| one.failed.is_none())
}

/// The end on one server. One that was lost is asked once more.
async fn finish(mut one: Active<'_>, last: Step, setting: &Setting<'_>) -> HostOutcome {
    let start = Instant::now();
    let server = one.member.server.clone();
    let has_begun = one.has_begun;
    if has_begun {
        (setting.progress)(&server, last, Moment::Begun);
    }
    let ended = if last == Step::Commit { one.commit().await } else { one.put_back(setting).await };
    let standing = match ended {
        Ok(standing) => {
            one.member.host.close().await;
            standing
        }
        Err(loss) => {
            if let Some(error) = loss {
                one.failed = Some((last, error.into()));
            }
            let direction = if last == Step::Commit { Direction::Forward } else { Direction::Back };
            let standing = rescue(one.member, direction, setting).await;
            // It was lost, and has done what it was asked for all the same.
            one.failed = one.failed.filter(|_| !matches!(standing, Standing::New));
            standing
        }
    };
    if has_begun {
        let is_well =
            matches!((&standing, last), (Standing::New, Step::Commit) | (Standing::Old, Step::Undo));
        let time = start.elapsed();
        (setting.progress)(&server, last, if is_well { Moment::Done(time) } else { Moment::Failed(time) });
    }
    HostOutcome { server, failed: one.failed, standing }
}

/// How a server stands; or that the conversation with it was lost, now for this reason or in an earlier step.
type Ended = Result<Standing, Option<HostError>>;

impl Active<'_> {
    async fn step(&mut self, step: Step, setting: &Setting<'_>) -> Result<(), Problem> {
        match step {
            Step::Stage => self.stage().await,
            Step::Swap => self.swap().await,
            Step::Apply => apply_all(&mut self.member, |_| true).await,
            Step::Health => {
                let Member { host, changes, redactor, .. } = &mut self.member;
                for change in changes.iter() {
                    wait_until_healthy(change, true, host, setting, redactor).await?;
                }
                Ok(())
            }
            Step::Look | Step::Commit | Step::Undo | Step::Recover => Ok(()),
        }
    }

    /// Locks what the transaction touches, and sends the new files with that, all in one go.
    async fn lock(&mut self) -> Result<(), Problem> {
        let Member { host, changes, .. } = &mut self.member;
        let folders = folders(changes);
        self.has_begun = true;
        for folder in &folders {
            host.send(&Request::Lock { folder, takeover: None }).await?;
        }
        for change in changes.iter() {
            let Change { file, expected, content, mode, .. } = *change;
            let owner = change.owner.as_deref();
            host.send(&Request::Stage(Stage { file, expected, content, mode, owner })).await?;
        }
        if self.is_alone {
            self.send_swap().await?;
        }
        Ok(self.member.host.hear_all(folders.len()).await?)
    }

    /// Hears that the new files lie there.
    async fn stage(&mut self) -> Result<(), Problem> {
        if !self.has_begun {
            self.lock().await?;
        }
        let Member { host, changes, .. } = &mut self.member;
        Ok(host.hear_all(changes.len()).await?)
    }

    async fn send_swap(&mut self) -> Result<(), HostError> {
        let Member { host, changes, .. } = &mut self.member;
        for change in changes.iter() {
            host.send(&Request::Swap(change.file)).await?;
        }
        Ok(())
    }

    async fn swap(&mut self) -> Result<(), Problem> {
        if !self.is_alone {
            self.send_swap().await?;
        }
        let Member { host, changes, .. } = &mut self.member;
        Ok(host.hear_all(changes.len()).await?)
    }

    /// Keeps the new files: from here there is no way back.
    async fn commit(&mut self) -> Ended {
        let host = &mut self.member.host;
        let committing = async {
            host.send(&Request::Commit).await?;
            host.leave().await?;
            host.hear().await
        };
        match committing.await {
            Ok(_) => {}
            Err(error) if error.is_lost() => return Err(Some(error)),
            Err(error) => self.failed = Some((Step::Commit, error.into())),
        }
        Ok(Standing::New)
    }

    /// Puts the old files back and makes the services read them.
    async fn put_back(&mut self, setting: &Setting<'_>) -> Ended {
        if matches!(&self.failed, Some((_, Problem::Host(error))) if error.is_lost()) {
            return Err(None);
        }
        if !self.has_begun {
            return Ok(Standing::Old);
        }
        if let Err(error) = self.member.host.hear_rest().await {
            return Err(Some(error));
        }
        let put_back = match self.member.host.ask(&Request::Undo).await {
            Ok(Reply::Undone(files)) => files,
            Ok(_) => return Err(Some(Broken::NotAReply.into())),
            Err(error) => return Err(Some(error)),
        };
        let left: Vec<ServerPath> =
            put_back.iter().filter(|one| !one.is_back).filter_map(|one| self.path(one)).collect();
        if !left.is_empty() {
            return Ok(Standing::Left(left));
        }
        let owed: Vec<FileNumber> = put_back.iter().filter(|one| one.is_owed).map(|one| one.file).collect();
        match make_read(&mut self.member, &owed, Standing::Old, setting).await {
            Standing::Owed(Problem::Host(error)) if error.is_lost() => Err(Some(error)),
            standing => Ok(standing),
        }
    }

    fn path(&self, put_back: &PutBack) -> Option<ServerPath> {
        let change = self.member.changes.iter().find(|change| change.file == put_back.file)?;
        Some(change.path.clone())
    }
}

/// Makes the services read files that were put back or kept, so that nothing is owed any longer, and looks whether they
/// are well. Gives `standing` if they are.
pub(super) async fn make_read(
    member: &mut Member<'_>,
    owed: &[FileNumber],
    standing: Standing,
    setting: &Setting<'_>,
) -> Standing {
    if owed.is_empty() {
        return standing;
    }
    if let Err(problem) = apply_all(member, |file| owed.contains(&file)).await {
        return Standing::Owed(explained(problem, member).await);
    }
    if let Err(error) = member.host.ask(&Request::Settle).await {
        return Standing::Owed(error.into());
    }
    let Member { host, changes, redactor, .. } = member;
    // Whoever has interrupted the way forward wants to know how the way back ends.
    let setting = Setting { is_interrupted: &|| false, ..*setting };
    for change in changes.iter().filter(|change| owed.contains(&change.file)) {
        if let Err(problem) = wait_until_healthy(change, false, host, &setting, redactor).await {
            return Standing::Unwell(problem);
        }
    }
    standing
}

/// A command's failure, with what may be behind it: containers that a killed recreation has left.
async fn explained(problem: Problem, member: &mut Member<'_>) -> Problem {
    let Problem::Command(mut command) = problem else { return problem };
    let Member { host, changes, .. } = member;
    let applies = changes.iter().flat_map(|change| change.apply);
    let folders = applies.filter(|apply| apply.uses_docker()).filter_map(|apply| apply.folder.as_deref());
    let folders: BTreeSet<&str> = folders.collect();
    for folder in folders.into_iter().filter_map(|folder| ServerPath::parse(folder).ok()) {
        if let Some((reason, way_out)) = leftover(&folder, host).await {
            command.lines.push(reason);
            command.hint = Some(way_out);
        }
    }
    Problem::Command(command)
}

/// Runs the apply commands of these files, each command once.
async fn apply_all(member: &mut Member<'_>, wanted: impl Fn(FileNumber) -> bool) -> Result<(), Problem> {
    let Member { host, changes, redactor, .. } = member;
    let mut done: Vec<&Apply> = Vec::new();
    for change in changes.iter().filter(|change| wanted(change.file)) {
        for apply in change.apply {
            if !done.contains(&apply) {
                run(apply, change, host, redactor).await?;
                done.push(apply);
            }
        }
    }
    Ok(())
}

/// Runs one apply command.
pub(super) async fn run(
    apply: &Apply,
    change: &Change<'_>,
    host: &mut Host,
    redactor: &Redactor,
) -> Result<(), Problem> {
    let seconds = apply.within.as_secs().max(1);
    let (folder, words) = place(apply.folder.as_deref(), &apply.run, change.path);
    host.send(&Request::Apply(Run { folder: &folder, words: &words, seconds })).await?;
    match host.hear_within(apply.within + GRACE).await? {
        Reply::Ran(Ran::Done, _) => Ok(()),
        Reply::Ran(ran, output) => {
            let (shown, lines) = (apply.run.join(" "), output.last_lines(SHOWN_LINES, redactor));
            Err(Problem::Command(FailedCommand { shown, ran, lines, hint: None }))
        }
        _ => Err(HostError::from(Broken::NotAReply).into()),
    }
}

/// Where a command runs, and its words: without a folder, in the account's home.
pub(super) fn place(folder: Option<&str>, words: &[String], file: &ServerPath) -> (ServerPath, Vec<String>) {
    // The schema has checked a folder that it gives.
    if let Some(Ok(folder)) = folder.map(ServerPath::parse) {
        return (folder, words.to_vec());
    }
    let at_home = ["sh", "-c", "cd && exec \"$@\"", "sh"].map(str::to_owned);
    (file.folder(), at_home.into_iter().chain(words.iter().cloned()).collect())
}

/// The folders to lock: those of the files, and those in which commands run.
pub(super) fn folders(changes: &[Change<'_>]) -> Vec<ServerPath> {
    let of_files = changes.iter().map(|change| change.path.folder());
    let of_commands = changes
        .iter()
        .flat_map(|change| change.apply)
        .filter_map(|apply| ServerPath::parse(apply.folder.as_deref()?).ok());
    let mut folders: Vec<ServerPath> = of_files.chain(of_commands).collect();
    folders.sort();
    folders.dedup();
    folders
}

/// A new transaction's name, the same on all its servers.
pub fn new_transaction(random: &mut dyn crate::sys::Random) -> std::io::Result<TransactionId> {
    TransactionId::new(random)
}
