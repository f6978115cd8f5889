//! Which identity opens the store: the places it is looked for in, in order, and what `--verbose` says about them.
//!
//! What the user named (an option, a variable) must open the store. The usual places are tried one after the other; a
//! later one is not even looked at once an earlier one has opened the store, since a keyring or a plugin costs time
//! and may ask a person.

use std::path::{Path, PathBuf};

use crate::secret::SecretText;
use crate::store::{
    Decrypted, EnvelopeError, Identity, Keys, Sealed, Store, StoreError, Unlocked, wants_passphrase,
};
use crate::sys::Variable;

use super::context::Context;
use super::failure::{Failure, bad_identity};
use super::keyring::Marker;
use super::pins::Carried;
use super::settings::IdentitySource;

/// Largest identity file that is read, in bytes.
const IDENTITY_LIMIT: u64 = 1024 * 1024;

/// The private key that OpenSSH makes for every server; readable for root only.
const HOST_KEY: &str = "/etc/ssh/ssh_host_ed25519_key";

/// A place where an identity usually lies, in the order of search.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Keyring,
    Config,
    Ssh,
}

/// What a place holds.
enum Found {
    /// Identities, and what to call the place.
    Identities(Vec<Identity>, String),
    /// Nothing, and how to say so.
    Nothing(String),
    /// Something that cannot be used, and why.
    Unusable(String),
}

impl Context {
    /// Opens the store.
    pub(super) fn unlock(&mut self) -> Result<Unlocked, Failure> {
        // Before the store: what is remembered is never newer than what is read after it.
        let memory = self.memory();
        let store = self.decrypt()?.read()?;
        self.recognized(&memory, store)
    }

    /// Opens the store as far as it takes its keys.
    pub(super) fn decrypt(&mut self) -> Result<Decrypted, Failure> {
        let sealed = Store::at(self.settings.store.clone()).read(&self.disk)?;
        if sealed.wants_passphrase() {
            self.explain("the store is sealed with a passphrase, so no identity is looked for");
            let name = self.settings.store.display().to_string();
            let keys = self.keys(vec![Identity::passphrase(&name, &self.prompt)]);
            return Ok(sealed.decrypt(keys)?);
        }
        match self.named_identities()? {
            Some(identities) => Ok(sealed.decrypt(self.keys(identities))?),
            None => self.decrypt_by_usual_places(&sealed),
        }
    }

    /// All keys at hand, for stores that come from elsewhere than the store's own file, such as the versions in git:
    /// each may be for other readers. `sealed` is one of them.
    pub(super) fn keys_for(&mut self, sealed: &[u8]) -> Result<Keys, Failure> {
        if wants_passphrase(sealed) {
            let name = self.settings.store.display().to_string();
            return Ok(self.keys(vec![Identity::passphrase(&name, &self.prompt)]));
        }
        if let Some(identities) = self.named_identities()? {
            return Ok(self.keys(identities));
        }
        let (mut all, mut carried) = (Vec::new(), None::<Carried>);
        for place in Place::IN_ORDER {
            match self.look_in(place)? {
                Found::Identities(identities, _) => {
                    all.extend(identities);
                    let here = self.carried.take();
                    carried = Some(carried.map_or_else(|| here.clone(), |others| others.or(&here)));
                }
                Found::Nothing(reason) | Found::Unusable(reason) => self.explain(&reason),
            }
        }
        self.carried.replace(carried.unwrap_or_default());
        if all.is_empty() { Err(self.no_identity()) } else { Ok(self.keys(all)) }
    }

    /// The keys of this machine, for a file that was sealed for it: what the user named, or else its SSH host key and
    /// the usual places.
    pub(super) fn keys_of_machine(&mut self, sealed: &[u8]) -> Result<Keys, Failure> {
        let host_key = Path::new(HOST_KEY);
        let is_named = self.settings.identity.is_some()
            || [Variable::Identity, Variable::IdentityFile].iter().any(|name| self.env.get(*name).is_some());
        if is_named || wants_passphrase(sealed) {
            return self.keys_for(sealed);
        }
        match self.identity_file(host_key) {
            Ok(mut identities) => {
                self.explain(&format!("identity from this machine: {HOST_KEY}"));
                if let Ok(others) = self.keys_for(sealed) {
                    identities.extend(others.into_identities());
                }
                Ok(self.keys(identities))
            }
            Err(failure) => {
                self.explain(&format!("this machine's host key: {}", failure.messages.join(", ")));
                self.keys_for(sealed)
            }
        }
    }

