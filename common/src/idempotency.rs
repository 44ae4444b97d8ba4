//! `Idempotency-Key`: a client whose request went unanswered sends it again, and it is carried out once
//! (<https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/>).
//!
//! A key is its user's, in one tenant and for one route: nobody meets another's. It is good for [`KEPT`], from the request that
//! first had it. What became of that request, its [`Entry`] tells:
//!
//! | the first request | the same again | another body |
//! |---|---|---|
//! | was answered | the same answer, byte for byte | 422 `idempotency_mismatch` |
//! | is at work | 409 `idempotency_in_flight` | 422 `idempotency_mismatch` |
//! | was lost | runs again, with the first one's mark | 422 `idempotency_mismatch` |
//! | did only part of it now | runs again, with the first one's mark | 422 `idempotency_mismatch` |
//! | was refused, and so wrote nothing | runs as if it were the first | runs as if it were the first |
//!
//! Only successes are kept. A refusal says that nothing was written, so its entry is deleted: a corrected request, or a later
//! one, may have the key. Two say less: a 500, because nobody knows how far that request came, and any refusal of a request that
//! follows a lost one. Their entry stays, as the entry of a request whose process died does. [`LEASE`] after its start such a
//! request counts as lost.
//!
//! So does one whose answer could not be kept: its client is answered all the same, since the work is done, and whoever sends it
//! again after the lease makes it run again. A route therefore takes the ids of what it creates from
//! [`Cx::id_for`](crate::route::Cx::id_for), and finds it again by these.

use crate::auth::caller::Auth;
use crate::error::{Code, Problem, Result};
use crate::json::sorted;
use crate::keys::{self, Kind};
use crate::reply::{Finality, header_value};
use crate::route::{Cx, Method, Route};
use crate::store::{Access, Guard, Stored, was_refused_with};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::Timestamp;
use domain::id::{RequestMark, TenantId, UserId};
use http::header;
use jiff::SignedDuration;
use lambda_http::{Body, Response};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::fmt;
use uuid::{Builder, Uuid};

/// The header that a client names its request in.
pub const KEY_HEADER: &str = "Idempotency-Key";
/// The header of an answer that was given before.
pub const REPLAYED_HEADER: &str = "Idempotency-Replayed";

/// How long a key is good for.
const KEPT: SignedDuration = SignedDuration::from_hours(24);
/// How long a request is taken to be at work: longer than a route may take ([`Function::timeout`](crate::function::Function)),
/// and than the clocks of two instances differ.
const LEASE: SignedDuration = SignedDuration::from_secs(35);
/// In seconds: how soon to ask again for a request that is at work. Most take less.
const ASK_AGAIN_AFTER: u64 = 1;

/// Whether a route can be asked to do the same thing only once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Idempotency {
    /// It looks at no key.
    None,
    /// By the key that the client sends, if it sends one.
    ByKey,
}

impl Idempotency {
    /// What remembering requests does to the table.
    pub const fn access(self) -> &'static [Access] {
        match self {
            Idempotency::None => &[],
            Idempotency::ByKey => &[
                Access::Get(Kind::Idempotency),
                Access::Create(Kind::Idempotency),
                Access::Replace(Kind::Idempotency),
                Access::Delete(Kind::Idempotency),
            ],
        }
    }

    /// What a request with a key can be told.
    pub const fn refuses(self) -> &'static [Code] {
        match self {
            Idempotency::None => &[],
            Idempotency::ByKey => &[Code::IdempotencyInFlight, Code::IdempotencyMismatch],
        }
    }

    /// A key needs somebody whose it is, and is for creating: the other methods can be repeated as they are (RFC 9110 §9.2.2) or
    /// say which version they change.
    pub(crate) const fn suits(self, auth: Auth, method: Method) -> bool {
        match self {
            Idempotency::None => true,
            Idempotency::ByKey => matches!((auth, method), (Auth::Member(_), Method::Post)),
        }
    }
}

