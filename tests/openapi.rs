//! The document that describes the API.

use crate::world::World;

#[tokio::test(flavor = "multi_thread")]
async fn what_is_served_is_the_document_that_the_manifest_makes() {
    let world = World::start().await;
    let served = world.get("/v1/openapi.json").send().await.expect_status(200);
    assert_eq!(served.body, infra::openapi::document());
    assert_eq!(served.body["openapi"], "3.1.0");
    for function in functions::all().filter_map(|function| Some((function.name, function.http()?))) {
        let (name, http) = function;
        let operation = &served.body["paths"][http.path][http.method.as_str().to_lowercase()];
        assert_eq!(operation["operationId"], name);
    }
}
