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
    h = np.linalg.inv(b) @ np.linalg.svd(rows, full_matrices=False)[2][-1].reshape(3, 3) @ a
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
