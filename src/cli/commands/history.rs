//! `history`: the values that secrets had before.

use clap::Args;
use serde::Serialize;

use crate::cli::args::{DryRunArg, JsonArg, YesArg};
use crate::cli::context::{Context, secret_name};
use crate::cli::failure::Failure;
use crate::cli::report::{commit, count, no_such_secret, say_committed};
use crate::name::SecretName;
use crate::secret::{SecretText, SecretValue, shape};
use crate::store::{Document, Earlier, Origin, push_toml_line};

/// Show the values that a secret had before
///
/// Lists when it got each value and how, with its length and its fingerprint: equal fingerprints are equal values. Says
/// whether it is being rotated, since the values of that are none of these. The numbers are those that `rollback --to`
/// takes. Without a name, lists the secrets that have earlier values. The store keeps the last ten of each, or as many as
/// `keep` below `[history]` in the schema says.
#[derive(Args)]
pub(crate) struct HistoryArgs {
    /// The secret, such as `database.password`
    #[arg(value_name = "NAME", required_if_eq_any = [("show", "true"), ("forget", "true")])]
    name: Option<String>,
    /// Show the values, each in quotes on its line
    #[arg(long)]
    show: bool,
    /// Drop the earlier values; the present one stays
    #[arg(long, conflicts_with_all = ["show", "json"])]
    forget: bool,
    #[command(flatten)]
    yes: YesArg,
    #[command(flatten)]
    dry_run: DryRunArg,
    #[command(flatten)]
    json: JsonArg,
}

/// A secret that has earlier values.
#[derive(Serialize)]
struct Summary {
    name: String,
    /// Whether it is in the store now.
    set: bool,
    earlier: usize,
}

/// One value of a secret.
#[derive(Serialize)]
struct Row<'v> {
    /// The number for `rollback --to`; none for the present value.
    number: Option<usize>,
    since: Option<String>,
    /// When it was replaced; none for the present value.
    until: Option<String>,
    origin: Option<String>,
    shape: String,
    fingerprint: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<&'v str>,
}

pub(crate) fn run(args: &HistoryArgs, context: &mut Context) -> Result<(), Failure> {
    if !args.forget && (args.yes.yes || args.dry_run.dry_run) {
        return Err(Failure::usage("--yes and --dry-run go with --forget: nothing else changes anything"));
    }
    match &args.name {
        None => summary(args, context),
        Some(name) if args.forget => forget(args, secret_name(name)?, context),
        Some(name) => show(args, &secret_name(name)?, context),
    }
}

fn summary(args: &HistoryArgs, context: &mut Context) -> Result<(), Failure> {
    let store = context.unlock()?;
    let document = store.document();
    let row = |name: &SecretName| Summary {
        name: name.to_string(),
        set: document.contains(name),
        earlier: document.history(name).len(),
    };
    let rows: Vec<Summary> = document.with_history().map(row).collect();
    if args.json.json {
        return context.ui.json(&rows);
    }
    let width = rows.iter().map(|row| row.name.len()).max().unwrap_or(0);
    for row in &rows {
        let removed = if row.set { "" } else { ", removed" };
        let earlier = count(row.earlier, "earlier value");
        context.ui.data(&format!("{:width$}  {earlier}{removed}\n", row.name))?;
    }
    if rows.is_empty() {
        context.ui.ok("no secret has earlier values");
    }
    Ok(())
}

/// The earlier values of a secret; of one that nobody knows, a failure.
pub(super) fn earlier(name: &SecretName, document: &Document) -> Result<Vec<Earlier>, Failure> {
    let earlier = document.history(name);
    if earlier.is_empty() && !document.contains(name) {
        return Err(no_such_secret(name, document));
    }
    Ok(earlier)
}

