//! What is said of a host that is lost in the middle, and what ends it.

use std::process::Stdio;

use super::Fleet;

const SLOW: &str = "echo x >>applied; if [ -e slow ]; then sleep 4; fi; cp app.env running";

/// Kills the second of three hosts, power and all, while its apply command runs; what the push said.
fn lose_the_second(fleet: &mut Fleet) -> String {
    fleet.pushed();
    fleet.set("slow one");
    std::fs::write(fleet.app(1).join("slow"), "").unwrap();
    let servers = ["push", "--yes", "-q", "server.web1", "server.web2", "server.web3"];
    let child = fleet.world.spawn(&servers).stderr(Stdio::piped()).spawn().unwrap();
    while fleet.applied(1) < 2 {
        std::thread::yield_now();
    }
    fleet.hosts[1].kill();
    std::fs::remove_file(fleet.app(1).join("slow")).unwrap();
    let done = child.wait_with_output().unwrap();
    assert_eq!(done.status.code(), Some(1));
    fleet.plain(&String::from_utf8(done.stderr).unwrap())
}

#[test]
#[ignore = "needs sshd; run tests/run"]
fn a_host_lost_in_the_middle_is_named_and_recovered() {
    let mut fleet = Fleet::with(3, SLOW, "");
    let said = lose_the_second(&mut fleet);
    let (first, second) = said.split_once('\n').unwrap();
    // The network's words for it differ from time to time.
    let lost =
        "error: server web2: cannot apply: 127.0.0.2:[port]: the connection ended while running the command";
    assert!(first.starts_with(lost), "{said}");
    assert_eq!(
        second,
        "error: server web2: what it has now is not known: 127.0.0.2:[port]: nobody listens at that port; unless it was \
         cut off hard, it puts the old file back by itself\n"
    );
    let old = "correct horse battery";
    assert_eq!(fleet.passwords(), [old, "slow one", old]);
    assert_eq!((fleet.running()[0].as_str(), fleet.running()[2].as_str()), (old, old));
    fleet.hosts[1].restart();

    // Nothing is pushed over it, and every other command says how to go on.
    let refused = fleet.push(&["--yes", "-q"]).done();
    let by = "tester@[host]";
    assert_eq!(
        (refused.code, fleet.plain(&refused.stderr)),
        (
            1,
            format!(
                "error: server.web2, [app]/app.env: a push by {by} was interrupted there, or is under way\n"
            )
        )
    );
    let found = format!(
        "server.web2, [app]/app.env: a push by {by} was interrupted with the new file in place: the old file is to be \
         in place\n"
    );
    let dry = fleet.push(&["--recover", "-n"]).success();
    assert_eq!(fleet.plain(&dry.stderr), found);
    let no = fleet.push(&["--recover"]).answers(&["n"]).done();
    assert_eq!(
        (no.code, fleet.plain(&no.stderr)),
        (1, format!("{found}error: not confirmed\nhint: nothing was changed\n"))
    );
    assert_eq!(fleet.passwords()[1], "slow one");
    let done = fleet.push(&["--recover"]).answers(&["y"]).success();
    assert_eq!(
        fleet.plain(&done.stderr),
        format!("{found}ok: server web2: [app]/app.env: the old file is in place\n")
    );
    assert_eq!((fleet.passwords(), fleet.running()), (vec![old.to_owned(); 3], vec![old.to_owned(); 3]));
    fleet.push(&["--recover", "--yes"]).gives(0, "", "ok: no push was interrupted\n");
    fleet.set("good again");
    fleet.pushed();
    assert_eq!(fleet.running(), ["good again"; 3]);
}

#[test]
#[ignore = "needs sshd; run tests/run"]
fn recovery_goes_on_where_a_host_is_down_and_keeps_what_somebody_has_changed() {
    let mut fleet = Fleet::with(3, SLOW, "");
    lose_the_second(&mut fleet);
    fleet.hosts[1].restart();
    fleet.hosts[2].kill();
    let path = fleet.app(1).join("app.env");
    let by_hand = fleet.read(1, "app.env").replace("slow one", "by hand");
    std::fs::write(&path, by_hand).unwrap();
    let done = fleet.push(&["--recover", "--yes"]).done();
    assert_eq!(
        (done.code, fleet.plain(&done.stderr).as_str()),
        (
            1,
            "server.web2, [app]/app.env: a push by tester@[host] was interrupted and somebody has changed the file since: \
             the file is to stay as it is\n\
             ok: server web2: [app]/app.env: the file stays as somebody has changed it\n\
             error: server web3: 127.0.0.3:[port]: nobody listens at that port\n"
        )
    );
    // Its services have read it.
    assert_eq!((fleet.passwords()[1].as_str(), fleet.running()[1].as_str()), ("by hand", "by hand"));
}

#[test]
#[ignore = "needs sshd; run tests/run"]
fn one_whose_services_do_not_come_up_stays_owed() {
    let mut fleet = Fleet::with(3, SLOW, "");
    lose_the_second(&mut fleet);
    fleet.hosts[1].restart();
    std::fs::create_dir(fleet.app(1).join("locked")).unwrap();
    std::fs::remove_file(fleet.app(1).join("running")).unwrap();
    std::fs::create_dir(fleet.app(1).join("running")).unwrap();
    std::fs::create_dir(fleet.app(1).join("running/app.env")).unwrap();
    let done = fleet.push(&["--recover", "--yes", "-q"]).done();
    assert_eq!(done.code, 1);
    let said = fleet.plain(&done.stderr);
    assert!(
        said.starts_with(
            "error: server web2: the old file is back, but its services may run on the new one: `sh -c "
        ),
        "{said}"
    );
    std::fs::remove_dir_all(fleet.app(1).join("running")).unwrap();
    let done = fleet.push(&["--recover", "--yes"]).success();
    assert!(
        fleet.plain(&done.stderr).starts_with(
            "server.web2, [app]/app.env: a push by tester@[host] was interrupted before its services had read the old \
             file again: the old file is to be in place\n"
        ),
        "{}",
        done.stderr
    );
    assert_eq!(fleet.running(), ["correct horse battery"; 3]);
}
