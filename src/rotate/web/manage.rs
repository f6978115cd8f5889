//! Talking with an application through its `manage.py shell`, on its server. The values go in by standard input, and
//! what comes back is a line of JSON without values.

use serde_json::Value;

use crate::rotate::trouble::{Trouble, TroubleKind};
use crate::schema::Manage;
use crate::secret::{SecretText, SecretValue};
use crate::ssh::{Ending, Output};
use crate::sys::{self, describe};

use super::host::{Host, Lost};
use super::silence::{Silence, reason};

/// What the line with the answer starts with: settings, signals and Django itself may print others.
const MARK: &str = "luca-secrets:";

/// Puts the answer behind the mark; part of every program that is run over there.
const PRELUDE: &str = "import json, sys
def answer(**found):
    print('\\nluca-secrets:' + json.dumps(found), flush=True)
asked = json.load(sys.stdin)
";

/// An application and how it is talked with.
pub(super) struct Manager {
    host: Host,
    how: Manage,
}

/// What is asked: names and values.
pub(super) type Question<'a> = Vec<(&'a str, &'a SecretValue)>;

impl Manager {
    pub(super) fn new(host: Host, how: Manage) -> Self {
        Self { host, how }
    }

    /// Where it runs.
    pub(super) fn host(&self) -> &Host {
        &self.host
    }

    /// Has the application look at something. Nothing is changed by it.
    pub(super) fn look(&self, program: &str, task: &str, question: &Question<'_>) -> Result<Value, Trouble> {
        self.tell(program, task, question).map_err(|trouble| Trouble {
            // Where nothing can have changed, nothing is in doubt.
            kind: if trouble.kind == TroubleKind::InDoubt { TroubleKind::Unavailable } else { trouble.kind },
            ..trouble
        })
    }

    /// Has the application do something.
    pub(super) fn tell(&self, program: &str, task: &str, question: &Question<'_>) -> Result<Value, Trouble> {
        let code = format!("{PRELUDE}{program}");
        let mut words: Vec<&str> = self.how.run.iter().map(String::as_str).collect();
        words.extend(["shell", "-c", &code]);
        let input = spelled(task, question);
        let ran = sys::block_on(self.host.run(self.how.folder.as_deref(), &words, &input));
        match ran.map_err(|error| Trouble::unavailable(describe(&error)))? {
            Err(Lost::Before(trouble) | Lost::During(trouble)) => Err(trouble),
            Ok(output) => self.answer(&output),
        }
    }

    fn answer(&self, output: &Output) -> Result<Value, Trouble> {
        let text = String::from_utf8_lossy(&output.stdout);
        let line = text.lines().rev().find_map(|line| line.strip_prefix(MARK));
        if let Some(found) = line.and_then(|line| serde_json::from_str(line).ok()) {
            return Ok(found);
        }
        let name = self.host.name();
        let folder = self.how.folder.as_deref().unwrap_or("~");
        let by_hand =
            format!("on {name}, in {folder}: `{} check` says more", shell_words::join(&self.how.run));
        let why = reason(&String::from_utf8_lossy(&output.stderr));
        Err(match (&output.ending, why) {
            // The shell's own codes: the folder or the program is not there.
            (Ending::Code(126 | 127), _) => {
                Trouble::unavailable(format_args!("server {name}: manage.py could not be started"))
            }
            (Ending::Code(_), Some(Silence::NotBegun(why))) if output.stdout.is_empty() => {
                Trouble::unavailable(format_args!("server {name}: manage.py could not be started: {why}"))
            }
            (Ending::Code(code), why) => {
                let why = why.map(|why| format!(": {why}")).unwrap_or_default();
                Trouble::in_doubt(format_args!(
                    "server {name}: manage.py gave no answer and exit code {code}{why}"
                ))
            }
            (Ending::Signal(signal), _) => {
                Trouble::in_doubt(format_args!("server {name}: manage.py was ended by signal {signal}"))
            }
        }
        .hint(by_hand))
    }
}

/// The question as JSON: `{"task": …, "name": "value", …}`.
fn spelled(task: &str, question: &Question<'_>) -> SecretText {
    let room: usize = question.iter().map(|(name, value)| name.len() + 6 * value.expose().len() + 16).sum();
    let mut text = SecretText::with_capacity(room + task.len() + 32);
    text.push_str("{\"task\": ");
    push_string(&mut text, task);
    for (name, value) in question {
        text.push_str(", ");
        push_string(&mut text, name);
        text.push_str(": ");
        push_string(&mut text, value.expose());
    }
    text.push_str("}\n");
    text
}

/// A JSON string (RFC 8259, section 7), without a copy that nobody wipes.
fn push_string(text: &mut SecretText, content: &str) {
    text.push('"');
    for character in content.chars() {
        match character {
            '"' => text.push_str("\\\""),
            '\\' => text.push_str("\\\\"),
            control if control < ' ' => text.push_str(&format!("\\u{:04x}", u32::from(control))),
            other => text.push(other),
        }
    }
    text.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_is_json_whatever_the_value() {
        for value in ["", "plain", "a \"b\" \\ c", "zwei\nZeilen\u{1}\u{7f}", "é€😀"] {
            let value = SecretValue::new(value.to_owned());
            let text = spelled("look", &vec![("new", &value), ("user", &value)]);
            let read: Value = serde_json::from_str(text.expose()).unwrap();
            assert_eq!(read["task"], "look");
            assert_eq!(
                (read["new"].as_str(), read["user"].as_str()),
                (Some(value.expose()), Some(value.expose()))
            );
        }
    }
}
