# Simulated dorsoplantar (DP) foot radiographs with hallux valgus, arches, toes, leg and bad positioning.
# May depend on scene.py, atlas.py and numpy.
"""Canonical foot frame while posing: x towards the little toe, y towards the heel, z up from the sole.
That is a right foot as the film shows it (toes up, great toe left); a left foot is mirrored at the end."""
import numpy as np

from atlas import Warp, about, cortex_profile, ellipsoid, long_axis, rotation, unit
from scene import Body, Geometry, Scene, Tissue

VIEW = "foot-dp"
LANDMARKS = ["mt1_prox", "mt1_dist", "ph1_prox", "ph1_dist", "mt2_prox", "mt2_dist", "dp1_prox", "dp1_dist",
             "mt1_head_med", "mt1_head_lat"]
FLIP_PAIRS = []
DEFINITIONS = {
    "mt1_prox": "First metatarsal: centre of the shaft as seen, at 27 % of its length from the base (about 1.5-2 cm off the joint; AOFAS 2002).",
    "mt1_dist": "First metatarsal: centre of the shaft as seen, at 70 % of its length from the base (proximal to the head's flare).",
    "ph1_prox": "Proximal phalanx of the great toe: centre of the shaft as seen, at 27 % of its length from the base.",
    "ph1_dist": "Proximal phalanx of the great toe: centre of the shaft as seen, at 75 % of its length from the base.",
    "mt2_prox": "Second metatarsal: centre of the shaft as seen, at 30 % of its length from the base.",
    "mt2_dist": "Second metatarsal: centre of the shaft as seen, at 75 % of its length from the base.",
    "dp1_prox": "Distal phalanx of the great toe: centre of the shaft as seen, at 28 % of its length from the base.",
    "dp1_dist": "Distal phalanx of the great toe: centre of the shaft as seen, at 78 % of its length from the base.",
    "mt1_head_med": "First metatarsal head: medial edge of the distal articular surface as seen.",
    "mt1_head_lat": "First metatarsal head: lateral edge of the distal articular surface as seen.",
}
REFINE = {"groups": [["mt1_prox", "mt1_dist", "ph1_prox", "ph1_dist", "mt2_prox", "mt2_dist", "dp1_prox",
                      "dp1_dist", "mt1_head_med", "mt1_head_lat"]], "extent": 1.45, "passes": 2, "mirrored": True}
# landmark -> bone, share of its length, half height of the slab (share)
SHAFT = {"mt1_prox": ("mt1", 0.27), "mt1_dist": ("mt1", 0.70), "ph1_prox": ("pp1", 0.27), "ph1_dist": ("pp1", 0.75),
         "mt2_prox": ("mt2", 0.30), "mt2_dist": ("mt2", 0.75), "dp1_prox": ("dp1", 0.28), "dp1_dist": ("dp1", 0.78)}
SLAB = 0.05
ROLL = -5.5, 13  # degrees about the foot's length that still count as dorsoplantar
ORDINAL = ["first", "second", "third", "fourth", "fifth"]
TARSALS = ["talus", "calcaneus", "navicular", "cuboid", "medial_cuneiform", "intermediate_cuneiform",
           "lateral_cuneiform"]


