# Simulated full-leg AP (standing): pelvis to ankles, both legs or one; landmarks of hip, knee and ankle.
# May depend on numpy, atlas.py, anatomy.py, pelvis_ap.py and scene.py.
import numpy as np

import anatomy as an
import pelvis_ap as pa
from atlas import AP, rotation, tube, unit
from scene import Body, Geometry, Scene, Tissue

VIEW = "leg-ap"
_BASE = ("hip_c", "knee_c", "ankle_c", "cond_med", "cond_lat", "plat_med", "plat_lat", "plaf_med", "plaf_lat",
         "fem_prox", "fem_dist", "tib_prox", "tib_dist")
LANDMARKS = [f"{b}_{s}" for s in "rl" for b in _BASE]
FLIP_PAIRS = [(f"{b}_r", f"{b}_l") for b in _BASE]
_WORDS = {
    "hip_c": "centre of the sphere fitted to the femoral head",
    "knee_c": "centre of the knee: middle between the femoral condyles at the roof of the notch",
    "ankle_c": "middle of the tibial plafond",
    "cond_med": "lowest point of the medial femoral condyle along the femoral mechanical axis, as projected",
    "cond_lat": "lowest point of the lateral femoral condyle along the femoral mechanical axis, as projected",
    "plat_med": "medial tibial plateau: joint surface 13 mm inside its medial edge, where it is flat, middle of its depth",
    "plat_lat": "lateral tibial plateau: joint surface 13 mm inside its lateral edge, where it is flat, middle of its depth",
    "plaf_med": "medial end of the tibial plafond, where it turns into the malleolus",
    "plaf_lat": "lateral end of the tibial plafond",
    "fem_prox": "middle of the projected femoral shaft at one third of the diaphysis",
    "fem_dist": "middle of the projected femoral shaft at two thirds of the diaphysis",
    "tib_prox": "middle of the projected tibial shaft at one third of the diaphysis",
    "tib_dist": "middle of the projected tibial shaft at two thirds of the diaphysis",
}
DEFINITIONS = {f"{b}_{s}": _WORDS[b] + (", patient's right" if s == "r" else ", patient's left")
               for s in "rl" for b in _BASE}
# Both legs together, since one leg's joint alone hardly shows which leg it is of; then each knee and ankle from near,
# where those looks found it. Later groups win.
_KNEE, _ANKLE = ("knee_c", "cond_med", "cond_lat", "plat_med", "plat_lat"), ("ankle_c", "plaf_med", "plaf_lat")
_GROUPS = (("fem_prox", "fem_dist", "knee_c"), ("tib_prox", "tib_dist", "ankle_c"), ("hip_c",), _KNEE, _ANKLE)
REFINE = {"groups": [[f"{b}_{s}" for s in "rl" for b in g] for g in _GROUPS] +
                    [[f"{b}_{s}" for b in g] for g in (_KNEE, _ANKLE) for s in "rl"],
          "extent": 1.35, "floor": 0.14, "passes": 1, "min_confidence": 0.05,
          "mirrored": True}
TURNED = 0.15
WHOLE = 0.5
PARTIAL, PARTIAL_MIN = True, 10
_SEGMENTS = {"0": "abcdef", "1": "bc", "2": "abdeg", "3": "abcdg", "4": "bcfg", "5": "acdfg", "6": "acdefg", "7": "abc",
             "8": "abcdefg", "9": "abcdfg"}
_STROKES = {"a": (0, -2, 1, 0), "b": (1, -1, 0, 1), "c": (1, 1, 0, 1), "d": (0, 2, 1, 0), "e": (-1, 1, 0, 1),
            "f": (-1, -1, 0, 1), "g": (0, 0, 1, 0)}


def levels(leg):
    """Heights (neutral frame) of the four shaft landmarks."""
    top, low = leg.z_lt, 70.0
    ttop, tlow = -60.0, -leg.lt + 50.0
    return {"fem_prox": ("femur", top + (low - top) / 3), "fem_dist": ("femur", top + (low - top) * 2 / 3),
            "tib_prox": ("tibia", ttop + (tlow - ttop) / 3), "tib_dist": ("tibia", ttop + (tlow - ttop) * 2 / 3)}


