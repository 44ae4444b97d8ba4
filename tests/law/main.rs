//! The law of the checklist: whatever people do, and whatever becomes of the records by which the stream tells of it, once everything
//! is quiet the kept checklist is what the workspace's state amounts to. Nothing is written that changes nothing, and nothing goes on
//! by itself.
//!
//! `LAW_HISTORIES` says how many histories are played, `LAW_SEED` which. Both are printed; a history that breaks the law is shortened
//! to what it takes, and printed as a story.
#![expect(clippy::unwrap_used, reason = "what a test does not expect ends it")]

mod history;
mod instance;
mod ledger;
mod operations;
mod play;
mod reopening;
mod stage;
mod stream;
#[allow(dead_code, unused_imports, reason = "the scenarios need the rest of it")]
#[path = "../world/mod.rs"]
mod world;

use common::config::process_environment;
use common::keys::Kind;
use history::{Workspace, histories};
use play::{Sabotage, Tally, play};
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};
use stage::Stage;
use std::cell::RefCell;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::thread;
use std::time::Instant;

/// Histories that are played unless somebody wants more.
const HISTORIES: u32 = 200;

/// So many are enough for everything to happen that can.
const MANY: u32 = 1000;

/// In how many shares they are played.
const SHARES: u32 = 2;

/// How often a history that breaks the law is played again, each time shorter, in search of the shortest that does.
const SHORTENINGS: u32 = 2000;

/// So many histories of workspaces, beginning with a seed.
#[derive(Debug, Clone, Copy)]
struct Plan {
    seed: u64,
    histories: u32,
    shortenings: u32,
}

impl Plan {
    fn of_this_process() -> Plan {
        let number = |variable| process_environment(variable).map(|text| text.parse::<u64>().unwrap());
        let histories = number("LAW_HISTORIES").map_or(HISTORIES, |histories| histories.try_into().unwrap());
        let seed = number("LAW_SEED").unwrap_or_else(|| RandomState::new().build_hasher().finish());
        Plan { seed, histories, shortenings: SHORTENINGS }
    }

    /// Shares that are played side by side, each with random numbers of its own: so the same whatever the others do, on any machine.
    fn shares(self) -> Vec<Plan> {
        let shares = SHARES.min(self.histories);
        let share = |n: u32| {
            let seed = self.seed.wrapping_add(u64::from(n));
            Plan { seed, histories: self.histories.div_ceil(shares), ..self }
        };
        (0..shares).map(share).collect()
    }

    fn runner(self) -> TestRunner {
        // Each plays a history in every workspace.
        let cases = self.histories.div_ceil(u32::try_from(Workspace::ALL.len()).unwrap());
        let config =
            Config { cases, failure_persistence: None, max_shrink_iters: self.shortenings, ..Config::default() };
        let seed: Vec<u8> = self.seed.to_le_bytes().repeat(4);
        TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &seed))
    }

    /// Plays them, one after the other. What happened, or the shortest story that breaks the law.
    fn play(self, sabotage: Sabotage) -> Result<Tally, String> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let stage = runtime.block_on(Stage::build());
        let tally = RefCell::new(Tally::default());
        let played = self.runner().run(&histories(), |history| {
            let mut tally = tally.borrow_mut();
            tally.add("histories", Workspace::ALL.len());
            runtime.block_on(play(&stage, &history, sabotage, &mut tally)).map_err(TestCaseError::fail)
        });
        match played {
            Ok(()) => Ok(tally.into_inner()),
            Err(TestError::Fail(fault, history)) => Err(format!("{fault}\n\n{history:?}\n")),
            Err(aborted @ TestError::Abort(_)) => Err(aborted.to_string()),
        }
    }
}

#[test]
fn whatever_happens_and_however_the_stream_tells_of_it_the_checklist_is_what_the_state_amounts_to() {
    let plan = Plan::of_this_process();
    let Plan { seed, histories, .. } = plan;
    eprintln!("{histories} histories, LAW_SEED={seed}");
    let started = Instant::now();
    let shares: Vec<_> =
        plan.shares().into_iter().map(|share| thread::spawn(move || share.play(Sabotage::None))).collect();
    let mut tally = Tally::default();
    for share in shares {
        let played = share.join().unwrap();
        let played = played.unwrap_or_else(|story| panic!("LAW_SEED={seed} LAW_HISTORIES={histories}: {story}"));
        tally.take_in(&played);
    }
    eprintln!("{:.1} histories a second", tally.of("histories") as f64 / started.elapsed().as_secs_f64());
    eprintln!("{tally:#?}");
    if histories >= MANY {
        for what in play::HAPPENS {
            assert!(tally.of(what) > 0, "LAW_SEED={seed}: it did not happen once: {what}");
        }
    }
}

/// Plays histories with a broken trigger until one breaks the law.
fn story_of(sabotage: Sabotage) -> String {
    let plan = Plan { seed: 1, histories: 300, shortenings: 20 };
    plan.play(sabotage).unwrap_err()
}

#[test]
fn the_law_notices_a_trigger_that_does_not_listen_to_a_kind() {
    let story = story_of(Sabotage::DeafTo(Kind::Billing));
    assert!(story.contains("billing-owner: kept"), "{story}");
}

#[test]
fn the_law_notices_a_counter_that_is_not_moved() {
    let story = story_of(Sabotage::OperatorsUncounted);
    assert!(story.contains("the counters are"), "{story}");
}

#[test]
fn the_law_notices_an_instance_that_wrote_after_standing_still_and_does_not_look_again() {
    let story = story_of(Sabotage::NeverLooksAgain);
    assert!(story.contains("the kept checklist is not what the state amounts to"), "{story}");
}
