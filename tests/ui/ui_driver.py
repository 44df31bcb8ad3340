"""Steps that tests of the desktop program share: finding controls through accessibility, keys,
pointer, screenshots. Needs a display with a session bus (see run-under-xvfb).
"""
import os
import re
import subprocess
import sys
import tempfile
import time
import warnings

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
