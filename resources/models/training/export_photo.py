# Writes the dewarp or the view model and its manifest from a checkpoint and measured metrics.
# May depend on torch, onnx and the training modules.
"""usage: export_photo.py --id dewarp --model RUN/last.pt --metrics dewarp.json --version 0.1.0 --to ../dewarp
       export_photo.py --id view --model RUN/last.pt --metrics view.json --version 0.1.0 --to ../view
Fixed batch 1, opset 13, batch normalisation folded, large weights stored as float16 (as export_onnx.py does)."""
import argparse
import hashlib
import json
from pathlib import Path

import onnx
import torch

import evaluate_photo
import evaluate_view
import photo
import train_dewarp
import train_view
from export_onnx import ATTRIBUTION, NOT_DEVICE, fold, halve

FILMS = (" Real radiographs served as further content and as examples of other regions: chest films of the ml-workgroup COVID-19 image "
         "repository (CC BY 3.0), spine films of Fraiwan et al. (CC BY 4.0), limb films from Wikimedia Commons (CC0, public domain) and "
         "FracAtlas (CC BY 4.0). No picture is contained.")


def dewarp(measured):
    return {
        "task": "dewarp",
        "intended_use": "Proposes where the flat picture lies in a phone photo of a film or a monitor, and says whether a picture is flat, "
                        "a photo or from an image intensifier." + NOT_DEVICE,
        "input": {"name": "image", "channels": 3, "width": train_dewarp.SIZE, "height": train_dewarp.SIZE, "resize": "letterbox", "pad": 0,
                  "range": [0, 1], "mean": [0, 0, 0], "std": [1, 1, 1], "polarity": "any"},
        "output": {"kind": "backward-map", "tensor": "map", "nodes": "corners"},
        "extra": [{"kind": "logits", "tensor": "kind", "role": "kind", "labels": list(photo.KINDS), "activation": "none"}],
    }, evaluate_photo.Exported, train_dewarp.SIZE, 3, ["map", "kind"]


def view(measured):
    return {
        "task": "classify-view",
        "intended_use": "Says which view a flat radiograph shows, so that the right landmarks are sought or none." + NOT_DEVICE,
        "input": {"name": "image", "channels": 1, "width": train_view.SIZE, "height": train_view.SIZE, "resize": "letterbox", "pad": 0,
                  "range": [0, 1], "mean": [0], "std": [1], "polarity": "any"},
        "output": {"kind": "logits", "tensor": "logits", "labels": list(train_view.LABELS), "activation": "softmax"},
    }, evaluate_view.Exported, train_view.SIZE, 1, ["logits"]


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--id", required=True, choices=("dewarp", "view"))
    ap.add_argument("--model", required=True)
    ap.add_argument("--metrics", required=True)
    ap.add_argument("--version", required=True)
    ap.add_argument("--training", default="")
    ap.add_argument("--to", required=True)
    a = ap.parse_args()
    measured = json.loads(Path(a.metrics).read_text())
    fields, exported, size, channels, outputs = {"dewarp": dewarp, "view": view}[a.id](measured)
    net, check = {"dewarp": evaluate_photo.load, "view": evaluate_view.load}[a.id](a.model)
    if check["step"] != measured["step"]:
        raise SystemExit(f"the metrics are of step {measured['step']}, the network of step {check['step']}")
    parameters = sum(p.numel() for p in net.parameters())
    probe = torch.rand(1, channels, size, size, generator=torch.Generator().manual_seed(1))
    module = exported(net, measured["temperature"]).eval()
    many = lambda r: r if isinstance(r, tuple) else (r,)
    with torch.no_grad():
        before = many(module(probe))
        fold(net)
        after = many(module(probe))
    if any((x - y).abs().max() > 1e-4 * x.abs().max() for x, y in zip(before, after)):
        raise SystemExit("folding changed the output")
    to = Path(a.to)
    to.mkdir(parents=True, exist_ok=True)
    path = to / "model.onnx"
    torch.onnx.export(module, probe, str(path), opset_version=13, input_names=["image"], output_names=outputs, do_constant_folding=True)
    model = onnx.load(str(path))
    model.producer_name, model.producer_version, model.doc_string = "gonio-training", a.version, ""
    for node in model.graph.node:
        node.doc_string = ""
    halve(model)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, str(path))
    data = path.read_bytes()
    manifest = {
        "format": 1, "id": a.id, "version": a.version, "task": fields["task"], "file": "model.onnx", "size": len(data),
        "sha256": hashlib.sha256(data).hexdigest(), "license": "Apache-2.0", "attribution": ATTRIBUTION + FILMS,
        "intended_use": fields["intended_use"],
        "training": f"{parameters / 1e6:.1f} M parameters, {check['step']} steps of {check['args']['batch']} simulated pictures "
                    f"(resources/models/training, seed {check['args']['seed']}). " + a.training,
        "metrics": measured["metrics"],
        **{k: v for k, v in fields.items() if k not in ("task", "intended_use")},
    }
    (to / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n")
    print(f"{path}: {len(data) / 1e6:.2f} MB, ops {sorted({n.op_type for n in model.graph.node})}")


if __name__ == "__main__":
    main()
