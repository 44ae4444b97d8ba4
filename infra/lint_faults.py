"""Whether infra/lint still finds what it is for: plants a fault into a sound template, and demands that the right rule finds it.

    infra/lint

does this too. Each fault is planted alone, in memory, in SAM's language as `make sync` would have written it.
"""

import copy
import dataclasses
import datetime
import json
import pathlib
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from typing import Callable

import lint

APPLICATION = "AWS::Serverless::Application"
FUNCTION = "AWS::Serverless::Function"
ROLE = "AWS::IAM::Role"

SOUND = lint.read()
FAULTS = []


@dataclasses.dataclass(frozen=True)
class Fault:
    # Which has to find it.
    rule: str
    # The type of the resource that it is planted into.
    kind: str
    # Changes the resource, or the template that it is of.
    plant: Callable

    def __str__(self):
        return self.plant.__name__.replace("_", " ")


def fault(rule, kind):
    """Of the function below it, which plants it into a resource and its template."""

    def noted(plant):
        FAULTS.append(Fault(rule, kind, plant))
        return plant

    return noted


@fault("E1010", APPLICATION)
def an_attribute_that_the_table_does_not_have(stack, template):
    stack["Properties"]["Parameters"]["TableName"] = {"Fn::GetAtt": ["Table", "Arnn"]}


@fault("E1010", FUNCTION)
def an_attribute_that_the_role_does_not_have(function, template):
    function["Properties"]["Role"]["Fn::GetAtt"][1] = "Arnn"


@fault("E1020", "AWS::ApiGatewayV2::Integration")
def a_reference_to_nothing(integration, template):
    integration["Properties"]["ApiId"] = {"Ref": "Apis"}


@fault("E1019", "AWS::ApiGatewayV2::Route")
def a_placeholder_for_nothing(route, template):
    route["Properties"]["Target"] = {"Fn::Sub": "integrations/${Nothing}"}


@fault("E3031", "AWS::Lambda::EventSourceMapping")
def a_position_that_streams_do_not_have(mapping, template):
    mapping["Properties"]["StartingPosition"] = "SOMEWHERE"


@fault("E3003", "AWS::ApiGatewayV2::Route")
def a_route_without_its_key(route, template):
    del route["Properties"]["RouteKey"]


@fault("E3002", "AWS::ApiGatewayV2::Integration")
def a_property_that_integrations_do_not_have(integration, template):
    integration["Properties"]["Timeout"] = 30_000


@fault("E3002", FUNCTION)
def a_property_that_sam_leaves_out(function, template):
    function["Properties"]["EventInvokeConfig"] = {"MaxRetries": 2}


@fault("E3012", "AWS::SQS::Queue")
def a_text_for_a_number(queue, template):
    queue["Properties"]["MessageRetentionPeriod"] = "a fortnight"


@fault("E3033", FUNCTION)
def a_description_that_is_too_long_with_the_release(function, template):
    function["Properties"]["Description"] = "x" * 250


@fault("I3011", "AWS::Logs::LogGroup")
def logs_of_which_nobody_says_whether_they_are_kept(log_group, template):
    del log_group["DeletionPolicy"]


@fault("W2001", FUNCTION)
def a_parameter_without_use(function, template):
    template["Parameters"]["Spare"] = {"Type": "String"}


@fault("W3037", ROLE)
def an_action_that_iam_does_not_know(role, template):
    statement_of(role)["Action"] = ["dynamodb:GetItemm"]


@fault("sam", FUNCTION)
def a_property_that_functions_do_not_have(function, template):
    function["Properties"]["Memory"] = 256


@fault("sam", ROLE)
def a_date_for_a_text(role, template):
    role["Properties"]["AssumeRolePolicyDocument"]["Version"] = datetime.date(2012, 10, 17)


@fault("CKV_AWS_28", "AWS::DynamoDB::Table")
def a_table_that_cannot_go_back_in_time(table, template):
    table["Properties"]["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"] = False


@fault("CKV_AWS_66", "AWS::Logs::LogGroup")
def logs_without_end(log_group, template):
    del log_group["Properties"]["RetentionInDays"]


@fault("CKV_AWS_45", FUNCTION)
def a_secret_in_the_environment(function, template):
    # The example of AWS's own documentation.
    function["Properties"]["Environment"]["Variables"]["SECRET"] = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"


@fault("CKV_AWS_364", "AWS::Lambda::Permission")
def a_function_that_any_api_may_call(permission, template):
    del permission["Properties"]["SourceArn"]


