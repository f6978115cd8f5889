#!/usr/bin/env python3
"""A stand-in for the Docker engine on a unix socket, for the real docker and Compose: it keeps containers as its API
description says (names are unique, a running one is not removed unasked). A container that has a command runs it as a
process of this machine with the container's environment, and so does `exec`; the others run nothing.

    engine.py SOCKET

While a file `SOCKET.stall` exists, stopping a container is never answered. `SOCKET.requests` has each request that
changes something, with its body, one a line; what goes into a running program is not among them.
"""

import contextlib
import http.server
import json
import os
import re
import secrets
import signal
import socket
import socketserver
import struct
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse

IMAGE = {"Id": "sha256:" + "1" * 64, "RepoTags": ["example/django:latest"], "Os": "linux", "Architecture": "amd64",
         "Config": {}, "RootFS": {"Type": "layers", "Layers": []}}
KEPT = ("Env", "Labels", "Image", "Cmd", "WorkingDir")


class Refused(Exception):
    """An answer with this status and message."""


def missing():
    return Refused(404, "No such container")


class Program:
    """A process with a container's environment."""

    def __init__(self, config, words, **streams):
        env = dict(item.split("=", 1) for item in config["Env"] or [] if "=" in item)
        self.process = subprocess.Popen(words, cwd=config["WorkingDir"] or "/", env=env, start_new_session=True,
                                        **streams)

    def signal(self, number):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, number)

    def stop(self, patience):
        self.signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(patience)
        self.signal(signal.SIGKILL)
        self.process.wait()


