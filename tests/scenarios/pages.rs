//! The pages that emailed links open.

use crate::world::World;
use domain::role::Role;

#[tokio::test(flavor = "multi_thread")]
async fn the_pages_are_served_under_a_policy_that_lets_in_nothing_but_themselves() {
    let world = World::start().await;
    for path in ["/accept", "/confirm"] {
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
async fn a_page_opens_whatever_a_mail_tool_has_added_to_its_link() {
    let world = World::start().await;
    for path in ["/accept?utm_source=mail&utm_campaign=launch", "/confirm?mc_cid=1"] {
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
