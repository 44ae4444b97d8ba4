"""Looks for what is wrong with the templates before AWS does. Nothing is asked of AWS or of any other network.

    infra/lint

The templates are in SAM's language, and a linter that reads that passes over much. So they are first translated into CloudFormation by
what AWS itself translates them with, as `sam deploy` would hand them over, once for every way of deploying that changes what comes out.
The results, in target/lint, are what is looked at: by cfn-lint against the schemas of the resources, by checkov for what is unsafe,
and here for the rules that neither knows. cfn-lint also gets the templates as they are written, because SAM leaves out without a word
some of what it does not know.

What is found and yet meant stands in EXCUSED with its reason. An excuse that nothing needs any more is itself a finding.
"""

import contextlib
import copy
import dataclasses
import json
import logging
import os
import pathlib
import re
import shutil
import sys
import textwrap
from concurrent.futures import ProcessPoolExecutor

# The translator makes ARNs of this region's partition, and fails without one.
os.environ["AWS_DEFAULT_REGION"] = "eu-central-1"

from cfnlint.config import ConfigMixIn
from cfnlint.decode import decode_str
from cfnlint.runner import Runner as CfnLint
from checkov.cloudformation.runner import Runner as Checkov
from checkov.runner_filter import RunnerFilter
from samtranslator.model.exceptions import InvalidDocumentException
from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse

# The translator says at every turn which of its features are not switched on.
logging.getLogger("samtranslator").setLevel(logging.ERROR)

INFRA = pathlib.Path(__file__).resolve().parent
OUTPUT = INFRA.parent / "target" / "lint"
ROOT = "template.yaml"

# Resources differ by region: one of the regions that have everything, and one of the others.
REGIONS = ["us-east-1", "eu-central-1"]

# https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
MOST_RESOURCES = 500

# The parameters that SAM reads itself. The release is as long as it may be: SAM adds it to descriptions, which have a limit.
RELEASE = {"Release": "0123456789abcdef" * 4, "CanaryType": "Canary10Percent5Minutes"}
FULLEST = "canary-traced"
WAYS_TO_DEPLOY = {
    "plain": {**RELEASE, "Canary": "false", "Tracing": "PassThrough"},
    "traced": {**RELEASE, "Canary": "false", "Tracing": "Active"},
    "canary": {**RELEASE, "Canary": "true", "Tracing": "PassThrough"},
    FULLEST: {**RELEASE, "Canary": "true", "Tracing": "Active"},
}

# What SAM calls local files by, and how it calls them once they are uploaded.
LOCAL_FILES = {
    "AWS::Serverless::Function": ("CodeUri", "s3://uploaded/{}"),
    "AWS::Serverless::Application": ("Location", "https://uploaded.s3.amazonaws.com/{}"),
}

ANYTHING = None

