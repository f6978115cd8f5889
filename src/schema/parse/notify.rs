//! `[notify]`.

use std::time::Duration;

use crate::schema::Fit;
use crate::schema::notify::{Notify, NotifyVia};

use super::context::Context;
use super::target::Targets;
use super::tree::{Key, Value};

const NOTIFY_KEYS: [&str; 3] = ["run", "url", "within"];

/// How long it may take where the schema does not say.
const USUAL_TIME: Duration = Duration::from_secs(30);

impl Targets<'_, '_> {
    /// Reads `[notify]`, which stands in one file only.
    pub(super) fn notify(&mut self, context: Context<'_>, at: &Key<'_>, value: &Value<'_>) {
        let Some(table) = context.table(at, value) else { return };
        if let Some(first) = self.notify.as_ref().map(|notify| &notify.place) {
            context.error(&at.span(), format!("`notify` is declared twice, first at {first}"));
            return;
        }
        let (mut run, mut url, mut within) = (None, None, USUAL_TIME);
        for (key, value) in table.iter() {
            match key.get_ref().as_ref() {
                "run" => run = Some(NotifyVia::Run(self.command(context, key, value))),
                "url" => url = Some(self.fitting(context, key, value, &Fit::HttpUrl).map(NotifyVia::Url)),
                "within" => within = context.duration(key, value).unwrap_or(USUAL_TIME),
                _ => context.unknown_key(key, &NOTIFY_KEYS),
            }
        }
        let via = match (run, url) {
            (Some(run), None) => Some(run),
            (None, Some(url)) => url,
            (None, None) => {
                context.error(&at.span(), "`notify` needs `run`, a program, or `url`, a webhook");
                None
            }
            (Some(_), Some(_)) => {
                context.error(&at.span(), "`notify` has `run` and `url`: only one is possible");
                None
            }
        };
        let place = context.place(&at.span());
        *self.notify = via.map(|via| Notify { via, within, place });
    }
}
