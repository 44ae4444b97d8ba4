//! A request, built up and sent.

use super::{Answer, Death, Mortal, Person, World};
use aws_local::http_event::{Found, Gateway, Request, RouteTable};
use common::function::Function;
use serde_json::Value;
use std::net::{IpAddr, Ipv4Addr};

pub struct RequestTo<'w> {
    world: &'w World,
    method: &'static str,
    path: String,
    headers: Vec<(String, String)>,
    body: Option<Vec<u8>>,
    from: Option<Ipv4Addr>,
}

impl<'w> RequestTo<'w> {
    pub fn new(world: &'w World, method: &'static str, path: &str) -> RequestTo<'w> {
        RequestTo { world, method, path: path.to_owned(), headers: Vec::new(), body: None, from: None }
    }

    pub fn json(self, body: Value) -> RequestTo<'w> {
        self.header("content-type", "application/json").body(body.to_string())
    }

    pub fn body(mut self, body: impl Into<Vec<u8>>) -> RequestTo<'w> {
        self.body = Some(body.into());
        self
    }

    pub fn header(mut self, name: &str, value: &str) -> RequestTo<'w> {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// From this address instead of 127.0.0.1: all of 127.0.0.0/8 is this machine, and Linux lets a client be any of it.
    pub fn from(mut self, address: Ipv4Addr) -> RequestTo<'w> {
        self.from = Some(address);
        self
    }

    /// Signed in, and in the workspace they came in by.
    pub fn by(self, person: &Person) -> RequestTo<'w> {
        self.token(&person.access_token).header("x-tenant-id", &person.tenant)
    }

    /// Signed in.
    pub fn token(self, token: &str) -> RequestTo<'w> {
        self.header("authorization", &format!("Bearer {token}"))
    }

    /// Sends it. Whatever comes back has to be what the OpenAPI document says.
    pub async fn send(self) -> Answer {
        let method = reqwest::Method::from_bytes(self.method.as_bytes()).unwrap();
        let client = match self.from {
            Some(address) => reqwest::Client::builder().local_address(IpAddr::from(address)).build().unwrap(),
            None => self.world.http.clone(),
        };
        let mut request = client.request(method, format!("{}{}", self.world.url(), self.path));
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        if let Some(body) = self.body {
            request = request.body(body);
        }
        let answer = Answer::read(request.send().await.unwrap()).await;
        self.world.document.check(self.method, &self.path, &answer);
        answer
    }

    /// Hands it to an instance of its own of the function that answers it, which ends at `death`. The answer, if there is one.
    pub async fn dying(self, function: &str, death: Death) -> Option<Answer> {
        let function = functions::all().find(|other| other.name == function).unwrap();
        let event = self.event_for(function);
        let answer = Mortal::new(self.world, function.name, death).await.serve(event).await?;
        self.world.document.check(self.method, &self.path, &answer);
        Some(answer)
    }

    /// What API Gateway makes of it.
    fn event_for(&self, function: &Function) -> Value {
        let method = self.method.parse().unwrap();
        let mut routes = RouteTable::new();
        routes.add(method, function.http().unwrap().path, ()).unwrap();
        let method = self.method.parse().unwrap();
        let Found::Match(found) = routes.find(&method, &self.path) else {
            panic!("{} {} is not for {}", self.method, self.path, function.name)
        };
        let headers = self.headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
        Gateway::at("api.callaro.example").to_event(&Request {
            method: &method,
            path: &self.path,
            raw_query: "",
            headers: &headers.collect(),
            body: self.body.as_deref().unwrap_or_default(),
            source_ip: IpAddr::from(self.from.unwrap_or(Ipv4Addr::LOCALHOST)),
            route_key: found.route_key,
            path_parameters: &found.params,
        })
    }
}
