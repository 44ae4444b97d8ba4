//! A route: one HTTP operation, one file, one Lambda binary.

use crate::app::{App, Observation};
use crate::auth::caller::{Auth, Caller};
use crate::auth::token::{AccessClaims, Claims, Rejected, TokenKind, Verified};
use crate::error::{Code, Problem, Result};
use crate::idempotency::{self, Begun, Entry, Idempotency};
use crate::limit::Source;
use crate::reply::{Content, Output, Reply, header_value};
use crate::request::{self, MembersFrom};
use crate::store::{Access, Declared, Store};
use domain::Timestamp;
use domain::audit::{Action, Actor, Audit};
use domain::id::{ApiKeyId, AuditId, RequestMark, TenantId, UserId};
use futures::FutureExt;
use futures::future::BoxFuture;
use http::header;
use lambda_http::request::RequestContext;
use lambda_http::{Body, Request, RequestExt, Response};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Instant;
use uuid::Uuid;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Method {
    Get,
    Post,
    Put,
    Patch,
    Delete,
}

impl Method {
    pub const fn as_str(self) -> &'static str {
        match self {
            Method::Get => "GET",
            Method::Post => "POST",
            Method::Put => "PUT",
            Method::Patch => "PATCH",
            Method::Delete => "DELETE",
        }
    }

    pub const fn has_body(self) -> bool {
        matches!(self, Method::Post | Method::Put | Method::Patch)
    }

    const fn members_from(self) -> MembersFrom {
        match self.has_body() {
            true => MembersFrom::Body,
            false => MembersFrom::Query,
        }
    }
}

/// Whether a client that has an answer can ask for another only if there is one
/// (RFC 9110 §13.1.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Revalidation {
    None,
    /// Every answer has an `ETag`; to a request that names it in `If-None-Match` the answer is 304, without a body.
    ByEtag,
}

/// One HTTP operation. Everything the outside has to know of it is a constant or a type here.
pub trait Route: Sized + 'static {
    /// Binary, Lambda function and OpenAPI operation id, like `accept-invite`.
    const NAME: &'static str;
    /// One line, for people.
    const SUMMARY: &'static str;
    const METHOD: Method;
    /// With `{parameters}` where the input has fields of these names.
    const PATH: &'static str;
    const AUTH: Auth;
    /// What it may do to the table beside establishing its caller.
    const ACCESS: &'static [Access];
    /// The problem codes it can answer beside those that follow from its caller and its input.
    const REFUSES: &'static [Code];
    const SUCCESS: u16 = 200;
    /// Whether a client can send a request again and know that it is carried out once.
    const IDEMPOTENCY: Idempotency = Idempotency::None;
    const REVALIDATION: Revalidation = Revalidation::None;
    const SIGNS: &'static [TokenKind] = &[];
    const MEMORY_MB: u32 = 256;

    type Caller: Caller;
    /// Refuses unknown fields.
    type Input: DeserializeOwned + JsonSchema + Send;
    type Output: Output;

    /// A valid input, path parameters left out: for the documentation, and for the tests that go on to spoil it.
    fn example() -> Value;

    fn handle(
        cx: &Cx,
        caller: Self::Caller,
        input: Self::Input,
    ) -> impl Future<Output = Result<Reply<Self::Output>>> + Send;
}

/// What a route without fields takes.
#[derive(Debug, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NoInput {}

/// What a page takes: anything, and nothing of it. Mail and campaign tools add parameters of their own to links.
#[derive(Debug, serde::Deserialize, JsonSchema)]
pub struct AnyQuery {}

/// What a route works with: the time of the request, the table, its caller's request.
pub struct Cx {
    app: Arc<App>,
    store: Store,
    now: Timestamp,
    headers: http::HeaderMap,
    request_id: String,
    source: Source,
    signs: &'static [TokenKind],
    user: Option<UserId>,
    api_key: Option<ApiKeyId>,
    tenant: Option<TenantId>,
    mark: Option<RequestMark>,
}

impl Cx {
    fn new<R: Route>(app: Arc<App>, request: &Request) -> Cx {
        let store = Store::new(&app, R::NAME, access::<R>());
        let now = app.clock.now();
        let headers = request.headers().clone();
        let source = Source::of(request);
        Cx {
            store,
            now,
            headers,
            source,
            request_id: request_id(request),
            signs: R::SIGNS,
            user: None,
            api_key: None,
            tenant: None,
            mark: None,
            app,
        }
    }

    pub fn store(&self) -> &Store {
        &self.store
    }

    /// When this request came: the same moment for all that it does.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// Where this request came from, for limits.
    pub fn source(&self) -> Source {
        self.source
    }

