//! A request to a route of the manifest, before it is sent: over HTTP, or as the event that the gateway makes of it.

use crate::Result;
use crate::scene::Person;
use aws_local::http_event::{self, Gateway};
use common::function::{Function, Http};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde_json::Value;
use std::net::Ipv4Addr;

pub struct Request {
    pub function: &'static Function,
    route: &'static Http,
    parameters: Vec<(String, String)>,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Request {
    /// To the route that the function of this name serves.
    pub fn to(name: &str) -> Result<Request> {
        let function = functions::all().find(|function| function.name == name);
        let function = function.ok_or_else(|| format!("the manifest has no {name}"))?;
        let route = function.http().ok_or_else(|| format!("{name} is no route"))?;
        Ok(Request { function, route, parameters: Vec::new(), headers: HeaderMap::new(), body: Vec::new() })
    }

    pub fn parameter(mut self, name: &str, value: &str) -> Request {
        self.parameters.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn header(mut self, name: &'static str, value: &str) -> Result<Request> {
        self.headers.insert(HeaderName::from_static(name), HeaderValue::from_str(value)?);
        Ok(self)
    }

    /// Signed in, in the workspace they came in by.
    pub fn by(self, person: &Person) -> Result<Request> {
        let bearer = format!("Bearer {}", person.access_token);
        self.header("authorization", &bearer)?.header("x-tenant-id", &person.tenant)
    }

    pub fn json(self, body: &Value) -> Result<Request> {
        Ok(Request { body: body.to_string().into_bytes(), ..self.header("content-type", "application/json")? })
    }

    pub fn success(&self) -> u16 {
        self.route.success
    }

    pub fn over_http(&self, client: &reqwest::Client, api: &str) -> Result<reqwest::RequestBuilder> {
        let request = client.request(self.method()?, format!("{api}{}", self.path()));
        Ok(request.headers(self.headers.clone()).body(self.body.clone()))
    }

    pub fn as_event(&self, gateway: &Gateway) -> Result<Value> {
        Ok(gateway.to_event(&http_event::Request {
            method: &self.method()?,
            path: &self.path(),
            raw_query: "",
            headers: &self.headers,
            body: &self.body,
            source_ip: Ipv4Addr::LOCALHOST.into(),
            route_key: &format!("{} {}", self.route.method.as_str(), self.route.path),
            path_parameters: &self.parameters,
        }))
    }

    fn method(&self) -> Result<Method> {
        Ok(Method::from_bytes(self.route.method.as_str().as_bytes())?)
    }

    fn path(&self) -> String {
        let fill = |path: String, (name, value): &(String, String)| path.replace(&format!("{{{name}}}"), value);
        self.parameters.iter().fold(self.route.path.to_owned(), fill)
    }
}
