# Simulates phone photographs of films and monitors, and image-intensifier pictures, with the exact backward map.
# May depend on numpy, PIL and torch (grid_sample), phantom.py for lettering and noise.
"""Every picture is made from a flat one by a known map. flat_to_photo() is closed form (bend, pose, lens; or the
intensifier's polynomial); rendering inverts it numerically, the truth does not.

usage: photo.py --film FILE --seed N --kind film|monitor|c-arm|flat --out x.jpg [--truth x.json] [--tilt DEG] [--size PX]
       photo.py --sheet x.png --pool DIR [--films FILE...]     contact sheet with the true grid drawn"""
import argparse
import json
from dataclasses import dataclass, field

import numpy as np
import torch
from PIL import Image, ImageDraw

import photo_scene as scene

KINDS = ("flat", "planar", "c-arm")


@dataclass
class Sample:
    """image: uint8 [H,W,3]. kind: index into KINDS. unit_to_photo: [N,2] of 0..1 over the flat picture -> px (edges
    at 0 and W or H). aspect: width by height of the flat picture."""
    image: np.ndarray
    kind: int
    unit_to_photo: object
    aspect: float
    tilt: float = 0.0
    source: str = "flat"
    meta: dict = field(default_factory=dict)

    def nodes(self, n):
        """True backward map [n,n,2] px; node (row j, column i) stands at (i, j) / (n - 1) of the flat picture."""
        g = np.linspace(0, 1, n)
        return self.unit_to_photo(np.stack(np.meshgrid(g, g), -1).reshape(-1, 2)).reshape(n, n, 2)


class Pose:
    """A flat or slightly bent rectangle, aspect wide and 1 high, before a camera with a lens."""

    def __init__(self, aspect, turn, shift, focal, centre, radius, lens=(0.0, 0.0), bend=0.0, along=0):
        self.aspect, self.turn, self.shift = aspect, turn, np.asarray(shift, float)
        self.focal, self.centre, self.radius = focal, np.asarray(centre, float), radius
        self.lens, self.bend, self.along = lens, bend, along

    def _world(self, p):
        q = np.asarray(p, float) - [self.aspect / 2, 0.5]
        z = np.zeros(q.shape[:-1])
        if self.bend:
            a = np.clip(self.bend * q[..., self.along], -0.8, 0.8)
            q = q.copy()
            z = (1 - np.cos(a)) / self.bend
            q[..., self.along] = np.sin(a) / self.bend
        return np.concatenate([q, z[..., None]], -1) @ self.turn.T + self.shift

    def plane_to_photo(self, p):
        w = self._world(p)
        q = w[..., :2] / np.maximum(w[..., 2:], 1e-6) * self.focal
        r2 = (q ** 2).sum(-1, keepdims=True) / self.radius ** 2
        return q * (1 + self.lens[0] * r2 + self.lens[1] * r2 ** 2) + self.centre

    def homography(self):
        """3x3 of the same pose without bend and lens."""
        k = np.array([[self.focal, 0, self.centre[0]], [0, self.focal, self.centre[1]], [0, 0, 1.0]])
        m = np.column_stack([self.turn[:, 0], self.turn[:, 1], self.turn @ [-self.aspect / 2, -0.5, 0] + self.shift])
        return k @ m

    def photo_to_plane(self, px):
        """Newton-like inverse with the homography as slope; NaN beyond the horizon."""
        h = self.homography()
        back = np.linalg.inv(h)

        def via(m, p):
            w = p @ m[:, :2].T + m[:, 2]
            return w[..., :2] / np.where(np.abs(w[..., 2:]) < 1e-9, 1e-9, w[..., 2:])

        ok = ((np.concatenate([px, np.ones(px.shape[:-1] + (1,))], -1) @ back.T)[..., 2] * np.sign(np.linalg.det(back))) > 1e-6
        p = via(back, px)
        if self.bend or self.lens[0] or self.lens[1]:
            for _ in range(4):
                p = np.clip(p, -20, 20)
                p = via(back, via(h, p) + (px - self.plane_to_photo(p)))
        p[~ok] = np.nan
        return p


