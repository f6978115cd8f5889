//! `push --recover`: what interrupted pushes have left on servers, shown, asked about and ended.

use std::collections::BTreeSet;
use std::io;

use crate::http::LazyClient;
use crate::name::TargetName;
use crate::push::{Contact, End, Host, Member, Recovered, Setting, Standing, recover, way_out};
use crate::schema::Schema;
use crate::store::Document;
use crate::sys::{Signals, block_on, describe};
use crate::target::server::Stopped;

use super::context::Context;
use super::failure::Failure;
use super::progress::Progress;
use super::report::count;
use super::servers::{BOUND, REQUEST_TIME, Unseen, observe_all, say_standing};
use super::visited::{Visited, redactor};

/// What the user said beforehand.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked {
    /// Only to show it.
    pub(super) dry_run: bool,
    /// Not to ask.
    pub(super) yes: bool,
    /// To end what others have begun too, even if it is under way.
    pub(super) take_over: bool,
}

/// Signals cannot be held back.
pub(super) fn unheld(error: &io::Error) -> Failure {
    Failure::new(format_args!("signals cannot be held back: {}", describe(error)))
}

impl Context {
    /// Ends what interrupted pushes have left on these servers.
    pub(super) fn recover(
        &mut self,
        schema: &Schema,
        document: &Document,
        names: &[TargetName],
        asked: Asked,
    ) -> Result<(), Failure> {
        let mut failure = Failure::many([]);
        let mut contacts = Vec::new();
        for (server, contact) in self.contacts(schema, document, names)? {
            match contact {
                Ok(contact) => contacts.push(contact),
                Err(unreachable) => note(&server, &Unseen::Unreachable(unreachable), &mut failure),
            }
        }
        block_on(self.recover_all(&contacts, schema, document, asked, &mut failure))
            .map_err(|error| Failure::new(format_args!("no connections can be made: {error}")))??;
        failure.hints.dedup();
        if failure.messages.is_empty() { Ok(()) } else { Err(failure) }
    }

    async fn recover_all(
        &mut self,
        contacts: &[Contact],
        schema: &Schema,
        document: &Document,
        asked: Asked,
        failure: &mut Failure,
    ) -> Result<(), Failure> {
        let mut patients = Vec::new();
        for (contact, seen) in contacts.iter().zip(observe_all(contacts, self).await) {
            match seen {
                Ok((host, looks))
                    if looks.iter().any(|look| look.note.is_some() || look.holder.is_some()) =>
                {
                    patients.push((Visited::new(&contact.server, looks, schema, document, failure), host));
                }
                Ok((host, _)) => host.close().await,
                Err(error) => note(&contact.server, &Unseen::Host(error), failure),
            }
        }
        if patients.is_empty() {
            if failure.messages.is_empty() {
                self.ui.ok("no push was interrupted");
            }
            return Ok(());
        }
        let committed = committed(&patients);
        for line in patients.iter().flat_map(|(visited, _)| lines(visited, &committed)) {
            self.ui.say(&line);
        }
        if asked.dry_run {
            return Ok(());
        }
        let servers = count(patients.len(), "server");
        if !asked.yes && !self.confirm(&format!("end what was interrupted on {servers}?"))? {
            return Err(Failure::new("not confirmed").hint("nothing was changed"));
        }
        let only_held: BTreeSet<TargetName> = patients
            .iter()
            .filter(|(visited, _)| is_only_held(visited))
            .map(|(it, _)| it.server.clone())
            .collect();
        for outcome in self.recover_patients(patients, &committed, document, asked.take_over).await? {
            if only_held.contains(&outcome.server) && matches!(outcome.standing, Standing::Old) {
                self.ui.ok(&format!("server {}: nobody has the lock any more", outcome.server));
            }
            self.say_recovered(&outcome, failure);
        }
        Ok(())
    }