/// The id of what the request with this mark creates for `what`: a UUIDv7 as any other, made at the mark's time.
pub(crate) fn id_under(mark: RequestMark, what: &str) -> Uuid {
    let mark = mark.uuid().into_bytes();
    let made_at = mark.iter().take(6).fold(0, |millis, byte| millis << 8 | u64::from(*byte));
    let digest = Sha256::new().chain_update(mark).chain_update(what).finalize();
    let mut random = [0; 10];
    random.iter_mut().zip(digest).for_each(|(to, from)| *to = from);
    Builder::from_unix_timestamp_millis(made_at, &random).into_uuid()
}

/// What a client calls one request of its own. Nobody else's request has this name, whatever its key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RequestName {
    pub(crate) tenant: TenantId,
    pub(crate) user: UserId,
    pub(crate) route: String,
    pub(crate) key: ClientKey,
}

/// 1 to 255 printable ASCII characters, as the client sent them. The quotes of the structured string that the draft asks for,
/// and that few clients send, are some of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ClientKey(String);

impl ClientKey {
    fn parse(text: &str) -> Result<ClientKey> {
        let is_printable = |byte| matches!(byte, b' '..=b'~');
        match (1..=255).contains(&text.len()) && text.bytes().all(is_printable) {
            true => Ok(ClientKey(text.to_owned())),
            false => Err(Problem::field(KEY_HEADER, "invalid", INVALID_KEY)),
        }
    }
}

const INVALID_KEY: &str = "An Idempotency-Key is 1 to 255 printable ASCII characters, and this one is not. Make one for \
                           each request, such as a UUID, and send it with every repeat of that request.";

impl fmt::Display for ClientKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Tells one body from another: a SHA-256 of the request's members, those of the path and those of the body. As they were
/// *meant*: neither their order nor white space is in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Fingerprint(String);

impl Fingerprint {
    fn of(members: &Value) -> Fingerprint {
        Fingerprint(URL_SAFE_NO_PAD.encode(Sha256::digest(sorted(members).to_string())))
    }
}

/// What is remembered of a request with a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Entry {
    pub(crate) request: RequestName,
    fingerprint: Fingerprint,
    /// Of this request, and of those that repeat it.
    mark: RequestMark,
    first_sent_at: Timestamp,
    progress: Progress,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
enum Progress {
    AtWork { until: Timestamp },
    Answered { answer: KeptAnswer },
}

/// What a request has to do, where its key was used before.
#[derive(Debug, PartialEq, Eq)]
enum Next {
    /// Start over: the key is not remembered any more.
    Start,
    /// Run in the place of a request that was lost.
    RunAgain(Entry),
    Answer(KeptAnswer),
}

impl Entry {
    fn started(request: RequestName, fingerprint: Fingerprint, mark: RequestMark, now: Timestamp) -> Entry {
        Entry {
            request,
            fingerprint,
            mark,
            first_sent_at: now,
            progress: Progress::AtWork { until: later(now, LEASE) },
        }
    }

    /// What `repeat`, which has the same name, has to do.
    fn next_for(&self, repeat: &Entry) -> Result<Next> {
        let now = repeat.first_sent_at;
        if self.is_over(now) {
            return Ok(Next::Start);
        }
        if self.fingerprint != repeat.fingerprint {
            return Err(mismatch());
        }
        match &self.progress {
            Progress::Answered { answer } => Ok(Next::Answer(answer.clone())),
            Progress::AtWork { .. } if self.is_at_work(now) => Err(in_flight()),
            Progress::AtWork { .. } => Ok(Next::RunAgain(self.lent(now))),
        }
    }

    /// Remembered no longer, swept or not. Nobody takes a key from under a request that is at work.
    fn is_over(&self, now: Timestamp) -> bool {
        now >= later(self.first_sent_at, KEPT) && !self.is_at_work(now)
    }

    fn is_at_work(&self, now: Timestamp) -> bool {
        matches!(self.progress, Progress::AtWork { until } if now < until)
    }

