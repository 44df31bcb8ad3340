# Hip, thigh, knee, shank and pelvis shared by pelvis_ap.py and leg_ap.py: neutral pose, shape change, posing.
# May depend on numpy and atlas.py only.
"""Everything is prepared once for a right leg and a right hip bone in the anatomical frame (+x anterior, +y
left = medial for the right leg, +z superior) and mirrored for the left. Named points travel with the
vertices through every deformation, so a landmark can never drift off its bone.

Leg frame: origin at the knee centre, z along the femoral mechanical axis above and the tibial one below,
y along the posterior condyles (patella forward). The atlas' cadaver pose is not used: its femoral heads sit
10 mm inside the hip bones and its knees gape by 15 mm, so both joints are closed here.
"""
import numpy as np

from atlas import ellipsoid, rotation, tube, unit, vertex_normals

LDTA_SHIFT = -6.3  # degrees of bend that bring the atlas' ankle to a textbook plafond
FOOT = ("talus", "calcaneus", "navicular", "cuboid", "medial_cuneiform", "intermediate_cuneiform",
        "lateral_cuneiform", "first_metatarsal", "second_metatarsal", "third_metatarsal", "fourth_metatarsal",
        "fifth_metatarsal", "first_proximal_phalanx", "second_proximal_phalanx")
MIRROR = np.array([1, -1, 1], np.float32)


def smooth(t):
    t = np.clip(t, 0, 1)
    return t * t * (3 - 2 * t)


def sphere_fit(p):
    """Least-squares sphere -> centre [3], radius."""
    p = np.asarray(p, float)
    m = p.mean(0)
    q = p - m
    x = np.linalg.lstsq(np.c_[2 * q, np.ones(len(q))], (q ** 2).sum(1), rcond=None)[0]
    return x[:3] + m, float(np.sqrt(x[3] + x[:3] @ x[:3]))


class Waves:
    """Smooth random displacement (sum of waves), float32 and fast; amplitude and shortest wavelength in mm."""

    def __init__(self, rng, amplitude, wavelength, waves=5):
        d = rng.normal(size=(waves, 3))
        d /= np.linalg.norm(d, axis=1, keepdims=True)
        self.k = (d * (2 * np.pi / (wavelength * rng.uniform(1, 3, (waves, 1))))).astype(np.float32)
        self.phase = rng.uniform(0, 2 * np.pi, waves).astype(np.float32)
        self.amp = (rng.normal(size=(waves, 3)) * amplitude / np.sqrt(waves)).astype(np.float32)

    def __call__(self, p):
        return p + np.sin(p @ self.k.T + self.phase) @ self.amp


def align(a, b):
    """Smallest rotation that takes unit vector a to unit vector b."""
    v = np.cross(a, b)
    k = np.array([[0, -v[2], v[1]], [v[2], 0, -v[0]], [-v[1], v[0], 0]])
    return np.eye(3) + k + k @ k / (1 + a @ b)


# ---- landmark finders (work on projected vertices) -------------------------------------------------------
def extreme(q, d, soft=0.7):
    """Extreme of projected points q along unit vector d; across d a soft mean, since flat contours have no
    sharp extreme."""
    s = q @ d
    w = np.exp((s - s.max()) / soft)
    n = np.array([-d[1], d[0]])
    return d * s.max() + n * (w @ (q @ n) / w.sum())


def ring_centre(ring, above, below):
    """Callable: centre of a diaphysis as projected. ring [N,3] around the level, above/below [N,3] rings that
    give the local direction."""
    def find(geometry, scene):
        d = unit(geometry.project(below).mean(0) - geometry.project(above).mean(0))
        q = geometry.project(ring)
        n = np.array([-d[1], d[0]])
        s, along = q @ n, q @ d
        mid = 0.5 * (along.min() + along.max())
        return d * mid + n * 0.5 * (s.min() + s.max())
    return find


def neck_centre(neck, head, base):
    """Callable: middle of the femoral neck at its narrowest, as projected."""
    def find(geometry, scene):
        h, b = geometry.project(np.stack([head, base]))
        d = unit(b - h)
        n = np.array([-d[1], d[0]])
        q = geometry.project(neck) - h
        s, t = q @ d, q @ n
        best, pick = None, None
        for s0 in np.linspace(np.percentile(s, 15), np.percentile(s, 85), 12):
            m = np.abs(s - s0) < 2.5
            if m.sum() < 12:
                continue
            lo, hi = t[m].min(), t[m].max()
            if best is None or hi - lo < best:
                best, pick = hi - lo, h + d * s0 + n * 0.5 * (lo + hi)
        return pick
    return find