def rotation(axis, a):
    axis = np.asarray(axis, float) / np.linalg.norm(axis)
    k = np.array([[0, -axis[2], axis[1]], [axis[2], 0, -axis[0]], [-axis[1], axis[0], 0]])
    return np.eye(3) + np.sin(a) * k + (1 - np.cos(a)) * k @ k


def pose(rng, aspect, w, h, tilt, bend, along, cut):
    """Random camera that shows the rectangle in a w x h photo."""
    long, half = max(w, h), np.hypot(w, h) / 2
    focal = long * rng.uniform(24, 28) / 34.6
    if rng.random() < 0.6:
        focal *= np.exp(rng.uniform(0, np.log(2.6)))
    azimuth = rng.uniform(0, 2 * np.pi) if rng.random() < 0.6 else rng.choice(4) * np.pi / 2 + rng.normal() * 0.15
    roll = np.radians(rng.normal() * 4 if rng.random() < 0.75 else rng.uniform(-35, 35))
    turn = rotation([0, 0, 1], roll) @ rotation([np.cos(azimuth), np.sin(azimuth), 0], np.radians(tilt))
    lens = (rng.normal() * 0.02, rng.normal() * 0.008) if rng.random() < 0.8 else (rng.uniform(-0.09, 0.05), 0.0)
    centre = np.array([w, h]) / 2
    if rng.random() < 0.15:
        centre = centre + rng.normal(size=2) * 0.08 * long
    p = Pose(aspect, turn, [0, 0, 2.0], focal, centre, half, lens, bend, along)
    edge = np.array([[0, 0], [aspect, 0], [aspect, 1], [0, 1], [aspect / 2, 0], [aspect, 0.5], [aspect / 2, 1], [0, 0.5]])
    fill = rng.uniform(0.85, 1.02) if cut else np.clip(rng.normal(0.8, 0.13), 0.4, 0.97)
    near = np.hypot(aspect, 1) / 2 * 1.08
    for _ in range(8):
        q = p.plane_to_photo(edge)
        span = ((q.max(0) - q.min(0)) / [w, h]).max()
        p.shift *= [1, 1, np.clip(span / fill, 0.5, 2)]
        p.shift[2] = max(p.shift[2], near)
        q = p.plane_to_photo(edge)
        p.shift[:2] -= (0.5 * (q.max(0) + q.min(0)) - np.array([w, h]) / 2) * p.shift[2] / focal
    q = p.plane_to_photo(edge)
    room = np.maximum(np.array([w, h]) * (1.05 if cut else 1.0) - (q.max(0) - q.min(0)), 0) / 2
    p.shift[:2] += rng.uniform(-1, 1, 2) * room * 0.9 * p.shift[2] / focal
    return p


def sample_plane(picture, origin, scale, plane, background):
    """picture uint8 [h,w,4] whose px (x, y) shows plane point origin + (x, y) / scale; plane [H,W,2]."""
    t = torch.from_numpy(np.array(picture)).permute(2, 0, 1)[None].float()
    h, w = picture.shape[:2]
    g = (np.nan_to_num(plane, nan=1e4) - origin) * scale / [w, h] * 2 - 1
    g = torch.from_numpy(np.clip(g, -4, 4).astype(np.float32))
    t[:, :3] *= t[:, 3:] / 255
    out = torch.nn.functional.grid_sample(t, g[None], align_corners=False)[0].permute(1, 2, 0).numpy()
    a = out[..., 3:] / 255
    return out[..., :3] + (1 - a) * background


