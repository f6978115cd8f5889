//! What commands do with servers: gather how each is reached, look at all at once, push, and say what came of it.

use std::time::Duration;

use crate::http::LazyClient;
use crate::name::{TargetName, nearest};
use crate::push::{
    Change, Contact, FilePlan, Host, HostError, HostOutcome, Member, Objection, PlanError, Problem,
    ServerPlan, Setting, Standing, Surroundings, Unreachable, destination, observe, plan, transact,
};
use crate::schema::Schema;
use crate::secret::SecretValue;
use crate::ssh::in_parallel;
use crate::store::Document;
use crate::sys::block_on;
use crate::target::server::{Content, Look, ServerPath, Session, TransactionId};

use super::context::Context;
use super::failure::Failure;
use super::progress::Progress;
use super::visited::redactor;

/// Most servers that are talked with at once.
pub(super) const BOUND: usize = 32;

/// The longest time for the answer to one request of a health check.
pub(super) const REQUEST_TIME: Duration = Duration::from_secs(30);

/// A server, and how it is reached or why it is not.
pub(super) type Reachable = (TargetName, Result<Contact, Unreachable>);

/// A server that cannot be pushed to, and why.
pub(super) enum Unseen {
    /// Schema, store or files do not say how to reach it.
    Unreachable(Unreachable),
    /// It was not reached, or did not show its files.
    Host(HostError),
    /// What it should get cannot be made.
    Plan(Vec<PlanError>),
}

impl Unseen {
    /// What is wrong, in lines that name the server.
    pub(super) fn messages(&self, server: &TargetName) -> Vec<String> {
        match self {
            Self::Unreachable(unreachable) => unreachable.messages.clone(),
            Self::Host(error) => vec![format!("server {server}: {error}")],
            Self::Plan(errors) => errors.iter().map(ToString::to_string).collect(),
        }
    }

    pub(super) fn hint(&self, server: &TargetName) -> Option<String> {
        match self {
            Self::Unreachable(unreachable) => unreachable.hint.clone(),
            Self::Host(error) => error.hint(server),
            Self::Plan(_) => {
                Some("`luca-secrets check` shows everything that is missing or wrong".to_owned())
            }
        }
    }
}

/// What was found at one server.
pub(super) struct Found {
    /// Its name in the schema.
    pub(super) server: TargetName,
    /// What would change there, or why that cannot be told.
    pub(super) plan: Result<ServerPlan, Unseen>,
}

/// What the user allows.
#[derive(Debug, Clone, Copy)]
pub(super) struct Allowed {
    /// To replace what somebody else has changed there.
    pub(super) drift: bool,
    /// To replace what came from a later generation.
    pub(super) older: bool,
}

impl Context {
    /// How each server is reached, in the schema's order. Nothing is asked of them yet.
    pub(super) fn contacts(
        &mut self,
        schema: &Schema,
        document: &Document,
        names: &[TargetName],
    ) -> Result<Vec<Reachable>, Failure> {
        let transaction = TransactionId::new(&mut *self.random)?;
        let who = self.author().name;
        let mut contacts = Vec::new();
        for name in names {
            let session = Session::new(transaction.clone(), &who, &mut *self.random)?;
            contacts.push((name.clone(), self.contact(schema, document, name, session)));
        }
        Ok(contacts)
    }

    /// What would change on these servers; the conversations are over then.
    pub(super) fn look_at_servers(
        &mut self,
        schema: &Schema,
        document: &Document,
        names: &[TargetName],
    ) -> Result<Vec<Found>, Failure> {
        let contacts = self.contacts(schema, document, names)?;
        if contacts.is_empty() {
            return Ok(Vec::new());
        }
        let looking = async {
            let (found, hosts) = look(contacts, schema, document, self).await;
            in_parallel(hosts.into_iter().flatten(), BOUND, Host::close).await;
            found
        };
        block_on(looking).map_err(|error| Failure::new(format_args!("no connections can be made: {error}")))
    }

    fn contact(
        &self,
        schema: &Schema,
        document: &Document,
        name: &TargetName,
        session: Session,
    ) -> Result<Contact, Unreachable> {
        let ask = |what: &str| -> Option<SecretValue> { self.prompt.passphrase_of_key(what) };
        let around = Surroundings { disk: &self.disk, env: &self.env, root: &self.settings.root, ask: &ask };
        let destination = destination(schema, document, name, &around)?;
        let declared = schema.servers.get(name);
        let installs = declared.map(|server| server.installs.as_slice()).unwrap_or_default();
        Ok(Contact {
            server: name.clone(),
            destination,
            sudo: declared.is_some_and(|server| server.sudo),
            session,
            timeout: declared.map_or(REQUEST_TIME, |server| server.timeout),
            // The schema has checked the paths.
            paths: installs.iter().filter_map(|install| ServerPath::parse(&install.to).ok()).collect(),
        })
    }
}

