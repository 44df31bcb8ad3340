# What stands round a film or a picture on a screen, and what a camera does to it; content for the simulation.
# May depend on numpy, PIL, phantom.py (noise) and pool.py.
import glob
import io
import os

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

import phantom

_fonts = {}
WORDS = ("Patient", "AP", "WB", "L", "R", "Hospital", "Foot", "Pelvis", "Name", "DOB 1961-04-02", "kV 60 mAs 4", "W 2048 L 1024",
         "Zoom 100%", "Series 1/2", "Measure", "File", "Edit", "View", "Window", "Tools", "Help", "Report", "ID 004871",
         "2026-03-14 09:41", "Im: 1/1", "Se: 2", "Open", "Save", "Length", "Angle", "STANDING", "Dx", "Sin", "CR", "DX")


def font(size):
    size = int(np.clip(size, 5, 200))
    if size not in _fonts:
        try:
            _fonts[size] = ImageFont.truetype("DejaVuSans.ttf", size)
        except OSError:
            _fonts[size] = ImageFont.load_default()
    return _fonts[size]


def words(rng):
    return " ".join(str(rng.choice(WORDS)) for _ in range(rng.integers(1, 4)))


def polygon_area(q):
    x, y = q[:, 0], q[:, 1]
    return 0.5 * float(np.sum(x * np.roll(y, -1) - y * np.roll(x, -1)))


def tint(rng, level, spread=12):
    return tuple(int(v) for v in np.clip(level + rng.normal(size=3) * spread, 0, 255))


# Every third real chest and spine film is kept for testing; limbs by name: the others are test films.
TRAIN_LIMBS = ("normal-elbow-ap", "normal-cervical-spine-lateral", "normal-wrist-lateral", "normal-shoulder-grashey",
               "fracatlas-IMG0003310", "normal-knee-lateral", "normal-ankle-lateral", "normal-knee-pediatric-ap")


def real_films(root, held_out=False):
    """Paths of the chest, spine and limb films for training, or of those held out."""
    out = []
    for pattern in ("radiographs/chest/**/*.png", "radiographs/spine/**/*.jpg"):
        names = sorted(glob.glob(os.path.join(root, pattern), recursive=True))
        out += [n for i, n in enumerate(names) if (i % 3 == 2) == held_out]
    limbs = sorted(glob.glob(os.path.join(root, "limbs/*.jpg")) + glob.glob(os.path.join(root, "limbs/*.png")))
    return out + [n for n in limbs if (os.path.splitext(os.path.basename(n))[0] in TRAIN_LIMBS) != held_out]


class Content:
    """Flat pictures to photograph: rendered films, real films, things that are neither."""

    def __init__(self, pool_folder, films, first=0, last=None):
        import pool
        self.pool = pool.Pool(pool_folder)
        self.range = (first, last or len(self.pool))
        self.films = []
        for f in films:
            im = Image.open(f).convert("L")
            im.thumbnail((700, 700))
            self.films.append(np.asarray(im))

    def pick(self, rng):
        k = rng.random()
        if k < 0.12:
            im = generic(rng)
        elif k < 0.4 and self.films:
            im = self.films[rng.integers(len(self.films))]
        else:
            im = self.pool.image(rng.integers(*self.range))
        if rng.random() < 0.3:
            w, h = im.shape[1], im.shape[0]
            cw, ch = int(w * rng.uniform(0.5, 1)), int(h * rng.uniform(0.5, 1))
            x, y = rng.integers(0, w - cw + 1), rng.integers(0, h - ch + 1)
            im = im[y:y + ch, x:x + cw]
        if rng.random() < 0.25:
            im = np.rot90(im, rng.integers(1, 4))
        if rng.random() < 0.5:
            im = im[:, ::-1]
        if rng.random() < 0.12:
            im = 255 - im
        a = im.shape[1] / im.shape[0]
        if a < 0.35:
            im = im[:int(im.shape[1] / 0.35)]
        elif a > 2.5:
            im = im[:, :int(im.shape[0] * 2.5)]
        return np.ascontiguousarray(im)


