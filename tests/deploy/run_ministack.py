"""Starts MiniStack, an emulator of AWS, made more like AWS where our template meets a difference.

MiniStack is run as it comes; each function below makes up for one difference, and says what AWS does, what MiniStack 1.5.33 does, and
where in its source. What is deployed is the very template that goes to AWS: what does not fit is mended here and nowhere else.

What a deployment to MiniStack does not show, because MiniStack does nothing of it, or nothing to hold it to:

- IAM. It takes roles and policies and checks no request against them; tests/least_privilege.rs does.
- What becomes of mail. It keeps an event destination and publishes no events (`_ses_configuration_set_event_destination_create` in
  cloudformation/provisioners.py), and like AWS lets nobody else say `aws.ses`: so `mail-feedback` is deployed and never run.
- The clock: `reconcile-checklists` is deployed, and no rule's hours go by.
- The stream's mappings beyond their filters: partial failures, retries, bisecting, parallel batches, age, the on-failure queue.
- Deployments by degrees, throttling, access logs, alarms going off, dashboards, tracing, a domain and its certificate, encryption,
  deletion protection, restoring a backup, and the limits of an account.
- Where a request came from: `sourceIp` is always 127.0.0.1 (`_invoke_lambda_proxy` in services/apigateway.py).
- How API Gateway cuts a path with an encoded slash, and what it answers where there is no route.
"""

import contextlib
import contextvars
import hashlib
import json
import re
import sys
from importlib.metadata import version

MADE_FOR = "1.5.33"

if version("ministack") != MADE_FOR:
    sys.exit(f"This is made for MiniStack {MADE_FOR}; infra/requirements/ministack.txt pins it.")

from ministack import app  # noqa: E402
from ministack.services import cloudformation, dynamodb, lambda_svc  # noqa: E402
from ministack.services.cloudformation import changesets, engine, handlers, helpers, provisioners  # noqa: E402
from samtranslator.translator import transform as sam  # noqa: E402


@contextlib.contextmanager
def held(variable, value):
    """Sets a context variable for the time of a block."""
    token = variable.set(value)
    try:
        yield
    finally:
        variable.reset(token)


def the_sam_transform_knows_the_parameters():
    """AWS hands a stack's parameter values to the SAM transform, which puts them where a property of a serverless
    resource refers to a parameter: so a new value of `AutoPublishCodeSha256: !Ref Release` publishes new versions.
    MiniStack hands over none, which leaves the defaults (`_apply_transforms` in cloudformation/engine.py, its last
    `_sam_transform(...)`)."""
    values = contextvars.ContextVar("values", default={})
    transform, apply = sam.transform, engine._apply_transforms

    def transform_with_values(template, _none, policies):
        return transform(template, dict(values.get()), policies)

    def apply_with_values(template, provided=None, previous=None):
        with held(values, engine._transform_parameters(template, provided, previous)):
            return apply(template, provided, previous)

    sam.transform = transform_with_values
    for module in (engine, changesets, handlers):
        module._apply_transforms = apply_with_values


def the_sam_transform_is_applied_to_nested_stacks():
    """AWS transforms a nested stack's template like any. MiniStack provisions it untransformed
    (`_cfn_nested_stack_deploy` in cloudformation/provisioners.py), and knows no serverless resources."""
    given = contextvars.ContextVar("given", default=None)
    deploy, fetch = provisioners._cfn_nested_stack_deploy, helpers._resolve_template

    def deploy_with_parameters(logical_id, props, parent, **rest):
        parameters = [{"Key": name, "Value": str(value)} for name, value in (props.get("Parameters") or {}).items()]
        with held(given, parameters):
            return deploy(logical_id, props, parent, **rest)

    def fetch_transformed(params):
        body, error = fetch(params)
        if error is not None or given.get() is None:
            return body, error
        return json.dumps(engine._apply_transforms(engine._parse_template(body), given.get()), default=str), None

    provisioners._cfn_nested_stack_deploy = deploy_with_parameters
    helpers._resolve_template = fetch_transformed


