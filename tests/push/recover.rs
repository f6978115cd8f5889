//! What is said of a host that is lost in the middle, and what ends it.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use luca_secrets::sys::OsRandom;
use luca_secrets::target::server::{Request, ServerPath, Session, TransactionId};

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

#[test]
#[ignore = "needs sshd; run tests/run"]
fn a_lock_whose_client_is_gone_before_anything_was_staged_is_taken_over() {
    let fleet = Fleet::new(1);
    // What sshd keeps running while it waits for more of a line that was cut.
    let transaction = TransactionId::new(&mut OsRandom).unwrap();
    let session = Session::new(transaction, "ada@laptop", &mut OsRandom).unwrap();
    let mut lost = Command::new("sh")
        .args(["-c", &session.command(false)])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let folder = ServerPath::parse(fleet.app(0).to_str().unwrap()).unwrap();
    let lock = Request::Lock { folder: &folder, takeover: None }.spell();
    lost.stdin.as_mut().unwrap().write_all(&lock).unwrap();
    let said = BufReader::new(lost.stdout.as_mut().unwrap()).lines().nth(1).unwrap().unwrap();
    assert_eq!(said, "ok lock");

    let plain = |done: super::Done| (done.code, fleet.plain(&done.stderr));
    let held = "error: server web1: cannot stage: [app]: the folder is locked by ada@laptop\n";
    let hint = "hint: wait until that push has ended and try again; one that has died is ended by `luca-secrets push \
                --recover --take-over`\n";
    let (code, said) = plain(fleet.push(&["--yes"]).done());
    assert!(code == 1 && said.contains(held) && said.ends_with(hint), "{said}");
    let shown = "server.web1, [app]/app.env: a push by ada@laptop has the lock, with nothing in place: it is to end\n";
    assert_eq!(plain(fleet.push(&["--recover", "--dry-run"]).done()), (0, shown.to_owned()));
    let (code, said) = plain(fleet.push(&["--recover", "--yes"]).done());
    assert!(
        code == 1 && said.contains("the folder is locked by ada@laptop") && said.contains(hint),
        "{said}"
    );
    let (code, said) = plain(fleet.push(&["--recover", "--take-over", "--yes"]).done());
    assert!(code == 0 && said.contains("ok: server web1: nobody has the lock any more\n"), "{said}");
    assert!(lost.wait().unwrap().success());
    let none = fleet.push(&["--recover"]).done();
    assert_eq!(plain(none), (0, "ok: no push was interrupted\n".to_owned()));
    fleet.pushed();
}
