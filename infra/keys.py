"""Makes signing keys, and rotates them without signing anybody out.

    infra/keys PARAMETERS create             a key for every kind of token that has none yet
    infra/keys PARAMETERS introduce KIND     one more key, which everybody trusts after the next deployment
    infra/keys PARAMETERS switch KIND ID     signs with that key after the next deployment
    infra/keys PARAMETERS retire KIND ID     trusts that key no more after the next deployment
    infra/keys PARAMETERS delete KIND ID     deletes a retired key: there is no going back to a release that it signed for

PARAMETERS is the parameter file of a deployment. What is to be trusted and what signs is written there and nowhere else, so a
rotation is a change that is reviewed, deployed and rolled back like any other. A private key is kept in one SSM parameter, named
by the key's own thumbprint and never overwritten: going back to an earlier parameter file goes back to its keys.

Each step is a deployment of its own because functions learn of it one after another: a key signs only once all trust it, and is
trusted until the last token that it signed has expired (docs/deploy.md says how long that is).
"""

import json
import pathlib
import shutil
import subprocess
import sys

import boto3
from botocore.exceptions import BotoCoreError, ClientError
from ruamel.yaml import YAML

WORKSPACE = pathlib.Path(__file__).resolve().parent.parent
DEFAULT_PATH = "/callaro/signing-keys"


class Refused(Exception):
    """What was asked for cannot be done; the text says why and what to do instead."""


class Parameters:
    """The parameter file: a YAML mapping, whose comments and order stay as they are."""

    def __init__(self, path):
        self.path = pathlib.Path(path)
        self.yaml = YAML()
        self.yaml.width = 10_000
        if not self.path.is_file():
            raise Refused(f"{path} is not there. Copy infra/parameters.example.yaml and fill it in.")
        self.values = self.yaml.load(self.path.read_text()) or {}

    def keys(self, kind):
        """The public keys that are trusted for a kind of token."""
        return self._sets().get(kind, {}).get("keys", [])

    def trust(self, kind, keys):
        sets = self._sets()
        sets[kind] = {"keys": keys}
        self.values["VerifyingKeys"] = json.dumps(sets, separators=(",", ":"), sort_keys=True)

    def signer(self, kind):
        """The id of the key that signs a kind of token, if there is one."""
        return self.values.get(_id_parameter(kind)) or None

    def sign_with(self, kind, key_id):
        self.values[_id_parameter(kind)] = key_id

    def path_of(self, kind, key_id):
        """The SSM parameter of a private key."""
        return f"{self.values.get('SigningKeysPath') or DEFAULT_PATH}/{kind}/{key_id}"

    def write(self):
        path = self.path.resolve()
        beside = path.with_suffix(".new")
        with beside.open("w") as file:
            self.yaml.dump(self.values, file)
        shutil.copymode(path, beside)
        beside.replace(path)

    def _sets(self):
        return json.loads(self.values.get("VerifyingKeys") or "{}")


def _id_parameter(kind):
    """As the template names it: sign_up is SignUpKeyId."""
    return "".join(word.capitalize() for word in kind.split("_")) + "KeyId"


def new_keys():
    """A new key for every kind of token, from the code that also reads them."""
    command = ["cargo", "run", "--quiet", "--locked", "--package", "infra", "--", "new-keys"]
    made = subprocess.run(command, cwd=WORKSPACE, check=True, stdout=subprocess.PIPE)
    return json.loads(made.stdout)


def keep(ssm, parameters, kind, key):
    """Puts the private half where only signers read it. A name is a thumbprint, so there is nothing to overwrite."""
    ssm.put_parameter(
        Name=parameters.path_of(kind, key["id"]),
        Description=f"Signs tokens of the kind {kind}. PKCS #8 DER in base64.",
        Type="SecureString",
        Value=key["private"],
        Overwrite=False,
    )


def thumbprints(keys):
    """The ids of public keys: each says its own (RFC 7517 section 4.5), because making one takes cryptography."""
    return [key["kid"] for key in keys]


def trusted(key):
    return {**key["public"], "kid": key["id"]}


def create(ssm, parameters):
    missing = {kind: key for kind, key in new_keys().items() if parameters.signer(kind) is None}
    for kind, key in missing.items():
        keep(ssm, parameters, kind, key)
        parameters.trust(kind, [*parameters.keys(kind), trusted(key)])
        parameters.sign_with(kind, key["id"])
        print(f"{kind}: made {key['id']}")
    if not missing:
        print("Every kind of token has its key already. `introduce` makes another.")


def introduce(ssm, parameters, kind):
    key = of_kind(new_keys(), kind)
    keep(ssm, parameters, kind, key)
    parameters.trust(kind, [*parameters.keys(kind), trusted(key)])
    print(f"{kind}: {key['id']} will be trusted. Deploy, then: infra/keys {parameters.path} switch {kind} {key['id']}")


def switch(_, parameters, kind, key_id):
    before = parameters.signer(kind)
    if key_id not in thumbprints(parameters.keys(kind)):
        raise Refused(f"{key_id} is not among the trusted keys of {kind}. Introduce it and deploy before it signs.")
    parameters.sign_with(kind, key_id)
    print(f"{kind}: {key_id} will sign. Deploy, wait for what {before} signed to expire, then retire that.")


def retire(_, parameters, kind, key_id):
    left = [key for key in parameters.keys(kind) if key["kid"] != key_id]
    if parameters.signer(kind) == key_id:
        raise Refused(f"{key_id} still signs {kind}. Switch to another key and deploy first.")
    if len(left) == len(parameters.keys(kind)):
        raise Refused(f"{key_id} is not among the trusted keys of {kind}.")
    parameters.trust(kind, left)
    print(f"{kind}: {key_id} will not be trusted. Deploy; once you would not go back any more, delete it.")


def delete(ssm, parameters, kind, key_id):
    if key_id in thumbprints(parameters.keys(kind)):
        raise Refused(f"{key_id} is still trusted for {kind}. Retire it and deploy first.")
    ssm.delete_parameter(Name=parameters.path_of(kind, key_id))
    print(f"{kind}: {key_id} is deleted.")


def of_kind(keys, kind):
    if kind not in keys:
        raise Refused(f"{kind} is no kind of token. There are: {', '.join(keys)}.")
    return keys[kind]


COMMANDS = {"create": (create, 0), "introduce": (introduce, 1), "switch": (switch, 2), "retire": (retire, 2), "delete": (delete, 2)}


def run(arguments):
    if len(arguments) < 2 or arguments[1] not in COMMANDS:
        raise Refused(__doc__)
    command, takes = COMMANDS[arguments[1]]
    if len(arguments) - 2 != takes:
        raise Refused(__doc__)
    parameters = Parameters(arguments[0])
    command(boto3.client("ssm"), parameters, *arguments[2:])
    parameters.write()


def main():
    try:
        run(sys.argv[1:])
    except Refused as refused:
        sys.exit(str(refused))
    except (BotoCoreError, ClientError) as error:
        sys.exit(f"AWS: {error}\nNothing was written to the parameter file.")
    except subprocess.CalledProcessError as error:
        sys.exit(f"No key was made: {error}")


if __name__ == "__main__":
    main()
