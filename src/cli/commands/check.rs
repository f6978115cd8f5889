//! `check`: the store held against the schema.

use clap::Args;
use jiff::tz::Offset;
use serde::Serialize;

use crate::bundle::{Bundle, BundleError, BundleName, Login, ServerError, health_checks};
use crate::cli::args::JsonArg;
use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::cli::report::count;
use crate::name::SecretName;
use crate::render::render_bundle;
use crate::schema::{self, Schema, Severity, Type, Variable, Violation, ViolationKind};
use crate::store::Document;

/// Hold the store against the schema
///
/// Shows everything that is missing or wrong at once: secrets, their types and rules, and whether every target can be
/// rendered. The exit code is 3 if there is an error, or with --strict a warning.
#[derive(Args)]
pub(crate) struct CheckArgs {
    /// Print a line for each secret, with its state
    #[arg(long)]
    explain: bool,
    /// Fail on warnings too
    #[arg(long)]
    strict: bool,
    #[command(flatten)]
    json: JsonArg,
}

/// One thing that was found.
#[derive(Serialize)]
struct Finding {
    severity: &'static str,
    code: &'static str,
    secret: Option<String>,
    target: Option<String>,
    place: Option<String>,
    message: String,
    hint: Option<String>,
}

pub(crate) fn run(args: &CheckArgs, context: &mut Context) -> Result<(), Failure> {
    let schema = context.schema()?;
    let store = context.unlock()?;
    let document = store.document();
    let today = Offset::UTC.to_datetime(context.clock.now()).date();
    let mut violations = schema::check(&schema, &|name| document.get(name), document.names(), today);
    violations.extend(unencoded(&schema));
    let mut findings: Vec<Finding> = violations.iter().map(finding).collect();
    findings.extend(in_conflict(document));
    findings.extend(exposed(document));
    findings.extend(unrenderable(&schema, document));
    findings.extend(unreachable(&schema, document));
    let errors = findings.iter().filter(|finding| finding.severity == "error").count();
    let warnings = findings.len() - errors;
    if args.json.json {
        context.ui.json(&findings)?;
    } else {
        if args.explain {
            explain(&schema, document, &violations, context)?;
        }
        say(&findings, context);
    }
    if errors > 0 || (args.strict && warnings > 0) {
        return Err(Failure::findings());
    }
    if !args.json.json {
        let secrets = count(document.len(), "secret");
        context.ui.ok(&match warnings {
            0 => format!("{secrets}, nothing missing, nothing wrong"),
            _ => format!("{secrets}, nothing missing, {}", count(warnings, "warning")),
        });
    }
    Ok(())
}

fn finding(violation: &Violation) -> Finding {
    Finding {
        severity: if violation.severity() == Severity::Error { "error" } else { "warning" },
        code: violation.kind.code(),
        secret: violation.secret.as_ref().map(ToString::to_string),
        target: None,
        place: violation.place.as_ref().map(ToString::to_string),
        message: violation.kind.to_string(),
        hint: violation.hint(),
    }
}

fn in_conflict(document: &Document) -> impl Iterator<Item = Finding> {
    document.conflicts().map(|(name, _)| Finding {
        severity: "error",
        code: "conflict",
        secret: Some(name.to_string()),
        target: None,
        place: None,
        message: "in conflict: two branches changed it in different ways".to_owned(),
        hint: Some("settle it with `luca-secrets merge --ours`, `--theirs` or `--edit`".to_owned()),
    })
}

/// Values that somebody knows who should not any more.
fn exposed(document: &Document) -> impl Iterator<Item = Finding> {
    document.exposed().map(|(name, exposure)| {
        let since = exposure.since.to_string();
        let day = since.split('T').next().unwrap_or_default();
        let still = if document.contains(name) { "" } else { ", and taking it out of the store changes nothing" };
        Finding {
            severity: "error",
            code: "exposed",
            secret: Some(name.to_string()),
            target: None,
            place: None,
            message: format!("exposed: {} could read it until {day}{still}", exposure.to),
            hint: Some(format!(
                "give it a new value at its source and here, or `luca-secrets recipients waive {name} --because TEXT`"
            )),
        }
    })
}

