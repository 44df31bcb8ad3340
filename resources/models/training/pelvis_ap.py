# Simulated AP pelvis: both hip bones, sacrum, lumbar spine, proximal femora; landmarks of both hips.
# May depend on numpy, atlas.py, anatomy.py and scene.py.
import numpy as np

import anatomy as an
from atlas import AP, rotation, unit
from scene import Body, Geometry, Scene, Tissue

VIEW = "pelvis-ap"
_BASE = ("head_c", "roof_lat", "sourcil_med", "teardrop", "neck_mid", "shaft_prox", "shaft_dist")
LANDMARKS = [f"{b}_{s}" for s in "rl" for b in _BASE]
FLIP_PAIRS = [(f"{b}_r", f"{b}_l") for b in _BASE]
_WORDS = {
    "head_c": "centre of the sphere fitted to the femoral head",
    "roof_lat": "most lateral point, as projected, of the bony rim of the weight-bearing roof of the acetabulum",
    "sourcil_med": "medial end of the sourcil: where the articular roof steps up into the acetabular fossa",
    "teardrop": "inferior tip of the teardrop as projected: lower end of the plate between socket floor and pelvic wall",
    "neck_mid": "middle of the femoral neck where its projected width is smallest",
    "shaft_prox": "middle of the projected width of the femoral shaft just below the lesser trochanter",
    "shaft_dist": "middle of the projected width of the femoral shaft 70 mm below shaft_prox, or 6 mm inside the film's "
                  "edge where the film ends earlier; absent where less than 8 mm of shaft is shown",
}
DEFINITIONS = {f"{b}_{s}": _WORDS[b] + (", patient's right" if s == "r" else ", patient's left")
               for s in "rl" for b in _BASE}
REFINE = {"groups": [[f"{b}_r" for b in _BASE], [f"{b}_l" for b in _BASE]], "extent": 1.4, "floor": 0.5, "passes": 1,
          "mirrored": True}


def solid(v, f, kind, mu, name):
    """Body of one material throughout."""
    return Body(v, f, kind, mu, mu, 0.0, 0.0, name)


def pelvis_parameters(rng):
    """Shape of a pelvis; cover and medial are per side (right, left), degrees of roof rotation."""
    if rng.random() < 0.25:
        cover = rng.uniform(-38, 12)
    else:
        cover = np.clip(rng.normal(-9, 7), -36, 12)
    other = cover + rng.normal() * 3 if rng.random() < 0.8 else rng.uniform(-36, 10)
    s = np.exp(rng.normal() * 0.05)
    return dict(scale=np.array([s * rng.normal(0.95, 0.04), s * rng.normal(0.95, 0.04), s * rng.normal(0.93, 0.04)]),
                cover=(cover, other) if rng.random() < 0.5 else (other, cover), medial=np.clip(rng.normal(-6, 7, 2), -20, 8),
                flare=rng.normal(0, 0.06), warp=2.6, asym=0.8, tilt=rng.normal(0, 8), turn=rng.normal(0, 3.5),
                lean=rng.normal(0, 2.5), gap=rng.uniform(1.8, 4.6))


NEUTRAL = dict(scale=np.array([0.95, 0.95, 0.93]), cover=(-9.0, -9.0), medial=np.zeros(2), flare=0.0, warp=0.0,
               asym=0.0, tilt=0.0, turn=0.0, lean=0.0, gap=3.0)