    /// For another try at the same request.
    fn lent(&self, now: Timestamp) -> Entry {
        Entry { progress: Progress::AtWork { until: later(now, LEASE) }, ..self.clone() }
    }

    fn answered(&self, answer: KeptAnswer) -> Entry {
        Entry { progress: Progress::Answered { answer }, ..self.clone() }
    }

    /// Never while a request is at work that was sent while the key was good.
    pub(crate) fn swept_at(&self) -> Timestamp {
        later(later(self.first_sent_at, KEPT), LEASE)
    }
}

fn later(moment: Timestamp, by: SignedDuration) -> Timestamp {
    moment.saturating_add(by).unwrap_or(Timestamp::MAX)
}

/// An answer, to be given again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct KeptAnswer {
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
}

impl KeptAnswer {
    /// A cookie is a secret, and good for whoever it is given to: it is not kept, and no answer without it is the same answer.
    fn of(response: &Response<Body>) -> Result<KeptAnswer> {
        if response.headers().contains_key(header::SET_COOKIE) {
            return Err(Problem::internal("a route by key sets a cookie, which may not be kept"));
        }
        let body = match response.body() {
            Body::Empty => String::new(),
            Body::Text(text) => text.clone(),
            _ => return Err(Problem::internal("a route by key answers what is not text")),
        };
        let header = |(name, value): (&header::HeaderName, &header::HeaderValue)| {
            let value = value.to_str().map_err(Problem::internal)?;
            Ok((name.as_str().to_owned(), value.to_owned()))
        };
        let headers = response.headers().iter().map(header).collect::<Result<_>>()?;
        Ok(KeptAnswer { status: response.status().as_u16(), headers, body })
    }

    fn give_again(self) -> Result<Response<Body>> {
        let mut response = Response::builder().status(self.status).header(REPLAYED_HEADER, "true");
        for (name, value) in &self.headers {
            response = response.header(name, header_value(value));
        }
        let body = if self.body.is_empty() { Body::Empty } else { Body::Text(self.body) };
        response.body(body).map_err(Problem::internal)
    }
}

fn in_flight() -> Problem {
    let detail = "A request with this Idempotency-Key is at work, so this one was not started. Send it again in a moment, \
                  with the same key: it gets the first one's answer, or runs should that one have been lost.";
    let mut problem = Problem::new(Code::IdempotencyInFlight, detail);
    problem.retry_after = Some(ASK_AGAIN_AFTER);
    problem
}

fn mismatch() -> Problem {
    Problem::new(
        Code::IdempotencyMismatch,
        "This Idempotency-Key came with another request in the last 24 hours, so nothing was done. Send this request with \
         a key of its own, or that one as it was.",
    )
}

/// The request as its client named it; nothing where it has no key, or the route looks at none.
pub(crate) fn named<R: Route>(cx: &Cx, members: &Value) -> Result<Option<Entry>> {
    match (R::IDEMPOTENCY, cx.header(KEY_HEADER)) {
        (Idempotency::ByKey, Some(key)) => entry(cx, R::NAME, ClientKey::parse(key)?, members).map(Some),
        (Idempotency::ByKey, None) | (Idempotency::None, _) => Ok(None),
    }
}

fn entry(cx: &Cx, route: &str, key: ClientKey, members: &Value) -> Result<Entry> {
    let (tenant, user) = cx.member().ok_or_else(|| Problem::internal("a key on a route that is not for members"))?;
    let request = RequestName { tenant, user, route: route.to_owned(), key };
    Ok(Entry::started(request, Fingerprint::of(members), RequestMark::from_uuid(cx.new_id()?), cx.now()))
}

/// How a request with a key begins.
pub(crate) enum Begun {
    /// It was carried out before, and this was its answer.
    Before(Response<Body>),
    Now(Run),
}

