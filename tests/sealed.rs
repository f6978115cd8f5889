//! `render --sealed-for` and `unseal`: an env file on its way to a server that must not be able to open the store.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::faults::{Nth, leftovers, recipient, snapshot};
use crate::harness::{IDENTITY, World};

const PLAIN: &str = "# rendered by luca-secrets from generation 3 of the store; change it with `luca-secrets edit`\n\
                     DB_PASSWORD='correct horse battery'\nDB_PORT=5432\n";

/// A key of a server's daemon, by the real `ssh-keygen`: the private half and the public one.
fn host_key(world: &World, kind: &str) -> (PathBuf, String) {
    let path = world.root().join(format!("ssh_host_{kind}_key"));
    let done = Command::new("ssh-keygen")
        .args(["-q", "-t", kind, "-N", "", "-C", "root@web", "-f"])
        .arg(&path)
        .status()
        .expect("ssh-keygen is installed by tests/run");
    assert!(done.success());
    let public = std::fs::read_to_string(path.with_extension("pub")).unwrap();
    (path, public.trim().to_owned())
}

fn with_server(world: &World, host_keys: &str) {
    world.write(
        "schemas/servers.toml",
        format!(
            "[server.web]\naddress = \"web.example.com\"\nuser = \"root\"\nkey = \"agent\"\nhost-keys = \"\"\"\n{host_keys}\n\"\"\"\n"
        ),
    );
}

/// A machine that has neither store nor schema nor home, only the sealed file.
fn server(sealed: &Path) -> World {
    let world = World::empty();
    std::fs::copy(sealed, world.path("django.age")).unwrap();
    world
}

#[test]
fn a_sealed_file_is_opened_where_it_belongs_and_nowhere_else() {
    let world = World::filled();
    let reader = recipient().to_string();
    let short: String = reader.chars().take(12).collect();
    world.run(&["render", "--sealed-for", &reader]).gives(
        0,
        "",
        &format!("ok: .envs/.production/.django.age: 2 variables, generation 3, sealed for {short}…\n"),
    );
    let sealed = world.path(".envs/.production/.django.age");
    assert!(!world.path(".envs/.production/.django").exists());
    assert_eq!(world.mode(".envs/.production/.django.age"), 0o644);

    let there = server(&sealed);
    there.write("key", format!("{IDENTITY}\n"));
    std::fs::set_permissions(there.path("key"), std::fs::Permissions::from_mode(0o600)).unwrap();
    there.run(&["unseal", "django.age", "-i", "key"]).gives(0, "", "ok: django: generation 3\n");
    assert_eq!((there.read("django").as_str(), there.mode("django")), (PLAIN, 0o600));
    there.run(&["unseal", "django.age", "-i", "key"]).gives(0, "", "ok: django: unchanged\n");
    there.run(&["unseal", "django.age", "-i", "key", "--to", "-"]).gives(0, PLAIN, "");
    let other = "AGE-SECRET-KEY-1EPWC7F3TDUKPHS7YN6VPUEXV33J3YUAZPC46SX5QLHX70P64TFZQ7HCASE";
    let done = there.run(&["unseal", "django.age"]).env("LUCA_SECRETS_IDENTITY", other).done();
    assert_ne!(done.code, 0);
}

#[test]
#[ignore = "needs ssh-keygen and age; run tests/run"]
fn a_server_opens_it_with_its_host_key_by_us_or_by_stock_age() {
    let world = World::filled();
    let (private, public) = host_key(&world, "ed25519");
    let (_, ecdsa) = host_key(&world, "ecdsa");
    with_server(&world, &format!("{ecdsa}\n{public}"));
    let by_server = world.run(&["render", "django", "--sealed-for", "web", "--json"]).success();
    assert!(by_server.stderr.ends_with("sealed for web\n"), "{}", by_server.stderr);
    let sealed = world.path(".envs/.production/.django.age");
    let check = |sealed: &Path| {
        let stock = Command::new("age").args(["-d", "-i"]).arg(&private).arg(sealed).output().unwrap();
        assert_eq!(String::from_utf8(stock.stdout).unwrap(), PLAIN);
        let there = server(sealed);
        there.run(&["unseal", "django.age", "-i", private.to_str().unwrap()]).success();
        assert_eq!(there.read("django"), PLAIN);
    };
    check(&sealed);
    let file = private.with_extension("pub");
    for reader in [public.as_str(), file.to_str().unwrap()] {
        let done = world.run(&["render", "--sealed-for", reader, "--to", "out.age"]).success();
        assert!(
            done.stderr.ends_with("out.age: 2 variables, generation 3, sealed for root@web\n"),
            "{}",
            done.stderr
        );
        check(&world.path("out.age"));
    }
    // The server's key opens what was sealed for it, and not the store.
    let store = world.run(&["list", "-i", private.to_str().unwrap()]).done();
    assert_eq!((store.code, store.stdout.as_str()), (1, ""));

    with_server(&world, &ecdsa);
    world.run(&["render", "--sealed-for", "web"]).gives(
        1,
        "",
        "error: the host keys of web: no ssh-ed25519 key is among them, and age seals for no other kind\n\
         hint: add the server's /etc/ssh/ssh_host_ed25519_key.pub to them\n",
    );
}

