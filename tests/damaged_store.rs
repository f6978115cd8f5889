//! Stores that were damaged on the way or hold what no store holds: each is refused, with the reason and the place.

use age::armor::Format;
use luca_secrets::store::Store;
use luca_secrets::sys::{Disk, OpenGate};
use std::sync::Arc;

use crate::faults::{MARKER, header, refused, seal, store_with};
use crate::harness::{World, keys};

/// Opens these bytes as a store: its secrets' text, or the error.
fn open(folder: &tempfile::TempDir, sealed: &[u8]) -> Result<String, String> {
    let path = folder.path().join("secrets.enc");
    std::fs::write(&path, sealed).unwrap();
    let opened = Store::at(path).unlock(&Disk::new(Arc::new(OpenGate)), keys());
    opened.map(|store| store.document().secrets_text().expose().to_owned()).map_err(|error| error.to_string())
}

const SECRETS: &str = "[secrets.a]\nx = \"value\"\n";

fn sealed(format: Format) -> Vec<u8> {
    seal(format!("{}[secrets]\n{SECRETS}", header()).as_bytes(), format)
}

#[test]
fn no_flipped_bit_opens_to_something_else() {
    let folder = tempfile::tempdir().unwrap();
    for format in [Format::AsciiArmor, Format::Binary] {
        let mut sealed = sealed(format);
        let mut harmless = 0;
        for at in 0..sealed.len() {
            // One bit of each byte, and the one that turns a letter's case.
            for bit in [at % 8, 5] {
                sealed[at] ^= 1 << bit;
                match open(&folder, &sealed) {
                    Ok(text) => {
                        assert_eq!(text, SECRETS);
                        harmless += 1;
                    }
                    Err(error) => assert!(!error.contains("value"), "{error}"),
                }
                sealed[at] ^= 1 << bit;
            }
        }
        assert!(harmless < 64, "{harmless} flips went unnoticed");
    }
}

#[test]
fn no_cut_opens() {
    let folder = tempfile::tempdir().unwrap();
    for format in [Format::AsciiArmor, Format::Binary] {
        let is_binary = matches!(format, Format::Binary);
        let sealed = sealed(format);
        let end = if is_binary { sealed.len() } else { sealed.trim_ascii_end().len() };
        for length in 0..end {
            assert!(open(&folder, &sealed[..length]).is_err(), "{length} of {end} bytes");
        }
        assert_eq!(open(&folder, &sealed[..end]).unwrap(), SECRETS);
    }
}

#[test]
fn other_armor_is_read_or_refused() {
    let folder = tempfile::tempdir().unwrap();
    let armored = String::from_utf8(sealed(Format::AsciiArmor)).unwrap();
    for harmless in [armored.replace('\n', "\r\n"), format!("{armored}\n \n"), format!("\n{armored}")] {
        assert_eq!(open(&folder, harmless.as_bytes()), Ok(SECRETS.to_owned()));
    }
    let binary = sealed(Format::Binary);
    assert_eq!(open(&folder, &binary), Ok(SECRETS.to_owned()));
    let mut longer = binary.clone();
    longer.push(b'x');
    let twice = seal(armored.as_bytes(), Format::AsciiArmor);
    let foreign_tail = format!("{armored}More text\n");
    let two = format!("{armored}{armored}");
    let lower = armored.replace("BEGIN AGE", "BEGIN age");
    let no_newlines = armored.replace('\n', "");
    let wide = armored.lines().collect::<Vec<_>>();
    let wide = format!("{}\n{}\n{}\n", wide[0], wide[1..wide.len() - 1].concat(), wide[wide.len() - 1]);
    for bad in [
        longer,
        twice,
        foreign_tail.into_bytes(),
        two.into_bytes(),
        lower.into_bytes(),
        no_newlines.into_bytes(),
        wide.into_bytes(),
        format!("Text before\n{armored}").into_bytes(),
    ] {
        assert!(open(&folder, &bad).is_err(), "{}", String::from_utf8_lossy(&bad));
    }
}

/// Every command that opens a store gives this message and changes nothing.
#[track_caller]
fn all_refuse(world: &World, message: &str) {
    world.write("new.json", "{\"database\": {\"password\": \"another long value\"}}");
    let commands: &[&[&str]] = &[
        &["get", "database.password"],
        &["list"],
        &["check"],
        &["set", "database.password", "--from-file", "new.json"],
        &["rm", "--yes", "database.password"],
        &["generate", "--replace", "database.password"],
        &["import", "--yes", "new.json"],
        &["render"],
        &["render", "django", "-"],
        &["export", "--format", "json"],
        &["export", "--format", "json", "--to", "out.json"],
        &["run", "--", "true"],
        &["edit"],
    ];
    for command in commands {
        let done = refused(world, |world| world.run(command).env("LUCA_SECRETS_EDITOR", "true").done());
        assert_eq!((done.code, done.stdout.as_str(), done.stderr.as_str()), (1, "", message), "{command:?}");
    }
    let done = refused(world, |world| world.run(&["init"]).done());
    assert!(done.stderr.contains("a store exists already"), "{}", done.stderr);
}

