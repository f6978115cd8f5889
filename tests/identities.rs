//! Every kind of key that opens a store, and the order in which they are looked for.

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use age::secrecy::SecretString;

use crate::harness::{IDENTITY, World};

/// What `get database.port` gives from a filled store.
const PORT: &str = "5432";

/// Another identity than that of the test worlds, made up for the tests.
const OTHER: &str = "AGE-SECRET-KEY-1FY0KNKD5723UTHSK8QC74SWZ9DASTPN2JMHZMXV0EKQ87P4QVYLQQA8WKN";

fn write_private(path: &Path, content: impl AsRef<[u8]>) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, content).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

/// A key by the real `ssh-keygen`; `kind` is its options.
fn ssh_key(path: &Path, kind: &[&str], passphrase: &str) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let done = Command::new("ssh-keygen")
        .args(["-q", "-C", "somebody@example.com", "-N", passphrase, "-f"])
        .arg(path)
        .args(kind)
        .stdin(Stdio::null())
        .output()
        .expect("ssh-keygen is installed by tests/run");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

/// A world whose store is for the key at `key`, given to `init`.
fn world_for(make: impl Fn(&World) -> PathBuf) -> (World, PathBuf) {
    let world = World::empty();
    world.write("schemas/schema.toml", crate::harness::SCHEMA);
    let key = make(&world);
    (world, key)
}

fn fill(world: &World, key: &str, answers: &[&str]) {
    world
        .run(&["set", "-q", "database.port", "-i", key, "--from-file", "port.txt"])
        .answers(answers)
        .success();
}

/// Text encrypted with a passphrase as `age -p` does it, but quicker to open.
fn with_passphrase(text: &str, passphrase: &str, armored: bool) -> Vec<u8> {
    use age::armor::{ArmoredWriter, Format};
    let mut recipient = age::scrypt::Recipient::new(SecretString::from(passphrase.to_owned()));
    recipient.set_work_factor(10);
    let encryptor =
        age::Encryptor::with_recipients(std::iter::once(&recipient as &dyn age::Recipient)).unwrap();
    let format = if armored { Format::AsciiArmor } else { Format::Binary };
    let mut writer = encryptor.wrap_output(ArmoredWriter::wrap_output(Vec::new(), format).unwrap()).unwrap();
    writer.write_all(text.as_bytes()).unwrap();
    writer.finish().unwrap().finish().unwrap()
}

#[test]
#[ignore = "needs ssh-keygen; run tests/run"]
fn an_ssh_key_opens_a_store() {
    let (world, key) = world_for(|world| world.home().join(".ssh/id_ed25519"));
    ssh_key(&key, &["-t", "ed25519"], "");
    world.run(&["init", "-q", "-i", key.to_str().unwrap()]).success();
    world.run(&["set", "-q", "database.port"]).stdin(PORT).success();
    world.run(&["get", "database.port", "-v"]).gives(
        0,
        PORT,
        "--identity: not given\n\
         LUCA_SECRETS_IDENTITY: not set\n\
         LUCA_SECRETS_IDENTITY_FILE: not set\n\
         the keyring: nothing was put there\n\
         the configuration folder: no [world]/home/.config/luca-secrets/identity.txt\n\
         identity from the SSH key: [world]/home/.ssh/id_ed25519\n",
    );
    let done = Command::new("age").args(["-d", "-i"]).arg(&key).arg(world.path("secrets.enc")).output();
    if let Ok(done) = done {
        let public = std::fs::read_to_string(key.with_extension("pub")).unwrap();
        let listed = public.trim().rsplit_once(' ').unwrap().0;
        assert!(String::from_utf8(done.stdout).unwrap().contains(&format!("key = \"{listed}\"")));
    }
}

