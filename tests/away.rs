//! A store with a home away from this machine, through the commands: what two people write becomes one, what they write
//! without a network is brought there later, and what cannot be right is refused. The home is a bare git repository.

use crate::harness::World;
use crate::harness::home::Home;

/// People who keep their store in a home.
struct Team {
    home: Home,
}

impl Team {
    fn new() -> Self {
        Self { home: Home::new() }
    }

    /// Somebody with the first copy of the store, which is there.
    fn ada(&self) -> World {
        let world = World::filled();
        world.write("schemas/remote.toml", self.home.schema());
        let label = self.home.label();
        world.run(&["remote", "push"]).gives(0, "", &format!("ok: {label} is at generation 3\n"));
        world
    }

    /// Somebody with the schema only.
    fn newcomer(&self) -> World {
        let world = World::new();
        std::fs::remove_file(world.path("secrets.enc")).unwrap();
        world.forget_stores();
        world.write("schemas/remote.toml", self.home.schema());
        world
    }

    /// Somebody who has taken a copy.
    fn bob(&self) -> World {
        let world = self.newcomer();
        world.run(&["remote", "pull"]).done();
        assert!(world.path("secrets.enc").exists());
        world
    }
}

fn value(world: &World, name: &str) -> String {
    let done = world.run(&["get", name]).done();
    assert_eq!((done.code, done.stderr.as_str()), (0, ""));
    done.stdout
}

#[test]
fn a_project_without_a_home_says_how_to_name_one() {
    let world = World::filled();
    for command in ["status", "pull", "push", "log"] {
        world.run(&["remote", command]).gives(
            1,
            "",
            "error: the store has no home away from this machine\nhint: name one in the schema: [remote] with kind = \"git\" or kind = \"s3\"\n",
        );
    }
}

#[test]
#[ignore = "needs git; run tests/run"]
fn a_newcomer_takes_a_copy() {
    let team = Team::new();
    let ada = team.ada();
    let bob = team.newcomer();
    let label = team.home.label();
    bob.run(&["remote", "status"]).gives(
        3,
        &format!("home      {label}\nstanding  there is no copy here\n"),
        "hint: take it in with `luca-secrets remote pull`\n",
    );
    bob.run(&["remote", "pull", "-n"]).gives(
        0,
        "",
        &format!("secrets.enc would be written, generation 3 of {label}\n"),
    );
    let done = bob.run(&["remote", "pull"]).done();
    assert_eq!(done.code, 0, "{}", done.stderr);
    assert!(
        done.stderr.starts_with(&format!("ok: secrets.enc: generation 3 of {label}\n")),
        "{}",
        done.stderr
    );
    assert_eq!(bob.store_bytes(), ada.store_bytes());
    let done = bob.run(&["remote", "status"]).done();
    assert_eq!(done.code, 0, "{}{}", done.stdout, done.stderr);
    bob.run(&["remote", "pull"]).gives(0, "", &format!("ok: there is nothing new in {label}\n"));
    bob.run(&["remote", "push"]).gives(0, "", &format!("ok: there is nothing to bring to {label}\n"));
}

#[test]
#[ignore = "needs git; run tests/run"]
fn what_two_people_write_becomes_one() {
    let team = Team::new();
    let (ada, bob) = (team.ada(), team.bob());
    let label = team.home.label();
    ada.run(&["set", "database.password"]).stdin("from ada").gives(0, "", "ok: database.password changed\n");
    bob.run(&["set", "database.port"]).stdin("6432").gives(
        0,
        "",
        &format!("ok: took in what others wrote to {label}: 1 secret changed\nok: database.port changed\n"),
    );
    assert_eq!(value(&bob, "database.password"), "from ada");
    ada.run(&["remote", "pull"]).gives(
        0,
        "",
        &format!("database.port changed\nok: the store is as it is in {label}\n"),
    );
    assert_eq!(value(&ada, "database.port"), "6432");
    assert_eq!(ada.store_bytes(), bob.store_bytes());
    assert_eq!(
        team.home.messages(),
        "database.port changed\ndatabase.password changed\nPut the store here\n"
    );
}

