# Loads the CT-derived bones and offers mesh helpers: normals, posing, smooth deformation, primitives.
# May depend on numpy only; the bones' folder comes from the environment variable GONIO_BONES.
"""Anatomical frame of the atlas, mm: +x anterior, +y left, +z superior. `AP @ v` turns an anatomical
vector into the scene frame of a frontal view (patient's left = image right)."""
import json
import os
from pathlib import Path

import numpy as np

AP = np.array([[0.0, 1, 0], [0, 0, -1], [1, 0, 0]])


class Bone:
    """name, vertices [N,3] float64, faces [M,3] int32, origin [3], axes [3,3] (columns), points: id -> [3]."""

    def __init__(self, name, vertices, faces, origin, axes, points):
        self.name, self.vertices, self.faces = name, vertices, faces
        self.origin, self.axes, self.points = origin, axes, points


def read_ply(path):
    """Binary little-endian PLY with float x, y, z and triangle faces only."""
    data = Path(path).read_bytes()
    end = data.index(b"end_header\n") + len(b"end_header\n")
    head = data[:end].decode("ascii").split("\n")
    nv = next(int(h.split()[2]) for h in head if h.startswith("element vertex"))
    nf = next(int(h.split()[2]) for h in head if h.startswith("element face"))
    v = np.frombuffer(data, "<f4", nv * 3, end).reshape(nv, 3)
    f = np.frombuffer(data, np.dtype([("n", "u1"), ("i", "<i4", 3)]), nf, end + nv * 12)
    if not (f["n"] == 3).all():
        raise ValueError(f"{path}: faces must be triangles")
    return v.astype(np.float64), f["i"].astype(np.int32)


class Atlas:
    def __init__(self, folder=None):
        folder = Path(folder or os.environ["GONIO_BONES"])
        self.bones = {}
        for b in json.loads((folder / "skeleton.json").read_text())["bones"]:
            v, f = read_ply(folder / b["file"])
            axes = np.array(b["joint_axes_columns"], float)
            self.bones[b["name"]] = Bone(b["name"], v, f, np.array(b["joint_origin_mm"], float), axes,
                                         {k: np.array(p, float) for k, p in b.get("landmarks_mm", {}).items()})

    def __getitem__(self, name):
        return self.bones[name]


def vertex_normals(v, f):
    """Unit outward normals [N,3]; the orientation is fixed by the sign of the enclosed volume."""
    a, b, c = v[f[:, 0]], v[f[:, 1]], v[f[:, 2]]
    n = np.cross(b - a, c - a)
    out = np.zeros_like(v)
    for k in range(3):
        for d in range(3):
            out[:, d] += np.bincount(f[:, k], n[:, d], len(v))
    if np.einsum("ij,ij->", a - v.mean(0), n) < 0:
        out = -out
    return out / np.maximum(np.linalg.norm(out, axis=1, keepdims=True), 1e-9)


def rotation(axis, degrees):
    """3x3 rotation about an axis (right-hand rule in a right-handed frame)."""
    a = np.asarray(axis, float)
    a = a / np.linalg.norm(a)
    k = np.array([[0, -a[2], a[1]], [a[2], 0, -a[0]], [-a[1], a[0], 0]])
    t = np.radians(degrees)
    return np.eye(3) + np.sin(t) * k + (1 - np.cos(t)) * (k @ k)


def about(v, pivot, r):
    """Rotate points v about pivot by matrix r."""
    return (np.asarray(v) - pivot) @ r.T + pivot


def unit(v):
    return np.asarray(v, float) / np.linalg.norm(v)


def long_axis(v, towards):
    """First principal axis of vertices, directed towards the given vector."""
    c = v - v.mean(0)
    w = np.linalg.eigh(c.T @ c)[1][:, -1]
    return w if w @ towards > 0 else -w


