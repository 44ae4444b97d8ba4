"""Prints, as JSON, what a test has to know of a deployment in the emulator: tests/world/deployed.rs reads it.

    describe.py STACK
"""

import json
import os
import sys

import boto3


def outputs(stack):
    (described,) = boto3.client("cloudformation").describe_stacks(StackName=stack)["Stacks"]
    return {output["OutputKey"]: output["OutputValue"] for output in described["Outputs"]}


def key_variables(stack):
    """What the functions are told of keys, all functions together: none of them signs every kind of token."""
    variables = {}
    for page in boto3.client("lambda").get_paginator("list_functions").paginate():
        for function in page["Functions"]:
            if function["FunctionName"].startswith(f"{stack}-"):
                variables |= function["Environment"]["Variables"]
    return {name: value for name, value in variables.items() if name == "VERIFYING_KEYS" or name.startswith("SIGNING_KEY_")}


def describe(stack):
    emulator, found = os.environ["AWS_ENDPOINT_URL"], outputs(stack)
    return {
        "emulator": emulator,
        "region": os.environ["AWS_REGION"],
        # The name in ApiUrl leads to AWS; this is where the emulator has the same API.
        "api": f"{emulator}/_aws/execute-api/{found['ApiId']}",
        "public_url": found["ApiUrl"],
        "table": found["TableName"],
        "key_variables": key_variables(stack),
    }


if __name__ == "__main__":
    json.dump(describe(sys.argv[1]), sys.stdout, indent=2)
