//! The real docker and Compose clients on the host, which recreate containers of a stand-in for the engine
//! (`tests/harness/engine.py`): that every container runs on the new file, and what a killed recreation leaves.

use super::Fleet;
use crate::harness::engine::Engine;

const RECREATE: &[&str] = &["docker", "compose", "up", "-d", "--force-recreate"];
const RECREATE_DJANGO: &[&str] = &["docker", "compose", "up", "-d", "--force-recreate", "django"];

/// A host with two services in containers.
struct Stack {
    fleet: Fleet,
    engine: Engine,
}

impl Stack {
    fn new() -> Self {
        let fleet = Fleet::new(1);
        let app = fleet.app(0);
        let engine = Engine::start(&fleet.hosts[0]);
        let services = ["django", "beat"]
            .map(|name| format!("  {name}:\n    image: example/django\n    env_file: app.env\n"));
        std::fs::write(app.join("compose.yml"), format!("name: shop\nservices:\n{}", services.concat()))
            .unwrap();
        let schema = fleet.world.read("schemas/schema.toml");
        fleet.world.write(
            "schemas/schema.toml",
            schema.replace("path = \".envs", "marker = \"GENERATION\"\npath = \".envs"),
        );
        let stack = Self { fleet, engine };
        stack.apply(RECREATE);
        stack
    }

    /// Lets a push apply by this command, and wants to see the marker in both services.
    fn apply(&self, run: &[&str]) {
        // The containers have as long as the health check has.
        let proof = "generation-from = { containers = [\"django\", \"beat\"], in = \"[app]\" }\n\
                     health = { command = [\"true\"], within = \"3s\", every = \"1s\", in-a-row = 1 }";
        self.fleet.write_schema("true", proof);
        let schema = self.fleet.world.read("schemas/servers.toml");
        let schema = schema
            .replace("[\"sh\", \"-c\", \"true\"], within = \"5s\"", &format!("{run:?}, within = \"4s\""));
        self.fleet.world.write("schemas/servers.toml", schema);
    }

    /// Runs docker on the host, as somebody there would.
    fn docker(&self, words: &[&str]) -> String {
        self.engine.docker(&self.fleet.app(0), words)
    }

    /// The names of all containers.
    fn containers(&self) -> Vec<String> {
        self.engine.containers()
    }

    /// The password that the containers of both services have.
    fn passwords(&self) -> [String; 2] {
        ["shop-django-1", "shop-beat-1"].map(|name| {
            let env =
                self.docker(&["inspect", "--format", "{{range .Config.Env}}{{println .}}{{end}}", name]);
            env.lines().find_map(|line| line.strip_prefix("DB_PASSWORD=")).unwrap().to_owned()
        })
    }

    /// A push that fails: what it says.
    fn fails(&self) -> String {
        let done = self.fleet.push(&["--yes"]).done();
        assert_eq!(done.code, 1, "{}", done.stderr);
        self.fleet.plain(&done.stderr)
    }
}

#[test]
#[ignore = "needs sshd, docker and docker-compose; run tests/run"]
fn every_container_is_seen_to_run_on_the_new_file() {
    let stack = Stack::new();
    stack.fleet.pushed();
    assert_eq!(stack.passwords(), ["correct horse battery"; 2]);
    stack.fleet.set("a new one");
    stack.fleet.pushed();
    assert_eq!(stack.passwords(), ["a new one"; 2]);

    // A restart keeps the old environment, and a command that forgets a service leaves it on the old file.
    for (words, stale) in
        [(&["docker", "restart", "shop-django-1", "shop-beat-1"][..], "django"), (RECREATE_DJANGO, "beat")]
    {
        stack.apply(words);
        stack.fleet.set("never read");
        let said = stack.fails();
        let old = format!("shop-{stale}-1 runs on another generation of the file");
        let hint =
            "hint: a restart keeps the old environment: the apply command must recreate the containers\n";
        assert!(said.contains(&old) && said.contains(hint), "{said}");
        assert!(said.contains("ok: server web1: as it was before\n"), "{said}");
        assert_eq!(
            (stack.passwords(), stack.fleet.passwords()),
            (["a new one", "a new one"].map(str::to_owned), vec!["a new one".to_owned()])
        );
    }

    stack.apply(RECREATE);
    stack.docker(&["stop", "shop-beat-1"]);
    stack.fleet.pushed();
    assert_eq!(stack.passwords(), ["never read"; 2]);
}

#[test]
#[ignore = "needs sshd, docker and docker-compose; run tests/run"]
fn what_a_killed_recreation_leaves_is_named() {
    let stack = Stack::new();
    stack.fleet.pushed();
    let whole = ["shop-beat-1", "shop-django-1"];
    assert_eq!(stack.containers(), whole);

    // Neither the new file nor the old one gets into containers.
    stack.fleet.set("a new one");
    stack.engine.stall(true);
    let said = stack.fails();
    let left: Vec<String> =
        stack.containers().into_iter().filter(|name| !whole.contains(&name.as_str())).collect();
    assert!(!left.is_empty() && said.contains("did not end within 4 s"), "{said}");
    let named = left.iter().any(|name| {
        let of = name.split_once('_').unwrap().1;
        said.contains(&format!(
            "error: server web1:   {name} is left over from a recreation of {of} that was killed\n"
        )) && said.contains(&format!("hint: on the server: docker rm -f {name}, then try again\n"))
    });
    assert!(named, "{left:?}: {said}");
    assert!(said.contains("the old file is back, but its services may run on the new one: "), "{said}");
    stack.engine.stall(false);
    for name in &left {
        stack.docker(&["rm", "-f", name]);
    }
    stack.fleet.push(&["--recover", "--yes"]).success();
    assert_eq!(
        (stack.containers(), stack.passwords()),
        (whole.map(str::to_owned).to_vec(), ["correct horse battery"; 2].map(str::to_owned))
    );

    // One that somebody else has left, and that the apply command does not touch.
    stack.docker(&["rename", "shop-beat-1", "0123456789ab_shop-beat-1"]);
    stack.apply(RECREATE_DJANGO);
    let said = stack.fails();
    let hint = "hint: on the server: docker rm -f 0123456789ab_shop-beat-1, then try again\n";
    assert!(
        said.contains("is left over from a recreation of shop-beat-1 that was killed") && said.contains(hint),
        "{said}"
    );
    stack.docker(&["rm", "-f", "0123456789ab_shop-beat-1"]);
    stack.apply(RECREATE);
    stack.fleet.pushed();
    assert_eq!(
        (stack.containers(), stack.passwords()),
        (whole.map(str::to_owned).to_vec(), ["a new one"; 2].map(str::to_owned))
    );
}
