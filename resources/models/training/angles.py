# The angles that the landmarks serve, for sheets and metrics: the same constructions as the protocols.
# May depend on numpy only.
"""measure(view, points) -> {name: degrees}; points: id -> (x, y) px. Missing or NaN points drop an angle.
Side is taken from the landmarks themselves (medial and lateral ids), so mirrored images agree."""
import numpy as np


def line_angle(u, v):
    """Signed angle from u to v, degrees, image frame (y down)."""
    return np.degrees(np.arctan2(u[0] * v[1] - u[1] * v[0], u @ v))


def _foot(p):
    mt1, mt2 = p["mt1_dist"] - p["mt1_prox"], p["mt2_dist"] - p["mt2_prox"]
    ph1, dp1 = p["ph1_dist"] - p["ph1_prox"], p["dp1_dist"] - p["dp1_prox"]
    cap = p["mt1_head_lat"] - p["mt1_head_med"]
    # + = towards the little toe; the second metatarsal lies on that side of the first.
    m = np.sign(line_angle(mt1, p["mt2_dist"] - p["mt1_prox"]))
    return {"HVA": m * line_angle(mt1, ph1), "IMA": m * line_angle(mt1, mt2), "HVI": m * line_angle(ph1, dp1),
            "DMAA": m * line_angle(np.array([-mt1[1], mt1[0]]) * m, cap)}


def _between(u, v):
    """Unsigned angle 0..180."""
    return abs(line_angle(u, v))


def _pelvis(p):
    out = {}
    base = p["teardrop_l"] - p["teardrop_r"]
    up = np.array([base[1], -base[0]])
    for s, lateral in (("r", -base), ("l", base)):
        roof, med, head = p["roof_lat_" + s], p["sourcil_med_" + s], p["head_c_" + s]
        turn = np.sign(line_angle(up, lateral))
        out["Sharp_" + s] = _between(lateral, roof - p["teardrop_" + s])
        out["LCEA_" + s] = turn * line_angle(up, roof - head)
        out["Tonnis_" + s] = -turn * line_angle(lateral, roof - med)
        out["NSA_" + s] = _between(head - p["neck_mid_" + s], p["shaft_dist_" + s] - p["shaft_prox_" + s])
    return out


def _leg(p):
    out = {}
    for s in "rl":
        q = {k[:-2]: v for k, v in p.items() if k.endswith("_" + s)}
        femur, tibia = q["knee_c"] - q["hip_c"], q["ankle_c"] - q["knee_c"]
        cond, plat, plaf = (q[k + "_lat"] - q[k + "_med"] for k in ("cond", "plat", "plaf"))
        m = -np.sign(line_angle(femur, cond))  # + = towards medial
        out["HKA_dev_" + s] = m * line_angle(femur, tibia)  # + = varus
        out["mLDFA_" + s] = _between(-femur, cond)
        out["MPTA_" + s] = _between(tibia, -plat)
        out["JLCA_" + s] = m * line_angle(cond, plat)  # + = opening laterally
        out["LDTA_" + s] = _between(-tibia, plaf)
        out["aTFA_" + s] = -m * line_angle(q["fem_dist"] - q["fem_prox"], q["tib_dist"] - q["tib_prox"])  # + = valgus
    return out


MEASURES = {"foot-dp": _foot, "pelvis-ap": _pelvis, "leg-ap": _leg}


def required(view):
    import importlib
    return importlib.import_module(view.replace("-", "_")).LANDMARKS


def measure(view, points):
    if view not in MEASURES:
        return {}
    p = {k: np.asarray(v, float) for k, v in points.items()}
    if any(k not in p for k in required(view)):
        return {}
    with np.errstate(invalid="ignore"):
        return MEASURES[view](p)
