"""Plays again what a trigger of the table's stream gave up on, once what was wrong is mended.

    infra/replay PARAMETERS FUNCTION [--dry-run]
    infra/replay PARAMETERS send-mail --pending [--dry-run]

The first takes the messages of the function's on-failure queue, one after the other. A message names records of the stream and does not
hold them, so they are read from the stream, which keeps them for 24 hours. The function, as it is live, gets them as it got them before;
if it takes them all, the message is deleted. What fails again stays in the queue.

The second reads the table, once and whole, for mails that nobody has sent: what the stream has dropped is not lost with it. Each is handed
to send-mail, which sends none twice.

--dry-run says what there is, and invokes and deletes nothing. Ends with 1 if something is left.
"""

import dataclasses
import datetime
import functools
import json
import pathlib
import sys

import boto3
import botocore.config
from botocore.exceptions import BotoCoreError, ClientError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

# How long a message that was taken is nobody else's: longer than a function of the stream may run (common/src/function.rs).
TAKEN_FOR = 120

# What to do where the stream has dropped the records.
INSTEAD = {
    "recompute-checklist": "Run reconcile-checklists: aws lambda invoke --function-name {prefix}-reconcile-checklists:live /dev/stdout",
    "send-mail": "Run infra/replay {parameters} send-mail --pending",
}


class Refused(Exception):
    """What was asked for cannot be done; the text says why and what to do instead."""


class Gone(Exception):
    """The stream does not have the records any more."""


@dataclasses.dataclass(frozen=True)
class Asked:
    parameters: str
    function: str
    pending: bool
    dry_run: bool

    @staticmethod
    def by(arguments):
        options = {argument for argument in arguments if argument.startswith("--")}
        names = [argument for argument in arguments if argument not in options]
        if len(names) != 2 or options - {"--pending", "--dry-run"}:
            raise Refused(__doc__)
        asked = Asked(*names, "--pending" in options, "--dry-run" in options)
        if asked.function not in INSTEAD:
            raise Refused(f"{asked.function} is no trigger of the table's stream. There are: {', '.join(INSTEAD)}.")
        if asked.pending and asked.function != "send-mail":
            raise Refused("--pending is for send-mail: mails are what stands in the table until somebody sends them.")
        return asked


def stack_name(path):
    path = pathlib.Path(path)
    if not path.is_file():
        raise Refused(f"{path} is not there. It is the parameter file of the deployment.")
    try:
        name = (YAML(typ="safe").load(path.read_text()) or {}).get("StackName")
    except (YAMLError, AttributeError) as error:
        raise Refused(f"{path} is no list of names and values: {error}") from error
    if not isinstance(name, str):
        raise Refused(f"{path} has no StackName.")
    return name


# A message: https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html


def batch_of(body):
    """Of which records of the stream a message tells."""
    try:
        message = json.loads(body)
        batch = message["DDBStreamBatchInfo"]
        [batch[name] for name in ("streamArn", "shardId", "startSequenceNumber", "endSequenceNumber", "batchSize")]
    except (ValueError, TypeError, KeyError) as error:
        raise Refused(f"not a message about records of a stream: {error!r}") from error
    return batch


def told_of(body):
    """A message in one line."""
    batch, context = batch_of(body), json.loads(body).get("requestContext", {})
    first, last = batch["startSequenceNumber"], batch["endSequenceNumber"]
    records = first if first == last else f"{first} to {last}"
    return f"{records} ({context.get('condition', 'given up')}, {batch['batchSize']} of the stream)"


def within(sequence, batch):
    """Sequence numbers are compared as numbers: they differ in length."""
    return int(batch["startSequenceNumber"]) <= int(sequence) <= int(batch["endSequenceNumber"])


def as_the_function_gets_it(record, batch):
    """As Lambda hands it over, without the images of the item: no function reads them (common/src/trigger.rs), a batch of them may be
    more than one invocation takes, and whoever plays it again need not have them pass by."""
    change = {name: record["dynamodb"][name] for name in ("Keys", "SequenceNumber")}
    return {
        "eventID": record["eventID"],
        "eventName": record["eventName"],
        "eventSource": "aws:dynamodb",
        "eventSourceARN": batch["streamArn"],
        "dynamodb": change,
    }


def is_done(answer):
    """Whether a function did all that it was handed: anything else than an orderly answer is none."""
    if not isinstance(answer, dict) or not isinstance(answer.get("batchItemFailures"), list):
        return False
    return not answer["batchItemFailures"]


