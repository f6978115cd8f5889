"""`gh secret set --env-file` against a stand-in for GitHub on loopback, which opens the sealed boxes it is sent."""

import base64
import functools
import http.server
import json
import os
import socketserver
import ssl
import subprocess
import tempfile
import threading

from nacl.public import PrivateKey, SealedBox

KEY = PrivateKey.generate()


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    request_queue_size = 512


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    secrets = {}

    def log_message(self, *_arguments):
        pass

    def answer(self, code, body):
        text = json.dumps(body).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def do_GET(self):
        if self.path.endswith("/actions/secrets/public-key"):
            key = base64.b64encode(bytes(KEY.public_key)).decode()
            return self.answer(200, {"key_id": "1", "key": key})
        return self.answer(404, {"message": "Not Found"})

    def do_PUT(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        name = self.path.rsplit("/", 1)[1]
        self.secrets[name] = SealedBox(KEY).decrypt(base64.b64decode(body["encrypted_value"]))
        self.answer(201, {})


@functools.cache
def start():
    """The server's port and the certificate to trust, made anew for each run."""
    folder = tempfile.mkdtemp()
    key, certificate = os.path.join(folder, "key"), os.path.join(folder, "certificate")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                    "-keyout", key, "-out", certificate, "-subj", "/CN=127.0.0.1", "-days", "2",
                    "-addext", "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)
    server = Server(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    # The handshake is left to the thread of the connection: hundreds come at once.
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_address[1], certificate


def set_secrets(program, path):
    """What GitHub would hold after `gh secret set --env-file PATH`."""
    port, certificate = start()
    Handler.secrets.clear()
    with tempfile.TemporaryDirectory() as folder:
        env = {"PATH": "/usr/bin:/bin", "HOME": folder, "GH_CONFIG_DIR": folder, "GH_NO_UPDATE_NOTIFIER": "1",
               "GH_HOST": f"127.0.0.1:{port}", "GH_ENTERPRISE_TOKEN": "made-up", "SSL_CERT_FILE": certificate}
        command = [program, "secret", "set", "--env-file", path, "-R", f"127.0.0.1:{port}/owner/repository"]
        done = subprocess.run(command, env=env, capture_output=True, stdin=subprocess.DEVNULL, cwd=folder)
    if done.returncode:
        raise ValueError(done.stderr.decode("utf-8", "replace"))
    return dict(Handler.secrets)
