//! `export`: all values in a form that other programs take over.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::{Args, ValueEnum};
use serde::Serialize;

use crate::bundle::BundleName;
use crate::cli::commands::bundles::{build, settled};
use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::cli::report::count;
use crate::name::{SecretName, VariableName};
use crate::render::{self, Assignment};
use crate::schema::Dialect;
use crate::secret::{SecretText, SecretValue};

/// Hand the values over in another form
///
/// Without a target, all secrets of the store, grouped; with one, that target's variables as their program gets them.
/// Everything goes to standard output unless --to names a file, which then only you can read.
#[derive(Args)]
pub(crate) struct ExportArgs {
    /// The target, such as django or github.deploy
    #[arg(value_name = "NAME")]
    name: Option<String>,
    /// The form
    #[arg(long, value_enum, value_name = "FORM")]
    format: Form,
    /// Write to this file, with mode 0600
    #[arg(long, value_name = "FILE")]
    to: Option<PathBuf>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Form {
    /// One JSON object
    Json,
    /// A TOML document
    Toml,
    /// A YAML document
    Yaml,
    /// An env file, spelled as the dialect `cookiecutter`
    Dotenv,
    /// A Kubernetes Secret
    K8s,
}

/// Names and values, in groups; variables of a target have no group.
type Groups<'a> = BTreeMap<&'a str, Vec<(&'a str, &'a SecretValue)>>;

pub(crate) fn run(args: &ExportArgs, context: &mut Context) -> Result<(), Failure> {
    let owned = gather(args, context)?;
    context.hide_in_runner_log(owned.iter().map(|(_, _, value)| value));
    let text = match args.format {
        Form::Dotenv => dotenv(&owned)?,
        form => {
            let mut groups = Groups::new();
            for (group, key, value) in &owned {
                groups.entry(group).or_default().push((key, value));
            }
            match form {
                Form::Json => json(&groups)?,
                Form::Toml => toml(&groups),
                Form::Yaml => yaml(&groups)?,
                _ => kubernetes(&owned, args.name.as_deref().unwrap_or("luca-secrets"))?,
            }
        }
    };
    deliver(args.to.as_deref(), &text, owned.len(), context)
}

/// Group, key and value of everything that is exported.
fn gather(args: &ExportArgs, context: &mut Context) -> Result<Vec<(String, String, SecretValue)>, Failure> {
    let Some(name) = &args.name else {
        let store = settled(context.unlock()?)?;
        let document = store.document();
        let part =
            |name: &SecretName| Some((name.group().to_owned(), name.key().to_owned(), document.get(name)?));
        return Ok(document.names().filter_map(part).collect());
    };
    let name = BundleName::parse(name)?;
    let schema = context.schema()?;
    let store = settled(context.unlock()?)?;
    let bundle = build(&schema, store.document(), name)?;
    Ok(bundle.variables.into_iter().map(|v| (String::new(), v.name.to_string(), v.value)).collect())
}

fn deliver(
    to: Option<&Path>,
    text: &SecretText,
    number: usize,
    context: &mut Context,
) -> Result<(), Failure> {
    let Some(to) = to.filter(|to| *to != Path::new("-")) else { return context.ui.secret_data(text) };
    let path = context.settings.folder.join(to);
    if let Some(folder) = path.parent() {
        context.disk.refuse_shared_folder(folder)?;
    }
    context.disk.replace(&path, text.expose().as_bytes(), 0o600)?;
    context.ui.ok(&format!("{}: {}", path.display(), count(number, "value")));
    Ok(())
}

/// A JSON string, which is also a YAML string and, but for its few control characters, a TOML one.
fn quoted(text: &str) -> Result<SecretText, Failure> {
    serde_json::to_string(text).map(SecretText::new).map_err(Failure::new)
}

fn json(groups: &Groups<'_>) -> Result<SecretText, Failure> {
    struct Exposed<'a>(&'a SecretValue);
    impl Serialize for Exposed<'_> {
        fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.serialize_str(self.0.expose())
        }
    }
    let mut root: BTreeMap<&str, BTreeMap<&str, Exposed<'_>>> = BTreeMap::new();
    for (group, secrets) in groups {
        root.insert(group, secrets.iter().map(|(key, value)| (*key, Exposed(value))).collect());
    }
    let text = match root.remove("") {
        Some(variables) => serde_json::to_string_pretty(&variables),
        None => serde_json::to_string_pretty(&root),
    };
    let mut text = SecretText::new(text.map_err(Failure::new)?);
    text.push('\n');
    Ok(text)
}

fn toml(groups: &Groups<'_>) -> SecretText {
    let mut text = SecretText::default();
    for (group, secrets) in groups {
        if !group.is_empty() {
            text.push_str(if text.is_empty() { "[" } else { "\n[" });
            text.push_str(group);
            text.push_str("]\n");
        }
        for (key, value) in secrets {
            text.push_str(key);
            text.push_str(" = ");
            crate::store::push_toml_string(&mut text, value.expose());
            text.push('\n');
        }
    }
    text
}

fn yaml(groups: &Groups<'_>) -> Result<SecretText, Failure> {
    let mut text = SecretText::default();
    for (group, secrets) in groups {
        let indent = if group.is_empty() { "" } else { "  " };
        if !group.is_empty() {
            // Quoted: a group or key such as `no` or `on` would be read as a boolean.
            text.push_str(&format!("\"{group}\":\n"));
        }
        for (key, value) in secrets {
            text.push_str(&format!("{indent}\"{key}\": "));
            text.push_str(quoted(value.expose())?.expose());
            text.push('\n');
        }
    }
    if text.is_empty() {
        text.push_str("{}\n");
    }
    Ok(text)
}

/// A `v1` Secret; its data is base64, so any text arrives.
fn kubernetes(values: &[(String, String, SecretValue)], name: &str) -> Result<SecretText, Failure> {
    let name = name.replace(['.', '_'], "-");
    let mut text = SecretText::default();
    text.push_str(&format!("apiVersion: v1\nkind: Secret\nmetadata:\n  name: {name}\ntype: Opaque\ndata:"));
    for (group, key, value) in values {
        let key = if group.is_empty() { key.clone() } else { format!("{group}.{key}") };
        let encoded = SecretText::new(STANDARD.encode(value.expose()));
        text.push_str(&format!("\n  {}: ", quoted(&key)?.expose()));
        text.push_str(quoted(encoded.expose())?.expose());
    }
    text.push_str(if values.is_empty() { " {}\n" } else { "\n" });
    Ok(text)
}

fn dotenv(values: &[(String, String, SecretValue)]) -> Result<SecretText, Failure> {
    let mut named: Vec<(VariableName, &SecretValue)> = Vec::new();
    for (group, key, value) in values {
        let name = if group.is_empty() { key.clone() } else { format!("{group}_{key}").to_uppercase() };
        let name = VariableName::parse(&name)?;
        if named.iter().any(|(other, _)| *other == name) {
            return Err(Failure::new(format_args!("two secrets would both be called {name}"))
                .hint("export as json or toml, which keep the groups"));
        }
        named.push((name, value));
    }
    let assignments: Vec<Assignment<'_>> =
        named.iter().map(|(name, value)| Assignment { name, value, read_by: &[] }).collect();
    render::render(Dialect::Cookiecutter, None, &assignments).map_err(|errors| {
        Failure::many(errors.iter().map(ToString::to_string)).hint("export as json or toml")
    })
}
