//! `edit`: many values at once, in the user's editor.

use std::collections::BTreeMap;
use std::path::Path;

use clap::Args;

use crate::cli::args::YesArg;
use crate::cli::context::Context;
use crate::cli::editing::{
    Buffer, ConflictNotes, Leftover, Problem, Program, Scratch, line_of, line_starts, unreadable,
};
use crate::cli::failure::Failure;
use crate::cli::report::{self, count, say_committed};
use crate::name::{SecretName, nearest};
use crate::schema::{Schema, Severity, check_value};
use crate::secret::SecretText;
use crate::store::{Change, Draft, Edit, Origin, Unlocked};
use crate::sys::{Ending, SessionEnd, Signals};

/// How a kept text is taken up or thrown away.
const WAYS: &str = "`luca-secrets edit --resume` takes it up, `luca-secrets edit --discard` throws it away";

/// What Ctrl-C sends (POSIX, signal.h; the number is the same on all systems).
const SIGINT: i32 = 2;

/// Change secrets in your editor
///
/// Opens the decrypted secrets in `$LUCA_SECRETS_EDITOR`, `$VISUAL` or `$EDITOR`, in a private file in memory that is removed
/// afterwards. What the schema declares and the store lacks is shown as comments. A mistake opens the editor again
/// with a note above its line; quitting without a change leaves the store alone. If the edit is interrupted, its text
/// is kept encrypted, and --resume takes it up.
#[derive(Args)]
pub(crate) struct EditArgs {
    /// Take up the text of an interrupted edit
    #[arg(long)]
    pub(super) resume: bool,
    /// Throw the text of an interrupted edit away
    #[arg(long, conflicts_with = "resume")]
    pub(super) discard: bool,
    /// Store the changes even if most secrets would go
    #[command(flatten)]
    pub(super) yes: YesArg,
}

/// One edit under way.
struct Work<'a> {
    store: &'a Unlocked,
    schema: &'a Schema,
    draft: Draft,
    program: Program,
    signals: Signals,
    /// The secrets' text when the edit began: what changes are counted from.
    base: SecretText,
}

/// The buffer to begin with.
struct Start {
    buffer: Buffer,
    /// The line to show first.
    line: Option<usize>,
}

pub(crate) fn run(args: &EditArgs, context: &mut Context) -> Result<(), Failure> {
    let place = context.disk.real_path(&context.settings.store);
    let state = context.env.state_folder().ok_or_else(|| {
        Failure::new("there is no place to keep drafts in").hint("set HOME or XDG_STATE_HOME")
    })?;
    let draft = Draft::of(&state, &place);
    if args.discard {
        return discard(&draft, &place, context);
    }
    let program = Program::find(&context.env)?;
    let schema = context.schema()?;
    let store = context.unlock()?;
    let base = store.document().secrets_text();
    let signals = Signals::hold()?;
    let mut work = Work { store: &store, schema: &schema, draft, program, signals, base };
    work.rescue(&place, context);
    let start = work.start(args, context)?;
    let mut scratch = Scratch::create(&context.disk, &context.env, &place, &work.base)?;
    if !scratch.in_memory {
        context
            .ui
            .warn("there is no folder in memory here, so the editor's file lies on the disk for a while");
    }
    if let Some(caution) = work.program.caution() {
        context.ui.warn(&caution);
    }
    work.edit(args, start, &mut scratch, context)
}

/// Throws away what interrupted edits have left.
fn discard(draft: &Draft, store: &Path, context: &mut Context) -> Result<(), Failure> {
    let leftovers = Leftover::find(&context.disk, &context.env, store);
    let was_there = draft.exists(&context.disk) || !leftovers.is_empty();
    for leftover in leftovers {
        leftover.wipe(&context.disk)?;
    }
    if draft.exists(&context.disk) {
        draft.discard(&context.disk)?;
    }
    context.ui.ok(if was_there { "the draft is gone" } else { "there was no draft" });
    Ok(())
}

