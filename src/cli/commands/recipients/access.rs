//! What the commands say about who reads the store.

use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::cli::report::count;
use crate::store::{Committed, PASSPHRASE, Recipient, RecipientKey, Unlocked, fingerprint};

/// Longest name or note, in characters.
const LONGEST: usize = 200;

/// The kind of a key in a word or two.
pub(super) fn kind(key: &str) -> String {
    RecipientKey::parse(key).map_or_else(|_| "unknown".to_owned(), |key| key.kind().to_string())
}

/// A key as people compare it: whole, and with the fingerprint that SSH's tools show.
pub(super) fn shown(key: &str) -> String {
    match fingerprint(key) {
        Some(print) => format!("{key} {print}"),
        None => key.to_owned(),
    }
}

/// Whether one of the identities is theirs.
pub(super) fn is_at_hand(reader: &Recipient, at_hand: &[String]) -> bool {
    at_hand.iter().any(|key| reader.is_for(key))
}

/// Words that go into the store as they were typed: on one line and of a length to be read.
pub(super) fn words(text: &str, what: &str) -> Result<String, Failure> {
    let text = text.trim();
    if text.is_empty() || text.chars().count() > LONGEST || text.chars().any(char::is_control) {
        let message = format!("{what} is one line of at most {LONGEST} characters, and not empty");
        return Err(Failure::usage(message));
    }
    Ok(text.to_owned())
}

/// Says which of the identities at hand still open the store with these readers. Fails if none is known to.
pub(super) fn say_who_still_opens(
    store: &Unlocked,
    readers: &[Recipient],
    context: &mut Context,
) -> Result<(), Failure> {
    let at_hand = store.at_hand();
    let stay: Vec<&Recipient> = readers.iter().filter(|reader| is_at_hand(reader, &at_hand)).collect();
    if stay.is_empty() && store.all_are_known() {
        return Err(Failure::new("no identity at hand would open the store any more").hint(
            "nothing was written; name an identity that opens it afterwards with --identity FILE, or let another reader do it",
        ));
    }
    for reader in stay {
        context.ui.say(&format!("you still open it as {}", reader.who()));
    }
    Ok(())
}

/// Warns where the loss of one key loses the store.
pub(super) fn warn_of_few(readers: &[Recipient], context: &mut Context) {
    if let [only] = readers
        && only.key != PASSPHRASE
    {
        context
            .ui
            .warn(&format!("only one recipient: whoever loses the key of {} loses the store", only.name));
        context
            .ui
            .hint("add a second one, such as a key that is kept offline, with `luca-secrets recipients add`");
    }
}

/// Says how the new file was tried before it took the old one's place.
pub(in crate::cli) fn say_proof(committed: &Committed, context: &mut Context) {
    if committed.merged {
        context.ui.ok("merged with what somebody else wrote meanwhile");
    }
    let identities = match committed.proven {
        1 => "1 identity".to_owned(),
        number => format!("{number} identities"),
    };
    context.explain(&format!(
        "the store is at generation {}, opened again with {identities} at hand before it was replaced",
        committed.generation
    ));
}

/// "1 recipient", "2 recipients".
pub(super) fn recipients(number: usize) -> String {
    count(number, "recipient")
}
