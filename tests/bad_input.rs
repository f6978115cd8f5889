//! Bad input: each with its message, whole, and nothing changed.

use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;

use crate::faults::{MARKER, refused};
use crate::harness::{Done, IDENTITY, SCHEMA, World};

/// Holds a refusal to its exit code and its message, with nothing on standard output.
#[track_caller]
fn refuses(world: &World, code: u8, stderr: &str, act: impl FnOnce(&World) -> Done) {
    let done = refused(world, act);
    assert_eq!((done.code, done.stdout.as_str(), done.stderr.as_str()), (code, "", stderr));
}

fn identity(world: &World) -> std::path::PathBuf {
    world.home().join(".config/luca-secrets/identity.txt")
}

#[test]
fn an_identity_that_cannot_be_used_is_refused() {
    let world = World::filled();
    let path = "[world]/home/.config/luca-secrets/identity.txt";
    let recipient = crate::faults::recipient().to_string();
    let cases = [
        (String::new(), "there is no identity in it".to_owned()),
        ("# nothing\n".to_owned(), "there is no identity in it".to_owned()),
        (format!("# mine\n{MARKER}\n"), "line 2 is neither an age identity nor a comment".to_owned()),
        (format!("{}X\n", &IDENTITY[..70]), "line 1 is neither an age identity nor a comment".to_owned()),
        (
            recipient,
            "line 1 is a recipient, the public half; an identity starts with AGE-SECRET-KEY-1".to_owned(),
        ),
        (
            String::from_utf8(world.store_bytes()).unwrap(),
            "it is encrypted, and not with a passphrase alone".to_owned(),
        ),
        (
            format!("-----BEGIN OPENSSH PRIVATE KEY-----\n{MARKER}\n"),
            "it is an SSH key that is damaged or in an unknown format".to_owned(),
        ),
    ];
    for (text, message) in cases {
        std::fs::write(identity(&world), text).unwrap();
        refuses(&world, 1, &format!("error: {path}: {message}\n"), |world| {
            world.run(&["set", "database.port"]).stdin("1").done()
        });
    }
    std::fs::write(identity(&world), b"\xff\xfe").unwrap();
    refuses(&world, 1, &format!("error: {path}: not UTF-8 text\n"), |world| world.run(&["list"]).done());
    std::fs::remove_file(identity(&world)).unwrap();
    refuses(
        &world,
        1,
        &format!(
            "error: {path}: no identity here\nhint: name one with --identity FILE, set LUCA_SECRETS_IDENTITY or LUCA_SECRETS_IDENTITY_FILE, or make one with `luca-secrets init`\n"
        ),
        |world| world.run(&["list"]).done(),
    );
    refuses(
        &world,
        1,
        "error: LUCA_SECRETS_IDENTITY: line 1 is neither an age identity nor a comment\n",
        |world| world.run(&["list"]).env("LUCA_SECRETS_IDENTITY", MARKER).done(),
    );
}

#[test]
fn an_identity_for_other_stores_is_refused() {
    let world = World::filled();
    let other = age::x25519::Identity::generate();
    std::fs::write(identity(&world), age::secrecy::ExposeSecret::expose_secret(&other.to_string())).unwrap();
    refuses(
        &world,
        1,
        "error: secrets.enc: none of the identities at hand opens it\nhint: name another identity with --identity FILE, or ask a reader of the store to add yours\nhint: tried the configuration folder: [world]/home/.config/luca-secrets/identity.txt: it does not open the store\n",
        |world| world.run(&["get", "database.port"]).done(),
    );
}

#[test]
fn an_identity_that_others_can_read_is_refused() {
    let world = World::filled();
    let path = "[world]/home/.config/luca-secrets/identity.txt";
    for mode in [0o640, 0o604, 0o660, 0o777] {
        std::fs::set_permissions(identity(&world), std::fs::Permissions::from_mode(mode)).unwrap();
        refuses(
            &world,
            1,
            &format!(
                "error: {path}: an identity that other users can read\nhint: keep it to yourself: chmod 600 {path}\n"
            ),
            |world| world.run(&["list"]).done(),
        );
    }
}

