//! `rotate --adopt`: a value that somebody has changed at the source by hand, taken over once it is proven.

use crate::cli::commands::set::refuse_violations;
use crate::cli::context::{Context, nobody_answered};
use crate::cli::failure::{Failure, Kind};
use crate::cli::rotation::{Desk, lock};
use crate::name::SecretName;
use crate::rotate::{Answer, Journal, Trouble, busy_until};
use crate::schema::Schema;
use crate::secret::SecretValue;
use crate::store::{RotationRecord, State, Unlocked, Values};

use super::{RotateArgs, kind, start};

pub(super) fn run(
    args: &RotateArgs,
    name: &SecretName,
    schema: &Schema,
    store: Unlocked,
    context: &mut Context,
) -> Result<(), Failure> {
    let value = read_value(name, context)?;
    refuse_violations(schema, name, &value)?;
    let _lock = lock(context)?;
    let live = store.document().rotation(name).filter(|record| !record.state.is_end()).cloned();
    let (by, now) = (context.author().name, context.clock.now());
    let desk = Desk::new(context, schema, name.clone(), store, args.local)?;
    let mut credential = desk.credential().map_err(|trouble| failed(name, &trouble))?;
    if let Some(live) = &live
        && let Some(until) = busy_until(live, desk.holder(), credential.longest(), now)
    {
        let why =
            format!("{} may be at work on its rotation, and nobody takes it over before {until}", live.by);
        return Err(refused(name, &why).kind(Kind::Changed));
    }
    let start = start(&desk, kind(name, schema), &credential.secrets());
    let mut record = live.clone().unwrap_or_else(|| {
        RotationRecord::new(String::new(), start.kind, by, now, start.generation, start.current)
    });
    // What was on its way is an earlier value from now on, so that nothing is lost that may be live somewhere.
    let on_its_way = record.pending.clone();
    record.pending.insert(name.clone(), Some(value.clone()));
    let asked = credential.standing(&record).map_err(|trouble| failed(name, &trouble))?;
    let is_proven = match asked.pending {
        Answer::Accepted => true,
        Answer::None => false,
        Answer::Refused => return Err(refused(name, "its source refuses this value")),
        Answer::Unknown => {
            return Err(refused(name, "its source gives no answer that counts, so the value is not proven"));
        }
    };
    let mut adopted = desk.with_document(|document| -> Values {
        on_its_way.keys().map(|name| (name.clone(), document.get(name))).collect()
    });
    adopted.insert(name.clone(), Some(value));
    let written = match live {
        Some(live) => {
            let first = desk.seat().write(&live, &on_its_way, false);
            first.and_then(|()| {
                let ended =
                    RotationRecord { state: State::Done, reason: Some("adopted".to_owned()), ..live.ended() };
                desk.seat().write(&ended, &adopted, true)
            })
        }
        None => desk.write_values(&adopted),
    };
    written.map_err(|trouble| failed(name, &trouble))?;
    drop(desk);
    let how = if is_proven { "its source accepts it" } else { "there is no source to prove it at" };
    context.ui.ok(&format!("{name}: taken over; {how}"));
    context.ui.hint("`luca-secrets push` brings it to all that use it");
    Ok(())
}

fn failed(name: &SecretName, trouble: &Trouble) -> Failure {
    Failure::new(format_args!("{name}: {trouble}")).hints(&trouble.hint)
}

fn refused(name: &SecretName, why: &str) -> Failure {
    Failure::new(format_args!("{name}: {why}")).kind(Kind::Held).hint("nothing was changed")
}

fn read_value(name: &SecretName, context: &mut Context) -> Result<SecretValue, Failure> {
    if context.stdin_is_terminal {
        if !context.settings.interactive {
            return Err(Failure::new("there is nobody to ask for the value").hint("pipe it in"));
        }
        let question = format!("the value of {name} that works now (not shown): ");
        let value = context.terminal.ask_secret(&question).map_err(|_| nobody_answered())?;
        return if value.is_empty() { Err(nobody_answered()) } else { Ok(value) };
    }
    let text = context.read_stdin()?;
    if text.is_empty() {
        return Err(Failure::new("there is no value: the input is empty").hint("nothing was changed"));
    }
    Ok(crate::cli::commands::set::without_final_line_feed(&text))
}
