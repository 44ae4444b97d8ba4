//! EventBridge between the mail service and the functions that hear what became of mail.
//!
//! A function that fails is tried twice more, as Lambda does with what it runs asynchronously
//! (<https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html>). Then the event is given up, and said in
//! the log; in AWS it goes to the function's on-failure queue.

use crate::runner::Functions;
use aws_local::Invoke;
use aws_local::ses::Mailbox;
use common::function::Function;
use futures::FutureExt;
use serde_json::Value;
use std::sync::Arc;

const TRIES: u32 = 3;

/// From now on every function that is run by what becomes of mail hears of it.
pub(crate) fn start(functions: &[&'static Function], runner: &Functions, mailbox: &Mailbox) {
    let hearing = functions.iter().filter(|function| function.is_run_by_feedback());
    let hearing: Arc<[_]> = hearing.map(|function| (function.name, runner.invoker(function))).collect();
    mailbox.on_event(Arc::new(move |event| {
        let hearing = Arc::clone(&hearing);
        async move {
            for (name, invoke) in hearing.iter() {
                hand_over(name, invoke, &event).await;
            }
        }
        .boxed()
    }));
}

async fn hand_over(function: &str, invoke: &Invoke, event: &Value) {
    for left in (0..TRIES).rev() {
        match invoke(event.clone()).await {
            Ok(_) => return,
            Err(error) if left > 0 => tracing::warn!(function, %error, "an event of a mail was not taken; once more"),
            Err(error) => tracing::error!(function, %error, "an event of a mail was given up"),
        }
    }
}
