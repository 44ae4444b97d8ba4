//! Stand-ins, on loopback, for the AWS services around a serverless backend's functions.
//!
//! | module | stands in for |
//! |---|---|
//! | [`event_source`] | Lambda's event source mapping of a DynamoDB stream |
//! | [`dynamo_stream`] | the DynamoDB stream itself, read from an embedded `dynoxide` table |
//! | [`lambda_runtime_api`] | the Lambda service around a function's real binary |
//! | [`http_event`] | API Gateway's HTTP API: events, responses, routes |
//! | [`ses`] | SES v2's `SendEmail`, with a mailbox to look into |
//!
//! Nothing in here knows what the functions do: the crate could serve another project unchanged.

pub mod dynamo_stream;
pub mod event_source;
pub mod http_event;
pub mod invoke;
pub mod lambda_runtime_api;
mod locking;
pub mod ses;
mod stamp;

pub use invoke::{Invoke, InvokeError};