    /// Opens the store with all identities at hand, so that what is written can be tried with each of them.
    pub(super) fn unlock_with_all(&mut self) -> Result<Unlocked, Failure> {
        // Before the store, as in `unlock`.
        let memory = self.memory();
        let sealed = Store::at(self.settings.store.clone()).read(&self.disk)?;
        let mut all = Vec::new();
        if sealed.wants_passphrase() {
            let name = self.settings.store.display().to_string();
            all.push(Identity::passphrase(&name, &self.prompt));
        }
        if let Some(identities) = self.named_identities()? {
            all.extend(identities);
        } else {
            for place in Place::IN_ORDER {
                match self.look_in(place)? {
                    Found::Identities(identities, name) => {
                        self.explain(&format!("identity from {name}"));
                        all.extend(identities);
                    }
                    Found::Nothing(reason) | Found::Unusable(reason) => self.explain(&reason),
                }
            }
        }
        if all.is_empty() {
            return Err(self.no_identity());
        }
        let store = sealed.decrypt(self.keys(all))?.read()?;
        self.recognized(&memory, store)
    }

    /// Identities with whoever can be asked for their passphrases.
    pub(super) fn keys(&self, identities: Vec<Identity>) -> Keys {
        Keys::new(identities, &self.prompt)
    }

    /// What the user named: `--identity`, `LUCA_SECRETS_IDENTITY`, `LUCA_SECRETS_IDENTITY_FILE`.
    pub(super) fn named_identities(&mut self) -> Result<Option<Vec<Identity>>, Failure> {
        match self.settings.identity.clone() {
            Some(IdentitySource::Stdin) => {
                let text = self.read_stdin()?;
                self.explain("identity from --identity: standard input");
                return self.identities_in("standard input", &text).map(Some);
            }
            Some(IdentitySource::File(path)) => {
                self.explain(&format!("identity from --identity: {}", path.display()));
                return self.identity_file(&path).map(Some);
            }
            None => self.explain("--identity: not given"),
        }
        let name = Variable::Identity.name();
        if let Some(value) = self.env.get(Variable::Identity) {
            let text = value.to_str().ok_or_else(|| Failure::new(format_args!("{name}: not UTF-8 text")))?;
            let text = SecretText::new(text.to_owned());
            self.explain(&format!("identity from {name}"));
            return self.identities_in(name, &text).map(Some);
        }
        self.explain(&format!("{name}: not set"));
        let name = Variable::IdentityFile.name();
        if let Some(path) = self.env.get(Variable::IdentityFile) {
            let path = self.settings.folder.join(path);
            self.explain(&format!("identity from {name}: {}", path.display()));
            return self.identity_file(&path).map(Some);
        }
        self.explain(&format!("{name}: not set"));
        Ok(None)
    }

    fn decrypt_by_usual_places(&mut self, sealed: &Sealed) -> Result<Decrypted, Failure> {
        let mut tried = Vec::new();
        let mut error = None;
        for place in Place::IN_ORDER {
            let (identities, name) = match self.look_in(place)? {
                Found::Identities(identities, name) => (identities, name),
                Found::Nothing(reason) => {
                    self.explain(&reason);
                    continue;
                }
                Found::Unusable(reason) => {
                    self.explain(&reason);
                    tried.push(reason);
                    continue;
                }
            };
            match sealed.decrypt(self.keys(identities)) {
                Ok(store) => {
                    self.explain(&format!("identity from {name}"));
                    return Ok(store);
                }
                Err(StoreError::Envelope(path, kind @ EnvelopeError::Key(_))) => {
                    tried.push(format!("{name}: {kind}"));
                    // A key that may be the right one says more than one that is not.
                    error = Some(StoreError::Envelope(path, kind));
                }
                Err(StoreError::Envelope(path, kind @ EnvelopeError::NoMatchingIdentity)) => {
                    tried.push(format!("{name}: it does not open the store"));
                    error = error.or(Some(StoreError::Envelope(path, kind)));
                }
                Err(other) => return Err(other.into()),
            }
            if let Some(last) = tried.last() {
                self.explain(last);
            }
        }
        let failure = match error {
            Some(error) => error.into(),
            None => self.no_identity(),
        };
        Err(tried.into_iter().fold(failure, |failure, reason| failure.hint(format_args!("tried {reason}"))))
    }

