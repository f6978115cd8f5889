use super::*;
use crate::schema::{BackupTarget, Keep, ShelfKind};

fn place(text: &str) -> BackupTarget {
    parsed(&format!("[backup.away]\n{text}")).backups.remove(&target("away")).unwrap()
}

fn mistakes(text: &str) -> Vec<String> {
    errors(&format!("[backup.away]\n{text}"))
}

#[test]
fn a_folder_says_all_it_can() {
    let least = place("kind = \"folder\"\npath = \"../backups\"\n");
    assert_eq!(least.shelf, ShelfKind::Folder(PathBuf::from("../backups")));
    assert_eq!((least.keep, least.every_write), (Keep::default(), false));
    let all = place(
        "kind = \"folder\"\npath = \"/mnt/nas\"\nevery-write = true\nkeep = { last = 3, monthly = 0 }\n",
    );
    assert_eq!((all.keep.last, all.keep.hourly, all.keep.monthly, all.every_write), (3, 24, 0, true));
}

#[test]
fn a_bucket_has_a_prefix() {
    for (spelled, expected) in [("", ""), ("a/b", "a/b/"), ("a/b/", "a/b/"), ("/", "")] {
        let ShelfKind::S3 { bucket, prefix } =
            place(&format!("kind = \"s3\"\nbucket = \"backups\"\nprefix = \"{spelled}\"\n")).shelf
        else {
            panic!()
        };
        assert_eq!((bucket.name.as_str(), prefix.as_str()), ("backups", expected));
    }
}

#[test]
fn mistakes_in_a_place_are_named() {
    for (text, expected) in [
        ("", "s.toml:1:9: `away` has no `kind`: it is folder or s3"),
        (
            "kind = \"ftp\"\n",
            "s.toml:2:8: `ftp` is not a kind of place for backups (it is one of: folder, s3)",
        ),
        ("kind = \"folder\"\n", "s.toml:1:9: `kind = \"folder\"` needs `path`"),
        ("kind = \"folder\"\npath = \"\"\n", "s.toml:3:8: `path` must be the path of a folder"),
        ("kind = \"folder\"\npath = \"a\"\nbucket = \"abc\"\n", "s.toml:4:1: unknown key `bucket`"),
        (
            "kind = \"folder\"\npath = \"a\"\nkeep = { dayly = 3 }\n",
            "s.toml:4:10: unknown key `dayly` (did you mean `daily`?)",
        ),
        (
            "kind = \"folder\"\npath = \"a\"\nkeep = { daily = -3 }\n",
            "s.toml:4:18: `daily` must be a whole number, 0 or more, not an integer",
        ),
        (
            "kind = \"folder\"\npath = \"a\"\nevery-write = \"yes\"\n",
            "s.toml:4:15: `every-write` must be true or false, not a string",
        ),
        ("kind = \"s3\"\n", "s.toml:1:9: `kind = \"s3\"` needs `bucket`"),
        (
            "kind = \"s3\"\nbucket = \"abc\"\nprefix = \"a//b\"\n",
            "s.toml:4:10: `prefix` must be made of letters, digits, `-`, `_`, `.` and `/`, as in team/backups/",
        ),
    ] {
        assert_eq!(mistakes(text), [expected], "{text}");
    }
    let one = "[backup.nas]\nkind = \"folder\"\npath = \"a\"\n";
    let files = [file("a.toml", one), file("b.toml", one)];
    assert_eq!(errors_of(&files), ["b.toml:1:9: `nas` is declared twice, first at a.toml:1:9"]);
}
