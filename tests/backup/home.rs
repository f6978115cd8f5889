//! Backups of a store that has a home away from this machine: a bare git repository.

use crate::harness::World;
use crate::harness::home::Home;

use super::{NAS, file, keys, plain};

/// People who keep their store in a home, and back it up.
struct Team {
    home: Home,
}

impl Team {
    fn new() -> Self {
        Self { home: Home::new() }
    }

    fn schema(&self) -> String {
        format!("{}{NAS}", self.home.schema())
    }

    /// Somebody with the first copy of the store, which is there, and a backup of it.
    fn ada(&self) -> World {
        let world = World::filled();
        std::fs::create_dir(world.root().join("nas")).unwrap();
        world.write("schemas/shared.toml", self.schema());
        world.run(&["remote", "push"]).fine();
        world.run(&["backup", "create"]).fine();
        world
    }

    /// Somebody who has taken a copy.
    fn bob(&self) -> World {
        let world = World::new();
        std::fs::remove_file(world.path("secrets.enc")).unwrap();
        world.forget_stores();
        std::fs::create_dir(world.root().join("nas")).unwrap();
        world.write("schemas/shared.toml", self.schema());
        world.run(&["remote", "pull"]).fine();
        world
    }
}

fn value(world: &World, name: &str) -> String {
    let done = world.run(&["get", name]).done();
    assert_eq!((done.code, done.stderr.as_str()), (0, ""));
    done.stdout
}

#[test]
#[ignore = "needs git; run tests/run"]
fn what_is_restored_goes_to_the_home_and_to_everybody() {
    let team = Team::new();
    let (ada, bob) = (team.ada(), team.bob());
    ada.run(&["set", "-q", "database.password"]).stdin("from ada").success();
    bob.run(&["set", "-q", "database.port"]).stdin("6432").fine();
    // Ada does not know yet what Bob wrote.
    let said = ada.run(&["backup", "restore", "--yes", "--generation", "3"]).fine();
    let label = team.home.label();
    assert!(
        said.contains(&format!("ok: took in what others wrote to {label}: 1 secret changed\n")),
        "{said}"
    );
    assert!(said.contains("database.password would be changed\ndatabase.port would be changed\n"), "{said}");
    assert!(said.contains("ok: what generation 3 held is restored as generation 6\n"), "{said}");
    bob.run(&["remote", "pull"]).fine();
    assert_eq!(ada.store_bytes(), bob.store_bytes());
    assert_eq!(value(&bob, "database.password"), "correct horse battery");
}

#[test]
#[ignore = "needs git; run tests/run"]
fn a_missing_or_damaged_copy_is_that_of_the_home_first() {
    let team = Team::new();
    let (ada, bob) = (team.ada(), team.bob());
    bob.run(&["set", "-q", "database.port"]).stdin("6432").fine();
    let label = team.home.label();
    std::fs::remove_file(ada.path("secrets.enc")).unwrap();
    let said = ada.run(&["backup", "restore", "-n"]).fine();
    assert!(
        said.ends_with(&format!(
            "generation 4 would come from {label}, and its secrets be those of the backup\n"
        )),
        "{said}"
    );
    assert!(!ada.path("secrets.enc").exists());
    let said = ada.run(&["backup", "restore", "--yes"]).fine();
    assert!(
        said.contains(&format!("ok: took generation 4 from {label}\ndatabase.port would be changed\n")),
        "{said}"
    );
    assert!(said.contains("restored as generation 5\n"), "{said}");
    assert_eq!(ada.run(&["remote", "status"]).done().code, 0);
    bob.run(&["remote", "pull"]).fine();
    assert_eq!(ada.store_bytes(), bob.store_bytes());
    assert_eq!(value(&bob, "database.port"), "5432");
    // Once more, with something in its place.
    bob.run(&["set", "-q", "database.port"]).stdin("7432").fine();
    ada.write("secrets.enc", "spoiled");
    let said = ada.run(&["backup", "restore", "--yes"]).fine();
    assert!(said.contains("ok: what was in its place is kept as secrets.enc.before-restore\n"), "{said}");
    assert!(said.contains("restored as generation 7\n"), "{said}");
    bob.run(&["remote", "pull"]).fine();
    assert_eq!(ada.store_bytes(), bob.store_bytes());
    assert_eq!(ada.read("secrets.enc.before-restore"), "spoiled");
}