def generic(rng):
    """Smooth noise, shapes, lines of text: nothing to lean on but the rectangle."""
    w, h = rng.integers(200, 480, 2)
    n = phantom.smooth_noise(rng, (int(h), int(w)), np.exp(rng.uniform(np.log(1.5), np.log(40))))
    im = Image.fromarray(np.clip(rng.uniform(20, 180) + rng.uniform(5, 70) * n, 0, 255).astype(np.uint8))
    d = ImageDraw.Draw(im)
    for _ in range(rng.integers(0, 12)):
        p = rng.uniform(-0.1, 1.1, (rng.integers(3, 7), 2)) * [w, h]
        d.polygon([tuple(q) for q in p], fill=int(rng.integers(0, 256)))
    for _ in range(rng.integers(0, 8)):
        d.text(tuple(rng.uniform(0, 0.9, 2) * [w, h]), words(rng), int(rng.integers(0, 256)), font(rng.uniform(8, 30)))
    return np.asarray(im.filter(ImageFilter.GaussianBlur(rng.uniform(0, 2))))


def clutter(rng, w, h):
    """Background behind everything, float [h,w,3] 0..255."""
    im = Image.new("RGB", (w, h), tint(rng, rng.uniform(20, 210), 20))
    d = ImageDraw.Draw(im)
    for _ in range(rng.integers(0, 14)):
        c, s = rng.uniform(-0.1, 1.1, 2) * [w, h], rng.uniform(0.03, 0.5) * max(w, h)
        if rng.random() < 0.5:
            a, r = rng.uniform(0, 6.3), rng.uniform(0.2, 1)
            q = [(c[0] + s * (np.cos(a) * x - np.sin(a) * y), c[1] + s * (np.sin(a) * x + np.cos(a) * y))
                 for x, y in ((-1, -r), (1, -r), (1, r), (-1, r))]
        else:
            q = [tuple(c + rng.normal(size=2) * s) for _ in range(rng.integers(3, 6))]
        d.polygon(q, fill=tint(rng, rng.uniform(0, 255), 35))
    for _ in range(rng.integers(0, 3)):
        d.text(tuple(rng.uniform(0, 0.9, 2) * [w, h]), words(rng), tint(rng, 120, 80), font(rng.uniform(0.02, 0.08) * h))
    im = im.filter(ImageFilter.GaussianBlur(rng.uniform(0.3, 4) * max(w, h) / 256))
    return np.asarray(im, np.float32)


def _board(extent, aspect, scale, colour=(0, 0, 0, 0)):
    """RGBA picture that covers plane extent (x0, y0, x1, y1); -> image, draw, plane->px."""
    x0, y0, x1, y1 = extent
    im = Image.new("RGBA", (max(8, int((x1 - x0) * scale)), max(8, int((y1 - y0) * scale))), colour)
    return im, ImageDraw.Draw(im), lambda x, y: ((x - x0) * scale, (y - y0) * scale)


def _paste(im, at, grey_rgb, x0, y0, x1, y1):
    """Puts an RGB array onto plane rectangle; sub-pixel edges by an affine resample."""
    a, b = np.array(at(x0, y0)), np.array(at(x1, y1))
    lo, hi = np.floor(a).astype(int), np.ceil(b).astype(int)
    size = tuple(int(v) for v in np.maximum(hi - lo, 1))
    src = Image.fromarray(grey_rgb)
    k = max(1.0, src.width / max(b[0] - a[0], 1), src.height / max(b[1] - a[1], 1))
    if k > 1.5:
        src = src.resize((max(2, int(src.width / k * 1.2)), max(2, int(src.height / k * 1.2))), Image.BOX)
    sx, sy = src.width / (b[0] - a[0]), src.height / (b[1] - a[1])
    m = (sx, 0, (lo[0] - a[0]) * sx, 0, sy, (lo[1] - a[1]) * sy)
    over = src.convert("RGBA").transform(size, Image.AFFINE, m, Image.BILINEAR)
    im.paste(over, (int(lo[0]), int(lo[1])), over.getchannel("A"))


