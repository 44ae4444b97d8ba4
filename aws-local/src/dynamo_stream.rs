//! The stream of a table in an embedded `dynoxide` database, as Lambda's poller reads it.
//!
//! Reproduces the sequence `ListStreams`, `GetShardIterator`, `GetRecords` of
//! <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Streams.LowLevel.Walkthrough.html>. There is
//! one shard, it never closes, and nothing is trimmed, so reading from a checkpoint always works; DynamoDB
//! itself trims after 24 hours.

use std::sync::OnceLock;

use dynoxide::Database;
use dynoxide::actions::describe_stream::DescribeStreamRequest;
use dynoxide::actions::get_records::GetRecordsRequest;
use dynoxide::actions::get_shard_iterator::GetShardIteratorRequest;
use dynoxide::actions::list_streams::ListStreamsRequest;
use serde_json::Value;

use crate::event_source::RecordSource;

/// The stream of one table.
pub struct DynamoStream {
    database: Database,
    table: String,
    shard: OnceLock<Shard>,
}

#[derive(Debug, Clone)]
struct Shard {
    stream_arn: String,
    shard_id: String,
}

impl DynamoStream {
    /// The stream of `table`, which need not exist yet, but must have a stream once it does.
    #[must_use]
    pub fn new(database: Database, table: impl Into<String>) -> Self {
        Self { database, table: table.into(), shard: OnceLock::new() }
    }

    /// The sequence number of the newest record: what a mapping has to catch up to.
    ///
    /// # Errors
    /// With what went wrong, in words, e.g. that the table has no stream.
    pub fn latest(&self) -> Result<Option<String>, String> {
        let stream_arn = self.shard()?.stream_arn;
        let request = DescribeStreamRequest { stream_arn, ..DescribeStreamRequest::default() };
        let described = self.database.describe_stream(request).map_err(|error| error.to_string())?;
        let shard = described.stream_description.shards.into_iter().next();
        Ok(shard.and_then(|shard| shard.sequence_number_range.ending_sequence_number))
    }

    fn shard(&self) -> Result<Shard, String> {
        if let Some(shard) = self.shard.get() {
            return Ok(shard.clone());
        }
        let shard = self.find_shard()?;
        Ok(self.shard.get_or_init(|| shard).clone())
    }

    fn find_shard(&self) -> Result<Shard, String> {
        let request = ListStreamsRequest { table_name: Some(self.table.clone()), ..ListStreamsRequest::default() };
        let streams = self.database.list_streams(request).map_err(|error| error.to_string())?.streams;
        let stream = streams.into_iter().next().ok_or_else(|| format!("table {} has no stream", self.table))?;
        let shard_id = dynoxide::streams::shard_id(&self.table);
        Ok(Shard { stream_arn: stream.stream_arn, shard_id })
    }

    fn iterator_after(&self, shard: &Shard, checkpoint: Option<&str>) -> Result<String, String> {
        let shard_iterator_type = if checkpoint.is_some() { "AFTER_SEQUENCE_NUMBER" } else { "TRIM_HORIZON" };
        let request = GetShardIteratorRequest {
            stream_arn: shard.stream_arn.clone(),
            shard_id: shard.shard_id.clone(),
            shard_iterator_type: shard_iterator_type.to_owned(),
            sequence_number: checkpoint.map(str::to_owned),
        };
        let answer = self.database.get_shard_iterator(request).map_err(|error| error.to_string())?;
        answer.shard_iterator.ok_or_else(|| "the shard is closed".to_owned())
    }
}

impl RecordSource for DynamoStream {
    fn records_after(&self, checkpoint: Option<&str>, limit: usize) -> Result<Vec<Value>, String> {
        let shard = self.shard()?;
        let shard_iterator = self.iterator_after(&shard, checkpoint)?;
        let request = GetRecordsRequest { shard_iterator, limit: Some(limit) };
        let answer = self.database.get_records(request).map_err(|error| error.to_string())?;
        answer.records.iter().map(|record| as_lambda_gets_it(record, &shard.stream_arn)).collect()
    }
}