def lowest(points, towards, soft=0.7):
    """Callable: extreme of points along the projected direction from towards[0] to towards[1]."""
    def find(geometry, scene):
        a, b = geometry.project(np.stack(towards))
        return extreme(geometry.project(points), unit(b - a), soft)
    return find


# ---- the neutral right leg -------------------------------------------------------------------------------
def _femur_frame(v, head):
    """Axes (columns x, y, z), knee centre: z knee->head, y along the posterior condyles."""
    knee = np.array([-33.0, -92.0, -455.0])
    y = np.array([-0.32, 0.947, 0.0])
    for _ in range(30):
        z = unit(head - knee)
        y = unit(y - z * (y @ z))
        x = np.cross(y, z)
        a = np.stack([x, y, z], 1)
        q = (v - head) @ a
        q = q[q[:, 2] < q[:, 2].min() + 45]
        mid = (q[:, 1].max() + q[:, 1].min()) / 2
        med, lat = q[q[:, 1] > mid + 8], q[q[:, 1] < mid - 8]
        pm, pl = med[med[:, 0].argmin()], lat[lat[:, 0].argmin()]
        t = np.arctan2(pm[0] - pl[0], pm[1] - pl[1])
        y = unit(y * np.cos(t) + x * np.sin(t))
        dm, dl = med[med[:, 2].argmin()], lat[lat[:, 2].argmin()]
        c = (dm + dl) / 2
        notch = q[(np.abs(q[:, 1] - c[1]) < 5) & (np.abs(q[:, 0] - c[0]) < 14)]
        knee = head + a @ np.array([c[0], c[1], notch[:, 2].min()])
    return a, knee


def _tibia_frame(v, n, f_hint):
    """Axes and knee-side centre of the tibia: z plafond centre -> between the spines, y along the posterior
    plateau edges."""
    top = v[:, 2].max()
    plaf = (v[:, 2] < v[:, 2].min() + 22) & (n[:, 2] < -0.93)
    zc = np.median(v[plaf, 2])
    ankle = v[plaf & (np.abs(v[:, 2] - zc) < 3)]
    ankle = (ankle.min(0) + ankle.max(0)) / 2
    plat = (v[:, 2] > top - 16) & (n[:, 2] > 0.8)
    knee = v[plat].mean(0)
    y = f_hint
    for _ in range(30):
        z = unit(knee - ankle)
        y = unit(y - z * (y @ z))
        x = np.cross(y, z)
        a = np.stack([x, y, z], 1)
        q = (v - knee) @ a
        q = q[np.abs(q[:, 2] + 8) < 8]
        mid = (q[:, 1].max() + q[:, 1].min()) / 2
        med, lat = q[q[:, 1] > mid + 8], q[q[:, 1] < mid - 8]
        pm, pl = med[med[:, 0].argmin()], lat[lat[:, 0].argmin()]
        t = np.clip(np.arctan2(pm[0] - pl[0], pm[1] - pl[1]), -0.1, 0.1)
        y = unit(y * np.cos(t) + x * np.sin(t))
        knee = knee + a @ np.array([0, (q[:, 1].max() + q[:, 1].min()) / 2, 0])
    return a, knee, ankle


