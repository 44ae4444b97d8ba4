"""What infra/replay does with messages, records and mails, on services that are made up.

    "$(infra/venv sam)/bin/python" -B infra/replay_test.py
"""

import contextlib
import datetime
import io
import json
import pathlib
import tempfile
import unittest
from unittest import mock

import replay

ARN = "arn:aws:dynamodb:eu-central-1:000000000000:table/callaro/stream/2026-01-01T00:00:00.000"
KEYS = {"pk": {"S": "TENANT#ten_1"}, "sk": {"S": "COUNTERS"}}
FILTERS = [
    {"eventName": ["INSERT", "MODIFY"], "dynamodb": {"Keys": {"sk": {"S": ["COUNTERS"]}}}},
    {"eventName": ["INSERT"], "dynamodb": {"Keys": {"sk": {"S": [{"prefix": "OUTBOX#"}]}}}},
]


def record(sequence, sk="COUNTERS", event="MODIFY"):
    keys = {"pk": {"S": "TENANT#ten_1"}, "sk": {"S": sk}}
    image = {**keys, "secret": {"B": b"\x00"}}
    created = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    change = {"ApproximateCreationDateTime": created, "Keys": keys, "NewImage": image, "SequenceNumber": str(sequence)}
    return {"eventID": f"e{sequence}", "eventName": event, "eventVersion": "1.1", "dynamodb": change}


def message(first, last, identity="m1"):
    batch = {
        "shardId": "shardId-1",
        "startSequenceNumber": str(first),
        "endSequenceNumber": str(last),
        "batchSize": 1,
        "streamArn": ARN,
    }
    body = {"requestContext": {"condition": "RetryAttemptsExhausted"}, "DDBStreamBatchInfo": batch}
    return {"MessageId": identity, "ReceiptHandle": f"handle of {identity}", "Body": json.dumps(body)}


class Trimmed(Exception):
    pass


class Missing(Exception):
    pass


class Account:
    """An account with one deployment, and what was done to it."""

    def __init__(self, messages=(), records=(), rows=(), answer=None, error=None):
        self.messages, self.records, self.rows = list(messages), list(records), list(rows)
        self.answer, self.error = answer or {"batchItemFailures": []}, error
        self.invoked, self.deleted, self.given_back = [], [], []
        self.oldest = 0
        self.exceptions = mock.Mock(TrimmedDataAccessException=Trimmed, ResourceNotFoundException=Missing, MessageNotInflight=Missing)

    # Lambda
    def list_event_source_mappings(self, FunctionName):
        filters = [{"Pattern": json.dumps(pattern)} for pattern in FILTERS]
        assert FunctionName in ("callaro-recompute-checklist:live", "callaro-send-mail:live"), FunctionName
        return {"EventSourceMappings": [{"EventSourceArn": ARN, "FilterCriteria": {"Filters": filters}}]}

    def invoke(self, FunctionName, Qualifier, Payload):
        assert Qualifier == "live"
        self.invoked.append((FunctionName, json.loads(Payload)["Records"]))
        answered = {"Payload": io.BytesIO(json.dumps(self.error or self.answer).encode())}
        return {**answered, "FunctionError": "Unhandled"} if self.error else answered

    # SQS: what was taken and not deleted is seen again, as if its time were over at once.
    def get_queue_url(self, QueueName):
        return {"QueueUrl": f"https://sqs/{QueueName}"}

    def receive_message(self, QueueUrl, **_):
        assert QueueUrl in ("https://sqs/callaro-recompute-checklist-on-failure", "https://sqs/callaro-send-mail-on-failure")
        self.messages = self.messages[1:] + self.messages[:1]
        return {"Messages": self.messages[-1:]} if self.messages else {}

    def delete_message(self, QueueUrl, ReceiptHandle):
        self.deleted.append(ReceiptHandle)
        self.messages = [left for left in self.messages if left["ReceiptHandle"] != ReceiptHandle]

    def change_message_visibility(self, QueueUrl, ReceiptHandle, VisibilityTimeout):
        assert VisibilityTimeout == 0
        if ReceiptHandle in self.given_back:
            raise Missing()
        self.given_back.append(ReceiptHandle)

    # The stream, two records a page, with an empty page before each.
    def get_shard_iterator(self, StreamArn, ShardId, ShardIteratorType, SequenceNumber):
        assert (StreamArn, ShardId, ShardIteratorType) == (ARN, "shardId-1", "AT_SEQUENCE_NUMBER")
        if int(SequenceNumber) < self.oldest:
            raise Trimmed()
        return {"ShardIterator": (int(SequenceNumber), False)}

    def get_records(self, ShardIterator):
        at, is_full = ShardIterator
        if not is_full:
            return {"Records": [], "NextShardIterator": (at, True)}
        rest = [one for one in self.records if int(one["dynamodb"]["SequenceNumber"]) >= at]
        page = {"Records": rest[:2]}
        if len(rest) > 2:
            page["NextShardIterator"] = (int(rest[2]["dynamodb"]["SequenceNumber"]), False)
        return page

    # The table
    def get_paginator(self, operation):
        assert operation == "scan"
        return mock.Mock(paginate=lambda TableName, **_: [{"Items": self.rows[:1]}, {"Items": self.rows[1:]}])


