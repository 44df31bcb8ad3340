# Renders a Scene to a radiograph-like image with landmark positions; the mesh work is done in C.
# May depend on numpy, PIL and the built library (folder in GONIO_PHANTOM_LIB, see README.md).
"""render() randomises everything that is not anatomy: exposure, scatter, noise, processing, display
curve, collimation, markers, text. The truth comes from the scene's own projection."""
import ctypes as C
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

TILE = 512


class _Window(C.Structure):
    _fields_ = [("sx", C.c_double), ("sy", C.c_double), ("sid", C.c_double), ("x0", C.c_double),
                ("y0", C.c_double), ("mm_per_px", C.c_double), ("w", C.c_int32), ("h", C.c_int32)]


class _Material(C.Structure):
    _fields_ = [("mu_cortical", C.c_float), ("mu_spongy", C.c_float), ("texture", C.c_float),
                ("tile", C.POINTER(C.c_float)), ("tile_n", C.c_int32), ("tile_cos", C.c_float),
                ("tile_sin", C.c_float), ("tile_du", C.c_float), ("tile_dv", C.c_float)]


def _load():
    folder = os.environ.get("GONIO_PHANTOM_LIB") or str(Path(__file__).parent / "phantom" / "build")
    lib = C.CDLL(str(Path(folder) / "libphantom.so"))
    lib.ph_body.restype = C.c_int
    lib.ph_noise.argtypes = [C.c_void_p, C.c_int64, C.c_uint64]
    lib.ph_blur.argtypes = [C.c_void_p, C.c_void_p, C.c_int32, C.c_int32, C.c_float]
    lib.ph_balls.argtypes = [C.c_void_p, C.c_void_p, C.c_int32, C.c_void_p]
    lib.ph_warp.argtypes = [C.c_void_p, C.c_int32, C.c_int32, C.c_void_p, C.c_void_p, C.c_int32, C.c_int32,
                            C.c_int32, C.c_float]
    lib.ph_collimate.argtypes = [C.c_void_p, C.c_int32, C.c_int32, C.c_void_p, C.c_int32, C.c_float, C.c_float]
    return lib


_LIB = _load()


def _ptr(a):
    return a.ctypes.data


def blur(img, sigma):
    """Gaussian blur (px) of a float32 image, as a new array."""
    out = np.array(img, np.float32, order="C")
    scratch = np.empty_like(out)
    _LIB.ph_blur(_ptr(out), _ptr(scratch), out.shape[1], out.shape[0], float(sigma))
    return out


def warp(img, matrix, dw, dh, fill=0.0):
    """dst(x, y) = img(matrix @ (x, y, 1)), px with centres at +0.5; averages when it shrinks."""
    img = np.ascontiguousarray(img, np.float32)
    m = np.ascontiguousarray(matrix, np.float64).reshape(6)
    scale = np.sqrt(abs(m[0] * m[4] - m[1] * m[3]))
    out = np.empty((dh, dw), np.float32)
    _LIB.ph_warp(_ptr(img), img.shape[1], img.shape[0], _ptr(m), _ptr(out), dw, dh,
                 int(np.clip(np.ceil(scale - 0.2), 1, 6)), float(fill))
    return out


def noise(rng, shape):
    out = np.empty(shape, np.float32)
    _LIB.ph_noise(_ptr(out), out.size, int(rng.integers(1, 2**62)))
    return out


def smooth_noise(rng, shape, cells):
    """Smooth unit-variance noise with about `cells` bumps along the long side."""
    k = max(shape) / cells
    small = noise(rng, (int(shape[0] / k) + 3, int(shape[1] / k) + 3))
    out = warp(small, [1 / k, 0, 1, 0, 1 / k, 1], shape[1], shape[0])
    return out / max(float(out.std()), 1e-6)


_tiles = None


def _trabecular_tiles():
    """Band-limited, partly directional noise tiles: the look of trabecular bone (px of a tile = 0.25 mm)."""
    global _tiles
    if _tiles is None:
        rng = np.random.default_rng(12345)
        fy, fx = np.meshgrid(np.fft.fftfreq(TILE), np.fft.fftfreq(TILE), indexing="ij")
        f = np.hypot(fx, fy)
        tiles = []
        for centre, spread in ((0.14, 0.5), (0.10, 0.6), (0.06, 0.7), (0.18, 0.4)):
            band = np.exp(-0.5 * (np.log(np.maximum(f, 1e-6) / centre) / spread) ** 2)
            direction = 0.35 + (fx / np.maximum(f, 1e-6)) ** 4
            t = np.fft.ifft2(np.fft.fft2(rng.normal(size=(TILE, TILE))) * band * direction).real
            tiles.append(np.ascontiguousarray(t / t.std(), np.float32))
        _tiles = tiles
    return _tiles


