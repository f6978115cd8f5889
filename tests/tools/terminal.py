#!/usr/bin/python3
"""Runs a program under a terminal of its own and does what the steps say, one a line:

wait TEXT    until the terminal has shown TEXT
next TEXT    the same, after what was waited for last
file PATH    until the file exists
type TEXT    types it, with \\x1b and the like
signal NAME  sends a signal to the program alone
hang up      closes the terminal
pause        a second
end          until the program has ended

Prints the exit code and then everything that the terminal showed.
"""

import codecs
import os
import pty
import select
import signal
import sys
import time

DEADLINE = time.monotonic() + 120

steps, command = sys.argv[1].splitlines(), sys.argv[2:]
child, terminal = pty.fork()
if child == 0:
    os.execvp(command[0], command)

shown = b""
met = 0
is_open = True


def look(seconds):
    """Reads what the terminal shows; False once it shows nothing more."""
    global shown, is_open
    if time.monotonic() > DEADLINE:
        sys.exit("waited in vain; shown so far: " + shown.decode(errors="replace"))
    if not is_open:
        time.sleep(seconds)
        return
    if select.select([terminal], [], [], seconds)[0]:
        try:
            new = os.read(terminal, 65536)
        except OSError:
            new = b""
        shown += new
        if not new:
            is_open = False


for step in steps:
    verb, _, rest = step.partition(" ")
    if verb == "wait":
        while rest.encode() not in shown:
            look(0.05)
        met = shown.index(rest.encode()) + len(rest.encode())
    elif verb == "next":
        while rest.encode() not in shown[met:]:
            look(0.02)
        met = shown.index(rest.encode(), met) + len(rest.encode())
    elif verb == "file":
        while not os.path.exists(rest):
            look(0.05)
    elif verb == "type":
        # A person types key by key: nano takes what comes at once for a paste.
        for key in codecs.decode(rest, "unicode_escape").encode("latin-1"):
            os.write(terminal, bytes([key]))
            look(0.02)
    elif verb == "signal":
        os.kill(child, getattr(signal, "SIG" + rest))
    elif verb == "hang":
        os.close(terminal)
        is_open = False
    elif verb == "pause":
        until = time.monotonic() + 1.5
        while time.monotonic() < until:
            look(0.05)
    elif verb == "end":
        while True:
            done, status = os.waitpid(child, os.WNOHANG)
            if done:
                break
            look(0.02)
        while is_open and select.select([terminal], [], [], 0.05)[0]:
            look(0)
        code = os.waitstatus_to_exitcode(status)

sys.stdout.buffer.write(f"{code}\n".encode() + shown)