def _prepared(leg):
    """Vertex sets that never change, kept on the leg."""
    if not hasattr(leg, "leg_ap"):
        rings = {k: tuple(leg.ring(part, z + d) for d in (0, 18, -18)) for k, (part, z) in levels(leg).items()}
        plates = {"femur_low": ("femur", leg.ring("femur", 27, 2.5), 1), "tibia_top": ("tibia", leg.ring("tibia", -24, 3), 1),
                  "tibia_low": ("tibia", leg.ring("tibia", -leg.lt + 13, 3.5), 1),
                  "fibula_low": ("fibula", leg.ring("fibula", -leg.lt - 1, 3.5), 1),
                  "fibula_top": ("fibula", leg.ring("fibula", leg.v[leg.parts["fibula"][0], 2].max() - 13, 3.5), 1)}
        foot = [leg.parts[k] for k in an.FOOT]
        start = foot[0][0].start
        faces = np.vstack([f + (sl.start - start) for sl, f in foot])
        leg.leg_ap = rings, plates, (slice(start, foot[-1][0].stop), faces)
    return leg.leg_ap


def _place_leg(rng, leg, v, hip, side, fixed):
    """Turn a shaped right leg into stance and put its head centre on the socket -> room frame, mirrored."""
    ankle = v[leg.point_slice.start + leg.point_names.index("ankle_c")].astype(float)
    length = np.linalg.norm(ankle)
    inward = abs(hip[1])
    foot = inward if fixed else rng.uniform(35, 60) if rng.random() < 0.4 else rng.uniform(50, 190)
    d = np.array([0.0 if fixed else rng.normal() * 25, inward - foot, 0.0])
    d[2] = -np.sqrt(max(length ** 2 - d @ d, 1.0))
    spin = 0.0 if fixed else rng.normal(0, 7) if rng.random() < 0.85 else rng.uniform(-20, 20)
    r = rotation(unit(d), spin) @ an.align(unit(ankle), unit(d))
    v = v @ r.T.astype(np.float32)
    return an.mirror_y(v, side)


def _bodies(rng, leg, v, side, to_scene, look, child):
    _, plates, foot = _prepared(leg)
    mu_c, mu_s, shaft, end, grain = look
    out = []
    for part, k in (("femur", 1.0), ("tibia", 0.9), ("fibula", 0.6), ("patella", 0.0)):
        sl, f = leg.parts[part]
        thin = rng.uniform(0.3, 0.9) if part == "patella" else 1.0
        cortex = end + max(shaft * k - end, 0) * leg.shaft_w[sl]
        out.append(Body(to_scene(v[sl]), f, "bone", mu_c, mu_s * thin, cortex * thin, grain,
                        f"{part}_{side}"))
    out.append(Body(to_scene(v[foot[0]]), foot[1], "bone", mu_c * 0.9, mu_s, end * 0.8, grain, f"foot_{side}"))
    if child:
        for name, (part, ring, _) in plates.items():
            if rng.random() < 0.9:
                p = v[ring].astype(float)
                axis = _direction(leg, v, part)
                out += pa.plates(rng, p, axis, to_scene, look[0] * rng.uniform(0.15, 0.4), f"{name}_{side}")
        if rng.random() < 0.8:
            out += pa.head_physis(rng, leg, v, side, to_scene, look[0] * rng.uniform(0.15, 0.4))
    return out


def _direction(leg, v, part):
    """Direction of a long bone's middle, upwards."""
    sl = leg.parts[part][0]
    z = leg.v[sl, 2]
    lo, hi = z.min(), z.max()
    p = v[sl]
    return unit(p[z > lo + 0.75 * (hi - lo)].mean(0) - p[z < lo + 0.25 * (hi - lo)].mean(0))


