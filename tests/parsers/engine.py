"""A stand-in for the Docker engine on a unix socket: enough of it for a client to create a container."""

import contextlib
import http.server
import json
import os
import re
import socketserver
import tempfile
import threading

ID = "c" * 64
IMAGE = {"Id": "sha256:" + "1" * 64, "RepoTags": ["x:latest"], "Os": "linux", "Architecture": "amd64", "Config": {},
         "RootFS": {"Type": "layers", "Layers": []}}
CONTAINER = {"Id": ID, "Name": "/p-s-1", "Created": "2026-01-01T00:00:00Z", "State": {"Status": "created"},
             "Config": {"Labels": {}, "Image": "x"}, "HostConfig": {}, "NetworkSettings": {"Networks": {}}}
NETWORK = {"Id": "n", "Name": "p_default", "Labels": {"com.docker.compose.network": "default",
                                                      "com.docker.compose.project": "p"}}
ANSWERS = [
    (r"/_ping", None),
    (r"/version", {"ApiVersion": "1.45", "MinAPIVersion": "1.24", "Version": "26.1", "Os": "linux", "Arch": "amd64"}),
    (r"/info", {"ID": "x", "OSType": "linux", "Architecture": "x86_64", "Swarm": {"LocalNodeState": "inactive"}}),
    (r"/(containers|images)/json", []),
    (r"/images/.+/json", IMAGE),
    (r"/networks", []),
    (r"/networks/.+", NETWORK),
    (r"/volumes.*", {"Volumes": []}),
    (r"/containers/.+/json", CONTAINER),
]


class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    created = []

    def log_message(self, *_arguments):
        pass

    def address_string(self):
        return "client"

    def answer(self, code, body):
        text = b"" if body is None else json.dumps(body).encode()
        self.send_response(code)
        for name, value in (("Content-Type", "application/json"), ("Content-Length", str(len(text))),
                            ("Api-Version", "1.45"), ("Ostype", "linux")):
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(text)

    def name(self):
        return re.sub(r"^/v[\d.]+", "", self.path.split("?")[0])

    def body(self):
        if "chunked" not in (self.headers.get("Transfer-Encoding") or ""):
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        text = b""
        while size := int(self.rfile.readline().strip() or b"0", 16):
            text += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return text

    def do_HEAD(self):
        self.answer(200, None)

    def do_GET(self):
        for pattern, body in ANSWERS:
            if re.fullmatch(pattern, self.name()):
                return self.answer(200, body)
        return self.answer(404, {"message": "no such thing"})

    def do_POST(self):
        text = self.body()
        if self.name() == "/containers/create":
            self.created.append(json.loads(text))
            return self.answer(201, {"Id": ID, "Warnings": []})
        return self.answer(201, {"Id": "n"})


@contextlib.contextmanager
def engine():
    """Serves until the block ends; gives the address and the bodies of the create requests so far."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "engine")
        with Server(path, Handler) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            yield "unix://" + path, Handler.created
            server.shutdown()
