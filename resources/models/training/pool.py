# Renders a pool of films once, as 8-bit pictures in one file, for the networks that need content, not truth.
# May depend on numpy and the training modules.
"""usage: pool.py --out DIR --count 4000 [--seed 1]
Writes DIR/pixels.bin (grey bytes, one picture after the other) and DIR/index.json (kind, offset, size, landmarks
in px or null where not visible). Starting it again goes on where it stopped."""
import argparse
import json
import os
import time

import numpy as np

import dataset
import phantom
from atlas import Atlas

SIZE = 512
# Share of each kind of scene in ten.
KINDS = ("foot-dp", "pelvis-ap", "leg-ap", "foot-dp", "pelvis-ap", "leg-ap", "look-alike", "turned", "foot-dp", "pelvis-ap")


def turned(rng, atlas):
    """A view's bones seen from the side or from above: what the view must not be taken for."""
    view = str(rng.choice(["pelvis-ap", "leg-ap", "leg-ap", "foot-dp"]))
    scene = dataset.module(view).build(rng, atlas)
    a = np.radians(rng.choice([-1, 1]) * rng.uniform(60, 120))
    turn = np.array([[np.cos(a), 0, np.sin(a)], [0, 1, 0], [-np.sin(a), 0, np.cos(a)]])
    every = np.concatenate([b.vertices for b in scene.bodies if b.kind == "bone"])
    centre = 0.5 * (every.min(0) + every.max(0))
    move = lambda v: np.ascontiguousarray((v - centre) @ turn.T + centre, np.float32)
    for b in scene.bodies:
        b.vertices = move(b.vertices)
    for t in scene.tissue:
        t.centres = move(np.asarray(t.centres, np.float32))
    lift = 10 - min(b.vertices[:, 2].min() for b in scene.bodies)
    for b in scene.bodies:
        b.vertices[:, 2] += lift
    for t in scene.tissue:
        t.centres[:, 2] += lift
    p = scene.geometry.project(np.concatenate([b.vertices for b in scene.bodies if b.kind == "bone"]))
    lo, hi = p.min(0), p.max(0)
    pad = (hi - lo).max() * rng.uniform(-0.05, 0.15, 2)
    scene.film = (lo[0] - pad[0], lo[1] - pad[1], hi[0] + pad[0], hi[1] + pad[1])
    scene.landmarks = {}
    return scene


def picture(seed, n, atlas):
    """-> kind, image [H,W] uint8, landmarks {id: [x, y] or None}."""
    rng = np.random.default_rng([seed, 77, n])
    kind = KINDS[n % len(KINDS)]
    if kind == "turned":
        scene, ids = turned(rng, atlas), []
    elif kind == "look-alike":
        views = [v for v in dataset.VIEWS if hasattr(dataset.module(v), "negative")]
        scene, ids = dataset.module(views[rng.integers(len(views))]).negative(rng, atlas), []
    else:
        scene, ids = dataset.module(kind).build(rng, atlas), dataset.module(kind).LANDMARKS
    image, px, ok = phantom.render(scene, rng, SIZE, ids=ids)
    points = {k: [round(float(c), 1) for c in p] if v else None for k, p, v in zip(ids, px, ok)}
    return kind, (np.clip(image, 0, 1) * 255 + 0.5).astype(np.uint8), points


class Pool:
    """The pool read back; pictures are uint8 [H,W], shared between processes through the page cache."""

    def __init__(self, folder):
        with open(os.path.join(folder, "index.json")) as f:
            self.items = [json.loads(line) for line in f if line.endswith("\n")]
        self.pixels = np.memmap(os.path.join(folder, "pixels.bin"), np.uint8, "r")

    def __len__(self):
        return len(self.items)

    def image(self, i):
        e = self.items[i]
        return self.pixels[e["offset"]:e["offset"] + e["w"] * e["h"]].reshape(e["h"], e["w"])


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--out", required=True)
    ap.add_argument("--count", type=int, default=4000)
    ap.add_argument("--seed", type=int, default=1)
    a = ap.parse_args()
    os.makedirs(a.out, exist_ok=True)
    index, pixels = os.path.join(a.out, "index.json"), os.path.join(a.out, "pixels.bin")
    done = end = 0
    if os.path.exists(index):
        items = [json.loads(line) for line in open(index)]
        done, end = len(items), max(e["offset"] + e["w"] * e["h"] for e in items)
        with open(pixels, "r+b") as f:
            f.truncate(end)
    atlas, start = Atlas(), time.time()
    with open(index, "a", buffering=1) as log, open(pixels, "ab") as out:
        for n in range(done, a.count):
            try:
                kind, image, points = picture(a.seed, n, atlas)
            except ValueError as e:
                print(f"scene {n}: {e}", flush=True)
                kind, image, points = "look-alike", np.zeros((64, 64), np.uint8), {}
            out.write(image.tobytes())
            out.flush()
            log.write(json.dumps({"kind": kind, "offset": end, "w": image.shape[1], "h": image.shape[0], "points": points}) + "\n")
            end += image.size
            if n % 100 == 99:
                print(f"{n + 1} of {a.count}, {(n + 1 - done) / (time.time() - start):.1f} a second", flush=True)


if __name__ == "__main__":
    main()