class Warp:
    """Smooth random deformation: a sum of low-frequency waves, amplitude mm and shortest wavelength mm.
    Apply the same instance to bones, tissue and landmark points so that they stay together."""

    def __init__(self, rng, amplitude, wavelength, waves=5):
        d = rng.normal(size=(waves, 3))
        d /= np.linalg.norm(d, axis=1, keepdims=True)
        self.k = d * (2 * np.pi / (wavelength * rng.uniform(1, 3, (waves, 1))))
        self.phase = rng.uniform(0, 2 * np.pi, waves)
        self.amp = rng.normal(size=(waves, 3)) * amplitude / np.sqrt(waves)

    def __call__(self, p):
        p = np.asarray(p, float)
        return p + np.sin(p @ self.k.T + self.phase) @ self.amp


def cortex_profile(v, axis, shaft_mm, end_mm, lo=0.2, hi=0.8):
    """Per-vertex cortical thickness of a long bone: shaft_mm in the middle, end_mm at both ends."""
    t = v @ axis
    t = (t - t.min()) / max(np.ptp(t), 1e-9)
    w = np.clip((t - lo + 0.12) / 0.24, 0, 1) * np.clip((hi + 0.12 - t) / 0.24, 0, 1)
    return end_mm + (shaft_mm - end_mm) * w * w * (3 - 2 * w)


def ellipsoid(centre, radii, n=16):
    """Closed ellipsoid mesh -> vertices, faces."""
    th = np.linspace(0, np.pi, n + 1)[1:-1]
    ph = np.arange(2 * n) * np.pi / n
    s = np.stack(np.broadcast_arrays(np.sin(th)[:, None] * np.cos(ph), np.sin(th)[:, None] * np.sin(ph),
                                     np.cos(th)[:, None]), -1).reshape(-1, 3)
    v = np.vstack([[0, 0, 1], s, [0, 0, -1]])
    return v * radii + centre, _lattice_faces(n - 1, 2 * n)


def tube(path, radius, n=16):
    """Closed tube round a polyline (path [P,3], radius scalar or [P] or [P,2] for an elliptic section)."""
    path = np.asarray(path, float)
    r = np.broadcast_to(np.asarray(radius, float).reshape(-1, 1) if np.ndim(radius) < 2 else radius, (len(path), 2))
    d = np.gradient(path, axis=0)
    d /= np.maximum(np.linalg.norm(d, axis=1, keepdims=True), 1e-9)
    ref = np.array([0, 0, 1.0]) if abs(d[0, 2]) < 0.9 else np.array([1.0, 0, 0])
    ph = np.arange(n) * 2 * np.pi / n
    rings = []
    for p, t, q in zip(path, d, r):
        u = unit(np.cross(ref, t))
        w = np.cross(t, u)
        rings.append(p + np.outer(np.cos(ph) * q[0], u) + np.outer(np.sin(ph) * q[1], w))
    v = np.vstack([path[:1], np.vstack(rings), path[-1:]])
    return v, _lattice_faces(len(path), n)


def _lattice_faces(rings, n):
    """Faces of rings x n vertices between two poles (index 0 and last)."""
    j = np.arange(n)
    k = (j + 1) % n
    f = [np.stack([np.zeros(n, int), 1 + j, 1 + k], 1)]
    for i in range(rings - 1):
        a, b = 1 + i * n, 1 + (i + 1) * n
        f.append(np.stack([a + j, b + j, b + k], 1))
        f.append(np.stack([a + j, b + k, a + k], 1))
    last = 1 + (rings - 1) * n
    f.append(np.stack([np.full(n, 1 + rings * n), last + k, last + j], 1))
    return np.vstack(f).astype(np.int32)


def shaft_centre(body_vertices, lo, hi, axis, fraction=None):
    """Landmark callable: centre of a shaft *as seen in the projection*. Of the vertices whose share along
    `axis` lies in lo..hi, the mid-point of the projected width."""
    t = body_vertices @ axis
    t = (t - t.min()) / max(np.ptp(t), 1e-9)
    ring = body_vertices[(t >= lo) & (t <= hi)]

    def find(geometry, scene):
        ends = geometry.project(np.stack([body_vertices[t <= 0.3].mean(0), body_vertices[t >= 0.7].mean(0)]))
        d = unit(ends[1] - ends[0])
        n = np.array([-d[1], d[0]])
        q = geometry.project(ring)
        s = q @ n
        return (q @ d).mean() * d + 0.5 * (s.min() + s.max()) * n

    return find