def place_pelvis(rng, pel, par):
    """Shaped and tilted pelvis in the anatomical frame, origin midway between the socket centres.
    -> dict: hip {side: v}, points {side: {name: p}}, sacrum v, rotation R (pelvis -> room), head radius {side}."""
    sym = an.Waves(rng, par["warp"], 110, 6)
    asym = an.Waves(rng, par["asym"], 90, 4)
    scale = par["scale"].astype(np.float32)
    mid = np.array([pel.socket[0], 0, pel.socket[2]], np.float32)
    out = {"hip": {}, "points": {}, "radius": {}, "gap": par["gap"]}

    def common(v):
        """v in right-canonical coordinates (y <= 0)."""
        q = (v - mid) * scale
        up = an.smooth((q[:, 2] - 20) / 120)
        q[:, 1] *= 1 + par["flare"] * up
        return sym(q)
    r = (rotation([1, 0, 0], par["lean"]) @ rotation([0, 0, 1], par["turn"])
         @ rotation([0, 1, 0], pel.upright + par["tilt"])).astype(np.float32)
    for k, side in enumerate("rl"):
        v = asym(an.mirror_y(common(pel.shaped(par["cover"][k], par["medial"][k])), side))
        out["hip"][side] = v @ r.T
        out["points"][side] = dict(zip(pel.point_names, out["hip"][side][pel.n_bone:]))
        out["radius"][side] = pel.socket_r * float(np.prod(scale) ** (1 / 3)) - par["gap"]
    s = pel.sac_v
    q = common(np.stack([s[:, 0], -np.abs(s[:, 1]), s[:, 2]], 1))
    q[:, 1] *= -np.sign(s[:, 1])
    out["sacrum"] = asym(q) @ r.T
    out["R"] = r
    out["rise"] = ((np.array([-5.0, 0, 66]) - mid) * scale).astype(float)
    return out


def pelvis_bodies(rng, pel, placed, density, to_scene):
    """Bodies of hip bones, sacrum, lumbar vertebrae."""
    cortex = rng.uniform(0.7, 1.5)
    mu_c, mu_s = 0.042 * density * rng.uniform(0.85, 1.15), 0.011 * density * rng.uniform(0.6, 1.4)
    bodies = []
    roof = rng.uniform(0.6, 3.0)
    for side in "rl":
        v = placed["hip"][side][:pel.n_bone]
        bodies.append(Body(to_scene(v), pel.faces, "bone", mu_c, mu_s, cortex + roof * pel.roof_w,
                           rng.uniform(0.1, 0.5), f"hip_{side}"))
    bodies.append(Body(to_scene(placed["sacrum"]), pel.sac_f, "bone", mu_c * 0.85, mu_s * 0.8, cortex * 0.9,
                       rng.uniform(0.1, 0.5), "sacrum"))
    size = rng.uniform(0.9, 1.1) * float(placed["rise"][2]) / 132
    base = placed["rise"] + [6, 0, 4 * size]
    bend = rng.normal(0, 4)
    for k in range(5):
        at = base + [6 * k - 1.2 * k * k, bend * k * 0.6, 36 * size * k]
        v, f, w = an.vertebra(rng, at, size)
        bodies.append(Body(to_scene(v @ placed["R"].T), f, "bone", mu_c * 0.8, mu_s * 0.7, w * cortex,
                           rng.uniform(0.1, 0.5), f"lumbar_{5 - k}"))
    return bodies


def trunk(rng, placed, size, fat):
    """Ball centres [N,3] (anatomical frame) and radii of the trunk from below the pubis to the waist."""
    c, r = [], []
    for z in np.arange(-70, 330, 40.0) * size:
        up = an.smooth((z + 90) / 160) * (1 - 0.25 * an.smooth((z - 120 * size) / 160))
        for y in (-95, -40, 40, 95):
            c.append([-15 + rng.normal() * 5, y * size * (0.72 + 0.28 * up) * (0.75 + 0.25 * fat), z])
            r.append((62 + 33 * up) * size * fat)
    c = np.array(c) @ placed["R"].T
    return c, np.array(r)


def belly_gas(rng, placed, to_scene, mu):
    """Bowel gas and stool bodies."""
    out = []
    for lo, hi, n, size in (((0, -100, 40), (60, 100, 260), rng.integers(0, 26), rng.uniform(8, 18)),
                            ((-40, -45, -20), (40, 45, 60), rng.integers(0, 14), rng.uniform(6, 14)),
                            ((-30, -90, 0), (60, 90, 200), rng.integers(0, 60), rng.uniform(1.5, 4))):
        if n:
            v, f = an.gas(rng, np.array(lo, float), np.array(hi, float), n, size)
            out.append(solid(to_scene(v @ placed["R"].T), f, "soft", -mu * rng.uniform(0.4, 1.0), "gas"))
    return out