    fn look_in(&mut self, place: Place) -> Result<Found, Failure> {
        let path = match place {
            Place::Keyring => return self.look_in_keyring(),
            Place::Config => self.usual_identity_path(),
            Place::Ssh => self.env.ssh_folder().map(|folder| folder.join("id_ed25519")),
        };
        let name = place.name();
        let Some(path) = path else {
            return Ok(Found::Nothing(format!("{name}: there is no home folder")));
        };
        if self.disk.kind(&path)?.is_none() {
            return Ok(Found::Nothing(format!("{name}: no {}", path.display())));
        }
        let name = format!("{name}: {}", path.display());
        match (self.identity_file(&path), place) {
            (Ok(identities), _) => Ok(Found::Identities(identities, name)),
            // This file is ours to keep in order.
            (Err(failure), Place::Config) => Err(failure),
            // This one is not: it may be of another kind, or meant for something else.
            (Err(failure), _) => Ok(Found::Unusable(format!("the SSH key: {}", failure.messages.join(", ")))),
        }
    }

    /// A keyring is asked only if something was put there: that takes time and may open a window.
    fn look_in_keyring(&self) -> Result<Found, Failure> {
        let Some(Marker { keyring, .. }) = self.keyring_marker()? else {
            return Ok(Found::Nothing("the keyring: nothing was put there".to_owned()));
        };
        let text = match keyring.get(self.keyring_patience()) {
            Ok(text) => text,
            Err(error) => return Ok(Found::Unusable(format!("the keyring: {error}"))),
        };
        let name = keyring.to_string();
        Ok(Found::Identities(self.identities_in(&name, &text)?, name))
    }

    /// Where `init` puts an identity: `~/.config/luca-secrets/identity.txt`.
    pub(super) fn usual_identity_path(&self) -> Option<PathBuf> {
        self.env.config_folder().map(|folder| folder.join("identity.txt"))
    }

    /// The identities in a file, which nobody else may read.
    pub(super) fn identity_file(&self, path: &Path) -> Result<Vec<Identity>, Failure> {
        let bytes = self.disk.read(path, IDENTITY_LIMIT)?;
        // systemd gives a service's account its credentials by an ACL, and the mask of that stands where the rights of a
        // group do; nobody else gets into the folder.
        let folder = self.env.get(Variable::CredentialsDirectory).map(Path::new);
        let foreign = if folder.is_some() && folder == path.parent() { 0o007 } else { 0o077 };
        if self.disk.permissions(path)?.mode & foreign != 0 {
            let message = format!("{}: an identity that other users can read", path.display());
            return Err(
                Failure::new(message).hint(format_args!("keep it to yourself: chmod 600 {}", path.display()))
            );
        }
        self.read_identities(&path.display().to_string(), &bytes)
    }

    pub(super) fn identities_in(&self, source: &str, text: &SecretText) -> Result<Vec<Identity>, Failure> {
        self.read_identities(source, text.expose().as_bytes())
    }

    /// The identities in a text, whose comments may name the stores that they are for.
    fn read_identities(&self, source: &str, content: &[u8]) -> Result<Vec<Identity>, Failure> {
        let carried =
            std::str::from_utf8(content).map_or(Ok(Carried::default()), |text| Carried::read(source, text));
        *self.carried.borrow_mut() = carried?;
        Identity::parse_all(content, source, &self.prompt).map_err(|error| bad_identity(source, error))
    }

    fn no_identity(&self) -> Failure {
        let failure = match self.usual_identity_path() {
            Some(path) => Failure::new(format_args!("{}: no identity here", path.display())),
            None => Failure::new("there is no home folder to look for an identity in"),
        };
        failure.hint(
            "name one with --identity FILE, set LUCA_SECRETS_IDENTITY or LUCA_SECRETS_IDENTITY_FILE, or make one with `luca-secrets init`",
        )
    }
}

impl Place {
    const IN_ORDER: [Self; 3] = [Self::Keyring, Self::Config, Self::Ssh];

    const fn name(self) -> &'static str {
        match self {
            Self::Keyring => "the keyring",
            Self::Config => "the configuration folder",
            Self::Ssh => "the SSH key",
        }
    }
}

/// The public half of the first identity.
pub(super) fn recipient_of(identities: &[Identity]) -> Result<String, Failure> {
    let recipient = identities.first().map(Identity::recipient).transpose().map_err(Failure::new)?;
    recipient.flatten().ok_or_else(|| {
        Failure::new("the identity does not tell its recipient")
            .hint("write it above the identity as a comment: # recipient: age1…")
    })
}