/// The servers with files to get, as typed (`server.NAME`), or all of them.
pub(super) fn server_names(typed: &[&str], schema: &Schema) -> Result<Vec<TargetName>, Failure> {
    let with_files = || schema.servers.iter().filter(|(_, server)| !server.installs.is_empty());
    let known: Vec<String> = with_files().map(|(name, _)| format!("server.{name}")).collect();
    typed
        .iter()
        .map(|typed| {
            let name = TargetName::parse(typed.strip_prefix("server.").unwrap_or(typed))?;
            if with_files().any(|(known, _)| *known == name) {
                return Ok(name);
            }
            if schema.servers.contains_key(&name) {
                return Err(Failure::usage(format_args!("server {name} gets no file"))
                    .hint(format_args!("declare one as [[server.{name}.install]]")));
            }
            let failure = Failure::usage(format_args!("the schema has no target server.{name}"));
            Err(match nearest(&format!("server.{name}"), known.iter().map(String::as_str)) {
                Some(other) => failure.hint(format_args!("did you mean {other}?")),
                None => failure.hint(format_args!("there are: {}", known.join(", "))),
            })
        })
        .collect()
}

/// Looks at all servers, and plans. The conversations stay open, for as long as the runtime that this runs in.
pub(super) async fn look(
    contacts: Vec<Reachable>,
    schema: &Schema,
    document: &Document,
    context: &mut Context,
) -> (Vec<Found>, Vec<Option<Host>>) {
    let (mut reachable, mut order) = (Vec::new(), Vec::new());
    for (server, contact) in contacts {
        order.push((server, contact.as_ref().err().cloned()));
        reachable.extend(contact);
    }
    let mut seen = observe_all(&reachable, context).await.into_iter();
    let author = context.author();
    let (mut found, mut hosts) = (Vec::new(), Vec::new());
    for (server, unreachable) in order {
        let (plan, host) = match unreachable {
            Some(unreachable) => (Err(Unseen::Unreachable(unreachable)), None),
            None => match seen.next() {
                Some(Ok((host, looks))) => (planned(schema, document, &server, &looks, &author), Some(host)),
                Some(Err(error)) => (Err(Unseen::Host(error)), None),
                None => continue,
            },
        };
        found.push(Found { server, plan });
        hosts.push(host);
    }
    (found, hosts)
}

/// Talks with servers, and shows which ones keep it waiting.
pub(super) async fn observe_all(
    contacts: &[Contact],
    context: &mut Context,
) -> Vec<Result<(Host, Vec<Look>), HostError>> {
    let progress = Progress::new(&mut context.ui);
    let watcher = |server: &TargetName, step, moment| progress.step(server, step, moment);
    progress.during(observe(contacts, BOUND, &watcher), || ()).await
}

fn planned(
    schema: &Schema,
    document: &Document,
    server: &TargetName,
    looks: &[Look],
    author: &crate::store::Author,
) -> Result<ServerPlan, Unseen> {
    plan(schema, document, server, looks, author).map_err(Unseen::Plan)
}

/// The transaction over what was found. Only servers with changes are touched.
pub(super) async fn push(
    found: &[Found],
    hosts: Vec<Option<Host>>,
    document: &Document,
    applies: bool,
    client: &LazyClient,
    is_interrupted: &dyn Fn() -> bool,
    progress: &Progress<'_>,
) -> Vec<HostOutcome> {
    let members = found.iter().zip(hosts).filter_map(|(found, host)| {
        let plan = found.plan.as_ref().ok()?;
        // A program may take a file's values apart, and what it ran on before is no secret less.
        let mut redactor = redactor(document);
        plan.files.iter().for_each(|file| file.hide_in(&mut redactor));
        Some(Member { server: &found.server, host: host?, changes: changes(plan), redactor })
    });
    let watcher = |server: &TargetName, step, moment| progress.step(server, step, moment);
    let setting = Setting { client, bound: BOUND, applies, is_interrupted, progress: &watcher };
    progress.during(transact(members.collect(), &setting), || ()).await
}

fn changes(plan: &ServerPlan) -> Vec<Change<'_>> {
    let numbered = plan.files.iter().zip(1..).filter(|(file, _)| file.has_changes());
    numbered
        .map(|(file, number)| Change {
            file: number,
            path: &file.path,
            expected: file.expected,
            content: Content::Text(&file.content),
            mode: file.install.mode,
            owner: owner(file),
            apply: &file.install.apply,
            health: &file.health,
            proofs: &file.install.proofs,
            marker: file.marker.as_ref(),
        })
        .collect()
}

/// `owner:group`, as `chown` takes it.
fn owner(file: &FilePlan) -> Option<String> {
    match (&file.install.owner, &file.install.group) {
        (Some(owner), Some(group)) => Some(format!("{owner}:{group}")),
        (Some(owner), None) => Some(owner.clone()),
        (None, Some(group)) => Some(format!(":{group}")),
        (None, None) => None,
    }
}

/// What could not be seen; empty if everything was.
pub(super) fn unseen(found: &[Found]) -> Failure {
    let mut failure = Failure::many([]);
    for one in found {
        if let Err(unseen) = &one.plan {
            failure.messages.extend(unseen.messages(&one.server));
            failure.hints.extend(unseen.hint(&one.server));
        }
    }
    failure.hints.dedup();
    failure
}