def _film_rgb(rng, grey, light):
    """Transmitted light: film base tint, maximum density, gamma."""
    x = (grey.astype(np.float32) / 255) ** rng.uniform(0.7, 1.6)
    lo, hi = rng.uniform(0, 0.12), rng.uniform(0.55, 0.95)
    blue = np.array([1, 1, 1]) + np.array([-0.12, -0.03, 0.06]) * rng.uniform(0, 1)
    return np.clip((lo + (hi - lo) * x)[..., None] * light * blue, 0, 255).astype(np.uint8)


def lightbox(rng, grey, aspect, scale):
    """Film on a lightbox, against a window, or a print on a desk -> RGBA board and its origin (plane units)."""
    k = rng.random()
    light = np.array(tint(rng, rng.uniform(195, 255), 8), np.float32)
    if k < 0.62:  # lightbox with a frame
        m = np.abs(rng.normal(size=4)) * [0.5, 0.35, 0.5, 0.35] + rng.choice([0.0, 0.03, 0.1], 4)
        frame = rng.uniform(0.05, 0.3)
        box = (-m[0], -m[1], aspect + m[2], 1 + m[3])
        extent = (box[0] - frame, box[1] - frame, box[2] + frame, box[3] + frame)
        im, d, at = _board(extent, aspect, scale, tint(rng, rng.uniform(10, 190), 6) + (255,))
        d.rectangle([at(*box[:2]), at(*box[2:])], fill=tuple(light.astype(int)) + (255,))
        for _ in range(rng.integers(0, 3)):  # neighbouring films
            nw, nh = rng.uniform(0.3, 1.2, 2)
            side = rng.random() < 0.5
            x = aspect + rng.uniform(0.01, 0.3) if side else -nw - rng.uniform(0.01, 0.3)
            y = rng.uniform(-0.3, 0.5)
            shade = float(rng.uniform(0.03, 0.6))
            d.rectangle([at(x, y), at(x + nw, y + nh)], fill=tuple((light * shade).astype(int)) + (255,))
            d.ellipse([at(x + nw * 0.2, y + nh * 0.1), at(x + nw * 0.7, y + nh * 0.9)],
                      fill=tuple((light * min(1, shade * 2)).astype(int)) + (255,))
    elif k < 0.78:  # larger light without visible frame, or masked dark
        dark = rng.random() < 0.5
        e = rng.uniform(1, 3)
        im, d, at = _board((-e, -e, aspect + e, 1 + e), aspect, scale, (tint(rng, 8, 5) if dark else tuple(light.astype(int))) + (255,))
        if dark:
            light = light * rng.uniform(0.6, 1)
        extent = (-e, -e, aspect + e, 1 + e)
    else:  # held up or lying on something: what is behind shows round it
        extent = (-0.1, -0.1, aspect + 0.1, 1.1)
        im, d, at = _board(extent, aspect, scale)
        light = light * rng.uniform(0.5, 0.95)
    rgb = _film_rgb(rng, grey, light)
    border = rng.uniform(0.004, 0.025) if rng.random() < 0.4 else 0.0
    if border:  # the unexposed or masked margin of the sheet; the picture inside it is what is sought
        level = float(rng.choice([0.03, 0.75, 0.9]))
        d.rectangle([at(-border, -border), at(aspect + border, 1 + border)], fill=tuple((light * level).astype(int)) + (255,))
    edge = np.concatenate([rgb[0], rgb[-1], rgb[:, 0], rgb[:, -1]]).mean(0)
    _paste(im, at, rgb, 0, 0, aspect, 1)
    around = np.asarray(im.convert("RGB"))[tuple(int(np.clip(v, 0, s - 1)) for v, s in zip(at(aspect / 2, -0.02 - border)[::-1], im.size[::-1]))]
    if not border and np.abs(edge - around).max() < 25:  # an edge nobody could see: outline it
        tone = 30 if around.mean() > 100 else 90
        d.rectangle([at(0, 0), at(aspect, 1)], outline=(tone, tone, tone, 255), width=max(1, int(scale * 0.006)))
    _furniture(rng, d, at, aspect, scale, light)
    return im, np.array(extent[:2])


