# The accuracy table of the project's README, from the manifests' metrics.
# May depend on the standard library only.
"""usage: accuracy_table.py MODELS-DIR (prints Markdown)"""
import json
import pathlib
import sys

VIEWS = {
    "foot-dp": ["HVA", "IMA", "HVI", "DMAA"],
    "pelvis-ap": ["Sharp", "LCEA", "Tonnis", "NSA"],
    "leg-ap": ["HKA_dev", "mLDFA", "MPTA", "JLCA", "LDTA", "aTFA"],
}
NAMES = {"IMA": "IMA 1-2", "Tonnis": "Tönnis", "NSA": "neck-shaft", "HKA_dev": "HKA"}


def sides(table, angle):
    """Rows of an angle on either side, or the one row of a one-sided view."""
    return [table[k] for k in (angle, angle + "_r", angle + "_l") if k in table]


def main():
    root = pathlib.Path(sys.argv[1])
    print("| model | angle | simulated: mean error, 95 % within | real films: model minus human |")
    print("|---|---|---|---|")
    for view, angles in VIEWS.items():
        manifest = json.loads((root / view / "manifest.json").read_text())
        simulated = manifest["metrics"]["simulated"]["angles_deg"]
        films = manifest["metrics"].get("real_films", {}).get("each", [])
        for angle in angles:
            rows = sides(simulated, angle)
            n = sum(r["n"] for r in rows)
            mae = sum(r["mae"] * r["n"] for r in rows) / n
            low, high = min(r["limits95"][0] for r in rows), max(r["limits95"][1] for r in rows)
            errors = [r["error"] for f in films for r in sides(f["angles_deg"], angle) if "error" in r]
            real = f"{', '.join(f'{e:+.1f}°' for e in errors)} ({len(films)} film)" if errors else "–"
            print(f"| {view} {manifest['version']} | {NAMES.get(angle, angle)} | {mae:.1f}°, {low:+.1f} to {high:+.1f}° | {real} |")


main()