def run(account, *arguments):
    """What the command ends with, and what it says."""
    with tempfile.TemporaryDirectory() as directory, mock.patch("replay.boto3.client", lambda _, **settings: account):
        parameters = pathlib.Path(directory, "parameters.yaml")
        parameters.write_text("StackName: callaro\n")
        with contextlib.redirect_stdout(io.StringIO()) as said:
            status = replay.run([str(parameters), *arguments])
        return status, said.getvalue().replace(directory, "")


class Messages(unittest.TestCase):
    def test_the_records_that_a_message_names_go_to_the_live_function_and_the_message_goes(self):
        account = Account([message(9, 11)], [record(8), record(9), record(10, "AUDIT#1"), record(11), record(12)])
        told = "done: 9 to 11 (RetryAttemptsExhausted, 1 of the stream)\nNothing is left.\n"
        self.assertEqual(run(account, "recompute-checklist"), (0, told))
        ((function, records),) = account.invoked
        self.assertEqual(function, "callaro-recompute-checklist")
        common = {"eventName": "MODIFY", "eventSource": "aws:dynamodb", "eventSourceARN": ARN}
        expected = [{"eventID": f"e{n}", **common, "dynamodb": {"Keys": KEYS, "SequenceNumber": str(n)}} for n in (9, 11)]
        self.assertEqual(records, expected)
        self.assertEqual(account.deleted, ["handle of m1"])

    def test_what_fails_again_stays_and_says_why(self):
        failures = {"batchItemFailures": [{"itemIdentifier": "9"}]}
        error = {"errorType": "Error", "errorMessage": "internal: an item of the kind Counters cannot be read"}
        for answer in ({"answer": failures}, {"error": error}, {"answer": {"done": True}}, {"answer": {"batchItemFailures": None}}):
            account = Account([message(9, 9)], [record(9)], **answer)
            status, said = run(account, "recompute-checklist")
            self.assertEqual((status, account.deleted, len(account.invoked)), (1, [], 1), answer)
            self.assertIn(json.dumps(*answer.values()), said)
            self.assertTrue(said.startswith("left: 9 (") and said.endswith("1 left.\n"), said)

    def test_one_that_fails_keeps_no_other(self):
        account = Account([message(9, 9, "m1"), message(3, 3, "m2"), message(12, 12, "m3")], [record(9), record(12)])
        account.oldest = 5
        status, said = run(account, "recompute-checklist")
        self.assertEqual((status, sorted(account.deleted)), (1, ["handle of m1", "handle of m3"]))
        self.assertEqual(account.given_back, ["handle of m2"])
        self.assertTrue(said.endswith("1 left.\n"), said)

    def test_what_the_stream_has_dropped_is_left_with_what_to_do_instead(self):
        for function, instead in (
            ("recompute-checklist", "aws lambda invoke --function-name callaro-reconcile-checklists:live"),
            ("send-mail", "infra/replay /parameters.yaml send-mail --pending"),
        ):
            account = Account([message(9, 9)])
            account.oldest = 10
            status, said = run(account, function)
            self.assertEqual((status, account.invoked, account.deleted), (1, [], []))
            self.assertIn("the stream has dropped it", said)
            self.assertIn(instead, said)

    def test_a_shard_that_ends_before_the_records_has_dropped_them(self):
        status, said = run(Account([message(9, 11)], [record(9)]), "recompute-checklist")
        self.assertEqual(status, 1)
        self.assertIn("the stream has dropped it", said)

    def test_a_dry_run_invokes_and_deletes_nothing(self):
        account = Account([message(9, 9)], [record(9)])
        status, said = run(account, "recompute-checklist", "--dry-run")
        self.assertEqual((status, account.invoked, account.deleted), (1, [], []))
        self.assertEqual(account.given_back, ["handle of m1"])
        self.assertEqual(said, "would play: 9 (RetryAttemptsExhausted, 1 of the stream)\n1 left.\n")

    def test_a_message_of_another_kind_is_left(self):
        for body in ("hello", "[]", "{}", json.dumps({"DDBStreamBatchInfo": {"shardId": "1"}})):
            account = Account([{**message(9, 9), "Body": body}])
            status, said = run(account, "recompute-checklist")
            self.assertEqual((status, account.invoked, account.deleted), (1, [], []))
            self.assertTrue(said.startswith("left: not a message about records of a stream"), said)


