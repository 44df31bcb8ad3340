# Measures a landmark network on held-out rendered shapes with the product's two-step procedure.
# May depend on torch, numpy and the training modules.
"""usage: evaluate.py --model DIR/last.pt --view foot-dp --count 200 --out metrics.json [--real films.json ...]
Held-out means other random shapes, poses and appearances (seed 1000003); the bones are the same person's.
Confidence thresholds are fixed here and written out: a picture is accepted when the mean presence and the
mean confidence of its landmarks reach them."""
import argparse
import glob
import json
import os

import numpy as np
from PIL import Image

import dataset
import infer
import phantom
from angles import measure

SEED = 1000003
PRESENT, CONFIDENCE = infer.PRESENT, 0.35


def accepted(mod, ids, conf, total):
    """Whole views: every landmark counts. Views that may show a part (one leg): landmarks said present."""
    use = total >= PRESENT if getattr(mod, "PARTIAL", False) else np.ones(len(ids), bool)
    if getattr(mod, "PARTIAL", False) and use.sum() < getattr(mod, "PARTIAL_MIN", 6):
        return False
    return bool(total[use].mean() >= PRESENT and conf[use].mean() >= CONFIDENCE)


def spread_stats(e):
    """Errors -> MAE, bias, 95 % limits."""
    e = np.asarray(e)
    return {"mae": round(float(abs(e).mean()), 2), "bias": round(float(e.mean()), 2),
            "limits95": [round(float(v), 2) for v in np.percentile(e, [2.5, 97.5])], "n": len(e)}


def calibration(pairs):
    """[(raw confidence, right)] -> [[raw, chance], ...], ascending and monotone (pooled neighbours)."""
    pairs = sorted(pairs)
    bins = []
    for lo, hi in zip((0, .1, .25, .4, .55, .7, .8, .9, .97), (.1, .25, .4, .55, .7, .8, .9, .97, 1.01)):
        sel = [(c, r) for c, r in pairs if lo <= c < hi]
        if len(sel) >= 8:
            bins.append([float(np.mean([c for c, _ in sel])), float(np.mean([r for _, r in sel])), len(sel)])
    k = 0
    while k + 1 < len(bins):
        if bins[k][1] > bins[k + 1][1]:
            a, b = bins[k], bins.pop(k + 1)
            n = a[2] + b[2]
            bins[k] = [(a[0] * a[2] + b[0] * b[2]) / n, (a[1] * a[2] + b[1] * b[2]) / n, n]
            k = max(k - 1, 0)
        else:
            k += 1
    points = [[round(c, 3), round(r, 3)] for c, r, _ in bins]
    if not points:
        return [[0, 0], [1, 1]]
    return ([[0, 0]] if points[0][0] > 0 else []) + points + ([[1, points[-1][1]]] if points[-1][0] < 1 else [])


def sigma_scales(cover, z, count):
    """Per landmark, what turns its spread into a standard error, so that each angle's 95 % interval holds 95 % of
    the errors. cover: angle -> [(error, variance that each landmark's spread gives it [K])]; z: [(landmark, error
    over spread [2])]. Iterative scaling: a landmark is scaled as the angles ask to which it contributes, since along
    a shaft it may slide without harm; one that serves no angle has its own errors covered."""
    scale = np.ones(count)
    for k in range(count):
        own = [abs(v) for i, row in z if i == k for v in row]
        if own:
            scale[k] = np.percentile(own, 95) / 1.96
    for _ in range(30):
        want, weight = np.zeros(count), np.zeros(count)
        for rows in cover.values():
            if len(rows) < 20:
                continue
            e, v = np.array([abs(r[0]) for r in rows]), np.array([r[1] for r in rows]) * scale ** 2
            s = np.sqrt(v.sum(1))
            share = (v / np.maximum(s, 1e-9)[:, None] ** 2).mean(0)
            want += share * np.log(np.percentile(e / np.maximum(1.96 * s, 1e-6), 95))
            weight += share
        scale *= np.exp(np.where(weight > 0.02, want / np.maximum(weight, 0.02), 0))
    return np.clip(scale, 0.05, 20)


