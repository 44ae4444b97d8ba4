//! A small sound manifest, made through the real traits, for tests to spoil.

use common::auth::caller::{Auth, InTenant, Nobody};
use common::error::{Code, Result};
use common::function::{Function, Http, Source, Stream};
use common::idempotency::Idempotency;
use common::keys::Kind;
use common::paging::Limit;
use common::reply::{NoContent, Reply};
use common::route::{Cx, Method, Route};
use common::store::Access;
use common::trigger::{Event, Failures, Listen, Record, StreamTrigger, TriggerCx};
use domain::id::{InviteId, TenantId};
use domain::role::Permission;
use functions::Area;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Changes a thing: a path parameter, a body, a member, `If-Match`, a type that both sides see differently.
pub(crate) struct RenameThing;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is asked for")]
pub(crate) struct Rename {
    /// Which thing.
    thing: InviteId,
    name: String,
    #[serde(default)]
    size: Option<Size>,
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Size {
    #[serde(default)]
    metres: Option<u8>,
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct Thing {
    tenant: TenantId,
    size: Size,
}

impl Route for RenameThing {
    const NAME: &'static str = "rename-thing";
    const SUMMARY: &'static str = "Renames a thing.";
    const METHOD: Method = Method::Patch;
    const PATH: &'static str = "/v1/things/{thing}";
    const AUTH: Auth = Auth::Member(Permission::UpdateTenant);
    const ACCESS: &'static [Access] = &EVERY_KIND;
    const REFUSES: &'static [Code] = &[Code::IfMatchRequired, Code::VersionStale, Code::RateLimited];

    type Caller = InTenant;
    type Input = Rename;
    type Output = Thing;

    fn example() -> Value {
        json!({ "name": "Ada" })
    }

    async fn handle(_: &Cx, caller: InTenant, _: Rename) -> Result<Reply<Thing>> {
        Ok(Thing { tenant: caller.tenant, size: Size { metres: None } }.into())
    }
}

/// Reads, with a query.
pub(crate) struct ListThings;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is asked for")]
pub(crate) struct Query {
    /// How many.
    #[serde(default)]
    limit: Option<Limit>,
    cursor: Option<String>,
}

impl Route for ListThings {
    const NAME: &'static str = "list-things";
    const SUMMARY: &'static str = "Lists things.";
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/v1/things";
    const AUTH: Auth = Auth::Nobody;
    const ACCESS: &'static [Access] = &[];
    const REFUSES: &'static [Code] = &[];
    const SUCCESS: u16 = 204;

    type Caller = Nobody;
    type Input = Query;
    type Output = NoContent;

    fn example() -> Value {
        json!({})
    }

    async fn handle(_: &Cx, _: Nobody, _: Query) -> Result<Reply<NoContent>> {
        Ok(NoContent.into())
    }
}

/// Creates, by key.
pub(crate) struct MakeThing;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is asked for")]
pub(crate) struct Make {
    name: String,
}

impl Route for MakeThing {
    const NAME: &'static str = "make-thing";
    const SUMMARY: &'static str = "Makes a thing.";
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/v1/things";
    const AUTH: Auth = Auth::Member(Permission::UpdateTenant);
    const ACCESS: &'static [Access] = &[];
    const REFUSES: &'static [Code] = &[];
    const SUCCESS: u16 = 201;
    const IDEMPOTENCY: Idempotency = Idempotency::ByKey;

    type Caller = InTenant;
    type Input = Make;
    type Output = NoContent;

    fn example() -> Value {
        json!({ "name": "Ada" })
    }

    async fn handle(_: &Cx, _: InTenant, _: Make) -> Result<Reply<NoContent>> {
        Ok(NoContent.into())
    }
}

/// Hears of members and writes the checklist.
pub(crate) struct CountThings;

impl StreamTrigger for CountThings {
    const NAME: &'static str = "count-things";
    const SUMMARY: &'static str = "Counts things.";
    const LISTENS: Listen = Listen { kinds: &[Kind::Member], events: &[Event::Insert, Event::Remove] };
    const ACCESS: &'static [Access] = &[Access::Get(Kind::Member), Access::Replace(Kind::Checklist)];

    async fn handle(_: &TriggerCx, _: &[Record]) -> Failures {
        Failures::default()
    }
}

const EVERY_KIND: [Access; 2 * Kind::ALL.len()] = {
    let mut all = [Access::Get(Kind::Tenant); 2 * Kind::ALL.len()];
    let mut at = 0;
    while at < Kind::ALL.len() {
        all[2 * at] = Access::Get(Kind::ALL[at]);
        all[2 * at + 1] = Access::Create(Kind::ALL[at]);
        at += 1;
    }
    all
};

/// An area in which nothing is wrong.
pub(crate) fn sound() -> Area {
    area([Function::route::<RenameThing>(), Function::route::<ListThings>(), Function::stream::<CountThings>()])
}

/// Lives as long as the process, as the real manifest does.
pub(crate) fn area(functions: impl IntoIterator<Item = Function>) -> Area {
    let functions: Vec<&'static Function> =
        functions.into_iter().map(|function| &*Box::leak(Box::new(function))).collect();
    Area { name: "fake", functions: Vec::leak(functions) }
}

/// The area in which nothing is wrong, and one more function.
pub(crate) fn sound_and(function: Function) -> [Area; 2] {
    [sound(), area([function])]
}

pub(crate) fn http(function: &mut Function) -> &mut Http {
    match &mut function.source {
        Source::Http(http) => http,
        Source::Stream(_) | Source::Feedback(_) | Source::Schedule(_) => panic!("{} is a trigger", function.name),
    }
}

pub(crate) fn stream(function: &mut Function) -> &mut Stream {
    match &mut function.source {
        Source::Stream(stream) => stream,
        Source::Http(_) | Source::Feedback(_) | Source::Schedule(_) => {
            panic!("{} is not a stream's trigger", function.name)
        }
    }
}