class Leg:
    """Neutral right leg: v [N,3] float32 of all bones and named points; parts name -> (slice, faces)."""

    GAP_KNEE = 4.5

    def __init__(self, atlas, femur_only=False):
        b = {k: atlas[k + "_right"] for k in ("femur", "patella", "tibia", "fibula") + FOOT}
        fv, ff = b["femur"].vertices, b["femur"].faces
        head, r = np.array([15.5, -91.8, -68.1]), 23.9
        for _ in range(10):
            d = np.linalg.norm(fv - head, axis=1)
            toward = ((fv - head) / d[:, None]) @ np.array([0.3, 0.6, 0.6])
            self.head_idx = np.flatnonzero((np.abs(d - r) < 2.5) & (toward > -0.3))
            head, r = sphere_fit(fv[self.head_idx])
        self.head_r = r
        a, knee = _femur_frame(fv, head)
        femur = (fv - knee) @ a
        self.hip = (head - knee) @ a
        patella = (b["patella"].vertices - knee) @ a + [0, 14, 17]
        tv, tf = b["tibia"].vertices, b["tibia"].faces
        at, tk, ankle = _tibia_frame(tv, vertex_normals(tv, tf), np.array([-0.32, 0.947, 0.0]))
        tibia = (tv - tk) @ at
        # close the knee: medial and lateral contact at GAP_KNEE below the condyles
        shift = np.zeros(3)
        for _ in range(3):
            gaps = [self._gap(femur, tibia + shift, s) for s in (24.0, -24.0)]
            shift[2] += np.mean(gaps) - self.GAP_KNEE
        tn = vertex_normals(tibia, tf)
        tibia = tibia + shift

        def shank(v):
            return (v - tk) @ at + shift
        out, self.parts, start = [], {}, 0
        parts = [("femur", femur, ff), ("patella", patella, b["patella"].faces), ("tibia", tibia, tf)] + [
            (k, shank(b[k].vertices), b[k].faces) for k in ("fibula",) + FOOT]
        for name, v, f in parts[:1] if femur_only else parts:
            self.parts[name] = (slice(start, start + len(v)), f)
            out.append(v)
            start += len(v)
        ank = shank(ankle)
        self._points(femur, tibia, tn, ank)
        self.point_names = list(self.points)
        out.append(np.stack([self.points[k] for k in self.point_names]))
        self.v = np.vstack(out).astype(np.float32)
        self.point_slice = slice(start, start + len(self.point_names))
        group = np.full(len(self.v), 2, np.int8)
        group[self.parts["femur"][0]] = 0
        group[self.parts.get("patella", (slice(0, 0),))[0]] = 1
        for k in FOOT if not femur_only else ():
            group[self.parts[k][0]] = 3
        for i, k in enumerate(self.point_names):
            group[start + i] = 0 if k in ("hip_c", "knee_c", "neck_base", "neck") or k.startswith("fem") else 2
        self.rows = {"femur": np.flatnonzero(group == 0), "patella": np.flatnonzero(group == 1),
                     "shank": np.flatnonzero(group >= 2), "foot": np.flatnonzero(group == 3)}
        self._weights(femur)

    @staticmethod
    def _gap(femur, tibia, y):
        f = femur[(np.abs(femur[:, 1] - y) < 6) & (np.abs(femur[:, 0]) < 15)]
        t = tibia[(np.abs(tibia[:, 1] - y) < 6) & (np.abs(tibia[:, 0]) < 15)]
        return f[:, 2].min() - t[t[:, 2] > t[:, 2].max() - 20][:, 2].max()

    def _points(self, femur, tibia, tn, ankle):
        """Named points and the vertex sets the projected landmarks are taken from."""
        p = {"hip_c": self.hip, "knee_c": np.zeros(3), "ankle_c": ankle}
        top = tibia[:, 2].max()
        plat = (tibia[:, 2] > top - 18) & (tn[:, 2] > 0.75)
        up = tibia[(tibia[:, 2] > top - 30)]
        ylo, yhi = up[:, 1].min(), up[:, 1].max()
        xm = (tibia[plat, 0].min() + tibia[plat, 0].max()) / 2
        for name, y in (("plat_med", yhi - 13.0), ("plat_lat", ylo + 13.0)):
            m = plat & (np.abs(tibia[:, 1] - y) < 4) & (np.abs(tibia[:, 0] - xm) < 11)
            q = tibia[m]
            p[name] = np.array([q[:, 0].mean(), y, np.median(q[:, 2])])
        # plafond: the straight part of the ceiling in the coronal plane; it ends where the malleolus turns down
        m = (np.abs(tibia[:, 0] - ankle[0]) < 5) & (tn[:, 2] < -0.5) & (np.abs(tibia[:, 2] - ankle[2]) < 7)
        q = tibia[m]
        core = np.abs(q[:, 1] - ankle[1] + 2.5) < 10
        fit = np.polyfit(q[core, 1], q[core, 2], 1)
        y = np.sort(q[np.abs(q[:, 2] - np.polyval(fit, q[:, 1])) < 1.2, 1])
        for name, end in (("plaf_med", y[y < ankle[1] + 16].max()), ("plaf_lat", y[y > ankle[1] - 21].min())):
            p[name] = np.array([ankle[0], end, np.polyval(fit, end)])
        p["ankle_c"] = (p["plaf_med"] + p["plaf_lat"]) / 2
        # femoral neck axis: centre of the cross-section 1.25 radii away from the head centre
        shaft_top = femur[np.abs(femur[:, 2] - (self.hip[2] - 75)) < 8]
        base = (shaft_top.min(0) + shaft_top.max(0)) / 2 + [0, 0, 30]
        for _ in range(6):
            d = unit(base - self.hip)
            s = (femur - self.hip) @ d
            off = np.linalg.norm(femur - self.hip - np.outer(s, d), axis=1)
            q = femur[(np.abs(s - 1.3 * self.head_r) < 4) & (off < 24)]
            c = (q.min(0) + q.max(0)) / 2
            base = self.hip + unit(c - self.hip) * 48
        self.neck_dir = unit(base - self.hip)
        p["neck_base"], p["neck"] = base, c
        s = (femur - self.hip) @ self.neck_dir
        off = np.linalg.norm(femur - self.hip - np.outer(s, self.neck_dir), axis=1)
        self.neck_idx = np.flatnonzero((s > 0.85 * self.head_r) & (s < 0.85 * self.head_r + 22) & (off < 22))
        low = femur[:, 2] < 18
        self.cond_idx = {k: np.flatnonzero(low & (sign * femur[:, 1] > 9) & (femur[:, 0] < 18))
                         for k, sign in (("cond_med", 1), ("cond_lat", -1))}
        self.points = p
        # levels in the neutral frame
        self.z_lt = self.hip[2] - 74.0
        self.lf, self.lt = self.hip[2], -p["ankle_c"][2]

    def _weights(self, femur):
        v = self.v[self.rows["femur"]]
        s = (v - self.hip) @ self.neck_dir
        self.w_neck = smooth((46 - s) / 26)[:, None].astype(np.float32)
        d = np.linalg.norm(v - self.hip, axis=1)
        self.w_head = (1 - smooth((d - self.head_r - 0.5) / 14))[:, None].astype(np.float32)
        # patch of proximal femur only: the hinge moves nothing below the trochanters
        self.w_neck *= smooth((v[:, 2:] - (self.hip[2] - 75)) / 30)
        z = self.v[:, 2]
        shaft = smooth((z - 45) / 110) * smooth((self.lf - 45 - z) / 60)
        tib = smooth((-z - 25) / 90) * smooth((z + self.lt - 15) / 50)
        self.shaft_w = np.where(z > 0, shaft, tib).astype(np.float32)

    def ring(self, part, z, half=8.0):
        """Indices (into v) of a part's vertices within half mm of height z (neutral frame)."""
        sl = self.parts[part][0]
        half_z = half
        for _ in range(6):
            idx = np.flatnonzero(np.abs(self.v[sl, 2] - z) < half_z) + sl.start
            if len(idx) >= 36:
                break
            half_z *= 1.3
        return idx


