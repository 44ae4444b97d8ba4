//! People with accounts who come into a workspace and go, again and again: so races of hundreds of trials need few passwords.

use super::links;
use crate::world::{Answer, Person, World};
use futures::future::join_all;
use jiff::SignedDuration;
use serde_json::Value;

pub struct Crew {
    pub admin: Person,
    /// In no workspace, until they are invited.
    people: Vec<Person>,
    turn: usize,
}

/// How often an hour each is called: an address gets ten mails an hour, and a trial sends one or two.
const TURNS_AN_HOUR: usize = 4;

impl Crew {
    pub async fn gather(world: &World, size: usize) -> Crew {
        let admin = world.sign_up("ada@acme.example", "Acme Inc.").await;
        let mut people = Vec::new();
        for n in 0..size {
            let person = world.bring_in(&admin, &format!("p{n}@acme.example"), "viewer").await;
            remove(world, &admin, &person.id).await.expect_status(200);
            people.push(person);
        }
        Crew { admin, people, turn: 0 }
    }

    /// Whose turn it is. When each has had theirs often enough, an hour passes first.
    pub async fn next(&mut self, world: &World) -> Person {
        let (turn, people) = (self.turn, self.people.len());
        if turn > 0 && turn.is_multiple_of(people * TURNS_AN_HOUR) {
            world.pass(SignedDuration::from_hours(1));
            self.admin = world.refreshed(&self.admin).await;
            self.people = refreshed(world, &self.people).await;
        }
        self.turn += 1;
        self.people[turn % people].clone()
    }

    /// Somebody is invited; the invite and the token of its link.
    pub async fn invite(&self, world: &World, person: &Person, role: &str) -> (Value, String) {
        let invite = world.invite(&self.admin, &person.email, role).await;
        let token = links::newest(world, &self.admin, &invite).await;
        (invite, token)
    }

    pub async fn remove(&self, world: &World, person: &Person) -> Answer {
        remove(world, &self.admin, &person.id).await
    }
}

/// Somebody with an account comes in.
pub async fn join(world: &World, admin: &Person, person: &Person, role: &str) {
    let invite = world.invite(admin, &person.email, role).await;
    let token = links::newest(world, admin, &invite).await;
    links::accept(world, person, &token).await.expect_status(201);
}

pub async fn remove(world: &World, by: &Person, user: &str) -> Answer {
    world.delete(&format!("/v1/members/{user}")).by(by).send().await
}

/// The same people with fresh access tokens.
pub async fn refreshed(world: &World, people: &[Person]) -> Vec<Person> {
    join_all(people.iter().map(|person| world.refreshed(person))).await
}
