//! `git textconv`: the store as names, shapes and fingerprints, for `git diff`.

use std::path::PathBuf;

use clap::Args;
use sha2::{Digest, Sha256};

use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::cli::report::count;
use crate::secret::{SecretValue, hex, shape};
use crate::store::{Document, SIZE_LIMIT, open};

/// Show the store without its values (called by git)
#[derive(Args)]
pub(crate) struct TextconvArgs {
    /// The sealed store
    file: PathBuf,
}

pub(super) fn run(args: &TextconvArgs, context: &mut Context) -> Result<(), Failure> {
    let path = context.settings.folder.join(&args.file);
    let sealed = context.disk.read(&path, SIZE_LIMIT)?;
    let opened = context.keys_for(&sealed).and_then(|keys| Ok(open(&path, &sealed, &keys)?));
    let text = match opened {
        Ok(document) => {
            // History may hold the store that was here before; whoever looks at it must see that.
            let is_foreign = context.refuse_foreign(document.print()).is_err();
            let warning = if is_foreign { "another store than the one accepted here\n" } else { "" };
            format!("{warning}{}", shown(&document))
        }
        // A failure would make `git diff` and `git log -p` stop, for whoever has no identity here.
        Err(failure) => {
            let digest = hex(&Sha256::digest(&*sealed));
            let why = failure.messages.join("; ").replace(&format!("{}: ", path.display()), "");
            format!("cannot be opened here: {why}\nSHA-256 {digest}\n")
        }
    };
    context.ui.data(&text)
}

fn shown(document: &Document) -> String {
    let key = document.fingerprint_key();
    let value = |value: &SecretValue| format!("{}, fingerprint {}", shape(value), key.of(value));
    let mut lines = vec![format!("generation {} by {}", document.generation(), document.by())];
    let readers = document.recipients().iter();
    lines.extend(readers.map(|reader| format!("reader {}: {}", reader.name, reader.key)));
    for name in document.names() {
        lines.extend(document.get(name).map(|found| format!("{name}: {}", value(&found))));
    }
    for (name, theirs) in document.conflicts() {
        let theirs = theirs.map_or_else(|| "removed".to_owned(), value);
        lines.push(format!("{name} in conflict, theirs: {theirs}"));
    }
    for (name, exposure) in document.exposures() {
        let what = if exposure.waived.is_some() { "waived" } else { "exposed" };
        lines.push(format!("{name} {what}: known to {}", exposure.to));
    }
    for (name, record) in document.rotations() {
        let done = count(record.done, "step");
        lines.push(format!("rotation of {name}: {}, {done} done, by {}", record.state, record.by));
        for (secret, new) in &record.pending {
            let new = new.as_ref().map_or_else(|| "none".to_owned(), value);
            lines.push(format!("rotation of {name}, new {secret}: {new}"));
        }
    }
    lines.join("\n") + "\n"
}
