//! `git setup`: tells git how to merge, show and guard the store.

use std::path::{Path, PathBuf};

use clap::Args;

use crate::cli::args::DryRunArg;
use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::store::SIZE_LIMIT;
use crate::sys::{Kind, Variable, own_program};

use super::repository::{Repository, text};

/// Install the merge driver, the diff driver and the pre-commit hook
///
/// Writes `.gitattributes` beside the store (to be committed), and to this clone's own configuration the programs that
/// it names: every clone needs its own `luca-secrets git setup`. A pre-commit hook that is there already is left alone.
#[derive(Args)]
pub(crate) struct SetupArgs {
    #[command(flatten)]
    dry_run: DryRunArg,
}

/// What the drivers are called in git's configuration.
const DRIVER: &str = "luca-secrets";

/// What a hook of ours, or one that calls ours, has in it.
const HOOK_CALL: &str = "git pre-commit";

pub(super) fn run(args: &SetupArgs, context: &mut Context) -> Result<(), Failure> {
    let repository = Repository::find(context)?;
    let store = repository.path(&context.settings.store)?;
    let program = program(context)?;
    let dry_run = args.dry_run.dry_run;
    attributes(dry_run, context)?;
    // Where the program is missing or killed, git would take our version for the merged one: let it leave its markers.
    let driver = format!(
        "{program} git merge-driver %O %A %B %P || {{ test $? -eq 1 || git merge-file -q %A %O %B; exit 1; }}"
    );
    for (key, value) in [
        ("diff.luca-secrets.textconv", format!("{program} git textconv")),
        ("merge.luca-secrets.name", "merge by secret".to_owned()),
        ("merge.luca-secrets.driver", driver),
    ] {
        configure(&repository, key, &value, dry_run, context)?;
    }
    hook(&repository, &program, &store, dry_run, context)
}

/// How git is to call this program: by its name where a shell finds it, else by where it lies.
fn program(context: &Context) -> Result<String, Failure> {
    let path = context.env.get(Variable::Path).map(std::ffi::OsStr::to_owned).unwrap_or_default();
    let folders = path.to_str().unwrap_or_default().split(':').filter(|folder| folder.starts_with('/'));
    let is_program = |folder: &str| {
        let found = Path::new(folder).join(DRIVER);
        context.disk.permissions(&found).is_ok_and(|found| found.mode & 0o111 != 0)
    };
    if folders.into_iter().any(is_program) {
        return Ok(DRIVER.to_owned());
    }
    let own = own_program().ok().and_then(|own| own.to_str().map(str::to_owned));
    let own = own.ok_or_else(|| Failure::new("luca-secrets is not on the PATH"))?;
    Ok(shell_words::quote(&own).into_owned())
}

fn attributes(dry_run: bool, context: &mut Context) -> Result<(), Failure> {
    let path = context.settings.root.join(".gitattributes");
    let name = context.settings.store.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let exists = context.disk.kind(&path)?.is_some();
    let present = if exists { context.disk.read(&path, SIZE_LIMIT)?.to_vec() } else { Vec::new() };
    let mut new = String::from_utf8(present)
        .map_err(|_| Failure::new(format_args!("{}: not UTF-8 text", path.display())))?;
    let wanted = [format!("diff={DRIVER}"), format!("merge={DRIVER}")];
    let is_there = new.lines().any(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        words.first() == Some(&name.as_str()) && wanted.iter().all(|word| words.contains(&word.as_str()))
    });
    if is_there {
        context.ui.ok(&format!("{} is as it should be", path.display()));
        return Ok(());
    }
    if !new.is_empty() && !new.ends_with('\n') {
        new.push('\n');
    }
    new.extend([name.as_str(), " ", &wanted[0], " ", &wanted[1], "\n"]);
    if dry_run {
        context.ui.say(&format!("{} would get a line for {name}", path.display()));
        return Ok(());
    }
    let mode = if exists { context.disk.permissions(&path)?.mode & 0o777 } else { 0o644 };
    context.disk.replace(&path, new.as_bytes(), mode)?;
    context.ui.ok(&format!("{} has a line for {name}: commit it", path.display()));
    Ok(())
}

fn configure(
    repository: &Repository,
    key: &str,
    value: &str,
    dry_run: bool,
    context: &mut Context,
) -> Result<(), Failure> {
    let present = repository.ask(context, &["config", "--local", "--get", key])?;
    if present.and_then(|present| text(&present)).as_deref() == Some(value) {
        context.ui.ok(&format!("git's {key} is as it should be"));
    } else if dry_run {
        context.ui.say(&format!("git's {key} would be set"));
    } else {
        repository.must(
            context,
            &["config", "--local", "--replace-all", key, value],
            "change its configuration",
        )?;
        context.ui.ok(&format!("git's {key} is set"));
    }
    Ok(())
}

fn hook(
    repository: &Repository,
    program: &str,
    store: &str,
    dry_run: bool,
    context: &mut Context,
) -> Result<(), Failure> {
    // Git runs hooks at the top of the working tree, from where a store further down is not found.
    let option =
        if store.contains('/') { format!(" --store {}", shell_words::quote(store)) } else { String::new() };
    let call = format!("{program}{option} {HOOK_CALL}");
    let hooks = repository.must(context, &["rev-parse", "--git-path", "hooks"], "say where its hooks are")?;
    let folder = context.settings.folder.join(PathBuf::from(text(&hooks).unwrap_or_default()));
    let path = folder.join("pre-commit");
    let shown = path.display();
    if context.disk.kind(&path)? == Some(Kind::File) {
        let present = context.disk.read(&path, SIZE_LIMIT)?;
        if String::from_utf8_lossy(&present).contains(HOOK_CALL) {
            context.ui.ok(&format!("{shown} is as it should be"));
        } else {
            context.ui.warn(&format!("{shown} is there already and was left alone"));
            context.ui.hint(&format!("add this line to it: {call} || exit 1"));
        }
        return Ok(());
    }
    if dry_run {
        context.ui.say(&format!("{shown} would be made"));
        return Ok(());
    }
    let script = format!("#!/bin/sh\n# Made by `luca-secrets git setup`.\nexec {call}\n");
    context.disk.create_private_folder(&folder)?;
    context.disk.create_new(&path, script.as_bytes(), 0o755)?;
    context.ui.ok(&format!("made the hook {shown}"));
    Ok(())
}
