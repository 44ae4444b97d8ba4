//! The pages that emailed links open.

use crate::world::World;
use domain::checklist::StepState;
use domain::role::Role;

const PAGES: [&str; 3] = ["/accept", "/confirm", "/getting-started"];

#[tokio::test(flavor = "multi_thread")]
async fn the_pages_are_served_under_a_policy_that_lets_in_nothing_but_themselves() {
    let world = World::start().await;
    for path in PAGES {
        let page = world.get(path).send().await.expect_status(200);
        assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
        assert_eq!(page.header("referrer-policy"), "no-referrer");
        assert_eq!(page.header("cache-control"), "no-store");
        assert_eq!(page.header("x-content-type-options"), "nosniff");
        let policy = page.header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'; script-src 'sha256-"), "{policy}");
        assert!(!policy.contains("unsafe"), "{policy}");
        for outside in ["src=\"http", "href=\"http", "@import", "url("] {
            assert!(!page.text.contains(outside), "{path} loads something from outside: {outside}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pages_put_nothing_in_as_markup_and_keep_no_token_beyond_their_memory() {
    let world = World::start().await;
    for path in PAGES {
        let page = world.get(path).send().await.expect_status(200);
        let as_markup = ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "DOMParser", "eval("];
        let kept = ["localStorage", "sessionStorage", "indexedDB", "document.cookie", "console."];
        for banned in as_markup.iter().chain(&kept) {
            assert!(!page.text.contains(banned), "{path} uses {banned}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_opens_whatever_a_mail_tool_has_added_to_its_link() {
    let world = World::start().await;
    for path in ["/accept?utm_source=mail&utm_campaign=launch", "/confirm?mc_cid=1", "/getting-started?utm_source=mail"]
    {
        world.get(path).send().await.expect_status(200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_accept_page_explains_roles_in_the_words_of_the_mail() {
    let world = World::start().await;
    let page = world.get("/accept").send().await.expect_status(200);
    for role in Role::ALL {
        assert!(page.text.contains(role.may_do()), "{}", role.may_do());
        assert!(page.text.contains(role.label()), "{}", role.label());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_checklist_page_has_words_for_every_state_of_a_step() {
    let world = World::start().await;
    let page = world.get("/getting-started").send().await.expect_status(200);
    for state in [StepState::Incomplete, StepState::InProgress, StepState::Complete, StepState::Skipped] {
        let name = serde_json::to_value(state).unwrap();
        let named = format!("{}: '", name.as_str().unwrap());
        assert!(page.text.contains(&named), "{named}");
    }
}
