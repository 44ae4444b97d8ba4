"""zip.py BUILT PACKAGE FUNCTION...: PACKAGE/FUNCTION.zip of each binary in BUILT, and a table of their sizes.

Fails if a zip is over the budget, but only after all are written: whoever wants to see what is too large needs the others beside it.
"""

import sys
import zipfile
import zlib
from pathlib import Path

BUDGET = 3_000_000

# What is known to be over, up to where, and why (docs/decisions/0003-binaries.md): who sets a password judges it by zxcvbn, whose word
# lists and regular expressions are 0.8 MB zipped.
OVER = {"accept-invite": 4_000_000, "confirm-sign-up": 4_000_000}


def holds(archive: Path, binary: bytes) -> bool:
    try:
        with zipfile.ZipFile(archive) as zipped:
            entry = zipped.getinfo("bootstrap")
            is_it = (entry.CRC, entry.file_size) == (zlib.crc32(binary), len(binary))
            return is_it and zipped.namelist() == ["bootstrap"]
    except (FileNotFoundError, KeyError, zipfile.BadZipFile):
        return False


def write(archive: Path, binary: bytes) -> None:
    # The same binary has to be the same bytes, or every deployment would upload and replace every function: so a fixed time (the
    # oldest that the format knows), mode and system, whatever the file and the machine say.
    entry = zipfile.ZipInfo("bootstrap", date_time=(1980, 1, 1, 0, 0, 0))
    entry.create_system = 3  # Unix, which is what gives the mode its meaning
    entry.external_attr = 0o100755 << 16
    with zipfile.ZipFile(archive, "w") as zipped:
        zipped.writestr(entry, binary, zipfile.ZIP_DEFLATED, compresslevel=9)


built, package, *functions = sys.argv[1:]
package = Path(package)
package.mkdir(parents=True, exist_ok=True)
for archive in package.glob("*.zip"):
    # A function that is no longer one must not be deployed from a run before.
    if archive.stem not in functions:
        archive.unlink()

rows = []
for function in sorted(functions):
    archive = package / f"{function}.zip"
    binary = (Path(built) / function).read_bytes()
    if not holds(archive, binary):
        write(archive, binary)
    rows.append((function, len(binary), archive.stat().st_size))
total = ("total", sum(size for _, size, _ in rows), sum(size for _, _, size in rows))

print(f"{'function':<24} {'binary':>12} {'zipped':>12}")
for name, binary_size, zipped_size in [*rows, total]:
    print(f"{name:<24} {binary_size:>12,} {zipped_size:>12,}")

known = [name for name, _, size in rows if BUDGET < size <= OVER.get(name, 0)]
if known:
    print(f"over the budget of {BUDGET:,} bytes zipped, for a reason: {', '.join(known)}")
over = [name for name, _, size in rows if size > OVER.get(name, BUDGET)]
if over:
    sys.exit(f"over the budget of {BUDGET:,} bytes zipped: {', '.join(over)}")