def unchanged_resources_of_nested_stacks_keep_their_attributes():
    """AWS leaves a resource that an update does not change as it is. In a nested stack MiniStack forgets its
    attributes, so that the next `!GetAtt` of it fails (`_cfn_nested_stack_deploy` calls `_update_resource` without
    `old_attrs`; cloudformation/provisioners.py)."""
    update = provisioners._update_resource

    def update_with_attributes(kind, physical_id, old, new, stack, logical_id=None, old_attrs=None):
        if old_attrs is None:
            resources = (cloudformation._stacks.get(stack) or {}).get("_resources", {})
            old_attrs = resources.get(logical_id, {}).get("Attributes")
        return update(kind, physical_id, old, new, stack, logical_id, old_attrs)

    provisioners._update_resource = update_with_attributes


def alarms_may_be_of_metric_math():
    """An alarm in AWS watches one metric, or one expression over several, the one that has `ReturnData`
    (https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html). MiniStack refuses
    `Metrics` (`_cw_metric_alarm_record` in cloudformation/provisioners.py). Here such an alarm is looked over and
    recorded; it is never evaluated."""
    record = provisioners._cw_metric_alarm_record
    instead_of_metrics = ("MetricName", "Namespace", "Dimensions", "Period", "Unit", "Statistic", "ExtendedStatistic")

    def record_with_math(name, props):
        metrics = props.get("Metrics")
        if not metrics:
            return record(name, props)
        ids = [metric["Id"] for metric in metrics]
        watched = [metric for metric in metrics if metric.get("ReturnData", True)]
        refuse_unless(len(set(ids)) == len(ids), f"{name}: two metrics with one Id")
        refuse_unless(all(re.fullmatch("[a-z][A-Za-z0-9_]*", one) for one in ids), f"{name}: an Id that is none: {ids}")
        refuse_unless(len(watched) == 1, f"{name}: {len(watched)} metrics with ReturnData")
        refuse_unless(all(("Expression" in one) != ("MetricStat" in one) for one in metrics), f"{name}: neither or both")
        beside = [property for property in instead_of_metrics if property in props]
        refuse_unless(not beside, f"{name}: {beside} beside Metrics")
        stand_in = {property: value for property, value in props.items() if property != "Metrics"}
        stand_in |= {"Namespace": "metric math", "MetricName": watched[0]["Id"]}
        return record(name, stand_in) | {"Metrics": metrics}

    provisioners._cw_metric_alarm_record = record_with_math


def refuse_unless(holds, told):
    if not holds:
        raise ValueError(told)


def a_mail_identity_says_its_dkim_records():
    """AWS answers `!GetAtt` of an identity's DkimDNSTokenName1..3 and DkimDNSTokenValue1..3
    (https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-ses-emailidentity.html). MiniStack has
    neither (`_ses_email_identity_create` and `_update` in cloudformation/provisioners.py)."""

    def with_records(provision):
        def provision_with_records(*arguments):
            identity, attributes = provision(*arguments)
            for n in (1, 2, 3):
                token = hashlib.sha256(f"{identity} {n}".encode()).hexdigest()[:32]
                attributes[f"DkimDNSTokenName{n}"] = f"{token}._domainkey.{identity}"
                attributes[f"DkimDNSTokenValue{n}"] = f"{token}.dkim.amazonses.com"
            return identity, attributes

        return provision_with_records

    wrap("AWS::SES::EmailIdentity", with_records)


def an_api_keeps_the_cors_configuration_that_it_reads():
    """A template spells CORS `AllowOrigins`, the API that MiniStack reads it with `allowOrigins`. MiniStack keeps it
    as it is spelt (`_apigw_v2_api_create` and `_update` in cloudformation/provisioners.py) and so refuses every
    preflight (`_cors_preflight_response` in services/apigateway.py)."""

    def respelt(argument):
        if not isinstance(argument, dict) or not argument.get("CorsConfiguration"):
            return argument
        cors = {name[0].lower() + name[1:]: value for name, value in argument["CorsConfiguration"].items()}
        return argument | {"CorsConfiguration": cors}

    def with_cors(provision):
        return lambda *arguments: provision(*map(respelt, arguments))

    wrap("AWS::ApiGatewayV2::Api", with_cors)