/// Schemas with one mistake each, after [`SCHEMA`]'s 24 lines, and what is said.
const SCHEMAS: &[(&str, &str)] = &[
    ("[secrets.a.b\n", "schemas/schema.toml:25:13: unclosed table, expected `]`"),
    ("[secrets.a.b]\ntype = \"pasword\"\n", "schemas/schema.toml:26:8: `pasword` is not a type"),
    ("[secrets.a.b]\ntpye = \"password\"\n", "schemas/schema.toml:26:1: unknown key `tpye`"),
    ("[secrets.a.b]\ntype = 5\n", "schemas/schema.toml:26:8: `type` must be a string, not an integer"),
    (
        "[secrets.a.b]\nmin-length = -1\n",
        "schemas/schema.toml:26:14: `min-length` must be a whole number, 0 or more, not an integer",
    ),
    (
        "[secrets.a.b]\n[secrets.a.b]\n",
        "schemas/schema.toml:26:12: `secrets.a.b` is declared twice, first at schemas/schema.toml:25:1",
    ),
    (
        "[secrets.a.b]\ntype = \"port\"\ntype = \"port\"\n",
        "schemas/schema.toml:27:1: `type` is declared twice, first at schemas/schema.toml:26:1",
    ),
    (
        "[secrets.A.b]\n",
        "schemas/schema.toml:25:10: the parts of a secret's name start with a lower-case letter and hold only a-z, 0-9 and _",
    ),
    ("[sercets.a.b]\n", "schemas/schema.toml:25:2: unknown key `sercets`"),
    (
        "[env-file.x]\npath = \"x\"\n[env-file.x.variables]\nX = \"{{ database.pasword }}\"\n",
        "schemas/schema.toml:28:9: no secret `database.pasword` is declared",
    ),
    (
        "[env-file.x]\npath = \"x\"\n[env-file.x.variables]\nX = \"{{ database.password\"\n",
        "schemas/schema.toml:28:6: syntax error: unexpected end of input, expected end of variable block",
    ),
    (
        "[env-file.x]\npath = \"x\"\n[env-file.x.variables]\n1X = \"x\"\n",
        "schemas/schema.toml:28:1: a variable's name starts with a letter or _ and holds only letters, digits and _",
    ),
    (
        "[env-file.x]\npath = \"x\"\ndialect = \"bash\"\n",
        "schemas/schema.toml:25:11: `x` has no `variables`\nerror: schemas/schema.toml:27:11: `bash` is not a dialect",
    ),
];

#[test]
fn a_mistake_in_the_schema_is_said_with_file_line_and_column() {
    let mut wrong = String::new();
    for (text, message) in SCHEMAS {
        let world = World::filled();
        world.write("schemas/schema.toml", format!("{SCHEMA}{text}"));
        for command in [&["set", "-q", "database.port"][..], &["render", "-q"], &["check", "-q"]] {
            let done = refused(&world, |world| world.run(command).stdin("6432").done());
            if (done.code, done.stdout.as_str(), done.stderr.as_str())
                != (1, "", &format!("error: {message}\n"))
            {
                wrong.push_str(&format!("{text}=> {} {}{}\n", done.code, done.stdout, done.stderr));
                break;
            }
        }
    }
    assert_eq!(wrong, "");
}

#[test]
fn a_secret_declared_in_two_files_is_refused() {
    let world = World::filled();
    world.write("schemas/twice.toml", "[secrets.database.password]\ntype = \"password\"\n");
    refuses(
        &world,
        1,
        "error: schemas/twice.toml:1:19: `database.password` is declared twice, first at schemas/schema.toml:4:19\n",
        |world| world.run(&["render"]).done(),
    );
}

#[test]
fn a_value_of_the_wrong_type_is_not_stored() {
    let world = World::filled();
    for (name, value, message) in [
        (
            "database.port",
            MARKER,
            "database.port: not a port: a whole number from 1 to 65535\nhint: nothing was changed",
        ),
        (
            "database.port",
            "65536",
            "database.port: not a port: a whole number from 1 to 65535\nhint: nothing was changed",
        ),
        (
            "sentry.dsn",
            MARKER,
            "sentry.dsn: not a url: scheme://host and what follows, special characters percent-encoded (RFC 3986)\nhint: nothing was changed",
        ),
        (
            "sentry.nothing",
            MARKER,
            "sentry.nothing is not declared in the schema\nhint: declare it as [secrets.sentry.nothing] in the schema, or pass --undeclared",
        ),
        ("database.port", "", "there is no value: the input is empty\nhint: nothing was changed"),
    ] {
        refuses(&world, 1, &format!("error: {message}\n"), |world| {
            world.run(&["set", name]).stdin(value).done()
        });
    }
    refuses(&world, 1, "error: standard input: not UTF-8 text\n", |world| {
        world.run(&["set", "database.port"]).stdin(b"\xff").done()
    });
    refuses(&world, 1, "error: standard input: larger than the limit of 16 MiB\n", |world| {
        world.run(&["set", "database.password"]).stdin(vec![b'x'; 16 * 1024 * 1024 + 1]).done()
    });
    refuses(&world, 1, "error: nowhere: no such file or directory\n", |world| {
        world.run(&["set", "database.password", "--from-file", "nowhere"]).done()
    });
}

