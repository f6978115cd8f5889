//! `[history]`.

use crate::schema::model::{History, Place};

use super::context::Context;
use super::tree::{Key, Table};

const HISTORY_KEYS: [&str; 1] = ["keep"];

/// Reads `[history]`, which stands in one file only: `first` is where it stood before.
pub(super) fn history(
    context: Context<'_>,
    key: &Key<'_>,
    table: &Table<'_>,
    first: Option<&Place>,
) -> History {
    let mut history = History::default();
    if let Some(first) = first {
        context.error(&key.span(), format!("`history` is declared twice, first at {first}"));
    }
    for (key, value) in table.iter() {
        if key.get_ref() != "keep" {
            context.unknown_key(key, &HISTORY_KEYS);
        } else if let Some(keep) = context.count(key, value) {
            if keep > History::MOST {
                context.error(&value.span(), format!("`keep` must lie between 0 and {}", History::MOST));
            }
            history.keep = keep;
        }
    }
    history
}