def _furniture(rng, d, at, aspect, scale, light):
    """Clips, stickers, name blocks, marker pen."""
    if rng.random() < 0.4:  # clip strip or single clips at the upper edge
        if rng.random() < 0.5:
            d.rectangle([at(-0.3, -0.06), at(aspect + 0.3, rng.uniform(-0.02, 0.012))], fill=tint(rng, rng.uniform(20, 180), 4) + (255,))
        else:
            for x in rng.uniform(0.05, 0.95, rng.integers(1, 4)) * aspect:
                d.rectangle([at(x - 0.02, -0.05), at(x + 0.02, 0.025)], fill=tint(rng, rng.uniform(20, 200), 6) + (255,))
    for _ in range(rng.integers(0, 3)):  # stickers, also across the edge
        w, h = rng.uniform(0.08, 0.25), rng.uniform(0.03, 0.1)
        x = float(rng.choice([0.0, rng.uniform(0, aspect), aspect - w]))
        y = float(rng.choice([0.0, 1 - h, rng.uniform(0, 1)]))
        shade = rng.uniform(120, 250)
        d.rectangle([at(x, y), at(x + w, y + h)], fill=tint(rng, shade, 15) + (255,))
        d.text(at(x + 0.005, y + 0.005), words(rng), tint(rng, 30, 10) + (255,), font(h * 0.4 * scale))
    if rng.random() < 0.15:
        p = rng.uniform(0, 1, (4, 2)) * [aspect, 1]
        d.line([at(*q) for q in p], fill=tint(rng, 60, 60) + (255,), width=max(1, int(scale * 0.004)))


def overlay_text(rng, img, height):
    im = Image.fromarray(np.clip(img, 0, 255).astype(np.uint8))
    d = ImageDraw.Draw(im)
    h, w = img.shape[:2]
    size = max(5, height * h * rng.uniform(0.8, 1.6))
    colour = tint(rng, rng.uniform(150, 255), rng.choice([0, 40]))
    for cx, cy in ((0.01, 0.01), (0.75, 0.01), (0.01, 0.86), (0.75, 0.86)):
        if rng.random() < 0.6:
            for line in range(rng.integers(1, 5)):
                d.text((cx * w, cy * h + line * size * 1.2), words(rng), colour, font(size))
    return np.asarray(im, np.float32)


def _gui(rng, d, a, b, scale, base):
    """A tool bar or side panel between px a and b: fields, buttons, thumbnails, text."""
    d.rectangle([a, b], fill=tint(rng, base, 4) + (255,))
    w, h = b[0] - a[0], b[1] - a[1]
    if w < 4 or h < 4:
        return
    n = int(np.clip(max(w, h) / max(4, min(w, h)) * rng.uniform(0.5, 2.5), 1, 24))
    for i in range(n):
        t = (i + 0.15) / n
        s = min(w, h) * rng.uniform(0.4, 0.8)
        p = (a[0] + t * w, a[1] + h * 0.15) if w > h else (a[0] + w * 0.12, a[1] + t * h)
        if rng.random() < 0.5:
            d.text(p, words(rng), tint(rng, 255 - base, 10) + (255,), font(min(s * 0.5, scale * 0.025)))
        else:
            d.rectangle([p, (p[0] + s, p[1] + s * rng.uniform(0.4, 1))], fill=tint(rng, rng.uniform(0, 255), 25) + (255,))


