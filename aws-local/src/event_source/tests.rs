//! The mapping as a whole, on synthetic streams and a clock that is paused.

use std::collections::HashMap;
use std::sync::Mutex;

use futures::FutureExt;
use serde_json::json;

use super::*;
use crate::InvokeError;
use crate::locking::lock;
use crate::stamp;

/// A stream in memory.
#[derive(Default)]
struct Stream {
    records: Mutex<Vec<Value>>,
    broken_reads: Mutex<u32>,
}

impl RecordSource for Stream {
    fn records_after(&self, checkpoint: Option<&str>, limit: usize) -> Result<Vec<Value>, String> {
        let mut broken = lock(&self.broken_reads);
        if *broken > 0 {
            *broken -= 1;
            return Err("broken".to_owned());
        }
        let after = checkpoint.map(SequenceNumber::new);
        let is_behind =
            |record: &&Value| after.as_ref().is_none_or(|after| SequenceNumber::new(sequence(record)) > *after);
        Ok(lock(&self.records).iter().filter(is_behind).take(limit).cloned().collect())
    }
}

fn sequence(record: &Value) -> String {
    record["dynamodb"]["SequenceNumber"].as_str().unwrap().to_owned()
}

fn now() -> f64 {
    stamp::since_epoch().as_secs_f64()
}

fn record(number: usize, key: &str) -> Value {
    json!({
        "eventID": format!("event-{number}"),
        "eventName": "INSERT",
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": "local",
        "dynamodb": {
            "ApproximateCreationDateTime": now().floor(),
            "Keys": {"pk": {"S": key}},
            "SequenceNumber": number.to_string(),
        },
        "eventSourceARN": "arn:aws:dynamodb:local:000000000000:table/t/stream/1",
    })
}

/// A function under test, what it was called with (sequence numbers), and when.
struct World {
    stream: Arc<Stream>,
    dead_letters: DeadLetters,
    lag: Lag,
    calls: Arc<Mutex<Vec<Vec<usize>>>>,
    times: Arc<Mutex<Vec<Instant>>>,
}

impl World {
    /// A stream of records numbered from 1, each of an item of its own.
    fn with_records(count: usize) -> Self {
        Self::with((1..=count).map(|number| record(number, &format!("item-{number}"))).collect())
    }

    fn with(records: Vec<Value>) -> Self {
        Self {
            stream: Arc::new(Stream { records: Mutex::new(records), broken_reads: Mutex::new(0) }),
            dead_letters: DeadLetters::in_memory(),
            lag: Lag::new(),
            calls: Arc::default(),
            times: Arc::default(),
        }
    }

    fn function(&self, answer: impl Fn(&[usize]) -> Result<Value, InvokeError> + Send + Sync + 'static) -> Invoke {
        let (calls, times) = (Arc::clone(&self.calls), Arc::clone(&self.times));
        Arc::new(move |event| {
            let numbers: Vec<usize> =
                event["Records"].as_array().unwrap().iter().map(|record| sequence(record).parse().unwrap()).collect();
            lock(&times).push(Instant::now());
            lock(&calls).push(numbers.clone());
            let answer = answer(&numbers);
            async move { answer }.boxed()
        })
    }

    /// Runs the mapping until everything in the stream is done or given up.
    async fn settle(&self, mapping: Mapping, invoke: Invoke) {
        self.settle_from(mapping, invoke, Checkpoint::in_memory()).await;
    }

    async fn settle_from(&self, mapping: Mapping, invoke: Invoke, checkpoint: Checkpoint) {
        let last = sequence(lock(&self.stream.records).last().unwrap());
        let lag = self.lag.clone();
        let settled = async move {
            tokio::time::timeout(Duration::from_secs(86_400), lag.caught_up_to(&last)).await.expect("never settles");
        };
        run(
            mapping,
            Arc::clone(&self.stream),
            invoke,
            self.dead_letters.clone(),
            checkpoint,
            self.lag.clone(),
            settled,
        )
        .await
        .unwrap();
    }

    fn calls(&self) -> Vec<Vec<usize>> {
        lock(&self.calls).clone()
    }

