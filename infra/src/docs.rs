//! Pages for people, rendered from the manifest.

use common::auth::caller::Auth;
use common::function::{Function, Http, Source, Stream};
use common::keys::{self, Kind};
use common::store::Access;
use functions::Area;

/// `docs/table.md`: the kinds of items and their keys.
pub fn table() -> String {
    format!(
        "# The table\n\n\
        Every kind of item in the one table and the keys it is kept under. Rendered from `common/src/keys.rs` by \
        `make sync`; do not edit.\n\n{}",
        keys::render_chart()
    )
}

/// `docs/functions.md`: what is deployed, what runs it, and what it may do.
pub fn functions(areas: &[Area]) -> String {
    let rows: String = areas.iter().flat_map(|area| area.functions).map(|function| row(function)).collect();
    format!(
        "# The functions\n\n\
        Every function, what runs it, who may call it, and all that it may do to the table. Rendered from the manifest \
        by `make sync`; do not edit.\n\n\
        | function | runs on | who | access | memory |\n|---|---|---|---|---|\n{rows}"
    )
}

fn row(function: &Function) -> String {
    let (runs_on, who) = match &function.source {
        Source::Http(http) => (request(http), who(http.auth)),
        Source::Stream(stream) => (changes(stream), "the stream".to_owned()),
        Source::Schedule(schedule) => (schedule.every.expression(), "the clock".to_owned()),
        Source::Feedback(_) => ("what becomes of mail".to_owned(), "SES, by way of EventBridge".to_owned()),
    };
    let access = access(function);
    format!("| {} | {runs_on} | {who} | {access} | {} MB |\n", function.name, function.memory_mb)
}

fn request(http: &Http) -> String {
    format!("`{} {}`", http.method.as_str(), http.path)
}

fn changes(stream: &Stream) -> String {
    let events: Vec<_> = stream.listens.events.iter().map(|event| event.as_str()).collect();
    format!("{} of {}", events.join(", "), names(stream.listens.kinds))
}

fn who(auth: Auth) -> String {
    match auth {
        Auth::Nobody => "anybody".to_owned(),
        Auth::Visitor => "anybody, known if signed in".to_owned(),
        Auth::User => "whoever is signed in".to_owned(),
        Auth::ApiKey => "programs, by an API key".to_owned(),
        Auth::Member(permission) => format!("members with `{permission}`"),
    }
}

/// In the order of [`Access`], the kinds of one verb together.
fn access(function: &Function) -> String {
    let mut access: Vec<_> = function.access().into_iter().map(parts).collect();
    // In which of its partitions a kind is written is for the policies.
    access.dedup();
    let clauses: Vec<_> = access.chunk_by(|(verb, _), (next, _)| verb == next).map(clause).collect();
    clauses.join("; ")
}

fn clause(accesses: &[(&str, Kind)]) -> String {
    let verb = accesses.first().map(|(verb, _)| *verb).unwrap_or_default();
    let kinds: Vec<_> = accesses.iter().map(|(_, kind)| *kind).collect();
    format!("{verb} {}", names(&kinds))
}

fn parts(access: Access) -> (&'static str, Kind) {
    match access {
        Access::Get(kind) => ("get", kind),
        Access::BatchGet(kind) => ("batch get", kind),
        Access::Query(kind) => ("query", kind),
        Access::Scan(kind) => ("scan", kind),
        Access::QueryIndex(kind) => ("query by index", kind),
        Access::Create(kind) | Access::CreateIn(kind, _) => ("create", kind),
        Access::Replace(kind) => ("replace", kind),
        Access::Update(kind) | Access::UpdateIn(kind, _) => ("update", kind),
        Access::Delete(kind) => ("delete", kind),
        Access::Check(kind) => ("check", kind),
    }
}

fn names(kinds: &[Kind]) -> String {
    let names: Vec<_> = kinds.iter().map(|kind| format!("{kind:?}")).collect();
    names.join(", ")
}
