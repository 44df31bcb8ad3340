#!/usr/bin/python3
"""Drives `gonio` through accessibility and the pointer: opens the sample, a broken file and a
folder, reads the angles, moves, drags, leaves out, places and locks landmarks, straightens and
measures by hand, undoes, confirms, and leaves screenshots.

Usage: test_window.py PROGRAM, on a display with a session bus (see run-under-xvfb).
"""
import math
import os
import struct
import subprocess
import tempfile
import time
import zlib

from ui_driver import (Atspi, PROGRAM, SAMPLE, activate, application, click, drag, extents, find, hva,
                    middle_of, press, screenshot, showing, tab_to, wait)


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
