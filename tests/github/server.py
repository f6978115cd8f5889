"""A stand-in for GitHub's REST API on loopback: Actions secrets and variables of repositories, environments and
organisations, after github/rest-api-description, version 2022-11-28. Sealed boxes are opened by libsodium.

    server.py FOLDER

makes a certificate in FOLDER, prints {"port": ..., "certificate": ...}, and then answers one JSON command a line from
standard input with one JSON line, until standard input ends. Its clock moves by a second with every write and by
nothing else. What the description does not tell (the texts of some errors) is in the style of what it does.
"""

import base64
import binascii
import copy
import datetime
import functools
import http.server
import json
import os
import re
import socket
import socketserver
import ssl
import subprocess
import sys
import threading
import time
import urllib.parse

from nacl.exceptions import CryptoError
from nacl.public import PrivateKey, SealedBox

START = datetime.datetime(2026, 11, 23, 12, tzinfo=datetime.timezone.utc)
DOCS = "https://docs.github.com/rest"
VERSIONS = ("2022-11-28", "2026-03-10")
LONGEST = 48 * 1024
# As integrations/terraform-provider-github#2315 met it.
IMPROPER = "Bad request - validation failed due to an improperly encrypted secret"
BASE64 = re.compile(r"^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{4})$")
LIMITS = {"repository": {"secrets": 100, "variables": 500}, "environment": {"secrets": 100, "variables": 100},
          "organization": {"secrets": 1000, "variables": 1000}}
PAGES = {"secrets": (30, 100), "variables": (10, 30)}

# Made-up tokens: what each may do. `fine` ones have permissions, `classic` ones scopes.
TOKENS = {
    "made-up": {"kind": "fine", "write": True},
    "made-up-reader": {"kind": "fine", "write": False},
    "made-up-classic": {"kind": "classic", "scopes": "repo, admin:org", "write": True},
    "made-up-unscoped": {"kind": "classic", "scopes": "gist", "write": False},
    "made-up-sso": {"kind": "sso", "write": False},
}


class Refusal(Exception):
    """An answer other than success."""

    def __init__(self, status, message, errors=None, headers=None):
        super().__init__(message)
        self.status = status
        self.body = {"message": message, "documentation_url": DOCS, "status": str(status)}
        if errors:
            self.body["errors"] = errors
        self.headers = headers or {}


def invalid(message, *fields):
    return Refusal(422, message, [{"resource": "Secret", "field": field, "code": "invalid"} for field in fields])


class Scope:
    """What a repository, an environment or an organisation holds."""

    def __init__(self, kind, number):
        self.kind, self.generation, self.number = kind, 0, number
        self.secrets, self.variables = {}, {}
        self.runs = {}
        self.rotate()

    def rotate(self):
        self.generation += 1
        self.key = PrivateKey.generate()
        self.key_id = str(1000 * self.number + self.generation)