def dense(function, w, h, step=4):
    """function([N,2] px) evaluated every step px and enlarged: [h,w,2] at pixel centres."""
    gw, gh = w // step + 2, h // step + 2
    x, y = (np.arange(gw) - 0.5) * step + 0.5, (np.arange(gh) - 0.5) * step + 0.5
    p = function(np.stack(np.meshgrid(x, y), -1).reshape(-1, 2)).reshape(gh, gw, 2)
    ix, iy = (np.arange(w) + 0.5 - x[0]) / step, (np.arange(h) + 0.5 - y[0]) / step
    x0, y0 = np.minimum(ix.astype(int), gw - 2), np.minimum(iy.astype(int), gh - 2)
    fx, fy = (ix - x0)[None, :, None], (iy - y0)[:, None, None]
    top = p[y0][:, x0] * (1 - fx) + p[y0][:, x0 + 1] * fx
    low = p[y0 + 1][:, x0] * (1 - fx) + p[y0 + 1][:, x0 + 1] * fx
    return top * (1 - fy) + low * fy


def photo_size(rng, size, aspect):
    r = float(rng.choice([3 / 4, 9 / 16, 1.0, 4 / 3, 16 / 9], p=[0.36, 0.12, 0.08, 0.32, 0.12]))
    if rng.random() < 0.75 and (r - 1) * (aspect - 1) < 0:
        r = 1 / r
    return (size, max(8, int(size / r))) if r >= 1 else (max(8, int(size * r)), size)


def planar(rng, content, size, source, tilt=None):
    """A phone photograph of content on a film or a monitor."""
    content = np.asarray(content)
    if tilt is None:
        tilt = rng.uniform(0, 45) if rng.random() < 0.6 else abs(rng.normal()) * 12
    tilt = min(tilt, 45.0)
    grey = content if content.ndim == 2 else content.mean(2).astype(np.uint8)
    aspect = grey.shape[1] / grey.shape[0]
    build = scene.lightbox if source == "film" else scene.monitor
    w, h = photo_size(rng, size, aspect)
    bend = rng.normal() * 0.25 / max(aspect, 1) if source == "film" and rng.random() < 0.4 else 0.0
    if source == "monitor" and rng.random() < 0.04:
        bend = rng.uniform(-0.35, -0.15)
    cam = pose(rng, aspect, w, h, tilt, bend, int(rng.random() < 0.5) if source == "film" else 0, rng.random() < 0.15)
    q = cam.plane_to_photo(np.array([[0, 0], [aspect, 0], [aspect, 1], [0, 1.0]]))
    scale = np.sqrt(abs(scene.polygon_area(q)) / aspect) * 1.15
    k = max(1.0, grey.shape[0] / (scale * 1.2))
    if k > 1.3:
        grey = np.asarray(Image.fromarray(grey).resize((max(8, int(grey.shape[1] / k)), max(8, int(grey.shape[0] / k))), Image.BOX))
    board, origin = build(rng, grey, aspect, scale)
    back = scene.clutter(rng, w, h) * (rng.uniform(0.02, 0.25) if rng.random() < 0.5 else rng.uniform(0.2, 0.9))
    img = sample_plane(np.asarray(board), origin, scale, dense(cam.photo_to_plane, w, h), back)
    img = scene.hands(rng, img, q)
    img = scene.optics(rng, img, source == "monitor")
    return Sample(scene.develop(rng, img), 1, lambda u: cam.plane_to_photo(u * [aspect, 1]), aspect, float(tilt), source,
                  {"focal_px": cam.focal, "bend": cam.bend, "lens": list(cam.lens)})