# By rule and by what it is about.
EXCUSED = {
    ("CKV_AWS_26", "AWS::SNS::Topic.AlarmTopic"): (
        "Alarms cannot publish to a topic under AWS's key for SNS. A key of one's own costs more than the names of alarms are worth."
    ),
    ("CKV_AWS_27", ANYTHING): "checkov takes nothing but KMS keys for encryption. Queues have SQS's own, see `unencrypted_queues`.",
    ("CKV_AWS_115", ANYTHING): (
        "What is reserved for one function is taken from all others. Routes are bounded by the API's throttle, triggers by the stream's"
        " shards, and an alarm tells when the account's concurrency is used up."
    ),
    ("CKV_AWS_116", ANYTHING): (
        "A dead letter queue is for asynchronous invocations. Routes are called synchronously; triggers leave what they give up, with"
        " more about it, in an on-failure destination."
    ),
    ("CKV_AWS_117", ANYTHING): (
        "Everything that functions talk to is an AWS API behind IAM. A VPC would add endpoints that are paid by the hour and protect"
        " nothing that has a network address."
    ),
    ("CKV_AWS_119", "AWS::DynamoDB::Table.Table"): (
        "The table is under a key of the deployer's if there is one, by TableKeyArn; else under DynamoDB's own."
    ),
    ("CKV_AWS_158", ANYTHING): (
        "CloudWatch Logs encrypts with its own key. No log line has a token, a password or a whole event in it"
        " (docs/architecture.md)."
    ),
    ("CKV_AWS_173", ANYTHING): (
        "No variable is a secret: private keys are SSM parameters, of which functions are told the names. Lambda encrypts variables"
        " with its own key."
    ),
    ("wildcard-resource", "xray:PutTelemetryRecords on *"): "X-Ray takes traces for the account as a whole: there are no resources.",
    ("wildcard-resource", "xray:PutTraceSegments on *"): "As above.",
    ("wildcard-resource", "dynamodb:ListStreams on ${TableArn}/stream/*"): (
        "Streams are listed by table, so the table's streams are what can be named."
    ),
    ("wildcard-resource", "ssm:GetParameters on arn:${AWS::Partition}:ssm:${AWS::Region}:${AWS::AccountId}:parameter${SigningKeysPath}/access/*"): (
        "Roles have no versions: while another key comes to sign, and after going back, functions start that are told the other one."
    ),
    ("wildcard-resource", "ssm:GetParameters on arn:${AWS::Partition}:ssm:${AWS::Region}:${AWS::AccountId}:parameter${SigningKeysPath}/invite/*"): (
        "As above."
    ),
    ("wildcard-resource", "ssm:GetParameters on arn:${AWS::Partition}:ssm:${AWS::Region}:${AWS::AccountId}:parameter${SigningKeysPath}/sign_up/*"): (
        "As above."
    ),
    ("wildcard-resource", "ses:SendEmail on arn:${AWS::Partition}:ses:${AWS::Region}:${AWS::AccountId}:identity/*"): (
        "Recipients in SES's sandbox are identities that nobody here knows. Only with MailSandbox, and only as the configured sender."
    ),
    ("managed-policy", "arn:${AWS::Partition}:iam::aws:policy/service-role/AWSCodeDeployRoleForLambdaLimited"): (
        "What CodeDeploy needs to move an alias is CodeDeploy's to say. The role exists only with Canary, and no function has it."
    ),
}


@dataclasses.dataclass(frozen=True)
class Finding:
    """Something that is wrong with a template."""

    template: str
    rule: str
    # What of the template it is about: with the rule, what an excuse goes by.
    about: str
    why: str

    def __str__(self):
        # cfn-lint recites all that it would have taken.
        return f"infra/{self.template}: {self.rule}: {self.about}: {textwrap.shorten(self.why, 300)}"

    def is_excused_by(self, excuse):
        rule, about = excuse
        return rule == self.rule and about in (ANYTHING, self.about)


@dataclasses.dataclass(frozen=True)
class Translation:
    """What CloudFormation makes of a template that is deployed in one way."""

    template: str
    way: str
    body: dict

    @property
    def path(self):
        """Where it is written to, from the folder of its way."""
        return str(pathlib.PurePath(self.template).with_suffix(".json"))

    def resources(self, kind):
        """Those of a type, by logical id, with their properties."""
        of_kind = {name: resource for name, resource in self.body["Resources"].items() if resource["Type"] == kind}
        return {name: resource.get("Properties", {}) for name, resource in of_kind.items()}


def read():
    """The templates as they are deployed, by their path from infra/."""
    paths = [INFRA / ROOT, *sorted((INFRA / "areas").glob("*.yaml"))]
    return {str(path.relative_to(INFRA)): yaml_parse(path.read_text()) for path in paths}


def translate(templates):
    """Every template in every way of deploying it that makes a difference, and what SAM finds wrong with them."""
    translations, findings = [], []
    for name, template in templates.items():
        bodies = []
        for way, parameters in reversed(WAYS_TO_DEPLOY.items()):
            body, refused = translation(name, template, parameters)
            findings += refused
            if body is not None and body not in bodies:
                bodies.append(body)
                translations.append(Translation(name, way, body))
    return translations, findings


def translation(name, template, parameters):
    try:
        body = transform(uploaded(template), dict(parameters), NoManagedPolicies())
    except InvalidDocumentException as error:
        return None, [Finding(name, "sam", "the template", cause.message) for cause in error.causes]
    except TypeError as error:
        # Of a plain 2012-10-17, for instance, YAML 1.1 makes a date.
        return None, [Finding(name, "sam", "the template", f"It has values that JSON does not: {error}.")]
    drop_spent_parameters(template, body)
    return body, []


def as_written(templates):
    """Not translated."""
    return [Translation(name, "as-written", uploaded(template)) for name, template in templates.items()]


class NoManagedPolicies:
    """Where SAM would look up policies that a template names. Ours name none."""

    def load(self):
        return {}