/// Lambda adds the stream's ARN to what `GetRecords` answers.
fn as_lambda_gets_it(record: &dynoxide::actions::get_records::Record, stream_arn: &str) -> Result<Value, String> {
    let mut json = serde_json::to_value(record).map_err(|error| error.to_string())?;
    json["eventSourceARN"] = Value::from(stream_arn);
    Ok(json)
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    use futures::FutureExt;
    use serde_json::json;

    use super::*;
    use crate::Invoke;
    use crate::event_source::{self, Backoff, Checkpoint, DeadLetters, Lag, Mapping};

    fn database() -> Database {
        let database = Database::memory().unwrap();
        let table = json!({
            "TableName": "table",
            "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
            "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
            "BillingMode": "PAY_PER_REQUEST",
            "StreamSpecification": {"StreamEnabled": true, "StreamViewType": "NEW_AND_OLD_IMAGES"},
        });
        database.create_table(serde_json::from_value(table).unwrap()).unwrap();
        database
    }

    fn put(database: &Database, pk: &str) {
        let request = json!({"TableName": "table", "Item": {"pk": {"S": pk}, "n": {"N": "1"}, "expires": {"N": "1"}}});
        database.put_item(serde_json::from_value(request).unwrap()).unwrap();
    }

    fn keys(records: &[Value]) -> Vec<&str> {
        records.iter().map(|record| record["dynamodb"]["Keys"]["pk"]["S"].as_str().unwrap()).collect()
    }

    #[test]
    fn a_record_is_what_lambda_gets() {
        let database = database();
        put(&database, "a");
        let record = DynamoStream::new(database, "table").records_after(None, 10).unwrap().remove(0);
        assert_eq!((&record["eventName"], &record["eventSource"]), (&json!("INSERT"), &json!("aws:dynamodb")));
        for text in ["eventID", "eventVersion", "awsRegion", "eventSourceARN"] {
            assert!(record[text].is_string(), "{text}");
        }
        let change = &record["dynamodb"];
        assert_eq!(change["Keys"], json!({"pk": {"S": "a"}}));
        assert_eq!(change["NewImage"]["n"], json!({"N": "1"}));
        assert!(change.get("OldImage").is_none());
        assert_eq!(change["StreamViewType"], "NEW_AND_OLD_IMAGES");
        assert!(change["ApproximateCreationDateTime"].is_number() && change["SizeBytes"].is_number());
        assert!((21..=40).contains(&change["SequenceNumber"].as_str().unwrap().len()));
    }

    #[test]
    fn reading_goes_on_behind_the_checkpoint() {
        let database = database();
        let stream = DynamoStream::new(database.clone(), "table");
        assert_eq!(stream.latest().unwrap(), None);
        ["a", "b", "c"].iter().for_each(|pk| put(&database, pk));
        let first = stream.records_after(None, 2).unwrap();
        assert_eq!(keys(&first), ["a", "b"]);
        let checkpoint = first[1]["dynamodb"]["SequenceNumber"].as_str();
        let rest = stream.records_after(checkpoint, 2).unwrap();
        assert_eq!(keys(&rest), ["c"]);
        let latest = stream.latest().unwrap();
        assert_eq!(latest.as_deref(), rest[0]["dynamodb"]["SequenceNumber"].as_str());
        assert!(stream.records_after(latest.as_deref(), 2).unwrap().is_empty());
    }

    #[test]
    fn an_expired_items_removal_says_who_removed_it() {
        let database = database();
        let ttl =
            json!({"TableName": "table", "TimeToLiveSpecification": {"Enabled": true, "AttributeName": "expires"}});
        database.update_time_to_live(serde_json::from_value(ttl).unwrap()).unwrap();
        put(&database, "a");
        assert_eq!(database.sweep_ttl().unwrap(), 1);
        let records = DynamoStream::new(database, "table").records_after(None, 10).unwrap();
        assert_eq!(records[1]["eventName"], "REMOVE");
        assert_eq!(records[1]["userIdentity"], json!({"type": "Service", "principalId": "dynamodb.amazonaws.com"}));
    }

    #[tokio::test]
    async fn a_mapping_follows_a_table_while_it_is_written_to() {
        let database = database();
        let stream = Arc::new(DynamoStream::new(database.clone(), "table"));
        let (handed_over, lag) = (Arc::new(Mutex::new(Vec::new())), Lag::new());
        let log = Arc::clone(&handed_over);
        let invoke: Invoke = Arc::new(move |event| {
            log.lock().unwrap().extend(event["Records"].as_array().unwrap().clone());
            std::future::ready(Ok(Value::Null)).boxed()
        });
        let mapping = Mapping {
            name: "function".to_owned(),
            filters: vec![json!({"dynamodb": {"Keys": {"pk": {"S": [{"anything-but": "b"}]}}}})],
            batch_size: 2,
            parallelization: 4,
            bisect_on_error: true,
            max_retries: 3,
            max_age: Duration::from_secs(60),
            backoff: Backoff::default(),
        };
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let shutdown = stopped.map(|_| ());
        let running = tokio::spawn(event_source::run(
            mapping,
            Arc::clone(&stream),
            invoke,
            DeadLetters::in_memory(),
            Checkpoint::in_memory(),
            lag.clone(),
            shutdown,
        ));
        for pk in ["a", "b", "c", "d"] {
            put(&database, pk);
            lag.caught_up_to(&stream.latest().unwrap().unwrap()).await;
        }
        stop.send(()).unwrap();
        running.await.unwrap().unwrap();
        assert_eq!(keys(&handed_over.lock().unwrap()), ["a", "c", "d"]);
    }

    #[test]
    fn a_table_that_does_not_exist_yet_is_an_error_until_it_does() {
        let database = Database::memory().unwrap();
        assert_eq!(
            DynamoStream::new(database, "table").records_after(None, 10).unwrap_err(),
            "table table has no stream"
        );
    }
}