    /// A header that is there but not readable text is answered as one that cannot be right, never as absent: absence means
    /// something.
    pub fn header(&self, name: &str) -> Option<&str> {
        Some(self.headers.get(name)?.to_str().unwrap_or("\u{fffd}"))
    }

    pub fn cookie(&self, name: &str) -> Option<&str> {
        let pairs = self.headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
        let mut pairs = pairs.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
        pairs.find(|(key, _)| *key == name).map(|(_, value)| value)
    }

    /// The version that the client's change builds on (RFC 9110 §13.1.1; RFC 6585 §3).
    pub fn if_match(&self) -> Result<u64> {
        // `*` would say "whatever is there", which is just what may not be overwritten unread.
        let value = self.header("if-match").map(str::trim).filter(|value| *value != "*").ok_or_else(|| {
            Problem::new(
                Code::IfMatchRequired,
                "Say which version you change, so that nobody's work is lost: send the ETag you read as If-Match.",
            )
        })?;
        // An ETag that is not one of ours cannot be the current one.
        value.trim_matches('"').parse().map_err(|_| Problem::version_stale())
    }

    /// Whether the client has the answer with this ETag already. Strength does not matter here (RFC 9110 §13.1.2).
    fn has(&self, etag: &str) -> bool {
        let named = self.header("if-none-match").unwrap_or_default();
        named.split(',').map(str::trim).any(|named| named == "*" || named.strip_prefix("W/").unwrap_or(named) == etag)
    }

    pub fn new_id(&self) -> Result<Uuid> {
        crate::random::uuid(self.now)
    }

    /// The id of what this request creates for `what`.
    ///
    /// Where its client gave the request an `Idempotency-Key`, it is the same id whenever the request is sent again within a day. The
    /// process may end after a write and before the answer is kept; the request then runs again, and has to answer as if it were
    /// the first: a route by key takes what it finds under its own ids for done.
    pub fn id_for(&self, what: &str) -> Result<Uuid> {
        self.mark.map_or_else(|| self.new_id(), |mark| Ok(crate::idempotency::id_under(mark, what)))
    }

    /// Whether this request may be a repeat of one that got as far as writing.
    pub fn may_be_a_repeat(&self) -> bool {
        self.mark.is_some()
    }

    pub fn verify<C: Claims>(&self, token: &str) -> Result<Verified<C>, Rejected> {
        self.app.keys.verify(token, self.now)
    }

    pub(crate) fn sign_access(&self, claims: AccessClaims, expires_at: Timestamp) -> Result<String> {
        if !self.signs.contains(&TokenKind::Access) {
            return Err(Problem::internal("a route that signs access tokens without declaring it"));
        }
        self.app.keys.sign_access(claims, self.now, expires_at)
    }

    /// A line for the tenant's audit log, to be created in the transaction of what it tells.
    pub fn audit(
        &self,
        tenant: TenantId,
        actor: impl Into<Actor>,
        action: Action,
        target: impl ToString,
    ) -> Result<Audit> {
        let id = AuditId::from_uuid(self.new_id()?);
        let (actor, target, details) = (actor.into(), target.to_string(), BTreeMap::new());
        Ok(Audit { tenant, id, at: self.now, actor, action, target, details })
    }

    /// Who is acting, and in which tenant, once both are established.
    pub(crate) fn member(&self) -> Option<(TenantId, UserId)> {
        self.tenant.zip(self.user)
    }

    pub(crate) fn set_user(&mut self, user: UserId) {
        self.user = Some(user);
    }

    pub(crate) fn set_api_key(&mut self, key: ApiKeyId) {
        self.api_key = Some(key);
    }

    /// From here on the request is about `tenant` and no other.
    pub(crate) fn enter(&mut self, tenant: TenantId) {
        self.tenant = Some(tenant);
        self.store = self.store.scoped_to(tenant);
    }
}

/// Serves one request. There is no net under it for a panic: the process ends, and Lambda starts a clean one.
pub(crate) fn serve<R: Route>(app: Arc<App>, request: Request) -> BoxFuture<'static, Response<Body>> {
    async move {
        let started = Instant::now();
        let mut cx = Cx::new::<R>(app, &request);
        let (response, problem) = match answer::<R>(&mut cx, &request).await {
            Ok(response) => (response, None),
            Err(problem) => (problem_response(&problem, &cx.request_id), Some(problem)),
        };
        report::<R>(&cx, response.status().as_u16(), problem.as_ref(), started);
        finish(response, &cx.request_id)
    }
    .boxed()
}

