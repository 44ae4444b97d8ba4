"""Plays letters and mails again by the very command that docs/deploy.md has an operator use, on the emulator's stream, queue and Lambda.

Needs no deployment: the functions here are stand-ins that take everything but what is in the partition `bad`. The emulator's mapping gives
nothing up, so the letters are written here, as AWS writes them.
"""

import io
import json
import os
import pathlib
import subprocess
import tempfile
import zipfile

import boto3

WORKSPACE = pathlib.Path(__file__).resolve().parents[2]
STACK, TABLE = "replayed", "replayed-table"
HANDLER = """
def handler(event, context):
    bad = [record["dynamodb"] for record in event["Records"] if record["dynamodb"]["Keys"]["pk"]["S"] == "bad"]
    return {"batchItemFailures": [{"itemIdentifier": change["SequenceNumber"]} for change in bad[:1]]}
"""
LISTENS = {
    "recompute-checklist": {"eventName": ["INSERT", "MODIFY"], "dynamodb": {"Keys": {"sk": {"S": ["COUNTERS"]}}}},
    "send-mail": {"eventName": ["INSERT"], "dynamodb": {"Keys": {"sk": {"S": [{"prefix": "OUTBOX#"}]}}}},
}
ITEMS = {
    ("good", "COUNTERS"): {},
    ("good", "AUDIT#1"): {},
    ("bad", "COUNTERS"): {},
    ("mail", "OUTBOX#1"): {"state": {"M": {"state": {"S": "pending"}}}},
    ("mail", "OUTBOX#2"): {"state": {"M": {"state": {"S": "sent"}}}},
    ("mail", "OUTBOX#3"): {"state": {"S": "sideways"}},
}


class Account:
    def __init__(self):
        self.dynamodb, self.streams = boto3.client("dynamodb"), boto3.client("dynamodbstreams")
        self.lambdas, self.sqs = boto3.client("lambda"), boto3.client("sqs")

    def __enter__(self):
        keys = {"pk": "HASH", "sk": "RANGE"}
        made = self.dynamodb.create_table(
            TableName=TABLE,
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in keys],
            KeySchema=[{"AttributeName": name, "KeyType": kind} for name, kind in keys.items()],
            BillingMode="PAY_PER_REQUEST",
            StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
        )
        self.stream = made["TableDescription"]["LatestStreamArn"]
        package = io.BytesIO()
        with zipfile.ZipFile(package, "w") as file:
            file.writestr("stand_in.py", HANDLER)
        made = [self.function(f"{STACK}-{name}", pattern, package.getvalue()) for name, pattern in LISTENS.items()]
        self.mappings, self.queues = zip(*made)
        for (pk, sk), attributes in ITEMS.items():
            self.dynamodb.put_item(TableName=TABLE, Item={"pk": {"S": pk}, "sk": {"S": sk}, **attributes})
        return self

    def __exit__(self, *_):
        """The deployment that comes next is alone here."""
        for mapping in self.mappings:
            self.lambdas.delete_event_source_mapping(UUID=mapping)
        for name in LISTENS:
            self.lambdas.delete_function(FunctionName=f"{STACK}-{name}")
        for queue in self.queues:
            self.sqs.delete_queue(QueueUrl=queue)
        self.dynamodb.delete_table(TableName=TABLE)

    def function(self, name, pattern, package):
        role = "arn:aws:iam::000000000000:role/none"
        self.lambdas.create_function(
            FunctionName=name, Runtime="python3.11", Role=role, Handler="stand_in.handler", Code={"ZipFile": package}, Publish=True
        )
        alias = self.lambdas.create_alias(FunctionName=name, Name="live", FunctionVersion="1")
        mapping = self.lambdas.create_event_source_mapping(
            FunctionName=alias["AliasArn"],
            EventSourceArn=self.stream,
            StartingPosition="TRIM_HORIZON",
            FilterCriteria={"Filters": [{"Pattern": json.dumps(pattern)}]},
        )
        return mapping["UUID"], self.sqs.create_queue(QueueName=f"{name}-on-failure")["QueueUrl"]

    def records(self):
        """The sequence numbers of the stream, in its order, and its shard."""
        shard = self.streams.describe_stream(StreamArn=self.stream)["StreamDescription"]["Shards"][0]["ShardId"]
        start = self.streams.get_shard_iterator(StreamArn=self.stream, ShardId=shard, ShardIteratorType="TRIM_HORIZON")
        records = self.streams.get_records(ShardIterator=start["ShardIterator"])["Records"]
        return shard, [record["dynamodb"]["SequenceNumber"] for record in records]

    def give_up(self, shard, first, last):
        """As Lambda says it: https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html."""
        batch = {"shardId": shard, "startSequenceNumber": first, "endSequenceNumber": last, "batchSize": 1, "streamArn": self.stream}
        body = {"requestContext": {"condition": "RetryAttemptsExhausted"}, "version": "1.0", "DDBStreamBatchInfo": batch}
        self.sqs.send_message(QueueUrl=self.queues[0], MessageBody=json.dumps(body))


def replay(parameters, *arguments):
    """What the command ends with, and the lines that it says."""
    done = subprocess.run(
        [WORKSPACE / "infra/replay", parameters, *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    assert done.stderr == "", done.stderr
    return done.returncode, done.stdout.splitlines()


def expect(expected, answer):
    assert answer == expected, f"{answer} instead of {expected}"


def rehearse(account, parameters):
    shard, numbers = account.records()
    good, other, bad = numbers[:3]
    account.give_up(shard, good, other)
    account.give_up(shard, bad, bad)
    two = f"{good} to {other} (RetryAttemptsExhausted, 1 of the stream)"
    one = f"{bad} (RetryAttemptsExhausted, 1 of the stream)"
    why = json.dumps({"batchItemFailures": [{"itemIdentifier": bad}]})
    status, lines = replay(parameters, "recompute-checklist", "--dry-run")
    expect((1, {f"would play: {two}", f"would play: {one}", "2 left."}), (status, set(lines)))
    status, lines = replay(parameters, "recompute-checklist")
    expect((1, {f"done: {two}", f"left: {one}: {why}", "1 left."}), (status, set(lines)))
    expect((1, [f"left: {one}: {why}", "1 left."]), replay(parameters, "recompute-checklist"))

    status, lines = replay(parameters, "send-mail", "--pending")
    unreadable = "left: OUTBOX#3: its state cannot be read (KeyError('M')), by send-mail neither. Mend the row, or delete it."
    expect((1, {"done: OUTBOX#1", unreadable, "1 left."}), (status, set(lines)))
    expect((0, ["Nothing is left."]), replay(parameters, "send-mail"))


def main():
    with Account() as account, tempfile.TemporaryDirectory() as directory:
        parameters = pathlib.Path(directory, "parameters.yaml")
        parameters.write_text(f"StackName: {STACK}\n")
        rehearse(account, parameters)
    print("   what was given up on, and mail that was not sent, are played again; what fails again stays")


if __name__ == "__main__":
    assert os.environ["AWS_ENDPOINT_URL"].startswith("http://127.0.0.1:"), "this is for the emulator"
    main()
