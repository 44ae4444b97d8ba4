//! Each test plants one fault in a sound manifest, and only that fault is found.

use super::*;
use crate::fakes::{self, CountThings, ListThings, RenameThing, http, sound, sound_and, stream};
use common::auth::caller::{Auth, Nobody};
use common::error::{Code, Result};
use common::reply::{NoContent, Reply};
use common::route::{Cx, Method, Route};
use common::trigger::{Event, Failures, Listen, Record, StreamTrigger, TriggerCx};
use serde_json::json;

/// One more route, in nobody's way.
fn another() -> Function {
    let mut function = Function::route::<RenameThing>();
    function.name = "another";
    http(&mut function).path = "/v1/others/{thing}";
    function
}

/// One more trigger.
fn another_trigger() -> Function {
    let mut function = Function::stream::<CountThings>();
    function.name = "another-trigger";
    function
}

#[test]
fn a_sound_manifest_has_no_findings() {
    assert_eq!(findings(&[sound()]), [""; 0]);
    assert_eq!(findings(&sound_and(another())), [""; 0]);
    assert_eq!(findings(&sound_and(another_trigger())), [""; 0]);
}

struct HearsItself;

impl StreamTrigger for HearsItself {
    const NAME: &'static str = "hears-itself";
    const SUMMARY: &'static str = "Writes what it listens to.";
    const LISTENS: Listen = Listen { kinds: &[Kind::Checklist], events: &[Event::Modify] };
    const ACCESS: &'static [Access] = &[Access::Get(Kind::Checklist), Access::Replace(Kind::Checklist)];

    async fn handle(_: &TriggerCx, _: &[Record]) -> Failures {
        Failures::default()
    }
}

#[test]
fn a_trigger_must_not_hear_what_it_writes() {
    let found = findings(&sound_and(Function::stream::<HearsItself>()));
    assert_eq!(found, ["hears-itself: it hears its own Replace(Checklist), so it would run itself forever."]);
}

#[test]
fn names_are_unique_across_areas() {
    let mut function = another();
    function.name = ListThings::NAME;
    let found = findings(&sound_and(function));
    assert_eq!(found, ["list-things: 2 functions have this name; a binary and a Lambda function need one each."]);
}

#[test]
fn names_are_kebab_case() {
    for name in ["Another", "an_other", "an--other", "another-", "-another", "1nother", ""] {
        let mut function = another();
        function.name = name;
        let found = findings(&sound_and(function));
        let [found] = found.as_slice() else { panic!("{name}: {found:?}") };
        assert!(found.starts_with(&format!("{name}: a function's name is words")), "{found}");
    }
}

#[test]
fn a_method_and_path_is_served_once_whatever_its_parameters_are_called() {
    let mut function = another();
    http(&mut function).path = "/v1/things/{name}";
    http(&mut function).example = || json!({ "thing": "inv_00000000000000000000000000000001" });
    let found = findings(&sound_and(function));
    assert_eq!(found, ["rename-thing, another: all of them serve PATCH /v1/things/{}; a request can go to one only."]);
}

#[test]
fn path_parameters_are_fields_of_the_input() {
    let mut function = another();
    http(&mut function).path = "/v1/others/{thing}/{part}";
    assert_eq!(findings(&sound_and(function)), ["another: {part} of its path is not a field of its input."]);
}

struct TakesAnything;

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Anything {}

impl Route for TakesAnything {
    const NAME: &'static str = "takes-anything";
    const SUMMARY: &'static str = "Ignores unknown fields.";
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/v1/anything";
    const AUTH: Auth = Auth::Nobody;
    const ACCESS: &'static [Access] = &[];
    const REFUSES: &'static [Code] = &[];
    const SUCCESS: u16 = 204;

    type Caller = Nobody;
    type Input = Anything;
    type Output = NoContent;

    fn example() -> Value {
        json!({})
    }

    async fn handle(_: &Cx, _: Nobody, _: Anything) -> Result<Reply<NoContent>> {
        Ok(NoContent.into())
    }
}

#[test]
fn an_input_refuses_unknown_fields() {
    let found = findings(&sound_and(Function::route::<TakesAnything>()));
    assert_eq!(
        found,
        ["takes-anything: its input is not an object that refuses unknown fields; derive it with deny_unknown_fields."]
    );
}

#[derive(serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is asked for")]
struct Outer {
    #[serde(default)]
    inner: Option<Inner>,
}

#[derive(serde::Deserialize, schemars::JsonSchema)]
#[expect(dead_code, reason = "only its schema is asked for")]
struct Inner {
    name: String,
}

#[test]
fn what_an_input_holds_refuses_unknown_fields() {
    let mut function = Function::route::<TakesAnything>();
    http(&mut function).input = <Outer as schemars::JsonSchema>::json_schema;
    let found = findings(&sound_and(function));
    assert_eq!(
        found,
        ["takes-anything: Inner has an object that takes unknown fields; derive it with deny_unknown_fields."]
    );
}

/// An example, and what is wrong with it.
type Example = (fn() -> Value, &'static str);

#[test]
fn examples_are_valid_inputs() {
    let invalid: [Example; 4] = [
        (|| json!({}), "\"name\" is a required property"),
        (|| json!({ "name": 1 }), "at /name, 1 is not of type \"string\""),
        (
            || json!({ "name": "Ada", "size": { "metres": 256 } }),
            "at /size, {\"metres\":256} is not valid under any of the schemas listed in the 'anyOf' keyword",
        ),
        (
            || json!({ "name": "Ada", "thing": "inv_00000000000000000000000000000001" }),
            "Additional properties are not allowed ('thing' was unexpected)",
        ),
    ];
    for (example, why) in invalid {
        let mut function = another();
        http(&mut function).example = example;
        let found = findings(&sound_and(function));
        assert_eq!(found, [format!("another: its example is not a valid input: {why}.")]);
    }
}

#[test]
fn a_trigger_listens_to_something() {
    let mut function = another_trigger();
    stream(&mut function).listens.events = &[];
    assert_eq!(findings(&sound_and(function)), ["another-trigger: it listens to nothing, so it never runs."]);
}

#[test]
fn a_trigger_needs_no_more_filters_than_a_mapping_takes() {
    const SIX: &[Kind] = &[Kind::Tenant, Kind::Member, Kind::Invite, Kind::Billing, Kind::Audit, Kind::User];
    let mut function = another_trigger();
    stream(&mut function).listens.kinds = SIX;
    let found = findings(&sound_and(function));
    assert_eq!(found, ["another-trigger: it needs 6 filters, and an event source mapping takes 5 at most."]);
}

#[test]
fn no_more_triggers_than_a_shard_serves() {
    let mut third = Function::stream::<CountThings>();
    third.name = "third";
    let found = findings(&[sound(), fakes::area([another_trigger(), third])]);
    assert_eq!(
        found,
        ["count-things, another-trigger, third: all of them read the stream, and a shard serves 2 readers at most."]
    );
}

#[test]
fn every_kind_is_written_and_read() {
    let found = findings(&[fakes::area([Function::stream::<CountThings>()])]);
    assert!(found.contains(&"Member: no function writes items of this kind.".to_owned()));
    assert!(found.contains(&"Checklist: no function reads items of this kind.".to_owned()));
    assert!(!found.contains(&"Member: no function reads items of this kind.".to_owned()));
    assert!(!found.contains(&"Checklist: no function writes items of this kind.".to_owned()));
}
