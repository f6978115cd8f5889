//! `server restore`: back to the file before the last push.

use super::{APPLY, Fleet};

#[test]
#[ignore = "needs sshd; run tests/run"]
fn the_previous_file_comes_back_and_goes_again() {
    let fleet = Fleet::new(1);
    fleet.pushed();
    let none = fleet.world.run(&["server", "restore", "web1", "--yes"]).done();
    assert_eq!(
        (none.code, fleet.plain(&none.stderr).as_str()),
        (
            1,
            "server.web1, [app]/app.env: no previous file\n\
             error: server web1: there is no previous file\n\
             hint: there is one from the second push on; nothing was changed\n"
        )
    );
    fleet.set("new one");
    fleet.pushed();
    let dry = fleet.world.run(&["server", "restore", "web1", "-n"]).success();
    assert_eq!(fleet.plain(&dry.stderr), "server.web1, [app]/app.env: the previous file comes back\n");
    let no = fleet.world.run(&["server", "restore", "web1"]).answers(&["n"]).done();
    assert!(no.code == 1 && no.stderr.ends_with("error: not confirmed\nhint: nothing was changed\n"));
    assert_eq!(fleet.running(), ["new one"]);
    let done = fleet.world.run(&["server", "restore", "web1"]).answers(&["y"]).success();
    assert_eq!(
        fleet.plain(&done.stderr),
        "server.web1, [app]/app.env: the previous file comes back\n\
         server web1: staged ([time] s)\nserver web1: in place ([time] s)\nserver web1: applied ([time] s)\n\
         server web1: healthy ([time] s)\nserver web1: committed ([time] s)\nok: server web1: restored\n"
    );
    assert_eq!((fleet.running(), fleet.applied(0)), (vec!["correct horse battery".to_owned()], 3));
    // The other way round, and without a word to any service.
    fleet.world.run(&["server", "restore", "web1", "--yes", "-q", "--no-apply"]).gives(0, "", "");
    assert_eq!((fleet.passwords()[0].as_str(), fleet.applied(0)), ("new one", 3));
    // The next push brings the store's values, and takes nothing for drift.
    fleet.world.run(&["server", "restore", "web1", "--yes", "-q"]).gives(0, "", "");
    fleet.push(&["--yes", "-q"]).gives(0, "", "");
    assert_eq!(fleet.running(), ["new one"]);
}

#[test]
#[ignore = "needs sshd; run tests/run"]
fn a_previous_file_that_does_not_work_goes_again() {
    let fleet = Fleet::new(1);
    fleet.pushed();
    fleet.set("new one");
    fleet.pushed();
    fleet.write_schema(
        APPLY,
        "health = { command = [\"grep\", \"-q\", \"new one\", \"[app]/running\"], within = \"1s\", every = \"1s\", in-a-row = 1 }",
    );
    let done = fleet.world.run(&["server", "restore", "web1", "--yes", "-q"]).done();
    assert_eq!(
        (done.code, fleet.plain(&done.stderr).as_str()),
        (1, "error: server web1: not healthy: grep -q new one [app]/running: exit code 1 (for 1 s)\n")
    );
    assert_eq!(
        (fleet.running(), fleet.passwords()),
        (vec!["new one".to_owned()], vec!["new one".to_owned()])
    );
    fleet.world.run(&["server", "restore", "wbe1"]).gives(
        2,
        "",
        "error: the schema has no target server.wbe1\nhint: did you mean server.web1?\n",
    );
}
