//! The network to one of three hosts that is cut without a word: packets get lost, and nobody is told.

use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use crate::harness::sshd::Sshd;
use crate::harness::{PROGRAM, executable};

use super::Fleet;

/// A network of its own, for as long as a process holds it.
struct Network(Child);

impl Network {
    fn new() -> Self {
        // It ends by itself where nobody ends it.
        let holder = Command::new("unshare").args(["--net", "sleep", "300"]).spawn().unwrap();
        let network = Self(holder);
        let ours = std::fs::read_link("/proc/self/ns/net").unwrap();
        while std::fs::read_link(network.path()).is_ok_and(|theirs| theirs == ours) {
            std::thread::sleep(Duration::from_millis(1));
        }
        network.ip(&["link", "set", "lo", "up"]);
        network
    }

    fn path(&self) -> PathBuf {
        format!("/proc/{}/ns/net", self.0.id()).into()
    }

    /// The program that runs another one in this network.
    fn launcher(&self) -> Vec<String> {
        vec!["nsenter".to_owned(), format!("--net={}", self.path().display())]
    }

    fn command(&self, program: &str) -> Command {
        let words = self.launcher();
        let mut command = Command::new(&words[0]);
        command.arg(&words[1]).arg(program);
        command
    }

    fn ip(&self, words: &[&str]) {
        self.run("ip", words);
    }

    fn run(&self, program: &str, words: &[&str]) {
        let done = self.command(program).args(words).output().unwrap();
        assert!(done.status.success(), "{program} {words:?}: {}", String::from_utf8_lossy(&done.stderr));
    }

