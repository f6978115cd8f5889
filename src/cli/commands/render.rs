//! `render`: env files from the store and the schema.

use std::mem::ManuallyDrop;
use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;

use crate::bundle::{Bundle, BundleName};
use crate::cli::args::{DryRunArg, JsonArg};
use crate::cli::commands::bundles::{self, build, settled};
use crate::cli::commands::readers::{self, Reader};
use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::cli::report::count;
use crate::render::{header, render_bundle, without_header};
use crate::schema::{EnvFile, Schema};
use crate::secret::SecretText;
use crate::store::Document;

/// What the name of a sealed file ends in.
pub(super) const SEALED: &str = "age";

/// The mode of a file whose mode the schema does not name.
const PRIVATE: u32 = 0o600;

/// Write the env files that programs read
///
/// Without a name, every [env-file] of the schema is written to its path. Each value is spelled for the parser that
/// will read the file and read back by a model of that parser; where a value cannot arrive byte for byte, nothing at
/// all is written and the error names the variable. A file whose variables are the same already is left alone.
///
/// Examples:
///   luca-secrets render
///   luca-secrets render django -
///   luca-secrets render github.deploy --to deploy.env && gh secret set --env-file deploy.env
///   luca-secrets render django --sealed-for luca-backend
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct RenderArgs {
    /// The targets: django for [env-file.django], github.deploy for [github.deploy]; - writes to standard output
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    /// Write to this file instead of the schema's path, or to standard output with -
    #[arg(long, value_name = "FILE")]
    to: Option<PathBuf>,
    /// Spell the values for another reader than the schema names
    #[arg(long, value_name = "DIALECT")]
    dialect: Option<String>,
    /// Encrypt the file for this reader alone, to be opened by `luca-secrets unseal` or stock `age`: a server of the
    /// schema, by its host key, a recipient (age1…, ssh-ed25519 …), or a file with a public key. Can be repeated
    #[arg(long, value_name = "READER")]
    sealed_for: Vec<String>,
    #[command(flatten)]
    dry_run: DryRunArg,
    #[command(flatten)]
    json: JsonArg,
}

/// Where a rendered file goes.
enum Destination {
    Stdout,
    File { path: PathBuf, mode: u32, shown: String },
}

/// What is written.
enum Content {
    Plain(SecretText),
    Sealed(Vec<u8>),
}

/// A rendered file on its way.
struct Planned {
    bundle: Bundle,
    text: Content,
    destination: Destination,
    unchanged: bool,
}

#[derive(Serialize)]
struct Report {
    name: String,
    path: Option<String>,
    generation: u64,
    variables: usize,
    left_out: Vec<String>,
    sealed_for: Vec<String>,
    changed: bool,
}

pub(crate) fn run(args: &RenderArgs, context: &mut Context) -> Result<(), Failure> {
    let dialect = args.dialect.as_deref().map(bundles::dialect).transpose()?;
    let (schema, store) = context.schema_and_store()?;
    // The process ends soon, and a large schema, which holds no secret, takes long to take apart.
    let schema = ManuallyDrop::new(schema);
    let names = names(args, &schema)?;
    let store = settled(store?)?;
    let document = store.document();
    let readers = readers::resolve(&args.sealed_for, &schema, document, context)?;
    let bundles = build_all(&schema, document, &names)?;
    context.hide_in_runner_log(
        bundles.iter().flat_map(|bundle| &bundle.variables).filter(|v| v.secret).map(|v| &v.value),
    );
    let mut planned = Vec::new();
    let mut failures = Vec::new();
    for mut bundle in bundles {
        bundle.dialect = dialect.unwrap_or(bundle.dialect);
        let destination = destination(args, &schema, &bundle.name, context)?;
        match render_bundle(&bundle, Some(&header(document.generation()))) {
            Ok(text) => {
                let unchanged = readers.is_empty() && is_unchanged(&destination, &text, context)?;
                let text = if readers.is_empty() {
                    Content::Plain(text)
                } else {
                    Content::Sealed(readers::seal(&text, &readers, context)?)
                };
                planned.push(Planned { bundle, text, destination, unchanged });
            }
            Err(errors) => failures.extend(errors.iter().map(|error| format!("{}: {error}", bundle.name))),
        }
    }
    if !failures.is_empty() {
        return Err(Failure::many(failures).hint("nothing was written"));
    }
    deliver(args, document, &planned, &readers, context)
}

fn wants_stdout(args: &RenderArgs) -> bool {
    args.names.iter().any(|name| name == "-") || args.to.as_deref() == Some(Path::new("-"))
}

fn names(args: &RenderArgs, schema: &Schema) -> Result<Vec<BundleName>, Failure> {
    let typed: Vec<&String> = args.names.iter().filter(|name| *name != "-").collect();
    let names: Vec<BundleName> = if typed.is_empty() {
        schema.env_files.keys().cloned().map(BundleName::EnvFile).collect()
    } else {
        typed.iter().map(|name| BundleName::parse(name)).collect::<Result<_, _>>()?
    };
    if names.is_empty() {
        return Err(Failure::new("the schema has no env file").hint("declare one as [env-file.NAME]"));
    }
    if names.len() > 1 && (args.to.is_some() || wants_stdout(args)) {
        let all: Vec<String> = names.iter().map(ToString::to_string).collect();
        return Err(Failure::usage("several targets cannot go to one place")
            .hint(format_args!("name one of them: {}", all.join(", "))));
    }
    Ok(names)
}

