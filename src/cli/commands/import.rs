//! `import`: values taken over from another file.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use serde::Serialize;

use crate::cli::args::{DryRunArg, JsonArg, YesArg};
use crate::cli::commands::bundles;
use crate::cli::commands::set::refuse_violations;
use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::cli::report::{self, count, say_committed};
use crate::import::{self, Findings, Found, Source};
use crate::render;
use crate::schema::{Dialect, Schema, Severity, check_value};
use crate::secret::SecretText;
use crate::store::{Document, Edit, Origin};

/// Take values over from an env file, TOML, JSON or a Markdown page
///
/// On a page, headings and labels are matched with the titles in the schema. Shows a plan with names only and asks
/// before anything changes. With --redact the page is then rewritten: every secret value that was imported from it is
/// gone, wherever it stands; hosts, ports and e-mail addresses stay.
#[derive(Args)]
pub(crate) struct ImportArgs {
    /// The file, or - for standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The file's form [default: by its name and content]
    #[arg(long, value_enum, value_name = "FORM")]
    format: Option<Form>,
    /// The dialect of an env file [default: cookiecutter]
    #[arg(long, value_name = "DIALECT")]
    dialect: Option<String>,
    /// Replace values that the store has already
    #[arg(long)]
    replace: bool,
    /// Take over secrets that the schema does not declare, too
    #[arg(long)]
    undeclared: bool,
    /// Rewrite the file without the secret values
    #[arg(long)]
    redact: bool,
    #[command(flatten)]
    yes: YesArg,
    #[command(flatten)]
    dry_run: DryRunArg,
    #[command(flatten)]
    json: JsonArg,
}

#[derive(Clone, Copy, ValueEnum)]
enum Form {
    /// NAME=value lines
    Dotenv,
    /// A JSON object
    Json,
    /// A page with headings, lists and tables
    Markdown,
    /// A TOML document
    Toml,
}

/// What becomes of one finding.
#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Verdict {
    New,
    Replace,
    Same,
    Differs,
    Undeclared,
}

#[derive(Serialize)]
struct Row {
    line: usize,
    name: Option<String>,
    verdict: Option<Verdict>,
    skipped: Option<String>,
}

pub(crate) fn run(args: &ImportArgs, context: &mut Context) -> Result<(), Failure> {
    let schema = context.schema()?;
    let store = context.unlock()?;
    let text =
        if args.file == Path::new("-") { context.read_stdin()? } else { context.read_file(&args.file)? };
    let findings = read(args, &text, &schema)?;
    let verdicts: Vec<Verdict> =
        findings.found.iter().map(|found| verdict(args, found, store.document())).collect();
    show(args, &findings, &verdicts, context)?;
    let mut edit = store.edit(Origin::Import, schema.history.keep);
    for (found, verdict) in findings.found.iter().zip(&verdicts) {
        if matches!(verdict, Verdict::New | Verdict::Replace) {
            refuse_violations(&schema, &found.name, &found.value)?;
            edit.set(found.name.clone(), found.value.clone());
        }
    }
    if args.dry_run.dry_run {
        return Ok(());
    }
    commit(args, edit, context)?;
    if args.redact { redact(args, &text, &findings, &verdicts, &schema, context) } else { Ok(()) }
}

fn read(args: &ImportArgs, text: &SecretText, schema: &Schema) -> Result<Findings, Failure> {
    let name = args.file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let dialect = match &args.dialect {
        Some(name) => bundles::dialect(name)?,
        None => Dialect::Cookiecutter,
    };
    let source = match args.format {
        Some(Form::Dotenv) => Source::Dotenv(dialect),
        Some(Form::Json) => Source::Json,
        Some(Form::Markdown) => Source::Markdown,
        Some(Form::Toml) => Source::Toml,
        None if args.dialect.is_some() => Source::Dotenv(dialect),
        None => Source::guess(&name, text.expose()),
    };
    let reading = import::Context {
        schema,
        fits: &|name, value| {
            let entry = schema.secrets.get(name);
            entry.is_none_or(|entry| {
                check_value(entry, value).iter().all(|kind| kind.severity() != Severity::Error)
            })
        },
        parse_dotenv: &|dialect, text| {
            render::parse(dialect, text).map_err(|problem| (problem.line, problem.reason))
        },
    };
    import::read(source, text.expose(), &reading).map_err(|error| {
        let failure = Failure::new(format_args!("{}: {error}", args.file.display()));
        if matches!(source, Source::Dotenv(_)) {
            return failure.hint("if another program reads this file, name it with --dialect");
        }
        failure.hint("nothing was changed")
    })
}

