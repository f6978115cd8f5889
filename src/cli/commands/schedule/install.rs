//! `schedule install`: the files that have `rotate --due` run on time.

use std::path::{Path, PathBuf};

use clap::Args;

use crate::cli::args::YesArg;
use crate::cli::context::Context;
use crate::cli::failure::{Failure, Kind};
use crate::cli::settings::IdentitySource;
use crate::name::TargetName;
use crate::sys::{Variable, describe, own_program};

use super::units::{IdentityFrom, Job, is_ours};

/// Largest file that is looked at before it is replaced, in bytes.
const FILE_LIMIT: u64 = 1024 * 1024;

/// Everybody may read what systemd, cron and GitHub read; no value stands in it.
const MODE: u32 = 0o644;

/// Have `rotate --due` run on time: by systemd, by cron, or by GitHub Actions
///
/// Shows the files, asks, and writes them; starting them is left to you, with the command that is shown. A file that was
/// not made here, or was changed since, is never replaced. The scheduler looks every quarter of an hour (at GitHub once
/// an hour); the days and hours in which something may run stand in the schema.
///
/// With --systemd the identity becomes a credential of the service: no other process sees it, and the service can write
/// to the project's folder and nowhere else.
#[derive(Args)]
#[command(group = clap::ArgGroup::new("by").required(true).args(["systemd", "cron", "github"]))]
pub(crate) struct InstallArgs {
    /// A service and a timer of systemd
    #[arg(long)]
    systemd: bool,
    /// A line for cron
    #[arg(long)]
    cron: bool,
    /// A workflow of GitHub Actions
    #[arg(long)]
    github: bool,
    /// Only print the files
    #[arg(long)]
    print: bool,
    /// For your own account instead of the whole machine
    #[arg(long, conflicts_with = "github")]
    user: bool,
    /// The file with the identity [default: the one that is used now]
    #[arg(long, value_name = "FILE", conflicts_with = "github")]
    credential: Option<PathBuf>,
    /// The credential is encrypted for this machine, with `systemd-creds encrypt --name=identity`
    #[arg(long, requires = "credential", requires = "systemd", conflicts_with = "user")]
    encrypted: bool,
    /// Rotate although the schema names no home of the store: what is pending is then on this machine alone
    #[arg(long, conflicts_with = "github")]
    local: bool,
    /// What to call it [default: luca-secrets and the name of the project's folder]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Write to this folder instead of the usual one
    #[arg(long, value_name = "FOLDER")]
    to: Option<PathBuf>,
    #[command(flatten)]
    yes: YesArg,
}

/// A file to be written.
struct NewFile {
    path: PathBuf,
    content: String,
}

pub(crate) fn run(args: &InstallArgs, context: &mut Context) -> Result<(), Failure> {
    let schema = context.schema()?;
    if schema.remote.is_none() && !args.local {
        let failure = Failure::new(
            "the schema names no home of the store, so that a new credential would be on one machine alone",
        );
        return Err(failure.hint("add [remote] to the schema, or pass --local if one copy is enough"));
    }
    if !schema
        .secrets
        .values()
        .any(|entry| entry.rotate.as_ref().is_some_and(|rotate| rotate.every.is_some()))
    {
        context.ui.warn("no rotation of the schema says `every`, so nothing will ever be due");
    }
    let name = name(args, context)?;
    let project = plain(&context.disk.real_path(&context.settings.root))?;
    let program =
        own_program().map_err(|error| Failure::new(format_args!("this program: {}", describe(&error))))?;
    let job = Job { name: &name, program: &plain(&program)?, project: &project, is_local: args.local };
    let files = files(args, &job, context)?;
    if args.print {
        for file in &files {
            context.ui.data(&format!("# {}\n{}", file.path.display(), file.content))?;
        }
        return Ok(());
    }
    write(args, &files, context)?;
    say_next(args, &name, context);
    Ok(())
}

