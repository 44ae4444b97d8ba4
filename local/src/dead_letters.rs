//! What triggers gave up, and playing it again once what was wrong is mended: `GET /local/dead-letters`, `POST
//! /local/dead-letters/replay`.
//!
//! In AWS the letters are in a queue, and `infra/replay` does the same.

use crate::runner::Functions;
use aws_local::event_source::{DeadLetter, DeadLetters, Replayed};
use axum::extract::State;
use axum::routing::{get, post};
use axum::{Json, Router};
use common::function::Function;
use serde::Serialize;
use std::sync::Arc;

pub(crate) const PATH: &str = "/local/dead-letters";
pub(crate) const REPLAY: &str = "/local/dead-letters/replay";

/// The letters, and the functions that they were for.
pub(crate) struct Replay {
    pub(crate) dead_letters: DeadLetters,
    pub(crate) functions: Functions,
    pub(crate) manifest: Vec<&'static Function>,
}

/// What became of a letter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Attempt {
    /// The letter's `requestContext.requestId`.
    pub request_id: String,
    pub function: String,
    /// The sequence numbers of its first and its last record.
    pub records: [String; 2],
    /// Why it is still there; absent where its records are done and it is gone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failed: Option<String>,
}

impl Replay {
    pub(crate) fn router(self) -> Router {
        Router::new().route(PATH, get(list)).route(REPLAY, post(replay)).with_state(Arc::new(self))
    }

    /// Plays every letter again, oldest first, one after the other.
    pub(crate) async fn all(&self) -> Vec<Attempt> {
        let mut attempts = Vec::new();
        for letter in self.dead_letters.list() {
            let failed = self.one(&letter).await;
            if let Some(reason) = &failed {
                tracing::warn!(mapping = letter.local.mapping, reason, "a dead letter failed again");
            }
            attempts.push(Attempt {
                request_id: letter.request_context.request_id,
                function: letter.local.mapping,
                records: [letter.batch.start_sequence_number, letter.batch.end_sequence_number],
                failed,
            });
        }
        attempts
    }

    /// Why the letter is still there, if it is.
    async fn one(&self, letter: &DeadLetter) -> Option<String> {
        let Some(function) = self.manifest.iter().find(|function| function.name == letter.local.mapping) else {
            return Some("there is no such function any more".to_owned());
        };
        match self.dead_letters.replay(letter, &self.functions.invoker(function)).await {
            Ok(Replayed::Done) => None,
            Ok(Replayed::Failed { reason }) => Some(reason),
            Err(error) => Some(format!("done, but the letter cannot be removed: {error}")),
        }
    }
}

async fn list(State(replay): State<Arc<Replay>>) -> Json<Vec<DeadLetter>> {
    Json(replay.dead_letters.list())
}

async fn replay(State(replay): State<Arc<Replay>>) -> Json<Vec<Attempt>> {
    Json(replay.all().await)
}