#[test]
fn what_is_no_store_is_refused_by_every_command() {
    let git = "hint: take the last good one from git: git restore secrets.enc\n";
    let whole = String::from_utf8(World::filled().store_bytes()).unwrap();
    let middle = whole.len() / 2;
    let mut flipped = whole.clone().into_bytes();
    flipped[middle] = if flipped[middle] == b'A' { b'B' } else { b'A' };
    let twice = seal(whole.as_bytes(), Format::AsciiArmor);
    let stranger = age::x25519::Identity::generate();
    let foreign = age::encrypt_and_armor(&stranger.to_public(), MARKER.as_bytes()).unwrap();
    let cases: Vec<(Vec<u8>, String)> = vec![
        (MARKER.into(), format!("error: secrets.enc: not an age file\n{git}")),
        (Vec::new(), format!("error: secrets.enc: the file is empty\n{git}")),
        (b"\n \n".into(), format!("error: secrets.enc: the file is empty\n{git}")),
        (
            whole[..middle].into(),
            format!("error: secrets.enc: damaged: cut short or changed since it was written\n{git}"),
        ),
        (flipped, format!("error: secrets.enc: damaged: cut short or changed since it was written\n{git}")),
        (
            format!("<<<<<<< ours\n{whole}=======\n{whole}>>>>>>> theirs\n").into(),
            "error: secrets.enc: git's conflict markers stand in the file\nhint: git merged it without luca-secrets: merge it by secret with `luca-secrets merge --from-index`\n".into(),
        ),
        (
            foreign.into(),
            "error: secrets.enc: none of the identities at hand opens it\nhint: name another identity with --identity FILE, or ask a reader of the store to add yours\nhint: tried the configuration folder: [world]/home/.config/luca-secrets/identity.txt: it does not open the store\n".into(),
        ),
        (
            seal(b"\xff\xfe", Format::AsciiArmor),
            "error: secrets.enc: it opens, but what is inside is no text\n".into(),
        ),
        (
            twice,
            "error: secrets.enc: inside, line 1, column 12: not valid TOML: key with no value\nhint: look at it with `age -d -i IDENTITY secrets.enc`, or take an earlier one from git\n".into(),
        ),
    ];
    for (bytes, message) in cases {
        let world = World::new();
        world.write("secrets.enc", bytes);
        all_refuse(&world, &message);
    }
}

#[test]
fn a_file_beyond_the_limit_is_not_read() {
    let world = World::new();
    std::fs::File::create(world.path("secrets.enc")).unwrap().set_len(100 * 1024 * 1024).unwrap();
    all_refuse(&world, "error: secrets.enc: larger than the limit of 64 MiB\n");
}

#[test]
fn a_folder_or_pipe_in_the_store_s_place_is_refused() {
    let world = World::new();
    std::fs::remove_file(world.path("secrets.enc")).unwrap();
    std::fs::create_dir(world.path("secrets.enc")).unwrap();
    all_refuse(&world, "error: secrets.enc: not a regular file\n");
    std::fs::remove_dir(world.path("secrets.enc")).unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, world.path("secrets.enc"), rustix::fs::Mode::from_raw_mode(0o600))
        .unwrap();
    all_refuse(&world, "error: secrets.enc: not a regular file\n");
}