def _direction(geometry, v):
    """Angle of a body's long axis in the projection."""
    p = geometry.project(v[:: max(1, len(v) // 200)])
    p = p - p.mean(0)
    return np.arctan2(*np.linalg.eigh(p.T @ p)[1][::-1, -1])


@dataclass
class Appearance:
    """Ranges of everything that is not anatomy. Pass a changed copy to narrow or widen."""
    photons: tuple = (8e2, 4e4)
    scatter: tuple = (0.0, 0.5)
    edge: tuple = (0.0, 2.5)
    equalise: tuple = (0.0, 0.75)
    gamma: tuple = (0.6, 1.7)
    collimate: float = 0.45
    marker: float = 0.6
    text: float = 0.25
    invert: float = 0.1
    ramp: float = 0.35
    artefacts: bool = True


def geometry_window(geometry, rect, size):
    """C window of rect (detector mm) whose long side has `size` px, and its mm per px."""
    x0, y0, x1, y1 = rect
    mm = max(x1 - x0, y1 - y0) / size
    w, h = max(8, int(round((x1 - x0) / mm))), max(8, int(round((y1 - y0) / mm)))
    return _Window(geometry.sx, geometry.sy, geometry.sid, x0, y0, mm, w, h), mm


def attenuation(scene, rng, win, mm):
    """Line integral of attenuation [H,W] and the bone thickness in mm [H,W]."""
    att = np.zeros((win.h, win.w), np.float32)
    bone = np.zeros((win.h, win.w), np.float32)
    tiles = _trabecular_tiles()
    for b in scene.bodies:
        cortex = np.ascontiguousarray(np.broadcast_to(np.asarray(b.cortex_mm, np.float32), len(b.vertices)))
        tile = tiles[rng.integers(len(tiles))]
        a = -_direction(scene.geometry, b.vertices) if b.texture else 0.0
        s = 4.0 * rng.uniform(0.7, 1.3)
        mat = _Material(b.mu_cortical, b.mu_spongy, b.texture, tile.ctypes.data_as(C.POINTER(C.c_float)), TILE,
                        s * np.cos(a), s * np.sin(a), rng.uniform(0, TILE), rng.uniform(0, TILE))
        rc = _LIB.ph_body(C.byref(win), C.c_void_p(_ptr(b.vertices)), len(b.vertices), C.c_void_p(_ptr(b.faces)),
                          len(b.faces), C.c_void_p(_ptr(cortex)), C.byref(mat), C.c_void_p(_ptr(att)),
                          C.c_void_p(_ptr(bone)) if b.kind == "bone" else None)
        if rc:
            raise ValueError(f"body {b.name!r} cannot be drawn: bad indices or far outside the film")
    for t in scene.tissue:
        shrink = max(1.0, max(win.w, win.h) / 220)
        low = _Window(win.sx, win.sy, win.sid, win.x0, win.y0, mm * shrink, int(win.w / shrink) + 2,
                      int(win.h / shrink) + 2)
        balls = np.ascontiguousarray(np.column_stack([t.centres, t.radius]), np.float32)
        thick = np.zeros((low.h, low.w), np.float32)
        _LIB.ph_balls(C.byref(low), _ptr(balls), len(balls), _ptr(thick))
        # Two passes keep a crisp skin line while the inside becomes smooth.
        soft = blur(thick, 4.0 * rng.uniform(0.5, 1.5))
        edge = np.clip(blur(thick, 1.2) / max(1e-3, 8.0 * mm * shrink), 0, 1)
        thick = warp(np.minimum(soft, 2.0 * thick + 2.0) * edge, [1 / shrink, 0, 0, 0, 1 / shrink, 0], win.w, win.h)
        thick *= 1 + 0.04 * smooth_noise(rng, thick.shape, rng.uniform(3, 20))
        att += t.mu * np.maximum(thick, 0)
    return att, bone


_fonts = {}


def _font(size):
    if size not in _fonts:
        for name in ("DejaVuSans-Bold.ttf", "DejaVuSans.ttf"):
            try:
                _fonts[size] = ImageFont.truetype(name, size)
                break
            except OSError:
                continue
        else:
            _fonts[size] = ImageFont.load_default()
    return _fonts[size]


def stamp(rng, shape, words, height, angle, mirror, centre, framed):
    """Mask 0..1 [H,W] of lettering, rotated by angle degrees about its centre."""
    font = _font(int(max(6, height)))
    box = font.getbbox(words) if hasattr(font, "getbbox") else (0, 0) + font.getsize(words)
    pad = int(height * 0.4) + 2
    im = Image.new("L", (box[2] + 2 * pad, box[3] + 2 * pad))
    d = ImageDraw.Draw(im)
    d.text((pad, pad), words, 255, font)
    if framed:
        d.rectangle([1, 1, im.width - 2, im.height - 2], outline=255, width=max(1, int(height / 8)))
    if mirror:
        im = im.transpose(Image.FLIP_LEFT_RIGHT)
    im = im.rotate(angle, Image.BILINEAR, expand=True)
    out = Image.new("L", (shape[1], shape[0]))
    out.paste(im, (int(centre[0] - im.width / 2), int(centre[1] - im.height / 2)))
    return np.asarray(out, np.float32) / 255


def _collimation(rng, win, points):
    """Half-planes (a, b, c) of a polygonal or near-circular field, px; sometimes cutting into the picture."""
    w, h = win.w, win.h
    planes = []
    if rng.random() < 0.15:
        n, centre = 28, np.array([w, h]) * rng.uniform(0.42, 0.58, 2)
        radius = max(w, h) * rng.uniform(0.42, 0.62)
        for a in np.arange(n) * 2 * np.pi / n:
            planes.append((np.cos(a), np.sin(a), -(centre @ [np.cos(a), np.sin(a)]) - radius))
    else:
        tilt = np.radians(rng.normal() * 3)
        for a, dist in ((0, w), (np.pi / 2, h), (np.pi, 0), (-np.pi / 2, 0)):
            if rng.random() < 0.3:
                continue
            n = np.array([np.cos(a + tilt), np.sin(a + tilt)])
            inset = max(w, h) * abs(rng.normal()) * 0.06
            edge = np.array([w if abs(a) < 1e-9 else (0 if a > 3 else w / 2), h if 1 < a < 2 else (0 if a < 0 else h / 2)])
            planes.append((n[0], n[1], -(n @ edge) + inset))
    return np.ascontiguousarray(planes, np.float32).reshape(-1, 3)


def _display(img, inside, rng, ap):
    """Window, S-curve and gamma to 0..1, from percentiles as automatic exposure does."""
    v = img[inside][:: 7] if inside is not None else img.ravel()[:: 7]
    if v.size < 50:
        v = img.ravel()
    lo = np.percentile(v, rng.uniform(0.5, 25)) if rng.random() < 0.7 else v.min()
    hi = np.percentile(v, rng.uniform(97, 99.9) if rng.random() < 0.6 else rng.uniform(75, 97))
    lo -= rng.uniform(-0.05, 0.5) * (hi - lo) if rng.random() < 0.5 else 0
    hi += rng.uniform(-0.05, 0.35) * (hi - lo)
    x = np.clip((img - lo) / max(hi - lo, 1e-4), 0, 1)
    if rng.random() < 0.4:
        k = rng.uniform(2, 7)
        c = rng.uniform(0.35, 0.65)
        s = 1 / (1 + np.exp(-k * (x - c)))
        a, b = 1 / (1 + np.exp(k * c)), 1 / (1 + np.exp(-k * (1 - c)))
        x = (s - a) / (b - a)
    return np.power(np.clip(x, 0, 1), np.exp(rng.uniform(*np.log(ap.gamma)))).astype(np.float32)


def _ramp(rng, g):
    """A soft step or slope across the picture: stitched films, compensation filters, a thick trunk above thin
    legs, so that one end is nearly white or black."""
    h, w = g.shape
    a = rng.choice([np.pi / 2, -np.pi / 2, rng.uniform(0, 2 * np.pi)])
    t = (np.linspace(-1, 1, w, dtype=np.float32) * np.cos(a) * w + (np.linspace(-1, 1, h, dtype=np.float32) * np.sin(a) * h)[:, None]) / max(w, h)
    t = 1 / (1 + np.exp(-(t - rng.uniform(-0.7, 0.7)) / rng.uniform(0.05, 0.5)))
    lo, hi = np.percentile(g[::5, ::5], [5, 97])
    return (t * (rng.uniform(-0.9, 1.2) * (hi - lo))).astype(np.float32)


def _exposure(att, rng, ap, win, mm):
    """Attenuation -> detected log signal (bone bright), with scatter, blur, heel effect and noise."""
    i = np.exp(-att * rng.uniform(0.75, 1.3))
    if rng.random() < 0.5:
        gx, gy = rng.normal(size=2) * 0.12
        i *= 1 + gx * np.linspace(-1, 1, win.w, dtype=np.float32) + gy * np.linspace(-1, 1, win.h, dtype=np.float32)[:, None]
    s = rng.uniform(*ap.scatter)
    i = (1 - s) * i + s * blur(i, max(win.w, win.h) * rng.uniform(0.04, 0.15))
    i = blur(i, rng.uniform(0.1, 0.45) / mm if rng.random() < 0.8 else rng.uniform(0.4, 1.0) / mm)
    photons = np.exp(rng.uniform(*np.log(ap.photons))) * (mm / 0.4) ** 2
    grain = noise(rng, i.shape)
    if rng.random() < 0.5:
        grain = blur(grain, rng.uniform(0.3, 0.9)) * 1.6
    i = i + np.sqrt(np.maximum(i, 0) / photons) * grain
    return i


def render(scene, rng, size, appearance=None, window=None, ids=None):
    """-> image [H,W] float32 0..1, landmarks [K,2] px (centres at +0.5), visible [K] bool.

    size: long side in px. window: detector mm rectangle instead of scene.film (a closer view). ids: the
    landmark order; default all of the scene's."""
    ap = appearance or Appearance()
    ids = list(scene.landmarks) if ids is None else ids
    win, mm = geometry_window(scene.geometry, window or scene.film, size)
    shape = (win.h, win.w)
    att, bone = attenuation(scene, rng, win, mm)
    px = (scene.landmarks_mm(ids) - [win.x0, win.y0]) / mm
    long = max(shape)
    clutter = np.zeros(shape, np.float32)
    if ap.artefacts and rng.random() < ap.marker:
        word = str(rng.choice(["R", "L", "Dx", "Sin", "RT", "LT", "D", "S", "W/B", "AP", "7"]))
        for _ in range(rng.integers(1, 3)):
            clutter = np.maximum(clutter, stamp(
                rng, shape, word, long * rng.uniform(0.02, 0.06), rng.choice([rng.normal() * 12, rng.uniform(0, 360)]),
                rng.random() < 0.3, rng.uniform(0.03, 0.97, 2) * [win.w, win.h], rng.random() < 0.4))
    if rng.random() < 0.7:
        att = att + clutter * rng.uniform(0.8, 4)
        clutter[:] = 0
    i = _exposure(att, rng, ap, win, mm)
    inside = None
    planes = np.zeros((0, 3), np.float32)
    if ap.artefacts and rng.random() < ap.collimate:
        planes = _collimation(rng, win, px)
        field = np.zeros(shape, np.float32)
        _LIB.ph_collimate(_ptr(field), win.w, win.h, _ptr(planes), len(planes), 1.0, float(rng.uniform(0.3, 3)))
        inside = field < 0.5
        if inside.mean() < 0.25:
            inside, planes = None, planes[:0]
        else:
            i = i * (1 - field) + field * i * rng.uniform(0.01, 0.1)
    g = -np.log(np.maximum(i, 1e-4)).astype(np.float32)
    # Processing as CR/DR consoles do it: compress the slow part, lift the fine part.
    if rng.random() < 0.75:
        g = g - rng.uniform(*ap.equalise) * blur(g, long * rng.uniform(0.03, 0.2))
    for _ in range(rng.integers(0, 3)):
        k = rng.uniform(*ap.edge)
        g = g + k * (g - blur(g, np.exp(rng.uniform(np.log(0.3), np.log(6))) / mm)).clip(-0.5, 0.5)
    if rng.random() < ap.ramp:
        g = g + _ramp(rng, g)
    x = _display(g, inside, rng, ap)
    if inside is not None and rng.random() < 0.7:
        x = np.where(inside, x, np.float32(rng.choice([0, 0, 1, rng.uniform(0, 1)])))
    if rng.random() < 0.8:
        x = np.maximum(x, clutter * rng.uniform(0.6, 1))
    if ap.artefacts and rng.random() < ap.text:
        for _ in range(rng.integers(1, 5)):
            word = "".join(chr(rng.integers(48, 91)) for _ in range(rng.integers(3, 14)))
            m = stamp(rng, shape, word, long * rng.uniform(0.012, 0.03), 0, False,
                      rng.uniform(0.05, 0.95, 2) * [win.w, win.h], False)
            x = x * (1 - m) + m * rng.choice([1.0, 1.0, 0.0])
    if rng.random() < ap.invert:
        x = 1 - x
    ok = np.isfinite(px).all(1) & (px >= 0).all(1) & (px < [win.w, win.h]).all(1)
    for a, b, c in planes:
        ok &= ~(px @ [a, b] + c > 0)
    return np.ascontiguousarray(x, np.float32), px, ok