def leg_parameters(rng, severity=None):
    """Random shape of one leg. Angles in degrees, coronal angles positive = varus."""
    s = rng.choice([0.5, 1.2, 2.7], p=[0.3, 0.45, 0.25]) if severity is None else severity
    n = rng.normal
    return dict(
        length_f=n(1, 0.03), length_t=n(1, 0.03), wide_hip=n(0.98, 0.05), wide_shaft=n(0.95, 0.08), wide_knee=n(0.98, 0.05),
        wide_ankle=n(0.98, 0.05), nsa=np.clip(n(0, 7 * max(s, 0.7)), -18, 22), version=n(-3, 10), neck_len=n(1, 0.06),
        bow_f=n(0, 1.6 * s), sag_f=n(0, 3), bow_t=n(0, 1.6 * s), sag_t=n(0, 2),
        dist_f=np.clip(n(1.0, 2.6 * s), -14, 14), prox_t=np.clip(n(0, 2.6 * s), -14, 14), dist_t=np.clip(n(0, 2.4 * s), -8, 8),
        torsion_t=n(0, 8), jlca=np.clip(n(1.3, 1.2 * s), -5, 9), flex=abs(n(0, 5)) - 2, tib_rot=n(0, 4),
        slide=n(0, 1.5), gap=n(0.3, 1.1) + max(rng.uniform(-11, 6), 0), plantar=rng.uniform(-5, 35), foot_out=n(0, 8),
        pat_y=n(0, 6), pat_z=n(0, 8), pat_scale=n(1, 0.07), dish_med=np.clip(n(1, 1.5), -1, 4.5),
        dish_lat=np.clip(n(0.3, 1), -1.5, 3))


NEUTRAL = dict(length_f=1, length_t=1, wide_hip=1, wide_shaft=1, wide_knee=1, wide_ankle=1, nsa=0, version=0, neck_len=1,
               bow_f=0, sag_f=0, bow_t=0, sag_t=0, dist_f=1.2, prox_t=0, dist_t=0, torsion_t=0, jlca=0.5, flex=0, tib_rot=0,
               slide=0, gap=0, plantar=10, foot_out=0, pat_y=0, pat_z=0, pat_scale=1, dish_med=0, dish_lat=0)