#[test]
#[ignore = "needs git; run tests/run"]
fn what_is_written_without_a_network_is_brought_there_later() {
    let team = Team::new();
    let (ada, bob) = (team.ada(), team.bob());
    let label = team.home.label();
    team.home.cut(true);
    let done = ada.run(&["set", "database.password"]).stdin("from ada").done();
    assert_eq!(done.code, 0, "{}", done.stderr);
    assert!(done.stderr.ends_with("ok: database.password changed\n"), "{}", done.stderr);
    assert!(done.stderr.contains("`luca-secrets remote push` brings it there"), "{}", done.stderr);
    assert_eq!(value(&ada, "database.password"), "from ada");
    team.home.cut(false);
    bob.run(&["set", "database.port"]).stdin("6432").gives(0, "", "ok: database.port changed\n");
    let done = ada.run(&["remote", "status"]).done();
    assert_eq!(done.code, 3);
    assert!(done.stdout.contains("standing  both have changed\n"), "{}", done.stdout);
    ada.run(&["remote", "push"]).gives(
        5,
        "",
        &format!("error: {label}: others have written there meanwhile\nhint: make both one with `luca-secrets remote pull`, then push again\n"),
    );
    // A write brings along what was written before.
    ada.run(&["set", "sentry.dsn"]).stdin("https://key@sentry.example.com/1").gives(
        0,
        "",
        &format!("ok: took in what others wrote to {label}: 1 secret changed\nok: sentry.dsn added\n"),
    );
    bob.run(&["remote", "pull"]).gives(
        0,
        "",
        &format!("database.password changed\nsentry.dsn added\nok: the store is as it is in {label}\n"),
    );
    assert_eq!(ada.store_bytes(), bob.store_bytes());
}

#[test]
#[ignore = "needs git; run tests/run"]
fn a_copy_that_is_left_alone_is_pushed_by_hand() {
    let team = Team::new();
    let ada = team.ada();
    let label = team.home.label();
    ada.run(&["set", "--offline", "database.password"]).stdin("from ada").gives(
        0,
        "",
        "ok: database.password changed\n",
    );
    let done = ada.run(&["remote", "status"]).done();
    assert_eq!(done.code, 3);
    assert_eq!(
        done.stdout.lines().last(),
        Some("standing  the copy here has what is not there yet"),
        "{}",
        done.stdout
    );
    ada.run(&["remote", "push", "-n"]).gives(0, "", &format!("generation 4 would be brought to {label}\n"));
    ada.run(&["remote", "push"]).gives(0, "", &format!("ok: {label} is at generation 4\n"));
    assert_eq!(team.home.messages(), "database.password changed\nPut the store here\n");
}

#[test]
#[ignore = "needs git; run tests/run"]
fn the_same_secret_changed_on_both_sides_is_a_conflict() {
    let team = Team::new();
    let (ada, bob) = (team.ada(), team.bob());
    let label = team.home.label();
    ada.run(&["set", "--offline", "database.password"]).stdin("from ada").success_quietly();
    bob.run(&["set", "database.password"]).stdin("from bob").success_quietly();
    let before = ada.store_bytes();
    let refused = format!(
        "error: {label}: database.password was changed here and there, each in its own way\nhint: nothing was written; to take in both values and choose: `luca-secrets remote pull --keep-both`, then `luca-secrets merge`\n"
    );
    ada.run(&["set", "database.port"]).stdin("6432").gives(5, "", &refused);
    ada.run(&["remote", "pull"]).gives(5, "", &refused);
    assert_eq!(ada.store_bytes(), before);
    let done = ada.run(&["remote", "pull", "--keep-both"]).done();
    assert_eq!(done.code, 0, "{}", done.stderr);
    let done = ada.run(&["remote", "push"]).done();
    assert_eq!(
        (done.code, done.stderr.as_str()),
        (1, "error: the store has secrets in conflict\nhint: settle them with `luca-secrets merge`\n")
    );
    let done = ada.run(&["merge", "--theirs"]).done();
    assert_eq!(done.code, 0, "{}", done.stderr);
    assert_eq!(value(&ada, "database.password"), "from bob");
    let done = ada.run(&["remote", "status"]).done();
    assert_eq!(done.code, 0, "{}{}", done.stdout, done.stderr);
    bob.run(&["remote", "pull"]).done();
    assert_eq!(ada.store_bytes(), bob.store_bytes());
}

#[test]
#[ignore = "needs git; run tests/run"]
fn an_edit_of_what_somebody_else_has_changed_is_refused() {
    let team = Team::new();
    let (ada, bob) = (team.ada(), team.bob());
    let label = team.home.label();
    ada.run(&["set", "database.password"]).stdin("from ada").success_quietly();
    let done = bob.run(&["set", "database.password"]).stdin("from bob").done();
    assert_eq!(
        (done.code, done.stderr.as_str()),
        (
            5,
            format!("ok: took in what others wrote to {label}: 1 secret changed\nerror: somebody else changed database.password meanwhile, in another way\nhint: nothing was written; look at the new values and do it again\n").as_str()
        )
    );
    assert_eq!(value(&bob, "database.password"), "from ada");
    assert_eq!(ada.store_bytes(), bob.store_bytes());
}

impl crate::harness::Run<'_> {
    /// Runs it and expects the exit code 0, whatever it says.
    #[track_caller]
    fn success_quietly(self) {
        let done = self.done();
        assert_eq!(done.code, 0, "{}", done.stderr);
    }
}