    /// How many bytes have come in over the line.
    fn received(&self) -> u64 {
        let text = std::fs::read_to_string(format!("/proc/{}/net/dev", self.0.id())).unwrap();
        let line = text.lines().find_map(|line| line.trim().strip_prefix("line:")).unwrap();
        line.split_whitespace().next().unwrap().parse().unwrap()
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Three hosts, the third of them behind a line that can be cut.
struct Cut {
    fleet: Fleet,
    near: Network,
    far: Network,
}

const OLD: &str = "correct horse battery";
const APPLY: &str = "[ ! -e cut ] || ip link set dev line down; cp app.env running; echo x >>applied";
const SERVERS: [&str; 3] = ["server.web1", "server.web2", "server.web3"];

impl Cut {
    fn new() -> Self {
        let (near, far) = (Network::new(), Network::new());
        near.ip(&[
            "link",
            "add",
            "line",
            "type",
            "veth",
            "peer",
            "name",
            "line",
            "netns",
            &far.0.id().to_string(),
        ]);
        for (network, address) in [(&near, "192.0.2.1/29"), (&far, "192.0.2.2/29")] {
            network.ip(&["address", "add", address, "dev", "line"]);
            network.ip(&["link", "set", "dev", "line", "up"]);
        }
        let start = |address: &str, network: &Network| {
            Sshd::setup().address(address).launcher(&network.launcher()).start()
        };
        let hosts = vec![start("127.0.0.1", &near), start("127.0.0.2", &near), start("192.0.2.2", &far)];
        let fleet = Fleet::of(hosts, APPLY, "");
        let schema = fleet.world.read("schemas/servers.toml");
        let impatient = "timeout = \"4s\"\nconnect-timeout = \"2s\"";
        fleet.world.write("schemas/servers.toml", schema.replace("connect-timeout = \"5s\"", impatient));
        Self { fleet, near, far }
    }

    /// A push, or what heals one, from the near network.
    fn start(&self, more: &[&str]) -> Child {
        self.start_by("tester", more)
    }

    fn start_by(&self, user: &str, more: &[&str]) -> Child {
        let mut command = self.near.command(PROGRAM);
        command.arg("push").args(SERVERS).arg("--yes").args(more).current_dir(self.fleet.world.folder());
        command
            .env_clear()
            .env("HOME", self.fleet.world.home())
            .env("USER", user)
            .env("PATH", "/usr/bin:/bin");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    fn push(&self, more: &[&str]) -> Output {
        self.start(more).wait_with_output().unwrap()
    }

    /// What the push said of the third host, which the others were not stopped by.
    fn lost(&self, done: &Output) -> String {
        let said = self.fleet.plain(&String::from_utf8_lossy(&done.stderr));
        assert_eq!(done.status.code(), Some(1), "{said}");
        assert!(
            said.contains("error: server web3: what it has now is not known: 192.0.2.2:[port]: "),
            "{said}"
        );
        said
    }

    fn mend(&self) {
        self.far.ip(&["link", "set", "dev", "line", "up"]);
        let _ = std::fs::remove_file(self.fleet.app(2).join("cut"));
    }

    /// Mends the line and ends what was interrupted.
    fn heal(&self) {
        self.mend();
        let mut tries = 0;
        loop {
            let done = self.push(&["--recover"]);
            let said = String::from_utf8_lossy(&done.stderr);
            if done.status.success() {
                break;
            }
            tries += 1;
            // The host may still be at it, as it has noticed just now.
            assert!(tries < 50 && (said.contains("is locked") || said.contains("web3: 192.0.2.2")), "{said}");
        }
        while Command::new("flock").arg("-n").arg(self.fleet.app(2)).arg("true").status().unwrap().code()
            != Some(0)
        {}
    }

    fn all_have(&self, value: &str) {
        assert_eq!(self.fleet.passwords(), [value; 3]);
        assert_eq!(self.fleet.running(), [value; 3]);
    }
}

#[test]
#[ignore = "needs to be root, and iproute2; run tests/run"]
fn a_line_that_is_cut_at_any_step_leaves_nothing_that_is_not_told_and_healed() {
    let cut = Cut::new();
    assert!(cut.push(&[]).status.success());
    cut.all_have(OLD);

    // While two megabytes are on their way.
    let large = "x".repeat(100_000);
    cut.fleet.set(&large);
    let schema = cut.fleet.world.read("schemas/schema.toml");
    let many: String = (0..20).map(|n| format!("BIG_{n} = \"{{{{ database.password }}}}\"\n")).collect();
    cut.fleet
        .world
        .write("schemas/schema.toml", schema.replace("[github.deploy]", &format!("{many}[github.deploy]")));
    // At a megabyte a second, so that there is time to cut.
    let slow =
        ["qdisc", "add", "dev", "line", "root", "tbf", "rate", "8mbit", "burst", "32kb", "latency", "1s"];
    cut.near.run("tc", &slow);
    let before = cut.far.received();
    let push = cut.start(&[]);
    while cut.far.received() < before + 300_000 {}
    cut.far.ip(&["link", "set", "dev", "line", "down"]);
    assert!(cut.far.received() < before + 2_000_000, "it was cut too late");
    cut.near.run("tc", &["qdisc", "del", "dev", "line", "root"]);
    let said = cut.lost(&push.wait_with_output().unwrap());
    assert!(said.contains("error: server web3: cannot stage: 192.0.2.2:[port]: "), "{said}");
    assert_eq!(
        (&cut.fleet.passwords()[..2], &cut.fleet.running()[..2]),
        (&[OLD.to_owned(), OLD.to_owned()][..], &[OLD.to_owned(), OLD.to_owned()][..])
    );
    cut.heal();
    cut.all_have(OLD);
    cut.fleet.world.write("schemas/schema.toml", schema);

    // While its services take the new file, after those of the others have.
    cut.fleet.set("second");
    std::fs::write(cut.fleet.app(2).join("cut"), "").unwrap();
    let said = cut.lost(&cut.push(&[]));
    assert!(said.contains("server web1: put back") && said.contains("server web2: put back"), "{said}");
    assert_eq!(cut.fleet.running()[..2], [OLD, OLD]);
    // This machine comes back in another place, so the host never hears of the end of the old connection.
    cut.near.ip(&["address", "del", "192.0.2.1/29", "dev", "line"]);
    cut.near.ip(&["address", "add", "192.0.2.3/29", "dev", "line"]);
    cut.mend();
    let done = cut.start_by("another", &["--recover"]).wait_with_output().unwrap();
    let said = cut.fleet.plain(&String::from_utf8_lossy(&done.stderr));
    assert!(done.status.code() == Some(1) && said.contains("the folder is locked by tester@"), "{said}");
    assert!(said.contains("`luca-secrets push --recover --take-over`\n"), "{said}");
    let done = cut.start_by("another", &["--recover", "--take-over"]).wait_with_output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    cut.all_have(OLD);

    // When it has committed, as the others have, and cannot say so any more.
    let bin = cut.fleet.hosts[2].home().join("bin");
    std::fs::create_dir(&bin).unwrap();
    // What it syncs alone is the folder: without the note, at the commit.
    let sync = "#!/bin/sh\n/usr/bin/sync \"$@\"\n\
                if [ $# -eq 2 ] && [ ! -e \"$2/.app.env.luca-secrets-note\" ]; then ip link set dev line down; fi\n";
    executable(bin.join("sync"), sync);
    let path = "PATH=$HOME/bin:/usr/sbin:/usr/bin:/sbin:/bin\n";
    std::fs::write(cut.fleet.hosts[2].home().join(".bashrc"), path).unwrap();
    cut.fleet.set("third");
    let said = cut.lost(&cut.push(&[]));
    assert!(
        said.contains("ok: server web1: pushed") && said.contains("cannot commit: 192.0.2.2:[port]"),
        "{said}"
    );
    // It has let go of its lock without having heard a goodbye, and while the line is cut.
    assert!(Command::new("flock").arg("-n").arg(cut.fleet.app(2)).arg("true").status().unwrap().success());
    std::fs::remove_file(bin.join("sync")).unwrap();
    cut.heal();
    cut.all_have("third");

    cut.fleet.set("fourth");
    assert!(cut.push(&[]).status.success());
    cut.all_have("fourth");
}