/// Takes the key, of any number of requests at once for one of them.
pub(crate) async fn begin(cx: &Cx, entry: Entry) -> Result<Begun> {
    let taken = cx.store().transaction().create(&entry, in_flight()).commit().await;
    if was_refused_with(&taken, Code::IdempotencyInFlight) {
        return begin_again(cx, entry).await;
    }
    taken?;
    Ok(Begun::Now(Run { entry: Stored { item: entry, version: 1 }, after: After::Nothing }))
}

async fn begin_again(cx: &Cx, repeat: Entry) -> Result<Begun> {
    // What is not there any more was there a moment ago, and may be the next moment.
    let earlier = cx.store().get(keys::idempotency(&repeat.request)).await?.ok_or_else(in_flight)?;
    match earlier.next_for(&repeat)? {
        Next::Answer(answer) => answer.give_again().map(Begun::Before),
        Next::Start => take_over(cx, &earlier, repeat, After::Nothing).await,
        Next::RunAgain(entry) => take_over(cx, &earlier, entry, After::ALostOne).await,
    }
}

async fn take_over(cx: &Cx, earlier: &Stored<Entry>, entry: Entry, after: After) -> Result<Begun> {
    cx.store().transaction().replace(earlier, &entry, in_flight()).commit().await?;
    Ok(Begun::Now(Run { entry: Stored { item: entry, version: earlier.version + 1 }, after }))
}

/// A request that has its key to itself, until it ends.
pub(crate) struct Run {
    entry: Stored<Entry>,
    after: After,
}

/// What may have been written under a run's mark before it began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum After {
    Nothing,
    /// Nobody knows what.
    ALostOne,
}

impl Run {
    pub(crate) fn mark(&self) -> RequestMark {
        self.entry.mark
    }

    /// Remembers what became of it. An answer that is not final is not kept: the same request may run again at once, under this one's
    /// mark, and goes on where this one stopped. Where that fails, the client is answered all the same: the work is done. The entry then
    /// stays as it is, and after the lease the same request runs again. That goes for an answer too that is larger than an item
    /// can be, 400 KB
    /// (<https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html>).
    pub(crate) async fn end(self, cx: &Cx, outcome: Result<Response<Body>>) -> Result<Response<Body>> {
        let remembered = match &outcome {
            Ok(response) if response.extensions().get() == Some(&Finality::Unfinished) => self.leave(cx).await,
            Ok(response) => self.keep(cx, KeptAnswer::of(response)?).await,
            Err(problem) if self.wrote_nothing(problem) => self.free(cx).await,
            Err(_) => Ok(()),
        };
        if let Err(problem) = remembered {
            tracing::warn!(tenant = %self.entry.request.tenant, %problem, "what became of a request was not noted");
        }
        outcome
    }

    async fn leave(&self, cx: &Cx) -> Result<()> {
        let left = Entry { progress: Progress::AtWork { until: cx.now() }, ..self.entry.item.clone() };
        cx.store().transaction().replace(&self.entry, &left, in_flight()).commit().await
    }

    async fn keep(&self, cx: &Cx, answer: KeptAnswer) -> Result<()> {
        let answered = self.entry.answered(answer);
        cx.store().transaction().replace(&self.entry, &answered, in_flight()).commit().await
    }

    fn wrote_nothing(&self, problem: &Problem) -> bool {
        self.after == After::Nothing && problem.code != Code::Internal
    }

