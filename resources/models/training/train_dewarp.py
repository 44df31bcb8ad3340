# Trains the rectification network: 25 points of the flat picture and the kind of picture; resumable.
# May depend on torch, numpy and the training modules.
"""usage: train_dewarp.py --photos DIR --pool DIR --films DIR --make 15000 [--seed 1]      writes simulated photos, resumable
       train_dewarp.py --photos DIR --out RUN --steps 4000                              trains on those written so far"""
import argparse
import json
import math
import os
import time

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from net import Res, conv

SIZE, GRID, N = 256, 32, 5
BYTES = SIZE * SIZE * 3


class DewarpNet(nn.Module):
    """image [B,3,128,128] 0..1 -> points of an N x N grid over the flat picture [B,N*N,2], -1..1 over the input's
    edges, row by row; kind logits [B,3]; dense [B,3,GRID,GRID]: where each cell lies on the flat picture (0..1, also
    beyond it) and whether inside (logit), which points the soft-argmax to the nodes; bins [B,N*N,GRID*GRID+1] logits, the last for "outside the input";
    far [B,N*N,2], where the points are then. Corners need no more than 128 px: they are means over soft edges."""

    def __init__(self, width=(32, 56, 104, 176)):
        super().__init__()
        w = width
        self.stem = conv(3, w[0], 2)
        self.enc = nn.ModuleList([nn.Sequential(conv(w[i - 1], w[i], 2), Res(w[i])) for i in range(1, len(w))])
        self.deep = Res(w[-1])
        self.side = nn.ModuleList([nn.Conv2d(w[i + 1], w[i], 1, bias=False) for i in (2, 1)])
        self.dec = nn.ModuleList([conv(w[i], w[i]) for i in (2, 1)])
        self.head = nn.Conv2d(w[1], N * N, 1)
        self.dense = nn.Conv2d(w[1], 3, 1)
        self.trust = nn.Parameter(torch.tensor(0.0))
        self.squeeze = conv(w[-1], 32)
        self.whole = nn.Sequential(nn.Linear(32 * 64, 192), nn.ReLU(inplace=True))
        self.far = nn.Linear(192, N * N * 2)
        self.out_of_view = nn.Linear(192, N * N)
        self.kind = nn.Sequential(nn.Linear(w[-1] + 192, 64), nn.ReLU(inplace=True), nn.Linear(64, 3))
        g = (torch.arange(GRID) + 0.5) / GRID * 2 - 1
        self.register_buffer("cells", torch.stack([g.repeat(GRID), g.repeat_interleave(GRID)], 1))
        unit = torch.linspace(-0.7, 0.7, N)
        with torch.no_grad():
            self.far.weight *= 0.1
            self.far.bias.copy_(torch.stack([unit.repeat(N), unit.repeat_interleave(N)], 1).reshape(-1))
            self.out_of_view.bias.fill_(5.0)
        nodes = torch.linspace(0, 1, N)
        self.register_buffer("nodes", torch.stack([nodes.repeat(N), nodes.repeat_interleave(N)], 1))
        self.register_buffer("square", (self.nodes ** 2).sum(1, keepdim=True), persistent=False)
        self.register_buffer("sum", torch.ones(1, 2), persistent=False)

    def weight(self):
        return torch.exp(10 * self.trust)

    def forward(self, image):
        b = image.shape[0]
        x = self.stem(image * 2 - 1)
        skips = []
        for e in self.enc:
            x = e(x)
            skips.append(x)
        x = self.deep(x)
        whole = self.whole(self.squeeze(x).reshape(b, -1))
        far = self.far(whole).reshape(b, N * N, 2)
        kind = self.kind(torch.cat([F.adaptive_avg_pool2d(x, 1).reshape(b, -1), whole], 1))
        for side, dec, skip in zip(self.side, self.dec, (skips[1], skips[0])):
            x = dec(F.interpolate(side(x), scale_factor=2.0, mode="nearest") + skip)
        dense = self.dense(x)
        at = dense[:, :2].float().reshape(b, 2, GRID * GRID)
        apart = self.sum @ (at * at) - self.nodes @ (2 * at) + self.square
        here = self.head(x).float().reshape(b, N * N, GRID * GRID) - self.weight() * apart
        bins = torch.cat([here, self.out_of_view(whole).float()[..., None]], 2)
        p = torch.softmax(bins.float(), 2)
        points = p[..., :-1] @ self.cells + p[..., -1:] * far
        return points, kind, bins, far, dense


