# Runs a landmark network as the product's pipeline does: whole picture first, then closer crops.
# May depend on torch, numpy and the training modules.
import numpy as np
import torch

import dataset
import phantom
from net import GRID, SIZE, LandmarkNet

PRESENT = 0.5  # presence from which a landmark counts as shown
RADIUS = 5  # heatmap cells either side of the peak that count for position, spread and confidence


def load(path):
    """Checkpoint -> (network in eval mode with averaged weights, landmark ids)."""
    c = torch.load(path, map_location="cpu")
    net = LandmarkNet(len(c["ids"]))
    net.load_state_dict(c["average"])
    return net.eval(), c["ids"], c


def decode(prob):
    """prob [K,GRID,GRID] -> points [K,2] crop px, spread [K] crop px (SD, mean variance of both axes), confidence [K], total [K]."""
    k = len(prob)
    pts, spread, conf = np.zeros((k, 2)), np.zeros(k), np.zeros(k)
    s = SIZE / GRID
    for i in range(k):
        y, x = divmod(int(prob[i].argmax()), GRID)
        y0, y1, x0, x1 = max(y - RADIUS, 0), min(y + RADIUS + 1, GRID), max(x - RADIUS, 0), min(x + RADIUS + 1, GRID)
        w = prob[i, y0:y1, x0:x1].astype(np.float64)
        m = w.sum()
        gx, gy = np.arange(x0, x1) + 0.5, np.arange(y0, y1) + 0.5
        cx, cy = (w.sum(0) @ gx) / m, (w.sum(1) @ gy) / m
        vx, vy = (w.sum(0) @ (gx - cx) ** 2) / m, (w.sum(1) @ (gy - cy) ** 2) / m
        pts[i], spread[i], conf[i] = (cx * s, cy * s), np.sqrt(0.5 * (vx + vy)) * s, m
    return pts, spread, conf, prob.reshape(k, -1).sum(1)


def run(net, crops):
    """crops: list of [256,256] -> probabilities [n,K,GRID,GRID]."""
    with torch.no_grad():
        p = torch.softmax(net(torch.from_numpy(np.stack(crops)[:, None].astype(np.float32))).float(), 2)
    return p[..., :GRID * GRID].reshape(len(crops), -1, GRID, GRID).numpy()


def look(net, image, centre, extent, mirror=False):
    """One square look at the picture -> points, spread (picture px), confidence, total."""
    m = dataset.affine(centre, extent, 0.0, mirror)
    p, s, c, t = decode(run(net, [phantom.warp(image, m, SIZE, SIZE, 0.0)])[0])
    return p @ m[:, :2].T + m[:, 2], s * (extent / SIZE), c, t


def look_twice(net, image, centre, extent, swap):
    """As it is and in the mirror, averaged as the pipeline does; what they disagree about adds to the spread."""
    p, s, c, t = look(net, image, centre, extent)
    q, r, d, u = (a[swap] for a in look(net, image, centre, extent, True))
    share = np.where(c + d > 0, d / np.maximum(c + d, 1e-12), 0.5)
    apart = ((q - p) ** 2).sum(1)
    return (p + share[:, None] * (q - p), np.sqrt(0.5 * (s ** 2 + r ** 2) + 0.5 * share * (1 - share) * apart),
            0.5 * (c + d), 0.5 * (t + u))


def measure(net, image, ids, refine, trace=None):
    """image [H,W] 0..1 bone-white -> points [K,2] px, spread [K] px, confidence [K],
    presence [K], (first look's points, confidence), side [K] px of the crop that each point comes from."""
    h, w = image.shape
    index = {k: i for i, k in enumerate(ids)}
    swap = np.arange(len(ids))
    for a, b in refine.get("flip_pairs", []):
        swap[index[a]], swap[index[b]] = index[b], index[a]
    pts, spread, conf, total = look(net, image, np.array([w, h]) / 2, max(w, h))
    first = pts.copy(), conf.copy()
    side = np.full(len(ids), float(max(w, h)))
    looked = np.zeros(len(ids), bool)
    for _ in range(refine["passes"]):
        for group in refine["groups"]:
            g = [index[k] for k in group]
            if all(looked[i] and total[i] < PRESENT for i in g):
                continue
            use = [i for i in g if conf[i] >= refine.get("min_confidence", 0.2)] or g
            p = pts[use]
            e = max((p.max(0) - p.min(0)).max() * refine["extent"], refine.get("floor", 0.12) * max(w, h))
            c = 0.5 * (p.min(0) + p.max(0))
            if trace is not None:
                trace.append((c[0] - e / 2, c[1] - e / 2, c[0] + e / 2, c[1] + e / 2))
            got = look_twice(net, image, c, e, swap) if refine.get("mirrored") else look(net, image, c, e)
            side[g], looked[g] = e, True
            for i in g:
                for a, b in zip((pts, spread, conf, total), got):
                    a[i] = b[i]
    return pts, spread, conf, total, first, side