def femur_cortex(leg, rng, part="femur", shaft=None, end=None):
    sl = leg.parts[part][0]
    end = rng.uniform(0.6, 1.3) if end is None else end
    shaft = rng.uniform(4.0, 7.5) if shaft is None else shaft
    return end + (shaft - end) * leg.shaft_w[sl]


def hip_landmarks(pel, leg, placed, v, side, to_scene, lm):
    """Adds the pelvis-ap landmarks of one side; v: leg vertices in the room frame (mirrored)."""
    centre, _ = an.sphere_fit(v[leg.head_idx[::4]])
    head = to_scene(centre)
    hip = placed["hip"][side]
    rim, tear = to_scene(hip[pel.rim]), to_scene(hip[pel.tear])
    lateral = unit((AP @ placed["R"] @ [0, -1.0 if side == "r" else 1.0, 0])[:2])
    down = unit((AP @ placed["R"] @ [0, 0, -1.0])[:2])
    lm[f"head_c_{side}"] = head
    lm[f"roof_lat_{side}"] = lambda g, s: an.extreme(g.project(rim), lateral, 0.4)
    lm[f"sourcil_med_{side}"] = to_scene(placed["points"][side]["sourcil_med"])
    lm[f"teardrop_{side}"] = lambda g, s: an.extreme(g.project(tear), down, 0.5)
    row = leg.point_slice.start
    base = v[row + leg.point_names.index("neck_base")]
    lm[f"neck_mid_{side}"] = an.neck_centre(to_scene(v[leg.neck_idx]), head, to_scene(base))
    femur = v[leg.parts["femur"][0]]
    z = leg.v[leg.parts["femur"][0], 2]
    near = to_scene(femur[(z > leg.z_lt - 110) & (z < leg.z_lt + 3)])
    top, low = to_scene(femur[np.abs(z - leg.z_lt + 4) < 9]), to_scene(femur[np.abs(z - leg.z_lt + 74) < 14])

    def shaft(g, s, want):
        a, b = g.project(top).mean(0), g.project(low).mean(0)
        d = unit(b - a)
        n = np.array([-d[1], d[0]])
        q = g.project(near)
        t, w = (q - a) @ d, (q - a) @ n
        length = 70.0
        if want:
            x0, y0, x1, y1 = s.film
            for k, (lo, hi) in enumerate(((x0, x1), (y0, y1))):
                if abs(d[k]) > 1e-6:
                    length = min(length, (((hi - 6) if d[k] > 0 else (lo + 6)) - a[k]) / d[k])
            if length < 8:
                return None
        at = length if want else 0.0
        # straight fit of both borders over a short stretch: the mesh is sparse along the shaft
        near_t = np.abs(t - at) < 16
        bins = np.round((t[near_t] - at) / 8)
        lo, hi, pos = [], [], []
        for k in np.unique(bins):
            m = bins == k
            if m.sum() >= 12:
                lo.append(w[near_t][m].min()), hi.append(w[near_t][m].max()), pos.append(k * 8)
        if not pos:
            return None
        mid = (np.array(lo) + np.array(hi)) / 2
        c = np.polyval(np.polyfit(pos, mid, 1), 0) if len(pos) >= 3 else mid.mean()
        return a + d * at + n * c
    lm[f"shaft_prox_{side}"] = lambda g, s: shaft(g, s, False)
    lm[f"shaft_dist_{side}"] = lambda g, s: shaft(g, s, True)