def _landmarks(leg, v, side, to_scene, lm):
    rings, _, _ = _prepared(leg)
    point = dict(zip(leg.point_names, v[leg.point_slice]))
    head, _ = an.sphere_fit(v[leg.head_idx[::4]])
    hip, knee = to_scene(head), to_scene(point["knee_c"])
    lm[f"hip_c_{side}"], lm[f"knee_c_{side}"] = hip, knee
    for k in ("ankle_c", "plat_med", "plat_lat", "plaf_med", "plaf_lat"):
        lm[f"{k}_{side}"] = to_scene(point[k])
    for k in ("cond_med", "cond_lat"):
        lm[f"{k}_{side}"] = an.lowest(to_scene(v[leg.cond_idx[k]]), (hip, knee))
    for k, sets in rings.items():
        lm[f"{k}_{side}"] = an.ring_centre(*[to_scene(v[i]) for i in sets])


def _leg_tissue(rng, leg, v, side, size, fat):
    """Balls along thigh, shank and foot."""
    row = leg.point_slice.start
    p = {k: v[row + leg.point_names.index(k)] for k in ("hip_c", "knee_c", "ankle_c")}
    ring = {k: v[s[0]].mean(0) for k, s in _prepared(leg)[0].items()}
    out = 1.0 if side == "r" else -1.0
    chain = np.array([p["hip_c"], ring["fem_prox"], ring["fem_dist"], p["knee_c"], ring["tib_prox"], ring["tib_dist"],
                      p["ankle_c"], p["ankle_c"] + [25, 0, -35]])
    chain += np.outer([0.2, 1, 0.5, 0, 0.1, 0, 0, 0], [-8, 20 * out, 0])
    chain += np.outer([0, 0, 0, 0, 1, 0.4, 0, 0], [-22, 0, 0])
    radius = np.array([92, 80, 66, 55, 54, 38, 36, 36]) * np.array([fat] * 4 + [1 + 0.6 * (fat - 1)] * 4)
    radius *= 1 + rng.normal(0, 0.04, 8)
    t, n = [], 7
    for k in range(len(chain) - 1):
        t.append(k + np.arange(n) / n)
    t = np.concatenate(t)
    c = np.stack([np.interp(t, np.arange(8), chain[:, j]) for j in range(3)], 1)
    return c, np.interp(t, np.arange(8), radius) * 0.95


def boxes(centres, halves):
    """Axis-aligned boxes as one mesh."""
    s = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], float)
    f = np.array([[0, 1, 3], [0, 3, 2], [4, 6, 7], [4, 7, 5], [0, 4, 5], [0, 5, 1], [2, 3, 7], [2, 7, 6], [0, 2, 6],
                  [0, 6, 4], [1, 5, 7], [1, 7, 3]])
    c, h = np.asarray(centres, float), np.asarray(halves, float)
    v = (s[None] * h[:, None] + c[:, None]).reshape(-1, 3)
    return v, (f[None] + 8 * np.arange(len(c))[:, None, None]).reshape(-1, 3)


def ruler(rng, x, top, bottom, z):
    """Scale with ticks, dots and figures along image y."""
    c, h = [], []
    side = rng.choice([-1.0, 1.0])
    step, every = 10.0, int(rng.choice([1, 2, 5]))
    height, first, down = rng.uniform(4, 9), int(rng.integers(0, 20)), rng.random() < 0.3
    line = rng.uniform(0.25, 0.8)
    if rng.random() < 0.8:
        c.append([x, (top + bottom) / 2, z]), h.append([line, (bottom - top) / 2, 1])
    for k in range(int((bottom - top) / step)):
        y = bottom - k * step if not down else top + k * step
        long = k % every == 0
        w = 8 if long else 4
        c.append([x + side * w / 2, y, z]), h.append([w / 2, line, 1])
        if not long:
            continue
        text = str(first + k)
        for i, ch in enumerate(text):
            ox = x + side * (12 + height * 0.45 * len(text)) + (i - (len(text) - 1) / 2) * height * 0.85
            for seg in _SEGMENTS[ch]:
                sx, sy, hor, ver = _STROKES[seg]
                c.append([ox + sx * height * 0.27, y + sy * height * 0.25, z])
                h.append([height * (0.27 if hor else 0.07), height * (0.27 if ver else 0.07), 1])
    v, f = boxes(c, h)
    return pa.solid(v, f, "marker", np.exp(rng.uniform(np.log(0.05), np.log(0.8))), "ruler")


