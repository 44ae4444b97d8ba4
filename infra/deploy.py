"""Deploys what is in target/package, by a parameter file.

    infra/deploy PARAMETERS [options of `sam deploy`]

Refuses what CloudFormation would take and nobody means: a parameter that no template has, which `sam deploy` passes over in silence,
and one that has no value. Hands over every parameter, those that the file leaves out with their defaults: left out, CloudFormation
would keep the value that was deployed last, and the file would not say what is deployed. Values themselves are checked by the
template's constraints, before anything is changed.
"""

import hashlib
import json
import os
import pathlib
import sys

import boto3
from botocore.exceptions import BotoCoreError, ClientError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

INFRA = pathlib.Path(__file__).resolve().parent
PACKAGES = INFRA.parent / "target" / "package"

# Of the parameter file, but none of the template's: what the stack is called.
STACK_NAME = "StackName"
# Of the template, but made here.
RELEASE = "Release"


class Refused(Exception):
    """What was asked for cannot be done; the text says why and what to do instead."""


# The kinds of token, and the parameter that says which of its keys signs.
SIGNERS = {"access": "AccessKeyId", "invite": "InviteKeyId", "sign_up": "SignUpKeyId"}

# Lambda takes names of 64 characters, and a function's is the stack's and up to 23 more.
LONGEST_STACK_NAME = 41


def declared():
    """The template's parameters, each with its default, or None where it has to be given."""
    template = YAML(typ="rt").load((INFRA / "template.yaml").read_text())
    return {name: parameter.get("Default") for name, parameter in template["Parameters"].items()}


def text(name, value):
    """As CloudFormation writes values. In YAML true is no text, and Python's would be True."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str | int):
        return str(value)
    raise Refused(f"{name}: {value!r} is neither a text nor a whole number. Put a text into quotes.")


def read(path):
    """The stack's name, and a value for every parameter but Release."""
    if not path.is_file():
        raise Refused(f"{path} is not there. Copy infra/parameters.example.yaml and fill it in.")
    try:
        given = YAML(typ="safe").load(path.read_text()) or {}
    except YAMLError as error:
        raise Refused(f"{path} is no YAML: {error}") from error
    if not isinstance(given, dict):
        raise Refused(f"{path} is no list of names and values. infra/parameters.example.yaml is one.")
    defaults = declared()
    unknown = set(given) - set(defaults) - {STACK_NAME} | set(given) & {RELEASE}
    if unknown:
        raise Refused(f"{path}: no parameter of the template: {', '.join(sorted(unknown))}. infra/base.yaml has them all.")
    values = {name: default if given.get(name) is None else given[name] for name, default in defaults.items()}
    del values[RELEASE]
    missing = [name for name, value in {STACK_NAME: given.get(STACK_NAME), **values}.items() if value is None]
    if missing:
        keys = " `make keys` fills in the keys." if any("Key" in name for name in missing) else ""
        raise Refused(f"{path}: without a value: {', '.join(sorted(missing))}.{keys}")
    stack = text(STACK_NAME, given[STACK_NAME])
    if len(stack) > LONGEST_STACK_NAME:
        raise Refused(f"{path}: {STACK_NAME} has {len(stack)} characters, and {LONGEST_STACK_NAME} are the most.")
    values = {name: text(name, value) for name, value in values.items()}
    require_trusted_keys(path, values)
    return stack, values


def require_trusted_keys(path, values):
    """A key that signs and is not trusted would have every token refused; the template cannot see that."""
    try:
        trusted = {kind: {key["kid"] for key in keys["keys"]} for kind, keys in json.loads(values["VerifyingKeys"]).items()}
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise Refused(f"{path}: VerifyingKeys is not what `make keys` writes: {error!r}.") from error
    for kind, parameter in SIGNERS.items():
        if values[parameter] not in trusted.get(kind, set()):
            raise Refused(f"{path}: {parameter} is no key that VerifyingKeys has for {kind}: nobody would take what it signs.")


def require_private_keys(values):
    """In this account and region, where the functions will look for them. Who may not look is not held up."""
    names = [f"{values['SigningKeysPath']}/{kind}/{values[parameter]}" for kind, parameter in SIGNERS.items()]
    try:
        missing = boto3.client("ssm").get_parameters(Names=names)["InvalidParameters"]
    except ClientError as error:
        print(f"Whether the signing keys are there was not looked at: {error}", file=sys.stderr)
        return
    if missing:
        raise Refused(f"SSM has no {', '.join(missing)} in this account and region. `make keys` makes keys where it is run.")


def release(values):
    """One hash of all that is deployed: another value publishes new versions, and the same value is the same deployment."""
    packages = sorted(PACKAGES.glob("*.zip"))
    if not packages:
        raise Refused("target/package is empty. Run `make package` first.")
    digest = hashlib.sha256()
    digest.update(json.dumps(values, sort_keys=True).encode())
    for path in [INFRA / "template.yaml", *sorted(INFRA.glob("areas/*.yaml")), *packages]:
        digest.update(path.name.encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:16]


def main():
    try:
        if len(sys.argv) < 2:
            raise Refused(__doc__)
        path = pathlib.Path(sys.argv[1])
        stack, values = read(path)
        require_private_keys(values)
        overrides = PACKAGES.parent / "parameters.yaml"
        # JSON is YAML, and says that all of them are texts.
        overrides.write_text(json.dumps({**values, RELEASE: release(values)}, indent=2))
        sam = pathlib.Path(sys.executable).parent / "sam"
        command = [
            str(sam),
            "deploy",
            "--template-file",
            str(INFRA / "template.yaml"),
            "--stack-name",
            stack,
            "--resolve-s3",
            # Roles are made, for functions with names; nested stacks go through the SAM transform.
            "--capabilities",
            "CAPABILITY_IAM",
            "CAPABILITY_AUTO_EXPAND",
            "--no-fail-on-empty-changeset",
            *sys.argv[2:],
            "--parameter-overrides",
            f"file://{overrides}",
        ]
        os.environ.setdefault("SAM_CLI_TELEMETRY", "0")
        os.execv(command[0], command)
    except Refused as refused:
        sys.exit(str(refused))
    except BotoCoreError as error:
        sys.exit(f"AWS: {error}")


if __name__ == "__main__":
    main()