#[test]
#[ignore = "needs ssh-keygen; run tests/run"]
fn a_protected_ssh_key_is_asked_for_its_passphrase_once_and_only_if_it_is_the_one() {
    let (world, key) = world_for(|world| world.home().join(".ssh/id_ed25519"));
    ssh_key(&key, &["-t", "ed25519"], "open sesame");
    world.run(&["init", "-q", "-i", key.to_str().unwrap()]).success();
    world.write("port.txt", PORT);
    fill(&world, key.to_str().unwrap(), &["open sesame"]);
    world.run(&["get", "database.port"]).answers(&["open sesame"]).gives(0, PORT, "");
    let path = "[world]/home/.ssh/id_ed25519";
    world.run(&["get", "database.port"]).answers(&["wrong"]).gives(
        1,
        "",
        &format!(
            "error: secrets.enc: wrong passphrase for {path}\n\
             hint: nothing was changed; try again\n\
             hint: tried the SSH key: {path}: wrong passphrase for {path}\n"
        ),
    );
    let nobody = format!(
        "error: secrets.enc: {path} needs its passphrase, and nobody is there to ask for it\n\
         hint: run it at a terminal and without --non-interactive, or name an identity that needs no passphrase\n"
    );
    let named = ["get", "database.port", "--non-interactive", "-i", key.to_str().unwrap()];
    world.run(&named).answers(&["open sesame"]).gives(1, "", &nobody);
    // A store for somebody else: nobody is asked.
    let other = World::filled();
    std::fs::remove_dir_all(other.home().join(".config")).unwrap();
    write_private(&other.home().join(".ssh/id_ed25519"), std::fs::read(&key).unwrap());
    let done = other.run(&["get", "database.port"]).answers(&[]).done();
    assert_eq!(
        done.stderr,
        "error: secrets.enc: none of the identities at hand opens it\n\
         hint: name another identity with --identity FILE, or ask a reader of the store to add yours\n\
         hint: tried the SSH key: [world]/home/.ssh/id_ed25519: it does not open the store\n"
    );
}

#[test]
#[ignore = "needs ssh-keygen; run tests/run"]
fn ssh_keys_of_other_kinds_are_refused_by_name() {
    let kinds: [(&[&str], &str); 3] = [
        (&["-t", "rsa", "-b", "2048"], "an RSA key"),
        (&["-t", "rsa", "-b", "2048", "-m", "PEM"], "an RSA key"),
        (&["-t", "ecdsa"], "an ECDSA key"),
    ];
    for (options, words) in kinds {
        let world = World::filled();
        ssh_key(&world.path("key"), options, "");
        world.run(&["get", "database.port", "-i", "key"]).gives(
            1,
            "",
            &format!(
                "error: key: it is {words}, where only ssh-ed25519 can be used\n\
                 hint: make a key that can be used with `ssh-keygen -t ed25519`\n"
            ),
        );
    }
}

#[test]
fn an_identity_that_does_not_open_the_store_gives_way_to_the_next_unless_it_was_named() {
    let world = World::filled();
    let usual = world.home().join(".config/luca-secrets/identity.txt");
    write_private(&usual, OTHER);
    let ssh = world.home().join(".ssh/id_ed25519");
    write_private(&ssh, "no key at all");
    let unusable =
        "the SSH key: [world]/home/.ssh/id_ed25519: line 1 is neither an age identity nor a comment";
    world.run(&["get", "database.port"]).gives(
        1,
        "",
        &format!(
            "error: secrets.enc: none of the identities at hand opens it\n\
             hint: name another identity with --identity FILE, or ask a reader of the store to add yours\n\
             hint: tried the configuration folder: [world]/home/.config/luca-secrets/identity.txt: it does not open the store\n\
             hint: tried {unusable}\n"
        ),
    );
    write_private(&ssh, IDENTITY);
    world.run(&["get", "database.port", "-v"]).gives(
        0,
        PORT,
        "--identity: not given\n\
         LUCA_SECRETS_IDENTITY: not set\n\
         LUCA_SECRETS_IDENTITY_FILE: not set\n\
         the keyring: nothing was put there\n\
         the configuration folder: [world]/home/.config/luca-secrets/identity.txt: it does not open the store\n\
         identity from the SSH key: [world]/home/.ssh/id_ed25519\n",
    );
    world.run(&["get", "database.port"]).env("LUCA_SECRETS_IDENTITY", OTHER).gives(
        1,
        "",
        "error: secrets.enc: none of the identities at hand opens it\n\
         hint: name another identity with --identity FILE, or ask a reader of the store to add yours\n",
    );
}