class World:
    """All state, behind one lock."""

    def __init__(self, limited=True):
        self.lock = threading.RLock()
        self.limited = limited
        self.do_reset({})

    def do_reset(self, _command):
        """Everything as in the beginning."""
        self.ticks = 0
        self.log, self.faults, self.count = [], {}, 0
        self.scopes, self.ids = {}, {}
        for path in ("repos/owner/repository", "repos/example/shop", "repos/example/shop/environments/production",
                     "repos/example/shop/environments/eu west",
                     "repos/example/shop/environments/prod/eu west", "repos/example/api", "orgs/example"):
            self.add(path)

    def add(self, path):
        kind = "organization" if path.startswith("orgs/") else "environment" if "/environments/" in path else "repository"
        self.scopes[path] = Scope(kind, len(self.scopes) + 1)
        if kind == "repository":
            self.ids[path.removeprefix("repos/")] = 7000 + len(self.ids)

    def now(self):
        return (START + datetime.timedelta(seconds=self.ticks)).strftime("%Y-%m-%dT%H:%M:%SZ")

    def write(self, scope, kind, name, entry):
        self.ticks += 1
        held = getattr(scope, kind)
        if self.limited and name not in held and len(held) >= LIMITS[scope.kind][kind]:
            raise invalid(f"The limit of {LIMITS[scope.kind][kind]} {kind} is reached", "name")
        created = held.get(name, {}).get("created_at", self.now())
        held[name] = {**held.get(name, {}), **entry, "name": name, "created_at": created, "updated_at": self.now()}

    def command(self, command):
        with self.lock:
            return getattr(self, "do_" + command["do"])(command)

    def do_state(self, _command):
        """Values and who may use them, without times."""
        shown = lambda entry: {key: entry[key] for key in ("value", "visibility", "selected") if key in entry}
        return {path: {kind: {name: shown(entry) for name, entry in getattr(scope, kind).items()}
                       for kind in ("secrets", "variables") if getattr(scope, kind)}
                for path, scope in self.scopes.items() if scope.secrets or scope.variables}

    def do_log(self, _command):
        """What was asked since the last time."""
        log, self.log = self.log, []
        return log

    def do_faults(self, command):
        """What to do wrong: a kind of fault for each request, counted from the next, which is 1; `*` for all. Lists
        that lag are those of now."""
        self.faults, self.count = command["faults"], 0
        self.past = {id(scope): copy.deepcopy((scope.secrets, scope.variables)) for scope in self.scopes.values()}

    def do_rotate(self, _command):
        for scope in self.scopes.values():
            scope.rotate()

    def do_set(self, command):
        """Somebody else's hand."""
        self.write(self.scopes[command["scope"]], command["kind"], command["name"],
                   {"value": command["value"], **command.get("more", {})})

    def do_run(self, command):
        """A run of a workflow, begun so many seconds from now."""
        at = START + datetime.timedelta(seconds=self.ticks + command["offset"])
        self.scopes["repos/" + command["repo"]].runs[command["id"]] = {
            "id": command["id"], "name": "deploy", "run_attempt": 1, "status": command["status"],
            "conclusion": "success" if command["status"] == "completed" else None,
            "created_at": at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        }

    def do_remove(self, command):
        del getattr(self.scopes[command["scope"]], command["kind"])[command["name"]]


ROUTES = [
    ("GET", r"/", "root"),
    ("GET", r"/user", "user"),
    ("GET", r"/repos/(?P<repo>[^/]+/[^/]+)", "repository"),
    ("GET", r"/(?P<scope>repos/[^/]+/[^/]+/actions)/runs", "runs"),
    ("GET", r"/(?P<scope>.+)/secrets/public-key", "public_key"),
    ("GET", r"/(?P<scope>.+)/(?P<kind>secrets|variables)", "list"),
    ("GET", r"/(?P<scope>.+)/(?P<kind>secrets|variables)/(?P<name>[^/]+)", "get"),
    ("PUT", r"/(?P<scope>.+)/secrets/(?P<name>[^/]+)", "put_secret"),
    ("POST", r"/(?P<scope>.+)/variables", "post_variable"),
    ("PATCH", r"/(?P<scope>.+)/variables/(?P<name>[^/]+)", "patch_variable"),
    ("DELETE", r"/(?P<scope>.+)/(?P<kind>secrets|variables)/(?P<name>[^/]+)", "delete"),
]


