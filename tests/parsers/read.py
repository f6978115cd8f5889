"""Reads env files with a real parser: one JSON object per file, {name: base64 of the value} or {"__error__": text}.

usage: read.py KIND TOOLS FILE...
"""

import base64
import ctypes
import json
import logging
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "../harness")]
OWN = {"UV_CACHE_DIR", "PATH", "HOME", "LC_ALL", "PWD", "SHLVL", "_", "OLDPWD", "UV", "UV_RUN_RECURSION_DEPTH", "VIRTUAL_ENV"}


class Refused(Exception):
    """The parser did not take the file, or warned about it."""


class Warnings(logging.Handler):
    """Turns a logged warning into a refusal: a file that is read with a complaint was not written right."""

    def emit(self, record):
        if record.levelno >= logging.WARNING:
            raise Refused(record.getMessage())


def run(command, **options):
    home = tempfile.gettempdir()
    env = {"PATH": "/usr/bin:/bin", "HOME": home, "LC_ALL": "C.UTF-8", **options.pop("env", {})}
    done = subprocess.run(command, capture_output=True, stdin=subprocess.DEVNULL, env=env, **options)
    if done.returncode or (done.stderr and options.get("cwd")):
        raise Refused(f"{done.returncode}: " + done.stderr.decode("utf-8", "replace"))
    return done.stdout


def environment(block):
    pairs = (record.split(b"=", 1) for record in block.split(b"\0") if b"=" in record)
    return {name.decode(): value for name, value in pairs if name.decode() not in OWN}


def python_dotenv(_tools, path):
    from dotenv import dotenv_values
    return dotenv_values(path)


def django_environ(_tools, path):
    import environ

    class Env(environ.Env):
        ENVIRON = {}

    Env.read_env(path)
    return Env.ENVIRON


def shell(name):
    script = 'set -a; . "$1" || exit 97; set +a; exec /bin/cat /proc/self/environ'

    def read(_tools, path):
        with tempfile.TemporaryDirectory() as scratch:
            return environment(run([name, "-c", script, "x", path], cwd=scratch))
    return read


def uv(tools, path):
    with tempfile.TemporaryDirectory() as scratch:
        binary = os.path.join(tools, "python/bin/uv")
        command = [binary, "run", "--no-project", "--offline", "-q", "--env-file", path, "/bin/cat", "/proc/self/environ"]
        return environment(run(command, cwd=scratch, env={"UV_CACHE_DIR": scratch + "/cache"}))


def node(binary):
    return lambda tools, path: run_node(os.path.join(tools, binary), path)


def run_node(binary, path):
    script = "const r={};for(const k in process.env)r[k]=Buffer.from(process.env[k]).toString('base64');" \
             "process.stdout.write(JSON.stringify(r))"
    found = json.loads(run([binary, "--env-file=" + path, "-e", script]))
    return {name: base64.b64decode(value) for name, value in found.items() if name not in OWN}


def systemd(_tools, path):
    """The function behind `EnvironmentFile=`, called in systemd's own library: no service manager runs here."""
    library = ctypes.CDLL("/usr/lib/x86_64-linux-gnu/systemd/libsystemd-shared-252.so")
    found = ctypes.POINTER(ctypes.c_char_p)()
    code = library.load_env_file(None, path.encode(), ctypes.byref(found))
    if code < 0:
        raise Refused(os.strerror(-code))
    values, at = {}, 0
    while found and found[at] is not None:
        name, value = found[at].split(b"=", 1)
        values[name.decode()] = value
        at += 1
    return values


def compose(tools, path):
    with tempfile.TemporaryDirectory() as folder:
        with open(folder + "/compose.yaml", "w") as out:
            out.write("name: p\nservices:\n  s:\n    image: x\n    env_file:\n      - " + json.dumps(path) + "\n")
        binary = os.path.join(tools, "debian-13/usr/libexec/docker/cli-plugins/docker-compose")
        text = run([binary, "-f", folder + "/compose.yaml", "config", "--format", "json"], cwd=folder)
    found = json.loads(text)["services"]["s"].get("environment") or {}
    # `config` prints what could be read again as a compose file: each `$` as `$$`.
    return {name: value.replace("$$", "$") for name, value in found.items()}


