#!/usr/bin/python3
"""Drives `gonio` through accessibility: opens the sample and a broken file, reads the angles,
moves a landmark with the keyboard, undoes, confirms, and leaves screenshots.

Usage: test_window.py PROGRAM, on a display with a session bus (see run-under-xvfb).
"""
import os
import re
import subprocess
import sys
import tempfile
import time

import gi

gi.require_version("Atspi", "2.0")
from gi.repository import Atspi  # noqa: E402

PROGRAM = sys.argv[1]
SOURCE = os.environ["GONIO_SOURCE_DIR"]
SHOTS = os.environ.get("GONIO_SCREENSHOTS", tempfile.gettempdir())
SAMPLE = os.path.join(SOURCE, "resources", "samples", "foot-dp.png")


def wait(what, probe, seconds=60):
    """First true answer of probe(); fails by name when there is none in time."""
    end = time.time() + seconds
    while time.time() < end:
        answer = probe()
        if answer:
            return answer
        time.sleep(0.2)
    screenshot("failure")
    raise AssertionError(f"not seen within {seconds} s: {what}")


def children(node):
    try:
        return [node.get_child_at_index(i) for i in range(node.get_child_count())]
    except Exception:  # a node that went away between two calls
        return []


def nodes(node):
    if node is None:
        return
    yield node
    for child in children(node):
        yield from nodes(child)


def name_of(node):
    try:
        return node.get_name() or ""
    except Exception:
        return ""


def role_of(node):
    try:
        return node.get_role_name()
    except Exception:
        return ""


def application():
    desktop = Atspi.get_desktop(0)
    for child in children(desktop):
        if child and name_of(child) == "gonio":
            return child
    return None


def find(pattern, role=None):
    for node in nodes(application()):
        if re.search(pattern, name_of(node)) and (role is None or role_of(node) == role):
            return node
    return None


def names():
    return [name_of(node) for node in nodes(application()) if name_of(node)]


def screenshot(name):
    os.makedirs(SHOTS, exist_ok=True)
    subprocess.run(["import", "-window", "root", os.path.join(SHOTS, name + ".png")], check=False)


def press(*keys):
    for key in keys:
        subprocess.run(["xdotool", "key", "--clearmodifiers", key], check=True)
        time.sleep(0.15)


def focused():
    for node in nodes(application()):
        try:
            if node.get_state_set().contains(Atspi.StateType.FOCUSED):
                return name_of(node)
        except Exception:
            pass
    return ""


def tab_to(pattern, most=60):
    """Moves the keyboard focus with Tab until the focused widget's name matches."""
    for _ in range(most):
        if re.search(pattern, focused()):
            return focused()
        press("Tab")
    screenshot("failure")
    raise AssertionError(f"Tab never reaches {pattern!r}; names: {names()}")


def hva():
    """The spoken row of the hallux valgus angle: 'name, value, grade'."""
    row = find(r"^Hallux valgus angle, ")
    match = row and re.search(r", (-?\d+(?:\.\d+)?)°", name_of(row))
    return float(match.group(1)) if match else None


def main():
    with tempfile.TemporaryDirectory() as folder:
        broken = os.path.join(folder, "broken.dcm")
        with open(broken, "wb") as f:
            f.write(b"\0" * 128 + b"DICM" + b"\xff" * 64)
        # The accessibility bus has to be there before the program looks for it.
        wait("the accessibility registry", lambda: Atspi.get_desktop(0) is not None)
        time.sleep(1)
        program = subprocess.Popen([PROGRAM, SAMPLE, broken])
        try:
            wait("the window", application)
            wait("the notice that this is no medical device", lambda: find("Not a medical device"))
            first = wait("the hallux valgus angle", hva)
            assert -20 <= first <= 70, first
            wait("the broken file's state", lambda: find(r"^broken\.dcm, .*Failed"))
            wait("landmarks with names", lambda: find(r"metatarsal.*confidence"))
            screenshot("sample-light")

            tab_to(r"^proximal phalanx.*, distal point, confidence (high|low)")
            press(*["Right"] * 12)
            wait("a landmark placed by hand", lambda: find("placed by you"))
            moved = wait("a changed angle", lambda: hva() is not None and hva() != first and hva())
            screenshot("landmark-moved")
            press(*["ctrl+z"] * 12)
            wait("the old angle after undo", lambda: hva() == first)
            assert not find("placed by you")
            press("ctrl+shift+z")
            wait("redo", lambda: find("placed by you"))
            press("ctrl+z")
            assert moved != first

            press("Return")
            wait("confirmed in the list", lambda: find(r"^foot-dp\.png, .*Confirmed"))
            screenshot("confirmed")

            press("j")
            wait("the broken file's message in place", lambda: find(r"broken\.dcm"))
            time.sleep(0.5)
            screenshot("broken-file")
            assert program.poll() is None, "the program ended"
        finally:
            program.terminate()
            program.wait(timeout=20)
    print("ui: all steps passed")


main()
