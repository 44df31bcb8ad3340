# Trains the view classifier: which protocol a flat picture is for, or none; resumable.
# May depend on torch, numpy, PIL and the training modules.
"""usage: train_view.py --pool DIR --films DIR --out RUN --steps 3000 [--first N --last N]   (items of the pool)
Positives are rendered films whose crops still show what the protocol needs; negatives are other projections of the same
bones, parts of the films, real films of other regions, pages of text and noise. Faint real films are mixed into renders,
so that "looks real" is no sign of a negative."""
import argparse
import glob
import math
import os
import time

import numpy as np
import torch
from PIL import Image
from torch import nn
from torch.nn import functional as F

import phantom
import photo
import photo_scene
from net import Res, conv
from pool import Pool

SIZE = 128
LABELS = ("foot-dp", "pelvis-ap", "leg-ap", "other")
OTHER = 3


class ViewNet(nn.Module):
    """image [B,1,128,128] 0..1 -> logits [B,4]. Brightness and contrast are taken out first."""

    def __init__(self, width=(28, 56, 104, 176)):
        super().__init__()
        w = width
        self.stem = conv(1, w[0], 2)
        self.enc = nn.ModuleList([nn.Sequential(conv(w[i - 1], w[i], 2), Res(w[i])) for i in range(1, len(w))])
        self.deep = Res(w[-1])
        self.drop = nn.Dropout(0.1)
        self.out = nn.Linear(w[-1], len(LABELS))

    def forward(self, image):
        x = image - F.adaptive_avg_pool2d(image, 1)
        x = x / torch.sqrt(F.adaptive_avg_pool2d(x * x, 1) + 1e-3)
        x = self.stem(x)
        for e in self.enc:
            x = e(x)
        x = F.adaptive_avg_pool2d(self.deep(x), 1)
        return self.out(self.drop(x.reshape(x.shape[0], -1)))


def grey(path, longest=520):
    im = Image.open(path).convert("L")
    im.thumbnail((longest, longest))
    return np.asarray(im, np.float32) / 255


def label_of(kind, seen):
    """View shown by a crop of a rendered film, or None where it is between two. seen: {landmark id: visible}."""
    share = np.mean(list(seen.values())) if seen else 0.0
    if kind in ("foot-dp", "pelvis-ap"):
        return LABELS.index(kind) if share >= 0.85 else OTHER if share <= 0.12 else None
    legs = [[seen[f"{j}_{s}"] for j in ("hip_c", "knee_c", "ankle_c")] for s in "rl"]
    if any(all(leg) for leg in legs):
        return LABELS.index("leg-ap")
    joints = np.array(legs).any(0)
    return OTHER if joints.sum() <= 1 and not all(leg[0] for leg in legs) else None