#[test]
fn what_is_required_and_missing_keeps_everything_from_being_written() {
    let world = World::new();
    let missing = "error: database.password is not set, and DB_PASSWORD needs it\nerror: database.port is not set, and DB_PORT needs it\nhint: `luca-secrets check` shows everything that is missing or wrong\n";
    let written = format!("{missing}hint: nothing was written\n");
    refuses(&world, 1, &written, |world| world.run(&["render"]).done());
    refuses(&world, 1, missing, |world| world.run(&["export", "django", "--format", "json"]).done());
    let found = "error: database.password: required and not set\nhint: luca-secrets generate database.password\nerror: database.port: required and not set\nhint: luca-secrets set database.port\n";
    refuses(&world, 3, found, |world| world.run(&["check"]).done());
}

#[test]
fn a_value_that_the_dialect_cannot_hold_keeps_everything_from_being_written() {
    let world = World::filled();
    let more = "[secrets.a.b]\n[env-file.x]\npath = \"x\"\ndialect = \"portable\"\n[env-file.x.variables]\nX = \"{{ a.b }}\"\n";
    world.write("schemas/schema.toml", format!("{SCHEMA}{more}"));
    world.run(&["set", "-q", "a.b"]).stdin(format!("{MARKER}'\"`")).success();
    let message = "error: x: `X`: the dialect `portable` cannot hold a single quote beside one of \" \\ $ ` # (the parsers differ)\nhint: nothing was written\n";
    refuses(&world, 1, message, |world| world.run(&["render"]).done());
}

#[test]
fn a_value_is_never_an_argument_and_never_repeated() {
    let world = World::filled();
    let dash = format!("--{MARKER}");
    let flag = format!("--json={MARKER}");
    for arguments in [
        &["set", "database.password", MARKER][..],
        &["set", "database.password", "--", MARKER],
        &["set", "database.password", &dash],
        &["set", "database.password", "--value", MARKER],
        &["set", MARKER],
        &["get", MARKER],
        &["get", "database.port", MARKER],
        &["get", "database.port", &flag],
        &["rm", "--yes", MARKER],
        &["generate", MARKER],
        &["list", MARKER],
        &["check", MARKER],
        &["edit", MARKER],
        &["render", "--dialect", MARKER],
        &["export", "--format", MARKER],
        &["import", "--format", MARKER],
        &["run", "--env", MARKER, "true"],
        &["list", "--lock-timeout", MARKER],
        &[MARKER],
        &[&dash],
    ] {
        let done = refused(&world, |world| world.run(arguments).stdin("x").done());
        assert_eq!((done.code, done.stdout.as_str()), (2, ""), "{arguments:?} {}", done.stderr);
        assert!(done.stderr.starts_with("error: "), "{}", done.stderr);
    }
    refuses(
        &world,
        2,
        "error: argument 3 is not expected here\n\
         hint: a value is never an argument: pipe it in, or pass --from-file FILE\n\
         hint: usage: luca-secrets set [OPTIONS] <NAME>\n",
        |world| world.run(&["set", "database.password", MARKER]).done(),
    );
    refuses(
        &world,
        2,
        "error: argument 2 is not expected here\nhint: did you mean --json?\nhint: usage: luca-secrets list --json\n",
        |world| world.run(&["list", "--jsno"]).done(),
    );
}