def deform_leg(leg, par, head_scale):
    """Shape one right leg -> vertices [N,3] float32 (bones, then named points), origin at the hip centre,
    knee forward along +x. head_scale: femoral head radius / atlas radius."""
    v = leg.v.copy()
    fem, shank, foot, pat = (leg.rows[k] for k in ("femur", "shank", "foot", "patella"))
    lf, lt = leg.lf, leg.lt
    # 1. proximal femur: head size, neck length, neck-shaft angle (hinge at the base of the neck)
    q = v[fem] - leg.hip.astype(np.float32)
    q = q * (1 + (head_scale - 1) * leg.w_head)
    base = (leg.points["neck_base"] - leg.hip).astype(np.float32)
    q = q - base
    q = q + leg.w_neck * (par["neck_len"] - 1) * np.outer(q @ leg.neck_dir, leg.neck_dir).astype(np.float32)
    axis = unit(np.cross(leg.neck_dir, [0, 0, -1.0]))
    r = rotation(axis, -par["nsa"]).astype(np.float32)
    q = q + leg.w_neck * (q @ r.T - q)
    v[fem] = q + base + leg.hip.astype(np.float32)
    # 2. tibial plateaus, dished more or less; patella
    for key in ("med", "lat"):
        d = v[shank] - leg.points[f"plat_{key}"].astype(np.float32)
        near = np.exp(-0.5 * ((d[:, 0] / 9) ** 2 + (d[:, 1] / 7) ** 2)) * smooth((d[:, 2] + 12) / 8)
        v[shank, 2] -= np.float32(par[f"dish_{key}"]) * near
    if len(pat):
        c = v[pat].mean(0)
        v[pat] = (v[pat] - c) * par["pat_scale"] + c + np.array([0, par["pat_y"], par["pat_z"]], np.float32)
    # 3. foot about the ankle
    ank = leg.points["ankle_c"].astype(np.float32) + np.array([0, 0, -12], np.float32)
    rf = (rotation([0, 0, 1], -par["foot_out"]) @ rotation([0, 1, 0], par["plantar"] - 10)).astype(np.float32)
    v[foot] = (v[foot] - ank) @ rf.T + ank
    # 4. the leg as a bent, twisted rod
    z = np.arange(-lt - 150.0, lf + 80.0, 4.0)

    def step(at, half):
        return smooth((z - at + half) / (2 * half))
    cor = -par["bow_f"] * step(lf * 0.5, lf * 0.35) - par["dist_f"] * step(62, 35)
    cor = cor + par["prox_t"] * (1 - step(-52, 30)) + par["bow_t"] * (1 - step(-lt * 0.5, lt * 0.33))
    cor = cor + (par["dist_t"] + LDTA_SHIFT) * (1 - step(-lt + 28, 22))
    sag = par["sag_f"] * (step(lf * 0.5, lf * 0.4) - 0.5) * (z > 0) - par["sag_t"] * (step(-lt * 0.5, lt * 0.4) - 0.5) * (z < 0)
    sag = sag - np.interp(0, z, sag)
    twist = par["version"] * step(lf * 0.55, lf * 0.35) - par["torsion_t"] * (1 - step(-lt * 0.6, lt * 0.3))
    ct, st = np.cos(np.radians(twist)), np.sin(np.radians(twist))
    cc, sc = np.cos(np.radians(cor)), np.sin(np.radians(cor))
    cs, ss = np.cos(np.radians(sag)), np.sin(np.radians(sag))
    o, i = np.zeros_like(z), np.ones_like(z)
    rt = np.array([[ct, -st, o], [st, ct, o], [o, o, i]]).transpose(2, 0, 1)
    rc = np.array([[i, o, o], [o, cc, -sc], [o, sc, cc]]).transpose(2, 0, 1)
    rs = np.array([[cs, o, ss], [o, i, o], [-ss, o, cs]]).transpose(2, 0, 1)
    m = rc @ rs @ rt
    wide = np.interp(z, [-lt - 20, -lt + 25, -lt + 90, -90, -20, 30, 110, lf - 110, lf - 60, lf],
                     [par[k] for k in ("wide_ankle", "wide_ankle", "wide_shaft", "wide_shaft", "wide_knee", "wide_knee",
                                       "wide_shaft", "wide_shaft", "wide_hip", "wide_hip")])
    along = np.where(z > 0, par["length_f"], par["length_t"])
    c = np.cumsum(m[:, :, 2] * along[:, None], 0) * 4.0
    c -= np.array([np.interp(0, z, c[:, k]) for k in range(3)])
    table = np.concatenate([m[:, :, 0] * wide[:, None], m[:, :, 1] * wide[:, None], c], 1).astype(np.float32)
    t = np.clip((v[:, 2] - z[0]) / 4.0, 0, len(z) - 1.001).astype(np.float32)
    k = t.astype(np.int32)
    t = (t - k)[:, None]
    g = np.take(table, k, 0) + np.take(np.diff(table, axis=0), k, 0) * t
    v = v[:, :1] * g[:, 0:3] + v[:, 1:2] * g[:, 3:6] + g[:, 6:9]
    # 5. knee: opening about the contact condyle, flexion about the condyles' centre, rotation, slide
    side = 22.0 if par["jlca"] > 0 else -22.0
    w = v[shank]
    pivot = np.array([0, side, -4], np.float32)
    w = (w - pivot) @ rotation([1, 0, 0], par["jlca"] - 0.5).astype(np.float32).T + pivot
    pivot = np.array([-9, 0, 16], np.float32)
    r = (rotation([0, 1, 0], par["flex"]) @ rotation([0, 0, 1], par["tib_rot"])).astype(np.float32)
    w = (w - pivot) @ r.T + pivot
    w = w + np.array([0, par["slide"], -par["gap"]], np.float32)
    v[shank] = w
    r = rotation([0, 1, 0], 0.6 * par["flex"]).astype(np.float32)
    v[pat] = (v[pat] - pivot) @ r.T + pivot
    hip = v[leg.point_slice.start + leg.point_names.index("hip_c")]
    return v - hip