def monitor(rng, grey, aspect, scale):
    """A picture shown by a viewer program, or full screen, on one or two monitors."""
    full = rng.random() < 0.25
    left, top, right, bottom = (0.0,) * 4
    base = float(rng.choice([15, 40, 60, 200, 235]))
    if not full:
        left, right = (rng.uniform(0.05, 0.7) if rng.random() < 0.7 else 0.0 for _ in range(2))
        top, bottom = (rng.uniform(0.02, 0.2) if rng.random() < p else 0.0 for p in (0.9, 0.6))
    bezel = rng.uniform(0.015, 0.07)
    out = (-left - bezel, -top - bezel, aspect + right + bezel, 1 + bottom + bezel * rng.choice([1, 1, 2.5]))
    second = rng.random() < 0.3
    extent = (out[0] - 1.2 * second, out[1] - 0.02, out[2] + 1.2 * second, out[3] + 0.25)
    im, d, at = _board(extent, aspect, scale)
    case = tint(rng, float(rng.choice([12, 30, 180])), 4) + (255,)
    if second:
        x = out[2] + 0.01 if rng.random() < 0.5 else out[0] - 1.15
        d.rectangle([at(x, out[1]), at(x + 1.14, out[3])], fill=case)
        _gui(rng, d, at(x + bezel, -top), at(x + 1.14 - bezel, 1 + bottom), scale, rng.uniform(0, 250))
    stand = aspect / 2 + (right - left) / 2
    d.rectangle([at(stand - 0.12, out[3]), at(stand + 0.12, out[3] + 0.25)], fill=case)
    d.rectangle([at(*out[:2]), at(*out[2:])], fill=case)
    screen = (-left, -top, aspect + right, 1 + bottom)
    d.rectangle([at(*screen[:2]), at(*screen[2:])], fill=tint(rng, base, 3) + (255,))
    if left:
        _gui(rng, d, at(-left, -top), at(0, 1 + bottom), scale, base)
    if right:
        _gui(rng, d, at(aspect, -top), at(aspect + right, 1 + bottom), scale, base)
    if top:
        _gui(rng, d, at(-left, -top), at(aspect + right, 0), scale, base)
    if bottom:
        _gui(rng, d, at(-left, 1), at(aspect + right, 1 + bottom), scale, base)
    black = rng.uniform(4, 40)
    x = grey.astype(np.float32) / 255
    rgb = np.clip((black + (rng.uniform(150, 250) - black) * x)[..., None] * (1 + rng.normal(size=3) * 0.03), 0, 255).astype(np.uint8)
    _paste(im, at, rgb, 0, 0, aspect, 1)
    edge = np.median(np.concatenate([rgb[0], rgb[-1], rgb[:, 0], rgb[:, -1]]), 0).mean()
    beside = base if not full else np.mean(case[:3])
    if abs(edge - beside) < 18 or rng.random() < 0.15:
        tone = int(np.clip(edge + rng.uniform(40, 120), 0, 255))
        d.rectangle([at(0, 0), at(aspect, 1)], outline=(tone, tone, tone, 255), width=max(1, int(scale * 0.004)))
    if rng.random() < 0.7:
        a, b = at(0, 0), at(aspect, 1)
        size = scale * rng.uniform(0.015, 0.035)
        for cx, cy in ((0.01, 0.01), (0.7, 0.01), (0.01, 0.88), (0.7, 0.88)):
            if rng.random() < 0.6:
                for line in range(rng.integers(1, 4)):
                    d.text((a[0] + cx * (b[0] - a[0]), a[1] + cy * (b[1] - a[1]) + line * size * 1.2), words(rng),
                           tint(rng, 210, 20) + (255,), font(size))
    return im, np.array(extent[:2])