class Handler(http.server.BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    # Head and body in one packet, and no waiting for the client's word in between.
    wbufsize = -1
    disable_nagle_algorithm = True

    def log_message(self, *_arguments):
        pass

    def do_GET(self):
        self.serve()

    do_PUT = do_POST = do_PATCH = do_DELETE = do_GET

    def serve(self):
        world = self.server.world
        self.length = int(self.headers.get("Content-Length") or 0)
        self.body = self.rfile.read(self.length)
        with world.lock:
            world.count += 1
            number = world.count
            fault = world.faults.get(str(number), world.faults.get("*"))
            world.log.append(f"{self.command} {self.path.removeprefix('/api/v3')}")
            if fault == "rotate":
                world.command({"do": "rotate"})
            before = self.fault_before(fault)
            self.lags = fault == "lag"
            answer = before or self.handle_request()
        if fault == "slow":
            time.sleep(1.5)
        if fault in ("drop-before", "drop-after", "slow"):
            self.drop()
        elif fault == "500-after":
            self.answer(500, {"message": "Server Error"}, {})
        elif fault == "cut":
            self.answer(*answer, cut=True)
        else:
            self.answer(*answer)

    def fault_before(self, fault):
        """The answer that comes instead of doing anything."""
        soon = str(int(START.timestamp()) + 30)
        used_up = {"X-RateLimit-Limit": "5000", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": soon}
        secondary = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."
        primary = "API rate limit exceeded for user ID 1."
        here = f"https://127.0.0.1:{self.server.server_address[1]}"
        answers = {
            "drop-before": (500, {}, {}),
            "500": (500, {"message": "Server Error"}, {}),
            "502": (502, {"message": "Server Error"}, {}),
            "503": (503, {"message": "Service unavailable"}, {}),
            "primary": (403, {"message": primary}, used_up),
            "primary-429": (429, {"message": primary}, used_up),
            "secondary": (403, {"message": secondary}, {"Retry-After": "7", "X-RateLimit-Remaining": "4000"}),
            "secondary-bare": (403, {"message": secondary}, {"X-RateLimit-Remaining": "4000"}),
            "for-hours": (403, {"message": secondary}, {"Retry-After": "7200"}),
            "conflict": (409, {"message": "Conflict"}, {}),
            "improper": (422, {"message": IMPROPER}, {}),
            "field": (422, {"message": "Validation Failed", "errors": [{"field": "value"}, {"field": "marker-value"}]}, {}),
            "teapot": (418, {"message": "I'm a teapot"}, {}),
            "odd": (200, {"odd": True}, {}),
            "moved": (307, {"message": "Moved Permanently"}, {"Location": here + self.path}),
            "moved-away": (307, {"message": "Moved Permanently"}, {"Location": "https://elsewhere.example.com/"}),
        }
        return answers.get(fault)

    def handle_request(self):
        try:
            access = self.access()
        except Refusal as refusal:
            return refusal.status, refusal.body, refusal.headers
        try:
            status, body, headers = self.route(access)
        except Refusal as refusal:
            status, body, headers = refusal.status, refusal.body, refusal.headers
        if access["kind"] == "classic":
            headers = {"X-OAuth-Scopes": access["scopes"], "X-Accepted-OAuth-Scopes": "repo", **headers}
        return status, body, {"X-RateLimit-Limit": "5000", "X-RateLimit-Remaining": "4999", **headers}

    def access(self):
        if not self.headers.get("User-Agent"):
            raise Refusal(403, "Request forbidden by administrative rules.")
        version = self.headers.get("X-GitHub-Api-Version")
        if version is not None and version not in VERSIONS:
            raise Refusal(400, f"{version} is not a supported version.")
        scheme, _, token = (self.headers.get("Authorization") or "").partition(" ")
        if scheme.lower() not in ("bearer", "token") or not token:
            raise Refusal(401, "Requires authentication")
        if token not in TOKENS:
            raise Refusal(401, "Bad credentials")
        return TOKENS[token]

    def route(self, access):
        split = urllib.parse.urlsplit(self.path)
        path = split.path.removeprefix("/api/v3") or "/"
        self.query = urllib.parse.parse_qs(split.query)
        for method, pattern, name in ROUTES:
            match = re.fullmatch(pattern, path)
            if match and method == self.command:
                groups = {key: urllib.parse.unquote(value) for key, value in match.groupdict().items()}
                if "scope" in groups:
                    groups["scope"] = self.scope(match["scope"])
                kind = groups.get("kind", "secrets" if "secrets" in path else "variables")
                self.permit(access, kind, path)
                return getattr(self, "answer_" + name)(**groups)
        raise Refusal(404, "Not Found")

    def scope(self, path):
        """`repos/O/R/actions`, `repos/O/R/environments/E` or `orgs/O/actions`; all of them in any case."""
        parts = path.split("/")
        if len(parts) == 5 and parts[0] == "repos" and parts[3] == "environments":
            key = "/".join(parts[:4]) + "/" + urllib.parse.unquote(parts[4])
        elif (len(parts) == 4 and parts[0] == "repos" or len(parts) == 3 and parts[0] == "orgs") and parts[-1] == "actions":
            key = "/".join(parts[:-1])
        else:
            raise Refusal(404, "Not Found")
        found = {known.lower(): scope for known, scope in self.server.world.scopes.items()}.get(key.lower())
        if found is None:
            raise Refusal(404, "Not Found")
        return found

    def permit(self, access, kind, path):
        writes = self.command != "GET"
        if access["kind"] == "sso":
            raise Refusal(403, "Resource protected by organization SAML enforcement.",
                          headers={"X-GitHub-SSO": "required; url=https://github.com/orgs/example/sso?r=1"})
        if access["write"] or not writes and access["kind"] == "fine":
            return
        if access["kind"] == "fine":
            name = {"secrets": "secrets", "variables": "actions_variables"}[kind]
            if path.startswith("/orgs/"):
                name = "organization_" + name
            elif "/environments/" in path:
                name = "environments"
            raise Refusal(403, "Resource not accessible by personal access token",
                          headers={"X-Accepted-GitHub-Permissions": f"{name}=write"})
        raise Refusal(403, "Must have admin rights to Repository.")

    def read_json(self):
        try:
            read = json.loads(self.body)
        except ValueError:
            raise Refusal(400, "Problems parsing JSON") from None
        if not isinstance(read, dict):
            raise Refusal(400, "Body should be a JSON object")
        return read

    def check_name(self, name):
        if not re.fullmatch(r"[A-Z_][A-Z0-9_]*", name):
            raise invalid("Secret names can only contain alphanumeric characters ([a-z], [A-Z], [0-9]) or underscores "
                          "(_). Spaces are not allowed. Must start with a letter ([a-z], [A-Z]) or underscores (_).", "name")
        if name.startswith("GITHUB_"):
            raise invalid("Secret names must not start with GITHUB_.", "name")

    def readers(self, scope, body, required):
        """Who may use what an organisation holds."""
        if scope.kind != "organization":
            return {}
        if "visibility" not in body and not required:
            return {}
        if body.get("visibility") not in ("all", "private", "selected"):
            raise invalid("Invalid request.\n\n\"visibility\" wasn't supplied.", "visibility")
        ids = body.get("selected_repository_ids", [])
        if any(number not in self.server.world.ids.values() for number in ids):
            raise invalid("Some repositories could not be found.", "selected_repository_ids")
        return {"visibility": body["visibility"], "selected": ids}

    def answer_root(self):
        return 200, {"current_user_url": "user"}, {"X-OAuth-Scopes": "repo, admin:org"}

    def answer_user(self):
        return 200, {"login": "tester", "id": 1}, {}

    def answer_repository(self, repo):
        found = self.server.world.ids.get(repo.lower())
        if found is None:
            raise Refusal(404, "Not Found")
        return 200, {"id": found, "full_name": repo}, {}

    def answer_public_key(self, scope):
        key = base64.b64encode(bytes(scope.key.public_key)).decode()
        return 200, {"key_id": scope.key_id, "key": key}, {}

    def answer_list(self, scope, kind):
        default, most = PAGES[kind]
        number = lambda name, other: int(self.query.get(name, [str(other)])[0])
        size, page = max(1, min(number("per_page", default), most)), max(1, number("page", 1))
        held = getattr(scope, kind)
        if self.lags:
            held = self.server.world.past[id(scope)][("secrets", "variables").index(kind)]
        entries = [self.shown(scope, kind, entry) for _, entry in sorted(held.items())]
        last = max(1, -(-len(entries) // size))
        here = f"https://{self.headers['Host']}{urllib.parse.urlsplit(self.path).path}"
        pages = {"prev": page - 1, "next": page + 1, "last": last, "first": 1}
        wanted = [name for name in pages if (name in ("next", "last") and page < last) or (name in ("prev", "first") and page > 1)]
        link = ", ".join(f'<{here}?per_page={size}&page={pages[name]}>; rel="{name}"' for name in wanted)
        body = {"total_count": len(entries), kind: entries[(page - 1) * size:page * size]}
        return 200, body, {"Link": link} if link else {}

    def shown(self, scope, kind, entry):
        keys = ["name", "created_at", "updated_at"] + (["value"] if kind == "variables" else [])
        return {key: entry[key] for key in keys + ["visibility"] if key in entry}

    def answer_runs(self, scope):
        status = self.query.get("status", [None])[0]
        known = ("completed", "action_required", "cancelled", "failure", "neutral", "skipped", "stale", "success",
                 "timed_out", "in_progress", "queued", "requested", "waiting", "pending")
        if status is not None and status not in known:
            raise Refusal(422, "Validation Failed")
        runs = [run for run in scope.runs.values() if status in (None, run["status"], run["conclusion"])]
        runs.sort(key=lambda run: run["id"], reverse=True)
        size, page = (int(self.query.get(name, [other])[0]) for name, other in (("per_page", 30), ("page", 1)))
        return 200, {"total_count": len(runs), "workflow_runs": runs[(page - 1) * size:page * size]}, {}

    def answer_get(self, scope, kind, name):
        entry = getattr(scope, kind).get(name.upper())
        if entry is None:
            raise Refusal(404, "Not Found")
        return 200, self.shown(scope, kind, entry), {}

    def answer_put_secret(self, scope, name):
        body, name = self.read_json(), name.upper()
        self.check_name(name)
        for field in ("encrypted_value", "key_id"):
            if not isinstance(body.get(field), str):
                raise Refusal(422, f"Invalid request.\n\n\"{field}\" wasn't supplied.")
        if not BASE64.fullmatch(body["encrypted_value"]):
            raise Refusal(422, f"Invalid request.\n\n{body['encrypted_value']} does not match /{BASE64.pattern}/.")
        if body["key_id"] != scope.key_id:
            raise Refusal(422, IMPROPER)
        try:
            value = SealedBox(scope.key).decrypt(base64.b64decode(body["encrypted_value"], validate=True))
        except (CryptoError, binascii.Error, ValueError):
            raise Refusal(422, IMPROPER) from None
        if len(value) > LONGEST:
            raise invalid("Secret values must be no larger than 48 KB.", "encrypted_value")
        entry = {"value": value.decode("utf-8", "surrogateescape"), **self.readers(scope, body, required=True)}
        existed = name in scope.secrets
        self.server.world.write(scope, "secrets", name, entry)
        return (204, None, {}) if existed else (201, {}, {})

    def variable(self, scope, body, required):
        entry = self.readers(scope, body, required)
        for field in ("name", "value"):
            if field in body and not isinstance(body[field], str) or required and field not in body:
                raise invalid(f"Invalid request.\n\n\"{field}\" wasn't supplied.", field)
        if len(body.get("value", "").encode()) > LONGEST:
            raise invalid("Variable values must be no larger than 48 KB.", "value")
        return {**entry, **({"value": body["value"]} if "value" in body else {})}

    def answer_post_variable(self, scope):
        body = self.read_json()
        entry = self.variable(scope, body, required=True)
        name = body["name"].upper()
        self.check_name(name)
        if name in scope.variables:
            raise Refusal(409, "Already exists - Variable already exists")
        self.server.world.write(scope, "variables", name, entry)
        return 201, {}, {}

    def answer_patch_variable(self, scope, name):
        body, name = self.read_json(), name.upper()
        entry = self.variable(scope, body, required=False)
        if name not in scope.variables:
            raise Refusal(404, "Not Found")
        new = body.get("name", name).upper()
        self.check_name(new)
        if new != name:
            scope.variables[new] = scope.variables.pop(name)
        self.server.world.write(scope, "variables", new, entry)
        return 204, None, {}

    def answer_delete(self, scope, kind, name):
        if getattr(scope, kind).pop(name.upper(), None) is None:
            raise Refusal(404, "Not Found")
        return 204, None, {}

    def answer(self, status, body, headers, cut=False):
        text = b"" if body is None else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("X-GitHub-Request-Id", f"0:1:{self.server.world.count:X}")
        self.send_header("X-GitHub-Api-Version-Selected", VERSIONS[0])
        for name, value in headers.items():
            self.send_header(name, value)
        if body is not None:
            self.send_header("Content-Type", "application/json; charset=utf-8")
            self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text[:len(text) // 2] if cut else text)
        if cut:
            self.wfile.flush()
            self.drop()

    def drop(self):
        self.close_connection = True
        try:
            self.connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    """HTTPS on a free port of 127.0.0.1, each connection in a thread of its own."""

    daemon_threads = True
    request_queue_size = 512

    def handle_error(self, *_arguments):
        pass


@functools.cache
def certificate(folder):
    """A key and a certificate for 127.0.0.1, made anew."""
    key, path = os.path.join(folder, "key.pem"), os.path.join(folder, "certificate.pem")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                    "-keyout", key, "-out", path, "-subj", "/CN=127.0.0.1", "-days", "2",
                    "-addext", "basicConstraints=critical,CA:FALSE", "-addext", "subjectAltName=IP:127.0.0.1,DNS:github.example.com"],
                   check=True, capture_output=True)
    return key, path


def start(folder, world):
    """The port and the certificate of a server that runs in a thread."""
    key, path = certificate(folder)
    server = Server(("127.0.0.1", 0), Handler)
    server.world = world
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path, key)
    # The handshake is left to the thread of the connection: hundreds come at once.
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_address[1], path


def main():
    world = World()
    port, path = start(sys.argv[1], world)
    print(json.dumps({"port": port, "certificate": path}), flush=True)
    for line in sys.stdin:
        print(json.dumps(world.command(json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