class Engine:
    """The containers, and what runs in them."""

    def __init__(self, path):
        self.path = path
        self.lock = threading.RLock()
        self.containers, self.networks, self.execs, self.programs = {}, {}, {}, {}
        # The bodies of the requests to create one.
        self.created = []

    def is_stalled(self):
        return os.path.exists(self.path + ".stall")

    def note(self, *words):
        with self.lock, open(self.path + ".requests", "a") as file:
            file.write(" ".join(words).strip() + "\n")

    def find(self, reference):
        """The container with an id, the start of one, or a name."""
        for container in self.containers.values():
            if container["Id"].startswith(reference) or container["Name"] == "/" + reference:
                return container
        return None

    def get(self, reference):
        container = self.find(reference)
        if not container:
            raise missing()
        return container

    def create(self, name, asked):
        if other := self.find(name):
            raise Refused(409, f'Conflict. The container name "/{name}" is already in use by container '
                               f'"{other["Id"]}". You have to remove (or rename) that container to be able to reuse '
                               "that name.")
        self.created.append(asked)
        ident = secrets.token_hex(32)
        self.containers[ident] = {
            "Id": ident, "Name": "/" + name, "Created": "2026-01-01T00:00:00Z", "Image": IMAGE["Id"],
            "State": {"Status": "created", "Running": False}, "Config": {key: asked.get(key) for key in KEPT},
            "HostConfig": asked.get("HostConfig") or {}, "Mounts": [],
            "NetworkSettings": {"Networks": (asked.get("NetworkingConfig") or {}).get("EndpointsConfig")}}
        return {"Id": ident, "Warnings": []}

    def start(self, container):
        config = container["Config"]
        if config["Cmd"]:
            with open(self.path + ".log", "ab") as log:
                program = Program(config, config["Cmd"], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
            self.programs[container["Id"]] = program
            threading.Thread(target=self.watch, args=(container, program), daemon=True).start()
        container["State"] = {"Status": "running", "Running": True}

    def watch(self, container, program):
        """Waits for a program's end, and starts it again where the container is to be restarted."""
        code = program.process.wait()
        policy = (container["HostConfig"].get("RestartPolicy") or {}).get("Name")
        with self.lock:
            if self.programs.get(container["Id"]) is not program:
                return
            if policy not in ("always", "unless-stopped", "on-failure"):
                container["State"] = {"Status": "exited", "Running": False, "ExitCode": code}
                return
            container["State"] = {"Status": "restarting", "Running": True, "Restarting": True, "ExitCode": code}
        time.sleep(0.5)
        with self.lock:
            if self.programs.get(container["Id"]) is program:
                self.start(container)

    def stop(self, container, patience):
        with self.lock:
            program = self.programs.pop(container["Id"], None)
        if program:
            program.stop(patience)
        container["State"] = {"Status": "exited", "Running": False, "ExitCode": 0}

    def rename(self, container, name):
        if self.find(name):
            raise Refused(409, f'Conflict. The container name "/{name}" is in use')
        container["Name"] = "/" + name

    def remove(self, container, is_forced):
        if container["State"]["Running"] and not is_forced:
            raise Refused(409, "You cannot remove a running container. Stop it before removing")
        self.stop(container, 0)
        with self.lock:
            self.containers.pop(container["Id"], None)

    def prepare(self, container, asked):
        """Notes what is to be run in a container."""
        state = container["State"]["Status"]
        if state != "running":
            what = "is restarting, wait until the container is running" if state == "restarting" else "is not running"
            raise Refused(409, f'Container {container["Id"]} {what}')
        ident = secrets.token_hex(32)
        config = container["Config"]
        config = {"Env": [*(config["Env"] or []), *(asked.get("Env") or [])],
                  "WorkingDir": asked.get("WorkingDir") or config["WorkingDir"]}
        shown = {"ID": ident, "Running": False, "ExitCode": None, "Pid": 0, "ContainerID": container["Id"]}
        self.execs[ident] = {"words": asked["Cmd"], "config": config, "shown": shown}
        return {"Id": ident}

    def end(self):
        with self.lock:
            programs, self.programs = list(self.programs.values()), {}
        for program in programs:
            program.signal(signal.SIGKILL)


def summary(container):
    """As lists have it."""
    config = container["Config"]
    return {"Id": container["Id"], "Names": [container["Name"]], "Image": config["Image"], "ImageID": IMAGE["Id"],
            "Command": "", "Created": 1, "State": container["State"]["Status"], "Status": "", "Ports": [],
            "Labels": config["Labels"], "NetworkSettings": {"Networks": {}}, "Mounts": [], "HostConfig": {}}


def matches(container, filters):
    wanted = [label.split("=", 1) for label in filters.get("label", {})]
    has = container["Config"]["Labels"] or {}
    if not all(pair[0] in has and (len(pair) == 1 or has[pair[0]] == pair[1]) for pair in wanted):
        return False
    states = filters.get("status", {})
    return not states or container["State"]["Status"] in states


class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, path):
        self.engine = Engine(path)
        super().__init__(path, Handler)

    def handle_error(self, *_arguments):
        """A client that was killed takes no answer."""


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_arguments):
        pass

    def address_string(self):
        return "client"

    @property
    def engine(self):
        return self.server.engine

    def answer(self, code, body=None):
        text = b"" if body is None else json.dumps(body).encode()
        self.send_response(code)
        for name, value in (("Content-Type", "application/json"), ("Content-Length", str(len(text))),
                            ("Api-Version", "1.45"), ("Ostype", "linux")):
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(text)

    def parts(self):
        """The path without the version, and the query."""
        url = urllib.parse.urlsplit(self.path)
        return re.sub(r"^/v[\d.]+", "", url.path), dict(urllib.parse.parse_qsl(url.query))

    def body(self):
        length = int(self.headers.get("Content-Length") or 0)
        if "chunked" not in (self.headers.get("Transfer-Encoding") or ""):
            return self.rfile.read(length)
        text = b""
        while size := int(self.rfile.readline().strip() or b"0", 16):
            text += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return text

    def do_HEAD(self):
        self.answer(200)

    def do_GET(self):
        path, query = self.parts()
        try:
            with self.engine.lock:
                found = self.look(path, query)
        except Refused as refused:
            return self.refuse(refused)
        return self.answer(200, found)

    def refuse(self, refused):
        code, message = refused.args
        return self.answer(code, {"message": message})

    def look(self, path, query):
        engine = self.engine
        fixed = {
            "/_ping": None,
            "/version": {"ApiVersion": "1.45", "MinAPIVersion": "1.24", "Version": "26.1", "Os": "linux",
                         "Arch": "amd64"},
            "/info": {"ID": "x", "OSType": "linux", "Architecture": "x86_64",
                      "Swarm": {"LocalNodeState": "inactive"}},
            "/images/json": [],
        }
        if path in fixed:
            return fixed[path]
        if path == "/containers/json":
            filters, all_of_them = json.loads(query.get("filters") or "{}"), query.get("all") in ("1", "true")
            return [summary(one) for one in engine.containers.values()
                    if matches(one, filters) and (all_of_them or one["State"]["Running"])]
        if path.startswith("/images/"):
            return IMAGE
        if path == "/networks":
            return list(engine.networks.values())
        if path.startswith("/volumes"):
            return {"Volumes": []}
        if (match := re.fullmatch(r"/networks/(.+)", path)) and match[1] in engine.networks:
            return engine.networks[match[1]]
        if match := re.fullmatch(r"/containers/(.+)/json", path):
            return engine.get(match[1])
        if (match := re.fullmatch(r"/exec/(.+)/json", path)) and match[1] in engine.execs:
            return engine.execs[match[1]]["shown"]
        raise Refused(404, f"no such thing: {path}")

    def do_POST(self):
        path, query = self.parts()
        body = self.body()
        self.engine.note("POST", self.path, body.decode())
        if path.endswith("/stop") and self.engine.is_stalled():
            time.sleep(600)
        if match := re.fullmatch(r"/exec/(.+)/start", path):
            return self.run(self.engine.execs[match[1]])
        try:
            code, found = self.change(path, query, json.loads(body or b"{}"))
        except Refused as refused:
            return self.refuse(refused)
        return self.answer(code, found)

    def change(self, path, query, asked):
        engine = self.engine
        if path == "/networks/create":
            engine.networks[asked["Name"]] = {"Name": asked["Name"], "Id": "n" * 64,
                                              "Labels": asked.get("Labels") or {}, "Driver": "bridge",
                                              "Containers": {}}
            return 201, {"Id": "n" * 64}
        match = re.fullmatch(r"/containers/(.+)/(start|stop|kill|restart|rename|exec)", path)
        with engine.lock:
            if path == "/containers/create":
                return 201, engine.create(query.get("name") or secrets.token_hex(4), asked)
            container = engine.get(match[1]) if match else None
        if not container:
            raise Refused(404, f"no such thing: {path}")
        if match[2] == "exec":
            with engine.lock:
                return 201, engine.prepare(container, asked)
        if match[2] == "rename":
            with engine.lock:
                engine.rename(container, query["name"])
        if match[2] in ("stop", "kill", "restart"):
            engine.stop(container, 0 if match[2] == "kill" else int(query.get("t") or 10))
        if match[2] in ("start", "restart"):
            with engine.lock:
                engine.start(container)
        return 204, None

    def do_DELETE(self):
        path, query = self.parts()
        self.engine.note("DELETE", self.path)
        try:
            with self.engine.lock:
                container = self.engine.get(path.removeprefix("/containers/"))
            self.engine.remove(container, query.get("force") in ("1", "true"))
        except Refused as refused:
            return self.refuse(refused)
        return self.answer(204)

    def run(self, prepared):
        """Runs a program with its streams over this connection: what comes is its input, what goes are frames."""
        self.wfile.write(b"HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.multiplexed-stream\r\n"
                         b"Connection: Upgrade\r\nUpgrade: tcp\r\n\r\n")
        self.close_connection = True
        lock = threading.Lock()

        def send(stream, chunk):
            with lock, contextlib.suppress(OSError):
                self.wfile.write(struct.pack(">BxxxI", stream, len(chunk)) + chunk)

        try:
            program = Program(prepared["config"], prepared["words"], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        except FileNotFoundError:
            send(1, b"OCI runtime exec failed: exec failed: unable to start container process: no such file\r\n")
            prepared["shown"]["ExitCode"] = 127
            return
        prepared["shown"]["Running"] = True
        pipes = program.process
        feeder = threading.Thread(target=self.feed, args=(pipes.stdin,), daemon=True)
        feeder.start()
        readers = [threading.Thread(target=self.drain, args=(pipe, stream, send), daemon=True)
                   for stream, pipe in ((1, pipes.stdout), (2, pipes.stderr))]
        for reader in readers:
            reader.start()
        code = pipes.wait()
        for reader in readers:
            reader.join()
        prepared["shown"].update(Running=False, ExitCode=code if code >= 0 else 128 - code)
        # Ends the client's waiting, and the feeder's.
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)
        feeder.join()

    def feed(self, pipe):
        with contextlib.suppress(OSError), pipe:
            while chunk := self.rfile.read1(1 << 16):
                pipe.write(chunk)
                pipe.flush()

    @staticmethod
    def drain(pipe, stream, send):
        while chunk := pipe.read1(1 << 16):
            send(stream, chunk)


@contextlib.contextmanager
def serving(path):
    """Serves on this path until the block ends."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
    with Server(path) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield server.engine
        finally:
            server.engine.end()
            server.shutdown()


@contextlib.contextmanager
def engine():
    """Serves until the block ends; gives the address and the bodies of the create requests so far."""
    with tempfile.TemporaryDirectory() as folder, serving(os.path.join(folder, "engine")) as one:
        yield "unix://" + one.path, one.created


def main():
    with serving(sys.argv[1]):
        print("ready", flush=True)
        # Ends with whoever started it.
        sys.stdin.read()


if __name__ == "__main__":
    main()