/// Secrets that stand in URLs as they are, of types that can hold what a URL cannot.
fn unencoded(schema: &Schema) -> Vec<Violation> {
    let env_files = schema.env_files.iter().map(|(target, file)| (target, &file.variables));
    let secrets = schema.github.iter().map(|(target, github)| (target, &github.secrets));
    let public = schema.github.iter().map(|(target, github)| (target, &github.variables));
    let variables = env_files
        .chain(secrets)
        .chain(public)
        .flat_map(|(target, variables)| variables.iter().map(move |variable| (target, variable)));
    variables
        .flat_map(|(target, variable)| {
            let secrets = risky(schema, variable).into_iter();
            secrets.map(|secret| Violation {
                secret: Some(secret),
                place: Some(variable.place.clone()),
                kind: ViolationKind::UnencodedInUrl {
                    variable: variable.name.clone(),
                    target: target.clone(),
                },
            })
        })
        .collect()
}

fn risky(schema: &Schema, variable: &Variable) -> Vec<SecretName> {
    let can_hold_anything = |name: &SecretName| {
        schema.secrets.get(name).is_some_and(|entry| {
            matches!(entry.kind, Type::String | Type::Password | Type::Token | Type::Json | Type::Base64)
        })
    };
    variable.template.puts_unencoded_in_url().into_iter().filter(can_hold_anything).collect()
}

/// What keeps targets from being rendered, beyond what is wrong with the secrets themselves.
fn unrenderable(schema: &Schema, document: &Document) -> Vec<Finding> {
    let mut findings = Vec::new();
    for name in BundleName::all(schema) {
        let target = Some(name.to_string());
        let new = |code, message| Finding {
            severity: "error",
            code,
            secret: None,
            target: target.clone(),
            place: None,
            message,
            hint: None,
        };
        match Bundle::build(schema, document, name) {
            Ok(bundle) => {
                let errors = render_bundle(&bundle, None).err().unwrap_or_default();
                findings.extend(errors.iter().map(|error| new("unrenderable", error.to_string())));
            }
            Err(errors) => {
                let templates = errors.iter().filter(|error| matches!(error, BundleError::Template(..)));
                findings.extend(templates.map(|error| new("template", error.to_string())));
            }
        }
    }
    findings
}

/// What keeps servers from being reached or tried, beyond what is wrong with the secrets themselves.
fn unreachable(schema: &Schema, document: &Document) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (name, server) in &schema.servers {
        let mut errors = Login::build(schema, document, name).err().unwrap_or_default();
        for install in &server.installs {
            errors.extend(health_checks(schema, document, name, install).err().unwrap_or_default());
        }
        // What a bad secret makes of its server says nothing more.
        let is_secrets_fault = errors.iter().any(|error| matches!(error, ServerError::Violation(..)));
        let is_new = |error: &ServerError| match error {
            ServerError::Missing(_, _, secret) => !is_required(schema, secret),
            ServerError::Unfit(..) => !is_secrets_fault,
            ServerError::Template(..) => true,
            ServerError::Violation(..) | ServerError::Unknown(_) => false,
        };
        findings.extend(errors.iter().filter(|error| is_new(error)).map(|error| Finding {
            severity: "error",
            code: "unreachable",
            secret: None,
            target: None,
            place: Some(server.place.to_string()),
            message: error.to_string(),
            hint: None,
        }));
    }
    findings
}

fn is_required(schema: &Schema, secret: &SecretName) -> bool {
    schema.secrets.get(secret).is_some_and(|entry| entry.required)
}

fn explain(
    schema: &Schema,
    document: &Document,
    violations: &[Violation],
    context: &mut Context,
) -> Result<(), Failure> {
    let undeclared = document.names().filter(|name| !schema.secrets.contains_key(*name));
    for name in schema.secrets.keys().chain(undeclared) {
        let about: Vec<String> = violations
            .iter()
            .filter(|violation| violation.secret.as_ref() == Some(name))
            .map(|violation| violation.kind.to_string())
            .collect();
        let kind = schema.secrets.get(name).map_or("-", |entry| entry.kind.name());
        let state = match (about.is_empty(), document.contains(name)) {
            (false, _) => about.join("; "),
            (true, true) => "fine".to_owned(),
            (true, false) => "not set, optional".to_owned(),
        };
        context.ui.data(&format!("{name}: {kind}: {state}\n"))?;
    }
    Ok(())
}

fn say(findings: &[Finding], context: &mut Context) {
    for finding in findings {
        let about = [&finding.secret, &finding.target].into_iter().flatten().next();
        let message = match about {
            Some(about) => format!("{about}: {}", finding.message),
            None => finding.message.clone(),
        };
        if finding.severity == "error" {
            context.ui.error(&message);
        } else {
            context.ui.warn(&message);
        }
        if let Some(hint) = &finding.hint {
            context.ui.hint(hint);
        }
    }
}