class Source:
    """Labelled pictures [128,128] float32 0..1."""

    def __init__(self, pool, films, first=0, last=None, held_out=False):
        self.pool = Pool(pool)
        last = last or len(self.pool)
        self.by = {k: [i for i in range(first, last) if self.pool.items[i]["kind"] == k] for k in
                   ("foot-dp", "pelvis-ap", "leg-ap", "look-alike", "turned")}
        paths = photo_scene.real_films(films, held_out)
        self.limbs = [grey(p) for p in paths if "/limbs/" in p] if not held_out else []
        self.trunk = [grey(p) for p in paths if "/limbs/" not in p]
        self.pages = [grey(p, 900) for p in sorted(glob.glob(os.path.join(films, "phone-photos/*.jpg")))]

    def real(self, rng):
        return self.limbs[rng.integers(len(self.limbs))] if self.limbs and rng.random() < 0.55 else self.trunk[rng.integers(len(self.trunk))]

    def negative(self, rng):
        k = rng.random()
        if k < 0.34:
            return self.film(rng, "look-alike")
        if k < 0.52:
            return self.film(rng, "turned")
        if k < 0.82:
            return self.real(rng), "real"
        if k < 0.9:
            return photo_scene.generic(rng).astype(np.float32) / 255, "generic"
        if k < 0.95:
            page = self.pages[rng.integers(len(self.pages))]
            h, w = page.shape
            s = int(min(h, w) * rng.uniform(0.3, 1))
            y, x = rng.integers(0, h - s + 1), rng.integers(0, w - s + 1)
            return page[y:y + s, x:x + s], "page"
        if k < 0.97:
            return np.full((64, 64), rng.random(), np.float32) + phantom.noise(rng, (64, 64)) * rng.uniform(0, 0.1), "blank"
        return np.clip(0.5 + 0.3 * phantom.smooth_noise(rng, (200, 160), rng.uniform(1, 150)), 0, 1), "noise"

    def film(self, rng, kind):
        i = self.by[kind][rng.integers(len(self.by[kind]))]
        im = self.pool.image(i).astype(np.float32) / 255
        if rng.random() < 0.25:
            real = self.trunk[rng.integers(len(self.trunk))]
            m = np.array([[real.shape[1] / im.shape[1], 0, 0], [0, real.shape[0] / im.shape[0], 0]]) * rng.uniform(0.4, 1)
            other = phantom.warp(real, m, im.shape[1], im.shape[0], float(real.mean()))
            a = rng.uniform(0.05, 0.3)
            im = im * (1 - a) + a * other
        return im, i

    def draw(self, rng):
        """-> image, label, name of the source."""
        while True:
            if rng.random() < 0.68:
                kind = str(rng.choice(LABELS[:3]))
                im, i = self.film(rng, kind)
                points = self.pool.items[i]["points"]
            else:
                kind = None
                im, i = self.negative(rng)
            out, seen = self.crop(rng, im, points if kind else {})
            label = label_of(kind, seen) if kind else OTHER
            if label is None or (kind and label == OTHER and rng.random() < 0.3):
                continue
            out = self.look(rng, out)
            if label != OTHER and out.std() < 0.07:
                continue  # an exposure on which nobody could see anything
            return out, label, kind or (i if isinstance(i, str) else self.pool.items[i]["kind"])

    def crop(self, rng, im, points):
        h, w = im.shape
        wide = rng.random() < 0.8
        if wide:
            cw, ch = w * rng.uniform(0.8, 1.15), h * rng.uniform(0.8, 1.15)
            centre = np.array([w, h]) * (0.5 + rng.normal(size=2) * 0.04)
        else:
            cw, ch = w * rng.uniform(0.25, 0.9), h * rng.uniform(0.25, 0.9)
            centre = np.array([w, h]) * rng.uniform(0.2, 0.8, 2)
        angle = rng.normal() * 5 if rng.random() < 0.9 else rng.uniform(-40, 40)
        if rng.random() < 0.06:
            angle += rng.choice([90, 180, 270])
        mirror = -1.0 if rng.random() < 0.5 else 1.0
        stretch = np.exp(rng.normal() * 0.05)
        s = max(cw, ch) / SIZE
        c, n = np.cos(np.radians(angle)) * s, np.sin(np.radians(angle)) * s
        a = np.array([[c * mirror, -n * stretch], [n * mirror, c * stretch]])
        m = np.column_stack([a, centre - a @ [SIZE / 2, SIZE / 2]])
        fill = 0.0 if rng.random() < 0.8 else float(rng.choice([1.0, np.median(im)]))
        out = phantom.warp(im, m, SIZE, SIZE, fill)
        # The letterbox: what lies outside the crop's own rectangle is black.
        bw, bh = cw / max(cw, ch) * SIZE, ch / max(cw, ch) * SIZE
        if abs(angle) > 50:
            bw, bh = (bh, bw) if (round(angle / 90) % 2) else (bw, bh)
        x0, y0 = (SIZE - bw) / 2, (SIZE - bh) / 2
        box = np.zeros_like(out)
        box[int(y0):int(np.ceil(y0 + bh)), int(x0):int(np.ceil(x0 + bw))] = 1
        out = out * box
        inv = np.linalg.inv(a)
        seen = {}
        for k, p in points.items():
            q = inv @ (np.array(p) - m[:, 2]) if p else None
            seen[k] = q is not None and x0 + 2 < q[0] < x0 + bw - 2 and y0 + 2 < q[1] < y0 + bh - 2
        return out, seen

    def look(self, rng, x):
        """Polarity, tone, sharpness, noise, compression; now and then a photograph of it."""
        x = np.clip(x, 0, 1)
        if rng.random() < 0.2:
            x = 1 - x
        if rng.random() < 0.6:
            x = x ** np.float32(np.exp(rng.normal() * 0.4))
        if rng.random() < 0.5:
            lo, hi = rng.uniform(0, 0.3), rng.uniform(0.6, 1)
            x = lo + (hi - lo) * x if rng.random() < 0.5 else np.clip((x - lo * 0.6) / (hi - lo * 0.6), 0, 1)
        if rng.random() < 0.5:
            x = phantom.blur(x, rng.uniform(0.2, 0.9))
        elif rng.random() < 0.5:
            x = x + rng.uniform(0.3, 2) * (x - phantom.blur(x, rng.uniform(0.5, 4)))
        if rng.random() < 0.5:
            x = x + phantom.noise(rng, x.shape) * rng.uniform(0, 0.06)
        if rng.random() < 0.04:
            s = photo.planar(rng, (np.clip(x, 0, 1) * 255).astype(np.uint8), SIZE, str(rng.choice(["film", "monitor"])), abs(rng.normal()) * 12)
            x = photo.letterbox(s.image.mean(2).astype(np.uint8), SIZE)[0].astype(np.float32) / 255
        elif rng.random() < 0.25:
            x = photo_scene.jpeg(rng, np.repeat((np.clip(x, 0, 1) * 255).astype(np.uint8)[..., None], 3, 2), 15)[..., 0].astype(np.float32) / 255
        if rng.random() < 0.2:
            for _ in range(rng.integers(1, 4)):
                cx, cy, s = rng.uniform(0, SIZE, 3) * [1, 1, 0.25]
                x = x.copy()
                x[int(cy):int(cy + s), int(cx):int(cx + s * rng.uniform(0.3, 2))] = rng.random()
        return np.clip(x, 0, 1).astype(np.float32)


