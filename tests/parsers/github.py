"""`gh secret set --env-file` against the stand-in for GitHub, which opens the sealed boxes it is sent."""

import functools
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "github"))
import server  # noqa: E402

REPOSITORY = "repos/owner/repository"


@functools.cache
def start():
    """The world, the port, and the certificate to trust, made anew for each run."""
    world = server.World(limited=False)
    return world, *server.start(tempfile.mkdtemp(), world)


def set_secrets(program, path):
    """What GitHub would hold after `gh secret set --env-file PATH`."""
    world, port, certificate = start()
    held = world.scopes[REPOSITORY].secrets
    held.clear()
    with tempfile.TemporaryDirectory() as folder:
        env = {"PATH": "/usr/bin:/bin", "HOME": folder, "GH_CONFIG_DIR": folder, "GH_NO_UPDATE_NOTIFIER": "1",
               "GH_HOST": f"127.0.0.1:{port}", "GH_ENTERPRISE_TOKEN": "made-up", "SSL_CERT_FILE": certificate}
        command = [program, "secret", "set", "--env-file", path, "-R", f"127.0.0.1:{port}/owner/repository"]
        done = subprocess.run(command, env=env, capture_output=True, stdin=subprocess.DEVNULL, cwd=folder)
    if done.returncode:
        raise ValueError(done.stderr.decode("utf-8", "replace"))
    return {name: entry["value"].encode("utf-8", "surrogateescape") for name, entry in held.items()}
