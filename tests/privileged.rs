//! Real full disks and read-only folders, in a mount namespace of their own.

use std::process::Command;

use crate::harness::{PROGRAM, World};

/// Runs a script as the root of a new namespace, in a copy of the project on a tmpfs of 256 KiB; `S` is the program.
fn on_small_disk(world: &World, script: &str) -> String {
    let mount = world.root().join("mount");
    std::fs::create_dir(&mount).unwrap();
    let prelude = "set -eu; mount -t tmpfs -o size=256k none \"$M\"; cp -r . \"$M\"; cd \"$M\"\n\
                   before() { sha256sum secrets.enc > /dev/shm/$$.sum; }\n\
                   same() { sha256sum -c --quiet /dev/shm/$$.sum; rm /dev/shm/$$.sum; ls -A | tr '\\n' ' '; }\n";
    let done = Command::new("unshare")
        .args(["-rm", "sh", "-c", &format!("{prelude}{script}")])
        .current_dir(world.folder())
        .env("HOME", world.home())
        .env("S", PROGRAM)
        .env("M", &mount)
        .output()
        .unwrap();
    let text = format!("{}{}", String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    assert!(done.status.success(), "{text}");
    text
}

#[test]
#[ignore = "needs a mount namespace; run tests/run"]
fn a_full_disk_leaves_the_old_store() {
    let world = World::filled();
    world.write("big", "x".repeat(150_000));
    let text = on_small_disk(
        &world,
        "before\n\
         code=0; $S set --undeclared big.value --from-file big 2>&1 || code=$?; echo $code; same; before\n\
         code=0; cat big big | $S set --undeclared big.value 2>&1 || code=$?; echo $code; same\n\
         $S get database.port; rm big; echo 6432 | $S set -q database.port; $S get database.port",
    );
    let refusal = "error: secrets.enc: no space left on device\nhint: make room and try again\n1\n";
    assert_eq!(text, format!("{refusal}big schemas secrets.enc {refusal}big schemas secrets.enc 54326432"));
}

#[test]
#[ignore = "needs a mount namespace; run tests/run"]
fn a_read_only_folder_can_be_read_and_refuses_writers() {
    let world = World::filled();
    world.write("new.json", "{\"database\": {\"port\": \"6432\"}}");
    let text = on_small_disk(
        &world,
        "mount -o remount,ro \"$M\"; before\n\
         fails() { code=0; \"$@\" 2>&1 || code=$?; echo $code; }\n\
         echo 6432 | fails $S set database.port\n\
         fails $S rm -q --yes database.port\n\
         fails $S generate --replace database.password\n\
         fails $S import -q --yes --replace new.json\n\
         fails $S render\n\
         fails $S export --format json --to out.json\n\
         fails $S --store other.enc init -q\n\
         $S get database.port; same",
    );
    let store = "error: secrets.enc: read-only file system\n1\n";
    assert_eq!(
        text,
        format!(
            "{store}warn: database.port is used by DB_PORT of django\n{store}{store}{store}error: .envs/.production: read-only file system\n1\nerror: out.json: read-only file system\n1\nerror: other.enc: read-only file system\n1\n5432new.json schemas secrets.enc "
        )
    );
}