# ---- the pelvis -------------------------------------------------------------------------------------------
class Pelvis:
    """Right hip bone and sacrum with socket centre, rim and named points; v = hip vertices then points."""

    def __init__(self, atlas):
        hip, sac = atlas["hip_bone_right"], atlas["sacrum"]
        h, n = hip.vertices, vertex_normals(hip.vertices, hip.faces)
        c, r = np.array([15.5, -100.0, -68.0]), 25.0
        for k in range(40):
            d = h - c
            dist = np.linalg.norm(d, axis=1)
            m = ((d * n).sum(1) / dist < -0.85) & (np.abs(dist - r) < (6 if k < 20 else 2.5))
            c, r = sphere_fit(h[m])
        self.socket, self.socket_r = c, r
        self.faces, self.sac_v, self.sac_f = hip.faces, sac.vertices.astype(np.float32), sac.faces
        d = h - c
        dist = np.linalg.norm(d, axis=1)
        lat, up = -d[:, 1], d[:, 2]
        theta = np.degrees(np.arctan2(lat, up))
        # rim: outermost vertices close to the sphere, per direction round the socket's axis
        axis = unit(-(d[m] / dist[m][:, None]).mean(0))
        e1 = unit(np.array([0, 0, 1.0]) - axis * axis[2])
        e2 = np.cross(axis, e1)
        az = np.degrees(np.arctan2(d @ e2, d @ e1))
        near = dist < r + 7
        rim = []
        for a in range(-60, 61, 4):
            j = np.flatnonzero(near & (np.abs(az - a) < 4))
            if len(j):
                rim.append(j[(d[j] @ axis).argmax()])
        self.rim = np.unique(rim)
        # medial end of the sourcil, where the articular roof steps up into the fossa: 27 degrees medial of the
        # vertical on the socket surface, in the coronal plane
        j = np.flatnonzero(((d * n).sum(1) / dist < -0.6) & (np.abs(d[:, 0]) < 4) & (np.abs(theta + 27) < 5) & (dist < r + 5))
        sourcil = h[j].mean(0)
        sourcil[2] = h[j, 2].max()
        # teardrop: lower end of the plate between socket floor and pelvic wall
        j = np.flatnonzero((np.abs(d[:, 0]) < 9) & (lat > -33) & (lat < -27) & (up < 0) & (up > -34))
        self.tear = j[np.argsort(h[j, 2])[:16]]
        front = h[(np.abs(h[:, 1]) < 32) & (h[:, 2] < -75)]
        pubis = front[front[:, 0].argmax()]
        asis = hip.points["RPASIS"]
        # turning by this about y (right-hand rule) makes the anterior pelvic plane vertical
        self.upright = float(np.degrees(np.arctan2(pubis[0] - asis[0], asis[2] - pubis[2])))
        self.points = {"socket": c, "sourcil_med": sourcil, "asis": hip.points["RPASIS"], "rim0": h[self.rim].mean(0)}
        self.point_names = list(self.points)
        self.v = np.vstack([h, np.stack(list(self.points.values()))]).astype(np.float32)
        self.n_bone = len(h)
        roof = np.exp(-((dist - r) / 2.5) ** 2) * smooth((up / dist - 0.35) / 0.3) * ((d * n).sum(1) < 0)
        roof = roof * smooth((theta + 36) / 12)
        self.roof_w = roof.astype(np.float32)
        d = (self.v - c).astype(np.float32)
        rad = np.hypot(d[:, 1], d[:, 2])
        th = np.degrees(np.arctan2(-d[:, 1], d[:, 2]))
        self.w_cover = (smooth((th + 34) / 58) * smooth((150 - th) / 50) * (1 - smooth((rad - 28) / 60))
                        * (1 - smooth((np.abs(d[:, 0]) - 30) / 40))).astype(np.float32)
        self.w_cover[len(h)] = 0

    def shaped(self, cover, medial):
        """Hip bone with the roof's lateral part turned by cover degrees (positive = more cover) and the medial
        end of the sourcil by medial degrees, both about the antero-posterior axis through the socket centre."""
        d = self.v - self.socket.astype(np.float32)
        rad = np.hypot(d[:, 1], d[:, 2])
        th = np.degrees(np.arctan2(-d[:, 1], d[:, 2]))
        t = np.radians(cover * self.w_cover + medial * np.exp(-((th + 30) / 25) ** 2) * (1 - smooth((rad - 26) / 22)))
        c, s = np.cos(t), np.sin(t)
        out = d.copy()
        # lateral is -y: turning towards more cover moves the rim laterally and down
        out[:, 1] = c * d[:, 1] - s * d[:, 2]
        out[:, 2] = s * d[:, 1] + c * d[:, 2]
        return out + self.socket.astype(np.float32)


