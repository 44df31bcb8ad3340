# Writes resources/models/<id>/model.onnx and manifest.json from a checkpoint and measured metrics.
# May depend on torch, onnx and the training modules.
"""usage: export_onnx.py --model DIR/last.pt --view foot-dp --version 0.1.0 --metrics metrics.json --to ../foot-dp
Fixed batch 1, opset 13; batch normalisation is folded into the convolutions, weights are stored as float16."""
import argparse
import hashlib
import json
from pathlib import Path

import numpy as np
import onnx
import onnx.numpy_helper
import torch

import dataset
import infer
from net import GRID, SIZE, Exported

ATTRIBUTION = ("Trained on renderings of bones from the Bone Mesh Female Toolkit (M. Sreenivasa, D. Gonzalez Alvarado, "
               "arXiv 1804.03655, zlib licence; derived from the Visible Human female). No bone data is contained.")
INTENDED = {
    "foot-dp": "Landmarks for hallux valgus angles on one weight-bearing or lying dorsoplantar foot radiograph.",
    "pelvis-ap": "Landmarks for hip and pelvis angles on an adult AP pelvis radiograph showing both hips.",
    "leg-ap": "Landmarks for leg alignment on a standing full-length AP radiograph of one or both legs.",
}
NOT_DEVICE = " Trained on simulated radiographs; not a medical device; every result needs a clinician's check."


def fold(net):
    """Folds every conv + batchnorm pair, so that the file holds plain convolutions."""
    for m in net.modules():
        if isinstance(m, torch.nn.Sequential):
            for i in range(len(m) - 1):
                if isinstance(m[i], torch.nn.Conv2d) and isinstance(m[i + 1], torch.nn.BatchNorm2d):
                    m[i] = torch.nn.utils.fusion.fuse_conv_bn_eval(m[i], m[i + 1])
                    m[i + 1] = torch.nn.Identity()


def halve(model):
    """Stores large weights as float16 behind a Cast, which every runtime folds away on loading: half the
    file, and the rounding (2^-11) is far below the noise of training."""
    casts = []
    for t in model.graph.initializer:
        w = onnx.numpy_helper.to_array(t)
        if t.data_type != onnx.TensorProto.FLOAT or w.size < 1024:
            continue
        name = t.name
        t.CopyFrom(onnx.numpy_helper.from_array(w.astype(np.float16), name + "_f16"))
        casts.append(onnx.helper.make_node("Cast", [name + "_f16"], [name], name="widen_" + name, to=onnx.TensorProto.FLOAT))
    nodes = casts + list(model.graph.node)
    del model.graph.node[:]
    model.graph.node.extend(nodes)


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--model", required=True)
    ap.add_argument("--view", required=True)
    ap.add_argument("--version", required=True)
    ap.add_argument("--metrics", required=True, help="what evaluate.py wrote")
    ap.add_argument("--training", default="", help="more words for the training paragraph")
    ap.add_argument("--passes", type=int, help="closer looks, where not as the view module says")
    ap.add_argument("--to", required=True)
    a = ap.parse_args()
    net, ids, check = infer.load(a.model)
    mod = dataset.module(a.view)
    measured = json.loads(Path(a.metrics).read_text())
    to = Path(a.to)
    to.mkdir(parents=True, exist_ok=True)
    probe = torch.rand(1, 1, SIZE, SIZE, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        before = Exported(net)(probe)
        fold(net)
        after = Exported(net)(probe)
    if (before - after).abs().max() > 1e-4 * before.abs().max():
        raise SystemExit("folding changed the output")
    path = to / "model.onnx"
    torch.onnx.export(Exported(net).eval(), probe, str(path), opset_version=13, input_names=["image"],
                      output_names=["heatmap"], do_constant_folding=True)
    model = onnx.load(str(path))
    model.producer_name, model.producer_version = "gonio-training", a.version
    model.doc_string = ""
    for node in model.graph.node:
        node.doc_string = ""
    halve(model)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, str(path))
    data = path.read_bytes()
    refine = dict({"min_confidence": 0.2}, **mod.REFINE)
    refine.setdefault("floor", 0.12)
    if a.passes is not None:
        refine["passes"] = a.passes
    manifest = {
        "format": 1, "id": a.view, "version": a.version, "task": "landmarks", "file": "model.onnx",
        "size": len(data), "sha256": hashlib.sha256(data).hexdigest(), "license": "Apache-2.0",
        "attribution": ATTRIBUTION, "intended_use": INTENDED[a.view] + NOT_DEVICE,
        "training": f"U-Net with {sum(p.numel() for p in net.parameters()) / 1e6:.1f} M parameters, {check['step']} steps of "
                    f"{check['args']['batch']} pictures rendered on the fly from CT-derived bones with random shape, pose and "
                    f"appearance (resources/models/training, seed {check['args']['seed']}). " + a.training,
        "metrics": measured["metrics"],
        "input": {"name": "image", "channels": 1, "width": SIZE, "height": SIZE, "resize": "letterbox", "pad": 0,
                  "range": [0, 1], "mean": [0], "std": [1], "polarity": "bone-white"},
        "output": {"kind": "heatmap", "tensor": "heatmap", "stride": SIZE // GRID, "decode": "soft-argmax",
                   "radius": infer.RADIUS, "sigma_scale": measured["sigma_scale"], "score": "mass"},
        "present_threshold": measured["present_threshold"], "min_confidence": measured["min_confidence"],
        "confidence": measured["confidence"],
        "landmarks": ids, "flip_pairs": [list(p) for p in mod.FLIP_PAIRS], "views": [a.view],
    }
    if refine["passes"]:
        manifest["refine"] = refine
    if measured["partial"]:
        manifest["partial"] = measured["partial"]
    (to / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n")
    print(f"{path}: {len(data) / 1e6:.2f} MB, ops {sorted({n.op_type for n in model.graph.node})}")


if __name__ == "__main__":
    main()
