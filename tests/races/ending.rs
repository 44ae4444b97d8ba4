//! An invite is accepted while somebody does something else about it: it has one outcome, and whoever is told of another is wrong.

use super::crew::Crew;
use super::links;
use super::table::{self, assert_counters, leave_seats};
use crate::world::{Answer, Person, World};
use futures::future::join_all;
use serde_json::{Value, json};

const TRIALS: usize = 20;

/// An open invite, and whom it is for.
struct Trial<'w> {
    number: usize,
    world: &'w World,
    crew: &'w Crew,
    person: Person,
    invite: Value,
    token: String,
}

impl<'w> Trial<'w> {
    async fn begin(number: usize, world: &'w World, crew: &'w mut Crew) -> Trial<'w> {
        let person = crew.next(world).await;
        let (invite, token) = crew.invite(world, &person, "operator").await;
        Trial { number, world, crew, person, invite, token }
    }

    fn path(&self) -> String {
        format!("/v1/invites/{}", links::id(&self.invite))
    }

    /// Looks at the link for a while, as the page does. Each side does so in other trials than the other, for none to always win.
    async fn linger(&self, looks: usize) {
        for _ in 0..looks {
            links::preview(self.world, &self.token).await;
        }
    }

    /// How often the side that does not accept looks before.
    fn looks(&self) -> usize {
        self.number % 5
    }

    async fn accept(&self) -> Answer {
        self.linger(self.number % 4).await;
        links::accept(self.world, &self.person, &self.token).await
    }

    async fn revoke(&self) -> Answer {
        self.linger(self.looks()).await;
        self.world.delete(&self.path()).by(&self.crew.admin).send().await
    }

    async fn decline(&self) -> Answer {
        self.linger(self.looks()).await;
        self.world.post("/v1/invites/decline", json!({ "token": self.token })).send().await
    }

    async fn resend(&self) -> Answer {
        self.linger(self.looks()).await;
        self.world.post(&format!("{}/resend", self.path()), json!({})).by(&self.crew.admin).send().await
    }

    async fn make_viewer(&self) -> Answer {
        self.linger(self.looks()).await;
        self.world.patch(&self.path(), json!({ "role": "viewer" })).by(&self.crew.admin).send().await
    }

    async fn outcome(&self) -> Option<String> {
        links::outcome(self.world, &self.crew.admin, &self.invite).await
    }

    /// What the person is in the workspace, if they are in it.
    async fn role(&self) -> Option<String> {
        let sk = format!("MEMBER#{}", self.person.id);
        let members = table::items(self.world, &self.crew.admin.tenant, &sk).await;
        members.first().map(|member| table::text(member, "role").to_owned())
    }

    /// The person is in if and only if the invite says so, and everything is counted; then they are as they were before.
    async fn end(&self) {
        let when = format!("trial {}", self.number);
        let accepted = self.outcome().await.as_deref() == Some("accepted");
        assert_eq!(self.role().await.is_some(), accepted, "{when}");
        assert_counters(self.world, &self.crew.admin.tenant, &when).await;
        match accepted {
            true => self.crew.remove(self.world, &self.person).await.expect_status(200),
            false => self.revoke().await,
        };
    }
}

/// How often each side won; a race that one side always wins is none.
#[derive(Debug, Default)]
struct Won([usize; 2]);

impl Won {
    fn by_accepting(&mut self, accepted: bool) {
        self.0[usize::from(accepted)] += 1;
    }