#[test]
fn a_closed_standard_input_is_an_empty_one() {
    let world = World::filled();
    let before = world.store_bytes();
    let done = std::process::Command::new("/bin/sh")
        .args(["-c", "exec \"$0\" set database.port <&-", crate::harness::PROGRAM])
        .current_dir(world.folder())
        .env("HOME", world.home())
        .output()
        .unwrap();
    assert_eq!(done.status.code(), Some(1));
    assert_eq!(
        String::from_utf8(done.stderr).unwrap(),
        "error: there is no value: the input is empty\nhint: nothing was changed\n"
    );
    assert_eq!(world.store_bytes(), before);
}

#[test]
fn a_reader_that_goes_away_ends_the_command_quietly() {
    let world = World::filled();
    world.run(&["set", "-q", "database.password"]).stdin("x".repeat(1024 * 1024)).success();
    for arguments in [&["get", "database.password"][..], &["export", "--format", "json"], &["list"]] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let done = world.spawn(arguments).stdout(writer).stderr(Stdio::piped()).output().unwrap();
        assert_eq!((done.status.code(), String::from_utf8(done.stderr).unwrap()), (Some(1), String::new()));
    }
}

#[test]
fn a_full_disk_behind_standard_output_is_said() {
    let world = World::filled();
    for arguments in [&["get", "database.password"][..], &["export", "--format", "json"], &["--help"]] {
        let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
        let done = world.spawn(arguments).stdout(full).stderr(Stdio::piped()).output().unwrap();
        let stderr = String::from_utf8(done.stderr).unwrap();
        assert_eq!(
            (done.status.code(), stderr.as_str()),
            (Some(1), "error: standard output: no space left on device\n"),
            "{arguments:?}"
        );
    }
}

#[test]
fn a_question_that_is_not_answered_with_yes_changes_nothing() {
    let world = World::filled();
    let used = "warn: database.port is used by DB_PORT of django\n";
    for answers in [&["no"][..], &["nyes"], &[""]] {
        refuses(&world, 1, &format!("{used}error: nothing was removed\n"), |world| {
            world.run(&["rm", "database.port"]).answers(answers).done()
        });
    }
    refuses(&world, 1, &format!("{used}error: the question was not answered\n"), |world| {
        world.run(&["rm", "database.port"]).answers(&[]).done()
    });
    refuses(&world, 1, "error: the two values differ\nhint: nothing was changed; try again\n", |world| {
        world.run(&["set", "database.port"]).answers(&["1", MARKER]).done()
    });
}

#[test]
fn a_refusal_from_below_the_project_names_the_store() {
    let world = World::filled();
    world.write("deep/er/file", "");
    world.run(&["get", "database.port"]).within("deep/er").on_terminal().gives(0, "5432\n", "");
    world.write("secrets.enc", MARKER);
    refuses(
        &world,
        1,
        "error: [world]/project/secrets.enc: not an age file\nhint: take the last good one from git: git restore secrets.enc\n",
        |world| world.run(&["get", "database.port"]).within("deep/er").done(),
    );
}

#[test]
fn files_beyond_their_limits_are_not_read() {
    let world = World::filled();
    let giant = |path: &std::path::Path| {
        let file = std::fs::File::options().create(true).append(true).open(path).unwrap();
        file.set_len(100 * 1024 * 1024).unwrap();
    };
    giant(&world.path("big"));
    for command in [&["set", "database.password", "--from-file", "big"][..], &["import", "--yes", "big"]] {
        refuses(&world, 1, "error: big: larger than the limit of 16 MiB\n", |world| {
            world.run(command).done()
        });
    }
    giant(&identity(&world));
    let message = "error: [world]/home/.config/luca-secrets/identity.txt: larger than the limit of 1 MiB\n";
    refuses(&world, 1, message, |world| world.run(&["list"]).done());
    giant(&world.path("schemas/schema.toml"));
    let done = refused(&world, |world| world.run(&["list"]).done());
    assert!(
        done.stderr.starts_with("error: schemas/schema.toml: larger than the limit of "),
        "{}",
        done.stderr
    );
}

#[test]
fn init_takes_the_identity_that_later_commands_will_take() {
    let world = World::empty();
    world.run(&["init", "-q"]).env("LUCA_SECRETS_IDENTITY", IDENTITY).success();
    assert!(!identity(&world).exists());
    let set = world.run(&["set", "-q", "database.port"]).stdin("5432");
    set.env("LUCA_SECRETS_IDENTITY", IDENTITY).success();
}