def records_of(streams, batch, listens):
    """The records that a message tells of, as far as the function listens to them: the stream has others between them."""
    try:
        iterator = streams.get_shard_iterator(
            StreamArn=batch["streamArn"],
            ShardId=batch["shardId"],
            ShardIteratorType="AT_SEQUENCE_NUMBER",
            SequenceNumber=batch["startSequenceNumber"],
        )["ShardIterator"]
        found = []
        while iterator is not None:
            page = streams.get_records(ShardIterator=iterator)
            for record in page["Records"]:
                sequence = record["dynamodb"]["SequenceNumber"]
                if within(sequence, batch) and listens(record):
                    found.append(as_the_function_gets_it(record, batch))
                if int(sequence) >= int(batch["endSequenceNumber"]):
                    return found
            iterator = page.get("NextShardIterator")
    except (streams.exceptions.TrimmedDataAccessException, streams.exceptions.ResourceNotFoundException) as error:
        raise Gone from error
    raise Gone


# The patterns that let a record through to a function, as they are deployed: infra/src/deployment/stream.rs writes no others than these.


def lets_through(pattern, record):
    """Whether a filter pattern of an event source mapping matches: lists of values, and of prefixes."""
    if isinstance(pattern, dict):
        return isinstance(record, dict) and all(name in record and lets_through(inner, record[name]) for name, inner in pattern.items())
    return any(_is(wanted, record) for wanted in pattern)


def _is(wanted, value):
    if isinstance(wanted, dict):
        if set(wanted) != {"prefix"}:
            raise Refused(f"This script does not know the filter {json.dumps(wanted)}. Teach it: infra/replay.py, lets_through.")
        return isinstance(value, str) and value.startswith(wanted["prefix"])
    return wanted == value


# Mails that nobody has sent: domain/src/outbox.rs says what states there are.


def is_owed(row, now):
    """Whether a mail is to be sent: nobody has begun, or whoever had is dead. `now` is in UTC."""
    state = row["state"]["M"]
    match state["state"]["S"]:
        case "pending":
            return True
        case "sending":
            return datetime.datetime.fromisoformat(state["until"]["S"]) <= now
        case other:
            raise ValueError(other)


def inserted(row, number):
    """A record as the stream had it when the row was made, as far as send-mail reads it."""
    keys = {name: row[name] for name in ("pk", "sk")}
    return {"eventName": "INSERT", "eventSource": "aws:dynamodb", "dynamodb": {"Keys": keys, "SequenceNumber": str(number)}}


# A trigger may take a minute, and is to be run once: the client would hang up by then, and call again.
PATIENT = botocore.config.Config(read_timeout=90, retries={"total_max_attempts": 1})


