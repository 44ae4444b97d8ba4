//! What attackers try, and what they get: an answer that says no more than it must, and nothing written, nothing sent.

mod content;
mod floods;
mod forged;
mod links;
mod logs;
mod outsiders;
mod races;

use crate::world::{Answer, PASSWORD, RequestTo, World};
use serde_json::json;

/// Everything that is kept, once the triggers have done all there is to do.
async fn kept(world: &World) -> Vec<String> {
    world.settled().await;
    world.everything_kept().await
}

/// Nothing was written since. What is not written to the outbox is not sent.
#[track_caller]
fn assert_same(before: &[String], now: &[String]) {
    let new: Vec<_> = now.iter().filter(|item| !before.contains(item)).collect();
    let gone: Vec<_> = before.iter().filter(|item| !now.contains(item)).collect();
    assert!(new.is_empty() && gone.is_empty(), "new: {new:#?}, gone: {gone:#?}");
}

/// Everything that a link is good for, by somebody who is not signed in.
fn uses_of<'w>(world: &'w World, token: &str) -> [RequestTo<'w>; 3] {
    [
        world.post("/v1/invites/preview", json!({ "token": token })),
        world.post("/v1/invites/decline", json!({ "token": token })),
        world.post("/v1/invites/accept", json!({ "token": token, "password": PASSWORD })),
    ]
}

async fn expect_of_every_use(world: &World, token: &str, status: u16, code: &str) {
    for request in uses_of(world, token) {
        request.send().await.expect_problem(status, code);
    }
}

/// The answer as it would be to any other request.
fn without_request_id(answer: &Answer) -> String {
    answer.text.replace(&answer.header("request-id"), "REQUEST")
}