def uploaded(template):
    """As `sam package` leaves it: places in S3 instead of local files."""
    template = copy.deepcopy(template)
    for resource in template["Resources"].values():
        member, place = LOCAL_FILES.get(resource["Type"], (None, None))
        if member:
            resource["Properties"][member] = place.format(pathlib.PurePath(resource["Properties"][member]).name)
    return template


def drop_spent_parameters(template, body):
    """Parameters whose every use was SAM's are no use in what it made, which would be a finding. Those without any stay, and are one."""
    spent = references(template) - references(body)
    body["Parameters"] = {name: parameter for name, parameter in body.get("Parameters", {}).items() if name not in spent}


def references(value):
    """The names that anything in a template refers to."""
    names = {node["Ref"] for node in nodes(value) if isinstance(node.get("Ref"), str)}
    texts = [node["Fn::Sub"] for node in nodes(value) if "Fn::Sub" in node]
    return names.union(*(re.findall(r"\$\{([^.}]+)", json.dumps(text)) for text in texts))


def nodes(value):
    """Every mapping in a template, however deep."""
    if isinstance(value, dict):
        yield value
    if isinstance(value, (dict, list)):
        for part in value.values() if isinstance(value, dict) else value:
            yield from nodes(part)


def write(translations, folder):
    """For checkov, and for people to look at."""
    shutil.rmtree(folder, ignore_errors=True)
    for translated in translations:
        path = folder / translated.way / translated.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(translated.body, indent=1))


# With all that it can say, for information too. A template may not switch anything off.
CFN_LINT = CfnLint(ConfigMixIn(regions=REGIONS, include_checks=["I"], mandatory_checks=["E", "W", "I"]))


def cfn_lint(translated):
    """Against the schemas of the resources."""
    body, unread = decode_str(json.dumps(translated.body))
    matches = unread or CFN_LINT.validate_template(body)
    place = lambda match: "/".join(map(str, match.path or [])) or "the template"
    return [Finding(translated.template, match.rule.id, place(match), match.message) for match in matches]


def checkov(translations, folder):
    """For what is unsafe. The fullest way of deploying has all that the others have.

    Looked at from within, because checkov puts paths in among what it searches for secrets, and a path of 40 letters looks like one.
    """
    templates = {translated.path: translated.template for translated in translations if translated.way == FULLEST}
    with contextlib.chdir(folder / FULLEST):
        runner_filter = RunnerFilter(framework=["cloudformation"])
        report = Checkov().run(root_folder=None, files=list(templates), runner_filter=runner_filter)
    found = [(check.file_abs_path, check.check_id, check.resource, check.check_name) for check in report.failed_checks]
    seen = {check.file_abs_path for check in report.failed_checks + report.passed_checks}
    unseen = [(path, "checkov", "the template", "checkov could not read it.") for path in templates.keys() - seen]
    return [Finding(templates[path], *finding) for path, *finding in found + unseen]


def nested_stacks(templates):
    """Whether the root makes a stack of every other template, and hands each just the parameters that it has."""
    stacks = {name: it for name, it in templates[ROOT]["Resources"].items() if it["Type"] == "AWS::Serverless::Application"}
    found = [Finding(ROOT, "nested-stack", name, why) for name, it in stacks.items() for why in misfits(it["Properties"], templates)]
    used = {stack["Properties"]["Location"] for stack in stacks.values()}
    unused = sorted(templates.keys() - used - {ROOT})
    return found + [Finding(name, "nested-stack", "the template", "No stack is made of it.") for name in unused]


def misfits(stack, templates):
    """How what a nested stack is handed differs from what its template has."""
    location, given = stack["Location"], stack.get("Parameters", {})
    if location not in templates:
        yield f"Its template {location} is not there."
        return
    declared = templates[location].get("Parameters", {})
    needed = {name for name, parameter in declared.items() if "Default" not in parameter}
    for name in sorted(given.keys() - declared.keys()):
        yield f"It is given {name}, which is no parameter of {location}."
    for name in sorted(needed - given.keys()):
        yield f"It is not given {name}, which {location} needs."


def resource_count(translated, template):
    """Whether it fits into a stack, and into what the manifest's check (infra/src/deployment/area.rs) reckons with."""
    count = len(translated.body["Resources"])
    most = min(MOST_RESOURCES, claimed(template) or MOST_RESOURCES)
    why = f"SAM makes {count} resources of it, and {most} is the most."
    return [Finding(translated.template, "resource-count", "the template", why)] if count > most else []


def claimed(template):
    """How many resources it makes at most, by its own word. The root does not say."""
    return template.get("Metadata", {}).get("MostResources")