#[test]
fn an_identity_file_may_be_encrypted_with_a_passphrase() {
    for armored in [false, true] {
        let world = World::filled();
        let text = format!("# mine\n{OTHER}\n{IDENTITY}\n");
        write_private(&world.path("key.age"), with_passphrase(&text, "open sesame", armored));
        let get = ["get", "database.port", "-i", "key.age"];
        world.run(&get).answers(&["open sesame"]).gives(0, PORT, "");
        let set = ["set", "-q", "database.port", "-i", "key.age", "--from-file", "port.txt"];
        world.write("port.txt", "6543");
        world.run(&set).answers(&["open sesame"]).success();
        world.run(&get).answers(&["wrong"]).gives(
            1,
            "",
            "error: secrets.enc: wrong passphrase for key.age\nhint: nothing was changed; try again\n",
        );
        assert_eq!(world.run(&get).done().code, 1, "nobody there");
    }
    let world = World::filled();
    write_private(&world.path("key.age"), with_passphrase("nothing of use", "p", true));
    world.run(&["get", "database.port", "-i", "key.age"]).answers(&["p"]).gives(
        1,
        "",
        "error: secrets.enc: key.age: inside, line 1 is neither an age identity nor a comment\n",
    );
}

#[test]
fn a_store_can_be_for_a_passphrase_alone() {
    let world = World::empty();
    world.write("schemas/schema.toml", crate::harness::SCHEMA);
    world.run(&["init", "--passphrase"]).answers(&["one", "two"]).gives(
        1,
        "",
        "error: the two passphrases differ\nhint: nothing was made; try again\n",
    );
    world.run(&["init", "--passphrase"]).answers(&["open sesame", "open sesame"]).gives(
        0,
        "",
        "ok: made the store secrets.enc\n\
         hint: keep the passphrase where it cannot get lost: without it nobody can open the store\n\
         hint: next: `luca-secrets edit` to put secrets in, `luca-secrets render` to write the env files\n",
    );
    world.write("port.txt", PORT);
    let set = ["set", "-q", "database.port", "--from-file", "port.txt"];
    world.run(&set).answers(&["open sesame"]).success();
    world.run(&["get", "database.port"]).answers(&["open sesame"]).gives(0, PORT, "");
    world.run(&["get", "database.port"]).answers(&["wrong"]).gives(
        1,
        "",
        "error: secrets.enc: wrong passphrase for secrets.enc\nhint: nothing was changed; try again\n",
    );
    world.run(&["get", "database.port"]).gives(
        1,
        "",
        "error: secrets.enc: secrets.enc needs its passphrase, and nobody is there to ask for it\n\
         hint: run it at a terminal and without --non-interactive, or name an identity that needs no passphrase\n",
    );
}

#[test]
fn a_store_sealed_otherwise_than_its_list_says_is_read_but_not_written() {
    let world = World::filled();
    let document = open_with(&world, IDENTITY);
    std::fs::write(world.path("secrets.enc"), with_passphrase(&document, "p", true)).unwrap();
    world.run(&["get", "database.port"]).answers(&["p"]).gives(0, PORT, "");
    world.write("port.txt", "6543");
    let before = world.store_bytes();
    let set = ["set", "-q", "database.port", "--from-file", "port.txt"];
    let done = world.run(&set).answers(&["p"]).done();
    assert_eq!(
        done.stderr.lines().next(),
        Some("error: secrets.enc: the recipients listed inside are not those that it is sealed for")
    );
    assert!(done.code == 1 && world.store_bytes() == before);
}

