//! `[backup.NAME]`.

use std::path::PathBuf;

use crate::schema::remote::{BackupTarget, Keep, ShelfKind};

use super::bucket::BUCKET_KEYS;
use super::context::Context;
use super::remote::is_object_key;
use super::target::{Targets, target_name};
use super::tree::{Key, Table, Value};

const KINDS: [&str; 2] = ["folder", "s3"];
const SHARED_KEYS: [&str; 3] = ["kind", "every-write", "keep"];
const KEEP_KEYS: [&str; 5] = ["last", "hourly", "daily", "weekly", "monthly"];

impl Targets<'_, '_> {
    /// Reads `[backup.NAME]`.
    pub(super) fn backup(&mut self, context: Context<'_>, key: &Key<'_>, value: &Value<'_>) {
        let first = |name: &_| self.backups.get(name).map(|backup| &backup.place);
        let Some(name) = target_name(context, key, first) else { return };
        let Some(table) = context.table(key, value) else { return };
        let Some((kind_key, kind_value)) = table.get_key_value("kind") else {
            context.error(&key.span(), format!("`{name}` has no `kind`: it is folder or s3"));
            return;
        };
        let kept_in = match context.text(kind_key, kind_value) {
            Some("folder") => folder(context, key, table),
            Some("s3") => self.shelf(context, key, table),
            Some(word) => {
                context.unknown_word("a kind of place for backups", word, kind_value, &KINDS);
                None
            }
            None => None,
        };
        let every_write = table.get_key_value("every-write");
        let every_write = every_write.and_then(|(key, value)| context.flag(key, value)).unwrap_or(false);
        let keep = table.get_key_value("keep").map(|(key, value)| keep(context, key, value));
        let (keep, place) = (keep.unwrap_or_default(), context.place(&key.span()));
        let Some(shelf_kind) = kept_in else { return };
        self.backups.insert(name.clone(), BackupTarget { name, shelf: shelf_kind, keep, every_write, place });
    }

    fn shelf(&self, context: Context<'_>, at: &Key<'_>, table: &Table<'_>) -> Option<ShelfKind> {
        let known: Vec<&str> = SHARED_KEYS.into_iter().chain(["prefix"]).chain(BUCKET_KEYS).collect();
        refuse_others(context, table, &known);
        let prefix = match table.get_key_value("prefix") {
            Some((key, value)) => prefix(context, key, value)?,
            None => String::new(),
        };
        Some(ShelfKind::S3 { bucket: self.bucket(context, at, table)?, prefix })
    }
}

fn refuse_others(context: Context<'_>, table: &Table<'_>, known: &[&str]) {
    for (key, _) in table.iter().filter(|(key, _)| !known.contains(&key.get_ref().as_ref())) {
        context.unknown_key(key, known);
    }
}

fn folder(context: Context<'_>, at: &Key<'_>, table: &Table<'_>) -> Option<ShelfKind> {
    let known: Vec<&str> = SHARED_KEYS.into_iter().chain(["path"]).collect();
    refuse_others(context, table, &known);
    let Some((key, value)) = table.get_key_value("path") else {
        context.error(&at.span(), "`kind = \"folder\"` needs `path`");
        return None;
    };
    let text = context.text(key, value)?;
    if text.is_empty() || text.contains(char::is_control) {
        context.error(&value.span(), "`path` must be the path of a folder");
        return None;
    }
    Some(ShelfKind::Folder(PathBuf::from(text)))
}

/// What the keys of all objects start with, as [`ShelfKind::S3`] has it.
fn prefix(context: Context<'_>, key: &Key<'_>, value: &Value<'_>) -> Option<String> {
    let text = context.text(key, value)?.trim_end_matches('/');
    if text.is_empty() {
        return Some(String::new());
    }
    if !is_object_key(text) {
        let wanted = "letters, digits, `-`, `_`, `.` and `/`, as in team/backups/";
        context.error(&value.span(), format!("`prefix` must be made of {wanted}"));
        return None;
    }
    Some(format!("{text}/"))
}

/// How many backups stay. A number that is not named is that of [`Keep::default`].
fn keep(context: Context<'_>, key: &Key<'_>, value: &Value<'_>) -> Keep {
    let mut keep = Keep::default();
    let Some(table) = context.table(key, value) else { return keep };
    for (key, value) in table.iter() {
        let number = match key.get_ref().as_ref() {
            "last" => &mut keep.last,
            "hourly" => &mut keep.hourly,
            "daily" => &mut keep.daily,
            "weekly" => &mut keep.weekly,
            "monthly" => &mut keep.monthly,
            _ => {
                context.unknown_key(key, &KEEP_KEYS);
                continue;
            }
        };
        *number = context.count(key, value).unwrap_or(*number);
    }
    keep
}