    fn dead(&self) -> Vec<Vec<usize>> {
        let numbers =
            |letter: &DeadLetter| letter.local.records.iter().map(|record| sequence(record).parse().unwrap()).collect();
        self.dead_letters.list().iter().map(numbers).collect()
    }
}

fn mapping() -> Mapping {
    Mapping {
        name: "function".to_owned(),
        filters: Vec::new(),
        batch_size: 100,
        parallelization: 1,
        bisect_on_error: false,
        max_retries: 2,
        max_age: Duration::from_secs(3_600),
        backoff: Backoff { first: Duration::from_millis(10), longest: Duration::from_secs(1) },
    }
}

fn bisecting() -> Mapping {
    Mapping { bisect_on_error: true, ..mapping() }
}

fn done() -> Result<Value, InvokeError> {
    Ok(json!({"batchItemFailures": []}))
}

fn failed_at(numbers: &[usize]) -> Result<Value, InvokeError> {
    let failures: Vec<Value> = numbers.iter().map(|number| json!({"itemIdentifier": number.to_string()})).collect();
    Ok(json!({ "batchItemFailures": failures }))
}

fn broken() -> Result<Value, InvokeError> {
    Err(InvokeError::Function { error_type: "Boom".to_owned(), message: "it broke".to_owned() })
}

/// Fails the whole batch whenever `poison` is in it.
fn breaks_on(poison: usize) -> impl Fn(&[usize]) -> Result<Value, InvokeError> {
    move |numbers| if numbers.contains(&poison) { broken() } else { done() }
}

#[tokio::test(start_paused = true)]
async fn records_come_in_order_and_at_most_a_batch_at_a_time() {
    let world = World::with_records(5);
    world.settle(Mapping { batch_size: 2, ..mapping() }, world.function(|_| done())).await;
    assert_eq!(world.calls(), [vec![1, 2], vec![3, 4], vec![5]]);
    assert_eq!((world.lag.pending(), world.lag.last_finished().as_deref()), (0, Some("5")));
}

#[tokio::test(start_paused = true)]
async fn a_filtered_out_record_is_done_without_being_handed_over() {
    let world = World::with(vec![record(1, "A#1"), record(2, "B#2"), record(3, "A#3"), record(4, "B#4")]);
    let filters = vec![json!({"dynamodb": {"Keys": {"pk": {"S": [{"prefix": "A#"}]}}}})];
    world.settle(Mapping { filters, ..mapping() }, world.function(|_| done())).await;
    assert_eq!(world.calls(), [[1, 3]]);
    assert_eq!(world.lag.last_finished().as_deref(), Some("4"));
}

#[tokio::test(start_paused = true)]
async fn a_partial_failure_is_retried_from_the_first_failed_record_on() {
    let world = World::with_records(4);
    let function = world.function(|numbers| if numbers[0] == 1 { failed_at(&[4, 3]) } else { done() });
    world.settle(mapping(), function).await;
    assert_eq!(world.calls(), [vec![1, 2, 3, 4], vec![3, 4]]);
    assert_eq!(world.dead(), [[0_usize; 0]; 0]);
}

#[tokio::test(start_paused = true)]
async fn an_identifier_that_names_no_record_retries_the_whole_batch() {
    for identifier in [json!(""), json!(null), json!("99")] {
        let world = World::with_records(3);
        let calls = Arc::clone(&world.calls);
        let function = world.function(move |_| {
            if lock(&calls).len() == 1 {
                Ok(json!({"batchItemFailures": [{"itemIdentifier": identifier}]}))
            } else {
                done()
            }
        });
        world.settle(mapping(), function).await;
        assert_eq!(world.calls(), [[1, 2, 3], [1, 2, 3]]);
    }
}

