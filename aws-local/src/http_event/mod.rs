//! API Gateway's HTTP API in front of Lambda: a request as an event, a function's answer as a response, and
//! which route a request belongs to.
//!
//! Reproduces payload format 2.0 of
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html> and
//! the routes of <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-routes.html>.

mod request;
mod response;
mod routes;

pub use request::{Gateway, Request};
pub use response::{MalformedResponse, from_response};
pub use routes::{Found, Match, RouteConflict, RouteTable};