def head_physis(rng, leg, v, side, to_scene, mu):
    """Growth plate of the femoral head: a lucent slab and a dense line beside it."""
    q = leg.v[leg.rows["femur"]][:, :] - leg.hip.astype(np.float32)
    s = q @ leg.neck_dir
    off = np.linalg.norm(q - np.outer(s, leg.neck_dir), axis=1)
    ring = v[leg.rows["femur"]][(np.abs(s - 0.45 * leg.head_r) < 2.5) & (off < 26)]
    row = leg.point_slice.start
    axis = v[row + leg.point_names.index("neck_base")] - v[row + leg.point_names.index("hip_c")]
    return plates(rng, ring.astype(float), axis, to_scene, mu, "head")


def plates(rng, ring, axis, to_scene, mu, name):
    a, b, p = rng.uniform(0.4, 1.6), rng.uniform(0.1, 0.3), rng.uniform(0, 6)

    def wave(x, y):
        return a * np.sin(b * x + p) * np.cos(0.7 * b * y + p)
    t = rng.uniform(1.0, 2.6)
    v, f = an.physis(ring, axis, t, wave)
    out = [solid(to_scene(v), f, "soft", -mu * rng.uniform(0.6, 1.1), f"plate_{name}")]
    v2, f2 = an.physis(ring + unit(axis) * t, axis, 0.9, wave)
    out.append(solid(to_scene(v2), f2, "soft", mu * rng.uniform(0.5, 1.6), f"line_{name}"))
    return out


def build(rng, atlas, par=None, legs=None):
    """par, legs: fixed shapes (for checks); random where left out."""
    pel, _, leg = an.kit(atlas)
    fixed = par is not None
    par = par or pelvis_parameters(rng)
    placed = place_pelvis(rng, pel, par)
    lift = rng.uniform(130, 200)
    offset = np.array([rng.normal() * 6, rng.normal() * 6, lift], np.float32)

    def to_scene(p):
        return np.asarray(p) @ AP.T.astype(np.float32) + offset
    density = np.exp(rng.normal() * 0.25)
    child = rng.random() < 0.15 and not fixed
    bodies = pelvis_bodies(rng, pel, placed, density, to_scene)
    lm, vs = {}, {}
    size = float(par["scale"][1]) / 0.95
    shared = an.leg_parameters(rng)
    spin, abd, flex = rng.normal(-2, 11), rng.normal(0, 5), abs(rng.normal(0, 4))
    shaft_mm, end_mm = rng.uniform(3.5, 7.5), rng.uniform(0.6, 1.3)
    mu_c, mu_s = 0.042 * density, 0.011 * density * rng.uniform(0.6, 1.4)
    for k, side in enumerate("rl"):
        own = an.leg_parameters(rng)
        p = {key: 0.75 * shared[key] + 0.25 * own[key] for key in own} if rng.random() < 0.85 else own
        p = dict(p, length_f=p["length_f"] * size)
        if legs is not None:
            p = legs
        v = an.deform_leg(leg, p, placed["radius"][side] / leg.head_r / p["wide_hip"])
        turn, ab, fl = (spin + rng.normal() * 5, abd + rng.normal() * 3, flex) if not fixed else (8.0, 0.0, 0.0)
        # internal rotation of the right leg = right-hand turn about +z; abduction swings the knee to -y
        r = rotation([1, 0, 0], -ab) @ rotation([0, 1, 0], -fl) @ rotation([0, 0, 1], turn)
        v = an.mirror_y(v @ r.T.astype(np.float32), side)
        out = -1.0 if side == "r" else 1.0
        slip = max(0.0, -par["cover"][k] - 22) / 14 * rng.uniform(0, 6)
        shift = np.array([rng.normal() * 0.4, out * (slip * 0.8 + rng.normal() * 0.4), 0.35 * par["gap"] + slip * 0.6])
        if fixed:
            shift = np.array([0, 0, 0.3 * par["gap"]])
        v = (v + placed["points"][side]["socket"] + shift).astype(np.float32)
        vs[side] = v
        cortex = femur_cortex(leg, rng, "femur", shaft_mm, end_mm)
        bodies.append(Body(to_scene(v[leg.parts["femur"][0]]), leg.parts["femur"][1], "bone", mu_c, mu_s, cortex,
                           rng.uniform(0.1, 0.5), f"femur_{side}"))
        if child:
            bodies += head_physis(rng, leg, v, side, to_scene, 0.014 * density)
        hip_landmarks(pel, leg, placed, v, side, to_scene, lm)
    # thick parts are exposed longer, so only contrast counts: less attenuation than a foot's tissue
    mu_t = np.exp(rng.uniform(np.log(0.0015), np.log(0.008)))
    bodies += belly_gas(rng, placed, to_scene, rng.uniform(0.005, 0.016))
    fat = np.exp(rng.normal(0.02, 0.13))
    c, r = trunk(rng, placed, size, fat)
    c, r = [c], [r]
    for side in "rl":
        f = vs[side][leg.parts["femur"][0]]
        z = leg.v[leg.parts["femur"][0], 2]
        top, low = f[np.abs(z - leg.z_lt - 20) < 10].mean(0), f[np.abs(z - leg.lf * 0.3) < 10].mean(0)
        t = np.linspace(0, 1, 9)[:, None]
        c.append(top * (1 - t) + low * t + [-8, 18 * size * (1 if side == "r" else -1), 0])
        r.append(np.linspace(86, 66, 9) * size * fat)
    tissue = [Tissue(to_scene(np.vstack(c)), np.concatenate(r) * rng.uniform(0.92, 1.05), mu_t)]
    geometry = Geometry(rng.normal() * 20, rng.normal() * 25, rng.uniform(980, 1300))
    scene = Scene(VIEW, bodies, lm, geometry, (-200, -150, 200, 150), tissue, {"par": par})
    scene.film = _film(rng, scene, fixed)
    if rng.random() < 0.06 and not fixed:
        bodies.append(gonad_shield(rng, offset))
    return scene


