//! The way through minijinja, for templates with conditions, defaults and other filters.
//!
//! What we hand to minijinja and what it makes on the way are its own strings, which cannot be wiped; only the output
//! is ours to wipe. That is the price of the language, and why plain templates do not come here.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Object, Value};
use minijinja::{AutoEscape, Environment, Error, ErrorKind, UndefinedBehavior};

use crate::name::SecretName;
use crate::secret::{SecretText, SecretValue};

use super::encode::{Filter, apply};
use super::{RenderProblem, TemplateError, find_name};

static ENVIRONMENT: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    // Building fails for clashing delimiters only, and these are the usual ones.
    if let Ok(syntax) = SyntaxConfig::builder().keep_trailing_newline(true).build() {
        environment.set_syntax(syntax);
    }
    environment.add_filter("urlencode", |text: String| filtered(Filter::UrlEncode, text));
    environment.add_filter("b64encode", |text: String| filtered(Filter::Base64Encode, text));
    environment
});

fn filtered(filter: Filter, text: String) -> String {
    let text = SecretText::new(text);
    let mut output = SecretText::with_capacity(filter.longest(text.len()));
    apply(&[filter], text.expose(), &mut output);
    output.expose().to_owned()
}

/// Checks a template; gives what it refers to, in the order of first use.
pub(super) fn compile(text: &str) -> Result<Vec<SecretName>, TemplateError> {
    let environment: &Environment<'_> = &ENVIRONMENT;
    let template = environment.template_from_str(text).map_err(|error| describe(&error, text))?;
    let mut references = Vec::new();
    for used in template.undeclared_variables(true) {
        let name = SecretName::parse(&used).map_err(|error| TemplateError {
            message: format!("`{used}` is not the name of a secret: {error}"),
            offset: text.find(used.as_str()),
        })?;
        references.push(name);
    }
    references.sort_by_cached_key(|name| (find_name(text, name).unwrap_or(usize::MAX), name.clone()));
    // minijinja finds an unknown filter only when it gets there.
    let trial = |_: &SecretName| Some(SecretValue::new("1".to_owned()));
    match run(text, &references, &trial) {
        Err(Failure { error, .. }) if is_mistake(error.kind()) => Err(describe(&error, text)),
        _ => Ok(references),
    }
}

/// Renders a template that [`compile`] accepted.
pub(super) fn render(
    text: &str,
    references: &[SecretName],
    lookup: &dyn Fn(&SecretName) -> Option<SecretValue>,
) -> Result<SecretValue, RenderProblem> {
    run(text, references, lookup).map_err(|Failure { error, missed }| match (error.kind(), missed) {
        (ErrorKind::UndefinedError, Some(name)) => RenderProblem::Missing(name),
        // The kind only: an error's detail may quote a value.
        (kind, _) => RenderProblem::Failed(kind.to_string()),
    })
}

struct Failure {
    error: Error,
    /// The unset secret that was asked for last.
    missed: Option<SecretName>,
}

fn run(
    text: &str,
    references: &[SecretName],
    lookup: &dyn Fn(&SecretName) -> Option<SecretValue>,
) -> Result<SecretValue, Failure> {
    let missed = Arc::new(Mutex::new(None));
    let mut groups: BTreeMap<&str, Group> = BTreeMap::new();
    for name in references {
        let group = groups.entry(name.group()).or_insert_with(|| Group {
            name: name.group().to_owned(),
            values: BTreeMap::new(),
            missed: Arc::clone(&missed),
        });
        if let Some(value) = lookup(name) {
            group.values.insert(name.key().to_owned(), Value::from(value.expose()));
        }
    }
    let groups = groups.into_iter().map(|(name, group)| (name.to_owned(), Value::from_object(group)));
    let context = Value::from(groups.collect::<BTreeMap<String, Value>>());
    let mut output = Output(SecretText::with_capacity(256));
    let environment: &Environment<'_> = &ENVIRONMENT;
    let rendered = environment
        .template_from_str(text)
        .and_then(|template| template.render_captured_to(context, &mut output).map(|_| ()));
    match rendered {
        Ok(()) => Ok(output.0.into_value()),
        Err(error) => {
            let missed = missed.lock().unwrap_or_else(PoisonError::into_inner).take();
            Err(Failure { error, missed })
        }
    }
}

/// The secrets of one group, as minijinja sees them.
struct Group {
    name: String,
    values: BTreeMap<String, Value>,
    missed: Arc<Mutex<Option<SecretName>>>,
}

/// minijinja asks for it; it shows no value.
impl std::fmt::Debug for Group {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "group {}", self.name)
    }
}

impl Object for Group {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let key = key.as_str()?;
        let found = self.values.get(key).cloned();
        if found.is_none() {
            let mut missed = self.missed.lock().unwrap_or_else(PoisonError::into_inner);
            *missed = SecretName::new(&self.name, key).ok();
        }
        found
    }
}

/// Collects what minijinja writes.
struct Output(SecretText);

impl io::Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // minijinja writes whole strings, so a part of a character is never seen here.
        let text = std::str::from_utf8(bytes).map_err(|_| io::ErrorKind::InvalidData)?;
        self.0.push_str(text);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Whether an error of this kind comes from the template itself, whatever the values are.
fn is_mistake(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::UnknownFilter
            | ErrorKind::UnknownTest
            | ErrorKind::UnknownFunction
            | ErrorKind::UnknownMethod
            | ErrorKind::TooManyArguments
            | ErrorKind::MissingArgument
    )
}

fn describe(error: &Error, text: &str) -> TemplateError {
    let message = match error.detail() {
        Some(detail) => format!("{}: {detail}", error.kind()),
        None => error.kind().to_string(),
    };
    // minijinja tells the line only: with one line, the first tag is the better guess.
    let offset = match error.line() {
        Some(line) if line > 1 => text.match_indices('\n').nth(line - 2).map(|(at, _)| at + 1),
        _ => text.find('{'),
    };
    TemplateError { message, offset }
}