class Deployment:
    """A trigger, as it is deployed."""

    def __init__(self, prefix, function):
        self.prefix, self.name = prefix, f"{prefix}-{function}"
        self.lambdas, self.sqs = boto3.client("lambda", config=PATIENT), boto3.client("sqs")
        self.streams, self.dynamodb = boto3.client("dynamodbstreams"), boto3.client("dynamodb")

    @functools.cached_property
    def mapping(self):
        """What feeds it from the stream. It is the alias that is fed."""
        mappings = self.lambdas.list_event_source_mappings(FunctionName=f"{self.name}:live")["EventSourceMappings"]
        if len(mappings) != 1:
            raise Refused(f"{self.name} has {len(mappings)} event source mappings. Is it deployed, in this account and region?")
        return mappings[0]

    def listens(self):
        """What of the stream's records goes to the function."""
        patterns = [json.loads(filter["Pattern"]) for filter in self.mapping["FilterCriteria"]["Filters"]]
        return lambda record: any(lets_through(pattern, record) for pattern in patterns)

    def table(self):
        return self.mapping["EventSourceArn"].split("/")[1]

    def invoke(self, records):
        """Why the function does not take the records, or None if it does."""
        payload = json.dumps({"Records": records}, default=str).encode()
        invoked = self.lambdas.invoke(FunctionName=self.name, Qualifier="live", Payload=payload)
        text = invoked["Payload"].read().decode()
        if "FunctionError" not in invoked and is_done(json.loads(text or "null")):
            return None
        return text

    def messages(self):
        """What is in the queue, each message once. Whoever took one has it to themselves for a while, or until it is given back."""
        seen = set()
        # One at a time: the time that it is ours begins now.
        while taken := self.sqs.receive_message(
            QueueUrl=self.queue, MaxNumberOfMessages=1, VisibilityTimeout=TAKEN_FOR, WaitTimeSeconds=2
        ).get("Messages"):
            (message,) = taken
            if message["MessageId"] in seen:
                return
            seen.add(message["MessageId"])
            yield message

    def delete(self, message):
        self.sqs.delete_message(QueueUrl=self.queue, ReceiptHandle=message["ReceiptHandle"])

    def give_back(self, message):
        """Whoever looks next sees it at once. If its time was over, somebody sees it already."""
        try:
            self.sqs.change_message_visibility(
                QueueUrl=self.queue, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0
            )
        except self.sqs.exceptions.MessageNotInflight:
            pass

    @functools.cached_property
    def queue(self):
        return self.sqs.get_queue_url(QueueName=f"{self.name}-on-failure")["QueueUrl"]

    def unsent(self):
        """The keys and states of all mails that have not ended, whatever else they say."""
        pages = self.dynamodb.get_paginator("scan").paginate(
            TableName=self.table(),
            FilterExpression="begins_with(sk, :outbox) AND NOT #state.#state IN (:sent, :failed, :withdrawn)",
            ProjectionExpression="pk, sk, #state",
            ExpressionAttributeNames={"#state": "state"},
            ExpressionAttributeValues={
                ":outbox": {"S": "OUTBOX#"},
                ":sent": {"S": "sent"},
                ":failed": {"S": "failed"},
                ":withdrawn": {"S": "withdrawn"},
            },
        )
        return (row for page in pages for row in page["Items"])


def replay_messages(asked, deployment):
    """How many are left: they are given back once all were looked at, so that none is met twice."""
    left = []
    for message in deployment.messages():
        word, told = replay_message(asked, deployment, message)
        print(f"{word}: {told}", flush=True)
        if word != "done":
            left.append(message)
    for message in left:
        deployment.give_back(message)
    return len(left)


def replay_pending(asked, deployment):
    """How many are left."""
    left = 0
    for number, row in enumerate(deployment.unsent(), start=1):
        word, told = replay_mail(asked, deployment, number, row)
        print(f"{word}: {told}", flush=True)
        left += word != "done"
    return left


def replay_message(asked, deployment, message):
    """What became of one message: a word that says whether it is left, and the rest of the line."""
    try:
        told, batch = told_of(message["Body"]), batch_of(message["Body"])
        records = records_of(deployment.streams, batch, deployment.listens())
    except Refused as refused:
        return "left", str(refused)
    except Gone:
        instead = INSTEAD[asked.function].format(prefix=deployment.prefix, parameters=asked.parameters)
        return "left", f"{told}: the stream has dropped it. {instead}; then delete the message (docs/deploy.md)."
    if not records:
        return "left", f"{told}: none of its records go to the function as it is deployed now. Look at them, then delete the message."
    if asked.dry_run:
        return "would play", told
    failure = deployment.invoke(records)
    if failure is not None:
        return "left", f"{told}: {failure}"
    deployment.delete(message)
    return "done", told


def replay_mail(asked, deployment, number, row):
    """What became of one mail, in the same words."""
    name = row["sk"]["S"]
    try:
        owed = is_owed(row, datetime.datetime.now(datetime.UTC))
    except (KeyError, ValueError, TypeError) as error:
        return "left", f"{name}: its state cannot be read ({error!r}), by send-mail neither. Mend the row, or delete it."
    if not owed:
        return "left", f"{name}: it is being sent just now."
    if asked.dry_run:
        return "would send", name
    failure = deployment.invoke([inserted(row, number)])
    return ("done", name) if failure is None else ("left", f"{name}: {failure}")


def run(arguments):
    asked = Asked.by(arguments)
    deployment = Deployment(stack_name(asked.parameters), asked.function)
    replay = replay_pending if asked.pending else replay_messages
    left = replay(asked, deployment)
    print(f"{left} left." if left else "Nothing is left.")
    return 1 if left else 0


def main():
    try:
        sys.exit(run(sys.argv[1:]))
    except Refused as refused:
        sys.exit(str(refused))
    except (BotoCoreError, ClientError) as error:
        sys.exit(f"AWS: {error}\nWhat is not said to be done is where it was.")


if __name__ == "__main__":
    main()
