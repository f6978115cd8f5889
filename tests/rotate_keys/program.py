"""A program for `with = "command"`, after the contract in the README: its source is a file with the accepted values.

    program.py FILE

The file may say how a verb misbehaves: {"accepted": [...], "made": {...}, "bad": {"apply": "hang"}}.
"""

import json
import os
import subprocess
import sys
import time

path = sys.argv[1]
with open(path) as file:
    source = json.load(file)
raw = sys.stdin.read()
request = json.loads(raw)
assert request["luca-secrets"] == 1
verb, id, secret = request["verb"], request["id"], request["secret"]
old, new = request["current"].get(secret), request["new"].get(secret)
source.setdefault("log", []).append(verb)
bad = source.get("bad", {}).get(verb)
once = source.get("once")
if once:
    source["bad"].pop(verb, None)


def save():
    with open(path + ".new", "w") as file:
        json.dump(source, file)
    os.replace(path + ".new", path)


save()


def answer(outcome, code=0, **more):
    print(json.dumps({"outcome": outcome, **more}))
    sys.exit(code)


def word(value):
    return "none" if value is None else "accepted" if value in source["accepted"] else "refused"


def work():
    accepted = source["accepted"]
    if verb == "create":
        made = source.setdefault("made", {})
        # What an earlier try of the same rotation has left.
        if made.get(id) in accepted and source.get("issues"):
            accepted.remove(made[id])
        made[id] = f"made-by-source-{len(made)}-{len(source['log'])}-{os.urandom(8).hex()}"
        if source.get("issues"):
            accepted.append(made[id])
        return {"new": {secret: made[id], **source.get("also", {})}, "keep": {"number": "17"}}
    if verb == "apply" and new not in accepted:
        if not source.get("overlap", True):
            accepted.clear()
        accepted.append(new)
    if verb == "test" and new not in accepted:
        answer("rejected", evidence="the service refuses it")
    if verb == "finish" and old in accepted:
        accepted.remove(old)
    if verb == "undo":
        if new in accepted:
            accepted.remove(new)
        if source.get("issues") and source.get("made", {}).get(id) in accepted:
            accepted.remove(source["made"][id])
        if old not in accepted:
            accepted.append(old)
    if verb == "probe":
        return {"accepted": {"current": word(old), "new": word(new)}}
    return {"evidence": f"{verb} of {request['keep'].get('number', 'nothing')}"}


if bad == "hang":
    time.sleep(1000)
if bad == "crash-before":
    os._exit(1)
if bad in ("held", "unavailable", "rejected"):
    answer(bad, {"held": 4, "unavailable": 75, "rejected": 3}[bad], evidence=f"as {old} says")
if bad == "wrong-code":
    answer("rejected", 4)
more = work()
save()
if bad == "hang-after":
    # With a child of its own, which would keep the pipe open.
    subprocess.run(["sleep", "1000"])
if bad == "leave":
    subprocess.Popen(["sleep", "30"], start_new_session=True)
if bad == "crash-after":
    os.kill(os.getpid(), 9)
if bad == "garbage":
    print("it is done, trust me")
    sys.exit(0)
if bad == "huge":
    print(json.dumps({"outcome": "applied", "evidence": "x" * 1000000}))
    sys.exit(0)
if bad == "silent":
    sys.exit(0)
if bad == "typo":
    answer("applied", evidense="x")
if bad == "leak":
    import base64
    print("Traceback\nValueError: cannot use", new, base64.b64encode(str(new).encode()).decode(), file=sys.stderr)
    sys.exit(1)
if bad == "leak-evidence":
    answer("applied", evidence=f"replaced {old} by {new}")
if bad == "environment":
    names = sorted(os.environ)
    answer("rejected", 3, evidence=" ".join(names) + " in " + os.getcwd())
answer("applied", **more)
