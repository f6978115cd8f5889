//! `edit`: many values at once, in the user's editor.

use clap::Args;

use crate::cli::args::YesArg;
use crate::cli::context::Context;
use crate::cli::editing::{Buffer, Problem, Program, Scratch, sweep};
use crate::cli::failure::Failure;
use crate::cli::report::{count, say_committed};
use crate::name::{SecretName, nearest};
use crate::schema::{Schema, Severity, check_value};
use crate::secret::SecretText;
use crate::store::{Change, Draft, Edit, Origin, Unlocked};
use crate::sys::{Ending, SessionEnd};

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
    /// The secrets' text when the edit began: what changes are counted from.
    base: SecretText,
}

pub(crate) fn run(args: &EditArgs, context: &mut Context) -> Result<(), Failure> {
    let program = Program::find(&context.env);
    let schema = context.schema()?;
    let store = context.unlock()?;
    let state = context.env.state_folder().ok_or_else(|| {
        Failure::new("there is no place to keep drafts in").hint("set HOME or XDG_STATE_HOME")
    })?;
    let draft = Draft::of(&state, store.path());
    if args.discard {
        draft.discard(&context.disk)?;
        context.ui.ok("there is no draft any more");
        return Ok(());
    }
    let base = store.document().secrets_text();
    let mut work = Work { store: &store, schema: &schema, draft, program: program?, base };
    work.rescue(context);
    let start = work.start(args, context)?;
    let mut scratch = Scratch::create(&context.disk, &context.env, store.path())?;
    if !scratch.in_memory {
        context
            .ui
            .warn("there is no folder in memory here, so the editor's file lies on the disk for a while");
    }
    work.edit(args, start, &mut scratch, context)
}

impl Work<'_> {
    /// Turns what a killed edit left in memory into a draft.
    fn rescue(&self, context: &mut Context) {
        let Some(text) = sweep(&context.disk, &context.env, self.store.path()) else { return };
        let text = Buffer::compose(&self.base, self.store.document(), self.schema).strip(&text);
        let worth_keeping = text.expose() != self.base.expose() && !self.draft.exists(&context.disk);
        if worth_keeping && self.draft.keep(&context.disk, self.store, &self.base, &text).is_ok() {
            context.ui.warn("an earlier edit was killed; its text is kept as a draft");
        }
    }

    /// The buffer to begin with.
    fn start(&mut self, args: &EditArgs, context: &mut Context) -> Result<Buffer, Failure> {
        let exists = self.draft.exists(&context.disk);
        if args.resume {
            if !exists {
                return Err(Failure::new("there is no draft to take up"));
            }
            let (base, text) = self.draft.read(&context.disk, self.store)?;
            self.base = base;
            return Ok(Buffer::plain(text));
        }
        if exists {
            return Err(Failure::new("the text of an interrupted edit is kept as a draft").hint(
                "take it up with `luca-secrets edit --resume`, or throw it away with `luca-secrets edit --discard`",
            ));
        }
        Ok(Buffer::compose(&self.base, self.store.document(), self.schema))
    }

    fn edit(
        &self,
        args: &EditArgs,
        mut buffer: Buffer,
        scratch: &mut Scratch,
        context: &mut Context,
    ) -> Result<(), Failure> {
        let mut line = None;
        loop {
            scratch.write(buffer.text())?;
            let end = self.program.open(&scratch.file(), line, &context.env)?;
            let edited = scratch.read()?;
            if end != SessionEnd::Ended(Ending::Code(0)) {
                return Err(self.interrupted(end, &buffer.strip(&edited), scratch, context));
            }
            let problems = self.problems(&edited);
            let Some(first) = problems.iter().map(|problem| problem.line).min() else {
                let settled = buffer.settled(&edited, self.store.document());
                return self.store(args, (&buffer.strip(&edited), settled), scratch, context);
            };
            for problem in &problems {
                context.ui.error(&format!("line {}: {}", problem.line, problem.message));
            }
            if line.is_some() && edited.expose() == buffer.text().expose() {
                let failure = Failure::new("the text still has mistakes and was not changed any more");
                return Err(self.keep(failure, &buffer.strip(&edited), scratch, context));
            }
            let plain = buffer.strip_notes(&edited);
            let problems = self.problems(&plain);
            line = Some(problems.iter().map(|problem| problem.line).min().unwrap_or(first));
            buffer = buffer.annotate(&plain, &problems);
        }
    }

    /// Everything that keeps the text from being stored.
    fn problems(&self, edited: &SecretText) -> Vec<Problem> {
        let places = match Unlocked::check_text(edited) {
            Ok(places) => places,
            Err(error) => return vec![Problem::from(&error)],
        };
        let mut edit = self.begin();
        if let Err(error) = edit.set_text(edited.clone()) {
            return vec![Problem { line: 1, message: error.to_string() }];
        }
        let touched = edit.preview();
        let mut problems = Vec::new();
        for (name, at) in places {
            let is_touched = touched.iter().any(|(touched, _)| *touched == name);
            if is_touched {
                let line = edited.expose()[..at].matches('\n').count() + 1;
                let messages = self.violations(&name, &edit).into_iter();
                problems
                    .extend(messages.map(|message| Problem { line, message: format!("{name}: {message}") }));
            }
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
        self.store.edit_from(&self.base, Origin::Edit)
    }

    fn store(
        &self,
        args: &EditArgs,
        (text, settled): (&SecretText, Vec<SecretName>),
        scratch: &mut Scratch,
        context: &mut Context,
    ) -> Result<(), Failure> {
        let mut edit = self.begin();
        for name in settled {
            edit.settle(name);
        }
        if let Err(error) = edit.set_text(text.clone()) {
            return Err(self.keep(error.into(), text, scratch, context));
        }
        if let Err(failure) = self.confirm_loss(args, &edit, context) {
            return Err(self.keep(failure, text, scratch, context));
        }
        match edit.commit(&context.disk, &context.author(), context.settings.patience) {
            Ok(committed) => {
                say_committed(context, &committed);
                Ok(self.draft.discard(&context.disk)?)
            }
            Err(error) => Err(self.keep(error.into(), text, scratch, context)),
        }
    }

    /// Asks before more than half of the secrets go.
    fn confirm_loss(&self, args: &EditArgs, edit: &Edit<'_>, context: &mut Context) -> Result<(), Failure> {
        let preview = edit.preview();
        let gone: Vec<&str> = preview
            .iter()
            .filter(|(_, change)| *change == Change::Removed)
            .map(|(name, _)| name.as_str())
            .collect();
        let before = self.store.document().len();
        if args.yes.yes || gone.len() * 2 <= before {
            return Ok(());
        }
        context.ui.warn(&format!(
            "{} of {} would be removed: {}",
            gone.len(),
            count(before, "secret"),
            gone.join(", ")
        ));
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
            SessionEnd::Ended(Ending::Code(code)) => format!("{name} ended with exit code {code}"),
            SessionEnd::Ended(Ending::Signal(signal)) => format!("{name} was killed by signal {signal}"),
            SessionEnd::Stopped => "the edit was interrupted".to_owned(),
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
            return failure.hint("the text is kept encrypted: `luca-secrets edit --resume` takes it up");
        }
        scratch.abandon();
        let place = scratch.file();
        failure.hint(format_args!("no draft could be kept, so the text was left in {}", place.display()))
    }
}
