//! One entry of the manifest: a route or trigger without its types, plain data and `fn` pointers.
//!
//! From the manifest come the local router, the OpenAPI document, each function's deployment, the authorisation matrix, the
//! binaries in `src/bin` and the generated tests.

use crate::app::App;
use crate::auth::caller::{Auth, Caller};
use crate::auth::token::TokenKind;
use crate::error::Code;
use crate::feedback::{self, FeedbackTrigger};
use crate::idempotency::Idempotency;
use crate::reply::Content;
use crate::route::{Method, Revalidation, Route};
use crate::schedule::{self, Hours, ScheduledTrigger, Watched};
use crate::signing_keys::{self, Fetch};
use crate::store::{Access, Declared};
use crate::trigger::{Listen, Patience, SendsMail, StreamTrigger};
use futures::future::BoxFuture;
use lambda_http::{Body, Request, Response};
use schemars::{Schema, SchemaGenerator};
use serde_json::Value;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

pub struct Function {
    /// Binary, Lambda function and OpenAPI operation id.
    pub name: &'static str,
    /// One line, for people.
    pub summary: &'static str,
    access: Declared,
    /// The kinds of token it signs, hence the private keys it may read.
    pub signs: &'static [TokenKind],
    /// How it comes by those.
    pub signing_keys: Fetch,
    pub sends_mail: SendsMail,
    pub memory_mb: u32,
    pub source: Source,
}

/// What makes a function run.
pub enum Source {
    Http(Http),
    Stream(Stream),
    /// What becomes of mail, from SES by way of EventBridge.
    Feedback(Feedback),
    /// The clock.
    Schedule(Schedule),
}

pub struct Http {
    pub method: Method,
    pub path: &'static str,
    pub auth: Auth,
    pub idempotency: Idempotency,
    pub revalidation: Revalidation,
    pub success: u16,
    refuses: &'static [Code],
    pub input: fn(&mut SchemaGenerator) -> Schema,
    pub output: fn(&mut SchemaGenerator) -> Content,
    /// A valid input, path parameters left out.
    pub example: fn() -> Value,
    pub serve: fn(Arc<App>, Request) -> BoxFuture<'static, Response<Body>>,
}

pub struct Stream {
    pub listens: Listen,
    pub batch_size: u32,
    pub parallelization: u32,
    pub patience: Patience,
    pub run: Run,
}

pub struct Feedback {
    pub run: Run,
}

pub struct Schedule {
    pub every: Hours,
    pub watched: &'static [Watched],
    pub run: Run,
}

/// Runs a trigger on what its source hands over.
pub type Run = fn(Arc<App>, Value) -> BoxFuture<'static, Result<Value, String>>;

impl Function {
    pub const fn route<R: Route>() -> Function {
        const {
            assert!(R::SUCCESS >= 200 && R::SUCCESS < 300);
            assert!(R::Caller::KIND as u8 == R::AUTH.caller() as u8, "Caller is not the type that goes with AUTH");
            assert!(R::IDEMPOTENCY.suits(R::AUTH, R::METHOD), "only a POST of members takes a key");
        };
        Function {
            name: R::NAME,
            summary: R::SUMMARY,
            access: crate::route::access::<R>(),
            signs: R::SIGNS,
            signing_keys: signing_keys::fetch_for(R::SIGNS),
            sends_mail: SendsMail::No,
            memory_mb: R::MEMORY_MB,
            source: Source::Http(Http {
                method: R::METHOD,
                path: R::PATH,
                auth: R::AUTH,
                idempotency: R::IDEMPOTENCY,
                revalidation: R::REVALIDATION,
                success: R::SUCCESS,
                refuses: R::REFUSES,
                input: crate::route::input_schema::<R>,
                output: crate::route::output_content::<R>,
                example: R::example,
                serve: crate::route::serve::<R>,
            }),
        }
    }