/// The documents that may not be, and what is said of each; the header has eleven lines.
const INSIDE: &[(&str, &str)] = &[
    (
        "[secrets.a]\nx = m4rk3r-hunter2-Zq\n",
        "line 13, column 5: not valid TOML: a text needs quotes around it",
    ),
    (
        "[secrets.a]\nx = \"m4rk3r-hunter2-Zq\n",
        "line 13, column 5: not valid TOML: the text has no closing quote, or a backslash before a character that takes none",
    ),
    ("[secrets.a]\nx \"m4rk3r-hunter2-Zq\"\n", "line 13, column 3: not valid TOML: key with no value"),
    (
        "[secrets.a]\nx = \"m4rk3r-hunter2-Zq\\q\"\n",
        "line 13, column 5: not valid TOML: the text has no closing quote, or a backslash before a character that takes none",
    ),
    ("[secrets.a\nx = 1\n", "line 12, column 11: not valid TOML: unclosed table"),
    (
        "[secrets.a]\nx = \"1\"\nx = \"m4rk3r-hunter2-Zq\"\n",
        "line 14, column 5: a.x is defined twice, first on line 13",
    ),
    (
        "[secrets.a]\nx = \"1\"\n[secrets.a]\ny = \"2\"\n",
        "line 14, column 1: the same table stands on line 12 already",
    ),
    (
        "[secrets]\na.x = \"1\"\n[secrets.a]\ny = \"2\"\n",
        "line 14, column 1: the same table stands on line 13 already",
    ),
    (
        "[secrets.a]\nX = \"m4rk3r-hunter2-Zq\"\n",
        "line 13, column 1: the parts of a secret's name start with a lower-case letter and hold only a-z, 0-9 and _",
    ),
    (
        "[secrets]\nx = \"m4rk3r-hunter2-Zq\"\n",
        "line 13, column 1: a secret's name has the form group.key, such as database.password",
    ),
    (
        "[secrets.a]\nx.y = \"m4rk3r-hunter2-Zq\"\n",
        "line 13, column 1: a.x is a table or an array where a text belongs",
    ),
    (
        "[secrets.a]\nx = [\"m4rk3r-hunter2-Zq\"]\n",
        "line 13, column 1: a.x is a table or an array where a text belongs",
    ),
    (
        "[secrets.a]\nx = { y = \"m4rk3r-hunter2-Zq\" }\n",
        "line 13, column 1: a.x is a table or an array where a text belongs",
    ),
    ("[secrets.a]\nx = {}\n", "line 13, column 1: a.x is a table or an array where a text belongs"),
    (
        "[secrets.a]\nx = 2026-11-23\n",
        "line 13, column 1: the value of a.x has several spellings, so write it as a text in quotes",
    ),
    (
        "[secrets.a]\nx = 1_000\n",
        "line 13, column 1: the value of a.x has several spellings, so write it as a text in quotes",
    ),
    (
        "[secrets.a.b]\nx = \"1\"\n",
        "line 12, column 1: tables among the secrets have the form [secrets.group]",
    ),
    (
        "[[secrets.a]]\nx = \"1\"\n",
        "line 12, column 1: tables among the secrets have the form [secrets.group]",
    ),
    ("[secrets.a]\nx = \"1\" # bad \u{1}\n", "line 13, column 15: not valid TOML: invalid comment character"),
    ("[store]\nid = \"m4rk3r-hunter2-Zq\"\n", "line 12, column 1: the same table stands on line 1 already"),
    ("[other]\nx = 1\nx = 2\n", "line 14, column 1: not valid TOML: duplicate key"),
];

#[test]
fn what_is_wrong_inside_is_said_with_line_and_column() {
    let hint = "hint: look at it with `age -d -i IDENTITY secrets.enc`, or take an earlier one from git\n";
    let mut wrong = String::new();
    for (rest, message) in INSIDE {
        let world = World::new();
        store_with(&world, rest);
        let done = refused(&world, |world| world.run(&["set", "database.port"]).stdin("5432").done());
        let expected = format!("error: secrets.enc: inside, {message}\n{hint}");
        if (done.code, done.stdout.as_str(), done.stderr.as_str()) != (1, "", &expected) {
            wrong.push_str(&format!("{rest}gave {}: {}{}\n", done.code, done.stdout, done.stderr));
        }
    }
    assert_eq!(wrong, "");
}

#[test]
fn what_is_wrong_with_the_store_s_own_part_is_said() {
    let header = header();
    let cases = [
        (
            header.replace("format = 1", "format = 2"),
            "the store has format 2, which is newer than this program",
        ),
        (header.replace("format = 1\n", ""), "the store's own part is damaged: `format` is missing"),
        (
            header.replace("format = 1\n", "format = [1]\n"),
            "the store's own part is damaged: `format` is missing",
        ),
        (
            header.replace("id = \"0123456789abcdef\"\n", ""),
            "the store's own part is damaged: `id` is missing",
        ),
        (
            header.replace("generation = 7", "generation = -7"),
            "the store's own part is damaged: `generation` is missing",
        ),
        (
            header.replace("written = 2026-11-23T12:00:00Z\n", ""),
            "the store's own part is damaged: `written` is missing",
        ),
        (
            header.split("[[recipients]]").next().unwrap().to_owned(),
            "the store's own part is damaged: there is no recipient",
        ),
        (
            format!("x = \"{MARKER}\"\n{header}"),
            "the store's own part is damaged: keys stand above the first table",
        ),
    ];
    for (text, message) in cases {
        let world = World::new();
        world.write("secrets.enc", seal(text.as_bytes(), Format::AsciiArmor));
        let done = refused(&world, |world| world.run(&["list"]).done());
        let expected = format!(
            "error: secrets.enc: inside, line 1, column 1: {message}\nhint: look at it with `age -d -i IDENTITY secrets.enc`, or take an earlier one from git\n"
        );
        assert_eq!((done.code, done.stderr), (1, expected));
    }
    let bad_key = header.replace("key = \"age1", "key = \"ssh1");
    let world = World::new();
    world.forget_stores();
    world.write("secrets.enc", seal(bad_key.as_bytes(), Format::AsciiArmor));
    let done = refused(&world, |world| world.run(&["set", "database.port"]).stdin("5432").done());
    assert_eq!(
        (done.code, done.stderr.as_str()),
        (1, "error: secrets.enc: one of its recipients is neither age1… nor ssh-ed25519 …, or mistyped\n")
    );
}
