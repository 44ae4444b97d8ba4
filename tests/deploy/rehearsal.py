"""Deploys again and again, as an operator does, and looks at what becomes of people, items and functions that were there.

    rehearsal.py PARAMETERS

Needs a deployment in the emulator, made by PARAMETERS, and AWS_ENDPOINT_URL to lead there. `tests/test-deploy` sees to both.
Deployments are made by infra/deploy and keys by infra/keys, the very commands that docs/deploy.md has an operator use.
"""

import base64
import json
import os
import pathlib
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
import zipfile

import boto3
from ruamel.yaml import YAML

from describe import describe

WORKSPACE = pathlib.Path(__file__).resolve().parents[2]
CHANGED = "get-openapi"
PASSWORD = "violet harbour tin sparrow"


class Operator:
    """Who has the parameter file, and may look at the account."""

    def __init__(self, parameters):
        self.parameters = pathlib.Path(parameters)
        self.stack = self.read()["StackName"]

    def read(self):
        return YAML(typ="safe").load(self.parameters.read_text())

    def keys(self, *arguments):
        run("infra/keys", self.parameters, *arguments)

    def deploy(self, parameters=None):
        started = time.monotonic()
        run("infra/deploy", parameters or self.parameters, "--no-progressbar")
        return f"{time.monotonic() - started:.0f} s"

    def live(self):
        """What the alias `live` of each function leads to."""
        found, client = {}, boto3.client("lambda")
        for page in client.get_paginator("list_functions").paginate():
            for function in page["Functions"]:
                name = function["FunctionName"]
                live = client.get_function_configuration(FunctionName=name, Qualifier="live")
                found[name] = {
                    "arn": function["FunctionArn"],
                    "version": int(live["Version"]),
                    "code": live["CodeSha256"],
                }
        return found

    def mappings(self):
        mappings = boto3.client("lambda").list_event_source_mappings()["EventSourceMappings"]
        return sorted((mapping["UUID"], mapping["EventSourceArn"], mapping["FunctionArn"]) for mapping in mappings)

    def items(self):
        pages = boto3.client("dynamodb").get_paginator("scan").paginate(TableName=describe(self.stack)["table"])
        return sorted(json.dumps(item, sort_keys=True, default=str) for page in pages for item in page["Items"])


class Refused(Exception):
    """A command ended with an error; the text is all that it said."""


