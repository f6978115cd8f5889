"""A stand-in for Clerk's Backend API on loopback, after clerk/openapi-specs (bapi/2026-05-12.yml, GetInstance and
ListDomains), and for an application's own endpoint for webhooks, which checks signatures as Svix's libraries do, by the
secrets that it is told or by those in its env file.

Prints its port, and then takes one JSON object a line from standard input: its whole state. Answers "ok".
"""

import base64
import hashlib
import hmac
import http.server
import json
import socketserver
import sys
import threading
import time

state = {"keys": {}, "status": None, "webhook": [], "env": None, "only": None, "checks": True,
         "frontends": {"ins_1": "https://brave-otter-12.clerk.accounts.dev"}}
INVALID = "The provided Clerk Secret Key is invalid. Make sure that your Clerk Secret Key is correct."


def secrets():
    if not state["env"]:
        return state["webhook"]
    with open(state["env"]) as file:
        lines = dict(line.rstrip("\n").split("=", 1) for line in file if line.startswith("CLERK_WEBHOOK_SECRET"))
    known = [lines[state["only"]]] if state["only"] else lines.values()
    return [secret.strip("'\"") for secret in known if secret.strip("'\"")]


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_arguments):
        pass

    def answer(self, status, body, headers=()):
        raw = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(raw)))
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(raw)

    def error(self, status, code, message, headers=()):
        error = {"code": code, "message": message, "long_message": message}
        self.answer(status, {"errors": [error], "clerk_trace_id": "made-up"}, headers)

    def do_GET(self):
        fault = state.get("domains") if self.path == "/v1/domains" else None
        fault = fault or state["status"]
        if fault == 429:
            return self.error(429, "too_many_requests", "Too many requests", [("Retry-After", "10")])
        if fault == "proxy":
            return self.answer(401, {"message": "log in to the hotel's network"})
        if fault == "elsewhere":
            return self.answer(307, {}, [("Location", "https://elsewhere.example.com/v1/instance")])
        if fault:
            return self.error(fault, "internal", "It failed")
        scheme, _, key = (self.headers.get("Authorization") or "").partition(" ")
        if scheme != "Bearer":
            return self.error(401, "authentication_invalid", "Invalid authentication")
        if self.path not in ("/v1/instance", "/v1/domains"):
            return self.error(404, "resource_not_found", "not found")
        instance = state["keys"].get(key)
        if instance is None and not state.get("open"):
            return self.error(401, "clerk_key_invalid", INVALID)
        id, kind = instance or ["ins_open", "development"]
        if self.path == "/v1/domains":
            frontend = state["frontends"].get(id, f"https://{id.replace('_', '-')}.clerk.accounts.dev")
            domain = {"object": "domain", "id": f"dmn_{id}", "name": frontend.split("//")[1], "is_satellite": False,
                      "frontend_api_url": frontend, "accounts_portal_url": None, "proxy_url": None,
                      "development_origin": "", "cname_targets": []}
            return self.answer(200, {"data": [domain], "total_count": 1})
        body = {"object": "instance", "id": id, "environment_type": kind, "allowed_origins": None, "workspace_id": None}
        self.answer(200, body)

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        id, at, signatures = (self.headers[f"svix-{name}"] for name in ("id", "timestamp", "signature"))
        if state["status"]:
            return self.answer(state["status"], {})
        if abs(time.time() - int(at)) > 300:
            return self.answer(400, {"error": "too old"})
        for secret in secrets():
            key = base64.b64decode(secret.removeprefix("whsec_"))
            wanted = base64.b64encode(hmac.new(key, f"{id}.{at}.{body}".encode(), hashlib.sha256).digest()).decode()
            if f"v1,{wanted}" in signatures.split(" "):
                return self.answer(204 if json.loads(body)["type"] else 400, {})
        self.answer(200 if not state["checks"] else 400, {})


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True


server = Server(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
print(server.server_address[1], flush=True)
for line in sys.stdin:
    state.update(json.loads(line))
    print("ok", flush=True)
