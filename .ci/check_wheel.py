"""`check_wheel.py WHEEL SOURCE`: the wheel holds every module of the source, under the name that it is imported by."""

import sys
import zipfile
from pathlib import Path

FOLDERS = {"tgrad": "tgrad", "cli": "tgrad/cli", "viz": "tgrad/viz"}

wheel, source = sys.argv[1], Path(sys.argv[2])
held = set(zipfile.ZipFile(wheel).namelist())
wanted = {"tgrad/py.typed"}
for folder, installed in FOLDERS.items():
    for path in [*(source / folder).rglob("*.py"), *(source / folder).rglob("*.txt")]:
        wanted.add(f"{installed}/{path.relative_to(source / folder).as_posix()}")
missing = sorted(wanted - held)
tops = sorted({name.split("/")[0] for name in held if ".dist-info/" not in name} - {"tgrad"})
if missing or tops:
    sys.exit(f"{wheel}: missing {missing}; at the top level besides tgrad: {tops}")
print(f"fine: {Path(wheel).name} holds {len(wanted)} files of the source")
