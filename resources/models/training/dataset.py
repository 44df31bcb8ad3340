# Turns scenes into training pictures: whole films, closer crops, rotations, mirroring, negatives.
# May depend on the training modules, numpy, PIL and torch's IterableDataset.
import glob
import importlib
import os

import numpy as np
from PIL import Image

import phantom
import wear
from atlas import Atlas

SIZE = 256
VIEWS = ("foot-dp", "pelvis-ap", "leg-ap")
# Real pictures that show none of a view's landmarks, relative to GONIO_NEGATIVES. Films kept for testing
# (hand, knee, ankle, pelvis, foot) are named nowhere here.
REAL = {
    "*": ["radiographs/chest/**/*.png", "radiographs/spine/**/*.jpg", "phone-photos/*.jpg",
          "limbs/normal-elbow-ap.jpg", "limbs/normal-cervical-spine-lateral.jpg", "limbs/normal-wrist-lateral.jpg",
          "limbs/normal-shoulder-grashey.jpg", "limbs/fracatlas-IMG0003310.jpg"],
    "foot-dp": ["limbs/normal-knee-lateral.jpg", "limbs/normal-ankle-lateral.jpg", "limbs/normal-knee-pediatric-ap.jpg",
                "limbs/normal-ankle-mortise.jpg", "limbs/foot-lateral-weight-bearing-control.jpg"],
    "pelvis-ap": ["limbs/normal-knee-lateral.jpg", "limbs/normal-ankle-lateral.jpg", "limbs/normal-foot-oblique.jpg",
                  "limbs/normal-knee-pediatric-ap.jpg", "limbs/normal-ankle-mortise.jpg"],
    "leg-ap": ["limbs/normal-foot-oblique.jpg"],
}


def module(view):
    return importlib.import_module(view.replace("-", "_"))


def real_negatives(view):
    """Small grey copies of the real negatives, float32 0..1; every third chest and spine film only, so
    that the others remain for testing."""
    root = os.environ.get("GONIO_NEGATIVES")
    out = []
    for pattern in (REAL["*"] + REAL.get(view, [])) if root else []:
        names = sorted(glob.glob(os.path.join(root, pattern), recursive=True))
        for name in names[:: 3 if len(names) > 20 else 1]:
            im = Image.open(name).convert("L")
            im.thumbnail((420, 420))
            out.append(np.asarray(im, np.float32) / 255)
    return out


def affine(centre, extent, angle, mirror):
    """Matrix 2x3 from a SIZE x SIZE crop to the picture: extent px wide, turned by angle degrees."""
    s = extent / SIZE
    c, n = np.cos(np.radians(angle)) * s, np.sin(np.radians(angle)) * s
    f = -1.0 if mirror else 1.0
    a = np.array([[c * f, -n], [n * f, c]])
    return np.column_stack([a, np.asarray(centre) - a @ [SIZE / 2, SIZE / 2]])


def inverse(m):
    i = np.linalg.inv(m[:, :2])
    return np.column_stack([i, -i @ m[:, 2]])


# Views whose films show each other's landmarks: never each other's negatives.
OVERLAP = {"pelvis-ap": ("leg-ap",), "leg-ap": ("pelvis-ap",)}