async fn answer<R: Route>(cx: &mut Cx, request: &Request) -> Result<Response<Body>> {
    request::require_small(request)?;
    let caller = R::Caller::identify(cx, R::AUTH).await?;
    let members = request::members(request, R::METHOD.members_from())?;
    let named = idempotency::named::<R>(cx, &members)?;
    let input = request::typed(members, R::METHOD.members_from())?;
    caller.note_seen(cx).await;
    match named {
        None => handle::<R>(cx, caller, input).await,
        Some(entry) => handle_once::<R>(cx, entry, caller, input).await,
    }
}

/// Does what was asked for under a key, unless it was done already.
async fn handle_once<R: Route>(
    cx: &mut Cx,
    entry: Entry,
    caller: R::Caller,
    input: R::Input,
) -> Result<Response<Body>> {
    match idempotency::begin(cx, entry).await? {
        Begun::Before(answer) => Ok(answer),
        Begun::Now(run) => {
            cx.mark = Some(run.mark());
            let outcome = handle::<R>(cx, caller, input).await;
            run.end(cx, outcome).await
        }
    }
}

async fn handle<R: Route>(cx: &Cx, caller: R::Caller, input: R::Input) -> Result<Response<Body>> {
    let reply = R::handle(cx, caller, input).await?;
    if let (Revalidation::ByEtag, Some(etag)) = (R::REVALIDATION, reply.etag_named())
        && cx.has(etag)
    {
        return not_modified(etag);
    }
    let (body, media_type) = reply.body.encode()?;
    let mut response = Response::builder().status(R::SUCCESS);
    if let Some(media_type) = media_type {
        response = response.header(header::CONTENT_TYPE, media_type);
    }
    for (name, value) in &reply.headers {
        response = response.header(name, header_value(value));
    }
    let response = response.extension(reply.finality);
    response.body(body).map_err(Problem::internal)
}

fn not_modified(etag: &str) -> Result<Response<Body>> {
    let response = Response::builder().status(http::StatusCode::NOT_MODIFIED).header(header::ETAG, header_value(etag));
    response.body(Body::Empty).map_err(Problem::internal)
}

fn problem_response(problem: &Problem, request_id: &str) -> Response<Body> {
    let body = serde_json::to_string(&problem.body(request_id)).unwrap_or_default();
    let mut response = Response::new(Body::Text(body));
    *response.status_mut() = problem.status();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, header_value("application/problem+json"));
    if let Some(seconds) = problem.retry_after {
        headers.insert(header::RETRY_AFTER, seconds.into());
    }
    if problem.status() == http::StatusCode::UNAUTHORIZED {
        headers.insert(header::WWW_AUTHENTICATE, header_value("Bearer"));
    }
    response
}

fn finish(mut response: Response<Body>, request_id: &str) -> Response<Body> {
    let headers = response.headers_mut();
    headers.insert("request-id", header_value(request_id));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, header_value("nosniff"));
    headers.entry(header::CACHE_CONTROL).or_insert_with(|| header_value("no-store"));
    response
}

fn report<R: Route>(cx: &Cx, status: u16, problem: Option<&Problem>, started: Instant) {
    let tally = cx.store.meter().tally();
    let took = started.elapsed();
    let code = problem.map(|problem| problem.code.as_str());
    let inside = problem.and_then(Problem::inside);
    let user = cx.user.map(|user| user.to_string());
    let api_key = cx.api_key.map(|key| key.to_string());
    let tenant = cx.tenant.map(|tenant| tenant.to_string());
    let (calls, capacity_units, millis) = (tally.calls, tally.capacity_units, took.as_secs_f64() * 1000.0);
    let (function, request_id) = (R::NAME, cx.request_id.as_str());
    match inside {
        Some(inside) => tracing::error!(
            function,
            request_id,
            tenant,
            user,
            api_key,
            status,
            code,
            calls,
            capacity_units,
            millis,
            inside,
            "failed"
        ),
        None => {
            tracing::info!(
                function,
                request_id,
                tenant,
                user,
                api_key,
                status,
                code,
                calls,
                capacity_units,
                millis,
                "served"
            )
        }
    }
    if let Some(observer) = &cx.app.observer {
        observer(Observation { function, status, tally, took });
    }
}

fn request_id(request: &Request) -> String {
    match request.request_context_ref() {
        Some(RequestContext::ApiGatewayV2(context)) => context.request_id.clone().unwrap_or_default(),
        _ => String::new(),
    }
}

pub(crate) const fn access<R: Route>() -> Declared {
    [R::ACCESS, R::AUTH.access(), R::IDEMPOTENCY.access()]
}

pub(crate) fn input_schema<R: Route>(generator: &mut SchemaGenerator) -> Schema {
    R::Input::json_schema(generator)
}

pub(crate) fn output_content<R: Route>(generator: &mut SchemaGenerator) -> Content {
    R::Output::content(generator)
}