/// The document in a world's store.
fn open_with(world: &World, identity: &str) -> String {
    let identity: age::x25519::Identity = identity.parse().unwrap();
    let plain = age::decrypt(&identity, &world.store_bytes()).unwrap();
    String::from_utf8(plain).unwrap()
}

/// The folder with the toy plugin, in front of a usable PATH.
fn path_with_plugin() -> String {
    format!("{}/tests/tools:/usr/local/bin:/usr/bin:/bin", env!("CARGO_MANIFEST_DIR"))
}

fn toy(options: &[&str]) -> String {
    let toy = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tools/age-plugin-toy");
    let done = Command::new(toy).arg("--generate").args(options).output().expect("python3 is installed");
    String::from_utf8(done.stdout).unwrap()
}

#[test]
#[ignore = "needs age and python3; run tests/run"]
fn a_plugin_opens_and_seals_a_store() {
    let (world, key) = world_for(|world| world.path("toy.txt"));
    write_private(&key, toy(&[]));
    let run = |path: &str, arguments: &[&str]| {
        let done = world.spawn(arguments).env("PATH", path).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (done.status.code(), text(done.stdout), text(done.stderr))
    };
    let path = path_with_plugin();
    assert_eq!(run(&path, &["init", "-q", "-i", "toy.txt"]), (Some(0), String::new(), String::new()));
    world.write("port.txt", PORT);
    let set = ["set", "-q", "database.port", "--from-file", "port.txt", "-i", "toy.txt"];
    assert_eq!(run(&path, &set), (Some(0), String::new(), String::new()));
    let get = ["get", "database.port", "-i", "toy.txt"];
    assert_eq!(run(&path, &get), (Some(0), PORT.to_owned(), String::new()));
    // It is a plugin to stock age too, which opens what was sealed by it.
    let mut age = Command::new("age");
    age.args(["-d", "-i", "toy.txt", "secrets.enc"]).env("PATH", &path);
    let plain = age.current_dir(world.folder()).output().unwrap().stdout;
    assert!(String::from_utf8(plain).unwrap().contains(&format!("port = \"{PORT}\"\n")));
    let missing = "error: secrets.enc: the key needs the program age-plugin-toy, which is not in PATH\n\
                   hint: install it, or name another identity with --identity FILE\n";
    assert_eq!(run("/usr/bin:/bin", &get), (Some(1), String::new(), missing.to_owned()));
    // Another key of the same plugin is not the one.
    write_private(&world.path("other.txt"), toy(&[]));
    let (code, _, stderr) = run(&path, &["get", "database.port", "-i", "other.txt"]);
    assert_eq!(code, Some(1));
    assert!(stderr.starts_with("error: secrets.enc: none of the identities at hand opens it\n"), "{stderr}");
}

#[test]
#[ignore = "needs python3; run tests/run"]
fn a_plugin_that_wants_a_person_gets_none_and_its_words_are_made_harmless() {
    let (world, key) = world_for(|world| world.path("toy.txt"));
    write_private(&key, toy(&["pin"]));
    let path = path_with_plugin();
    assert!(world.spawn(&["init", "-q", "-i", "toy.txt"]).env("PATH", &path).status().unwrap().success());
    let done = world.spawn(&["check", "-i", "toy.txt"]).env("PATH", &path).output().unwrap();
    let stderr = String::from_utf8(done.stderr).unwrap();
    assert!(stderr.starts_with("error: secrets.enc: a key's plugin failed: "), "{stderr}");
    assert!(stderr.contains("PIN") && !stderr.contains('\u{1b}'), "{stderr:?}");
}