def github_env(_tools, path):
    """A replica, after the documented behaviour of the runner, which needs .NET."""
    with open(path, encoding="utf-8-sig", newline="") as source:
        lines = iter(source.read().split("\n"))
    values = {}
    for line in lines:
        equals, mark = line.find("="), line.find("<<")
        if equals >= 0 and (mark < 0 or equals < mark):
            values[line[:equals]] = line[equals + 1:]
        elif mark > 0 and line[mark + 2:]:
            kept = []
            for inner in lines:
                if inner == line[mark + 2:]:
                    break
                kept.append(inner)
            else:
                raise Refused("matching delimiter not found")
            values[line[:mark]] = "\n".join(kept)
        elif line:
            raise Refused("invalid format")
    return values


def docker(tools, path):
    from engine import engine
    binary = os.path.join(tools, "debian-13/usr/bin/docker")
    with engine() as (socket, created):
        run([binary, "create", "--pull", "never", "--env-file", path, "x"], env={"DOCKER_HOST": socket})
    return dict(item.split("=", 1) for item in created[-1]["Env"])


def compose_create(tools, path):
    from engine import engine
    binary = os.path.join(tools, "debian-13/usr/libexec/docker/cli-plugins/docker-compose")
    with engine() as (socket, created), tempfile.TemporaryDirectory() as folder:
        with open(folder + "/compose.yaml", "w") as out:
            out.write("name: p\nservices:\n  s:\n    image: x\n    env_file:\n      - " + json.dumps(path) + "\n")
        run([binary, "-f", folder + "/compose.yaml", "create", "--pull", "never"], env={"DOCKER_HOST": socket})
    return dict(item.split("=", 1) for item in created[-1]["Env"])


def gh(_tools, path):
    from github import set_secrets
    return set_secrets("/usr/bin/gh", path)


def gh_13(tools, path):
    from github import set_secrets
    return set_secrets(os.path.join(tools, "debian-13/usr/bin/gh"), path)


def urls(_tools, path):
    """Not an env file but a JSON list of URLs: what `env.db` and kombu make of each, as JSON."""
    import environ
    from kombu.utils.url import parse_url
    found = {}
    with open(path) as source:
        for number, url in enumerate(json.load(source)):
            db = environ.Env.db_url_config(url)
            broker = parse_url(url)
            read = [db["USER"], db["PASSWORD"], db["HOST"], db["NAME"], broker["userid"], broker["password"],
                    broker["hostname"], broker["virtual_host"]]
            found[str(number)] = json.dumps(read)
    return found


KINDS = {
    "python-dotenv": python_dotenv, "django-environ": django_environ, "bash": shell("bash"), "dash": shell("dash"),
    "uv": uv, "node": node("bin/node"), "node-newer": node("python/bin/node"), "systemd": systemd, "compose": compose, "compose-create": compose_create,
    "docker": docker, "gh": gh, "gh-13": gh_13, "github-env": github_env, "urls": urls,
}


def main():
    kind, tools, files = sys.argv[1], os.path.abspath(sys.argv[2]), sys.argv[3:]
    logging.getLogger("dotenv").addHandler(Warnings())
    logging.getLogger("environ").addHandler(Warnings())
    for path in files:
        try:
            found = KINDS[kind](tools, os.path.abspath(path))
            line = {name: base64.b64encode(value if isinstance(value, bytes) else value.encode()).decode()
                    for name, value in found.items()}
        except Exception as error:  # whatever the parser throws is its answer
            line = {"__error__": f"{type(error).__name__}: {error}"[:400]}
        print(json.dumps(line), flush=True)


main()
