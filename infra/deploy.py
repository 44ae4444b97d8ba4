"""Deploys what is in target/package, by a parameter file.

    infra/deploy PARAMETERS [options of `sam deploy`]

Refuses what CloudFormation would take and nobody means: a parameter that no template has, which `sam deploy` passes over in silence,
and one that has no value. Values themselves are checked by the template's constraints, before anything is changed.
"""

import hashlib
import os
import pathlib
import sys

from ruamel.yaml import YAML

INFRA = pathlib.Path(__file__).resolve().parent
PACKAGES = INFRA.parent / "target" / "package"

# Of the parameter file, but none of the template's: what the stack is called.
STACK_NAME = "StackName"
# Of the template, but made here.
RELEASE = "Release"


class Refused(Exception):
    """What was asked for cannot be done; the text says why and what to do instead."""


def declared():
    """The template's parameters, and which of them have to be given. Its own tags stand for nothing here."""
    yaml = YAML(typ="rt")
    template = yaml.load((INFRA / "template.yaml").read_text())
    parameters = template["Parameters"]
    return set(parameters), {name for name, parameter in parameters.items() if "Default" not in parameter}


def read(path):
    if not path.is_file():
        raise Refused(f"{path} is not there. Copy infra/parameters.example.yaml and fill it in.")
    values = YAML(typ="safe").load(path.read_text()) or {}
    known, required = declared()
    unknown = set(values) - known - {STACK_NAME} | set(values) & {RELEASE}
    if unknown:
        raise Refused(f"{path}: no parameter of the template: {', '.join(sorted(unknown))}. infra/base.yaml has them all.")
    missing = sorted(name for name in (required | {STACK_NAME}) - {RELEASE} if not values.get(name))
    if missing:
        keys = " `make keys` fills in the keys." if any("Key" in name for name in missing) else ""
        raise Refused(f"{path}: without a value: {', '.join(missing)}.{keys}")
    return values


def release(parameters):
    """One hash of all that is deployed: another value publishes new versions, and the same value is the same deployment."""
    packages = sorted(PACKAGES.glob("*.zip"))
    if not packages:
        raise Refused("target/package is empty. Run `make package` first.")
    digest = hashlib.sha256()
    for path in [parameters, INFRA / "template.yaml", *sorted(INFRA.glob("areas/*.yaml")), *packages]:
        digest.update(path.name.encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:16]


def main():
    try:
        if len(sys.argv) < 2:
            raise Refused(__doc__)
        path = pathlib.Path(sys.argv[1])
        values = read(path)
        sam = pathlib.Path(sys.executable).parent / "sam"
        command = [
            str(sam),
            "deploy",
            "--template-file",
            str(INFRA / "template.yaml"),
            "--stack-name",
            values[STACK_NAME],
            "--resolve-s3",
            # Roles are made, for functions with names; nested stacks go through the SAM transform.
            "--capabilities",
            "CAPABILITY_IAM",
            "CAPABILITY_AUTO_EXPAND",
            "--no-fail-on-empty-changeset",
            *sys.argv[2:],
            "--parameter-overrides",
            f"file://{path.resolve()}",
            f"{RELEASE}={release(path)}",
        ]
        os.environ.setdefault("SAM_CLI_TELEMETRY", "0")
        os.execv(command[0], command)
    except Refused as refused:
        sys.exit(str(refused))


if __name__ == "__main__":
    main()