def _metal(rng, leg, v, side, to_scene):
    """Now and then a nail, or a plate with screws, along a shaft."""
    out = []
    rings = _prepared(leg)[0]
    bone = rng.choice(["fem", "tib"])
    a, b = (v[rings[f"{bone}_{k}"][0]].mean(0) for k in ("prox", "dist"))
    stretch = rng.uniform(0.2, 1.1)
    path = np.linspace(a + (a - b) * stretch, b + (b - a) * stretch, 6)
    mu = rng.uniform(0.1, 0.5)
    if rng.random() < 0.5:
        m, f = tube(path, rng.uniform(3.5, 6), 10)
    else:
        path = path + np.array([0, (-17.0 if side == "r" else 17.0), 0])
        m, f = tube(path, rng.uniform(1.8, 3), 8)
        for p in path:
            s, g = tube(np.stack([p, p + [0, 17.0 if side == "r" else -17.0, 0], p + [0, 34.0 if side == "r" else -34.0, 0]]), 1.8, 6)
            out.append(pa.solid(to_scene(s), g, "metal", mu, "screw"))
    out.append(pa.solid(to_scene(m), f, "metal", mu, "nail"))
    return out


def build(rng, atlas, par=None, legs=None):
    """par (pelvis), legs: fixed shapes for checks; random where left out."""
    pel, leg, _ = an.kit(atlas)
    fixed = par is not None
    if not fixed:
        par = pa.pelvis_parameters(rng)
        par["tilt"], par["lean"] = par["tilt"] + rng.normal(2, 4), rng.normal() * 1.5
    placed = pa.place_pelvis(rng, pel, par)
    child = rng.random() < 0.3 and not fixed
    scale = np.float32(1.0 if fixed else rng.uniform(0.62, 0.95) if child else rng.uniform(0.92, 1.1))
    offset = np.array([rng.normal() * 5, 0, rng.uniform(130, 210)], np.float32)
    turn_down = AP.T.astype(np.float32)

    def to_scene(p):
        return (np.asarray(p) * scale) @ turn_down + offset
    density = np.exp(rng.normal() * 0.25)
    look = (0.04 * density, 0.011 * density * rng.uniform(0.5, 1.5), rng.uniform(3.5, 7.5), rng.uniform(0.6, 1.3),
            rng.uniform(0.1, 0.5))
    shared = an.leg_parameters(rng)
    one = rng.random() < 0.2 and not fixed
    keep = rng.choice(["r", "l"]) if one else "rl"
    bodies = pa.pelvis_bodies(rng, pel, placed, density, to_scene)
    # A third are stout: their soft tissue fills the film from the hips to the thighs.
    fat = np.exp(rng.normal(0.02, 0.18) if fixed or rng.random() < 0.67 else rng.uniform(0.2, 0.65))
    centres, radii = pa.trunk(rng, placed, 1.0, fat)
    centres, radii, lm, vs = [centres], [radii], {}, {}
    wave = [an.Waves(rng, 0.0 if fixed else 1.3, 90, 5) for _ in range(2)]
    fine = [an.Waves(rng, 0.0 if fixed else rng.uniform(0, 0.8), 30, 5) for _ in range(2)]
    for k, side in enumerate("rl"):
        own = an.leg_parameters(rng)
        mix = 0.7 if rng.random() < 0.8 else 0.0
        p = {q: mix * shared[q] + (1 - mix) * own[q] for q in own}
        if legs is not None:
            p = legs
        v = fine[k](wave[k](an.deform_leg(leg, p, placed["radius"][side] / leg.head_r / p["wide_hip"])))
        v -= v[leg.point_slice.start + leg.point_names.index("hip_c")]
        socket = placed["points"][side]["socket"]
        v = _place_leg(rng, leg, v, socket, side, fixed) + (socket + [0, 0, 0.35 * par["gap"]]).astype(np.float32)
        if one and side != keep and rng.random() < 0.6:
            continue
        vs[side] = v
        bodies += _bodies(rng, leg, v, side, to_scene, look, child)
        _landmarks(leg, v, side, to_scene, lm)
        c, r = _leg_tissue(rng, leg, v, side, 1.0, fat)
        centres.append(c), radii.append(r)
        if rng.random() < 0.04 and not fixed:
            bodies += _metal(rng, leg, v, side, to_scene)
    mu_t = np.exp(rng.uniform(np.log(0.001), np.log(0.014)))
    bodies += pa.belly_gas(rng, placed, to_scene, rng.uniform(0.005, 0.016))
    tissue = [Tissue(to_scene(np.vstack(centres)), np.concatenate(radii) * scale, mu_t)]
    knee = np.mean([to_scene(v[leg.point_slice][leg.point_names.index("knee_c")]) for v in vs.values()], 0)
    geometry = Geometry(knee[0] + rng.normal() * 40, knee[1] + rng.normal(-30, 110), rng.uniform(1500, 3100))
    scene = Scene(VIEW, bodies, lm, geometry, (0, 0, 1, 1), tissue, {"side": "".join(keep).upper(), "par": par})
    scene.film = _film(rng, scene, keep, float(scale), fixed)
    if not fixed:
        _extras(rng, scene, offset, float(scale))
    return scene