def negative(rng, atlas):
    """A pelvis from the side or steeply oblique: none of the landmarks is defined."""
    return an.turned(rng, build(rng, atlas), rng.choice([-1, 1]) * rng.uniform(55, 110))


def gonad_shield(rng, offset):
    """Lead apron piece over the pelvic middle."""
    w, h = rng.uniform(25, 45), rng.uniform(30, 60)
    v, f = an.blobs([[0, rng.normal() * 8, 0]], [[1, w, h]])
    v[:, 2] = np.clip(v[:, 2], -h, h * rng.uniform(0.2, 0.8))
    p = v @ AP.T + offset + [0, rng.uniform(-20, 30), 120]
    return solid(p, f, "metal", rng.uniform(0.3, 1.0), "shield")


def _film(rng, scene, fixed):
    """Film rectangle: whole pelvis, tight or generous; now and then one hip only."""
    g = scene.geometry
    hips = np.vstack([g.project(scene.body(f"hip_{s}").vertices[::7]) for s in "rl"])
    lo, hi = hips.min(0), hips.max(0)
    shafts = [scene.landmarks[f"shaft_prox_{s}"](g, scene) for s in "rl"]
    femora = np.vstack([g.project(scene.body(f"femur_{s}").vertices[::7]) for s in "rl"])
    low = max(p[1] for p in shafts)
    x0, x1 = min(lo[0], femora[:, 0].min()), max(hi[0], femora[:, 0].max())
    if fixed:
        return (x0 - 20, lo[1] - 30, x1 + 20, low + 90)
    u = rng.uniform
    if rng.random() < 0.1:
        s = rng.choice(list("rl"))
        h, p = g.project(scene.landmarks[f"head_c_{s}"]), scene.landmarks[f"shaft_prox_{s}"](g, scene)
        w = u(75, 150)
        return (h[0] - w, h[1] - u(60, 140), h[0] + w, p[1] + u(10, 100))
    top = lo[1] + (u(-70, 15) if rng.random() < 0.8 else u(10, 60))
    cut = rng.random()
    bottom = low + (u(6, 35) if cut < 0.35 else u(8, 110) if cut < 0.92 else u(-25, 10))
    return (x0 + (u(-45, 6)), top, x1 - (u(-45, 6)), bottom)