#[test]
#[ignore = "needs git; run tests/run"]
fn a_home_that_is_lost_too_gets_what_is_restored() {
    let team = Team::new();
    let ada = team.ada();
    let bytes = ada.store_bytes();
    team.home.lose();
    std::fs::remove_file(ada.path("secrets.enc")).unwrap();
    // A machine that knows nothing of the home that was.
    let carol = World::new();
    std::fs::remove_file(carol.path("secrets.enc")).unwrap();
    carol.forget_stores();
    carol.write("schemas/shared.toml", team.schema());
    std::os::unix::fs::symlink(ada.root().join("nas"), carol.root().join("nas")).unwrap();
    let said = carol.run(&["backup", "restore", "--yes"]).fine();
    assert!(said.ends_with("ok: secrets.enc: generation 3, as it was\n"), "{said}");
    assert_eq!(carol.store_bytes(), bytes);
    assert_eq!(carol.run(&["remote", "status"]).done().code, 0);
    // A machine that does is told what to do.
    team.home.lose();
    let said = ada.run(&["backup", "restore", "--yes"]).fine();
    assert!(said.contains("`luca-secrets remote push --overwrite`"), "{said}");
    assert_eq!(ada.store_bytes(), bytes);
    ada.run(&["remote", "push", "--overwrite"]).fine();
    assert_eq!(ada.run(&["remote", "status"]).done().code, 0);
}

#[test]
#[ignore = "needs git; run tests/run"]
fn without_a_network_backups_are_made_and_restored_all_the_same() {
    let team = Team::new();
    let ada = team.ada();
    team.home.cut(true);
    ada.run(&["set", "-q", "database.port"]).stdin("6432").fine();
    let said = ada.run(&["backup", "create"]).fine();
    assert!(said.contains("ok: backup nas: generation 4 is backed up as "), "{said}");
    std::fs::remove_file(ada.path("secrets.enc")).unwrap();
    let said = ada.run(&["backup", "restore", "--yes", "--generation", "3"]).fine();
    assert!(said.contains("hint: what is restored stays here for now"), "{said}");
    assert!(
        said.ends_with("ok: secrets.enc: what generation 3 held is restored as generation 5\n"),
        "{said}"
    );
    team.home.cut(false);
    ada.run(&["set", "-q", "database.port"]).stdin("7432").fine();
    assert_eq!(ada.run(&["remote", "status"]).done().code, 0);
    let bob = team.bob();
    assert_eq!(value(&bob, "database.port"), "7432");
}

#[test]
#[ignore = "needs git; run tests/run"]
fn create_takes_in_what_others_wrote_and_backs_up_what_cannot_be_merged() {
    let team = Team::new();
    let (ada, bob) = (team.ada(), team.bob());
    bob.run(&["set", "-q", "database.port"]).stdin("6432").success();
    let said = ada.run(&["backup", "create"]).fine();
    assert!(said.contains("ok: backup nas: generation 4 is backed up as "), "{said}");
    assert_eq!(std::fs::read(file(&ada.root().join("nas"), 4)).unwrap(), bob.store_bytes());
    bob.run(&["set", "-q", "database.port"]).stdin("1").success();
    ada.run(&["set", "-q", "--offline", "database.port"]).stdin("2").success();
    let done = ada.run(&["backup", "create"]).done();
    assert_eq!(done.code, 1);
    let said = plain(&done.stderr);
    assert!(
        said.starts_with("ok: backup nas: generation 5 is backed up as 20261123T120000Z-000005…\nerror: "),
        "{said}"
    );
    assert!(said.contains("database.port was changed here and there, each in its own way"), "{said}");
    assert_eq!(keys(&ada.root().join("nas")).len(), 3);
    assert_eq!(std::fs::read(file(&ada.root().join("nas"), 5)).unwrap(), ada.store_bytes());
}