    fn assert_both(&self) {
        assert!(self.0.iter().all(|won| *won > 0), "{self:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invite_that_is_accepted_and_revoked_at_once_is_one_of_both() {
    let world = World::in_process().await;
    let (mut crew, mut won) = (Crew::gather(&world, 5).await, Won::default());
    for number in 0..TRIALS {
        let trial = Trial::begin(number, &world, &mut crew).await;
        let (accept, revoke) = tokio::join!(trial.accept(), trial.revoke());
        let accepted = accept.status == 201;
        match accepted {
            true => revoke.expect_problem(409, "invite_not_pending"),
            false => {
                accept.expect_problem(410, "invite_gone");
                revoke.expect_status(204)
            }
        };
        let outcome = if accepted { "accepted" } else { "revoked" };
        assert_eq!(trial.outcome().await.as_deref(), Some(outcome), "trial {number}");
        trial.end().await;
        won.by_accepting(accepted);
    }
    won.assert_both();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invite_that_is_accepted_and_declined_at_once_is_one_of_both() {
    let world = World::in_process().await;
    let (mut crew, mut won) = (Crew::gather(&world, 5).await, Won::default());
    for number in 0..TRIALS {
        let trial = Trial::begin(number, &world, &mut crew).await;
        let (accept, decline) = tokio::join!(trial.accept(), trial.decline());
        let accepted = accept.status == 201;
        match accepted {
            true => decline.expect_problem(410, "invite_gone"),
            false => {
                accept.expect_problem(410, "invite_gone");
                decline.expect_status(204)
            }
        };
        let outcome = if accepted { "accepted" } else { "declined" };
        assert_eq!(trial.outcome().await.as_deref(), Some(outcome), "trial {number}");
        trial.end().await;
        won.by_accepting(accepted);
    }
    won.assert_both();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_link_that_is_accepted_while_the_invite_is_sent_again_is_good_or_dead_and_never_both() {
    let world = World::in_process().await;
    let (mut crew, mut won) = (Crew::gather(&world, 5).await, Won::default());
    for number in 0..TRIALS {
        let trial = Trial::begin(number, &world, &mut crew).await;
        let (accept, resend) = tokio::join!(trial.accept(), trial.resend());
        let accepted = accept.status == 201;
        match accepted {
            true => drop(resend.expect_problem(409, "invite_not_pending")),
            false => {
                accept.expect_problem(410, "invite_gone");
                resend.expect_status(200);
                let newest = links::newest(&world, &trial.crew.admin, &trial.invite).await;
                links::preview(&world, &newest).await.expect_status(200);
            }
        }
        assert_eq!(trial.outcome().await.is_some(), accepted, "trial {number}");
        trial.end().await;
        won.by_accepting(accepted);
    }
    won.assert_both();
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_accepts_while_the_role_is_changed_gets_the_role_that_the_change_says() {
    let world = World::in_process().await;
    let (mut crew, mut won) = (Crew::gather(&world, 5).await, Won::default());
    for number in 0..2 * TRIALS {
        let trial = Trial::begin(number, &world, &mut crew).await;
        let (accept, change) = tokio::join!(trial.accept(), trial.make_viewer());
        accept.expect_status(201);
        let changed = change.status == 200;
        if !changed {
            change.expect_problem(409, "invite_not_pending");
        }
        let role = if changed { "viewer" } else { "operator" };
        assert_eq!(trial.role().await.as_deref(), Some(role), "trial {number}");
        trial.end().await;
        won.by_accepting(!changed);
    }
    won.assert_both();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invite_about_which_everything_is_done_at_once_has_one_outcome() {
    let world = World::in_process().await;
    let mut crew = Crew::gather(&world, 5).await;
    for number in 0..TRIALS {
        let trial = Trial::begin(number, &world, &mut crew).await;
        let (accept, again, decline, revoke, resend, change) = tokio::join!(
            trial.accept(),
            trial.accept(),
            trial.decline(),
            trial.revoke(),
            trial.resend(),
            trial.make_viewer()
        );
        let ends = [(&accept, 201), (&again, 201), (&decline, 204), (&revoke, 204)];
        let ended: Vec<_> = ends.iter().map(|(answer, success)| answer.status == *success).collect();
        let outcome = ["accepted", "accepted", "declined", "revoked"].into_iter().zip(&ended);
        let outcome: Vec<_> = outcome.filter(|(_, ended)| **ended).map(|(outcome, _)| outcome).collect();
        assert_eq!(outcome.len(), 1, "trial {number}: {ended:?}");
        assert_eq!(trial.outcome().await.as_deref(), Some(outcome[0]), "trial {number}");
        for (answer, success) in ends.into_iter().chain([(&resend, 200), (&change, 200)]) {
            assert!([success, 409, 410].contains(&answer.status), "trial {number}: {}", answer.text);
        }
        trial.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_seat_of_whoever_accepts_is_theirs_while_others_take_the_last_ones() {
    let world = World::in_process().await;
    let mut crew = Crew::gather(&world, 5).await;
    for number in 0..TRIALS {
        let trial = Trial::begin(number, &world, &mut crew).await;
        let admin = &trial.crew.admin;
        let left = number % 3;
        leave_seats(&world, &admin.tenant, i64::try_from(left).unwrap()).await;
        let body = |n: usize| json!({ "invites": [{ "email": format!("s{number}-{n}@acme.example") }] });
        let others = (0..8).map(|n| world.post("/v1/invites", body(n)).by(admin).send());
        let (accept, others) = tokio::join!(trial.accept(), join_all(others));
        accept.expect_status(201);
        let invited = others.iter().filter(|answer| answer.body["results"][0]["status"] == "invited").count();
        assert_eq!(invited, left, "trial {number}");
        trial.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_finds_no_seat_left_comes_in_by_the_same_link_once_there_is_one() {
    let world = World::in_process().await;
    let (mut crew, mut won) = (Crew::gather(&world, 5).await, Won::default());
    for number in 0..TRIALS {
        let trial = Trial::begin(number, &world, &mut crew).await;
        let admin = &trial.crew.admin;
        let other = world.invite(admin, &format!("o{number}@acme.example"), "viewer").await;
        leave_seats(&world, &admin.tenant, -1).await;
        let revoke = world.delete(&format!("/v1/invites/{}", links::id(&other))).by(admin).send();
        let revoke = async {
            trial.linger(trial.looks()).await;
            revoke.await
        };
        let (accept, revoke) = tokio::join!(trial.accept(), revoke);
        revoke.expect_status(204);
        let at_once = accept.status == 201;
        if !at_once {
            accept.expect_problem(409, "seats_full");
            trial.accept().await.expect_status(201);
        }
        leave_seats(&world, &admin.tenant, 100).await;
        trial.end().await;
        won.by_accepting(at_once);
    }
    won.assert_both();
}