fn build_all(schema: &Schema, document: &Document, names: &[BundleName]) -> Result<Vec<Bundle>, Failure> {
    let mut bundles = Vec::new();
    let mut failure: Option<Failure> = None;
    for name in names {
        match build(schema, document, name.clone()) {
            Ok(bundle) => bundles.push(bundle),
            Err(next) => match &mut failure {
                None => failure = Some(next),
                Some(failure) => {
                    let new = next.messages.into_iter().filter(|message| !failure.messages.contains(message));
                    let new: Vec<String> = new.collect();
                    failure.messages.extend(new);
                }
            },
        }
    }
    failure.map_or(Ok(bundles), |failure| Err(failure.hint("nothing was written")))
}

fn destination(
    args: &RenderArgs,
    schema: &Schema,
    name: &BundleName,
    context: &Context,
) -> Result<Destination, Failure> {
    if wants_stdout(args) {
        return Ok(Destination::Stdout);
    }
    let declared = match name {
        BundleName::EnvFile(target) => schema.env_files.get(target),
        BundleName::Github(_) | BundleName::GithubVariables(_) => None,
    };
    if !args.sealed_for.is_empty() {
        return sealed_destination(args, name, declared, context);
    }
    let (path, mode) = match (&args.to, declared) {
        (Some(path), file) => (context.settings.folder.join(path), file.map_or(PRIVATE, |file| file.mode)),
        (None, Some(file)) => (context.settings.root.join(&file.path), file.mode),
        (None, None) => return Err(no_file(name)),
    };
    Ok(Destination::File { shown: path.display().to_string(), path, mode })
}

fn no_file(name: &BundleName) -> Failure {
    Failure::usage(format_args!("{name} has no file of its own"))
        .hint(format_args!("say where it goes: luca-secrets render {name} - or --to FILE"))
}

/// Where a sealed file goes: beside the plain one. Everybody may read it.
fn sealed_destination(
    args: &RenderArgs,
    name: &BundleName,
    declared: Option<&EnvFile>,
    context: &Context,
) -> Result<Destination, Failure> {
    let path = match (&args.to, declared) {
        (Some(path), _) => context.settings.folder.join(path),
        (None, Some(file)) => context.settings.root.join(format!("{}.{SEALED}", file.path.display())),
        (None, None) => return Err(no_file(name)),
    };
    Ok(Destination::File { shown: path.display().to_string(), path, mode: 0o644 })
}

/// Whether the file holds the same variables already; its header may name an older generation.
fn is_unchanged(destination: &Destination, text: &SecretText, context: &Context) -> Result<bool, Failure> {
    let Destination::File { path, mode, .. } = destination else { return Ok(false) };
    if context.disk.kind(path)? != Some(crate::sys::Kind::File) {
        return Ok(false);
    }
    let same_mode = context.disk.permissions(path)?.mode == *mode;
    let present = context.disk.read(path, crate::store::SIZE_LIMIT)?;
    let present = std::str::from_utf8(&present).unwrap_or_default();
    Ok(same_mode && without_header(present) == without_header(text.expose()))
}

fn deliver(
    args: &RenderArgs,
    document: &Document,
    planned: &[Planned],
    readers: &[Reader],
    context: &mut Context,
) -> Result<(), Failure> {
    if !args.dry_run.dry_run {
        for file in planned {
            write(file, context)?;
        }
    }
    for file in planned {
        say(args, file, document, readers, context);
    }
    if args.json.json && !wants_stdout(args) {
        let reports: Vec<Report> = planned.iter().map(|file| report(file, document, readers)).collect();
        return context.ui.json(&reports);
    }
    Ok(())
}

fn write(file: &Planned, context: &mut Context) -> Result<(), Failure> {
    match &file.destination {
        Destination::Stdout => match &file.text {
            Content::Plain(text) => context.ui.secret_data(text),
            // Armored, so it is text.
            Content::Sealed(sealed) => context.ui.data(&String::from_utf8_lossy(sealed)),
        },
        Destination::File { path, mode, .. } if !file.unchanged => {
            if let Some(folder) = path.parent() {
                context.disk.create_private_folder(folder)?;
                context.disk.refuse_shared_folder(folder)?;
            }
            let bytes = match &file.text {
                Content::Plain(text) => text.expose().as_bytes(),
                Content::Sealed(sealed) => sealed,
            };
            Ok(context.disk.replace(path, bytes, *mode)?)
        }
        Destination::File { .. } => Ok(()),
    }
}

fn say(args: &RenderArgs, file: &Planned, document: &Document, readers: &[Reader], context: &mut Context) {
    for (variable, secret) in &file.bundle.left_out {
        context.explain(&format!("{variable} is left out: {secret} is optional and not set"));
    }
    let Destination::File { shown, .. } = &file.destination else { return };
    let variables = count(file.bundle.variables.len(), "variable");
    let mut generation = document.generation().to_string();
    if !readers.is_empty() {
        generation.extend([", sealed for ", &readers::shown(readers)]);
    }
    match (file.unchanged, args.dry_run.dry_run) {
        (true, _) => context.ui.ok(&format!("{shown}: unchanged, {variables}")),
        (false, true) => {
            context.ui.say(&format!("{shown} would be written: {variables}, generation {generation}"));
        }
        (false, false) => context.ui.ok(&format!("{shown}: {variables}, generation {generation}")),
    }
}

fn report(file: &Planned, document: &Document, readers: &[Reader]) -> Report {
    let path = match &file.destination {
        Destination::Stdout => None,
        Destination::File { shown, .. } => Some(shown.clone()),
    };
    Report {
        name: file.bundle.name.to_string(),
        path,
        generation: document.generation(),
        variables: file.bundle.variables.len(),
        left_out: file.bundle.left_out.iter().map(|(variable, _)| variable.to_string()).collect(),
        sealed_for: readers.iter().map(|reader| reader.key.clone()).collect(),
        changed: !file.unchanged,
    }
}