class Intensifier:
    """Input field of radius 1 -> displayed circle: pincushion, S-shaped twist, slight shear."""

    def __init__(self, rng, centre, radius):
        self.centre, self.radius = np.asarray(centre, float), radius
        self.pin = abs(rng.normal()) * 0.05 + 0.02
        self.twist = np.radians(rng.normal() * 2.5)
        self.cubic = rng.normal() * 0.01
        self.off = rng.normal(size=2) * 0.01
        self.shear = np.eye(2) + rng.normal(size=(2, 2)) * 0.005

    def field_to_photo(self, p):
        q = p - self.off
        r2 = np.minimum((q ** 2).sum(-1, keepdims=True), 1.0)
        a = self.twist * (r2 - 0.4) + self.cubic * r2 ** 2
        q = q * (1 + self.pin * (r2 - 1))
        x, y = q[..., :1], q[..., 1:]
        q = np.concatenate([x * np.cos(a) - y * np.sin(a), x * np.sin(a) + y * np.cos(a)], -1)
        return (q + self.off) @ self.shear.T * self.radius + self.centre

    def photo_to_field(self, px):
        p = (px - self.centre) / self.radius
        for _ in range(6):
            p = np.clip(p + (px - self.field_to_photo(p)) / self.radius, -4, 4)
        return p


def c_arm(rng, content, size):
    """A picture from an image-intensifier C-arm: circle on black, distorted inside."""
    w, h = (size, size) if rng.random() < 0.6 else (size, int(size * rng.choice([0.75, 0.8, 0.9])))
    radius = min(w, h) / 2 * rng.uniform(0.86, 1.06)
    centre = np.array([w, h]) / 2 + rng.normal(size=2) * 0.02 * size * [3 if w > h else 1, 1]
    ii = Intensifier(rng, centre, radius)
    field_map = dense(ii.photo_to_field, w, h)
    grey = np.asarray(content) if np.asarray(content).ndim == 2 else np.asarray(content).mean(2)
    ch, cw = grey.shape
    side = min(ch, cw) * rng.uniform(0.45, 1.0)
    a = rng.uniform(0, 2 * np.pi)
    mid = np.array([rng.uniform(0.35, 0.65) * cw, rng.uniform(0.35, 0.65) * ch])
    m = np.array([[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]]) * side / 2
    g = (field_map @ m.T + mid) / [cw, ch] * 2 - 1
    t = torch.from_numpy(np.array(grey, np.float32))[None, None]
    img = torch.nn.functional.grid_sample(t, torch.from_numpy(g.astype(np.float32))[None], align_corners=False,
                                          padding_mode="reflection")[0, 0].numpy()
    if rng.random() < 0.35:
        img = 255 - img
    img = img * rng.uniform(0.6, 1.0) + rng.uniform(0, 60)
    r = np.hypot(*np.moveaxis(dense(lambda p: (p - centre) / radius, w, h), -1, 0))
    img *= 1 - rng.uniform(0, 0.35) * np.clip(r, 0, 1) ** 2
    img += rng.normal(size=img.shape) * rng.uniform(1, 12)
    soft = rng.uniform(0.5, 2.0) / radius
    mask = np.clip((1 - r) / soft, 0, 1)
    if rng.random() < 0.15:
        along = rng.uniform(0, np.pi)
        d = (np.indices((h, w))[::-1].transpose(1, 2, 0) - centre) @ [np.cos(along), np.sin(along)]
        mask = mask * (np.abs(d) < radius * rng.uniform(0.45, 0.9))
    surround = 0 if rng.random() < 0.85 else rng.uniform(0, 60)
    img = img * mask + surround * (1 - mask)
    img = np.repeat(np.clip(img, 0, 255)[..., None], 3, 2)
    if rng.random() < 0.6:
        img = scene.overlay_text(rng, img, 0.025)
    img = scene.jpeg(rng, img.astype(np.uint8), 60)
    return Sample(img, 2, lambda u: ii.field_to_photo(np.asarray(u) * 2 - 1), 1.0, 0.0, "c-arm",
                  {"pincushion": ii.pin, "twist_deg": float(np.degrees(ii.twist))})


def flat(rng, content, size):
    """What most people load: a digital radiograph, a screenshot or a flat scan, to be left alone."""
    img = scene.digital(rng, np.asarray(content), size)
    h, w = img.shape[:2]
    return Sample(scene.jpeg(rng, img, 40), 0, lambda u: np.asarray(u) * [w, h], w / h)


