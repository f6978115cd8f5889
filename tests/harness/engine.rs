//! A stand-in for the Docker engine of a host (`engine.py`), before which the real docker and Compose run.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::sshd::Sshd;
use super::tools;

/// The engine of a host. With it ends all that runs in its containers.
pub struct Engine {
    child: Child,
    socket: PathBuf,
    home: PathBuf,
}

impl Engine {
    /// Starts it, and has whoever logs in to the host find it with docker.
    pub fn start(host: &Sshd) -> Self {
        let (socket, home) = (host.path("docker"), host.home());
        let plugins = tools().join("debian-13/usr/libexec/docker/cli-plugins");
        std::fs::create_dir(home.join("docker")).unwrap();
        let config = format!("{{\"cliPluginsExtraDirs\": [\"{}\"]}}", plugins.display());
        std::fs::write(home.join("docker/config.json"), config).unwrap();
        let rc = format!(
            "export PATH={}:/usr/bin:/bin DOCKER_HOST=unix://{} DOCKER_CONFIG={}\n",
            tools().join("debian-13/usr/bin").display(),
            socket.display(),
            home.join("docker").display()
        );
        std::fs::write(home.join(".bashrc"), rc).unwrap();
        let mut child = Command::new("/usr/bin/python3")
            .arg("-B")
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/harness/engine.py"))
            .arg(&socket)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut ready = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut ready).unwrap();
        assert_eq!(ready, "ready\n");
        Self { child, socket, home }
    }

    /// Lets whoever wants to stop a container wait for ever, or no longer.
    pub fn stall(&self, stalls: bool) {
        let path = self.socket.with_extension("stall");
        if stalls { std::fs::write(path, "") } else { std::fs::remove_file(path) }.unwrap();
    }

    /// Runs docker on the host in a folder, as somebody there would.
    pub fn docker(&self, folder: &Path, words: &[&str]) -> String {
        let done = Command::new("bash")
            .args(["-c", ". \"$HOME/.bashrc\"; exec docker \"$@\"", "docker"])
            .args(words)
            .current_dir(folder)
            .env_clear()
            .env("HOME", &self.home)
            .output()
            .unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).unwrap()
    }

    /// The names of all containers.
    pub fn containers(&self) -> Vec<String> {
        let listed = self.docker(&self.home, &["ps", "-a", "--format", "{{.Names}}"]);
        let mut names: Vec<String> = listed.lines().map(str::to_owned).collect();
        names.sort();
        names
    }

    /// The requests so far that were to run a program in a container, with their bodies.
    pub fn execs(&self) -> Vec<String> {
        let requests = std::fs::read_to_string(self.socket.with_extension("requests")).unwrap();
        requests.lines().filter(|line| line.contains("/exec")).map(str::to_owned).collect()
    }

    /// What the programs of containers have printed.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.socket.with_extension("log")).unwrap_or_default()
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        // It ends with its input, and before that ends what it runs.
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}