impl Work<'_> {
    /// Turns what a killed edit has left in memory into a draft. While there is one already it stays where it is.
    fn rescue(&self, store: &Path, context: &mut Context) {
        for leftover in Leftover::find(&context.disk, &context.env, store) {
            let buffer = Buffer::compose(&leftover.base, &leftover.base, self.schema);
            let text = buffer.strip(&ConflictNotes::of(self.store.document()).without(&leftover.text));
            let is_kept = if text.expose() == leftover.base.expose() {
                true
            } else if self.draft.exists(&context.disk) {
                false
            } else {
                let kept = self.draft.keep(&context.disk, self.store, &leftover.base, &text).is_ok();
                if kept {
                    context.ui.warn("an earlier edit was killed; its text is kept as a draft");
                }
                kept
            };
            // What cannot be removed now is found again by the next edit.
            let _ = if is_kept { leftover.wipe(&context.disk) } else { Ok(()) };
        }
    }

    fn start(&mut self, args: &EditArgs, context: &mut Context) -> Result<Start, Failure> {
        let exists = self.draft.exists(&context.disk);
        if !args.resume {
            if exists {
                return Err(Failure::new("the text of an interrupted edit is kept as a draft").hint(WAYS));
            }
            return Ok(Start { buffer: Buffer::compose(&self.base, &self.base, self.schema), line: None });
        }
        if !exists {
            return Err(Failure::new("there is no draft to take up"));
        }
        let (base, text) = self.draft.read(&context.disk, self.store)?;
        self.base = base;
        let clashes = self.catch_up(&text)?;
        let mut buffer = Buffer::compose(&text, &self.base, self.schema);
        let shown = buffer.text().clone();
        let mut problems = self.problems(&buffer, &shown);
        problems.extend(notes_on(&clashes, &shown));
        problems.sort_by_key(|problem| problem.line);
        let line =
            if problems.is_empty() { None } else { buffer.annotate(&shown, &problems).first().copied() };
        Ok(Start { buffer, line })
    }

    /// Takes over what somebody else has written to the secrets that the draft changes too: the person is shown
    /// their names, and what is saved then wins.
    fn catch_up(&mut self, text: &SecretText) -> Result<Vec<SecretName>, Failure> {
        let mut edit = self.begin();
        // A text that cannot be read is mended first.
        if edit.set_text(text.clone()).is_err() {
            return Ok(Vec::new());
        }
        let clashes = edit.conflicts();
        drop(edit);
        if !clashes.is_empty() {
            self.base = self.store.caught_up(&self.base, &clashes)?;
        }
        Ok(clashes)
    }

    fn edit(
        &self,
        args: &EditArgs,
        start: Start,
        scratch: &mut Scratch,
        context: &mut Context,
    ) -> Result<(), Failure> {
        let Start { mut buffer, mut line } = start;
        let mut shown = buffer.without_notes(buffer.text());
        let mut is_first = true;
        let mut conflicts = ConflictNotes::of(self.store.document());
        if !conflicts.is_empty() {
            context.ui.warn("secrets are in conflict: the editor shows theirs at the end of the text");
        }
        loop {
            scratch.write(&conflicts.below(buffer.text()))?;
            let end = match self.program.open(&scratch.file(), line, &context.env, &self.signals) {
                Ok(end) => end,
                Err(failure) if is_first => return Err(failure),
                Err(failure) => return Err(self.keep(failure, &buffer.strip(&shown), scratch, context)),
            };
            let edited = match self.returned(end, scratch) {
                Ok(edited) => buffer.without_notes(&conflicts.take(&edited)),
                Err(failure) if is_first => return Err(failure.hint("nothing was changed")),
                Err(failure) => return Err(self.keep(failure, &buffer.strip(&shown), scratch, context)),
            };
            if end != SessionEnd::Ended(Ending::Code(0)) {
                return Err(self.interrupted(end, &buffer.strip(&edited), scratch, context));
            }
            if is_first && args.resume && !scratch.was_saved() {
                context.ui.ok("nothing was saved, so the draft stays as it was");
                return Ok(());
            }
            let problems = self.problems(&buffer, &edited);
            if problems.is_empty() {
                return self.store(args, (&buffer.strip(&edited), conflicts.settled()), scratch, context);
            }
            let is_same = !is_first && edited.expose() == shown.expose();
            if is_same {
                let failure = Failure::new("the text still has mistakes and was not changed any more");
                return Err(self.keep(failure, &buffer.strip(&edited), scratch, context));
            }
            say_problems(&problems, context);
            line = buffer.annotate(&edited, &problems).first().copied();
            (shown, is_first) = (edited, false);
        }
    }

    /// What the editor leaves: what was saved, or whatever was typed if it did not end of itself.
    fn returned(&self, end: SessionEnd, scratch: &Scratch) -> Result<SecretText, Failure> {
        match end {
            SessionEnd::Ended(Ending::Code(0)) => scratch.read(),
            SessionEnd::Ended(Ending::Code(code)) if self.program.gives_up_with(code) => scratch.read(),
            _ => scratch.read_last(),
        }
    }

    /// Everything that keeps the text from being stored, in the order of its lines.
    fn problems(&self, buffer: &Buffer, edited: &SecretText) -> Vec<Problem> {
        let mut problems = buffer.still_commented(edited);
        problems.extend(unreadable(edited, &self.base));
        problems.extend(self.mistakes(edited));
        problems.sort_by_key(|problem| problem.line);
        problems
    }

    /// What the text says wrongly.
    fn mistakes(&self, edited: &SecretText) -> Vec<Problem> {
        let places = match Unlocked::check_text(edited) {
            Ok(places) => places,
            Err(error) => return vec![Problem::from(&error)],
        };
        let mut edit = self.begin();
        if let Err(error) = edit.set_text(edited.clone()) {
            return vec![Problem { line: 1, message: error.to_string() }];
        }
        let starts = line_starts(edited);
        let places: BTreeMap<SecretName, usize> = places.into_iter().collect();
        let mut problems = Vec::new();
        for (name, change) in edit.preview() {
            let Some(at) = places.get(&name).filter(|_| change != Change::Removed) else { continue };
            let line = line_of(&starts, *at);
            let messages = self.violations(&name, &edit).into_iter();
            problems.extend(messages.map(|message| Problem { line, message: format!("{name}: {message}") }));
        }
        problems
    }

    fn violations(&self, name: &SecretName, edit: &Edit<'_>) -> Vec<String> {
        let Some(entry) = self.schema.secrets.get(name) else {
            let known = self.schema.secrets.keys().map(SecretName::as_str);
            let hint = nearest(name.as_str(), known)
                .map_or(String::new(), |other| format!("; did you mean {other}?"));
            return vec![format!("not declared in the schema{hint}")];
        };
        let Some(value) = edit.value(name) else { return Vec::new() };
        let errors = check_value(entry, value).into_iter().filter(|kind| kind.severity() == Severity::Error);
        errors.map(|kind| kind.to_string()).collect()
    }

    /// A set of changes counted from the text that the edit began with.
    fn begin(&self) -> Edit<'_> {
        self.store.edit_from(&self.base, Origin::Edit, self.schema.history.keep)
    }

    fn store(
        &self,
        args: &EditArgs,
        (text, settled): (&SecretText, &[SecretName]),
        scratch: &mut Scratch,
        context: &mut Context,
    ) -> Result<(), Failure> {
        // Not even what somebody else wrote meanwhile is touched by an edit that changes nothing.
        if text.expose() == self.base.expose() && settled.is_empty() {
            context.ui.ok("nothing changed, so the store was left alone");
            return self.forget_draft(context);
        }
        let mut edit = self.begin();
        for name in settled {
            edit.settle(name.clone());
        }
        if let Err(error) = edit.set_text(text.clone()) {
            return Err(self.keep(error.into(), text, scratch, context));
        }
        if let Err(failure) = self.confirm_loss(args, &edit, context) {
            return Err(self.keep(failure, text, scratch, context));
        }
        match report::commit(edit, context) {
            Ok(committed) => {
                say_committed(context, &committed);
                self.forget_draft(context)
            }
            Err(failure) => Err(self.keep(failure, text, scratch, context)),
        }
    }

    fn forget_draft(&self, context: &Context) -> Result<(), Failure> {
        if self.draft.exists(&context.disk) {
            self.draft.discard(&context.disk)?;
        }
        Ok(())
    }

    /// Asks before more than half of the secrets go.
    fn confirm_loss(&self, args: &EditArgs, edit: &Edit<'_>, context: &mut Context) -> Result<(), Failure> {
        let preview = edit.preview();
        let gone: Vec<&str> = preview
            .iter()
            .filter(|(_, change)| *change == Change::Removed)
            .map(|(name, _)| name.as_str())
            .collect();
        let before = Unlocked::check_text(&self.base).map_or(0, |places| places.len());
        if args.yes.yes || gone.len() * 2 <= before {
            return Ok(());
        }
        context.ui.warn(&format!(
            "{} of {} would be removed: {}",
            gone.len(),
            count(before, "secret"),
            gone.join(", ")
        ));
        if self.signals.told_to_stop() {
            return Err(Failure::new("the edit was interrupted"));
        }
        if context.confirm("remove them?")? { Ok(()) } else { Err(Failure::new("nothing was removed")) }
    }

    fn interrupted(
        &self,
        end: SessionEnd,
        text: &SecretText,
        scratch: &mut Scratch,
        context: &mut Context,
    ) -> Failure {
        let name = self.program.name();
        let failure = Failure::new(match end {
            SessionEnd::Stopped | SessionEnd::Ended(Ending::Signal(SIGINT)) => {
                "the edit was interrupted".to_owned()
            }
            SessionEnd::Ended(Ending::Code(code)) => format!("{name} ended with exit code {code}"),
            SessionEnd::Ended(Ending::Signal(signal)) => format!("{name} was killed by signal {signal}"),
        });
        self.keep(failure, text, scratch, context)
    }

    /// Keeps the text as a draft before giving up; where even that fails, leaves the editor's file.
    fn keep(
        &self,
        failure: Failure,
        text: &SecretText,
        scratch: &mut Scratch,
        context: &mut Context,
    ) -> Failure {
        if text.expose() == self.base.expose() {
            return failure.hint("nothing was changed");
        }
        if self.draft.keep(&context.disk, self.store, &self.base, text).is_ok() {
            return failure.hint(format_args!("the text is kept as an encrypted draft: {WAYS}"));
        }
        scratch.abandon(text);
        let place = scratch.file();
        failure.hint(format_args!("no draft could be kept, so the text was left in {}", place.display()))
    }
}

/// Says what is wrong, with the lines as the person sees them once every note stands above its line.
fn say_problems(problems: &[Problem], context: &mut Context) {
    for problem in problems {
        let notes = 1 + problems.iter().filter(|other| other.line <= problem.line).count();
        context.ui.error(&format!("line {}: {}", problem.line + notes, problem.message));
    }
}

/// Notes on secrets that somebody else has changed too.
fn notes_on(clashes: &[SecretName], text: &SecretText) -> Vec<Problem> {
    let places: BTreeMap<SecretName, usize> =
        Unlocked::check_text(text).unwrap_or_default().into_iter().collect();
    let starts = line_starts(text);
    let note = |name: &SecretName| Problem {
        line: places.get(name).map_or(1, |at| line_of(&starts, *at)),
        message: format!(
            "{name}: somebody else changed it meanwhile, see `luca-secrets get {name}`; what you save now wins"
        ),
    };
    clashes.iter().map(note).collect()
}