def vary(rng, x):
    """Cheap changes, so that a picture may be used a few times."""
    if rng.random() < 0.5:
        x = x[:, ::-1]
    if rng.random() < 0.25:
        x = np.roll(x, rng.integers(-7, 8, 2), (0, 1))
    if rng.random() < 0.5:
        x = x ** np.float32(np.exp(rng.normal() * 0.2))
    return np.ascontiguousarray(x)


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--pool", required=True)
    ap.add_argument("--films", required=True)
    ap.add_argument("--out", required=True)
    ap.add_argument("--steps", type=int, default=3000)
    ap.add_argument("--batch", type=int, default=24)
    ap.add_argument("--lr", type=float, default=1.5e-3)
    ap.add_argument("--seed", type=int, default=1)
    ap.add_argument("--threads", type=int, default=1)
    ap.add_argument("--save", type=int, default=100)
    a = ap.parse_args()
    torch.set_num_threads(a.threads)
    torch.manual_seed(a.seed)
    os.makedirs(a.out, exist_ok=True)
    net, average = ViewNet().to(memory_format=torch.channels_last), ViewNet()
    opt = torch.optim.AdamW(net.parameters(), lr=a.lr, weight_decay=1e-3, foreach=True)
    step, spent, path = 0, 0.0, os.path.join(a.out, "last.pt")
    average.load_state_dict(net.state_dict())
    if os.path.exists(path):
        c = torch.load(path, map_location="cpu")
        net.load_state_dict(c["net"])
        average.load_state_dict(c["average"])
        opt.load_state_dict(c["opt"])
        step, spent = c["step"], c["spent"]
    log = open(os.path.join(a.out, "log.txt"), "a", buffering=1)
    source, rng = Source(a.pool, a.films), np.random.default_rng([a.seed, 66, step])
    start, tick, shown, stock = time.time(), time.time(), [], []
    net.train()
    while step < a.steps:
        for group in opt.param_groups:
            group["lr"] = a.lr * min(1.0, (step + 1) / 150) * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * step / a.steps)))
        while len(stock) < 6 * a.batch:
            stock.append((source.draw(rng), 0))
        drawn = []
        for i in sorted(rng.permutation(len(stock))[:a.batch], reverse=True):
            (x, label, name), used = stock.pop(i)
            if used < 2:
                stock.append(((x, label, name), used + 1))
            drawn.append((vary(rng, x), label))
        image = torch.from_numpy(np.stack([d[0] for d in drawn])[:, None])
        label = torch.tensor([d[1] for d in drawn])
        with torch.cpu.amp.autocast(dtype=torch.bfloat16):
            logits = net(image.to(memory_format=torch.channels_last))
        loss = F.cross_entropy(logits.float(), label, label_smoothing=0.03)
        opt.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 2.0)
        opt.step()
        step += 1
        if step % 4 == 0:
            decay = min(0.992, (step + 1) / (step + 40))
            with torch.no_grad():
                for p, q in zip(average.state_dict().values(), net.state_dict().values()):
                    p.lerp_(q, 1 - decay) if p.is_floating_point() else p.copy_(q)
        hit = (logits.argmax(1) == label).float()
        shown.append((loss.item(), hit.mean().item()))
        if step % 50 == 0:
            m = np.mean(shown, 0)
            log.write(f"step {step} loss {m[0]:.3f} right {m[1]:.3f} {50 * a.batch / (time.time() - tick):.1f} img/s "
                      f"{(spent + time.time() - start) / 60:.1f} min\n")
            shown, tick = [], time.time()
        if step % a.save == 0 or step == a.steps:
            torch.save({"net": net.state_dict(), "average": average.state_dict(), "opt": opt.state_dict(), "step": step,
                        "spent": spent + time.time() - start, "args": vars(a)}, path + ".tmp")
            os.replace(path + ".tmp", path)


if __name__ == "__main__":
    main()