def run(command, *arguments):
    done = subprocess.run(
        [WORKSPACE / command, *map(str, arguments)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if done.returncode != 0:
        raise Refused(done.stdout)


class Client:
    """Who uses the API, and reads their mail."""

    def __init__(self, deployment):
        self.emulator, self.api = deployment["emulator"], deployment["api"]

    def send(self, method, path, body=None, **headers):
        request = urllib.request.Request(self.api + path, method=method)
        if body is not None:
            request.data = json.dumps(body).encode()
            request.add_header("content-type", "application/json")
        for name, value in headers.items():
            request.add_header(name.replace("_", "-"), value)
        try:
            answer = urllib.request.urlopen(request, timeout=30)
        except urllib.error.HTTPError as error:
            answer = error
        text = answer.read()
        return answer.status, answer.headers, json.loads(text) if text else None

    def sign_up(self, email):
        body = {"email": email, "company_name": "Acme Inc.", "time_zone": "Europe/Berlin"}
        expect(202, self.send("POST", "/v1/sign-ups", body))
        body = {"token": self.token_mailed_to(email), "display_name": "Somebody", "password": PASSWORD}
        return expect(201, self.send("POST", "/v1/sign-ups/confirm", body))["access_token"]

    def sign_in(self, email):
        return expect(201, self.send("POST", "/v1/sessions", {"email": email, "password": PASSWORD}))["access_token"]

    def status_with(self, token):
        return self.send("GET", "/v1/me", authorization=f"Bearer {token}")[0]

    def token_mailed_to(self, email):
        give_up = time.monotonic() + 30
        while time.monotonic() < give_up:
            with urllib.request.urlopen(f"{self.emulator}/_ministack/ses/messages") as answer:
                accounts = json.load(answer)["messages"].values()
            mails = [mail for mails in accounts for mail in mails if mail["To"] == [email]]
            if mails:
                return re.search(r"https://\S+#(\S+)", mails[-1]["BodyText"])[1]
            time.sleep(0.05)
        raise AssertionError(f"no mail to {email}")

    def caught_up(self):
        """Waits until triggers have done all there is: see tests/world/deployed.rs."""
        while True:
            with urllib.request.urlopen(f"{self.emulator}/_ministack/stream-mappings") as answer:
                if not any(json.load(answer).values()):
                    return
            time.sleep(0.05)


def expect(status, answer):
    assert answer[0] == status, f"{answer[0]} instead of {status}: {answer[2]}"
    return answer[2]


def key_of(token):
    """Which key a token says that it is signed with."""
    header = token.split(".")[0]
    return json.loads(base64.urlsafe_b64decode(header + "=" * (-len(header) % 4)))["kid"]


def browsers_of_allowed_origins_are_let_in(operator, client):
    origin = operator.read()["AllowedOrigins"].split(",")[0]
    asked = {"access_control_request_method": "PATCH", "access_control_request_headers": "if-match"}
    _, allowed, _ = client.send("OPTIONS", "/v1/tenant", origin=origin, **asked)
    assert allowed["access-control-allow-origin"] == origin, allowed
    assert allowed["access-control-allow-credentials"] == "true", allowed
    assert "PATCH" in allowed["access-control-allow-methods"], allowed
    assert "if-match" in allowed["access-control-allow-headers"], allowed
    _, elsewhere, _ = client.send("OPTIONS", "/v1/tenant", origin="https://evil.example", **asked)
    assert elsewhere["access-control-allow-origin"] is None, elsewhere
    _, answered, _ = client.send("GET", "/v1/tenant", origin=origin)
    assert "etag" in answered["access-control-expose-headers"].lower(), answered
    return "a preflight from there is answered, one from elsewhere is not"


# A parameter, what it is spoilt with, and what is said of it: by the template's constraint, and by infra/deploy before that.
WRONG = [
    ("MailDomain", "Not A Domain", "has to be a domain in small letters"),
    ("AccessKeyId", "nonsense", "AccessKeyId is no key that VerifyingKeys has for access"),
]


def a_parameter_that_is_wrong_is_refused_and_changes_nothing(operator, client):
    before = operator.live(), operator.items()
    wrong = operator.parameters.with_name("wrong.yaml")
    for name, value, why in WRONG:
        wrong.write_text(re.sub(rf"(?m)^{name}: .*$", f"{name}: {value}", operator.parameters.read_text()))
        try:
            operator.deploy(wrong)
        except Refused as refused:
            assert name in str(refused) and why in str(refused), refused
        else:
            raise AssertionError(f"{name}={value} was deployed")
    assert (operator.live(), operator.items()) == before
    return f"{' and '.join(name for name, _, _ in WRONG)} are refused by name"


def a_changed_function_is_updated_in_place(operator, client, person):
    """And a second key for access tokens comes with it, which signs nothing yet."""
    operator.keys("introduce", "access")
    client.caught_up()
    before, mappings, items = operator.live(), operator.mappings(), operator.items()
    with Repackaged(CHANGED):
        took = operator.deploy()
    after = operator.live()
    assert set(after) == set(before)
    for name, function in after.items():
        assert function["arn"] == before[name]["arn"], name
        assert function["version"] == before[name]["version"] + 1, f"{name}: {before[name]} {function}"
        has_changed = function["code"] != before[name]["code"]
        assert has_changed == name.endswith(CHANGED), f"{name}: {before[name]} {function}"
    assert operator.mappings() == mappings
    assert items and operator.items() == items, "an item is gone, or another"
    assert client.status_with(person["token"]) == 200
    client.sign_in(person["email"])
    client.sign_up("grace@rehearsal.example")
    return f"{len(after)} functions, {len(items)} items, {took}"


def a_key_is_switched(operator, client, person):
    old, new = (key["kid"] for key in json.loads(operator.read()["VerifyingKeys"])["access"]["keys"])
    assert key_of(client.sign_in(person["email"])) == old, "a key that was only introduced signs already"
    operator.keys("switch", "access", new)
    took = operator.deploy()
    token = client.sign_in(person["email"])
    assert key_of(token) == new
    assert client.status_with(token) == 200
    assert client.status_with(person["token"]) == 200, "the old key is trusted until it is retired"
    return took


def a_key_is_retired(operator, client, person):
    old, new = (key["kid"] for key in json.loads(operator.read()["VerifyingKeys"])["access"]["keys"])
    token = client.sign_in(person["email"])
    operator.keys("retire", "access", old)
    took = operator.deploy()
    assert client.status_with(person["token"]) == 401
    assert client.status_with(token) == 200
    operator.keys("delete", "access", old)
    names = [parameter["Name"] for parameter in boto3.client("ssm").describe_parameters()["Parameters"]]
    assert any(name.endswith(new) for name in names) and not any(name.endswith(old) for name in names), names
    return took


class Repackaged:
    """A function's package with one more file in it, for the time of a block."""

    def __init__(self, function):
        self.path = WORKSPACE / "target" / "package" / f"{function}.zip"

    def __enter__(self):
        self.was = self.path.read_bytes()
        with zipfile.ZipFile(self.path, "a") as package:
            package.writestr("rehearsal.txt", "Here to be another package.\n")

    def __exit__(self, *_):
        self.path.write_bytes(self.was)


def main():
    operator = Operator(sys.argv[1])
    client = Client(describe(operator.stack))
    person = {"email": "ada@rehearsal.example"}
    person["token"] = client.sign_up(person["email"])

    def step(what, told):
        print(f"   {what}: {told}", flush=True)

    step("allowed origins", browsers_of_allowed_origins_are_let_in(operator, client))
    step("a wrong parameter", a_parameter_that_is_wrong_is_refused_and_changes_nothing(operator, client))
    step("second deployment, one function changed", a_changed_function_is_updated_in_place(operator, client, person))
    step("third deployment, another key signs", a_key_is_switched(operator, client, person))
    step("fourth deployment, the first key retired", a_key_is_retired(operator, client, person))


if __name__ == "__main__":
    assert os.environ["AWS_ENDPOINT_URL"].startswith("http://127.0.0.1:"), "this is for the emulator"
    main()