# ---- things round the bones ---------------------------------------------------------------------------------
def physis(ring, axis, thickness, wave, n=28):
    """Closed wavy slab that fills a bone's cross-section: ring [N,3] bone vertices round one level, axis its
    rough direction there (the slab lies in the ring's own plane), wave(x, y) mm its undulation. -> vertices, faces (a growth plate, or the dense
    line beside it)."""
    flat = np.linalg.svd(ring - ring.mean(0), full_matrices=False)[2][2]
    axis = flat * np.sign(flat @ np.asarray(axis, float))
    e1 = unit(np.cross(axis, [0.31, 0.2, 0.93] if abs(axis[0]) > 0.8 else [1.0, 0, 0]))
    e2 = np.cross(axis, e1)
    c = ring.mean(0)
    x, y = (ring - c) @ e1, (ring - c) @ e2
    mx, my = (x.min() + x.max()) / 2, (y.min() + y.max()) / 2
    a, r = np.arctan2(y - my, x - mx), np.hypot(x - mx, y - my)
    ph = np.arange(n) * 2 * np.pi / n
    rr = np.max(np.where(np.abs((a - ph[:, None] + np.pi) % (2 * np.pi) - np.pi) < 0.3, r, 0), 1)
    rr = np.where(rr < 1, r.mean(), rr)
    px, py, pz = [np.zeros(1)], [np.zeros(1)], [np.full(1, wave(0.0, 0.0) + 0.5 * thickness)]
    for share, h in ((0.5, 1), (0.97, 0.8), (0.97, -0.8), (0.5, -1)):
        u, w = rr * share * np.cos(ph), rr * share * np.sin(ph)
        px.append(u), py.append(w), pz.append(wave(u, w) + 0.5 * thickness * h)
    px.append(np.zeros(1)), py.append(np.zeros(1)), pz.append(np.full(1, wave(0.0, 0.0) - 0.5 * thickness))
    px, py, pz = (np.concatenate(k)[:, None] for k in (px, py, pz))
    return c + mx * e1 + my * e2 + px * e1 + py * e2 + pz * axis, lattice(4, n)


def lattice(rings, n):
    """Faces of `rings` rings of n vertices between two poles (index 0 and last)."""
    j = np.arange(n)
    k = (j + 1) % n
    f = [np.stack([np.zeros(n, int), 1 + j, 1 + k], 1)]
    for i in range(rings - 1):
        a, b = 1 + i * n, 1 + (i + 1) * n
        f += [np.stack([a + j, b + j, b + k], 1), np.stack([a + j, b + k, a + k], 1)]
    last = 1 + (rings - 1) * n
    f.append(np.stack([np.full(n, 1 + rings * n), last + k, last + j], 1))
    return np.vstack(f).astype(np.int32)


_BALL = ellipsoid(np.zeros(3), np.ones(3), 8)