def make(a):
    """Appends simulated photos: pixels.bin and one JSON line each (5 x 5 true points, kind, tilt)."""
    import photo
    import photo_scene

    os.makedirs(a.photos, exist_ok=True)
    content = photo_scene.Content(a.pool, photo_scene.real_films(a.films, a.held_out))
    index, pixels = os.path.join(a.photos, "index.json"), os.path.join(a.photos, "pixels.bin")
    done = sum(1 for _ in open(index)) if os.path.exists(index) else 0
    if os.path.exists(pixels):
        os.truncate(pixels, done * BYTES)
    start = time.time()
    with open(index, "a", buffering=1) as log, open(pixels, "ab") as out:
        for n in range(done, a.make):
            rng = np.random.default_rng([a.seed, 55, n])
            s = photo.simulate(rng, content.pick(rng), SIZE)
            box, scale, offset = photo.letterbox(s.image, SIZE)
            nodes = (s.nodes(N) * scale + offset) / SIZE * 2 - 1
            out.write(box.tobytes())
            out.flush()
            log.write(json.dumps({"points": nodes.round(5).reshape(-1).tolist(), "kind": s.kind, "tilt": round(s.tilt, 2),
                                  "source": s.source, "aspect": round(s.aspect, 4), "box": [*offset.tolist(), *(scale * s.image.shape[1::-1]).tolist()]}) + "\n")
            if n % 500 == 499:
                print(f"{n + 1} photos, {(n + 1 - done) / (time.time() - start):.1f} a second", flush=True)


