#!/usr/bin/python3
"""Drives `gonio` through accessibility and the pointer: opens the sample, a broken file and a
folder, reads the angles, moves, drags, leaves out, places and locks landmarks, straightens and
measures by hand, undoes, confirms, and leaves screenshots.

Usage: test_window.py PROGRAM, on a display with a session bus (see run-under-xvfb).
"""
import math
import os
import re
import struct
import subprocess
import sys
import tempfile
import time
import warnings
import zlib

import gi

gi.require_version("Atspi", "2.0")
from gi.repository import Atspi  # noqa: E402

warnings.simplefilter("ignore", DeprecationWarning)
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


def activate(pattern, role=None):
    """Presses a control as an assistive technology would."""
    node = wait(f"a control {pattern!r}", lambda: find(pattern, role))
    action = node.get_action_iface()
    assert action and action.get_n_actions() > 0, f"{pattern!r} cannot be pressed"
    assert action.do_action(0)


def extents(pattern):
    box = find(pattern).get_component_iface().get_extents(Atspi.CoordType.WINDOW)
    return box.x, box.y, box.width, box.height


def click(x, y, button=1):
    subprocess.run(["xdotool", "mousemove", str(int(x)), str(int(y))], check=True)
    time.sleep(0.2)
    subprocess.run(["xdotool", "click", str(button)], check=True)
    time.sleep(0.3)


def showing(pattern):
    """Is there such a thing, visible with all that holds it?"""
    node = find(pattern)
    try:
        seen = bool(node)
        while node and role_of(node) != "application":
            seen = seen and node.get_state_set().contains(Atspi.StateType.VISIBLE)
            node = node.get_parent()
        return seen
    except Exception:
        return False


