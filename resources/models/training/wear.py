# What pictures suffer between the detector and the reader: tone curves, uneven light, loss of detail, frames, blocks.
# May depend on numpy and phantom.py.
import numpy as np

import phantom


def _tone(rng, x):
    """A random monotone curve through five points."""
    y = np.cumsum(rng.dirichlet(np.full(5, rng.uniform(0.6, 4.0))))
    return np.interp(x, np.linspace(0, 1, 6), np.concatenate([[0], y])).astype(np.float32)


def _light(rng, x):
    """A smooth field that brightens and darkens, and now and then a step across the picture as of stitched films."""
    h, w = x.shape
    field = phantom.smooth_noise(rng, x.shape, rng.uniform(2, 12)) * rng.uniform(0.05, 0.25)
    if rng.random() < 0.3:
        a, at = rng.uniform(0, 2 * np.pi), rng.uniform(-0.5, 0.5)
        t = np.linspace(-1, 1, w)[None] * np.cos(a) + np.linspace(-1, 1, h)[:, None] * np.sin(a)
        field = field + rng.uniform(-0.25, 0.25) * (t > at)
    return x * (1 + field) if rng.random() < 0.5 else x + field


def _narrow(rng, x):
    """A part of the grey scale only, as a close part of a film that was windowed as a whole has."""
    lo = rng.uniform(0, 0.7)
    return lo + (rng.uniform(lo + 0.2, 1.0) - lo) * x if lo < 0.75 else x


def _coarse(rng, x):
    """Fewer pixels, then scaled up again."""
    h, w = x.shape
    k = rng.uniform(1.2, 3.0)
    small = phantom.warp(phantom.blur(x, 0.4 * k), [k, 0, 0, 0, k, 0], int(w / k) + 1, int(h / k) + 1)
    return phantom.warp(small, [1 / k, 0, 0, 0, 1 / k, 0], w, h)


def _blocks(rng, x):
    """Labels, tape, shields: plain or see-through rectangles."""
    h, w = x.shape
    x = x.copy()
    for _ in range(rng.integers(1, 5)):
        a, b = (np.exp(rng.uniform(np.log(0.02), np.log(0.3), 2)) * [w, h]).astype(int) + 1
        x0, y0 = rng.integers(0, max(1, w - a)), rng.integers(0, max(1, h - b))
        part = x[y0:y0 + b, x0:x0 + a]
        part += (rng.uniform(0, 1) - part) * (1.0 if rng.random() < 0.4 else rng.uniform(0.1, 0.6))
    return x


def film(rng, image):
    """A whole film's margins: a frame of one grey, of one width or one for each side."""
    if rng.random() > 0.3:
        return image
    image = image.copy()
    h, w = image.shape
    grey = rng.choice([0.0, 1.0, 1.0, rng.uniform(0, 1)])
    wide = np.maximum(1, (np.exp(rng.uniform(np.log(0.003), np.log(0.04))) * max(h, w) *
                          (rng.uniform(0, 1.5, 4) if rng.random() < 0.5 else np.ones(4))).astype(int))
    image[:wide[0]], image[h - wide[1]:], image[:, :wide[2]], image[:, w - wide[3]:] = grey, grey, grey, grey
    return image


def crop(rng, x):
    """What may befall any look at a picture."""
    for chance, change in ((0.4, _tone), (0.35, _light), (0.35, _narrow), (0.3, _coarse), (0.25, _blocks)):
        if rng.random() < chance:
            x = change(rng, x)
    if rng.random() < 0.35:
        x = x + phantom.noise(rng, x.shape) * abs(rng.normal()) * 0.04
    x = np.clip(x, 0, 1)
    return (1 - x if rng.random() < 0.15 else x).astype(np.float32)
