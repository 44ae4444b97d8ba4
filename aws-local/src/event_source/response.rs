//! What a function's answer says about its batch, with `ReportBatchItemFailures` on.
//!
//! Reproduces <https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-batchfailurereporting.html>: an empty
//! or null list, an empty object and null mean success; the lowest reported sequence number is where the retry
//! starts; an empty, null or misnamed identifier fails the whole batch.

use serde_json::Value;

use super::record::Record;
use crate::InvokeError;

/// What became of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Every record is done.
    Succeeded,
    /// The records before `first_failed` (an index into the batch) are done; it and those behind it are not.
    Failed { first_failed: usize, error: Failure },
}

/// Why a batch, or its tail, was not done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Failure {
    #[error(transparent)]
    Invocation(#[from] InvokeError),
    #[error("the function reported a failure at sequence number {0}")]
    Reported(String),
    #[error("the function reported a failure with the identifier {0}, which is not in the batch")]
    UnknownIdentifier(String),
    #[error("the function's answer is not a batch response: {0}")]
    MalformedResponse(String),
}

/// Reads a function's answer to `batch`.
pub(crate) fn read(answer: Result<Value, InvokeError>, batch: &[Record]) -> Outcome {
    match answer {
        Err(error) => whole_batch(Failure::Invocation(error)),
        Ok(Value::Null) => Outcome::Succeeded,
        Ok(Value::Object(response)) if response.is_empty() => Outcome::Succeeded,
        Ok(response) => match response.get("batchItemFailures") {
            Some(Value::Null) => Outcome::Succeeded,
            Some(Value::Array(failures)) => first_failed(failures, batch),
            // AWS would ignore a misspelt key and call the batch a success; a stand-in should not hide that.
            _ => whole_batch(Failure::MalformedResponse(response.to_string())),
        },
    }
}

fn first_failed(failures: &[Value], batch: &[Record]) -> Outcome {
    let mut lowest: Option<usize> = None;
    for failure in failures {
        match position(failure, batch) {
            Ok(index) => lowest = Some(lowest.map_or(index, |lowest| lowest.min(index))),
            Err(error) => return whole_batch(error),
        }
    }
    match lowest {
        None => Outcome::Succeeded,
        Some(first_failed) => {
            let sequence = batch[first_failed].sequence.as_str().to_owned();
            Outcome::Failed { first_failed, error: Failure::Reported(sequence) }
        }
    }
}

fn position(failure: &Value, batch: &[Record]) -> Result<usize, Failure> {
    let Some(identifier) = failure.get("itemIdentifier").and_then(Value::as_str) else {
        return Err(Failure::UnknownIdentifier(failure.to_string()));
    };
    batch
        .iter()
        .position(|record| record.sequence.as_str() == identifier)
        .ok_or_else(|| Failure::UnknownIdentifier(format!("{identifier:?}")))
}

fn whole_batch(error: Failure) -> Outcome {
    Outcome::Failed { first_failed: 0, error }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn batch() -> Vec<Record> {
        ["11", "12", "13"].map(|n| Record::read(json!({"dynamodb": {"SequenceNumber": n}})).unwrap()).to_vec()
    }

    #[test]
    fn nothing_reported_means_success() {
        for answer in [json!(null), json!({}), json!({"batchItemFailures": []}), json!({"batchItemFailures": null})] {
            assert_eq!(read(Ok(answer.clone()), &batch()), Outcome::Succeeded, "{answer}");
        }
    }

    #[test]
    fn the_lowest_reported_sequence_number_is_where_the_failure_starts() {
        let answer = json!({"batchItemFailures": [{"itemIdentifier": "13"}, {"itemIdentifier": "12"}]});
        assert!(
            matches!(read(Ok(answer), &batch()), Outcome::Failed { first_failed: 1, error: Failure::Reported(sequence) } if sequence == "12")
        );
    }

    #[test]
    fn an_identifier_that_names_no_record_fails_the_whole_batch() {
        for failure in [
            json!({"itemIdentifier": ""}),
            json!({"itemIdentifier": null}),
            json!({"itemIdentifier": "99"}),
            json!({"id": "12"}),
            json!({}),
        ] {
            let answer = json!({"batchItemFailures": [{"itemIdentifier": "12"}, failure]});
            assert!(
                matches!(
                    read(Ok(answer.clone()), &batch()),
                    Outcome::Failed { first_failed: 0, error: Failure::UnknownIdentifier(_) }
                ),
                "{answer}"
            );
        }
    }

    #[test]
    fn an_answer_of_another_shape_or_an_error_fails_the_whole_batch() {
        for answer in
            [json!(true), json!("ok"), json!([]), json!({"statusCode": 200}), json!({"batchItemFailures": "12"})]
        {
            assert!(
                matches!(
                    read(Ok(answer.clone()), &batch()),
                    Outcome::Failed { first_failed: 0, error: Failure::MalformedResponse(_) }
                ),
                "{answer}"
            );
        }
        let error = InvokeError::Exited { status: "exit status: 1".to_owned() };
        assert_eq!(read(Err(error.clone()), &batch()), whole_batch(Failure::Invocation(error)));
    }
}