def hands(rng, img, quad):
    """Fingers or a thumb that hold the film, or a head's shadow."""
    h, w = img.shape[:2]
    if rng.random() < 0.15:
        m = Image.new("L", (w, h))
        d = ImageDraw.Draw(m)
        for _ in range(rng.integers(1, 3)):
            e = rng.integers(4)
            p = quad[e] + (quad[(e + 1) % 4] - quad[e]) * rng.uniform(0.1, 0.9)
            out = p - quad.mean(0)
            out = out / np.linalg.norm(out)
            r = max(w, h) * rng.uniform(0.02, 0.06)
            a, b = p - out * r * rng.uniform(0, 1.5), p + out * max(w, h)
            d.line([tuple(a), tuple(b)], 255, int(2 * r))
            d.ellipse([a[0] - r, a[1] - r, a[0] + r, a[1] + r], fill=255)
        a = np.asarray(m.filter(ImageFilter.GaussianBlur(max(w, h) / 250)), np.float32)[..., None] / 255
        img = img * (1 - a) + a * np.array([rng.uniform(60, 230) * v for v in (1, rng.uniform(0.6, 0.8), rng.uniform(0.45, 0.7))])
    return img


def optics(rng, img, screen):
    """Reflections, glare, moire, vignetting, uneven light, white balance."""
    h, w = img.shape[:2]
    y, x = np.mgrid[0:h, 0:w].astype(np.float32) / max(w, h)
    if screen and rng.random() < 0.5:
        wave = np.zeros((h, w, 3), np.float32)
        for _ in range(rng.integers(1, 4)):
            f, a = np.exp(rng.uniform(np.log(3), np.log(90))), rng.uniform(0, np.pi)
            bend = rng.normal(size=2) * 0.15
            p = 2 * np.pi * f * (np.cos(a) * x + np.sin(a) * y + bend[0] * x * x + bend[1] * y * y)
            for c in range(3):
                wave[..., c] += np.sin(p + rng.uniform(0, 2) * c)
        img = img * (1 + wave * rng.uniform(0.01, 0.1))
    for _ in range(rng.integers(0, 3)):
        c, s = rng.uniform(0, 1, 2) * [w, h] / max(w, h), np.exp(rng.uniform(np.log(0.02), np.log(0.35)))
        g = np.exp(-((x - c[0]) ** 2 + ((y - c[1]) * rng.uniform(0.4, 2)) ** 2) / (2 * s * s))
        img = img + g[..., None] * rng.uniform(10, 170) * np.array([1, rng.uniform(0.9, 1), rng.uniform(0.75, 1)])
    if rng.random() < 0.3:  # a lamp or a window mirrored in the surface
        m = Image.new("L", (w, h))
        d = ImageDraw.Draw(m)
        for _ in range(rng.integers(1, 4)):
            c, v = rng.uniform(0, 1, 2) * [w, h], rng.normal(size=(2, 2)) * max(w, h) * 0.12
            d.polygon([tuple(c + a * v[0] + b * v[1]) for a, b in ((-1, -1), (1, -1), (1, 1), (-1, 1))], fill=255)
        m = np.asarray(m.filter(ImageFilter.GaussianBlur(rng.uniform(0.5, 6) * max(w, h) / 256)), np.float32)
        img = img + m[..., None] * rng.uniform(0.05, 0.45)
    if rng.random() < 0.5:
        g = rng.normal(size=2) * 0.25
        img = img * np.clip(1 + g[0] * (x - x.mean()) + g[1] * (y - y.mean()), 0.3, 2)[..., None]
    r2 = (x - x.mean()) ** 2 + (y - y.mean()) ** 2
    img = img * (1 - rng.uniform(0, 0.9) * r2)[..., None]
    cast = np.exp(rng.normal(size=3) * [0.08, 0.03, 0.1])
    return img * cast * np.exp(rng.normal() * 0.15) + rng.uniform(0, 18)