#[test]
fn plugins_names_are_checked() {
    let world = World::filled();
    for line in [
        "AGE-PLUGIN-A+B-10PU8S7RC0PU8S7RC0PU8S7RC0QP53J05",
        "AGE-PLUGIN-../../X-10PU8S7RC0PU8S7RC0PU8S7RC0QAHK76D",
        "age1toy1qqqq",
        "AGE-SECRET-KEY-1QQQQ",
    ] {
        write_private(&world.path("key.txt"), line);
        let done = world.run(&["get", "database.port", "-i", "key.txt"]).done();
        assert!(done.code == 1 && done.stderr.starts_with("error: key.txt: line 1"), "{}", done.stderr);
        assert!(!done.stderr.contains(line), "{}", done.stderr);
    }
}

/// Runs a program on a terminal of its own, types the same answer to every question, and gives what it printed.
const ANSWERER: &str = r#"
import os, pty, sys
child, terminal = pty.fork()
if child == 0:
    os.execvp(sys.argv[2], sys.argv[2:])
seen = b""
while True:
    try:
        part = os.read(terminal, 4096)
    except OSError:
        part = b""
    if not part:
        break
    seen += part
    if part.rstrip(b"\x1b[0123456789;KFABCDhlmn\r").endswith(b":") or part.endswith(b": "):
        os.write(terminal, sys.argv[1].encode() + b"\n")
sys.stdout.buffer.write(seen)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"#;

fn on_terminal(world: &World, answer: &str, program: &[&str]) -> String {
    let done = Command::new("python3")
        .args(["-c", ANSWERER, answer])
        .args(program)
        .current_dir(world.folder())
        .env_clear()
        .env("HOME", world.home())
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .stdin(Stdio::null())
        .output()
        .expect("python3 is installed by tests/run");
    let text = String::from_utf8_lossy(&done.stdout).into_owned();
    assert!(done.status.success(), "{text}{}", String::from_utf8_lossy(&done.stderr));
    text
}

#[test]
#[ignore = "needs age and python3; run tests/run"]
fn stock_age_and_a_passphrase_go_both_ways() {
    let world = World::empty();
    world.write("schemas/schema.toml", crate::harness::SCHEMA);
    let ours = crate::harness::PROGRAM;
    on_terminal(&world, "open sesame", &[ours, "init", "--passphrase"]);
    on_terminal(&world, "open sesame", &["age", "-d", "-o", "plain.toml", "secrets.enc"]);
    let document = world.read("plain.toml");
    assert!(document.contains("key = \"passphrase\"\n"), "{document}");
    world.write("plain.toml", format!("{document}\n[secrets.database]\nport = \"{PORT}\"\n"));
    on_terminal(&world, "another one", &["age", "-p", "-a", "-o", "secrets.enc", "plain.toml"]);
    let shown = on_terminal(&world, "another one", &[ours, "get", "database.port"]);
    assert!(shown.contains("passphrase for ") && shown.ends_with(&format!("{PORT}\r\n")), "{shown}");
    assert!(!shown.contains("another one"), "what is typed is not shown");
    world.write("port.txt", "6543");
    on_terminal(&world, "another one", &[ours, "set", "database.port", "--from-file", "port.txt"]);
    on_terminal(&world, "another one", &["age", "-d", "-o", "plain.toml", "secrets.enc"]);
    assert!(world.read("plain.toml").contains("port = \"6543\"\n"));
}

#[test]
#[ignore = "needs age and python3; run tests/run"]
fn an_identity_file_that_stock_age_encrypted_opens_a_store() {
    let world = World::filled();
    world.write("plain.txt", IDENTITY);
    on_terminal(&world, "open sesame", &["age", "-p", "-o", "key.age", "plain.txt"]);
    std::fs::set_permissions(world.path("key.age"), std::fs::Permissions::from_mode(0o600)).unwrap();
    world.run(&["get", "database.port", "-i", "key.age"]).answers(&["open sesame"]).gives(0, PORT, "");
}
