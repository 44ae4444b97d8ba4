//! A member is removed while they are busy: whatever they begin after the answer fails.

use super::crew::{Crew, join};
use super::trials;
use crate::world::{Answer, Person, RequestTo, World};
use futures::future::join_all;
use serde_json::json;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::Barrier;

/// How many requests follow the removal's answer, of each kind.
const AFTERWARDS: usize = 1;

/// What somebody does all the time, reading and writing.
#[derive(Debug, Clone, Copy)]
enum Busy {
    ReadingSettings,
    ReadingMembersWithoutNamingTheWorkspace,
    ChangingARole,
    Inviting,
}

const BUSY: [Busy; 4] =
    [Busy::ReadingSettings, Busy::ReadingMembersWithoutNamingTheWorkspace, Busy::ChangingARole, Busy::Inviting];

/// How a member's requests ended.
#[derive(Debug, Default, Clone, Copy)]
struct Tally {
    let_through_before: usize,
    /// Begun before the removal was answered, and answered after it.
    in_flight: usize,
    refused_afterwards: usize,
    let_through_afterwards: usize,
}

#[tokio::test(flavor = "multi_thread")]
async fn of_all_requests_that_begin_after_a_members_removal_none_is_let_through_in_any_trial() {
    let world = World::in_process().await;
    let mut crew = Crew::gather(&world, 10).await;
    let olga = world.bring_in(&crew.admin, "olga@acme.example", "operator").await;
    let mut total = Tally::default();
    let trials = trials(500);
    for trial in 0..trials {
        let person = crew.next(&world).await;
        join(&world, &crew.admin, &person, "admin").await;
        let tally = remove_while_busy(&world, &crew, &person, &olga).await;
        assert_eq!(tally.let_through_afterwards, 0, "trial {trial}: {tally:?}");
        assert_eq!(tally.refused_afterwards, BUSY.len() * AFTERWARDS, "trial {trial}: {tally:?}");
        assert!(tally.let_through_before >= BUSY.len(), "trial {trial}: {tally:?}");
        total = total.and(tally);
    }
    assert!(total.in_flight >= trials, "too few were under way to prove anything: {total:?}");
}

async fn remove_while_busy(world: &World, crew: &Crew, person: &Person, other: &Person) -> Tally {
    let (removed, all_busy) = (AtomicBool::new(false), Barrier::new(BUSY.len() + 1));
    let remove = async {
        all_busy.wait().await;
        crew.remove(world, person).await.expect_status(200);
        removed.store(true, Ordering::SeqCst);
    };
    let busy = BUSY.map(|busy| keep_busy(world, busy, person, other, &removed, &all_busy));
    let ((), tallies) = tokio::join!(remove, join_all(busy));
    tallies.into_iter().fold(Tally::default(), Tally::and)
}

async fn keep_busy(
    world: &World,
    busy: Busy,
    person: &Person,
    other: &Person,
    removed: &AtomicBool,
    all_busy: &Barrier,
) -> Tally {
    let mut tally = Tally::default();
    busy.request(world, person, other, "viewer").send().await.expect_status(200);
    tally.let_through_before += 1;
    all_busy.wait().await;
    for role in ["operator", "viewer"].into_iter().cycle() {
        if tally.let_through_afterwards + tally.refused_afterwards == AFTERWARDS {
            break;
        }
        let began_after = removed.load(Ordering::SeqCst);
        let answer = busy.request(world, person, other, role).send().await;
        let let_through = is_let_through(&answer);
        match (began_after, let_through) {
            (true, true) => tally.let_through_afterwards += 1,
            (true, false) => tally.refused_afterwards += 1,
            (false, _) if removed.load(Ordering::SeqCst) => tally.in_flight += 1,
            (false, true) => tally.let_through_before += 1,
            // Already removed, though nobody has been told yet.
            (false, false) => {}
        }
    }
    tally
}

/// Whether somebody was taken for a member. If not, they are answered like somebody who never was one; where their request was under
/// way, its write is refused.
fn is_let_through(answer: &Answer) -> bool {
    match (answer.status, answer.body["code"].as_str()) {
        (404, Some("not_found")) | (400, Some("tenant_required")) | (403, Some("forbidden")) => false,
        (200, _) => true,
        _ => panic!("{}", answer.text),
    }
}

impl Busy {
    fn request<'w>(self, world: &'w World, person: &Person, other: &Person, role: &str) -> RequestTo<'w> {
        match self {
            Busy::ReadingSettings => world.get("/v1/tenant").by(person),
            Busy::ReadingMembersWithoutNamingTheWorkspace => world.get("/v1/members").token(&person.access_token),
            Busy::ChangingARole => {
                world.patch(&format!("/v1/members/{}", other.id), json!({ "role": role })).by(person)
            }
            // Somebody who is a member already: it is looked at, and sends no mail.
            Busy::Inviting => world.post("/v1/invites", json!({ "invites": [{ "email": other.email }] })).by(person),
        }
    }
}

impl Tally {
    fn and(self, other: Tally) -> Tally {
        Tally {
            let_through_before: self.let_through_before + other.let_through_before,
            in_flight: self.in_flight + other.in_flight,
            refused_afterwards: self.refused_afterwards + other.refused_afterwards,
            let_through_afterwards: self.let_through_afterwards + other.let_through_afterwards,
        }
    }
}