def a_table_expires_items_and_keeps_backups():
    """AWS sets TimeToLiveSpecification and PointInTimeRecoverySpecification with the table. MiniStack reads neither
    from a template (`_ddb_create` and `_ddb_update` in cloudformation/provisioners.py), and has both by its API."""

    def with_both(provision):
        def provision_with_both(*arguments):
            name, attributes = provision(*arguments)
            props = next(argument for argument in reversed(arguments) if isinstance(argument, dict))
            for specification, set_it in (
                ("TimeToLiveSpecification", dynamodb._update_ttl),
                ("PointInTimeRecoverySpecification", dynamodb._update_continuous_backups),
            ):
                if specification in props:
                    status, _, body = set_it({"TableName": name, specification: props[specification]})
                    refuse_unless(status == 200, f"{specification}: {body!r}")
            return name, attributes

        return provision_with_both

    wrap("AWS::DynamoDB::Table", with_both)


def cookies_come_in_their_own_field():
    """API Gateway takes cookies out of the headers and hands them over as a list
    (https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html, payload
    format 2.0). MiniStack leaves them among the headers (`_invoke_lambda_proxy` in services/apigateway.py)."""
    execute = lambda_svc._execute_function_with_config_scope

    def execute_with_cookies(record, event, *rest, **named):
        if isinstance(event, dict) and event.get("version") == "2.0" and "cookie" in (event.get("headers") or {}):
            line = event["headers"].pop("cookie")
            event["cookies"] = [cookie.strip() for cookie in line.split(";") if cookie.strip()]
        return execute(record, event, *rest, **named)

    lambda_svc._execute_function_with_config_scope = execute_with_cookies


def a_test_may_ask_how_far_the_streams_mappings_are():
    """No difference: AWS measures this as IteratorAge, and tells a minute later. GET /_ministack/stream-mappings answers
    how many records of the stream each mapping's function has yet to take. MiniStack moves a mapping on once its function
    is done (`_poll_dynamodb_streams` in services/lambda_svc.py), so at zero there is nothing to wait for."""
    answer = app._handle_ses_messages_request

    def behind():
        records = {}
        for account, region, mapping in lambda_svc._iter_all_esms():
            table, place = mapping["EventSourceArn"].split("/")[1], {"account_id": account, "region": region}
            horizon = dynamodb.stream_start_position(table, **place)
            position = lambda_svc._dynamodb_stream_positions.get_scoped(account, region, mapping["UUID"], horizon)
            records[mapping["FunctionArn"]] = dynamodb.stream_end_position(table, **place) - max(position, horizon)
        return records

    async def answer_this_too(method, path, headers, query):
        if (method, path) == ("GET", "/_ministack/stream-mappings"):
            return 200, {"Content-Type": "application/json"}, json.dumps(behind()).encode()
        return await answer(method, path, headers, query)

    app._handle_ses_messages_request = answer_this_too


def wrap(kind, around):
    """Puts something around how resources of a kind are created and updated."""
    handler = provisioners._RESOURCE_HANDLERS[kind]
    for operation in ("create", "update"):
        handler[operation] = around(handler[operation])


if __name__ == "__main__":
    the_sam_transform_knows_the_parameters()
    the_sam_transform_is_applied_to_nested_stacks()
    unchanged_resources_of_nested_stacks_keep_their_attributes()
    alarms_may_be_of_metric_math()
    a_mail_identity_says_its_dkim_records()
    an_api_keeps_the_cors_configuration_that_it_reads()
    a_table_expires_items_and_keeps_backups()
    cookies_come_in_their_own_field()
    a_test_may_ask_how_far_the_streams_mappings_are()
    app.main()
