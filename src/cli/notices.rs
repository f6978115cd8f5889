//! Telling somebody that a rotation needs them, as `[notify]` of the schema says. No value is told, and nothing depends on
//! whether it was heard.

use serde::Serialize;

use crate::http::{Address, Method, Request, send_and_wait};
use crate::name::SecretName;
use crate::schema::{Fit, Notify, NotifyVia, Schema, Template};
use crate::secret::Redactor;
use crate::store::Document;
use crate::sys::{Ending, describe, errand};

use super::context::Context;

/// Most bytes of a webhook's answer that are read.
const ANSWER_LIMIT: usize = 64 * 1024;

/// What is told.
#[derive(Serialize)]
pub(super) struct Notice {
    /// One sentence: what chat programs show of a webhook.
    pub(super) text: String,
    /// `failed`, `held`, `waiting` or `overdue`.
    pub(super) event: &'static str,
    pub(super) rotation: Option<String>,
    pub(super) kind: Option<String>,
    pub(super) reason: Option<String>,
    /// The command that somebody gives next.
    pub(super) next: Option<String>,
    /// The project's folder, by its name.
    pub(super) project: String,
    pub(super) at: String,
    pub(super) by: String,
}

impl Context {
    /// Tells somebody, if the schema names anybody; whether it was heard. What went wrong is said, and changes nothing.
    pub(super) fn tell(&mut self, notice: &Notice, schema: &Schema, document: &Document) -> bool {
        let Some(notify) = &schema.notify else { return false };
        let outcome = match &notify.via {
            NotifyVia::Run(words) => self.tell_program(words, notify, &body(notice, schema, document)),
            NotifyVia::Url(url) => self.tell_webhook(url, notify, &body(notice, schema, document), document),
        };
        let about = notice.rotation.as_deref().unwrap_or("the schedule");
        match outcome {
            Ok(()) => self.explain(&format!("told by [notify] that {about} is {}", notice.event)),
            Err(reason) => {
                let place = &notify.place;
                self.ui.warn(&format!("{place}: nobody was told of {about} ({}): {reason}", notice.event));
                return false;
            }
        }
        true
    }

    fn tell_program(&self, words: &[String], notify: &Notify, body: &[u8]) -> Result<(), String> {
        let done = errand(words, &self.settings.root, self.env.for_children(), body, notify.within);
        let program = words.first().map(String::as_str).unwrap_or_default();
        match done {
            Ok(Some(Ending::Code(0))) => Ok(()),
            Ok(Some(Ending::Code(code))) => Err(format!("{program} ended with exit code {code}")),
            Ok(Some(Ending::Signal(signal))) => Err(format!("{program} was killed by signal {signal}")),
            Ok(None) => Err(format!("{program} took longer than {} s", notify.within.as_secs())),
            Err(error) => Err(format!("{program} could not be started: {}", describe(&error))),
        }
    }

    fn tell_webhook(
        &self,
        url: &Template,
        notify: &Notify,
        body: &[u8],
        document: &Document,
    ) -> Result<(), String> {
        let url = url.render(&|name| document.get(name)).map_err(|problem| problem.to_string())?;
        Fit::HttpUrl.check(&url).map_err(|unfit| format!("`url` is {unfit}"))?;
        let address = Address::parse(url.expose()).map_err(|error| error.to_string())?;
        if !address.is_private() {
            return Err(format!("{}: only told over https", address.host()));
        }
        let host = address.host().to_owned();
        let mut request = Request::new(Method::POST, address).body(body.to_vec());
        (request.limit, request.follows) = (ANSWER_LIMIT, false);
        match send_and_wait(&self.env, &request, notify.within) {
            Ok(answer) if answer.is_success() => Ok(()),
            Ok(answer) => Err(format!("{host} answered with status {}", answer.status)),
            Err(error) => Err(error.to_string()),
        }
    }
}

/// The JSON, without any value of the store: reasons come from other programs too.
fn body(notice: &Notice, schema: &Schema, document: &Document) -> Vec<u8> {
    let mut redactor = Redactor::default();
    let is_hidden = |name: &&SecretName| schema.secrets.get(*name).is_none_or(|entry| entry.secret);
    let values = document.names().filter(is_hidden).filter_map(|name| document.get(name));
    values.for_each(|value| redactor.add(&value));
    for (_, record) in document.rotations() {
        let hidden = record.values().filter(|(name, _)| name.is_none_or(|name| is_hidden(&name)));
        hidden.for_each(|(_, value)| redactor.add(value));
    }
    let redacted = |text: &Option<String>| text.as_ref().map(|text| redactor.redact(text));
    let told = Notice {
        text: redactor.redact(&notice.text),
        reason: redacted(&notice.reason),
        rotation: notice.rotation.clone(),
        kind: notice.kind.clone(),
        next: notice.next.clone(),
        project: notice.project.clone(),
        at: notice.at.clone(),
        by: notice.by.clone(),
        event: notice.event,
    };
    let mut body = serde_json::to_vec(&told).unwrap_or_default();
    body.push(b'\n');
    body
}