def develop(rng, img):
    """Blur of focus or motion, tone, noise, sharpening, JPEG -> uint8."""
    k = max(img.shape) / 256
    im = Image.fromarray(np.clip(img, 0, 255).astype(np.uint8))
    if rng.random() < 0.6:
        im = im.filter(ImageFilter.GaussianBlur(rng.uniform(0, 1.1) * k))
    img = np.asarray(im, np.float32)
    if rng.random() < 0.5:
        img = 255 * (img / 255) ** np.exp(rng.normal() * 0.2)
    grain = phantom.noise(rng, (img.shape[0], img.shape[1] * 3)).reshape(img.shape)
    img = img + grain * rng.uniform(0, 9)
    return jpeg(rng, np.clip(img, 0, 255).astype(np.uint8), 30)


def jpeg(rng, img, lowest):
    if rng.random() < 0.3:
        return img
    f = io.BytesIO()
    Image.fromarray(img).save(f, "JPEG", quality=int(rng.integers(lowest, 97)))
    return np.asarray(Image.open(f).convert("RGB"))


def digital(rng, grey, size):
    """A digital radiograph as a file or a screenshot; [H,W,3] uint8 with long side size."""
    im = Image.fromarray(grey).convert("RGB")
    if rng.random() < 0.25:  # turned within its black or white field
        fill = (0, 0, 0) if rng.random() < 0.75 else tint(rng, 245, 3)
        im = im.rotate(rng.normal() * 4, Image.BILINEAR, expand=True, fillcolor=fill)
    if rng.random() < 0.4:  # collimation or margins
        fill = (0, 0, 0) if rng.random() < 0.7 else tint(rng, rng.uniform(200, 255), 2)
        m = [int(rng.uniform(0, 0.22) * s * (rng.random() < 0.6)) for s in (im.width, im.height, im.width, im.height)]
        big = Image.new("RGB", (im.width + m[0] + m[2], im.height + m[1] + m[3]), fill)
        big.paste(im, (m[0], m[1]))
        im = big
    s = size / max(im.size)
    im = im.resize((max(8, int(im.width * s)), max(8, int(im.height * s))), Image.BOX if s < 1 else Image.BILINEAR)
    if rng.random() < 0.18:  # screenshot of a viewer
        base = float(rng.choice([10, 40, 60, 200, 240]))
        w, h = (size, int(size * rng.uniform(0.5, 0.8))) if rng.random() < 0.75 else (int(size * rng.uniform(0.5, 0.9)), size)
        shot = Image.new("RGBA", (w, h), tint(rng, base, 2) + (255,))
        d = ImageDraw.Draw(shot)
        x0 = int(rng.uniform(0, 0.25) * w * (rng.random() < 0.7))
        x1 = w - int(rng.uniform(0, 0.25) * w * (rng.random() < 0.5))
        y0, y1 = int(rng.uniform(0, 0.15) * h), h - int(rng.uniform(0, 0.1) * h)
        for a, b in (((0, 0), (w, y0)), ((0, y0), (x0, h)), ((x1, y0), (w, h)), ((x0, y1), (x1, h))):
            _gui(rng, d, a, b, h, base)
        d.rectangle([x0, y0, x1, y1], fill=(0, 0, 0, 255))
        k = min((x1 - x0) / im.width, (y1 - y0) / im.height)
        im = im.resize((max(4, int(im.width * k)), max(4, int(im.height * k))), Image.BILINEAR)
        shot.paste(im, (x0 + (x1 - x0 - im.width) // 2, y0 + (y1 - y0 - im.height) // 2))
        im = shot.convert("RGB")
    img = np.asarray(im, np.float32)
    if rng.random() < 0.3:
        img = overlay_text(rng, img, 0.025)
    if rng.random() < 0.3:
        img = img * np.exp(rng.normal(size=3) * 0.03)
    if rng.random() < 0.3:
        img = img + phantom.noise(rng, img.shape[:2])[..., None] * rng.uniform(0, 6)
    return np.clip(img, 0, 255).astype(np.uint8)