def blobs(centres, radii):
    """Many ellipsoids as one mesh: centres [N,3], radii [N,3]."""
    v, f = _BALL
    n = len(centres)
    vs = (v[None] * np.asarray(radii)[:, None] + np.asarray(centres)[:, None]).reshape(-1, 3)
    fs = (f[None] + (np.arange(n) * len(v))[:, None, None]).reshape(-1, 3)
    return vs, fs.astype(np.int32)


def _vertebra_template():
    """Body and processes of a lumbar vertebra, about (0, 0, 0): vertices, faces, cortex weight."""
    path = np.array([[0, 0, z] for z in (-13, -11.5, -6.5, 0, 6.5, 11.5, 13)], float)
    k = np.array([0.9, 1.0, 0.92, 0.88, 0.92, 1.0, 0.9])[:, None]
    v, f = tube(path, np.hstack([k * 24, k * 17]), 20)
    if np.ptp(v[:, 1]) < np.ptp(v[:, 0]):
        v = v[:, [1, 0, 2]]
    c, r, w = [], [], []
    for s in (-1, 1):
        c += [[-23, s * 15, 4], [-27, s * 34, 4], [-34, s * 14, -12]]
        r += [[9, 5, 7.5], [4, 16, 4], [5, 6, 12]]
        w += [1.8, 1.2, 1.6]
    c.append([-49, 0, -8]), r.append([14, 3, 9]), w.append(1.5)
    bv, bf = blobs(np.array(c, float), np.array(r, float))
    return (np.vstack([v, bv]), np.vstack([f, bf + len(v)]),
            np.concatenate([np.full(len(v), 1.2), np.repeat(w, len(bv) // len(w))]))


_VERTEBRA = _vertebra_template()


def vertebra(rng, centre, scale):
    """Rough lumbar vertebra (anatomical frame) -> vertices, faces, cortex weight."""
    v, f, w = _VERTEBRA
    return v * (scale * rng.uniform(0.9, 1.1, 3)) + centre, f, w


def kit(atlas):
    """Pelvis, leg and lone femur of an atlas, prepared once."""
    if not hasattr(atlas, "anatomy"):
        atlas.anatomy = (Pelvis(atlas), Leg(atlas), Leg(atlas, femur_only=True))
    return atlas.anatomy


def mirror_y(v, side):
    """Right-canonical points -> side "r" or "l"."""
    return v if side == "r" else v * MIRROR.astype(v.dtype)


def gas(rng, box_lo, box_hi, n, size):
    """Bowel gas: chains of rounded bubbles inside a box (anatomical frame) -> vertices, faces."""
    c, r = [], []
    while len(c) < n:
        p = rng.uniform(box_lo, box_hi)
        d = rng.normal(size=3) * [0.3, 1, 1]
        s = size * np.exp(rng.normal() * 0.4)
        for _ in range(rng.integers(1, 5)):
            c.append(p.copy())
            r.append(s * rng.uniform(0.6, 1.3, 3) * [0.8, 1, 1])
            p = p + unit(d + rng.normal(size=3) * 0.4) * s * 1.1
    return blobs(np.array(c), np.array(r))


def turned(rng, scene, degrees):
    """The scene seen from another side (turned about the vertical through its middle), without landmarks:
    same bones, other view. Keeps the film rectangle's size."""
    a = np.radians(degrees)
    c, s = np.cos(a), np.sin(a)
    z0 = float(np.mean([b.vertices[:, 2].mean() for b in scene.bodies]))
    x0 = float(np.mean([b.vertices[:, 0].mean() for b in scene.bodies]))

    def turn(p):
        q = np.array(p, np.float32)
        x, z = p[:, 0] - x0, p[:, 2] - z0
        q[:, 0], q[:, 2] = c * x - s * z + x0, s * x + c * z + z0
        return q
    for b in scene.bodies:
        if b.kind != "marker":
            b.vertices = np.ascontiguousarray(turn(b.vertices))
    for t in scene.tissue:
        t.centres = turn(np.asarray(t.centres))
    low = min(float(b.vertices[:, 2].min()) for b in scene.bodies)
    if low < 5:
        for b in scene.bodies:
            b.vertices[:, 2] += 5 - low
        for t in scene.tissue:
            t.centres[:, 2] += 5 - low
    scene.landmarks = {}
    w = scene.film[2] - scene.film[0]
    x = rng.normal(scene.geometry.project([x0, 0, z0])[0], 0.08 * w)
    scene.film = (x - w / 2, scene.film[1], x + w / 2, scene.film[3])
    return scene