/// What the units are called: the same for the same project, and different for another one beside it.
fn name(args: &InstallArgs, context: &Context) -> Result<String, Failure> {
    if let Some(name) = &args.name {
        return Ok(TargetName::parse(name)?.to_string());
    }
    let folder = context.disk.real_path(&context.settings.root);
    let folder = folder.file_name().map(|name| name.to_string_lossy().to_lowercase()).unwrap_or_default();
    let plain: String =
        folder.chars().map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '-' }).collect();
    let plain = plain.trim_matches('-');
    Ok(if plain.is_empty() { "luca-secrets".to_owned() } else { format!("luca-secrets-{plain}") })
}

/// A path that systemd, cron and a shell all read as it stands.
fn plain(path: &Path) -> Result<PathBuf, Failure> {
    let is_plain = |letter: char| letter.is_alphanumeric() || "/._-+@:=,".contains(letter);
    if path.to_str().is_some_and(|text| text.chars().all(is_plain)) {
        return Ok(path.to_owned());
    }
    Err(Failure::new(format_args!(
        "{}: a space or a sign in the path, which unit files read as their own",
        path.display()
    ))
    .hint("move it to a plain path, or name one with a symlink"))
}

fn files(args: &InstallArgs, job: &Job<'_>, context: &mut Context) -> Result<Vec<NewFile>, Failure> {
    let folder = |usual: PathBuf, context: &Context| match &args.to {
        Some(folder) => context.settings.folder.join(folder),
        None => usual,
    };
    let name = job.name;
    if args.github {
        let (top, inside) = repository(context)?;
        let folder = folder(top.join(".github/workflows"), context);
        return Ok(vec![NewFile {
            path: folder.join(format!("{name}.yml")),
            content: job.workflow(&inside),
        }]);
    }
    let identity = identity(args, context)?;
    let owner = owner(context)?;
    if args.cron {
        let (path, user) = if args.user {
            (PathBuf::from("crontab -e"), None)
        } else {
            (folder(PathBuf::from("/etc/cron.d"), context).join(name), Some(owner.as_str()))
        };
        return Ok(vec![NewFile { path, content: job.cron(&identity, user) }]);
    }
    let (folder, service) = if args.user {
        let units = context.env.units_folder().ok_or_else(|| Failure::new("HOME is not set"))?;
        (folder(units, context), job.user_service(&identity))
    } else {
        let from =
            if args.encrypted { IdentityFrom::Encrypted(&identity) } else { IdentityFrom::File(&identity) };
        (folder(PathBuf::from("/etc/systemd/system"), context), job.service(&from, &owner))
    };
    Ok(vec![
        NewFile { path: folder.join(format!("{name}.service")), content: service },
        NewFile { path: folder.join(format!("{name}.timer")), content: job.timer() },
    ])
}

/// The file with the identity. One that nobody can open by themselves is of no use at night.
fn identity(args: &InstallArgs, context: &Context) -> Result<PathBuf, Failure> {
    let named = match (&args.credential, &context.settings.identity) {
        (Some(file), _) => Some(context.settings.folder.join(file)),
        (None, Some(IdentitySource::File(file))) => Some(file.clone()),
        (None, _) => None,
    };
    let by_variable =
        || context.env.get(Variable::IdentityFile).map(|file| context.settings.folder.join(file));
    let found = named.or_else(by_variable).or_else(|| context.usual_identity_path());
    let found = found.filter(|file| context.disk.kind(file).is_ok_and(|kind| kind.is_some()));
    let found = found.ok_or_else(|| {
        Failure::new("there is no file with an identity that the scheduler could use")
            .hint("name one with --credential FILE: an identity of its own, added with `luca-secrets recipients add`, can be taken away again")
    })?;
    plain(&context.disk.real_path(&found))
}