def grants(translated):
    """Whether every statement that allows something says what, on what, and to whom."""
    statements = (node for node in nodes(translated.body["Resources"]) if node.get("Effect") == "Allow")
    return [Finding(translated.template, *wrong) for statement in statements for wrong in too_much(statement)]


def too_much(statement):
    """What a statement leaves open: rule, what it is about, why."""
    actions, resources = listed(statement.get("Action")), [spelled(it) for it in listed(statement.get("Resource"))]
    for member in sorted({"NotAction", "NotResource", "NotPrincipal"} & statement.keys()):
        yield "all-but", f"{member} of {statement.get('Sid')}", "It allows all but what it names, so also what AWS adds."
    for action in filter(is_wildcard, actions):
        yield "wildcard-action", action, "It allows whatever that is or will be. Name the actions."
    for resource in filter(is_wildcard, resources):
        for action in actions:
            yield "wildcard-resource", f"{action} on {resource}", "It allows it on more than what can be named."
    if '"*"' in json.dumps(statement.get("Principal")):
        yield "anybody", ", ".join(actions), "It allows it to everybody."


def is_wildcard(text):
    return bool(re.search("[*?]", text))


def listed(value):
    """IAM takes one text for a list of one."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def spelled(value):
    """A resource's name as one text, with ${} for what is not known yet."""
    match value:
        case str(text) | {"Fn::Sub": str(text)} | {"Fn::Sub": [str(text), _]}:
            return text
        case {"Ref": name}:
            return f"${{{name}}}"
        case {"Fn::GetAtt": parts}:
            return f"${{{'.'.join(parts)}}}"
        case _:
            return json.dumps(value)


def roles(translated):
    """Whether a role can do only what the templates say, and nothing that the account forbids."""
    findings = []
    for name, properties in translated.resources("AWS::IAM::Role").items():
        for policy in properties.get("ManagedPolicyArns", []):
            why = f"What {name} may do is decided by somebody else."
            findings.append(Finding(translated.template, "managed-policy", spelled(policy), why))
        if "PermissionsBoundary" not in properties:
            why = "An account that asks for a permissions boundary would not let it be made."
            findings.append(Finding(translated.template, "unbounded-role", name, why))
    return findings


def unencrypted_queues(translated):
    """Stands in for checkov's rule, which does not know SQS's own keys."""
    queues = translated.resources("AWS::SQS::Queue").items()
    bare = [name for name, properties in queues if properties.get("SqsManagedSseEnabled") is not True]
    return [Finding(translated.template, "unencrypted-queue", name, "Set SqsManagedSseEnabled.") for name in bare]


def own_rules(translations, templates):
    """What neither cfn-lint nor checkov knows."""
    findings = []
    for translated in translations:
        findings += resource_count(translated, templates[translated.template])
        findings += grants(translated) + roles(translated) + unencrypted_queues(translated)
    return findings


def all_findings(templates, translations, folder):
    """By all rules. cfn-lint takes longest: it has the other processors while everything else is looked at."""
    write(translations, folder)
    with ProcessPoolExecutor() as processors:
        linted = processors.map(cfn_lint, translations + as_written(templates))
        findings = nested_stacks(templates) + own_rules(translations, templates) + checkov(translations, folder)
        for found in linted:
            findings += found
    # The ways of deploying a template have most of it in common.
    return list(dict.fromkeys(findings))


def unexcused(findings):
    return [finding for finding in findings if not any(finding.is_excused_by(excuse) for excuse in EXCUSED)]


def spent_excuses(findings):
    spent = [excuse for excuse in EXCUSED if not any(finding.is_excused_by(excuse) for finding in findings)]
    return [Finding("lint.py", "spent-excuse", f"{rule} of {about or 'anything'}", "Nothing needs it.") for rule, about in spent]


def table(templates, translations):
    """How much room is left in the stacks."""
    yield f"{'template':<24}{'resources':>10}{'of at most':>12}"
    for translated in translations:
        if translated.way == FULLEST:
            most = claimed(templates[translated.template]) or MOST_RESOURCES
            yield f"{translated.template:<24}{len(translated.body['Resources']):>10}{most:>12}"


def main():
    templates = read()
    translations, findings = translate(templates)
    if not findings:
        found = all_findings(templates, translations, OUTPUT)
        findings = unexcused(found) + spent_excuses(found)
    if findings:
        sys.exit("\n".join(map(str, findings)))
    print("\n".join(table(templates, translations)))


if __name__ == "__main__":
    main()
