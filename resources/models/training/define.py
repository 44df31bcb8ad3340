# Writes landmarks/<view>.json: every landmark's definition in words, from the view modules.
# May depend on the view modules.
"""usage: define.py VIEW..."""
import importlib
import json
import sys
from pathlib import Path

for view in sys.argv[1:]:
    m = importlib.import_module(view.replace("-", "_"))
    rows = [{"id": k, "definition": m.DEFINITIONS[k]} for k in m.LANDMARKS]
    path = Path(__file__).parent / "landmarks" / f"{view}.json"
    path.write_text(json.dumps({"view": view, "landmarks": rows}, indent=1) + "\n")
