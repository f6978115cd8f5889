//! `server pin`: the host keys that a server shows, recorded once a person has compared them.

use std::path::Path;

use clap::Args;

use crate::bundle::endpoint;
use crate::cli::args::DryRunArg;
use crate::cli::context::Context;
use crate::cli::failure::{Failure, Kind};
use crate::cli::progress::Progress;
use crate::cli::report::finish;
use crate::name::{SecretName, TargetName, nearest};
use crate::push::{Surroundings, Unreachable, destination};
use crate::schema::{HostKeys as Pinned, Schema, Server};
use crate::secret::SecretValue;
use crate::ssh::{Destination, HostKeys, PublicKey, Timeouts, Verdict, scan_host_keys};
use crate::store::{Origin, Unlocked};
use crate::sys::block_on;

/// Largest `known_hosts` file, in bytes.
const FILE_LIMIT: u64 = 16 * 1024 * 1024;

/// The mode of a `known_hosts` file that was not there before.
const FILE_MODE: u32 = 0o600;

/// Show the host keys of a server, and record them
///
/// Nothing but these keys tells the server from somebody in between, so compare them with those on the server itself
/// (its console, or the provider's page) before you say yes. They are recorded where the schema looks for them: in the
/// secret that `host-keys` names, or in the file of `known-hosts`. Without a person they are recorded only if
/// --fingerprint says which key to expect.
///
/// Example: luca-secrets server pin luca-backend
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct PinArgs {
    /// The server: luca-backend for [server.luca-backend]
    #[arg(value_name = "NAME")]
    name: String,
    /// Record the key with this fingerprint, and no other, without asking
    #[arg(long, value_name = "SHA256:…")]
    fingerprint: Vec<String>,
    #[command(flatten)]
    dry_run: DryRunArg,
}

pub(crate) fn run(args: &PinArgs, context: &mut Context) -> Result<(), Failure> {
    let (schema, store) = context.schema_and_store()?;
    let store = store?;
    let (name, server) = declared(&args.name, &schema)?;
    let to = place(&schema, &store, &name, server, context)?;
    let pinned = pinned(&store, server, context)?;
    let scanning = async {
        let progress = Progress::new(&mut context.ui);
        progress.begin(&format!("server {name}"), "asking for its host keys");
        progress.during(scan_host_keys(&to), || ()).await
    };
    let shown = block_on(scanning)
        .map_err(|error| Failure::new(format_args!("no connections can be made: {error}")))?
        .map_err(|error| Failure::new(format_args!("server {name}: {error}")))?;
    let verdicts: Vec<Verdict> = shown.iter().map(|key| pinned.verdict(&to.host, to.port, key)).collect();
    for (key, verdict) in shown.iter().zip(&verdicts) {
        context.ui.say(&format!("  {:<8} {key}", word(verdict)));
    }
    if verdicts.contains(&Verdict::Revoked) {
        return Err(Failure::new(format_args!("server {name} shows a key that is recorded as revoked"))
            .hint("nothing was recorded"));
    }
    let wanted: Vec<&PublicKey> = shown.iter().filter(|key| is_wanted(args, key)).collect();
    if wanted.is_empty() {
        return Err(Failure::new(format_args!("server {name} shows no key with that fingerprint"))
            .hint("nothing was recorded: somebody else may be answering"));
    }
    if wanted.iter().all(|key| pinned.verdict(&to.host, to.port, key) == Verdict::Known) {
        context.ui.ok(&format!("server {name}: recorded already"));
        return Ok(());
    }
    let is_changed = verdicts.iter().any(|verdict| matches!(verdict, Verdict::Changed(_)));
    if !args.dry_run.dry_run && args.fingerprint.is_empty() {
        ask(&name, is_changed, context)?;
    }
    record(args, &schema, &store, server, &to, &wanted, is_changed, context)
}

fn declared<'s>(typed: &str, schema: &'s Schema) -> Result<(TargetName, &'s Server), Failure> {
    let name = TargetName::parse(typed.strip_prefix("server.").unwrap_or(typed))?;
    schema.servers.get_key_value(&name).map(|(name, server)| (name.clone(), server)).ok_or_else(|| {
        let failure = Failure::usage(format_args!("the schema has no server {name}"));
        match nearest(name.as_str(), schema.servers.keys().map(TargetName::as_str)) {
            Some(other) => failure.hint(format_args!("did you mean {other}?")),
            None => failure.hint("declare one as [server.NAME]"),
        }
    })
}

/// Where the server is. Its own keys are not needed yet; those of a server before it are.
fn place(
    schema: &Schema,
    store: &Unlocked,
    name: &TargetName,
    server: &Server,
    context: &Context,
) -> Result<Destination, Failure> {
    let fail = |unreachable: Unreachable| {
        let failure = Failure::many(unreachable.messages);
        unreachable.hint.into_iter().fold(failure, Failure::hint)
    };
    let (host, port) =
        endpoint(schema, store.document(), name).map_err(|errors| fail(Unreachable::from(errors)))?;
    let ask = |what: &str| -> Option<SecretValue> { context.prompt.passphrase_of_key(what) };
    let around =
        Surroundings { disk: &context.disk, env: &context.env, root: &context.settings.root, ask: &ask };
    let jump = server.jump.as_ref().map(|jump| destination(schema, store.document(), jump, &around));
    let time = server.connect_timeout;
    Ok(Destination {
        host,
        port,
        user: String::new(),
        host_keys: HostKeys::parse("").map_err(Failure::new)?,
        keys: Vec::new(),
        jump: jump.transpose().map_err(fail)?.map(Box::new),
        timeouts: Timeouts { connect: time, handshake: time, authenticate: time, ..Timeouts::default() },
    })
}