/// Whose the store is: the scheduler works as them.
fn owner(context: &Context) -> Result<String, Failure> {
    let number = context.disk.permissions(&context.settings.store)?.owner;
    let accounts = context.disk.read(Path::new("/etc/passwd"), FILE_LIMIT)?;
    let accounts = String::from_utf8_lossy(&accounts);
    let is_theirs = |line: &&str| line.split(':').nth(2) == Some(&number.to_string());
    let name = accounts.lines().find(is_theirs).and_then(|line| line.split(':').next());
    name.map(str::to_owned).ok_or_else(|| {
        Failure::new(format_args!("{}: its owner has no account here", context.settings.store.display()))
    })
}

/// The top of the git repository, and where the project lies in it.
fn repository(context: &Context) -> Result<(PathBuf, String), Failure> {
    let root = context.disk.real_path(&context.settings.root);
    let is_top = |folder: &&Path| context.disk.kind(&folder.join(".git")).is_ok_and(|kind| kind.is_some());
    let top = root.ancestors().find(is_top).ok_or_else(|| {
        Failure::new("this is no git working tree").hint("go to the one that GitHub has, with -C")
    })?;
    let inside = plain(root.strip_prefix(top).unwrap_or(&root))?;
    Ok((top.to_owned(), inside.display().to_string()))
}

fn write(args: &InstallArgs, files: &[NewFile], context: &mut Context) -> Result<(), Failure> {
    let mut missing = Vec::new();
    for file in files {
        match standing(file, context)? {
            Stands::Same => context.ui.ok(&format!("{}: in place already", file.path.display())),
            Stands::Ours | Stands::None => missing.push(file),
            Stands::Foreign => {
                return Err(Failure::new(format_args!(
                    "{}: not made by `schedule install`, or changed since",
                    file.path.display()
                ))
                .kind(Kind::Changed)
                .hint("nothing was written; take it away first, or choose another name with --name"));
            }
        }
    }
    if args.cron && args.user {
        for file in &missing {
            context.ui.data(&file.content)?;
        }
        return Ok(());
    }
    if missing.is_empty() {
        return Ok(());
    }
    if !args.yes.yes {
        for file in &missing {
            context.ui.say(&format!("{}:\n{}", file.path.display(), file.content.trim_end()));
        }
        if !context.confirm("write this?")? {
            return Err(Failure::new("not confirmed").hint("nothing was written"));
        }
    }
    for file in missing {
        if let Some(folder) = file.path.parent() {
            context.disk.create_private_folder(folder)?;
        }
        context.disk.replace(&file.path, file.content.as_bytes(), MODE).map_err(|error| {
            Failure::from(error)
                .hint("write to the whole machine's folders as root, or install for yourself with --user")
        })?;
        context.ui.ok(&format!("wrote {}", file.path.display()));
    }
    Ok(())
}

/// What is at a file's place.
enum Stands {
    None,
    Same,
    Ours,
    Foreign,
}

fn standing(file: &NewFile, context: &Context) -> Result<Stands, Failure> {
    if context.disk.kind(&file.path)?.is_none() {
        return Ok(Stands::None);
    }
    let there = context.disk.read(&file.path, FILE_LIMIT)?;
    let there = String::from_utf8_lossy(&there);
    Ok(match () {
        () if there == file.content => Stands::Same,
        () if is_ours(&there) => Stands::Ours,
        () => Stands::Foreign,
    })
}

fn say_next(args: &InstallArgs, name: &str, context: &mut Context) {
    if args.github {
        context.ui.hint("add the identity as the secret LUCA_SECRETS_IDENTITY of the repository, commit the workflow, and push it to the default branch");
    } else if args.systemd {
        let user = if args.user { " --user" } else { "" };
        context.ui.hint(&format!(
            "start it: systemctl{user} daemon-reload && systemctl{user} enable --now {name}.timer"
        ));
        if args.user {
            context.ui.hint("so that it runs while you are logged out: loginctl enable-linger");
        }
    } else if args.user {
        context.ui.hint("put this line in with `crontab -e`");
    }
    context.ui.hint("`luca-secrets schedule show` says what runs when, and `luca-secrets status` fails if something should have run");
}
