#!/usr/bin/env python3
"""A stand-in for the Docker engine on a unix socket, for the real docker and Compose: it keeps containers as their API
description says (names are unique, a running one is not removed unasked), but runs nothing in them.

    engine.py SOCKET

While a file `SOCKET.stall` exists, stopping a container is never answered.
"""

import contextlib
import http.server
import json
import os
import re
import socketserver
import sys
import threading
import time
import urllib.parse

IMAGE = {"Id": "sha256:" + "1" * 64, "RepoTags": ["example/django:latest"], "Os": "linux", "Architecture": "amd64",
         "Config": {}, "RootFS": {"Type": "layers", "Layers": []}}
LOCK = threading.Lock()
CONTAINERS, NETWORKS = {}, {}


def found(reference):
    """The container with an id, the start of one, or a name."""
    for container in CONTAINERS.values():
        if container["Id"].startswith(reference) or container["Name"] == "/" + reference:
            return container
    return None


def summary(container):
    """As lists have it."""
    config = container["Config"]
    return {"Id": container["Id"], "Names": [container["Name"]], "Image": config["Image"], "ImageID": IMAGE["Id"],
            "Command": "", "Created": 1, "State": container["State"]["Status"], "Status": "", "Ports": [],
            "Labels": config["Labels"], "NetworkSettings": {"Networks": {}}, "Mounts": [], "HostConfig": {}}


def matches(container, filters):
    labels = filters.get("label", {})
    wanted = [label.split("=", 1) for label in labels]
    has = container["Config"]["Labels"]
    return all(pair[0] in has and (len(pair) == 1 or has[pair[0]] == pair[1]) for pair in wanted)


class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True

    def handle_error(self, *_arguments):
        """A client that was killed takes no answer."""


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_arguments):
        pass

    def address_string(self):
        return "client"

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
        filters = json.loads(query.get("filters") or "{}")
        with LOCK:
            if path == "/_ping":
                return self.answer(200)
            if path == "/version":
                return self.answer(200, {"ApiVersion": "1.45", "MinAPIVersion": "1.24", "Version": "26.1",
                                         "Os": "linux", "Arch": "amd64"})
            if path == "/info":
                return self.answer(200, {"ID": "x", "OSType": "linux", "Architecture": "x86_64",
                                         "Swarm": {"LocalNodeState": "inactive"}})
            if path == "/containers/json":
                return self.answer(200, [summary(one) for one in CONTAINERS.values() if matches(one, filters)])
            if path == "/images/json":
                return self.answer(200, [])
            if path.startswith("/images/"):
                return self.answer(200, IMAGE)
            if path == "/networks":
                return self.answer(200, list(NETWORKS.values()))
            if path.startswith("/volumes"):
                return self.answer(200, {"Volumes": []})
            if match := re.fullmatch(r"/networks/(.+)", path):
                network = NETWORKS.get(match[1])
                return self.answer(200, network) if network else self.answer(404, {"message": "no such network"})
            if match := re.fullmatch(r"/containers/(.+)/json", path):
                container = found(match[1])
                return self.answer(200, container) if container else self.missing()
        return self.answer(404, {"message": f"no such thing: {path}"})

    def missing(self):
        return self.answer(404, {"message": "No such container"})

    def do_POST(self):
        path, query = self.parts()
        body = self.body()
        if path.endswith("/stop") and os.path.exists(sys.argv[1] + ".stall"):
            time.sleep(600)
        with LOCK:
            if path == "/networks/create":
                asked = json.loads(body)
                NETWORKS[asked["Name"]] = {"Name": asked["Name"], "Id": "n" * 64, "Labels": asked.get("Labels") or {},
                                           "Driver": "bridge", "Containers": {}}
                return self.answer(201, {"Id": "n" * 64})
            if path == "/containers/create":
                return self.create(query["name"], json.loads(body))
            match = re.fullmatch(r"/containers/(.+)/(start|stop|kill|restart|rename|wait)", path)
            container = match and found(match[1])
            if not container:
                return self.missing()
            return self.change(container, match[2], query)

    def create(self, name, asked):
        if other := found(name):
            return self.answer(409, {"message": f'Conflict. The container name "/{name}" is already in use by container '
                                                f'"{other["Id"]}". You have to remove (or rename) that container to be '
                                                'able to reuse that name.'})
        number = f"{len(os.listdir('/proc/self/fd')) + time.monotonic_ns():064x}"[-64:]
        config = {key: asked.get(key) for key in ("Env", "Labels", "Image", "Cmd")}
        # Ids differ at their beginning.
        ident = number[::-1]
        CONTAINERS[ident] = {"Id": ident, "Name": "/" + name, "Created": "2026-01-01T00:00:00Z", "Image": IMAGE["Id"],
                             "State": {"Status": "created", "Running": False}, "Config": config,
                             "HostConfig": asked.get("HostConfig") or {}, "Mounts": [],
                             "NetworkSettings": {"Networks": asked.get("NetworkingConfig", {}).get("EndpointsConfig")}}
        return self.answer(201, {"Id": ident, "Warnings": []})

    def change(self, container, verb, query):
        if verb == "rename":
            if found(query["name"]):
                return self.answer(409, {"message": f'Conflict. The container name "/{query["name"]}" is in use'})
            container["Name"] = "/" + query["name"]
        else:
            runs = verb in ("start", "restart")
            container["State"] = {"Status": "running" if runs else "exited", "Running": runs}
        if verb == "wait":
            return self.answer(200, {"StatusCode": 0})
        return self.answer(204)

    def do_DELETE(self):
        path, query = self.parts()
        with LOCK:
            container = found(path.removeprefix("/containers/"))
            if not container:
                return self.missing()
            if container["State"]["Running"] and query.get("force") not in ("1", "true"):
                return self.answer(409, {"message": "You cannot remove a running container. Stop it before removing"})
            del CONTAINERS[container["Id"]]
        return self.answer(204)


def main():
    with contextlib.suppress(FileNotFoundError):
        os.unlink(sys.argv[1])
    with Server(sys.argv[1], Handler) as server:
        print("ready", flush=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        # Ends with whoever started it.
        sys.stdin.read()


if __name__ == "__main__":
    main()
