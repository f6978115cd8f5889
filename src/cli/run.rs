//! From arguments to an exit code.

use std::cell::RefCell;
use std::ffi::OsString;

use crate::store::Prompt;
use crate::sys::{NoTerminal, SharedTerminal, System, Variable};

use super::args::{Arguments, Command, parse};
use super::away::Known;
use super::commands::{
    backup, check, compare, completions, diff, edit, export, generate, get, git, history, identity, import,
    init, list, manual, merge, postgres, push, recipients, rekey, remote, remove, render, rollback, rotate,
    run as run_command, server, set, status, unseal,
};
use super::context::Context;
use super::failure::Failure;
use super::pins::Carried;
use super::settings::Settings;
use super::ui::Ui;
use super::usage::unquoted;

/// Runs one command line, the program's name first, in the given world; gives the exit code. Can be called again.
pub fn run(arguments: impl IntoIterator<Item = OsString>, system: System) -> u8 {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    match parse(arguments.iter().cloned()) {
        Ok(arguments) => run_parsed(arguments, system),
        Err(error) => match unquoted(&error, &arguments) {
            Some(failure) => {
                let colours = has_colours(&system);
                let mut ui = Ui::new(system.stdout, system.stderr, colours, false, false, &system.folder);
                report(&failure, &mut ui)
            }
            None => show(&error, system),
        },
    }
}

/// Shows what clap has to say: help, the version, or a mistake that needs no quoting.
fn show(error: &clap::Error, mut system: System) -> u8 {
    let text = error.render();
    let colours = has_colours(&system);
    let text = if colours { text.ansi().to_string() } else { text.to_string() };
    let stream = if error.use_stderr() { &mut system.stderr } else { &mut system.stdout };
    match stream.write_all(text.as_bytes()).and_then(|()| stream.flush()) {
        Err(problem) if !error.use_stderr() => {
            let mut ui = Ui::new(system.stdout, system.stderr, colours, false, false, &system.folder);
            report(&Failure::from(problem), &mut ui)
        }
        _ => u8::try_from(error.exit_code()).unwrap_or(2),
    }
}

fn has_colours(system: &System) -> bool {
    system.stderr_is_terminal && system.env.get(Variable::NoColor).is_none()
}

/// Whether standard error is a terminal that can draw over its lines.
fn can_draw(system: &System) -> bool {
    system.stderr_is_terminal && system.env.text(Variable::Term).is_some_and(|term| term != "dumb")
}

fn run_parsed(arguments: Arguments, system: System) -> u8 {
    let settings = Settings::resolve(&arguments.global, &system);
    let colours = has_colours(&system);
    let (quiet, live) = (arguments.global.quiet, can_draw(&system));
    let ui = Ui::new(system.stdout, system.stderr, colours, quiet, live, &system.folder);
    let terminal = SharedTerminal::new(system.terminal);
    let asked =
        if settings.interactive { terminal.clone() } else { SharedTerminal::new(Box::new(NoTerminal)) };
    let mut context = Context {
        settings,
        ui,
        disk: system.disk,
        env: system.env,
        clock: system.clock,
        random: system.random,
        terminal: Box::new(terminal),
        prompt: Prompt::new(asked),
        carried: RefCell::new(Carried::default()),
        home: Known::default(),
        places: None,
        stdin: system.stdin,
        stdin_is_terminal: system.stdin_is_terminal,
        stdout_is_terminal: system.stdout_is_terminal,
    };
    let outcome = dispatch(arguments.command, &mut context).and_then(|()| context.ui.flush());
    context.explain_memory();
    match outcome {
        Ok(()) => 0,
        Err(failure) => report(&failure, &mut context.ui),
    }
}

fn dispatch(command: Command, context: &mut Context) -> Result<(), Failure> {
    match command {
        Command::Backup(args) => backup::run(&args, context),
        Command::Check(args) => check::run(&args, context),
        Command::Compare(args) => compare::run(&args, context),
        Command::Completions(args) => completions::run(&args, context),
        Command::Diff(args) => diff::run(&args, context),
        Command::Edit(args) => edit::run(&args, context),
        Command::Export(args) => export::run(&args, context),
        Command::Generate(args) => generate::run(&args, context),
        Command::Get(args) => get::run(&args, context),
        Command::Git(args) => git::run(&args, context),
        Command::History(args) => history::run(&args, context),
        Command::Identity(args) => identity::run(&args, context),
        Command::Import(args) => import::run(&args, context),
        Command::Init(args) => init::run(&args, context),
        Command::List(args) => list::run(&args, context),
        Command::Man(args) => manual::run(&args, context),
        Command::Merge(args) => merge::run(&args, context),
        Command::Postgres(args) => postgres::run(&args, context),
        Command::Push(args) => push::run(&args, context),
        Command::Recipients(args) => recipients::run(&args, context),
        Command::Rekey(args) => rekey::run(&args, context),
        Command::Remote(args) => remote::run(&args, context),
        Command::Render(args) => render::run(&args, context),
        Command::Rollback(args) => rollback::run(&args, context),
        Command::Rotate(args) => rotate::run(&args, context),
        Command::Rm(args) => remove::run(&args, context),
        Command::Run(args) => run_command::run(&args, context),
        Command::Server(args) => server::run(&args, context),
        Command::Set(args) => set::run(&args, context),
        Command::Status(args) => status::run(&args, context),
        Command::Unseal(args) => unseal::run(&args, context),
    }
}

fn report(failure: &Failure, ui: &mut Ui) -> u8 {
    for message in &failure.messages {
        ui.error(message);
    }
    for hint in &failure.hints {
        ui.hint(hint);
    }
    // What was written before the failure still counts; a second failure here changes nothing.
    let _ = ui.flush();
    failure.kind.code()
}
