//! `init`: a new identity, a store for it, a starter schema.

use std::path::{Path, PathBuf};

use clap::Args;

use crate::cli::args::DryRunArg;
use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::secret::SecretText;
use crate::store::{Identity, Pinning, Recipient, Store, StoreId, StorePrint};
use crate::sys::Variable;

/// The schema that a new project starts with.
const STARTER_SCHEMA: &str = include_str!("starter.toml");

/// Make a new identity, an empty store for it and a starter schema
///
/// Nothing that exists is overwritten: an identity at its usual place is used as it is, and so is a schema. With
/// --identity FILE the new identity goes there.
#[derive(Args)]
pub(crate) struct InitArgs {
    /// What to call the identity among the store's recipients [default: user@machine]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    #[command(flatten)]
    dry_run: DryRunArg,
}

pub(crate) fn run(args: &InitArgs, context: &mut Context) -> Result<(), Failure> {
    let (store, schemas) = (context.settings.store.clone(), context.settings.schemas.clone());
    if context.disk.kind(&store)?.is_some() {
        return Err(Failure::new(format_args!("{}: a store exists already", store.display()))
            .hint("`luca-secrets edit` changes it; to start anew, move it away first"));
    }
    let identity_path = identity_path(context)?;
    // Every later command would take the one in the environment before any file.
    let is_in_env = context.settings.identity.is_none() && context.env.get(Variable::Identity).is_some();
    let reuse_identity = is_in_env || context.disk.kind(&identity_path)?.is_some();
    let identity_place =
        if is_in_env { Variable::Identity.name().to_owned() } else { identity_path.display().to_string() };
    let keep_schema = context.disk.files(&schemas, ".toml").is_ok_and(|files| !files.is_empty());
    if args.dry_run.dry_run {
        let verb = if reuse_identity { "would be used" } else { "would be made" };
        context.ui.say(&format!("the identity {identity_place} {verb}"));
        let verb = if keep_schema { "would be used" } else { "would be made" };
        context.ui.say(&format!("the schema {} {verb}", schemas.display()));
        context.ui.say(&format!("the store {} would be made", store.display()));
        return Ok(());
    }
    let id = Store::new_id(context.random.as_mut())?;
    let print = id.print();
    let recipient = if reuse_identity {
        existing_identity(context, (!is_in_env).then_some(&*identity_path), print)?
    } else {
        new_identity(context, &identity_path, print)?
    };
    if !keep_schema {
        context.disk.create_private_folder(&schemas)?;
        let path = schemas.join("secrets.toml");
        context.disk.create_new(&path, STARTER_SCHEMA.as_bytes(), 0o644)?;
        context.ui.ok(&format!("made the starter schema {}", path.display()));
    }
    make_store(args, context, recipient, id)?;
    context.ui.ok(&format!("made the store {}", store.display()));
    context.ui.hint(&format!("back up {identity_place}: without it nobody can open the store"));
    context
        .ui
        .hint("next: `luca-secrets edit` to put secrets in, `luca-secrets render` to write the env files");
    Ok(())
}

fn identity_path(context: &Context) -> Result<PathBuf, Failure> {
    use crate::cli::settings::IdentitySource;
    match &context.settings.identity {
        Some(IdentitySource::File(path)) => Ok(path.clone()),
        Some(IdentitySource::Stdin) => {
            Err(Failure::usage("a new identity cannot be written to standard input")
                .hint("name a file with --identity"))
        }
        None => match context.env.get(Variable::IdentityFile) {
            Some(path) => Ok(context.settings.folder.join(path)),
            None => context.usual_identity_path().ok_or_else(|| {
                Failure::new("there is no home folder to put the identity in")
                    .hint("name a file with --identity")
            }),
        },
    }
}

fn existing_identity(
    context: &mut Context,
    path: Option<&Path>,
    print: StorePrint,
) -> Result<String, Failure> {
    let identities = context.identities()?;
    context.ui.ok("using the identity that is there already");
    if !context.carried.is_empty() {
        add_store(context, path, print)?;
    }
    identities.first().map(Identity::recipient).ok_or_else(|| Failure::new("there is no identity"))
}

/// Adds the store to those that the identity names already; one that names none opens any store.
fn add_store(context: &mut Context, path: Option<&Path>, print: StorePrint) -> Result<(), Failure> {
    let Some(path) = path else {
        context.ui.hint(&format!("add this line to where the identity is kept: {}", print.comment()));
        return Ok(());
    };
    let text = context.read_file(path)?;
    let mut new = SecretText::with_capacity(text.len() + 128);
    new.push_str(&print.comment());
    new.push('\n');
    new.push_str(text.expose());
    let mode = context.disk.permissions(path)?.mode & 0o777;
    context.disk.replace(path, new.expose().as_bytes(), mode)?;
    context.ui.ok(&format!("added the store to {}", path.display()));
    Ok(())
}

fn new_identity(context: &mut Context, path: &Path, print: StorePrint) -> Result<String, Failure> {
    let identity = Identity::generate();
    let recipient = identity.recipient();
    let secret = identity.to_secret();
    let mut text = SecretText::with_capacity(512);
    text.push_str(&format!(
        "# An identity of luca-secrets, made {}. Keep it to yourself.\n",
        context.clock.now()
    ));
    text.push_str(&format!("# recipient: {recipient}\n{}\n", print.comment()));
    text.push_str(secret.expose());
    text.push('\n');
    if let Some(folder) = path.parent() {
        context.disk.create_private_folder(folder)?;
        context.disk.refuse_shared_folder(folder)?;
    }
    context.disk.create_new(path, text.expose().as_bytes(), 0o600)?;
    context.ui.ok(&format!("made the identity {}", path.display()));
    Ok(recipient)
}

fn make_store(args: &InitArgs, context: &mut Context, key: String, id: StoreId) -> Result<(), Failure> {
    let author = context.author();
    let name = args.name.clone().unwrap_or_else(|| author.name.clone());
    let recipient = Recipient { name, key, since: author.now };
    let store = Store::at(context.settings.store.clone());
    let document = store.create(&context.disk, id, &author, recipient)?;
    context.remember(&document, Pinning::Accepted);
    Ok(())
}
