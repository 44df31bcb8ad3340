# Contact sheet of rendered images with landmarks and measured angles, to be looked at.
# May depend on the training modules, numpy and PIL.
"""usage: contact_sheet.py --view foot-dp --seed 1 --count 12 --size 420 --out sheet.png [--negative]"""
import argparse
import importlib
import time

import numpy as np
from PIL import Image, ImageDraw

import phantom
from angles import measure
from atlas import Atlas

COLOURS = ["#ff4040", "#ff9000", "#ffe000", "#60e000", "#00c8a0", "#00b0ff", "#6070ff", "#c060ff", "#ff60c0", "#ffffff"]


def draw(image, points, ids, visible, size):
    im = Image.fromarray((np.clip(image, 0, 1) * 255).astype(np.uint8)).convert("RGB")
    d = ImageDraw.Draw(im)
    for k, (p, ok) in enumerate(zip(points, visible)):
        if ok:
            c = COLOURS[k % len(COLOURS)]
            d.ellipse([p[0] - 3, p[1] - 3, p[0] + 3, p[1] + 3], outline=c)
            d.point([p[0], p[1]], fill=c)
    tile = Image.new("RGB", (size, size), "#203040")
    tile.paste(im, (0, 0))
    return tile


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--view", required=True)
    ap.add_argument("--seed", type=int, default=1)
    ap.add_argument("--count", type=int, default=12)
    ap.add_argument("--size", type=int, default=420)
    ap.add_argument("--columns", type=int, default=4)
    ap.add_argument("--negative", action="store_true")
    ap.add_argument("--out", required=True)
    a = ap.parse_args()
    mod = importlib.import_module(a.view.replace("-", "_"))
    atlas = Atlas()
    tiles, spent = [], [0.0, 0.0]
    for n in range(a.count):
        rng = np.random.default_rng([a.seed, n])
        t0 = time.time()
        scene = (mod.negative if a.negative else mod.build)(rng, atlas)
        t1 = time.time()
        image, px, ok = phantom.render(scene, rng, a.size, ids=mod.LANDMARKS)
        spent[0] += t1 - t0
        spent[1] += time.time() - t1
        tile = draw(image, px, mod.LANDMARKS, ok, a.size)
        words = ", ".join(f"{k} {v:.0f}" for k, v in measure(a.view, dict(zip(mod.LANDMARKS, px))).items())
        ImageDraw.Draw(tile).text((4, a.size - 12), f"{n} {scene.meta.get('side', '')} {words}", fill="#ffff80")
        tiles.append(tile)
    rows = -(-len(tiles) // a.columns)
    sheet = Image.new("RGB", (a.columns * a.size, rows * a.size))
    for n, t in enumerate(tiles):
        sheet.paste(t, (n % a.columns * a.size, n // a.columns * a.size))
    sheet.save(a.out)
    print(f"build {1000 * spent[0] / a.count:.1f} ms, render {1000 * spent[1] / a.count:.1f} ms per image")


if __name__ == "__main__":
    main()
