//! `with = "command"`.

use std::time::Duration;

use crate::name::SecretName;
use crate::schema::model::Type;
use crate::schema::parse::tree::Node;
use crate::schema::rotation::{CommandRotation, Maker, RotationKind};

use super::check::Subject;
use super::{Kind, Reader};

const KEYS: [&str; 6] = ["also", "made-by", "overlap", "reads", "run", "within"];

/// How long one run may take where the schema does not say.
const USUAL_TIME: Duration = Duration::from_mins(1);

/// The longest that a schema can allow: whoever waits should see why.
const LONGEST_TIME: Duration = Duration::from_mins(10);

/// Reads the settings of `command`.
pub(super) fn command(reader: &Reader<'_, '_>) -> Kind {
    let settings = CommandRotation {
        run: run(reader),
        within: within(reader).unwrap_or(USUAL_TIME),
        overlap: reader
            .find("overlap")
            .and_then(|(key, value)| reader.context.flag(key, value))
            .unwrap_or(true),
        made_by: maker(reader).unwrap_or_default(),
        also: reader.secrets("also"),
        reads: reader.secrets("reads"),
    };
    (RotationKind::Command(settings), &KEYS)
}

fn run(reader: &Reader<'_, '_>) -> Vec<String> {
    let Some((key, value)) = reader.find("run") else {
        reader.missing("run", "the program that does it: run = [\"scripts/rotate\"]");
        return Vec::new();
    };
    let words = reader.context.texts(key, value).unwrap_or_default();
    if words.first().is_none_or(String::is_empty) {
        reader.context.error(&value.span(), "`run` must be an array of strings, the program first");
    }
    let Node::Array(items) = value.get_ref() else { return words };
    for (word, item) in words.iter().zip(items) {
        if word.contains("{{") {
            let hint =
                "arguments show in the list of processes; the program is told values on its input".to_owned();
            reader.context.error_with(&item.span(), "commands take no templates", Some(hint));
        }
        if word.contains('\0') {
            reader.context.error(&item.span(), "an argument cannot hold a NUL byte");
        }
    }
    words
}

fn within(reader: &Reader<'_, '_>) -> Option<Duration> {
    let (key, value) = reader.find("within")?;
    let within = reader.context.duration(key, value)?;
    if within > LONGEST_TIME {
        reader.context.error(&value.span(), "`within` must be at most 10m");
    }
    Some(within)
}

fn maker(reader: &Reader<'_, '_>) -> Option<Maker> {
    let (key, value) = reader.find("made-by")?;
    let word = reader.context.text(key, value)?;
    let found = Maker::WORDS.iter().find(|(known, _)| *known == word);
    if found.is_none() {
        reader.context.unknown_word("a maker of values", word, value, &Maker::WORDS.map(|(word, _)| word));
    }
    found.map(|(_, maker)| *maker)
}

/// Complains where nobody could make a new value, or a secret has two parts to play.
pub(super) fn check(subject: &Subject<'_>, settings: &CommandRotation) {
    let can_be_made = subject.entry.generate.is_some()
        || matches!(subject.entry.kind, Type::Password | Type::Hex | Type::Base64 | Type::Uuid);
    if settings.made_by == Maker::Here && !can_be_made {
        let message = format!("nothing says how a new `{}` is made", subject.name);
        let hint = "add `generate`, or say `made-by = \"program\"` or `made-by = \"source\"`".to_owned();
        subject.error_at(&subject.entry.place, message, Some(hint));
    }
    let mut seen: Vec<&SecretName> = vec![subject.name];
    for name in settings.also.iter().chain(&settings.reads) {
        if seen.contains(&name) {
            subject.error(name, format!("`{name}` is named twice in this rotation"), None);
        }
        seen.push(name);
    }
}
