//! `init`: a new identity, a store for it, a starter schema.

use std::path::{Path, PathBuf};

use clap::Args;

use crate::cli::args::DryRunArg;
use crate::cli::context::{Context, nobody_answered};
use crate::cli::failure::Failure;
use crate::cli::identities::recipient_of;
use crate::cli::keyring::Marker;
use crate::secret::{SecretText, SecretValue};
use crate::store::{Identity, NewKey, PASSPHRASE, Pinning, Recipient, Store, StoreId, StorePrint};
use crate::sys::{Keyring, Variable};

/// The schema that a new project starts with.
const STARTER_SCHEMA: &str = include_str!("starter.toml");

/// Make a new identity, an empty store for it and a starter schema
///
/// Nothing that exists is overwritten: an identity at its usual place is used as it is, and so is a schema. With
/// --identity FILE the new identity goes there, with --keyring into the system's keyring and nowhere else. With
/// --passphrase there is no identity: whoever knows the passphrase opens the store, and nobody else can be added.
#[derive(Args)]
pub(crate) struct InitArgs {
    /// What to call the identity among the store's recipients [default: user@machine]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Keep the new identity in the system's keyring
    #[arg(long, conflicts_with_all = ["passphrase", "identity"])]
    keyring: bool,
    /// Seal the store with a passphrase instead of an identity
    #[arg(long, conflicts_with = "identity")]
    passphrase: bool,
    #[command(flatten)]
    dry_run: DryRunArg,
}

/// What opens the new store.
enum Opener {
    /// The identity in the environment, which every later command takes before any file.
    Environment,
    /// An identity in a file, and whether it is there already.
    File(PathBuf, bool),
    /// An identity in the keyring: the recipient, if it is there already.
    Keyring(Option<Marker>),
    /// A passphrase.
    Passphrase,
}

/// A recipient for the store, the keys to seal it with, and what to say about not losing them.
struct Made {
    recipient: String,
    keys: Vec<Identity>,
    advice: String,
}

pub(crate) fn run(args: &InitArgs, context: &mut Context) -> Result<(), Failure> {
    let (store, schemas) = (context.settings.store.clone(), context.settings.schemas.clone());
    if context.disk.kind(&store)?.is_some() {
        return Err(Failure::new(format_args!("{}: a store exists already", store.display()))
            .hint("`luca-secrets edit` changes it; to start anew, move it away first"));
    }
    let opener = Opener::chosen(args, context)?;
    let keep_schema = context.disk.files(&schemas, ".toml").is_ok_and(|files| !files.is_empty());
    if args.dry_run.dry_run {
        context.ui.say(&opener.preview());
        let verb = if keep_schema { "would be used" } else { "would be made" };
        context.ui.say(&format!("the schema {} {verb}", schemas.display()));
        context.ui.say(&format!("the store {} would be made", store.display()));
        return Ok(());
    }
    let id = Store::new_id(context.random.as_mut())?;
    let made = opener.make(context, id.print())?;
    if !keep_schema {
        context.disk.create_private_folder(&schemas)?;
        let path = schemas.join("secrets.toml");
        context.disk.create_new(&path, STARTER_SCHEMA.as_bytes(), 0o644)?;
        context.ui.ok(&format!("made the starter schema {}", path.display()));
    }
    let advice = made.advice.clone();
    make_store(args, context, made, id)?;
    context.ui.ok(&format!("made the store {}", store.display()));
    context.ui.hint(&advice);
    context
        .ui
        .hint("next: `luca-secrets edit` to put secrets in, `luca-secrets render` to write the env files");
    Ok(())
}

impl Opener {
    fn chosen(args: &InitArgs, context: &Context) -> Result<Self, Failure> {
        if args.passphrase {
            return Ok(Self::Passphrase);
        }
        if args.keyring {
            return Ok(Self::Keyring(context.keyring_marker()?));
        }
        if context.settings.identity.is_none() && context.env.get(Variable::Identity).is_some() {
            return Ok(Self::Environment);
        }
        let path = identity_path(context)?;
        let is_there = context.disk.kind(&path)?.is_some();
        Ok(Self::File(path, is_there))
    }

    fn preview(&self) -> String {
        match self {
            Self::Environment => format!("the identity {} would be used", Variable::Identity.name()),
            Self::File(path, true) => format!("the identity {} would be used", path.display()),
            Self::File(path, false) => format!("the identity {} would be made", path.display()),
            Self::Keyring(Some(marker)) => format!("the identity in {} would be used", marker.keyring),
            Self::Keyring(None) => format!("an identity in {} would be made", Keyring::SecretService),
            Self::Passphrase => "a passphrase would be asked for".to_owned(),
        }
    }

