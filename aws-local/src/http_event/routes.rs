//! Which route a request belongs to.
//!
//! Reproduces route selection of
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-routes.html>: the method is
//! part of the route, and of several matching routes the most specific one wins, where text is more specific
//! than a parameter. Departs from it in one thing: a path that exists with other methods only is told apart
//! from one that does not exist, so that a gateway can answer 405 with `Allow`.

use http::Method;
use percent_encoding::percent_decode_str;

/// Routes, and what stands behind each.
#[derive(Debug, Clone)]
pub struct RouteTable<T> {
    routes: Vec<Route<T>>,
}

#[derive(Debug, Clone)]
struct Route<T> {
    method: Method,
    template: Vec<Segment>,
    key: String,
    value: T,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Segment {
    Text(String),
    Parameter(String),
}

/// What there is for a request.
#[derive(Debug, PartialEq, Eq)]
pub enum Found<'a, T> {
    /// A route.
    Match(Match<'a, T>),
    /// The path, with other methods only.
    MethodNotAllowed {
        /// Those methods, in the order in which they were added.
        allow: Vec<Method>,
    },
    /// Nothing.
    NotFound,
}

/// The route of a request.
#[derive(Debug, PartialEq, Eq)]
pub struct Match<'a, T> {
    /// What stands behind the route.
    pub value: &'a T,
    /// The route's key, e.g. `GET /v1/invites/{invite}`.
    pub route_key: &'a str,
    /// Its parameters, percent-decoded, in the order of the path.
    pub params: Vec<(String, String)>,
}

/// Two routes that every request of one would also match as the other.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{added} is the same route as {existing}")]
pub struct RouteConflict {
    existing: String,
    added: String,
}

impl<T> Default for RouteTable<T> {
    fn default() -> Self {
        Self { routes: Vec::new() }
    }
}

impl<T> RouteTable<T> {
    /// A table without routes.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a route; `template` is a path whose `{…}` segments are parameters.
    ///
    /// # Errors
    /// When there is such a route already, whatever its parameters are called.
    pub fn add(&mut self, method: Method, template: &str, value: T) -> Result<(), RouteConflict> {
        let added = Route { key: format!("{method} {template}"), template: read_template(template), method, value };
        if let Some(existing) = self.routes.iter().find(|existing| existing.conflicts_with(&added)) {
            return Err(RouteConflict { existing: existing.key.clone(), added: added.key });
        }
        self.routes.push(added);
        Ok(())
    }

    /// The route of a request with this method and this path (as sent, without the query).
    #[must_use]
    pub fn find(&self, method: &Method, path: &str) -> Found<'_, T> {
        let Some(segments) = decoded_segments(path) else { return Found::NotFound };
        let candidates = || self.routes.iter().filter(|route| route.matches(&segments));
        match candidates().filter(|route| route.method == *method).min_by_key(|route| route.generality()) {
            Some(route) => Found::Match(route.matched(segments)),
            None => no_route(candidates().map(|route| route.method.clone())),
        }
    }
}

impl<T> Route<T> {
    fn conflicts_with(&self, other: &Self) -> bool {
        let alike = |pair: (&Segment, &Segment)| match pair {
            (Segment::Text(one), Segment::Text(other)) => one == other,
            (Segment::Parameter(_), Segment::Parameter(_)) => true,
            _ => false,
        };
        self.method == other.method
            && self.template.len() == other.template.len()
            && self.template.iter().zip(&other.template).all(alike)
    }

    fn matches(&self, segments: &[String]) -> bool {
        self.template.len() == segments.len()
            && self.template.iter().zip(segments).all(|(template, segment)| match template {
                Segment::Text(text) => text == segment,
                Segment::Parameter(_) => !segment.is_empty(),
            })
    }

    /// Orders routes that match the same path: the one with text further left comes first.
    fn generality(&self) -> Vec<bool> {
        self.template.iter().map(|segment| matches!(segment, Segment::Parameter(_))).collect()
    }