    async fn free(&self, cx: &Cx) -> Result<()> {
        let ours = Guard::version(self.entry.version);
        let key = keys::idempotency(&self.entry.request);
        cx.store().transaction().delete(key, ours, in_flight()).commit().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::role::Permission;
    use serde_json::json;

    const MEMBERS: Auth = Auth::Member(Permission::ManageInvites);

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).unwrap()
    }

    fn sent(body: Value, seconds: i64) -> Entry {
        let request = RequestName {
            tenant: "ten_00000000000000000000000000000001".parse().unwrap(),
            user: "usr_00000000000000000000000000000002".parse().unwrap(),
            route: "make-thing".to_owned(),
            key: ClientKey::parse("k#1").unwrap(),
        };
        let mark = RequestMark::from_uuid(uuid::Uuid::from_u128(u128::try_from(seconds).unwrap()));
        Entry::started(request, Fingerprint::of(&body), mark, at(seconds))
    }

    fn answer() -> KeptAnswer {
        KeptAnswer { status: 200, headers: vec![("etag".to_owned(), "\"1\"".to_owned())], body: "{}".to_owned() }
    }

    const DAY: i64 = 24 * 60 * 60;

    #[test]
    fn an_id_under_a_mark_is_always_the_same_and_sorts_by_when_the_mark_was_made() {
        let mark = |millis| RequestMark::from_uuid(Builder::from_unix_timestamp_millis(millis, &[7; 10]).into_uuid());
        assert_eq!(id_under(mark(5), "a"), id_under(mark(5), "a"));
        assert_ne!(id_under(mark(5), "a"), id_under(mark(5), "b"));
        assert!(id_under(mark(5), "a") < id_under(mark(6), "a") && id_under(mark(5), "b") < id_under(mark(6), "a"));
        assert_eq!(id_under(mark(5), "a").get_version_num(), 7);
    }

    #[test]
    fn a_key_is_1_to_255_printable_ascii_characters() {
        for key in ["a", "\"8e03978e-40d5-43dd-bc93-6894a57f9324\"", "with space # and ~", &"x".repeat(255)] {
            assert_eq!(ClientKey::parse(key).unwrap().to_string(), key);
        }
        for key in ["", "\t", "a\u{7f}", "é", "\u{fffd}", "a\nb", &"x".repeat(256)] {
            let problem = ClientKey::parse(key).unwrap_err();
            assert_eq!((problem.code, problem.errors[0].pointer.as_str()), (Code::ValidationFailed, "Idempotency-Key"));
        }
    }

    #[test]
    fn an_entry_stands_in_its_tenants_partition_with_the_clients_key_last() {
        let key = keys::idempotency(&sent(json!({}), 0).request);
        let partition = "TENANT#ten_00000000000000000000000000000001";
        let sort_key = "IDEMPOTENCY#make-thing#usr_00000000000000000000000000000002#k#1";
        assert_eq!((key.pk.as_str(), key.sk.as_str()), (partition, sort_key));
    }

    #[test]
    fn a_fingerprint_knows_neither_the_order_of_members_nor_white_space() {
        let of = |text: &str| Fingerprint::of(&serde_json::from_str(text).unwrap());
        assert_eq!(of(r#"{"a":[{"c":1,"d":2}],"b":null}"#), of("{ \"b\": null,\n \"a\": [ {\"d\":2, \"c\":1} ] }"));
        for other in [r#"{"a":[1,2]}"#, r#"{"a":[2,1]}"#, r#"{"a":["1",2]}"#, r#"{"a":[1,2],"b":null}"#] {
            let same: Vec<_> = [r#"{"a":[1,2]}"#, r#"{"a":[2,1]}"#, r#"{"a":["1",2]}"#, r#"{"a":[1,2],"b":null}"#]
                .into_iter()
                .filter(|text| of(text) == of(other))
                .collect();
            assert_eq!(same, [other]);
        }
    }

    #[test]
    fn the_same_request_gets_the_answer_that_was_kept_for_a_day() {
        let first = sent(json!({}), 0).answered(answer());
        for seconds in [0, 60, DAY - 1] {
            assert_eq!(first.next_for(&sent(json!({}), seconds)).unwrap(), Next::Answer(answer()));
        }
        assert_eq!(first.next_for(&sent(json!({}), DAY)).unwrap(), Next::Start);
    }

    #[test]
    fn another_body_is_refused_for_a_day_whatever_became_of_the_first() {
        let first = sent(json!({ "a": 1 }), 0);
        for first in [first.clone(), first.answered(answer())] {
            for seconds in [0, 60, DAY - 1] {
                let refused = first.next_for(&sent(json!({ "a": 2 }), seconds)).unwrap_err();
                assert_eq!(refused.code, Code::IdempotencyMismatch);
            }
            assert_eq!(first.next_for(&sent(json!({ "a": 2 }), DAY)).unwrap(), Next::Start);
        }
    }

    #[test]
    fn a_request_is_at_work_for_its_lease_and_then_runs_again_under_its_first_mark() {
        let first = sent(json!({}), 0);
        let refused = first.next_for(&sent(json!({}), 34)).unwrap_err();
        assert_eq!((refused.code, refused.retry_after), (Code::IdempotencyInFlight, Some(1)));
        let Next::RunAgain(again) = first.next_for(&sent(json!({}), 35)).unwrap() else { panic!("not again") };
        assert_eq!((again.mark, again.first_sent_at), (first.mark, first.first_sent_at));
        assert_eq!(again.next_for(&sent(json!({}), 69)).unwrap_err().code, Code::IdempotencyInFlight);
    }

    #[test]
    fn no_key_is_taken_from_under_a_request_at_work_and_none_is_swept() {
        let Next::RunAgain(late) = sent(json!({}), 0).next_for(&sent(json!({}), DAY - 1)).unwrap() else {
            panic!("not again")
        };
        assert_eq!(late.next_for(&sent(json!({}), DAY + 33)).unwrap_err().code, Code::IdempotencyInFlight);
        assert_eq!(late.next_for(&sent(json!({}), DAY + 34)).unwrap(), Next::Start);
        assert!(late.swept_at() >= at(DAY + 34));
    }

    #[test]
    fn an_answer_is_given_again_as_it_was_and_says_so() {
        let mut response = Response::new(Body::Text("{\"a\": 1}".to_owned()));
        *response.status_mut() = http::StatusCode::CREATED;
        response.headers_mut().insert(header::ETAG, header_value("\"7\""));
        let again = KeptAnswer::of(&response).unwrap().give_again().unwrap();
        assert_eq!((again.status(), again.body()), (response.status(), response.body()));
        assert_eq!(again.headers()["etag"], "\"7\"");
        assert_eq!(again.headers()["idempotency-replayed"], "true");
    }

    #[test]
    fn no_cookie_is_kept() {
        let mut response = Response::new(Body::Empty);
        response.headers_mut().insert(header::SET_COOKIE, header_value("a=b"));
        assert_eq!(KeptAnswer::of(&response).unwrap_err().code, Code::Internal);
    }

    #[test]
    fn a_refusal_wrote_nothing_but_a_500_or_one_after_a_lost_request_may_have() {
        let run = |after| Run { entry: Stored { item: sent(json!({}), 0), version: 1 }, after };
        assert!(run(After::Nothing).wrote_nothing(&Problem::try_again()));
        assert!(run(After::Nothing).wrote_nothing(&Problem::not_found()));
        assert!(!run(After::Nothing).wrote_nothing(&Problem::internal("a write without an answer")));
        assert!(!run(After::ALostOne).wrote_nothing(&Problem::not_found()));
    }

    #[test]
    fn an_entry_reads_back_as_it_was_kept() {
        for entry in [sent(json!({}), 0), sent(json!({}), 0).answered(answer())] {
            let kept: crate::store::Attributes = serde_dynamo::to_item(&entry).unwrap();
            assert_eq!(serde_dynamo::from_item::<_, Entry>(kept).unwrap(), entry);
        }
    }

    #[test]
    fn only_a_post_of_members_takes_a_key() {
        assert!(Idempotency::ByKey.suits(MEMBERS, Method::Post));
        for (auth, method) in
            [(MEMBERS, Method::Patch), (MEMBERS, Method::Get), (Auth::User, Method::Post), (Auth::Nobody, Method::Post)]
        {
            assert!(!Idempotency::ByKey.suits(auth, method));
            assert!(Idempotency::None.suits(auth, method));
        }
    }
}