    async fn recover_patients(
        &mut self,
        patients: Vec<(Visited<'_>, Host)>,
        committed: &BTreeSet<String>,
        document: &Document,
        take_over: bool,
    ) -> Result<Vec<Recovered>, Failure> {
        let client = LazyClient::new(&self.env, REQUEST_TIME);
        let who = self.author().name;
        // An end that is cut short would have to be ended again.
        let _signals = Signals::hold().map_err(|error| unheld(&error))?;
        let progress = Progress::new(&mut self.ui);
        let watcher = |server: &TargetName, step, moment| progress.step(server, step, moment);
        let setting = Setting {
            client: &client,
            bound: BOUND,
            applies: true,
            is_interrupted: &|| false,
            progress: &watcher,
        };
        let (visited, hosts): (Vec<_>, Vec<_>) = patients.into_iter().unzip();
        let members = visited.iter().zip(hosts).map(|(visited, host)| Member {
            server: &visited.server,
            host,
            changes: visited.changes(|_| true),
            redactor: redactor(document),
        });
        let who = (!take_over).then_some(who.as_str());
        let recovering = recover(members.collect(), committed, who, &setting);
        Ok(progress.during(recovering, || ()).await)
    }

    fn say_recovered(&mut self, outcome: &Recovered, failure: &mut Failure) {
        let server = &outcome.server;
        for (path, end) in &outcome.ended {
            self.ui.ok(&format!("server {server}: {path}: {}", became(*end)));
        }
        if !matches!(outcome.standing, Standing::Old) {
            say_standing(server, &outcome.standing, "as it is now", failure, self);
        }
    }
}

fn note(server: &TargetName, unseen: &Unseen, failure: &mut Failure) {
    failure.messages.extend(unseen.messages(server));
    failure.hints.extend(unseen.hint(server));
}

/// The transactions that some server has committed.
fn committed(patients: &[(Visited<'_>, Host)]) -> BTreeSet<String> {
    let notes = patients.iter().flat_map(|(visited, _)| &visited.looks).filter_map(|look| look.note.as_ref());
    let committed = notes.filter(|note| note.is_committed);
    committed.filter_map(|note| Some(note.transaction.as_ref()?.to_string())).collect()
}

/// Whether a push has the lock there that has put nothing in place, nor anything beside it.
fn is_only_held(visited: &Visited<'_>) -> bool {
    visited.looks.iter().all(|look| look.note.is_none())
}

/// A line for each file that was interrupted, or whose lock a push has that has done nothing there yet.
fn lines(visited: &Visited<'_>, committed: &BTreeSet<String>) -> Vec<String> {
    if is_only_held(visited) {
        let held = visited.looks.iter().filter_map(|look| Some((look, look.holder.as_ref()?)));
        return held
            .map(|(look, holder)| {
                let (server, path, by) = (&visited.server, &look.path, &holder.by);
                format!("server.{server}, {path}: a push by {by} has the lock, with nothing in place: it is to end")
            })
            .collect();
    }
    let interrupted = visited.looks.iter().filter_map(|look| Some((look, look.note.as_ref()?)));
    interrupted
        .map(|(look, note)| {
            let stopped = note.stopped(look.digest);
            let by = if note.by.is_empty() { String::new() } else { format!(" by {}", note.by) };
            let at = match stopped {
                Stopped::Old if note.is_owed => "before its services had read the old file again",
                Stopped::Old => "before the new file was in place",
                Stopped::New => "with the new file in place",
                Stopped::Committed => "while it was committed",
                Stopped::Changed => "and somebody has changed the file since",
            };
            let end = becomes(way_out(note, stopped, committed));
            format!("server.{}, {}: a push{by} was interrupted {at}: {end}", visited.server, look.path)
        })
        .collect()
}

/// What would become of a file.
const fn becomes(end: End) -> &'static str {
    match end {
        End::Old => "the old file is to be in place",
        End::New => "the new file is to stay",
        End::Changed => "the file is to stay as it is",
    }
}

/// What has become of it.
const fn became(end: End) -> &'static str {
    match end {
        End::Old => "the old file is in place",
        End::New => "the new file stays",
        End::Changed => "the file stays as somebody has changed it",
    }
}