    fn matched(&self, segments: Vec<String>) -> Match<'_, T> {
        let parameters = self.template.iter().zip(segments).filter_map(|(template, segment)| match template {
            Segment::Parameter(name) => Some((name.clone(), segment)),
            Segment::Text(_) => None,
        });
        Match { value: &self.value, route_key: &self.key, params: parameters.collect() }
    }
}

fn no_route<'a, T>(methods: impl Iterator<Item = Method>) -> Found<'a, T> {
    let mut allow: Vec<Method> = Vec::new();
    for method in methods {
        if !allow.contains(&method) {
            allow.push(method);
        }
    }
    if allow.is_empty() { Found::NotFound } else { Found::MethodNotAllowed { allow } }
}

fn read_template(template: &str) -> Vec<Segment> {
    template
        .split('/')
        .map(|segment| match segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
            Some(name) => Segment::Parameter(name.to_owned()),
            None => Segment::Text(segment.to_owned()),
        })
        .collect()
}

/// A path's segments; split before they are decoded, so that an encoded slash stays inside its segment. `None`
/// when one is not UTF-8.
fn decoded_segments(path: &str) -> Option<Vec<String>> {
    path.split('/')
        .map(|segment| percent_decode_str(segment).decode_utf8().ok().map(|text| text.into_owned()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> RouteTable<&'static str> {
        let mut table = RouteTable::new();
        table.add(Method::GET, "/v1/invites/{invite}", "get").unwrap();
        table.add(Method::DELETE, "/v1/invites/{invite}", "delete").unwrap();
        table.add(Method::POST, "/v1/invites/accept", "accept").unwrap();
        table.add(Method::GET, "/v1/{area}/mine", "mine").unwrap();
        table
    }

    fn found(method: Method, path: &str) -> Option<(&'static str, Vec<(String, String)>)> {
        match table().find(&method, path) {
            Found::Match(found) => Some((found.value, found.params)),
            Found::MethodNotAllowed { .. } | Found::NotFound => None,
        }
    }

    #[test]
    fn parameters_are_percent_decoded_and_keep_an_encoded_slash() {
        assert_eq!(
            found(Method::GET, "/v1/invites/a%2Fb%20c"),
            Some(("get", vec![("invite".to_owned(), "a/b c".to_owned())]))
        );
    }

    #[test]
    fn text_wins_over_a_parameter_and_the_leftmost_text_counts() {
        assert_eq!(found(Method::POST, "/v1/invites/accept").unwrap().0, "accept");
        assert_eq!(found(Method::GET, "/v1/invites/mine").unwrap().0, "get");
        assert_eq!(found(Method::GET, "/v1/accept/mine").unwrap().0, "mine");
    }

    #[test]
    fn the_method_is_part_of_the_route() {
        assert_eq!(found(Method::GET, "/v1/invites/accept").unwrap().0, "get");
    }

    #[test]
    fn another_method_is_told_apart_from_no_such_path() {
        assert_eq!(
            table().find(&Method::PUT, "/v1/invites/1"),
            Found::MethodNotAllowed { allow: vec![Method::GET, Method::DELETE] }
        );
        for path in ["/v1/invites", "/v1/invites/", "/v1/invites/1/", "/v2/invites/1", "/v1/invites/%ff", ""] {
            assert_eq!(table().find(&Method::GET, path), Found::NotFound, "{path}");
        }
    }

    #[test]
    fn a_match_names_its_route() {
        let table = table();
        let Found::Match(found) = table.find(&Method::GET, "/v1/invites/1") else { panic!("no match") };
        assert_eq!(found.route_key, "GET /v1/invites/{invite}");
    }

    #[test]
    fn the_same_route_twice_is_refused_whatever_its_parameter_is_called() {
        let refused = table().add(Method::GET, "/v1/invites/{id}", "again").unwrap_err();
        assert_eq!(refused.to_string(), "GET /v1/invites/{id} is the same route as GET /v1/invites/{invite}");
    }
}