def simulate(rng, content, size=256, kind=None, tilt=None):
    """kind: flat, film, monitor, c-arm or None for a random one."""
    kind = kind or str(rng.choice(["flat", "film", "monitor", "c-arm"], p=[0.2, 0.35, 0.33, 0.12]))
    if kind == "flat":
        return flat(rng, content, size)
    if kind == "c-arm":
        return c_arm(rng, content, size)
    return planar(rng, content, size, kind, tilt)


def letterbox(image, size, grey=False):
    """uint8 [H,W,3] -> uint8 [size,size,3], scale and offset (px of the box = px * scale + offset)."""
    h, w = image.shape[:2]
    s = size / max(w, h)
    nw, nh = max(1, int(round(w * s))), max(1, int(round(h * s)))
    small = image if (nw, nh) == (w, h) else np.asarray(Image.fromarray(image).resize((nw, nh), Image.BOX if s < 1 else Image.BILINEAR))
    out = np.zeros((size, size) + image.shape[2:], np.uint8)
    x, y = (size - nw) // 2, (size - nh) // 2
    out[y:y + nh, x:x + nw] = small
    return out, np.array([nw / w, nh / h]), np.array([x, y], float)


def draw_grid(image, nodes, colour=(255, 220, 0), width=1):
    im = Image.fromarray(image)
    d = ImageDraw.Draw(im)
    n = len(nodes)
    for i in range(0, n, max(1, (n - 1) // 8)):
        d.line([tuple(p) for p in nodes[i]], colour, width)
        d.line([tuple(p) for p in nodes[:, i]], colour, width)
    d.ellipse([nodes[0, 0, 0] - 3, nodes[0, 0, 1] - 3, nodes[0, 0, 0] + 3, nodes[0, 0, 1] + 3], fill=(255, 0, 0))
    return np.asarray(im)


def sheet(pool_folder, films, seed, out, count, kind):
    source = scene.Content(pool_folder, films)
    tiles = []
    for n in range(count):
        rng = np.random.default_rng([seed, n])
        s = simulate(rng, source.pick(rng), 256, kind)
        box, k, o = letterbox(s.image, 256)
        tiles += [box, draw_grid(box, s.nodes(17) * k + o)]
    cols = 8
    rows = [np.concatenate(tiles[i:i + cols], 1) for i in range(0, len(tiles) - cols + 1, cols)]
    Image.fromarray(np.concatenate(rows, 0)).save(out)


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--film")
    ap.add_argument("--seed", type=int, default=1)
    ap.add_argument("--kind")
    ap.add_argument("--tilt", type=float)
    ap.add_argument("--size", type=int, default=1600)
    ap.add_argument("--out")
    ap.add_argument("--truth")
    ap.add_argument("--sheet")
    ap.add_argument("--pool")
    ap.add_argument("--films", nargs="*", default=[])
    ap.add_argument("--count", type=int, default=24)
    a = ap.parse_args()
    if a.sheet:
        sheet(a.pool, a.films, a.seed, a.sheet, a.count, a.kind)
        return
    rng = np.random.default_rng([a.seed, 4242])
    content = Image.open(a.film).convert("L")
    content.thumbnail((a.size * 2, a.size * 2))
    s = simulate(rng, np.asarray(content), a.size, a.kind, a.tilt)
    Image.fromarray(s.image).save(a.out, quality=93)
    if a.truth:
        h, w = s.image.shape[:2]
        nodes = s.nodes(33)
        truth = {"kind": KINDS[s.kind], "source": s.source, "width": w, "height": h, "tilt_deg": s.tilt, "aspect": s.aspect,
                 "corners": [nodes[j, i].round(3).tolist() for j, i in ((0, 0), (0, -1), (-1, -1), (-1, 0))],
                 "map": nodes.round(3).tolist(), **s.meta}
        with open(a.truth, "w") as f:
            json.dump(truth, f)
            f.write("\n")


if __name__ == "__main__":
    main()
