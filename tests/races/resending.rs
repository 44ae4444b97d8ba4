//! An invite is sent again by many at once.

use super::links;
use super::table::assert_counters;
use crate::world::{Person, World};
use domain::invite::MAX_RESENDS;
use futures::future::join_all;
use serde_json::{Value, json};
use std::collections::BTreeSet;

const TRIALS: usize = 15;

#[tokio::test(flavor = "multi_thread")]
async fn of_8_that_send_an_invite_again_at_once_three_do_and_only_the_newest_link_is_good() {
    let world = World::in_process().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    for trial in 0..TRIALS {
        let invite = world.invite(&ada, &format!("p{trial}@acme.example"), "viewer").await;
        let path = format!("/v1/invites/{}/resend", links::id(&invite));
        let answers = join_all((0..8).map(|_| world.post(&path, json!({})).by(&ada).send())).await;
        let statuses: Vec<_> = answers.iter().map(|answer| answer.status).collect();
        // 503: three others were faster, each time.
        assert!(statuses.iter().all(|status| [200, 429, 503].contains(status)), "trial {trial}: {statuses:?}");
        let sent = statuses.iter().filter(|status| **status == 200).count();
        assert_eq!(sent, MAX_RESENDS, "trial {trial}: {statuses:?}");
        assert_one_link_is_good(&world, &ada, &invite, 1 + sent).await;
    }
    assert_counters(&world, &ada.tenant, "at the end").await;
}

/// Of as many links as mails were sent the newest is good.
async fn assert_one_link_is_good(world: &World, admin: &Person, invite: &Value, mails: usize) {
    let links = links::all(world, admin, invite).await;
    assert_eq!(links.iter().map(|link| &link.jti).collect::<BTreeSet<_>>().len(), mails);
    let newest = links::newest_link(world, admin, invite).await.jti;
    for link in &links {
        let preview = links::preview(world, &link.token).await;
        match link.jti == newest {
            true => preview.expect_status(200),
            false => preview.expect_problem(410, "invite_gone"),
        };
    }
}