/// What is recorded now; nothing if the secret or the file is not there yet.
fn pinned(store: &Unlocked, server: &Server, context: &Context) -> Result<HostKeys, Failure> {
    let text = match &server.host_keys {
        Pinned::Lines(lines) => {
            let value = lines.render(&|name| store.document().get(name));
            value.map(|value| value.expose().to_owned()).unwrap_or_default()
        }
        Pinned::File(path) => known_hosts(path, context)?,
    };
    HostKeys::parse(&text).map_err(|error| Failure::new(format_args!("the recorded host keys: {error}")))
}

fn known_hosts(path: &Path, context: &Context) -> Result<String, Failure> {
    let path = file(path, context);
    if context.disk.kind(&path)?.is_none() {
        return Ok(String::new());
    }
    let bytes = context.disk.read(&path, FILE_LIMIT)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn file(path: &Path, context: &Context) -> std::path::PathBuf {
    let ask = |_: &str| None;
    let around =
        Surroundings { disk: &context.disk, env: &context.env, root: &context.settings.root, ask: &ask };
    around.path(path)
}

const fn word(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Known => "known",
        Verdict::Changed(_) => "changed",
        Verdict::Revoked => "revoked",
        Verdict::Unknown | Verdict::Authority => "new",
    }
}

fn is_wanted(args: &PinArgs, key: &PublicKey) -> bool {
    args.fingerprint.is_empty() || args.fingerprint.contains(&key.fingerprint())
}

fn ask(name: &TargetName, is_changed: bool, context: &mut Context) -> Result<(), Failure> {
    let compare = "compare them with `ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub` on the server itself";
    if !context.settings.interactive {
        return Err(Failure::new("a person would have to compare the keys, and nobody is there to ask")
            .kind(Kind::Held)
            .hint("pass --fingerprint SHA256:… of the key that you expect"));
    }
    if is_changed {
        context
            .ui
            .warn("other keys are recorded: somebody may be listening, unless you know why they changed");
    }
    context.ui.hint(compare);
    if context.confirm(&format!("are these the keys of {name}?"))? {
        return Ok(());
    }
    Err(Failure::new("not confirmed").hint("nothing was recorded"))
}

#[allow(clippy::too_many_arguments, reason = "each is one fact, and they have no other use together")]
fn record(
    args: &PinArgs,
    schema: &Schema,
    store: &Unlocked,
    server: &Server,
    to: &Destination,
    keys: &[&PublicKey],
    is_changed: bool,
    context: &mut Context,
) -> Result<(), Failure> {
    match &server.host_keys {
        Pinned::Lines(lines) => {
            if let Some(secret) = lines.is_alias() {
                return record_in_store(args, schema, store, secret, keys, context);
            }
            for key in keys {
                context.ui.data(&format!("{}\n", key.line()))?;
            }
            context.ui.hint("put these lines into `host-keys` of the schema");
            Ok(())
        }
        Pinned::File(path) => record_in_file(args, &file(path, context), to, keys, is_changed, context),
    }
}

/// The new keys take the place of the old ones. Lines with a marker or for named hosts stay.
fn record_in_store(
    args: &PinArgs,
    schema: &Schema,
    store: &Unlocked,
    secret: &SecretName,
    keys: &[&PublicKey],
    context: &mut Context,
) -> Result<(), Failure> {
    let old = store.document().get(secret);
    let kept = old.as_ref().map(SecretValue::expose).unwrap_or_default().lines();
    let mut lines: Vec<String> =
        kept.filter(|line| PublicKey::parse(line).is_none()).map(str::to_owned).collect();
    lines.extend(keys.iter().map(|key| key.line()));
    let mut edit = store.edit(Origin::Edit, schema.history.keep);
    edit.set(secret.clone(), SecretValue::new(lines.join("\n")));
    finish(edit, args.dry_run.dry_run, context)
}

fn record_in_file(
    args: &PinArgs,
    path: &Path,
    to: &Destination,
    keys: &[&PublicKey],
    is_changed: bool,
    context: &mut Context,
) -> Result<(), Failure> {
    let shown = path.display();
    let host = if to.port == 22 { to.host.clone() } else { format!("[{}]:{}", to.host, to.port) };
    if is_changed {
        return Err(Failure::new(format_args!("{shown}: other keys of {host} are in it"))
            .hint(format_args!("take them out first: ssh-keygen -f {shown} -R '{host}'")));
    }
    if args.dry_run.dry_run {
        context.ui.say(&format!("{shown} would get {} more", crate::cli::report::count(keys.len(), "line")));
        return Ok(());
    }
    let mut text = known_hosts(path, context)?;
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    for key in keys {
        text.extend([&host, " ", &key.line(), "\n"]);
    }
    if let Some(folder) = path.parent() {
        context.disk.create_private_folder(folder)?;
    }
    context.disk.replace_content(path, text.as_bytes(), FILE_MODE)?;
    context.ui.ok(&format!("{shown}: {} recorded for {host}", crate::cli::report::count(keys.len(), "key")));
    Ok(())
}
