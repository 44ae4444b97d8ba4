//! Many at once who want different things of one link: one thing happens.

use super::kept;
use crate::world::{Answer, Person, World};
use futures::future::{join, join_all};
use serde_json::{Value, json};

const TRIALS: usize = 10;

/// An invite to somebody who has an account elsewhere: accepting takes no time for a password.
struct Contested {
    bob: Person,
    /// Where the invite is.
    path: String,
    token: String,
}

async fn contest(world: &World, ada: &Person, trial: usize) -> Contested {
    let bob = world.sign_up(&format!("bob{trial}@other.example"), "Other Ltd").await;
    let invite = world.invite(ada, &bob.email, "operator").await;
    let token = world.token_mailed_to(&bob.email).await;
    Contested { bob, path: format!("/v1/invites/{}", invite["id"].as_str().unwrap()), token }
}

impl Contested {
    async fn accept(&self, world: &World, times: usize) -> Vec<Answer> {
        let body = json!({ "token": self.token });
        let accept = || world.post("/v1/invites/accept", body.clone()).token(&self.bob.access_token).send();
        join_all((0..times).map(|_| accept())).await
    }

    async fn decline(&self, world: &World, times: usize) -> Vec<Answer> {
        let body = json!({ "token": self.token });
        join_all((0..times).map(|_| world.post("/v1/invites/decline", body.clone()).send())).await
    }

    /// The invite says what became of it, and everything else agrees: the member, the seat, the audit log.
    async fn assert_ended(&self, world: &World, ada: &Person, status: &str) {
        let invite = world.get(&self.path).by(ada).send().await.expect_status(200);
        assert_eq!(invite.body["status"], status);
        let members = members(world, ada).await;
        let is_member = members.iter().any(|member| member["user"]["id"] == self.bob.id);
        assert_eq!(is_member, status == "accepted", "{members:#?}");
        let kept = kept(world).await;
        let counters = kept.iter().find(|item| item.contains("sk=COUNTERS") && item.contains(&ada.tenant)).unwrap();
        for counter in [format!(" members={} ", members.len()), format!(" seats_taken={} ", members.len())] {
            assert!(counters.contains(&counter), "{counter} in {counters}");
        }
        let ends = ["invite.accepted", "invite.declined", "invite.revoked"];
        let id = self.path.rsplit('/').next().unwrap();
        let told: Vec<_> = kept
            .iter()
            .filter(|item| item.contains("sk=AUDIT#") && item.contains(&format!("target={id}")))
            .filter_map(|item| ends.iter().find(|end| item.contains(*end)))
            .collect();
        assert_eq!(told, [&format!("invite.{status}")]);
        assert!(!kept.iter().any(|item| item.contains("sk=OPEN_INVITE#") || item.contains("sk=INVITE_EMAIL#")));
    }
}

async fn members(world: &World, ada: &Person) -> Vec<Value> {
    let list = world.get("/v1/members?limit=100").by(ada).send().await.expect_status(200);
    list.body["data"].as_array().unwrap().clone()
}

/// How many succeeded; all others were told that the invite is gone.
#[track_caller]
fn successes(answers: Vec<Answer>, status: u16) -> usize {
    let (succeeded, others): (Vec<_>, Vec<_>) = answers.into_iter().partition(|answer| answer.status == status);
    for other in others {
        other.expect_problem(410, "invite_gone");
    }
    succeeded.len()
}

#[tokio::test(flavor = "multi_thread")]
async fn of_32_accepts_by_one_signed_in_person_one_is_done() {
    let world = World::in_process().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    for trial in 0..TRIALS {
        let contested = contest(&world, &ada, trial).await;
        assert_eq!(successes(contested.accept(&world, 32).await, 201), 1, "trial {trial}");
        contested.assert_ended(&world, &ada, "accepted").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_16_accepts_and_16_declines_one_is_done() {
    let world = World::in_process().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    for trial in 0..TRIALS {
        let contested = contest(&world, &ada, trial).await;
        let (accepts, declines) = join(contested.accept(&world, 16), contested.decline(&world, 16)).await;
        let done = (successes(accepts, 201), successes(declines, 204));
        let status = match done {
            (1, 0) => "accepted",
            (0, 1) => "declined",
            _ => panic!("trial {trial}: {done:?}"),
        };
        contested.assert_ended(&world, &ada, status).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_16_accepts_and_a_revocation_one_is_done() {
    let world = World::in_process().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    for trial in 0..TRIALS {
        let contested = contest(&world, &ada, trial).await;
        let revoke = world.delete(&contested.path).by(&ada).send();
        let (accepts, revoked) = join(contested.accept(&world, 16), revoke).await;
        let status = match (successes(accepts, 201), revoked.status) {
            (0, 204) => "revoked",
            (1, _) => {
                revoked.expect_problem(409, "invite_not_pending");
                "accepted"
            }
            done => panic!("trial {trial}: {done:?}"),
        };
        contested.assert_ended(&world, &ada, status).await;
    }
}
