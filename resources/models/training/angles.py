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


MEASURES = {"foot-dp": _foot}


def measure(view, points):
    if view not in MEASURES:
        return {}
    p = {k: np.asarray(v, float) for k, v in points.items()}
    with np.errstate(invalid="ignore"):
        return MEASURES[view](p)
