//! `recompute-checklist` ends at each of its steps in turn, and the record comes again.

use crate::history::Workspace;
use crate::instance::Trouble;
use crate::ledger::Ledger;
use crate::stage::Stage;
use crate::stream::checklist_writes;
use crate::world::Death;
use serde_json::json;

/// In a workspace where all was complete nobody is in the country any more. Somebody hears of it who ends at `death`, and then
/// somebody who does not: the steps it took, or nothing if the first did not end.
async fn falls_back(stage: &Stage, workspace: Workspace, death: Death) -> Option<Ledger> {
    stage.reset();
    let tenant = stage.tenants[&workspace];
    let mut stream = stage.stream(None);
    let creator = stage.creator(workspace);
    stage.world.change("/v1/tenant", &creator, json!({ "country": null })).await.expect_status(200);
    stream.read();
    let [batch] = stream.take_all().try_into().unwrap();

    let first = stage.troubled.run(Trouble::Ends(death), batch.event()).await;
    let nothing_failed = Ok(json!({ "batchItemFailures": [] }));
    assert_eq!(stage.deliver(&batch).await, nothing_failed, "{workspace}, {death}");
    let faults = Ledger::of(stage, tenant).faults(stage.world.now());
    assert!(faults.is_empty(), "{workspace}, {death}: {faults:#?}");
    assert_eq!(checklist_writes(&stream.read(), tenant), 1, "{workspace}, {death}");

    // Once more, and nothing comes of it.
    assert_eq!(stage.deliver(&batch).await, nothing_failed, "{workspace}, {death}");
    assert!(stream.read().is_empty(), "{workspace}, {death}");
    first.is_none().then(|| Ledger::of(stage, tenant))
}

#[tokio::test]
async fn whatever_step_a_recompute_ends_at_a_dismissed_checklist_is_opened_again_once_and_one_mail_and_one_line_say_so()
{
    let stage = Stage::build().await;
    for (workspace, reopenings) in [(Workspace::Ready, 0), (Workspace::Dismissed, 1)] {
        let mut steps = 0;
        for death in Death::every() {
            let Some(ledger) = falls_back(&stage, workspace, death).await else { break };
            assert_eq!(ledger.times_reopened(), reopenings, "{workspace}, {death}");
            assert_eq!(ledger.mails_of_reopening(), reopenings, "{workspace}, {death}");
            assert!(!ledger.is_dismissed() && ledger.checklist.dismissed.is_none(), "{workspace}, {death}");
            steps += 1;
        }
        // A snapshot, the operators' invites, the write; then a snapshot and the invites again.
        assert!(steps >= 10, "{workspace}: {steps} steps");
    }
}
