# Scene description shared by every simulated view: bodies, tissue, landmarks, X-ray geometry.
# May depend on numpy only.
"""Scene frame, millimetres: +x image right, +y image down, +z from the detector (plane z = 0) towards
the X-ray source at (sx, sy, sid). The image is what a reader standing at the source sees, so the
frame is left-handed; faces may be wound either way as long as one body winds all of them alike.

A view module (foot_dp.py, pelvis_ap.py, leg_ap.py) offers
  VIEW         view id, e.g. "foot-dp"
  LANDMARKS    ordered list of landmark ids = channels of the network
  FLIP_PAIRS   list of (id, id) that swap when the image is mirrored ([] where ids are medial/lateral)
  DEFINITIONS  dict id -> definition in words (written to landmarks/<view>.json)
  REFINE       {"groups": [[ids]...], "extent": k, "passes": n}: crops the pipeline refines on
  build(rng, atlas) -> Scene       random shape, pose, geometry; rng is numpy.random.Generator
  negative(rng, atlas) -> Scene    optional: a look-alike without any landmark (e.g. lateral view)
"""
from dataclasses import dataclass, field

import numpy as np

KINDS = ("bone", "soft", "metal", "cast", "marker")


@dataclass
class Body:
    """Closed triangle mesh. Attenuation along a ray = mu_cortical * shell + mu_spongy * core, where the
    core is the mesh moved inwards by cortex_mm (float or one value per vertex; 0 = solid mu_cortical).
    mu in 1/mm at the effective energy, *in excess of the soft tissue* the body displaces
    (cortical about 0.03..0.05, spongy 0.006..0.02, metal 0.3..1, gas -0.02). texture = strength of the
    trabecular pattern in the core (0 = none)."""
    vertices: np.ndarray
    faces: np.ndarray
    kind: str = "bone"
    mu_cortical: float = 0.04
    mu_spongy: float = 0.012
    cortex_mm: object = 1.2
    texture: float = 0.3
    name: str = ""

    def __post_init__(self):
        self.vertices = np.ascontiguousarray(self.vertices, np.float32)
        self.faces = np.ascontiguousarray(self.faces, np.int32)
        if self.kind not in KINDS:
            raise ValueError(f"body kind {self.kind!r} is none of {KINDS}")


@dataclass
class Tissue:
    """Soft tissue as a smooth union of balls (centres [N,3] mm, radius [N] mm), mu in 1/mm (about 0.02;
    fat 0.016, muscle 0.021). Drawn coarsely and blurred, so tens of balls along a bone do."""
    centres: np.ndarray
    radius: np.ndarray
    mu: float = 0.02


class Geometry:
    """Point source and flat detector."""

    def __init__(self, sx, sy, sid):
        self.sx, self.sy, self.sid = float(sx), float(sy), float(sid)

    def project(self, points):
        """[N,3] or [3] scene mm -> [N,2] or [2] detector mm."""
        p = np.asarray(points, np.float64)
        k = self.sid / (self.sid - p[..., 2])
        return np.stack([self.sx + (p[..., 0] - self.sx) * k, self.sy + (p[..., 1] - self.sy) * k], -1)


@dataclass
class Scene:
    """landmarks: id -> 3-D point (scene mm) or callable(geometry, scene) -> 2-D detector mm (or None
    where it cannot be seen). film: (x0, y0, x1, y1) detector mm shown by the whole image. meta: what the
    builder knows (side "R"/"L", true angles, ...), for contact sheets and evaluation."""
    view: str
    bodies: list
    landmarks: dict
    geometry: Geometry
    film: tuple
    tissue: list = field(default_factory=list)
    meta: dict = field(default_factory=dict)

    def body(self, name):
        for b in self.bodies:
            if b.name == name:
                return b
        raise KeyError(name)

    def landmarks_mm(self, ids):
        """Detector positions [K,2] mm in the order of ids; NaN where absent."""
        out = np.full((len(ids), 2), np.nan)
        for i, key in enumerate(ids):
            p = self.landmarks.get(key)
            if p is None:
                continue
            q = p(self.geometry, self) if callable(p) else self.geometry.project(p)
            if q is not None:
                out[i] = q
        return out
