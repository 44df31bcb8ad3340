# Trains one landmark network on rendered scenes, resumable, reproducible up to floating-point order.
# May depend on torch and the training modules.
"""usage: train_landmarks.py --view foot-dp --out DIR --steps 9000 [--batch 16] [--lr 1e-3] [--threads 1]
DIR/last.pt is written every --save steps and picked up again on the next start. --init FILE starts from
another run's weights (channels that match by name are kept). DIR/log.txt has the losses."""
import argparse
import math
import os
import time

import numpy as np
import torch
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

import dataset
from net import GRID, SIZE, LandmarkNet

CROPS = 6


class Stream(IterableDataset):
    """Endless batches; worker w of n renders scenes start+w, start+w+n, ..."""

    def __init__(self, view, seed, start, batch):
        self.view, self.seed, self.start, self.batch = view, seed, start, batch

    def __iter__(self):
        info = get_worker_info()
        torch.set_num_threads(1)
        source = dataset.Sampler(self.view, self.seed)
        n, pool = self.start + info.id, []
        rng = np.random.default_rng([self.seed, self.start, info.id])
        while True:
            while len(pool) < 4 * self.batch:
                pool += source.crops(n, CROPS)
                n += info.num_workers
            pick = rng.permutation(len(pool))
            take, pool = [pool[i] for i in pick[:self.batch]], [pool[i] for i in pick[self.batch:]]
            yield (torch.from_numpy(np.stack([t[0] for t in take])[:, None]),
                   torch.from_numpy(np.stack([t[1] for t in take])), torch.from_numpy(np.stack([t[2] for t in take])))


def cross_entropy(logits, points, present, sigma, reach=5):
    """Mean cross-entropy against a Gaussian round the point where present, else the absent bin. The Gaussian is
    cut at `reach` cells, so only a small window of the logits is gathered."""
    cell = points * (GRID / SIZE) - 0.5
    base = cell.round()
    o = torch.arange(-reach, reach + 1)
    gx, gy = base[..., :1] + o, base[..., 1:] + o
    wx = torch.exp(-0.5 * ((gx - cell[..., :1]) / sigma) ** 2) * ((gx >= 0) & (gx < GRID))
    wy = torch.exp(-0.5 * ((gy - cell[..., 1:]) / sigma) ** 2) * ((gy >= 0) & (gy < GRID))
    w = (wy[..., :, None] * wx[..., None, :]).flatten(2)
    w = w / w.sum(2, keepdim=True).clamp_min(1e-12)
    index = (gy.clamp(0, GRID - 1)[..., :, None] * GRID + gx.clamp(0, GRID - 1)[..., None, :]).flatten(2).long()
    here = (logits.gather(2, index).float() * w).sum(2)
    return (torch.logsumexp(logits.float(), 2) - torch.where(present, here, logits[..., -1].float())).mean()


def decode(prob, radius=4):
    """Local soft-argmax on [B,K,GRID,GRID] -> points px [B,K,2], mass near the peak [B,K]."""
    b, k = prob.shape[:2]
    peak = prob.flatten(2).argmax(2)
    py, px = torch.div(peak, GRID, rounding_mode="floor"), peak % GRID
    g = torch.arange(GRID)
    wx = ((g - px[..., None]).abs() <= radius).float()
    wy = ((g - py[..., None]).abs() <= radius).float()
    near = prob * wy[..., :, None] * wx[..., None, :]
    mass = near.sum((2, 3))
    x = (near.sum(2) * (g + 0.5)).sum(2) / mass.clamp_min(1e-9)
    y = (near.sum(3) * (g + 0.5)).sum(2) / mass.clamp_min(1e-9)
    return torch.stack([x, y], 2) * (SIZE / GRID), mass


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--view", required=True)
    ap.add_argument("--out", required=True)
    ap.add_argument("--steps", type=int, default=9000)
    ap.add_argument("--batch", type=int, default=16)
    ap.add_argument("--lr", type=float, default=1.2e-3)
    ap.add_argument("--seed", type=int, default=1)
    ap.add_argument("--threads", type=int, default=1)
    ap.add_argument("--workers", type=int, default=1)
    ap.add_argument("--sigma", type=float, default=1.0)
    ap.add_argument("--save", type=int, default=200)
    ap.add_argument("--init")
    a = ap.parse_args()
    os.makedirs(a.out, exist_ok=True)
    torch.set_num_threads(a.threads)
    torch.manual_seed(a.seed)
    ids = dataset.module(a.view).LANDMARKS
    net = LandmarkNet(len(ids)).to(memory_format=torch.channels_last)
    average = LandmarkNet(len(ids))
    opt = torch.optim.AdamW(net.parameters(), lr=a.lr, weight_decay=1e-4)
    step, scenes, spent = 0, 0, 0.0
    path = os.path.join(a.out, "last.pt")
    if a.init and not os.path.exists(path):
        own = net.state_dict()
        old = torch.load(a.init, map_location="cpu")["average"]
        net.load_state_dict({k: old[k] if k in old and old[k].shape == v.shape else v for k, v in own.items()})
    average.load_state_dict(net.state_dict())
    if os.path.exists(path):
        c = torch.load(path, map_location="cpu")
        net.load_state_dict(c["net"])
        average.load_state_dict(c["average"])
        opt.load_state_dict(c["opt"])
        step, scenes, spent = c["step"], c["scenes"], c["spent"]
    log = open(os.path.join(a.out, "log.txt"), "a", buffering=1)
    stream = DataLoader(Stream(a.view, a.seed, int(scenes), a.batch), batch_size=None, num_workers=a.workers, prefetch_factor=4)
    start, tick, shown = time.time(), time.time(), []
    net.train()
    for image, points, present in stream:
        if step >= a.steps:
            break
        for group in opt.param_groups:
            warm = min(1.0, (step + 1) / 200)
            group["lr"] = a.lr * warm * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * step / a.steps)))
        with torch.cpu.amp.autocast(dtype=torch.bfloat16):
            logits = net(image.to(memory_format=torch.channels_last))
        loss = cross_entropy(logits, points, present, a.sigma)
        opt.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 2.0)
        opt.step()
        step += 1
        scenes += a.batch / CROPS
        decay = min(0.995, (step + 1) / (step + 10))
        with torch.no_grad():
            for p, q in zip(average.state_dict().values(), net.state_dict().values()):
                if p.is_floating_point():
                    p.lerp_(q, 1 - decay)
                else:
                    p.copy_(q)
            if step % 10 == 0:
                d, mass = decode(torch.softmax(logits.detach().float(), 2)[..., :-1].reshape(len(image), -1, GRID, GRID))
                err = (d - points).norm(dim=2)[present]
                shown.append((loss.item(), err.median().item() if len(err) else 0.0,
                              mass[present].mean().item() if len(err) else 0.0,
                              mass[~present].mean().item() if (~present).any() else 0.0))
        if step % 50 == 0:
            m = np.mean(shown, 0)
            log.write(f"step {step} loss {m[0]:.3f} median {m[1]:.2f} px mass present {m[2]:.3f} absent {m[3]:.3f} "
                      f"{50 * a.batch / (time.time() - tick):.1f} img/s {(spent + time.time() - start) / 60:.1f} min\n")
            shown, tick = [], time.time()
        if step % a.save == 0 or step == a.steps:
            torch.save({"net": net.state_dict(), "average": average.state_dict(), "opt": opt.state_dict(), "step": step,
                        "scenes": scenes, "spent": spent + time.time() - start, "view": a.view, "ids": ids,
                        "args": vars(a)}, path + ".tmp")
            os.replace(path + ".tmp", path)


if __name__ == "__main__":
    main()
