#!/usr/bin/python3
"""Drives the preferences and diagnostics of `gonio`: chooses what computes, measures with it, reads
the status line and the diagnostics, copies them, starts again and finds the choice kept; then asks
for a graphics card that is not there.

Usage: test_preferences.py PROGRAM, on a display with a session bus (see run-under-xvfb).
"""
import os
import re
import subprocess
import time

from ui_driver import (Atspi, PROGRAM, SAMPLE, activate, application, find, focused, hva, name_of,
                       nodes, press, role_of, screenshot, showing, tab_to, wait)

SIMPLE = r"^Processor, simple code \(slow\)$"
KEYFILE = os.path.join(os.environ["XDG_CONFIG_HOME"], "glib-2.0", "settings", "keyfile")


def start(**more):
    """The program on the sample, with settings in a file of the test's own."""
    program = subprocess.Popen([PROGRAM, SAMPLE],
                               env={**os.environ, "GSETTINGS_BACKEND": "keyfile", **more})
    wait("the window", application)
    return program


def stop(program):
    program.terminate()
    program.wait(timeout=20)
    wait("no window", lambda: not application())


def radio(pattern):
    for node in nodes(application()):
        if role_of(node) in ("radio button", "check box") and re.search(pattern, name_of(node)):
            return node
    return None


def has_state(node, state):
    try:
        return node.get_state_set().contains(state)
    except Exception:
        return False


def written(node):
    """What stands in an entry."""
    text = node.get_text_iface() if role_of(node) == "entry" else None
    return Atspi.Text.get_text(text, 0, Atspi.Text.get_character_count(text)) if text else ""


def chosen(pattern):
    node = radio(pattern)
    return node and has_state(node, Atspi.StateType.CHECKED)


def down_to(pattern, most=12):
    for _ in range(most):
        if re.search(pattern, focused()):
            return
        press("Down")
    screenshot("failure")
    raise AssertionError(f"the arrow never reaches {pattern!r}, but {focused()!r}")


def check_preferences():
    """By keys alone: open, look, choose, close. Is there a graphics card's row?"""
    press("ctrl+comma")
    wait("the preferences", lambda: radio(r"^Automatic$"))
    wait("the list of what computes", lambda: radio(SIMPLE))
    wait("what automatic takes", lambda: find(r"^The best that works on this computer\. Now: "), 90)
    assert chosen(r"^Automatic$") and not chosen(SIMPLE)
    assert chosen(r"^Full$") and not chosen(r"^Half$")
    time.sleep(0.5)
    screenshot("preferences")
    tab_to(r"^Automatic$")
    down_to(SIMPLE)
    press("space")
    wait("the choice", lambda: chosen(SIMPLE) and not chosen(r"^Automatic$"))
    card = radio(r"^Graphics card \(OpenGL compute\)$") is not None
    press("Escape")
    wait("no preferences", lambda: not radio(SIMPLE))
    return card


def check_diagnostics():
    """From the preferences' last row; all of it can be copied."""
    press("ctrl+comma")
    wait("the preferences", lambda: radio(SIMPLE))
    tab_to(r"^Automatic$")
    down_to(r"^Diagnostics$")
    press("Return")
    wait("where the models ran", lambda: find(r"^\d+ of \d+ nodes on reference$"), 90)
    wait("what can compute", lambda: find(r"^reference: Processor, simple code"))
    wait("the picture's times", lambda: find(r"^Times$"))
    time.sleep(0.5)
    screenshot("diagnostics")
    activate(r"^Copy everything as text", "push button")
    wait("the word that it is copied", lambda: find(r"^Copied$"))
    press("Escape")
    wait("no diagnostics", lambda: not find(r"^Times$"))
    press("ctrl+f")
    press("ctrl+v")
    text = wait("the copy in the search field", lambda: next(
        (t for t in map(written, nodes(application())) if "Chosen in the preferences" in t), None))
    assert "nodes on reference" in text and "Finding the bones" in text, text
    press("ctrl+a", "Delete")


def main():
    wait("the accessibility registry", lambda: Atspi.get_desktop(0) is not None)
    time.sleep(1)
    program = start()
    try:
        first = wait("the angle", hva)
        wait("where it ran", lambda: showing(r"^(Processor|Graphics card).*: .*, [\d.]+ m?s$"))
        card = check_preferences()
        press("ctrl+r")
        wait("the slow processor in the status line",
             lambda: showing(r"^Processor, simple code \(slow\): .*, [\d.]+ m?s$"), 120)
        again = wait("the angle again", hva)
        assert abs(again - first) <= 1, (again, first)
        screenshot("status-line")
        check_diagnostics()
        stop(program)

        with open(KEYFILE) as f:
            assert "backend='reference'" in f.read()
        program = start()
        wait("the kept choice in the status line",
             lambda: showing(r"^Processor, simple code \(slow\): "), 120)
        press("ctrl+comma")
        wait("the kept choice", lambda: chosen(SIMPLE))
        stop(program)

        if card:
            with open(KEYFILE, "w") as f:
                f.write("[org/gonio/Gonio]\nbackend='gl-compute'\n")
            program = start(__EGL_VENDOR_LIBRARY_FILENAMES="/nonexistent.json")
            wait("words that the card cannot be used",
                 lambda: showing(r"^Graphics card \(OpenGL compute\) cannot be used: ran on "), 120)
            assert showing(r"^Not where it was asked to run$")
            assert wait("the angle", hva)
            press("ctrl+comma")
            wait("why", lambda: find(r"^Cannot be used on this computer: "), 90)
            assert chosen(r"^Graphics card \(OpenGL compute\)$")
            time.sleep(0.5)
            screenshot("card-unusable")
            press("Escape")
            assert program.poll() is None, "the program ended"
    finally:
        program.terminate()
        program.wait(timeout=20)
    print("ui: preferences and diagnostics passed")


main()