def negative(rng, atlas):
    """Legs from the side or steeply oblique: none of the landmarks is defined."""
    return an.turned(rng, build(rng, atlas), rng.choice([-1, 1]) * rng.uniform(50, 120))


def _film(rng, scene, keep, scale, fixed):
    """From above the hips (or the whole pelvis) to below the ankles; wide or tight."""
    g, lm = scene.geometry, scene.landmarks
    sides = [s for s in keep if f"hip_c_{s}" in lm]

    def at(k, s):
        p = lm[f"{k}_{s}"]
        return p(g, scene) if callable(p) else g.project(p)
    pts = np.array([at(k, s) for s in sides for k in ("hip_c", "knee_c", "ankle_c", "fem_prox", "tib_prox")])
    u = rng.uniform
    if fixed:
        return (pts[:, 0].min() - 110, pts[:, 1].min() - 60, pts[:, 0].max() + 110, pts[:, 1].max() + 60)
    top = u(30, 90) if rng.random() < 0.6 else u(90, 240)
    side = (u(45, 130), u(45, 130))
    return (pts[:, 0].min() - side[0] * scale, pts[:, 1].min() - top * scale, pts[:, 0].max() + side[1] * scale,
            pts[:, 1].max() + u(14, 90) * scale)


def _extras(rng, scene, offset, scale):
    """Ruler, calibration ball, gonad shield."""
    x0, y0, x1, y1 = scene.film
    if rng.random() < 0.5:
        x = (x0 + x1) / 2 + rng.normal() * 25 if rng.random() < 0.6 else rng.choice([x0 + rng.uniform(8, 40), x1 - rng.uniform(8, 40)])
        scene.bodies.append(ruler(rng, x, y0 - rng.uniform(0, 30), y1 + rng.uniform(-60, 20), rng.uniform(2, 30)))
    if rng.random() < 0.3:
        r = rng.choice([12.5, 12.7, 15.0, rng.uniform(8, 20)])
        v, f = an.blobs([[rng.uniform(x0, x1), rng.uniform(y0, y1), offset[2]]], [[r] * 3])
        scene.bodies.append(pa.solid(v, f, "metal", np.exp(rng.uniform(np.log(0.02), np.log(0.5))), "ball"))
    if rng.random() < 0.2:
        shield = pa.gonad_shield(rng, offset)
        shield.vertices[:, 1] -= np.float32(rng.uniform(0, 90) * scale)
        scene.bodies.append(shield)