class Mails(unittest.TestCase):
    def row(self, name, **state):
        members = {name: {"S": value} for name, value in state.items()}
        return {"pk": {"S": "EMAIL#ada@acme.example"}, "sk": {"S": f"OUTBOX#{name}"}, "state": {"M": members}}

    def test_mails_that_nobody_has_sent_go_to_send_mail_one_by_one(self):
        dead, alive = "2026-01-01T00:00:20.123456789Z", "2999-01-01T00:00:00Z"
        rows = [
            self.row("out_1", state="pending"),
            self.row("out_2", state="sending", until=dead),
            self.row("out_3", state="sending", until=alive),
            {**self.row("out_4"), "state": {"S": "sideways"}},
        ]
        account = Account(rows=rows)
        status, said = run(account, "send-mail", "--pending")
        self.assertEqual(status, 1)
        lines = said.splitlines()
        self.assertEqual(lines[:3], ["done: OUTBOX#out_1", "done: OUTBOX#out_2", "left: OUTBOX#out_3: it is being sent just now."])
        self.assertIn("left: OUTBOX#out_4: its state cannot be read", lines[3])
        expected = [
            {
                "eventName": "INSERT",
                "eventSource": "aws:dynamodb",
                "dynamodb": {"Keys": {"pk": row["pk"], "sk": row["sk"]}, "SequenceNumber": number},
            }
            for row, number in zip(rows[:2], ("1", "2"))
        ]
        self.assertEqual(account.invoked, [("callaro-send-mail", [one]) for one in expected])

    def test_a_mail_that_is_not_taken_is_left(self):
        account = Account(rows=[self.row("out_1", state="pending")], answer={"batchItemFailures": [{"itemIdentifier": "1"}]})
        status, said = run(account, "send-mail", "--pending")
        self.assertEqual((status, said.splitlines()[-1]), (1, "1 left."))

    def test_a_dry_run_sends_nothing(self):
        account = Account(rows=[self.row("out_1", state="pending")])
        self.assertEqual(run(account, "send-mail", "--pending", "--dry-run"), (1, "would send: OUTBOX#out_1\n1 left.\n"))
        self.assertEqual(account.invoked, [])


class Words(unittest.TestCase):
    def test_a_record_is_let_through_as_the_mapping_would(self):
        counters, other = FILTERS[0], FILTERS[1]
        self.assertTrue(replay.lets_through(counters, record(1)))
        self.assertFalse(replay.lets_through(counters, record(1, "COUNTERS#1")))
        self.assertFalse(replay.lets_through(counters, record(1, event="REMOVE")))
        self.assertFalse(replay.lets_through(counters, {"eventName": "MODIFY"}))
        self.assertTrue(replay.lets_through(other, record(1, "OUTBOX#1", "INSERT")))
        with self.assertRaisesRegex(replay.Refused, "does not know the filter"):
            replay.lets_through({"eventName": [{"exists": True}]}, record(1))

    def test_sequence_numbers_are_compared_as_numbers(self):
        batch = {"startSequenceNumber": "9", "endSequenceNumber": "0000010"}
        self.assertEqual([replay.within(n, batch) for n in ("8", "9", "10", "11")], [False, True, True, False])

    def test_what_cannot_be_asked_is_refused(self):
        for arguments, why in (
            ([], "infra/replay PARAMETERS FUNCTION"),
            (["p"], "infra/replay PARAMETERS FUNCTION"),
            (["p", "send-mail", "--all"], "infra/replay PARAMETERS FUNCTION"),
            (["p", "get-me"], "get-me is no trigger"),
            (["p", "recompute-checklist", "--pending"], "--pending is for send-mail"),
            (["/nowhere.yaml", "send-mail"], "/nowhere.yaml is not there"),
        ):
            with self.assertRaisesRegex(replay.Refused, why):
                replay.run(arguments)


if __name__ == "__main__":
    unittest.main()