@fault("wildcard-action", ROLE)
def every_action_on_the_table(role, template):
    statement_of(role).update(Action=["dynamodb:*"], Resource=[{"Ref": "TableArn"}])


@fault("wildcard-resource", ROLE)
def an_action_on_every_table(role, template):
    statement_of(role).update(Action=["dynamodb:GetItem"], Resource=["*"])


@fault("wildcard-resource", ROLE)
def an_action_on_every_index(role, template):
    statement_of(role).update(Action=["dynamodb:Query"], Resource=[{"Fn::Sub": "${TableArn}/index/*"}])


@fault("wildcard-resource", ROLE)
def an_excuse_for_another_action(role, template):
    statement_of(role).update(Action=["xray:GetTraceSummaries"], Resource="*")


@fault("all-but", ROLE)
def all_actions_but_one(role, template):
    statement_of(role)["NotAction"] = statement_of(role).pop("Action")


@fault("anybody", "AWS::SQS::QueuePolicy")
def a_queue_that_everybody_may_write_to(policy, template):
    policy["Properties"]["PolicyDocument"]["Statement"][0]["Principal"] = {"AWS": "*"}


@fault("managed-policy", ROLE)
def a_policy_of_somebody_else(role, template):
    role["Properties"]["ManagedPolicyArns"] = ["arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"]


@fault("unbounded-role", ROLE)
def a_role_without_a_permissions_boundary(role, template):
    del role["Properties"]["PermissionsBoundary"]


@fault("unencrypted-queue", "AWS::SQS::Queue")
def a_queue_in_the_clear(queue, template):
    queue["Properties"]["SqsManagedSseEnabled"] = False


@fault("nested-stack", APPLICATION)
def a_parameter_that_the_area_does_not_have(stack, template):
    stack["Properties"]["Parameters"]["Spare"] = "spare"


@fault("nested-stack", APPLICATION)
def a_parameter_that_the_area_is_not_given(stack, template):
    del stack["Properties"]["Parameters"]["TableName"]


@fault("nested-stack", APPLICATION)
def an_area_without_a_template(stack, template):
    stack["Properties"]["Location"] = "areas/nowhere.yaml"


@fault("resource-count", FUNCTION)
def more_resources_than_the_manifest_knows_of(function, template):
    template["Resources"]["Spare"] = {"Type": "AWS::CloudFormation::WaitConditionHandle"}


@fault("resource-count", APPLICATION)
def more_resources_than_a_stack_takes(stack, template):
    spare = {"Type": "AWS::CloudFormation::WaitConditionHandle"}
    template["Resources"].update({f"Spare{number}": spare for number in range(lint.MOST_RESOURCES)})


def statement_of(role):
    """The first of what a role may do."""
    return role["Properties"]["Policies"][0]["PolicyDocument"]["Statement"][0]


def planted(fault):
    """The templates with the fault, and the name of the one that has it: the smallest that can."""
    templates = copy.deepcopy(SOUND)
    of_kind = {
        name: resource
        for name, template in templates.items()
        for resource in template["Resources"].values()
        if resource["Type"] == fault.kind
    }
    name = min(of_kind, key=lambda name: len(json.dumps(templates[name])))
    fault.plant(of_kind[name], templates[name])
    return templates, name


def findings(fault):
    """Of the rules among which the right one is: the others need not be waited for."""
    templates, name = planted(fault)
    body, refused = lint.translation(name, templates[name], lint.WAYS_TO_DEPLOY[lint.FULLEST])
    if refused:
        return refused
    translated = lint.Translation(name, lint.FULLEST, body)
    if fault.rule.startswith("CKV"):
        with tempfile.TemporaryDirectory() as folder:
            lint.write([translated], pathlib.Path(folder))
            return lint.checkov([translated], pathlib.Path(folder))
    if fault.rule[1:].isdigit():
        return lint.cfn_lint(translated) or lint.cfn_lint(*lint.as_written({name: templates[name]}))
    return lint.nested_stacks(templates) + lint.own_rules([translated], templates)


def overlooked(fault):
    """What to say of a fault that was not found."""
    found = {finding.rule for finding in lint.unexcused(findings(fault))}
    if fault.rule not in found:
        return f"infra/lint overlooks {fault}: {fault.rule} did not find it, nor did more than {sorted(found)}."


def main():
    with ProcessPoolExecutor() as processors:
        failed = list(filter(None, processors.map(overlooked, FAULTS)))
    if failed:
        sys.exit("\n".join(failed))
    print(f"found {len(FAULTS)} of {len(FAULTS)} planted faults")


if __name__ == "__main__":
    main()