class Photos:
    """The photos written so far."""

    def __init__(self, folder):
        with open(os.path.join(folder, "index.json")) as f:
            self.items = [json.loads(line) for line in f if line.endswith("\n")]
        self.points = np.array([e["points"] for e in self.items], np.float32).reshape(-1, N, N, 2)
        self.kind = np.array([e["kind"] for e in self.items])
        self.small = {}
        self.pixels = np.memmap(os.path.join(folder, "pixels.bin"), np.uint8, "r")[:len(self.items) * BYTES].reshape(-1, SIZE, SIZE, 3)

    def half(self, i):
        if i not in self.small:
            v = self.pixels[i].reshape(SIZE // 2, 2, SIZE // 2, 2, 3)
            self.small[i] = ((v[:, 0, :, 0].astype(np.uint16) + v[:, 0, :, 1] + v[:, 1, :, 0] + v[:, 1, :, 1] + 2) // 4).astype(np.uint8)
        return self.small[i]

    def batch(self, pick, rng=None):
        """-> image [B,3,S/2,S/2], points [B,N*N,2], kind [B]; turned and mirrored at random where rng is given."""
        images, points = [], []
        for i in pick:
            im, p = self.half(i), self.points[i]
            if rng is not None:
                if rng.random() < 0.5:
                    im, p = im[:, ::-1], p[:, ::-1] * np.float32([-1, 1])
                if rng.random() < 0.3:  # a quarter turn; the point nearest the upper left stays the first
                    im = np.rot90(im, 1)
                    p = np.rot90(np.stack([p[..., 1], -p[..., 0]], -1), 1, (0, 1))
                if rng.random() < 0.15:
                    im = im[::-1]
                    p = p[::-1] * np.float32([1, -1])
                im = im.astype(np.float32)
                if rng.random() < 0.3:
                    im = im * np.exp(rng.normal(size=3) * 0.1).astype(np.float32)
                if rng.random() < 0.15:
                    im = np.repeat(im.mean(2, keepdims=True), 3, 2)
                im = np.clip(im, 0, 255)
            images.append(np.ascontiguousarray(im, np.float32))
            points.append(p.reshape(-1, 2))
        t = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2) / 255
        return t, torch.from_numpy(np.stack(points).astype(np.float32)), torch.from_numpy(self.kind[pick])


def square_to_quad(q):
    """Homography [B,3,3] from the unit square to corners q [B,4,2] in the order 00, 10, 11, 01 (Heckbert)."""
    s = q[:, 0] - q[:, 1] + q[:, 2] - q[:, 3]
    a, b = q[:, 1] - q[:, 2], q[:, 3] - q[:, 2]
    det = a[:, 0] * b[:, 1] - b[:, 0] * a[:, 1]
    g, h = (s[:, 0] * b[:, 1] - b[:, 0] * s[:, 1]) / det, (a[:, 0] * s[:, 1] - s[:, 0] * a[:, 1]) / det
    x, y = q[:, 1] - q[:, 0] + g[:, None] * q[:, 1], q[:, 3] - q[:, 0] + h[:, None] * q[:, 3]
    return torch.stack([torch.stack([x[:, 0], y[:, 0], q[:, 0, 0]], 1), torch.stack([x[:, 1], y[:, 1], q[:, 0, 1]], 1),
                        torch.stack([g, h, torch.ones_like(g)], 1)], 1)


def dense_truth(points, cells):
    """Where each cell lies on the flat picture [B,2,GRID,GRID] (by the corners' homography), valid, inside."""
    quad = points[:, [0, N - 1, N * N - 1, N * N - N]].double()
    back = torch.linalg.inv(square_to_quad(quad))
    w = torch.cat([cells.double(), torch.ones(len(cells), 1, dtype=torch.double)], 1) @ back.transpose(1, 2)
    uv = (w[..., :2] / w[..., 2:]).float()
    front = (w[..., 2] * torch.sign(back[:, 2, 2])[:, None] > 0) & (uv.abs() < 4).all(2)
    inside = front & (uv > 0).all(2) & (uv < 1).all(2)
    shape = (len(points), GRID, GRID)
    return uv.transpose(1, 2).reshape(-1, 2, GRID, GRID), front.reshape(shape), inside.reshape(shape)


def losses(net, image, points, kind):
    with torch.cpu.amp.autocast(dtype=torch.bfloat16):
        out, logits, bins, far, dense = net(image)
    out, logits, bins, far, dense = (t.float() for t in (out, logits, bins, far, dense))
    uv, front, inside_cell = dense_truth(points, net.cells)
    near_cell = front & ((uv - 0.5).abs() < 0.8).all(1)
    off = ((dense[:, :2] - uv).abs().sum(1) * near_cell).sum() / near_cell.sum().clamp_min(1)
    mask = F.binary_cross_entropy_with_logits(dense[:, 2], inside_cell.float())
    q = (points + 1) * 0.5 * GRID
    inside = ((q > 0) & (q < GRID)).all(2)
    g = torch.arange(GRID) + 0.5
    s = 0.7
    gx = torch.exp(-0.5 * ((g - q[..., :1]) / s) ** 2)
    gy = torch.exp(-0.5 * ((g - q[..., 1:]) / s) ** 2)
    t = (gy[..., :, None] * gx[..., None, :]).flatten(2)
    t = t / t.sum(2, keepdim=True).clamp_min(1e-9) * inside[..., None]
    t = torch.cat([t, (~inside)[..., None].float()], 2)
    heat = -(t * torch.log_softmax(bins, 2)).sum(2).mean()
    err = (out - points) * SIZE / 2
    near = F.smooth_l1_loss(err, torch.zeros_like(err), beta=1.0)
    coarse = (far - points).abs().mean()
    # Errors that bend lines cost more than errors that move the whole: second differences along rows and columns.
    e = err.reshape(-1, N, N, 2)
    bend = (e[:, 2:] - 2 * e[:, 1:-1] + e[:, :-2]).abs().mean() + (e[:, :, 2:] - 2 * e[:, :, 1:-1] + e[:, :, :-2]).abs().mean()
    loss = 0.25 * heat + 0.5 * near + 0.15 * bend + 2.0 * coarse + 4.0 * off + mask + F.cross_entropy(logits, kind)
    dist = err.norm(dim=2).mean(1)
    return loss, dist.detach(), (logits.argmax(1) == kind).float().mean().item(), heat.item(), off.item()


def train(a):
    torch.set_num_threads(a.threads)
    torch.manual_seed(a.seed)
    os.makedirs(a.out, exist_ok=True)
    net, average = DewarpNet().to(memory_format=torch.channels_last), DewarpNet()
    opt = torch.optim.AdamW(net.parameters(), lr=a.lr, weight_decay=1e-4, foreach=True)
    step, spent, path = 0, 0.0, os.path.join(a.out, "last.pt")
    if a.init and not os.path.exists(path):
        old, own = torch.load(a.init, map_location="cpu")["net"], net.state_dict()
        net.load_state_dict({k: old[k] if k in old and old[k].shape == v.shape else v for k, v in own.items()})
    average.load_state_dict(net.state_dict())
    if os.path.exists(path):
        c = torch.load(path, map_location="cpu")
        net.load_state_dict(c["net"])
        average.load_state_dict(c["average"])
        opt.load_state_dict(c["opt"])
        step, spent = c["step"], c["spent"]
    log = open(os.path.join(a.out, "log.txt"), "a", buffering=1)
    rng = np.random.default_rng([a.seed, step])
    data, start, tick, shown = Photos(a.photos), time.time(), time.time(), []
    net.train()
    while step < a.steps:
        lr = a.lr * min(1.0, (step + 1) / 150) * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * step / a.steps)))
        for group in opt.param_groups:
            group["lr"] = lr
        image, points, kind = data.batch(rng.integers(0, len(data.items), a.batch), rng)
        loss, dist, hit, heat, off = losses(net, image.to(memory_format=torch.channels_last), points, kind)
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
        planar = dist[kind == 1]
        shown.append((loss.item(), planar.mean().item() if len(planar) else np.nan, planar.median().item() if len(planar) else np.nan, hit, heat, off))
        if step % 50 == 0:
            m = np.nanmean(shown, 0)
            log.write(f"step {step} loss {m[0]:.3f} planar mean {m[1]:.2f} median {m[2]:.2f} px kind {m[3]:.3f} heat {m[4]:.2f} dense {m[5]:.3f} trust {10 * net.trust.item():.2f} "
                      f"photos {len(data.items)} {50 * a.batch / (time.time() - tick):.1f} img/s {(spent + time.time() - start) / 60:.1f} min\n")
            shown, tick = [], time.time()
        if step % a.save == 0 or step == a.steps:
            torch.save({"net": net.state_dict(), "average": average.state_dict(), "opt": opt.state_dict(), "step": step,
                        "spent": spent + time.time() - start, "args": vars(a)}, path + ".tmp")
            os.replace(path + ".tmp", path)


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--photos", required=True)
    ap.add_argument("--make", type=int)
    ap.add_argument("--pool")
    ap.add_argument("--films")
    ap.add_argument("--held-out", action="store_true", help="real films kept for testing instead of those for training")
    ap.add_argument("--out")
    ap.add_argument("--steps", type=int, default=4000)
    ap.add_argument("--batch", type=int, default=16)
    ap.add_argument("--lr", type=float, default=1.5e-3)
    ap.add_argument("--seed", type=int, default=1)
    ap.add_argument("--init", help="checkpoint to start from where its weights fit")
    ap.add_argument("--threads", type=int, default=1)
    ap.add_argument("--save", type=int, default=100)
    a = ap.parse_args()
    torch.set_num_threads(a.threads)
    make(a) if a.make else train(a)


if __name__ == "__main__":
    main()