def wrap(d):
    return (d + 180) % 360 - 180


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--model", required=True)
    ap.add_argument("--view", required=True)
    ap.add_argument("--count", type=int, default=200)
    ap.add_argument("--size", type=int, default=1100)
    ap.add_argument("--real", nargs="*", default=[], help="hand-annotated films: json with file and points")
    ap.add_argument("--passes", type=int)
    ap.add_argument("--out")
    a = ap.parse_args()
    net, ids, check = infer.load(a.model)
    mod = dataset.module(a.view)
    refine = dict(mod.REFINE, flip_pairs=mod.FLIP_PAIRS)
    if a.passes is not None:
        refine["passes"] = a.passes
    source = dataset.Sampler(a.view, SEED, negatives=0)
    err, z, angle, rejected, per, cover, first_err = [], [], {}, 0, {k: [] for k in ids}, {}, []
    absent, right = [], []
    usual = phantom.Appearance(photons=(3e3, 4e4), invert=0.0)
    for n in range(a.count):
        rng = np.random.default_rng([SEED, n])
        scene = mod.build(rng, source.atlas)
        image, px, ok = phantom.render(scene, rng, a.size, usual, ids=ids)
        f = scene.film
        mm = max(f[2] - f[0], f[3] - f[1]) / a.size
        pts, spread, conf, total, first, side = infer.measure(net, image, ids, refine)
        absent += [(bool(o), float(t)) for o, t in zip(ok, total)]
        near = np.nan_to_num(np.hypot(*(pts - px).T), nan=1e9) < infer.RADIUS * 2 * side / dataset.SIZE
        right += list(zip(conf.tolist(), (near & ok).tolist()))
        if not accepted(mod, ids, conf, total):
            rejected += 1
            continue
        good = ok & (total >= PRESENT)
        d = (pts - px)
        for k, i in enumerate(ids):
            if good[k]:
                per[i].append(np.hypot(*d[k]) * mm)
        err += list(np.hypot(*d[good].T) * mm)
        first_err += list(np.hypot(*(first[0] - px)[good].T) * mm)
        z += [(k, d[k] / max(spread[k], 1e-6)) for k in np.flatnonzero(good)]
        truth = measure(a.view, {k: p if g else p * np.nan for k, p, g in zip(ids, px, good)})
        found = measure(a.view, dict(zip(ids, pts)))
        # Standard error of each angle from the spread, by first-order propagation.
        for key, t in truth.items():
            if not np.isfinite(t):
                continue
            e = wrap(found[key] - t)
            angle.setdefault(key, []).append(e)
            var = np.zeros(len(ids))
            for k, i in enumerate(ids):
                for axis in (0, 1):
                    q = pts.copy()
                    q[k, axis] += 0.5
                    g = wrap(measure(a.view, dict(zip(ids, q)))[key] - found[key]) / 0.5
                    var[k] += (g * spread[k]) ** 2
            cover.setdefault(key, []).append((e, var))
    scale = sigma_scales(cover, z, len(ids))
    points_inside = [abs(v) <= 1.96 * scale[k] for k, row in z for v in row]
    inside = {k: round(float(np.mean([abs(e) <= 1.96 * np.sqrt(scale ** 2 @ v) for e, v in rows])), 3)
              for k, rows in cover.items()}
    false_accept = {}
    rng = np.random.default_rng(SEED)
    for name, count in (("look-alike renders", 60), ("other views", 40)):
        hits = made = 0
        for n in range(count):
            r = np.random.default_rng([SEED + 1, n])
            if name == "look-alike renders":
                if not hasattr(mod, "negative"):
                    break
                scene = mod.negative(r, source.atlas)
            else:
                if not source.others:
                    break
                other = source.others[n % len(source.others)]
                scene = other.build(r, source.atlas)
            image = phantom.render(scene, r, 700, usual, ids=[])[0]
            _, _, conf, total, _, _ = infer.measure(net, image, ids, refine)
            hits += accepted(mod, ids, conf, total)
            made += 1
        if made:
            false_accept[name] = {"accepted": hits, "of": made}
    root = os.environ.get("GONIO_NEGATIVES")
    if root:
        hits = 0
        names = sorted(glob.glob(os.path.join(root, "radiographs/chest/**/*.png"), recursive=True))[1::6] + \
            sorted(glob.glob(os.path.join(root, "radiographs/spine/**/*.jpg"), recursive=True))[1::12]
        for name in names:
            im = Image.open(name).convert("L")
            im.thumbnail((800, 800))
            _, _, conf, total, _, _ = infer.measure(net, np.asarray(im, np.float32) / 255, ids, refine)
            hits += accepted(mod, ids, conf, total)
        false_accept["real chest and spine films not trained on"] = {"accepted": hits, "of": len(names)}
    present = np.array([t for o, t in absent if o])
    metrics = {
        "simulated": {
            "images": a.count, "what": "held-out random shapes, poses and appearances of the training bones (seed 1000003)",
            "landmark_error_mm": {"mean": round(float(np.mean(err)), 2), "median": round(float(np.median(err)), 2),
                                  "p95": round(float(np.percentile(err, 95)), 2),
                                  "whole_picture_only_mean": round(float(np.mean(first_err)), 2)},
            "per_landmark_mm": {k: [round(float(np.mean(v)), 2), round(float(np.percentile(v, 95)), 2)] for k, v in per.items() if v},
            "angles_deg": {k: dict(spread_stats(v), median=round(float(np.median(np.abs(v))), 2)) for k, v in angle.items()},
            "rejected_share": round(rejected / a.count, 3),
            "visible_landmarks_found": round(float((present >= PRESENT).mean()), 3),
            "absent_landmarks_claimed": round(float(np.mean([t >= PRESENT for o, t in absent if not o] or [0])), 3),
            "interval95_coverage": dict(inside, landmarks=round(float(np.mean(points_inside or [0])), 3)),
        },
        "false_accept": false_accept,
    }
    films = []
    for name in a.real:
        film = json.loads(open(name).read())
        if film.get("view") != a.view or not root:
            continue
        im = Image.open(os.path.join(root, "limbs", film["film"])).convert("L")
        pts, _, conf, total, _, _ = infer.measure(net, np.asarray(im, np.float32) / 255, ids, refine)
        reads = [measure(a.view, {k: p["landmarks"].get(k, [np.nan, np.nan]) for k in ids}) for p in film["passes"]]
        f = measure(a.view, dict(zip(ids, pts)))
        rows = {}
        for k in f:
            human = [r[k] for r in reads if np.isfinite(r[k])]
            if human:
                rows[k] = {"model": round(float(f[k]), 1), "human": [round(float(h), 1) for h in human],
                           "error": round(float(wrap(f[k] - np.mean(human))), 1)}
        films.append({"film": film["film"], "accepted": accepted(mod, ids, conf, total), "angles_deg": rows})
    if films:
        metrics["real_films"] = {"films": len(films), "against": "mean of the hand annotations in tests/golden/films", "each": films}
    result = {"metrics": metrics, "sigma_scale": [round(float(v), 3) for v in scale], "present_threshold": PRESENT, "min_confidence": CONFIDENCE,
              "confidence": calibration(right), "partial": getattr(mod, "PARTIAL_MIN", 6) if getattr(mod, "PARTIAL", False) else 0,
              "steps": check["step"]}
    print(json.dumps(result, indent=1))
    if a.out:
        with open(a.out, "w") as f:
            json.dump(result, f, indent=1)


if __name__ == "__main__":
    main()