fn show(args: &HistoryArgs, name: &SecretName, context: &mut Context) -> Result<(), Failure> {
    let store = context.unlock()?;
    let document = store.document();
    let earlier = earlier(name, document)?;
    let present = document.get(name);
    if args.show {
        context.hide_in_runner_log(present.iter().chain(earlier.iter().map(|one| &one.value)));
    }
    let values: Vec<&SecretValue> = present.iter().chain(earlier.iter().map(|one| &one.value)).collect();
    say_rotation(name, document, context);
    let mut rows = rows(name, document, present.as_ref(), &earlier);
    if args.json.json {
        for (row, value) in rows.iter_mut().zip(&values).filter(|_| args.show) {
            row.value = Some(value.expose());
        }
        return context.ui.json(&rows);
    }
    let width = |text: fn(&Row<'_>) -> usize| rows.iter().map(text).max().unwrap_or(0);
    let origin_width = width(|row| row.origin.as_deref().unwrap_or("-").len());
    let shape_width = width(|row| row.shape.len());
    for (row, value) in rows.iter().zip(values) {
        let number = row.number.map_or("now".to_owned(), |number| number.to_string());
        let (since, origin) = (row.since.as_deref().unwrap_or("-"), row.origin.as_deref().unwrap_or("-"));
        let mut line = SecretText::with_capacity(256);
        line.push_str(&format!("{number:4}  {since:20}  {origin:origin_width$}  "));
        if args.show {
            push_toml_line(&mut line, value.expose());
        } else {
            line.push_str(&format!("{:shape_width$}  {}", row.shape, row.fingerprint));
        }
        line.push('\n');
        context.ui.secret_data(&line)?;
    }
    Ok(())
}

/// Says that the secret is being rotated: the new value, or the old one, stands in the journal and not in this list.
fn say_rotation(name: &SecretName, document: &Document, context: &mut Context) {
    let Some((rotation, record)) = document.rotation_with(name) else { return };
    let whose = if rotation == name { String::new() } else { format!(" of {rotation}") };
    let (state, started, by) = (record.state, record.started, &record.by);
    context.ui.say(&format!("{name}: a rotation{whose} is under way, {state}, begun {started} by {by}"));
    context.ui.hint(&format!(
        "its values stay with the rotation until that has ended: `luca-secrets rotate --resume {rotation}`, or --undo"
    ));
}

/// The present value, if there is one, and the earlier ones.
fn rows<'v>(
    name: &SecretName,
    document: &Document,
    present: Option<&SecretValue>,
    earlier: &[Earlier],
) -> Vec<Row<'v>> {
    let key = document.fingerprint_key();
    let row = |number, value: &SecretValue| Row {
        number,
        since: None,
        until: None,
        origin: None,
        shape: shape(value),
        fingerprint: key.of(value).to_string(),
        value: None,
    };
    let (since, origin) = document.version(name).map(|version| (version.since, version.origin)).unzip();
    let since = since.map(|since| since.to_string());
    let present = present.map(|value| Row { since, origin, ..row(None, value) });
    let earlier = earlier.iter().zip(1..).map(|(one, number)| Row {
        since: one.since.map(|since| since.to_string()),
        until: Some(one.until.to_string()),
        origin: one.origin.clone(),
        ..row(Some(number), &one.value)
    });
    present.into_iter().chain(earlier).collect()
}

fn forget(args: &HistoryArgs, name: SecretName, context: &mut Context) -> Result<(), Failure> {
    let store = context.unlock()?;
    let number = earlier(&name, store.document())?.len();
    if number == 0 {
        context.ui.ok(&format!("{name} has no earlier values"));
        return Ok(());
    }
    let what = format!("{} of {name}", count(number, "earlier value"));
    if args.dry_run.dry_run {
        context.ui.say(&format!("{what} would be forgotten"));
        return Ok(());
    }
    if !args.yes.yes && !context.confirm(&format!("forget {what}?"))? {
        return Err(Failure::new("nothing was forgotten"));
    }
    let mut edit = store.edit(Origin::Edit, context.history_kept());
    edit.forget(name);
    let committed = commit(edit, context)?;
    say_committed(context, &committed);
    context.ui.hint("earlier revisions of the store, in git for example, still hold them for its readers");
    Ok(())
}