    /// The identity, made where there is none. It names the store that it is for, `print`.
    fn make(self, context: &mut Context, print: StorePrint) -> Result<Made, Failure> {
        match self {
            Self::Environment => identity_in_environment(context, print),
            Self::File(path, is_there) => {
                let recipient = if is_there {
                    existing_identity(context, &path, print)?
                } else {
                    new_identity(context, &path, print)?
                };
                let advice = format!("back up {}: without it nobody can open the store", path.display());
                Ok(Made { recipient, keys: Vec::new(), advice })
            }
            Self::Keyring(marker) => keyring_identity(context, marker.as_ref(), print),
            Self::Passphrase => new_passphrase(context),
        }
    }
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

fn existing_identity(context: &mut Context, path: &Path, print: StorePrint) -> Result<String, Failure> {
    let identities = context.identity_file(path)?;
    let recipient = recipient_of(&identities)?;
    context.ui.ok("using the identity that is there already");
    add_store(context, Some(path), print)?;
    Ok(recipient)
}

/// Adds the store to those that the identity names already; one that names none opens any store.
fn add_store(context: &mut Context, path: Option<&Path>, print: StorePrint) -> Result<(), Failure> {
    if context.carried.borrow().is_empty() {
        return Ok(());
    }
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

fn identity_in_environment(context: &mut Context, print: StorePrint) -> Result<Made, Failure> {
    let recipient = recipient_of(&context.named_identities()?.unwrap_or_default())?;
    context.ui.ok("using the identity that is there already");
    add_store(context, None, print)?;
    let advice = format!("back up {}: without it nobody can open the store", Variable::Identity.name());
    Ok(Made { recipient, keys: Vec::new(), advice })
}

fn keyring_identity(
    context: &mut Context,
    marker: Option<&Marker>,
    print: StorePrint,
) -> Result<Made, Failure> {
    let (recipient, keyring) = if let Some(&Marker { keyring, .. }) = marker {
        // Opened, not believed: the store must not be for an identity that is gone.
        let text = keyring.get(context.keyring_patience())?;
        let recipient = recipient_of(&context.identities_in(&keyring.to_string(), &text)?)?;
        context.ui.ok(&format!("using the identity of {recipient} in {keyring}"));
        add_store(context, None, print)?;
        (recipient, keyring)
    } else {
        let NewKey { recipient, secret } = Identity::generate();
        let text = identity_text(context, &recipient, &secret, print);
        // Never the kernel's: it forgets, and this is the only place.
        context.put_into_keyring(Keyring::SecretService, &text, &recipient)?;
        context.ui.ok(&format!("made the identity of {recipient} in {}", Keyring::SecretService));
        (recipient, Keyring::SecretService)
    };
    let advice = match keyring {
        Keyring::SecretService => {
            "back it up, since it is nowhere else: `secret-tool lookup service luca-secrets username identity | age -p -o identity.age`"
        }
        Keyring::Kernel => {
            "keep the file that it came from: the kernel forgets it, and without it nobody can open the store"
        }
    };
    Ok(Made { recipient, keys: Vec::new(), advice: advice.to_owned() })
}

fn new_passphrase(context: &mut Context) -> Result<Made, Failure> {
    if !context.settings.interactive {
        return Err(Failure::new("there is nobody to ask for the passphrase")
            .hint("run it at a terminal, or make a store for an identity"));
    }
    let mut ask = |question| context.terminal.ask_secret(question).map_err(|_| nobody_answered());
    let passphrase = ask("passphrase for the new store: ")?;
    if passphrase.is_empty() {
        return Err(Failure::new("an empty passphrase protects nothing"));
    }
    if ask("the same again: ")? != passphrase {
        return Err(Failure::new("the two passphrases differ").hint("nothing was made; try again"));
    }
    Ok(Made {
        recipient: PASSPHRASE.to_owned(),
        keys: vec![Identity::known_passphrase(&passphrase)],
        advice: "keep the passphrase where it cannot get lost: without it nobody can open the store"
            .to_owned(),
    })
}

fn identity_text(context: &Context, recipient: &str, secret: &SecretValue, print: StorePrint) -> SecretText {
    let mut text = SecretText::with_capacity(512);
    text.push_str(&format!(
        "# An identity of luca-secrets, made {}. Keep it to yourself.\n",
        context.clock.now()
    ));
    text.push_str(&format!("# recipient: {recipient}\n{}\n", print.comment()));
    text.push_str(secret.expose());
    text.push('\n');
    text
}

fn new_identity(context: &mut Context, path: &Path, print: StorePrint) -> Result<String, Failure> {
    let NewKey { recipient, secret } = Identity::generate();
    let text = identity_text(context, &recipient, &secret, print);
    if let Some(folder) = path.parent() {
        context.disk.create_private_folder(folder)?;
        context.disk.refuse_shared_folder(folder)?;
    }
    context.disk.create_new(path, text.expose().as_bytes(), 0o600)?;
    context.ui.ok(&format!("made the identity {}", path.display()));
    Ok(recipient)
}

fn make_store(args: &InitArgs, context: &mut Context, made: Made, id: StoreId) -> Result<(), Failure> {
    let author = context.author();
    let name = args.name.clone().unwrap_or_else(|| author.name.clone());
    let recipient = Recipient::new(name, made.recipient, author.now);
    let store = Store::at(context.settings.store.clone());
    let keys = context.keys(made.keys);
    let document = store.create(&context.disk, id, &author, recipient, &keys)?;
    context.remember(&document, Pinning::Accepted);
    Ok(())
}
