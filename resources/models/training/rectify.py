# From a predicted backward map to a camera: homography and one radial term, and the picture's true proportions.
# May depend on numpy only.
"""The same fit as the product makes, so that the metrics speak of what a user gets. Unit square of the flat picture
-> homography -> radial term about the photo's centre -> photo px."""
import numpy as np


def _apply(h, u):
    w = u @ h[:, :2].T + h[:, 2]
    return w[..., :2] / w[..., 2:]


def homography(src, dst, weight=None):
    """Least-squares homography (normalised DLT) of [N,2] onto [N,2]."""
    def norm(p):
        c, s = p.mean(0), np.sqrt(2) / np.maximum(np.linalg.norm(p - p.mean(0), axis=1).mean(), 1e-9)
        return np.array([[s, 0, -s * c[0]], [0, s, -s * c[1]], [0, 0, 1]])

    a, b = norm(src), norm(dst)
    p, q = _apply(a, src), _apply(b, dst)
    one, zero = np.ones((len(p), 1)), np.zeros((len(p), 3))
    rows = np.concatenate([np.hstack([p, one, zero, -q[:, :1] * p, -q[:, :1]]),
                           np.hstack([zero, p, one, -q[:, 1:] * p, -q[:, 1:]])])
    if weight is not None:
        rows = rows * np.concatenate([weight, weight])[:, None]
    h = np.linalg.inv(b) @ np.linalg.eigh(rows.T @ rows)[1][:, 0].reshape(3, 3) @ a
    return h / h[2, 2]


class Camera:
    """Unit square -> photo px, and back."""

    def __init__(self, h, k, size):
        self.h, self.k = h, k
        self.size = np.asarray(size, float)
        self.centre, self.radius = self.size / 2, np.hypot(*size) / 2

    def to_photo(self, u):
        q = (_apply(self.h, np.asarray(u, float)) - self.centre) / self.radius
        return q * (1 + self.k * (q ** 2).sum(-1, keepdims=True)) * self.radius + self.centre

    def to_unit(self, px):
        p = (np.asarray(px, float) - self.centre) / self.radius
        q = p
        for _ in range(10):
            q = p / (1 + self.k * (q ** 2).sum(-1, keepdims=True))
        return _apply(np.linalg.inv(self.h), q * self.radius + self.centre)

    def _columns(self):
        """The picture's sides as seen from the photo's centre: homogeneous directions times focal length."""
        t = np.array([[1, 0, -self.centre[0]], [0, 1, -self.centre[1]], [0, 0, 1]])
        return (t @ self.h)[:, 0], (t @ self.h)[:, 1]

    def focal_and_aspect(self, assumed=0.95):
        """Focal length px and width by height of the flat picture. The sides stand at a right angle in space:
        (a0 b0 + a1 b1) x + a2 b2 = 0 with x = 1 / focal^2, solved together with an expectation of assumed times the
        photo's longer side, as each is worth: sides known to one degree, x to 60 %."""
        a, b = self._columns()
        long = self.size.max()
        prior = 1 / (assumed * long) ** 2
        c, d = a[0] * b[0] + a[1] * b[1], a[2] * b[2]
        noise, spread = 0.017 * np.hypot(*a[:2]) * np.hypot(*b[:2]) * prior, 0.6 * prior
        x = (prior / spread ** 2 - d * c / noise ** 2) / (1 / spread ** 2 + (c / noise) ** 2)
        f = 1 / np.sqrt(np.clip(x, 1 / (3 * long) ** 2, 1 / (0.55 * long) ** 2))
        k = np.array([1 / f, 1 / f, 1])
        return f, float(np.linalg.norm(a * k) / np.linalg.norm(b * k))

    def tilt(self, f):
        """Degrees between the picture's normal and the line of sight."""
        a, b = self._columns()
        n = np.cross(a * [1 / f, 1 / f, 1], b * [1 / f, 1 / f, 1])
        return float(np.degrees(np.arccos(min(1.0, abs(n[2]) / np.linalg.norm(n)))))


def fit(nodes, size):
    """nodes [n,n,2] px of a photo of size (w, h) -> Camera, rms residual px. Gauss-Newton with Huber weights."""
    n = len(nodes)
    g = np.linspace(0, 1, n)
    u = np.stack(np.meshgrid(g, g), -1).reshape(-1, 2)
    p = np.asarray(nodes, float).reshape(-1, 2)
    cam = Camera(homography(u, p), 0.0, size)
    x = np.append(cam.h.reshape(-1)[:8], 0.0)
    unit = cam.radius

    def model(x):
        return Camera(np.append(x[:8], 1).reshape(3, 3), x[8], size).to_photo(u)

    for _ in range(6):
        r = (p - model(x)) / unit
        d = np.linalg.norm(r, axis=1)
        w = np.minimum(1, 0.004 / np.maximum(d, 1e-9))
        j = np.empty((2 * len(u), 9))
        for i in range(9):
            e = 1e-6 * max(abs(x[i]), 1e-3 if i in (6, 7, 8) else 1.0)
            y = x.copy()
            y[i] += e
            j[:, i] = ((model(y) - model(x)) / e / unit).reshape(-1)
        ww = np.repeat(np.sqrt(w), 2)
        lhs, rhs = np.vstack([j * ww[:, None], np.eye(9)[8:] * 0.05 * np.sqrt(len(u)) * 0.1]), np.append(r.reshape(-1) * ww, -x[8] * 0.005 * np.sqrt(len(u)))
        x = x + np.linalg.lstsq(lhs, rhs, rcond=None)[0]
        x[8] = np.clip(x[8], -0.15, 0.15)
    cam = Camera(np.append(x[:8], 1).reshape(3, 3), x[8], size)
    return cam, float(np.sqrt(((p - cam.to_photo(u)) ** 2).sum(1).mean()))