#[tokio::test(start_paused = true)]
async fn bisecting_isolates_exactly_the_record_that_breaks_its_batch() {
    let world = World::with_records(8);
    world.settle(bisecting(), world.function(breaks_on(5))).await;
    assert_eq!(world.dead(), [[5]]);
    assert_eq!(
        world.calls(),
        [
            vec![1, 2, 3, 4, 5, 6, 7, 8],
            vec![1, 2, 3, 4],
            vec![5, 6, 7, 8],
            vec![5, 6],
            vec![5],
            vec![5],
            vec![5],
            vec![6],
            vec![7, 8]
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn bisecting_starts_at_the_reported_record_and_isolates_it_too() {
    let world = World::with_records(6);
    let function = world.function(|numbers| if numbers.contains(&4) { failed_at(&[4]) } else { done() });
    world.settle(Mapping { max_retries: 0, ..bisecting() }, function).await;
    assert_eq!(world.dead(), [[4]]);
    assert_eq!(world.calls(), [vec![1, 2, 3, 4, 5, 6], vec![4, 5, 6], vec![4], vec![5, 6]]);
}

#[tokio::test(start_paused = true)]
async fn without_bisecting_a_batch_is_given_up_whole_once_its_retries_are_used_up() {
    let world = World::with_records(4);
    world.settle(Mapping { batch_size: 2, ..mapping() }, world.function(breaks_on(1))).await;
    assert_eq!(world.calls(), [[1, 2], [1, 2], [1, 2], [3, 4]]);
    assert_eq!(world.dead(), [[1, 2]]);
}

#[tokio::test(start_paused = true)]
async fn no_retries_means_one_attempt() {
    let world = World::with_records(1);
    world.settle(Mapping { max_retries: 0, ..mapping() }, world.function(breaks_on(1))).await;
    assert_eq!((world.calls(), world.dead()), (vec![vec![1]], vec![vec![1]]));
}

#[tokio::test(start_paused = true)]
async fn a_record_has_all_its_retries_however_often_those_before_it_failed() {
    let world = World::with_records(2);
    let calls = Arc::clone(&world.calls);
    let function = world.function(move |_| match lock(&calls).len() {
        1 | 2 => failed_at(&[1]),
        3 | 4 => failed_at(&[2]),
        _ => done(),
    });
    world.settle(mapping(), function).await;
    assert_eq!(world.calls(), [vec![1, 2], vec![1, 2], vec![1, 2], vec![2], vec![2]]);
    assert_eq!(world.dead(), [[0_usize; 0]; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_record_that_becomes_too_old_while_it_is_retried_is_given_up() {
    let world = World::with_records(2);
    let patient = Mapping { max_retries: u32::MAX, max_age: Duration::from_secs(60), ..mapping() };
    world.settle(patient, world.function(|_| broken())).await;
    let letters = world.dead_letters.list();
    assert_eq!(world.dead(), [[1, 2]]);
    assert_eq!(letters[0].request_context.condition, Condition::RecordAgeExceeded);
    assert_eq!(letters[0].request_context.approximate_invoke_count as usize, world.calls().len());
    assert!((50..70).contains(&world.calls().len()), "a wait of at most a second, for a minute");
}

#[tokio::test(start_paused = true)]
async fn a_record_that_is_too_old_when_read_is_never_handed_over() {
    let mut old = record(1, "old");
    old["dynamodb"]["ApproximateCreationDateTime"] = json!(now() - 7_200.0);
    let world = World::with(vec![old, record(2, "new")]);
    world.settle(mapping(), world.function(|_| done())).await;
    assert_eq!((world.calls(), world.dead()), (vec![vec![2]], vec![vec![1]]));
}

#[tokio::test(start_paused = true)]
async fn a_dead_letter_has_the_shape_that_aws_sends_and_the_records_beside_it() {
    let world = World::with_records(2);
    world.settle(mapping(), world.function(breaks_on(1))).await;
    let letter = serde_json::to_value(&world.dead_letters.list()[0]).unwrap();
    assert_eq!(letter["requestContext"]["functionArn"], "arn:aws:lambda:us-east-1:000000000000:function:function");
    assert_eq!(letter["requestContext"]["condition"], "RetryAttemptsExhausted");
    assert_eq!(letter["requestContext"]["approximateInvokeCount"], 3);
    assert!(letter["requestContext"]["requestId"].is_string());
    assert_eq!(
        letter["responseContext"],
        json!({"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"})
    );
    assert_eq!(letter["version"], "1.0");
    assert!(letter["timestamp"].as_str().unwrap().ends_with('Z'));
    let batch = &letter["DDBStreamBatchInfo"];
    assert_eq!(
        (&batch["startSequenceNumber"], &batch["endSequenceNumber"], &batch["batchSize"]),
        (&json!("1"), &json!("2"), &json!(2))
    );
    assert_eq!(batch["streamArn"], "arn:aws:dynamodb:local:000000000000:table/t/stream/1");
    assert!(
        batch["approximateArrivalOfFirstRecord"].is_string() && batch["approximateArrivalOfLastRecord"].is_string()
    );
    assert_eq!(letter["__local"]["lastError"], "Boom: it broke");
    assert_eq!(letter["__local"]["records"].as_array().unwrap().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn dead_letters_in_a_directory_are_there_for_the_next_process() {
    let directory = tempfile::tempdir().unwrap();
    let world = World { dead_letters: DeadLetters::in_directory(directory.path()).unwrap(), ..World::with_records(2) };
    world.settle(bisecting(), world.function(|_| broken())).await;
    let kept = DeadLetters::in_directory(directory.path()).unwrap();
    assert_eq!(world.dead(), [[1], [2]]);
    assert_eq!(kept.list(), world.dead_letters.list());
}

#[tokio::test(start_paused = true)]
async fn a_letter_is_gone_once_its_records_are_done_and_stays_while_they_fail() {
    let directory = tempfile::tempdir().unwrap();
    let dead_letters = DeadLetters::in_directory(directory.path()).unwrap();
    let world = World { dead_letters: dead_letters.clone(), ..World::with_records(3) };
    world.settle(bisecting(), world.function(failed_at)).await;
    let letters = dead_letters.list();
    assert_eq!(world.dead(), [[1], [2], [3]]);

    let still_broken = dead_letters.replay(&letters[0], &world.function(|_| broken())).await.unwrap();
    assert_eq!(still_broken, Replayed::Failed { reason: "Boom: it broke".to_owned() });
    let reported = dead_letters.replay(&letters[0], &world.function(|_| failed_at(&[1]))).await.unwrap();
    let reason = "the function reported a failure at sequence number 1".to_owned();
    assert_eq!(reported, Replayed::Failed { reason });
    assert_eq!(dead_letters.list(), letters);

    lock(&world.calls).clear();
    let mended = world.function(|_| done());
    // The same one twice, as by two people at a time.
    for _ in 0..2 {
        assert_eq!(dead_letters.replay(&letters[1], &mended).await.unwrap(), Replayed::Done);
    }
    assert_eq!(world.calls(), [[2], [2]]);
    assert_eq!(world.dead(), [[1], [3]]);
    assert_eq!(DeadLetters::in_directory(directory.path()).unwrap().list(), dead_letters.list(), "it came back");
}

/// What waits behind a record that fails for good: nothing of its own batch, nothing of other lanes, and what comes
/// later in its lane for as long as it is tried.
#[tokio::test(start_paused = true)]
async fn a_poison_record_is_waited_for_by_what_comes_behind_its_batch_in_its_lane_and_by_nothing_else() {
    let (poison, other) = keys_in_different_lanes();
    let world = World::with(vec![record(1, &poison), record(2, &poison), record(3, &other)]);
    let stream = Arc::clone(&world.stream);
    let (began, key) = (Instant::now(), poison.clone());
    let times: Arc<Mutex<HashMap<usize, Duration>>> = Arc::default();
    let first_times = Arc::clone(&times);
    // Works on every record of a batch, whatever becomes of those before it, and reports the poison.
    let function = world.function(move |numbers| {
        for number in numbers {
            lock(&first_times).entry(*number).or_insert_with(|| began.elapsed());
        }
        // It comes while the others are at work.
        if lock(&stream.records).len() == 3 {
            lock(&stream.records).push(record(4, &key));
        }
        if numbers.contains(&1) { failed_at(&[1]) } else { done() }
    });
    let backoff = Backoff { first: Duration::from_millis(50), longest: Duration::from_secs(2) };
    let mapping = Mapping { parallelization: 2, max_retries: 5, backoff, ..bisecting() };
    let lag = world.lag.clone();
    let settled = async move { lag.caught_up_to("4").await };
    let (source, letters) = (Arc::clone(&world.stream), world.dead_letters.clone());
    run(mapping, source, function, letters, Checkpoint::in_memory(), world.lag.clone(), settled).await.unwrap();

    assert_eq!(world.dead(), [[1]]);
    let waited = |number: usize| lock(&times)[&number];
    assert_eq!([1, 2, 3].map(|number| waited(number).as_millis()), [0; 3], "in its batch, and in another lane");
    // The batch is halved once, which is no retry and waited for like one; then five retries: 50 + 100 + ... + 1600 ms.
    let least = Duration::from_millis(50 * (1 + 2 + 4 + 8 + 16 + 32));
    assert!((least..least + Duration::from_millis(50)).contains(&waited(4)), "{:?}", waited(4));
}

#[tokio::test(start_paused = true)]
async fn an_items_records_stay_in_order_however_many_lanes_there_are() {
    let records: Vec<Value> = (1..=200).map(|number| record(number, &format!("item-{}", number % 7))).collect();
    let world = World::with(records);
    let seen: Arc<Mutex<HashMap<String, Vec<usize>>>> = Arc::default();
    let log = Arc::clone(&seen);
    let function: Invoke = Arc::new(move |event| {
        let log = Arc::clone(&log);
        async move {
            for record in event["Records"].as_array().unwrap() {
                let number: usize = sequence(record).parse().unwrap();
                tokio::time::sleep(Duration::from_millis((number * 37 % 11) as u64)).await;
                lock(&log).entry(record["dynamodb"]["Keys"].to_string()).or_default().push(number);
            }
            done()
        }
        .boxed()
    });
    world.settle(Mapping { parallelization: 10, batch_size: 3, ..mapping() }, function).await;
    let seen = lock(&seen);
    assert_eq!(seen.values().map(Vec::len).sum::<usize>(), 200);
    assert!(seen.values().all(|numbers| numbers.is_sorted()), "{seen:?}");
}

/// Keys of items in different ones of two lanes.
fn keys_in_different_lanes() -> (String, String) {
    let lane = |key: &str| Record::read(record(1, key)).unwrap().lane(2);
    let other = (0..1_000).map(|n| format!("other-{n}")).find(|key| lane(key) != lane("poison")).unwrap();
    ("poison".to_owned(), other)
}

#[tokio::test(start_paused = true)]
async fn a_record_that_keeps_failing_holds_its_own_lane_and_the_checkpoint_and_nothing_else() {
    let (poison, other) = keys_in_different_lanes();
    let world = World::with(vec![
        record(1, &other),
        record(2, &poison),
        record(3, &other),
        record(4, &poison),
        record(5, &other),
    ]);
    let stubborn = Mapping { parallelization: 2, batch_size: 1, max_retries: u32::MAX, ..mapping() };
    let directory = tempfile::tempdir().unwrap();
    let checkpoint = || Checkpoint::in_directory(directory.path(), "function");
    let a_while = tokio::time::sleep(Duration::from_secs(30));
    let (stream, invoke) = (Arc::clone(&world.stream), world.function(breaks_on(2)));
    run(stubborn, stream, invoke, world.dead_letters.clone(), checkpoint(), world.lag.clone(), a_while).await.unwrap();

    let delivered: Vec<usize> = world.calls().concat();
    assert!([1, 3, 5].iter().all(|number| delivered.contains(number)), "{delivered:?}");
    assert!(!delivered.contains(&4), "an item's later record overtook: {delivered:?}");
    assert_eq!(world.lag.pending(), 2);
    assert_eq!(checkpoint().load().unwrap().as_deref(), Some("1"), "the checkpoint passed an unfinished record");

    lock(&world.calls).clear();
    world.settle_from(mapping(), world.function(|_| done()), checkpoint()).await;
    assert_eq!(world.calls(), [[2, 3, 4, 5]], "a restart delivers again whatever is behind the checkpoint");
}

#[tokio::test(start_paused = true)]
async fn a_restart_goes_on_behind_the_checkpoint() {
    let directory = tempfile::tempdir().unwrap();
    let checkpoint = || Checkpoint::in_directory(directory.path(), "function");
    let world = World::with_records(3);
    world.settle_from(mapping(), world.function(|_| done()), checkpoint()).await;
    lock(&world.stream.records).push(record(4, "new"));
    let restarted = World { stream: Arc::clone(&world.stream), ..World::with(Vec::new()) };
    restarted.settle_from(mapping(), restarted.function(|_| done()), checkpoint()).await;
    assert_eq!((world.calls(), restarted.calls()), (vec![vec![1, 2, 3]], vec![vec![4]]));
}

#[tokio::test(start_paused = true)]
async fn waits_between_attempts_double_up_to_the_longest() {
    let world = World::with_records(1);
    let backoff = Backoff { first: Duration::from_millis(100), longest: Duration::from_millis(350) };
    world.settle(Mapping { max_retries: 4, backoff, ..mapping() }, world.function(|_| broken())).await;
    let waits: Vec<u128> = lock(&world.times).windows(2).map(|pair| (pair[1] - pair[0]).as_millis()).collect();
    assert!(
        waits.iter().zip([100, 200, 350, 350]).all(|(wait, least)| (least..least + 10).contains(wait)),
        "{waits:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_function_that_panics_fails_its_batch_and_the_mapping_goes_on() {
    let world = World::with_records(2);
    let function = world.function(|numbers| if numbers[0] == 1 { panic!("no such luck") } else { done() });
    world.settle(bisecting(), function).await;
    assert_eq!(world.dead(), [[1]]);
    assert_eq!(world.dead_letters.list()[0].local.last_error.as_deref(), Some("the function panicked: no such luck"));
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_waits_for_the_invocation_under_way_and_starts_nothing_new() {
    let world = World::with_records(3);
    let calls = Arc::clone(&world.calls);
    let slow: Invoke = Arc::new(move |_| {
        let calls = Arc::clone(&calls);
        async move {
            tokio::time::sleep(Duration::from_secs(5)).await;
            lock(&calls).push(vec![]);
            done()
        }
        .boxed()
    });
    let soon = tokio::time::sleep(Duration::from_secs(1));
    let one_at_a_time = Mapping { batch_size: 1, ..mapping() };
    let stream = Arc::clone(&world.stream);
    run(one_at_a_time, stream, slow, world.dead_letters.clone(), Checkpoint::in_memory(), world.lag.clone(), soon)
        .await
        .unwrap();
    assert_eq!(world.calls().len(), 1);
    assert_eq!((world.lag.pending(), world.lag.last_finished().as_deref()), (2, Some("1")));
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_cannot_be_read_is_asked_again() {
    let world = World::with_records(1);
    *lock(&world.stream.broken_reads) = 3;
    world.settle(mapping(), world.function(|_| done())).await;
    assert_eq!(world.calls(), [[1]]);
}

#[tokio::test(start_paused = true)]
async fn a_stream_longer_than_one_read_is_read_to_its_end() {
    let world = World::with_records(2_500);
    world.settle(mapping(), world.function(|_| done())).await;
    assert_eq!(world.calls().concat(), (1..=2_500).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_mapping_that_aws_would_refuse_does_not_run() {
    let refused = async |mapping| {
        let world = World::with_records(1);
        let (stream, invoke) = (Arc::clone(&world.stream), world.function(|_| done()));
        let never = std::future::pending();
        run(mapping, stream, invoke, world.dead_letters.clone(), Checkpoint::in_memory(), world.lag.clone(), never)
            .await
            .unwrap_err()
    };
    let no_filter = Mapping { filters: vec![json!({"eventName": "INSERT"})], ..mapping() };
    assert!(matches!(refused(no_filter).await, MappingError::Filter { .. }));
    for out_of_range in [
        Mapping { parallelization: 0, ..mapping() },
        Mapping { parallelization: 11, ..mapping() },
        Mapping { batch_size: 0, ..mapping() },
    ] {
        assert!(matches!(refused(out_of_range).await, MappingError::OutOfRange { .. }));
    }
}