class Foot:
    """One atlas foot in the canonical frame: bones by short name (mt1, pp1, dp1, talus, tibia, ...)."""

    def __init__(self, atlas, side):
        names = {t: t for t in TARSALS + ["tibia", "fibula"]}
        for i, o in enumerate(ORDINAL, 1):
            names[f"mt{i}"], names[f"pp{i}"], names[f"dp{i}"] = f"{o}_metatarsal", f"{o}_proximal_phalanx", f"{o}_distal_phalanx"
            if i > 1:
                names[f"mp{i}"] = f"{o}_middle_phalanx"
        raw = {k: atlas[f"{n}_{side}"] for k, n in names.items()}
        lowest = [raw[k].vertices[raw[k].vertices[:, 2].argmin()] for k in ("calcaneus", "mt1", "mt5")]
        up = unit(np.cross(lowest[1] - lowest[0], lowest[2] - lowest[0]))
        up = up if up[2] > 0 else -up
        head2 = raw["mt2"].vertices[raw["mt2"].vertices @ [1, 0, 0] > np.percentile(raw["mt2"].vertices[:, 0], 85)].mean(0)
        fwd = head2 - raw["calcaneus"].vertices.mean(0)
        fwd = unit(fwd - up * (fwd @ up))
        lat = np.cross(fwd, up)
        if lat @ (lowest[2] - lowest[1]) < 0:
            lat = -lat
        m = np.stack([lat, -fwd, up])
        base = lowest[0]
        self.v = {k: (b.vertices - base) @ m.T for k, b in raw.items()}
        self.f = {k: b.faces for k, b in raw.items()}
        self.joint = {k: (b.origin - base) @ m.T for k, b in raw.items()}
        self.axis = {k: long_axis(v, np.array([0, -1.0, 0])) for k, v in self.v.items()}
        self.axis["tibia"] = long_axis(self.v["tibia"], np.array([0, 0, 1.0]))
        self.axis["fibula"] = long_axis(self.v["fibula"], np.array([0, 0, 1.0]))
        self.share = {}
        for k, v in self.v.items():
            t = v @ self.axis[k]
            self.share[k] = (t - t.min()) / np.ptp(t)
        # Per bone: vertex sets along the axis and their radii, for soft tissue.
        self.slabs = {}
        for k, v in self.v.items():
            bins = 14 if k in ("tibia", "fibula") else (7 if k.startswith("mt") else 5)
            self.slabs[k] = []
            for b in range(bins):
                sel = np.where((self.share[k] >= b / bins) & (self.share[k] <= (b + 1) / bins))[0]
                if len(sel) >= 4:
                    r = np.percentile(np.linalg.norm(v[sel] - v[sel].mean(0), axis=1), 60)
                    self.slabs[k].append((sel[:: max(1, len(sel) // 40)], r))
        # Heading of the shafts as the landmarks see them, degrees, + = towards the little toe.
        self.heading = {}
        for bone in ("mt1", "mt2", "pp1", "dp1"):
            lo, hi = [at for b, at in SHAFT.values() if b == bone]
            s = self.share[bone]
            d = self.v[bone][abs(s - hi) < SLAB].mean(0) - self.v[bone][abs(s - lo) < SLAB].mean(0)
            self.heading[bone] = np.degrees(np.arctan2(d[0], -d[1]))


_feet = {}


def foot(atlas, side):
    if side not in _feet:
        _feet[side] = Foot(atlas, side)
    return _feet[side]


def _scale_matrix(axis, along, across):
    """Scaling by `along` on the axis and `across` off it."""
    p = np.outer(axis, axis)
    return across * (np.eye(3) - p) + along * p


def _vary(rng, v, share, axis, key):
    """A different bone of the same kind: bowed, flared at its ends, often with the sides exchanged, so that no
    point can be found from one person's asymmetry."""
    n = unit(np.cross(axis, [0, 0, 1.0]))
    up = np.cross(n, axis)
    c = v.mean(0)
    d = v - c
    along, across, high = d @ axis, d @ n, d @ up
    if rng.random() < (0.25 if key == "mt1" else 0.5):
        across = -across
    length = np.ptp(along)
    wide = 1 + rng.normal() * 0.09 * (1 - share) ** 3 + rng.normal() * 0.09 * share ** 3 + rng.normal() * 0.05
    bow = 4 * share * (1 - share) * length
    across = across * wide + bow * rng.normal() * 0.02 + length * 0.02 * rng.normal() * (share - 0.5) ** 2 * 4
    high = high * (1 + rng.normal() * 0.06) + bow * rng.normal() * 0.02
    return c + np.outer(along, axis) + np.outer(across, n) + np.outer(high, up)


def _pose_ray(rng, ft, i, out, base_turn, toe_turn, lift):
    """Chain metatarsal -> toe. base_turn, toe_turn: degrees about the vertical; lift: metatarsal pitch."""
    z, x = np.array([0, 0, 1.0]), np.array([1.0, 0, 0])
    chain = [f"mt{i}", f"pp{i}"] + ([f"mp{i}"] if i > 1 else []) + [f"dp{i}"]
    r, shift_o, shift_n = np.eye(3), ft.joint[chain[0]], ft.joint[chain[0]]
    claw = abs(rng.normal()) * 12 * (rng.random() < 0.4) if i > 1 else rng.normal() * 5
    for level, key in enumerate(chain):
        o = ft.joint[key]
        if level:  # carry the joint with the parent
            o_new = (o - shift_o) @ m.T + shift_n
            shift_o, shift_n = o, o_new
        ax = ft.axis[key]
        if level == 0:
            turn = rotation(z, base_turn) @ rotation(x, lift) @ rotation(ax, rng.normal() * 4)
        elif level == 1:
            roll = rng.normal() * 6 + (abs(toe_turn) * rng.uniform(0, 0.7) if i == 1 else 0)
            turn = rotation(z, toe_turn) @ rotation(x, claw + rng.normal() * 5) @ rotation(ax, roll)
        else:
            side = rng.uniform(-8, 22) if (i == 1) else rng.normal() * 7 - (i == 5) * rng.uniform(0, 15)
            if i == 1:
                side -= ft.heading["dp1"] - ft.heading["pp1"]
            turn = rotation(z, side) @ rotation(x, -claw * rng.uniform(0.5, 2.0) + rng.normal() * 5)
        r = turn @ r
        width = rng.normal(1, 0.08)
        m = r @ _scale_matrix(ax, rng.normal(1, 0.07), width)
        if level == 1 and i == 1:  # the toe subluxes laterally as the angle grows
            shift_n = shift_n + np.array([max(toe_turn, 0) * rng.uniform(0, 0.08), 0, 0])
        out[key] = (_vary(rng, ft.v[key], ft.share[key], ax, key) - o) @ m.T + shift_n


def _tilt_head(v, share, axis, degrees):
    """Turns the distal joint surface of a metatarsal in the film plane: a varied distal articular angle."""
    w = np.clip((share - 0.68) / 0.22, 0, 1)
    w = w * w * (3 - 2 * w)
    pivot = v[share > 0.85].mean(0)
    turned = about(v, pivot, rotation([0, 0, 1], degrees))
    return v + (turned - v) * w[:, None]


class _Shaft:
    """Centre of a shaft as seen in the projection."""

    def __init__(self, body, ring, low, high):
        self.body, self.ring, self.low, self.high = body, ring, low, high

    def __call__(self, geometry, scene):
        v = scene.body(self.body).vertices
        d = unit(geometry.project(v[self.high].mean(0)) - geometry.project(v[self.low].mean(0)))
        n = np.array([-d[1], d[0]])
        q = geometry.project(v[self.ring])
        s = q @ n
        return (q @ d).mean() * d + 0.5 * (s.min() + s.max()) * n


class _Edge(_Shaft):
    """Extreme of a slab across the bone as seen; lateral = towards the second metatarsal."""

    def __init__(self, body, ring, low, high, lateral, other):
        super().__init__(body, ring, low, high)
        self.lateral, self.other = lateral, other

    def __call__(self, geometry, scene):
        v = scene.body(self.body).vertices
        d = unit(geometry.project(v[self.high].mean(0)) - geometry.project(v[self.low].mean(0)))
        n = np.array([-d[1], d[0]])
        away = geometry.project(scene.body(self.other).vertices.mean(0) - v.mean(0) + v.mean(0)) - geometry.project(v.mean(0))
        if (n @ away < 0) == self.lateral:
            n = -n
        q = geometry.project(v[self.ring])
        s = q @ n
        top = q[s >= np.sort(s)[-4]]
        return (top @ d).mean() * d + s.max() * n


def _tissue(rng, ft, parts, margin):
    """Balls along every bone; toes thin, heel and leg thick."""
    centres, radii = [], []
    for key, v in parts.items():
        extra = margin * {"mt": 1.0, "pp": 0.75, "mp": 0.65, "dp": 0.6}.get(key[:2], 1.0)
        if key in ("tibia", "fibula"):
            extra = margin * rng.uniform(1.2, 2.2)
        if key in ("mt1", "mt5"):
            extra *= 1.1
        tip = (v[ft.slabs[key][-1][0]].mean(0) - v[ft.slabs[key][0][0]].mean(0)) * 0.12 if key[:2] == "dp" else 0
        for sel, r in ft.slabs[key]:
            centres.append(v[sel].mean(0) + tip)
            radii.append(r + extra * rng.uniform(0.9, 1.1))
    return np.array(centres), np.array(radii)


def _sesamoids(rng, head, toe_turn, scale):
    """Two sesamoids below the first metatarsal's head, drifting laterally in hallux valgus."""
    out = []
    low = head[:, 2].min()
    c = np.array([head[:, 0].mean(), head[:, 1].mean() + rng.uniform(0, 6), low - rng.uniform(-1, 2)])
    c[0] += max(toe_turn, 0) * rng.uniform(0.05, 0.2)
    for dx in (-6.5, 6.5):
        r = np.array([rng.uniform(3.8, 6), rng.uniform(4.5, 7.5), rng.uniform(2.8, 4)]) * scale
        out.append(ellipsoid(c + [dx * scale * rng.uniform(0.8, 1.2), rng.normal() * 1.5, 0], r, 10))
    return out


def _bodies(rng, ft, parts, sesamoids):
    dense = rng.uniform(0.02, 0.042)
    spongy = dense * rng.uniform(0.2, 0.6)
    shell = rng.uniform(0.7, 1.3)
    grain = rng.uniform(0.1, 0.9)
    bodies = []
    for key, v in parts.items():
        long = key[:2] in ("mt", "pp", "mp", "dp") or key in ("tibia", "fibula")
        if long:
            shaft = {"mt": 2.3, "pp": 1.7, "mp": 1.1, "dp": 1.2}.get(key[:2], 4.0) * shell
            if key == "mt1":
                shaft *= 1.1
            cortex = cortex_profile(ft.v[key], ft.axis[key], shaft, 0.55 * shell)
        else:
            cortex = 0.7 * shell
        k = rng.normal(1, 0.05)
        bodies.append(Body(v, ft.f[key], "bone", dense * k, spongy * k * (rng.uniform(0.5, 1.0) if long else 1.0),
                           cortex, grain, key))
    for n, (v, f) in enumerate(sesamoids):
        bodies.append(Body(v, f, "bone", dense, spongy * 1.2, 0.6, grain, f"sesamoid{n}"))
    return bodies


def _metal(rng, parts):
    """Now and then screws or a plate in the first ray, a jewel or a pin."""
    from atlas import tube
    out = []
    if rng.random() < 0.06:
        for _ in range(rng.integers(1, 5)):
            v = parts[rng.choice(["mt1", "mt1", "pp1", "mt2", "mt5", "medial_cuneiform"])]
            a, d = v[rng.integers(len(v))], rng.normal(size=3)
            d = d / np.linalg.norm(d) * rng.uniform(8, 26)
            mv, mf = tube(np.stack([a - d / 2, a, a + d / 2]), rng.uniform(0.8, 1.8), 8)
            out.append(Body(mv, mf, "metal", rng.uniform(0.1, 0.5), 0, 0, 0, "metal"))
    return out


def posed(rng, atlas):
    """One random foot in the canonical frame -> (Foot, parts, sesamoids, meta)."""
    ft = foot(atlas, rng.choice(["right", "left"]))
    hva = rng.uniform(-8, 60) if rng.random() < 0.45 else rng.normal(14, 9)
    ima = float(np.clip(5 + 0.2 * max(hva, 0) + rng.normal() * 3.2, 1, 25))
    parts = {k: ft.v[k] for k in TARSALS}
    arch = rng.normal() * 6
    spread = rng.normal() * 2
    base2 = rng.normal() * 3
    h1, h2 = ft.heading["mt1"], ft.heading["mt2"]
    turn1 = (h2 + base2 - ima) - h1
    toe1 = hva - (ft.heading["pp1"] - h1)
    _pose_ray(rng, ft, 1, parts, turn1, toe1, arch + rng.normal() * 3)
    crowd = max(hva - 20, 0) * rng.uniform(0, 0.25)
    for i in range(2, 6):
        _pose_ray(rng, ft, i, parts, base2 + spread * (i - 2) + rng.normal() * 1.2,
                  rng.normal() * 6 + crowd * rng.uniform(-0.3, 1) * (i < 5), arch + rng.normal() * 2)
    parts["mt1"] = _tilt_head(parts["mt1"], ft.share["mt1"], None, rng.normal(8, 7))
    pivot = ft.joint["medial_cuneiform"]
    parts["medial_cuneiform"] = about(parts["medial_cuneiform"], pivot, rotation([0, 0, 1], turn1 * 0.3))
    for k in TARSALS:
        c = parts[k].mean(0)
        parts[k] = about(parts[k], c, rotation(rng.normal(size=3), rng.normal() * 3))
        parts[k] = c + (parts[k] - c) * rng.normal(1, 0.04, 3)
    hind = rng.normal() * 5
    for k in ("calcaneus", "talus"):
        parts[k] = about(parts[k], ft.joint["navicular"], rotation([0, 0, 1], hind + rng.normal() * 2))
    ankle = ft.joint["talus"]
    shin = ft.axis["tibia"]
    upright = rotation(np.cross(shin, [0, 0, 1.0]), np.degrees(np.arccos(np.clip(shin[2], -1, 1))))
    lean = rotation([1, 0, 0], rng.uniform(-50, 5)) @ rotation([0, 1, 0], rng.normal() * 5) @ upright
    for k in ("tibia", "fibula"):
        parts[k] = about(ft.v[k], ankle, lean)
    head = parts["mt1"][ft.share["mt1"] > 0.82]
    ses = _sesamoids(rng, head, toe1, 1.0)
    return ft, parts, ses, {"hva_set": hva, "ima_set": ima}


def _finish(rng, ft, parts, ses, meta, view, turn, landmarks, heel_off=0.5):
    """Warp, scale, rotate, mirror, give tissue and geometry."""
    scale = rng.uniform(0.78, 1.18)
    warps = [Warp(rng, rng.uniform(0, 2.2), 110), Warp(rng, rng.uniform(0, 0.7), 35)]
    anis = rng.normal(1, 0.04, 3)
    left = rng.random() < 0.5
    spin = rotation([0, 0, 1], rng.normal() * 8)

    def place(v):
        for w in warps:
            v = w(v)
        v = (about(v, np.array([0, -80.0, 20]), turn) * anis * scale) @ spin.T
        return v * [-1, 1, 1] if left else v

    leg = rng.random() < 0.8
    if not leg:
        parts = {k: v for k, v in parts.items() if k not in ("tibia", "fibula")}
    centres, radii = _tissue(rng, ft, parts, rng.uniform(6.5, 13))
    parts = {k: place(v) for k, v in parts.items()}
    ses = [(place(v), f) for v, f in ses]
    centres, radii = place(centres), radii * scale
    floor = min(v[:, 2].min() for k, v in parts.items() if k not in ("tibia", "fibula"))
    lift = np.array([0, 0, rng.uniform(4, 25) - floor])
    parts = {k: v + lift for k, v in parts.items()}
    ses = [(v + lift, f) for v, f in ses]
    bodies = _bodies(rng, ft, parts, ses) + _metal(rng, parts)
    sid = rng.uniform(850, 1250)
    core = np.vstack([v for k, v in parts.items() if k not in ("tibia", "fibula")])
    mid = 0.5 * (core.min(0) + core.max(0))
    tilt = np.radians(rng.uniform(-3, 24))
    g = Geometry(mid[0] + rng.normal() * 40, mid[1] - sid * np.tan(tilt) + rng.normal() * 30, sid)
    # What lies above the source's half height would be magnified absurdly; tissue up there is dropped.
    keep = (centres[:, 2] + lift[2]) < 0.45 * sid
    tissue = [Tissue(centres[keep] + lift, radii[keep], rng.uniform(0.012, 0.024))]
    p = g.project(core)
    lo, hi = p.min(0), p.max(0)
    size = (hi - lo).max()
    m = rng.uniform(0.02, 0.25, 4) * size
    film = [lo[0] - m[0], lo[1] - m[1], hi[0] + m[2], hi[1] + m[3]]
    if rng.random() < heel_off:  # the heel is often off the film
        film[3] = hi[1] - rng.uniform(-0.05, 0.38) * size
    if rng.random() < 0.1:
        film[rng.integers(0, 2)] += rng.uniform(0.03, 0.2) * size
    meta = dict(meta, side="L" if left else "R", scale=scale)
    return Scene(view, bodies, landmarks, g, tuple(film), tissue, meta)


def _landmarks(ft):
    out = {}
    for key, (bone, at) in SHAFT.items():
        s = ft.share[bone]
        out[key] = _Shaft(bone, np.where(abs(s - at) < SLAB)[0], np.where(s < 0.35)[0], np.where(s > 0.65)[0])
    s = ft.share["mt1"]
    for key, lateral in (("mt1_head_med", False), ("mt1_head_lat", True)):
        out[key] = _Edge("mt1", np.where(abs(s - 0.9) < 0.035)[0], np.where((s > 0.7) & (s < 0.85))[0],
                         np.where(s > 0.9)[0], lateral, "mt2")
    return {k: out[k] for k in LANDMARKS}


def build(rng, atlas):
    ft, parts, ses, meta = posed(rng, atlas)
    roll = np.clip(2 + rng.normal() * 4.5, *ROLL)
    turn = rotation([0, 1, 0], roll) @ rotation([1, 0, 0], rng.normal() * 5)
    return _finish(rng, ft, parts, ses, meta, VIEW, turn, _landmarks(ft))


def negative(rng, atlas):
    """Same bones, not this view: oblique and lateral feet, and hand-like fans of rays."""
    ft, parts, ses, meta = posed(rng, atlas)
    kind = rng.random()
    if kind < 0.6:  # the standard oblique: the lateral rays swing apart
        roll = -rng.uniform(10, 45) if rng.random() < 0.85 else rng.uniform(18, 45)
        turn = rotation([0, 1, 0], roll) @ rotation([1, 0, 0], rng.normal() * 6)
        # With the heel in sight an oblique foot is too easy to tell.
        return _finish(rng, ft, parts, ses, meta, "other", turn, _landmarks(ft), 0.85)
    if kind < 0.78:  # lateral or axial
        turn = rotation([0, 1, 0], rng.choice([-1, 1]) * rng.uniform(45, 115)) @ rotation([0, 0, 1], rng.uniform(0, 360))
        if rng.random() < 0.35:
            turn = rotation([1, 0, 0], rng.choice([-1, 1]) * rng.uniform(55, 100))
        return _finish(rng, ft, parts, ses, meta, "other", turn, {})
    return _finish(rng, *_hand(rng, ft), "other", np.eye(3), {})


def _hand(rng, ft):
    """Slim metacarpals, long fingers, a thumb set off at an angle, small carpals."""
    parts = {}
    for i in range(1, 6):
        src = rng.integers(2, 6)
        chain = [f"mt{src}", f"pp{src}", f"mp{src}", f"dp{src}"] if i > 1 else [f"mt{src}", f"pp{src}", f"dp{src}"]
        lengths = {"mt": 62 if i > 1 else 45, "pp": 40 if i > 1 else 30, "mp": 24, "dp": 18}
        at = np.array([(i - 3) * 14.0, 0, 10]) if i > 1 else np.array([-34.0, 14, 10])
        head = (i - 3) * rng.uniform(3, 9) if i > 1 else -rng.uniform(20, 50)
        for n, key in enumerate(chain):
            v, ax = ft.v[key], ft.axis[key]
            t = v @ ax
            k = lengths[key[:2]] / np.ptp(t) * rng.normal(1, 0.05)
            start = v[t < np.percentile(t, 10)].mean(0)
            level = rotation(np.cross(ax, [0, -1.0, 0]), np.degrees(np.arccos(np.clip(-ax[1], -1, 1))))
            m = rotation([0, 0, 1], head) @ level @ _scale_matrix(ax, k, rng.uniform(0.75, 1.0) * (1 if n else 0.8))
            parts[f"{key[:2]}{i}"] = (v - start) @ m.T + at
            at = at + rotation([0, 0, 1], head) @ np.array([0, -lengths[key[:2]] - 2.0, 0])
            head += rng.normal() * 4
    # The share and face tables are looked up per name, so borrow rays of the same kind.
    ft2 = Foot.__new__(Foot)
    ft2.v, ft2.f, ft2.share, ft2.axis, ft2.slabs = {}, {}, {}, {}, {}
    for key, v in parts.items():
        same = [k for k in ft.v if k[:2] == key[:2] and len(ft.v[k]) == len(v)]
        src = same[0]
        for d, s in ((ft2.v, ft.v), (ft2.f, ft.f), (ft2.share, ft.share), (ft2.axis, ft.axis), (ft2.slabs, ft.slabs)):
            d[key] = s[src]
    for n, key in enumerate(["navicular", "cuboid", "medial_cuneiform", "intermediate_cuneiform", "lateral_cuneiform"]):
        c = ft.v[key].mean(0)
        parts[key] = (ft.v[key] - c) * 0.55 + [(n - 2) * 13.0, 20 + 8 * rng.random(), 10]
        for d, s in ((ft2.v, ft.v), (ft2.f, ft.f), (ft2.share, ft.share), (ft2.axis, ft.axis), (ft2.slabs, ft.slabs)):
            d[key] = s[key]
    for key in ("tibia", "fibula"):  # radius and ulna
        v, ax = ft.v[key], ft.axis[key]
        end = v[ft.share[key] < 0.03].mean(0)
        flat = rotation(np.cross(ax, [0, 1.0, 0]), np.degrees(np.arccos(np.clip(ax[1], -1, 1))))
        parts[key] = (v - end) @ flat.T * 0.55 + [-8 if key == "tibia" else 20, 36, 10]
        for d, s in ((ft2.v, ft.v), (ft2.f, ft.f), (ft2.share, ft.share), (ft2.axis, ft.axis), (ft2.slabs, ft.slabs)):
            d[key] = s[key]
    return ft2, parts, [], {}
