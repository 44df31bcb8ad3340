# Draws a network's landmarks on real films, to be looked at.
# May depend on torch, numpy, PIL and the training modules.
"""usage: overlay.py --model DIR/last.pt --view foot-dp --out sheet.png FILM... (png, jpg)"""
import argparse

import numpy as np
from PIL import Image, ImageDraw

import dataset
import infer
from angles import measure
from contact_sheet import COLOURS


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--model", required=True)
    ap.add_argument("--view", required=True)
    ap.add_argument("--out", required=True)
    ap.add_argument("--size", type=int, default=560)
    ap.add_argument("--columns", type=int, default=4)
    ap.add_argument("--invert", action="store_true")
    ap.add_argument("films", nargs="+")
    a = ap.parse_args()
    net, ids, _ = infer.load(a.model)
    refine = dataset.module(a.view).REFINE
    tiles = []
    for name in a.films:
        im = Image.open(name)
        if im.mode in ("I", "I;16"):
            im = Image.fromarray((np.asarray(im, np.float32) / 65535 * 255).astype(np.uint8))
        image = np.asarray(im.convert("L"), np.float32) / 255
        if a.invert:
            image = 1 - image
        trace = []
        pts, spread, conf, total, first, _ = infer.measure(net, image, ids, refine, trace)
        values = measure(a.view, dict(zip(ids, pts)))
        print(name.rsplit("/", 1)[-1], "presence", " ".join(f"{t:.2f}" for t in total), "confidence",
              " ".join(f"{c:.2f}" for c in conf), {k: round(float(v), 1) for k, v in values.items()})
        k = a.size / max(image.shape)
        small = Image.fromarray((image * 255).astype(np.uint8)).convert("RGB").resize(
            (int(image.shape[1] * k), int(image.shape[0] * k)), Image.LANCZOS)
        d = ImageDraw.Draw(small)
        for t in trace:
            d.rectangle([v * k for v in t], outline="#406080")
        for i, p in enumerate(pts * k):
            c = COLOURS[i % len(COLOURS)]
            f = first[0][i] * k
            d.line([f[0], f[1], p[0], p[1]], fill=c)
            if total[i] >= 0.3:
                d.ellipse([p[0] - 4, p[1] - 4, p[0] + 4, p[1] + 4], outline=c, width=2)
            else:
                d.line([p[0] - 3, p[1] - 3, p[0] + 3, p[1] + 3], fill=c)
        tile = Image.new("RGB", (a.size, a.size + 14), "#203040")
        tile.paste(small, (0, 0))
        ImageDraw.Draw(tile).text((3, a.size + 1), f"{name.rsplit('/', 1)[-1][:28]} conf {conf.mean():.2f} " + " ".join(
            f"{k} {v:.1f}" for k, v in values.items()), fill="#ffff80")
        tiles.append(tile)
    n = min(a.columns, len(tiles))
    sheet = Image.new("RGB", (n * a.size, -(-len(tiles) // n) * (a.size + 14)))
    for i, t in enumerate(tiles):
        sheet.paste(t, (i % n * a.size, i // n * (a.size + 14)))
    sheet.save(a.out)


if __name__ == "__main__":
    main()