#[test]
#[ignore = "needs openssh-server's own host key, and root to read it; run tests/run"]
fn the_machine_s_own_host_key_is_found() {
    let Ok(public) = std::fs::read_to_string("/etc/ssh/ssh_host_ed25519_key.pub") else { return };
    if std::fs::File::open("/etc/ssh/ssh_host_ed25519_key").is_err() {
        return;
    }
    let world = World::filled();
    world.run(&["render", "-q", "--to", "out.age", "--sealed-for", public.trim()]).success();
    let there = server(&world.path("out.age"));
    there.run(&["unseal", "django.age", "-v"]).gives(
        0,
        "",
        "identity from this machine: /etc/ssh/ssh_host_ed25519_key\n\
         --identity: not given\nLUCA_SECRETS_IDENTITY: not set\nLUCA_SECRETS_IDENTITY_FILE: not set\n\
         the keyring: nothing was put there\n\
         the configuration folder: no [world]/home/.config/luca-secrets/identity.txt\n\
         the SSH key: no [world]/home/.ssh/id_ed25519\n\
         ok: django: generation 3\n",
    );
}

#[test]
fn a_file_of_a_later_generation_stays_unless_it_is_said() {
    let world = World::filled();
    let reader = recipient().to_string();
    let unseal = |more: &[&str]| {
        let arguments = [&["unseal", "out.age", "--to", "out"], more].concat();
        world.run(&arguments).done()
    };
    world.run(&["render", "-q", "--sealed-for", &reader, "--to", "out.age"]).success();
    world.write("out", PLAIN.replace("generation 3", "generation 4"));
    let before = world.read("out");
    let done = unseal(&[]);
    assert_eq!(
        (done.code, done.stderr.as_str()),
        (
            5,
            "error: out: came from generation 4 of the store, and the sealed file is of generation 3\n\
             hint: to go back all the same, pass --allow-older\n"
        )
    );
    assert_eq!(world.read("out"), before);
    assert_eq!(unseal(&["--allow-older", "-n"]).stderr, "out would be written: generation 3\n");
    assert_eq!(world.read("out"), before);
    assert_eq!(unseal(&["--allow-older"]).code, 0);
    assert_eq!(world.read("out"), PLAIN);
    // One that this program has not written is replaced, and keeps its mode.
    world.write("out", "A=1\n");
    std::fs::set_permissions(world.path("out"), std::fs::Permissions::from_mode(0o640)).unwrap();
    assert_eq!(unseal(&[]).code, 0);
    assert_eq!((world.read("out").as_str(), world.mode("out")), (PLAIN, 0o640));
}

#[test]
fn what_cannot_be_sealed_or_opened_says_why() {
    let world = World::filled();
    let sealed_for = |reader: &str, message: &str| {
        let before = snapshot(world.root());
        let done = world.run(&["render", "--sealed-for", reader]).done();
        assert_eq!((done.stdout.as_str(), done.stderr.as_str()), ("", message));
        assert!(done.code == 2 && snapshot(world.root()) == before);
    };
    sealed_for(
        "nobody",
        "error: the reader of --sealed-for is neither a key nor a file nor a server\n\
         hint: give age1…, \"ssh-ed25519 …\", a file such as ssh_host_ed25519_key.pub\n",
    );
    sealed_for(IDENTITY, "error: the reader of --sealed-for: a private key, where the public one belongs\n");
    sealed_for(
        "ssh-rsa AAAAB3NzaC1yc2E= web",
        "error: the reader of --sealed-for: an RSA key, where only ssh-ed25519 can be used\n",
    );
    world.write("key", IDENTITY);
    sealed_for("key", "error: key: a private key, where the public one belongs\n");
    world.run(&["render", "github.deploy", "--sealed-for", &recipient().to_string()]).gives(
        2,
        "",
        "error: github.deploy has no file of its own\n\
         hint: say where it goes: luca-secrets render github.deploy - or --to FILE\n",
    );

    world.run(&["unseal", "secrets.enc", "--to", "out"]).gives(
        1,
        "",
        "error: secrets.enc: this is a whole store, not one env file\n\
         hint: nothing was written; a store is read by `luca-secrets render` and the other commands\n",
    );
    assert!(!world.path("out").exists());
    world.run(&["render", "-q", "--sealed-for", &recipient().to_string(), "--to", "out.enc"]).success();
    world.run(&["unseal", "out.enc"]).gives(
        2,
        "",
        "error: the file's name does not say where its content goes\n\
         hint: say so with --to FILE, or name it FILE.age\n",
    );
    world.write("x.age", "A=1\n");
    world.run(&["unseal", "x.age"]).gives(1, "", "error: x.age: not an age file\n");
    world.run(&["unseal", "none.age"]).gives(1, "", "error: none.age: no such file or directory\n");
}

#[test]
fn a_fault_at_any_step_leaves_the_old_file_or_the_new_one() {
    let world = World::filled();
    let reader = recipient().to_string();
    world.run(&["render", "-q", "--sealed-for", &reader, "--to", "out.age"]).success();
    for at in 1.. {
        world.write("out", "A=1\n");
        let gate = std::sync::Arc::new(Nth::new(at, || Err(std::io::Error::from_raw_os_error(28))));
        let done = world.run(&["unseal", "out.age", "--to", "out"]).gate(gate.clone()).done();
        assert!(leftovers(&world).is_empty());
        let text = world.read("out");
        assert!(text == "A=1\n" || text == PLAIN, "{text}");
        if gate.count() < at {
            assert!(done.code == 0 && at > 4, "{at} {}", done.stderr);
            break;
        }
        assert_eq!(done.code, 1, "{at}");
    }
}