/// Every reason against pushing that the user has not set aside.
pub(super) fn refuse(found: &[Found], allowed: Allowed) -> Result<(), Failure> {
    let mut all = Vec::new();
    for one in found {
        let files = one.plan.as_ref().map(|plan| plan.files.as_slice()).unwrap_or_default();
        all.extend(files.iter().map(|file| (one, file)));
    }
    let failure = objections(&all, allowed);
    if failure.messages.is_empty() { Ok(()) } else { Err(failure.hint("nothing was pushed")) }
}

/// The same for some files.
pub(super) fn objections(files: &[(&Found, &FilePlan)], allowed: Allowed) -> Failure {
    let mut failure = Failure::many([]);
    for (one, file) in files {
        for objection in &file.objections {
            object(one, file, objection, allowed, &mut failure);
        }
    }
    failure.hints.dedup();
    failure
}

fn object(one: &Found, file: &FilePlan, objection: &Objection, allowed: Allowed, failure: &mut Failure) {
    let place = format!("{}, {}", one.name(), file.path);
    let (message, hint) = match objection {
        Objection::Older { .. } | Objection::AnotherStore if allowed.older && allowed.drift => return,
        Objection::Older { .. } if allowed.older => return,
        Objection::Drifted(_) | Objection::AnotherStore if allowed.drift => return,
        Objection::Older { there, here } => (
            format!("{place}: generation {there} of the store is there, and here is {here}"),
            "take the newest store from git; to go back all the same, pass --allow-older",
        ),
        Objection::AnotherStore => (
            format!("{place}: what is there came from another store"),
            "`luca-secrets diff` shows what would change; --overwrite-drift replaces it all the same",
        ),
        Objection::Drifted(names) => {
            let names: Vec<&str> = names.iter().map(crate::name::VariableName::as_str).collect();
            let message = match &file.there {
                Some(there) => format!(
                    "{place}: somebody has changed {} since the push by {}",
                    names.join(", "),
                    there.by
                ),
                None => format!("{place}: never pushed from here, and differs in {}", names.join(", ")),
            };
            (
                message,
                "take what is right into the store; --overwrite-drift puts the store's values in its place",
            )
        }
        Objection::Interrupted => {
            let by = file.note.as_ref().map(|note| note.by.as_str()).unwrap_or_default();
            (
                format!("{place}: a push by {by} was interrupted there, or is under way"),
                "end it with `luca-secrets push --recover`",
            )
        }
    };
    failure.messages.push(message);
    failure.hints.push(hint.to_owned());
}

/// What came of a transaction: says what is well, and gives the rest as a failure.
pub(super) fn say_outcomes(outcomes: &[HostOutcome], done: &str, context: &mut Context) -> Failure {
    let mut failure = Failure::many([]);
    for outcome in outcomes {
        let server = &outcome.server;
        // That is said once, and not of every server.
        let is_said = matches!(outcome.failed, Some((_, Problem::Interrupted)));
        if let Some((step, problem)) = outcome.failed.as_ref().filter(|_| !is_said) {
            failure.messages.push(format!("server {server}: {}: {problem}", step.failed()));
            failure.messages.extend(problem.lines().iter().map(|line| format!("server {server}:   {line}")));
            failure.hints.extend(problem.hint(server));
        }
    }
    for outcome in outcomes {
        say_standing(&outcome.server, &outcome.standing, done, &mut failure, context);
    }
    failure.hints.dedup();
    failure
}

/// Says how a server stands; `done` is the word for one that has the new files.
pub(super) fn say_standing(
    server: &TargetName,
    standing: &Standing,
    done: &str,
    failure: &mut Failure,
    context: &mut Context,
) {
    let recover = || "`luca-secrets push --recover` ends what was interrupted".to_owned();
    match standing {
        Standing::New => context.ui.ok(&format!("server {server}: {done}")),
        Standing::Old => context.ui.ok(&format!("server {server}: as it was before")),
        Standing::Owed(problem) => {
            failure.messages.push(format!(
                "server {server}: the old file is back, but its services may run on the new one: {problem}"
            ));
            failure.messages.extend(problem.lines().iter().map(|line| format!("server {server}:   {line}")));
            failure.hints.extend(problem.hint(server));
            failure.hints.push(recover());
        }
        Standing::Unwell(problem) => failure
            .messages
            .push(format!("server {server}: as it was before, and not healthy either: {problem}")),
        Standing::Left(paths) => failure.messages.extend(
            paths
                .iter()
                .map(|path| format!("server {server}: {path}: changed by somebody else, and left so")),
        ),
        Standing::Unknown(problem) => {
            failure.messages.push(format!(
                "server {server}: what it has now is not known: {problem}; unless it was cut off hard, it puts the \
                 old file back by itself"
            ));
            failure.hints.extend(problem.hint(server));
            failure.hints.push(recover());
        }
    }
}