def write_gradient(path, width, height):
    """A grey PNG, white above and black below: nothing that could be measured."""
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    rows = b"".join(b"\0" + bytes([255 - 255 * y // height]) * width for y in range(height))
    with open(path, "wb") as f:
        f.write(b"\x89PNG\r\n\x1a\n"
                + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
                + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


PHALANX = r"^proximal phalanx of the great toe, distal point, "
HINT = r"^Click on: proximal phalanx of the great toe, distal point"


def check_edit(first):
    """A landmark moved by keys: value, words and undo."""
    tab_to(PHALANX)
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


def check_missing(first):
    """A landmark left out is listed, and placed again by hand."""
    tab_to(PHALANX)
    press("s")
    wait("no angle without its landmark", lambda: hva() is None)
    wait("the reason", lambda: find("1 landmark was left out by you"))
    activate(r"^Place proximal phalanx of the great toe, distal point")
    wait("the hint", lambda: showing(HINT))
    time.sleep(0.5)
    screenshot("placing")
    press("Escape")
    wait("no hint after Escape", lambda: not showing(HINT))
    assert hva() is None
    activate(r"^Place proximal phalanx of the great toe, distal point")
    wait("the hint again", lambda: showing(HINT))
    press(*["Up"] * 3, "Return")
    wait("an angle again", lambda: hva() is not None)
    assert not showing(HINT)
    press("ctrl+z", "ctrl+z")
    wait("the first angle after undo", lambda: hva() == first)


def middle_of(name):
    x, y, width, height = extents(name)
    return x + width / 2, y + height / 2


def drag(start, by, shot=None):
    """Drags with the pointer in ten steps."""
    x, y = start
    subprocess.run(["xdotool", "mousemove", str(int(x)), str(int(y)), "mousedown", "1"], check=True)
    for i in range(1, 11):
        to = [str(int(x + by[0] * i / 10)), str(int(y + by[1] * i / 10))]
        subprocess.run(["xdotool", "mousemove", *to], check=True)
        time.sleep(0.05)
    if shot:
        screenshot(shot)
    subprocess.run(["xdotool", "mouseup", "1"], check=True)
    time.sleep(0.5)


def check_drag(first):
    """A landmark dragged by the pointer is one step of undo."""
    before = middle_of(PHALANX)
    drag(before, (30, 10), "dragging")
    after = middle_of(PHALANX)
    assert abs(after[0] - before[0] - 30) < 3 and abs(after[1] - before[1] - 10) < 3, (before, after)
    assert hva() is not None and hva() != first
    press("ctrl+z")
    wait("the first angle after one undo", lambda: hva() == first)


def check_menu(first):
    """A landmark's menu: what it is, lock, reset, remove."""
    click(*middle_of(PHALANX), button=3)
    wait("the menu by right click", lambda: showing(r"^Lock$"))
    press("Escape")
    wait("no menu after Escape", lambda: not find(r"^Lock$"))
    tab_to(PHALANX)
    press("Menu")
    wait("what it is", lambda: showing(r"^middle of the shaft, just behind the head$"))
    time.sleep(0.5)
    screenshot("landmark-menu")
    activate(r"^Lock$", "push button")
    wait("it is locked", lambda: find(PHALANX + ".*locked"))
    tab_to(PHALANX)
    press("Right", "Right")
    assert hva() == first and not find("placed by you")
    press("shift+F10")
    activate(r"^Unlock$", "push button")
    wait("it is unlocked", lambda: not find(PHALANX + ".*locked"))
    tab_to(PHALANX)
    press(*["Right"] * 12)
    wait("it moves again", lambda: hva() is not None and hva() != first)
    press("Menu")
    activate(r"^Reset to the model's place$", "push button")
    wait("the model's angle", lambda: hva() == first)
    tab_to(PHALANX)
    press("Menu")
    activate(r"^Remove$", "push button")
    wait("no angle without it", lambda: hva() is None)
    press("ctrl+z")
    wait("the angle after undo", lambda: hva() == first)


def check_help():
    """What a measure is, from its row."""
    activate(r"^What is HVA\?")
    wait("the definition", lambda: find(r"^Angle between the axes of the first metatarsal"))
    for words in (r"^plus towards lateral, minus towards medial$", r"^below 15°$",
                  r"^Source: J Foot Ankle Res 2009", r"^±5°$", r"moderate: 21–40°"):
        wait(words, lambda pattern=words: find(pattern), 10)
    time.sleep(0.5)
    screenshot("measure-help")
    press("Escape")
    time.sleep(0.5)


def check_straighten(first):
    """Four corners by hand: cancelled, applied, measured again as found."""
    corner = r"^top left corner of the film$"
    press("t")
    wait("the corner handles", lambda: find(corner))
    press(*["Right"] * 8, *["Down"] * 5)
    before = middle_of(corner)
    drag(before, (40, 20), "straighten")
    after = middle_of(corner)
    assert abs(after[0] - before[0] - 40) < 4 and abs(after[1] - before[1] - 20) < 4, (before, after)
    right = middle_of(r"^top right corner of the film$")
    drag(after, (right[0] - after[0] + 30, 60))
    wait("a word about crossed corners", lambda: find(r"^These corners cross each other"))
    press("Return")
    assert find(corner), "crossed corners were applied"
    press("Escape")
    wait("no handles after Escape", lambda: not find(corner))
    assert hva() == first and not find("rectified by hand")

    press("t")
    wait("the handles again", lambda: find(corner))
    press(*["Right"] * 30)
    press("Return")
    wait("rectified by hand", lambda: find(r"rectified by hand"))
    wait("an angle again", hva)
    screenshot("straightened")
    press("b")
    wait("the original, before", lambda: find("original photo"))
    press("b")
    press("ctrl+r")
    wait("the first angle when measured as found", lambda: hva() == first)


def check_manual():
    """A picture that is none of the views, measured by hand."""
    wait("the refusal", lambda: find(r"^blank\.png, .*No answer"))
    wait("measuring by hand", lambda: showing(r"^Measure by hand as"))
    screenshot("refused")
    assert not showing(r"^Confirm$"), "nothing to confirm"
    activate(r"^Foot, dorsoplantar$", "push button")
    wait("the first hint", lambda: showing(r"^Click on: first metatarsal, proximal point"))
    x, y, width, height = extents("^Radiograph$")
    spots = ((0.45, 0.7), (0.45, 0.5), (0.46, 0.45), (0.5, 0.35), (0.55, 0.7), (0.58, 0.5))
    for fx, fy in spots[:4]:
        click(x + fx * width, y + fy * height)
    wait("the hint for the fifth landmark", lambda: showing(r"^Click on: second metatarsal"))
    wait("no sign without a side", lambda: find(r"^Hallux valgus angle, –"))
    for fx, fy in spots[4:]:
        click(x + fx * width, y + fy * height)
    value = wait("an angle placed by hand", hva)
    # From the clicked points: the metatarsal runs straight up, the toe leans outward.
    toe = math.degrees(math.atan2(0.04 * width, 0.1 * height))
    assert abs(value - toe) < 2, (value, toe)
    wait("its words", lambda: find(r"4 landmarks are not placed yet"))
    time.sleep(0.5)
    screenshot("by-hand")
    press("Escape")
    press(*["ctrl+z"] * 7)
    wait("no view after undo", lambda: showing(r"^Measure by hand as"))


def main():
    with tempfile.TemporaryDirectory() as folder:
        broken = os.path.join(folder, "broken.dcm")
        with open(broken, "wb") as f:
            f.write(b"\0" * 128 + b"DICM" + b"\xff" * 64)
        films = os.path.join(folder, "films", "inner")
        os.makedirs(films)
        blank = os.path.join(films, "blank.png")
        write_gradient(blank, 600, 800)
        # The accessibility bus has to be there before the program looks for it.
        wait("the accessibility registry", lambda: Atspi.get_desktop(0) is not None)
        time.sleep(1)
        program = subprocess.Popen([PROGRAM, SAMPLE, broken, os.path.dirname(films)])
        try:
            wait("the window", application)
            wait("the notice that this is no medical device", lambda: find("Not a medical device"))
            first = wait("the hallux valgus angle", hva)
            assert -20 <= first <= 70, first
            wait("the broken file's state", lambda: find(r"^broken\.dcm, .*Failed"))
            wait("landmarks with names", lambda: find(r"metatarsal.*confidence"))
            screenshot("sample-light")
            check_edit(first)
            check_drag(first)
            check_missing(first)
            check_menu(first)
            check_help()
            check_straighten(first)

            press("Return")
            wait("confirmed in the list", lambda: find(r"^foot-dp\.png, .*Confirmed"))
            screenshot("confirmed")

            press("j")
            wait("the broken file's message in place", lambda: find(r"broken\.dcm"))
            time.sleep(0.5)
            screenshot("broken-file")
            press("j")
            check_manual()
            assert program.poll() is None, "the program ended"
        finally:
            program.terminate()
            program.wait(timeout=20)
    print("ui: all steps passed")


main()