fn verdict(args: &ImportArgs, found: &Found, document: &Document) -> Verdict {
    match document.get(&found.name) {
        _ if !found.declared && !args.undeclared => Verdict::Undeclared,
        None => Verdict::New,
        Some(present) if present == found.value => Verdict::Same,
        Some(_) if args.replace => Verdict::Replace,
        Some(_) => Verdict::Differs,
    }
}

/// The plan: names, lines and what becomes of them.
fn show(
    args: &ImportArgs,
    findings: &Findings,
    verdicts: &[Verdict],
    context: &mut Context,
) -> Result<(), Failure> {
    if args.json.json {
        return context.ui.json(&rows(findings, verdicts));
    }
    for (found, verdict) in findings.found.iter().zip(verdicts) {
        let what = match verdict {
            Verdict::New => "new",
            Verdict::Replace => "replaces the present value",
            Verdict::Same => "the store has this value already",
            Verdict::Differs => "kept as it is: the store has another value (--replace takes this one)",
            Verdict::Undeclared => "left out: the schema does not declare it (--undeclared takes it)",
        };
        context.ui.say(&format!("line {:<4} {}  {what}", found.line, found.name));
    }
    for skipped in &findings.skipped {
        let label = skipped.label.as_ref().map_or(String::new(), |label| format!("{label}  "));
        context.ui.say(&format!("line {:<4} {label}skipped: {}", skipped.line, skipped.reason));
    }
    Ok(())
}

fn rows(findings: &Findings, verdicts: &[Verdict]) -> Vec<Row> {
    let found = findings.found.iter().zip(verdicts).map(|(found, verdict)| Row {
        line: found.line,
        name: Some(found.name.to_string()),
        verdict: Some(*verdict),
        skipped: None,
    });
    let skipped = findings.skipped.iter().map(|skipped| Row {
        line: skipped.line,
        name: skipped.label.as_ref().map(ToString::to_string),
        verdict: None,
        skipped: Some(skipped.reason.to_string()),
    });
    found.chain(skipped).collect()
}

fn commit(args: &ImportArgs, edit: Edit<'_>, context: &mut Context) -> Result<(), Failure> {
    let number = edit.preview().len();
    if number == 0 {
        context.ui.ok("there is nothing to import");
        return Ok(());
    }
    let question = format!("import {}?", count(number, "secret"));
    if !args.yes.yes && !context.confirm(&question)? {
        return Err(Failure::new("nothing was imported"));
    }
    let committed = report::commit(edit, context)?;
    say_committed(context, &committed);
    Ok(())
}

/// Rewrites the file without the secret values that the store now has.
fn redact(
    args: &ImportArgs,
    text: &SecretText,
    findings: &Findings,
    verdicts: &[Verdict],
    schema: &Schema,
    context: &mut Context,
) -> Result<(), Failure> {
    if args.file == Path::new("-") {
        return Err(Failure::usage("standard input cannot be rewritten").hint("name the file, with --redact"));
    }
    let in_store = |verdict: &Verdict| matches!(verdict, Verdict::New | Verdict::Replace | Verdict::Same);
    let imported = findings.found.iter().zip(verdicts).filter(|(_, verdict)| in_store(verdict));
    let is_secret = |found: &&Found| schema.secrets.get(&found.name).is_none_or(|entry| entry.secret);
    let (secrets, plain): (Vec<&Found>, Vec<&Found>) = imported.map(|(found, _)| found).partition(is_secret);
    let redaction = import::redact(text.expose(), &secrets, &plain);
    let path = context.settings.folder.join(&args.file);
    if redaction.text.expose() != text.expose() {
        let mode = context.disk.permissions(&path)?.mode & 0o777;
        context.disk.replace(&path, redaction.text.expose().as_bytes(), mode)?;
    }
    let places: usize = redaction.replaced.iter().map(|(_, places)| places).sum();
    context.ui.ok(&format!("{}: {} redacted", args.file.display(), count(places, "place")));
    for left in &redaction.left {
        context.ui.warn(&format!("line {}: {} may still stand here: {}", left.line, left.name, left.reason));
    }
    for (secret, other) in &redaction.shared {
        context.ui.warn(&format!("{secret} has the same value as {other}, which is not secret"));
    }
    context.ui.hint("earlier versions of the file, in git's history too, still hold the values: rotate them");
    Ok(())
}