class Sampler:
    """Endless source of (crop [256,256], points [K,2] px, present [K]) for one view."""

    def __init__(self, view, seed, negatives=0.3):
        self.view, self.mod = view, module(view)
        self.atlas = Atlas()
        self.seed, self.share = seed, negatives
        self.ids = self.mod.LANDMARKS
        self.whole = getattr(self.mod, "WHOLE", 0.4)  # share of whole films; the others show one group of landmarks
        self.turned = getattr(self.mod, "TURNED", 0.4)  # share of closer crops turned by up to 45 degrees
        index = {k: i for i, k in enumerate(self.ids)}
        self.swap = np.arange(len(self.ids))
        for a, b in self.mod.FLIP_PAIRS:
            self.swap[index[a]], self.swap[index[b]] = index[b], index[a]
        self.groups = [[index[k] for k in g] for g in self.mod.REFINE["groups"]]
        self.real = real_negatives(view)
        self.others = []
        for v in VIEWS:
            if v != view and v not in OVERLAP.get(view, ()):
                try:
                    self.others.append(module(v))
                except ImportError:
                    pass

    def films(self, n, count):
        """Scene n rendered count times, whole or near a group of landmarks -> rng, whether it shows the view, list of
        (image, points px, visible, kind of crop to take)."""
        rng = np.random.default_rng([self.seed, n])
        nothing = np.full((len(self.ids), 2), np.nan), np.zeros(len(self.ids), bool)
        shows = rng.random() >= self.share
        scene = self.mod.build(rng, self.atlas) if shows else self.without(rng)
        if isinstance(scene, np.ndarray):
            return rng, shows, [(scene, *nothing, "any")]
        # The same bones in another view are looked at as closely: nothing is to be found there either.
        mm = scene.landmarks_mm(self.ids)
        return rng, shows, [self.near(rng, scene, mm) for _ in range(count)]

    def without(self, rng):
        """A picture [H,W] 0..1, or a scene, that does not show the view."""
        # Few real films: were they a large share, "looks real" would come to mean "absent".
        kind = rng.random()
        if kind < 0.07 and self.real:
            im = self.real[rng.integers(len(self.real))]
            im = 1 - im if rng.random() < 0.2 else im
            return im ** np.float32(np.exp(rng.normal() * 0.3))
        if kind < 0.12:
            im = 0.5 + rng.uniform(0, 0.3) * phantom.smooth_noise(rng, (256, 200), rng.uniform(1, 120))
            return np.clip(im * rng.uniform(0, 2), 0, 1).astype(np.float32)
        if self.others and kind < 0.3:
            return self.others[rng.integers(len(self.others))].build(rng, self.atlas)
        return self.mod.negative(rng, self.atlas)

    def near(self, rng, scene, mm):
        """The whole film, or the part around one group of landmarks; then with the side in px that a closer look at
        them has."""
        if rng.random() > self.whole:
            g = self.groups[rng.integers(len(self.groups))]
            p = mm[g][np.isfinite(mm[g]).all(1)]
            if len(p):
                rect, side = self.around(p, 1.7, self.floor_mm(scene))
                f = scene.film
                rect = (max(rect[0], f[0]), max(rect[1], f[1]), min(rect[2], f[2]), min(rect[3], f[3]))
                if rect[2] - rect[0] > 20 and rect[3] - rect[1] > 20:
                    mm = max(rect[2] - rect[0], rect[3] - rect[1]) / 416
                    return (*phantom.render(scene, rng, 416, window=rect, ids=self.ids), (g, side / 1.7 / mm))
        return (*phantom.render(scene, rng, 512, ids=self.ids), "whole")

    def floor_mm(self, scene):
        f = scene.film
        return max(f[2] - f[0], f[3] - f[1]) * self.mod.REFINE.get("floor", 0.12)

    def around(self, p, extra, floor):
        """Square of the refine extent around points [N,2], times extra."""
        c = 0.5 * (p.min(0) + p.max(0))
        e = max((p.max(0) - p.min(0)).max() * self.mod.REFINE["extent"], floor) * extra
        return (c[0] - e / 2, c[1] - e / 2, c[0] + e / 2, c[1] + e / 2), e

    def crops(self, n, count):
        """count crops of scene n, from two films of it."""
        rng, shows, films = self.films(n, 2)
        films = [(wear.film(rng, f[0]), *f[1:]) for f in films]
        out = []
        for c in range(count):
            image, px, ok, kind = films[c % len(films)]
            h, w = image.shape
            if kind == "whole" or (kind == "any" and rng.random() < 0.6):
                centre = np.array([w, h]) / 2 + rng.normal(size=2) * 0.04 * max(w, h)
                extent = max(w, h) * np.exp(rng.uniform(np.log(0.9), np.log(1.35)))
                angle = rng.normal() * 10
                if rng.random() < 0.3:
                    extent = max(w, h)
                    angle, centre = 0.0, np.array([w, h]) / 2
            elif kind == "any" or rng.random() < 0.2 or not ok[kind[0]].any():
                centre = rng.uniform(0.15, 0.85, 2) * [w, h]
                extent = max(w, h) * rng.uniform(0.3, 0.9)
                angle = rng.normal() * 20
            else:
                g, side = kind
                p = px[g][ok[g]]
                centre = 0.5 * (p.min(0) + p.max(0)) + rng.normal(size=2) * 0.07 * side
                extent = side * np.exp(rng.normal() * 0.2)
                angle = rng.uniform(-45, 45) if rng.random() < self.turned else rng.normal() * 8
            # Pictures on their side or head are "absent", so that the pipeline can tell the upright one.
            lying = rng.random() < 0.08
            if lying:
                angle = rng.choice([90, 180, 270]) + rng.normal() * 8
            mirror = rng.random() < 0.5
            m = affine(centre, extent, angle, mirror)
            fill = 0.0 if rng.random() < 0.8 else float(rng.choice([1.0, rng.uniform(0, 1), np.median(image)]))
            crop = phantom.warp(image, m, SIZE, SIZE, fill)
            i = inverse(m)
            q = px @ i[:, :2].T + i[:, 2]
            seen = ok & np.isfinite(q).all(1) & (shows and not lying)
            if mirror:
                q, seen = q[self.swap], seen[self.swap]
            seen = seen & (np.nan_to_num(q, nan=-1) >= 1).all(1) & (np.nan_to_num(q, nan=999) < SIZE - 1).all(1)
            out.append((wear.crop(rng, crop), np.nan_to_num(q).astype(np.float32), seen))
        return out
