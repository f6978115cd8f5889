//! `rotate --plan`: the steps, and whether it could begin now.

use serde::Serialize;

use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::cli::report::count;
use crate::cli::rotation::{Desk, shown_steps};
use crate::name::SecretName;
use crate::schema::Schema;
use crate::store::{Direction, Unlocked};

use super::{RotateArgs, Work, kind, record, start};

/// A rotation as it would go.
#[derive(Serialize)]
struct Plan {
    rotation: String,
    kind: String,
    /// Whether it is under way.
    state: Option<&'static str>,
    /// How many of the steps are done.
    done: usize,
    steps: Vec<Planned>,
    /// What was found by looking.
    found: Vec<String>,
    /// Why it could not begin now.
    problem: Option<String>,
}

#[derive(Serialize)]
struct Planned {
    name: &'static str,
    what: String,
    then: &'static str,
    #[serde(rename = "final")]
    is_final: bool,
}

pub(super) fn run(
    args: &RotateArgs,
    works: Vec<(SecretName, Work)>,
    schema: &Schema,
    mut store: Unlocked,
    context: &mut Context,
) -> Result<(), Failure> {
    let mut failure = Failure::many([]);
    for (name, work) in works {
        let record = record(args, &name, work, schema, store.document())?;
        let desk = Desk::new(context, schema, name.clone(), store, args.local)?;
        let plan = desk.credential().map(|mut credential| {
            let steps = match (&record, work) {
                (Some(record), Work::Undo) => credential.undo_steps(record.done + 1),
                (Some(record), _) => match record.direction {
                    Direction::Forward => credential.steps(),
                    Direction::Back { begun } => credential.undo_steps(begun),
                },
                (None, _) => credential.steps(),
            };
            let secrets = credential.secrets();
            let current = start(&desk, String::new(), &secrets).current;
            let looked = (work == Work::Begin)
                .then(|| desk.with_engine(&mut *credential, |engine| engine.look(&current)));
            (steps, looked)
        });
        store = desk.into_store();
        let (steps, looked) = match plan {
            Ok(plan) => plan,
            Err(trouble) => {
                failure.messages.push(format!("{name}: {trouble}"));
                failure.hints.extend(trouble.hint);
                continue;
            }
        };
        let (found, problem) = match looked {
            Some(Ok(found)) => (found, None),
            Some(Err(trouble)) => (Vec::new(), Some(trouble)),
            None => (Vec::new(), None),
        };
        let done = record.as_ref().filter(|_| work != Work::Undo).map_or(0, |record| record.done);
        if args.json.json {
            let planned = steps.iter().map(|step| Planned {
                name: step.name,
                what: step.shown.clone(),
                then: step.then.word(),
                is_final: step.is_final,
            });
            context.ui.json_line(&Plan {
                rotation: name.to_string(),
                kind: kind(&name, schema),
                state: record.as_ref().map(|record| record.state.word()),
                done,
                steps: planned.collect(),
                found,
                problem: problem.as_ref().map(ToString::to_string),
            })?;
        } else {
            let state =
                record.as_ref().map(|record| format!(", {}, {} done", record.state, count(done, "step")));
            context.ui.data(&format!("{name}, {}{}\n", kind(&name, schema), state.unwrap_or_default()))?;
            for line in shown_steps(&steps, done) {
                context.ui.data(&(line + "\n"))?;
            }
            for line in found {
                context.ui.ok(&format!("{name}: {line}"));
            }
        }
        if let Some(trouble) = problem {
            failure.messages.push(format!("{name}: {trouble}"));
            failure.hints.extend(trouble.hint);
        }
    }
    if failure.messages.is_empty() { Ok(()) } else { Err(failure.hint("nothing was changed")) }
}