    pub const fn stream<T: StreamTrigger>() -> Function {
        Function {
            name: T::NAME,
            summary: T::SUMMARY,
            access: [T::ACCESS, &[], &[]],
            signs: T::SIGNS,
            signing_keys: signing_keys::fetch_for(T::SIGNS),
            sends_mail: T::SENDS_MAIL,
            memory_mb: T::MEMORY_MB,
            source: Source::Stream(Stream {
                listens: T::LISTENS,
                batch_size: T::BATCH_SIZE,
                parallelization: T::PARALLELIZATION,
                patience: T::PATIENCE,
                run: crate::trigger::run::<T>,
            }),
        }
    }

    pub const fn feedback<T: FeedbackTrigger>() -> Function {
        let source = Source::Feedback(Feedback { run: feedback::run::<T> });
        Function::of_event(T::NAME, T::SUMMARY, T::ACCESS, T::MEMORY_MB, source)
    }

    pub const fn schedule<T: ScheduledTrigger>() -> Function {
        let source = Source::Schedule(Schedule { every: T::EVERY, watched: T::WATCHED, run: schedule::run::<T> });
        Function::of_event(T::NAME, T::SUMMARY, T::ACCESS, T::MEMORY_MB, source)
    }

    /// What EventBridge runs: it signs nothing and sends no mail.
    const fn of_event(
        name: &'static str,
        summary: &'static str,
        access: &'static [Access],
        memory_mb: u32,
        source: Source,
    ) -> Function {
        Function {
            name,
            summary,
            access: [access, &[], &[]],
            signs: &[],
            signing_keys: signing_keys::fetch_for(&[]),
            sends_mail: SendsMail::No,
            memory_mb,
            source,
        }
    }

    /// How long it may take. A route less than an HTTP API waits for it, which is thirty seconds
    /// (<https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html>).
    pub const fn timeout(&self) -> Duration {
        match self.source {
            Source::Http(_) => Duration::from_secs(29),
            Source::Stream(_) | Source::Feedback(_) => Duration::from_secs(60),
            // The longest that Lambda lets a function run.
            Source::Schedule(_) => Duration::from_secs(15 * 60),
        }
    }

    /// All that it may do to the table.
    pub fn access(&self) -> BTreeSet<Access> {
        self.access.iter().copied().flatten().copied().collect()
    }

    pub fn http(&self) -> Option<&Http> {
        match &self.source {
            Source::Http(http) => Some(http),
            Source::Stream(_) | Source::Feedback(_) | Source::Schedule(_) => None,
        }
    }

    pub fn stream_source(&self) -> Option<&Stream> {
        match &self.source {
            Source::Stream(stream) => Some(stream),
            Source::Http(_) | Source::Feedback(_) | Source::Schedule(_) => None,
        }
    }

    pub fn is_run_by_feedback(&self) -> bool {
        matches!(self.source, Source::Feedback(_))
    }

    pub fn schedule_source(&self) -> Option<&Schedule> {
        match &self.source {
            Source::Schedule(schedule) => Some(schedule),
            Source::Http(_) | Source::Stream(_) | Source::Feedback(_) => None,
        }
    }
}

impl Http {
    /// Every refusal it can answer: its own, those of its caller, of its input, and of the key it may have.
    pub fn refusals(&self) -> BTreeSet<Code> {
        let mut codes: BTreeSet<Code> = [Code::Internal, Code::TryAgain].into();
        codes.extend(self.refuses);
        codes.extend(self.auth.refuses());
        codes.extend(self.idempotency.refuses());
        codes.extend([Code::ValidationFailed, Code::BodyTooLarge]);
        if self.method.has_body() {
            codes.extend([Code::MalformedJson, Code::MediaType]);
        }
        codes
    }

    /// The names of the `{parameters}` in its path.
    pub fn path_parameters(&self) -> impl Iterator<Item = &'static str> {
        self.path.split('/').filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'))
    }
}