# ---- straight edges near the proposed sides ----

def _profiles(grey, a, b, width, count):
    """Derivative across the side a-b of a smoothed picture: [count, 2 width + 1], and the positions along it."""
    t = np.linspace(0.05, 0.95, count)
    d = (b - a) / max(np.linalg.norm(b - a), 1e-9)
    normal = np.array([-d[1], d[0]])
    o = np.arange(-width - 1, width + 2)
    p = (a + t[:, None] * (b - a))[:, None] + o[None, :, None] * normal
    h, w = grey.shape
    x, y = p[..., 0] - 0.5, p[..., 1] - 0.5
    inside = (x >= 0) & (x <= w - 1) & (y >= 0) & (y <= h - 1)
    x, y = np.clip(x, 0, w - 1.001), np.clip(y, 0, h - 1.001)
    i, j = x.astype(int), y.astype(int)
    fx, fy = x - i, y - j
    v = (grey[j, i] * (1 - fx) + grey[j, i + 1] * fx) * (1 - fy) + (grey[j + 1, i] * (1 - fx) + grey[j + 1, i + 1] * fx) * fy
    slope = (v[:, 2:] - v[:, :-2]) * 0.5
    return np.where(inside[:, 2:] & inside[:, :-2], slope, 0.0), t, normal


def _line(slope, t, width):
    """Offsets (at t = 0 and t = 1) of the straight edge that most positions agree on, and the share that do."""
    best = (0.0, None, None)
    for sign in (1, -1):
        s = slope * sign
        peak = (s[:, 1:-1] >= s[:, :-2]) & (s[:, 1:-1] > s[:, 2:])
        strength = np.where(peak, s[:, 1:-1], 0)
        top = np.argsort(-strength, axis=1)[:, :3]
        v = np.take_along_axis(strength, top, 1)
        l, m, r = (np.take_along_axis(s, top + k, 1) for k in (0, 1, 2))
        sub = 0.5 * (l - r) / np.where(np.abs(l - 2 * m + r) < 1e-9, 1e-9, l - 2 * m + r)
        at = top + 1 - width + np.clip(sub, -0.5, 0.5)
        ok = v > max(2.0, 0.25 * np.percentile(v[:, 0], 75))
        rows, cols = np.nonzero(ok)
        if len(rows) < len(t) // 3:
            continue
        tt, oo = t[rows], at[rows, cols]
        near = np.minimum(v[rows, cols] / np.percentile(v[:, 0], 75), 1)
        first, second = np.nonzero(tt < 0.35)[0], np.nonzero(tt > 0.65)[0]
        if not len(first) or not len(second):
            continue
        i, j = (g.ravel() for g in np.meshgrid(first, second))
        k = (oo[j] - oo[i]) / (tt[j] - tt[i])
        o0 = oo[i] - k * tt[i]
        keep = np.abs(k) < 0.9 * width
        k, o0 = k[keep], o0[keep]
        if not len(k):
            continue
        # Vote of every position: its best candidate near the line.
        apart = np.abs(o0[:, None] + k[:, None] * tt - oo)
        vote = np.maximum(0, 1 - apart / 1.6) * near
        total = np.zeros((len(k), len(t)))
        for n in range(len(rows)):
            total[:, rows[n]] = np.maximum(total[:, rows[n]], vote[:, n])
        middle = o0 + 0.5 * k
        score = total.mean(1) * np.exp(-0.5 * (middle / (0.6 * width)) ** 2 - 0.5 * (k / (0.7 * width)) ** 2)
        n = int(score.argmax())
        if score[n] > best[0]:
            used = apart[n] < 1.6
            x = np.stack([np.ones(used.sum()), tt[used]], 1)
            c = np.linalg.lstsq(x * near[used][:, None], oo[used] * near[used], rcond=None)[0]
            best = (score[n], c, (total[n] > 0.3).mean())
    return best


def snap(grey, cam, reach=0.05, count=72):
    """Moves the proposed sides onto straight edges in the photo (float [H,W], 0..255, lightly smoothed). Any edge
    of the film's or the screen's plane that runs along a side serves: all have the same vanishing points.
    -> Camera without lens term, number of sides found (0..4)."""
    h, w = grey.shape
    width = max(4, int(reach * np.hypot(w, h)))
    c = cam.to_photo(np.array([[0, 0], [1, 0], [1, 1], [0, 1.0]]))
    lines, found = [], 0
    for n in range(4):
        a, b = c[n], c[(n + 1) % 4]
        slope, t, normal = _profiles(grey, a, b, width, count)
        score, o, share = _line(slope, t, width)
        p, q = a, b
        if o is not None and share > 0.5:
            p, q = a + o[0] * normal, b + (o[0] + o[1]) * normal
            found += 1
        lines.append(np.cross([*p, 1], [*q, 1]))
    corners = []
    for n in range(4):
        x = np.cross(lines[n - 1], lines[n])
        if abs(x[2]) < 1e-9:
            return cam, 0
        corners.append(x[:2] / x[2])
    corners = np.array(corners)
    if np.linalg.norm(corners - c, axis=1).max() > 2.5 * width:
        return cam, 0
    e = np.roll(corners, -1, 0) - corners
    f = np.roll(e, -1, 0)
    if (e[:, 0] * f[:, 1] - e[:, 1] * f[:, 0] <= 0).any():
        return cam, 0
    return Camera(homography(np.array([[0, 0], [1, 0], [1, 1], [0, 1.0]]), corners), 0.0, (w, h)), found
