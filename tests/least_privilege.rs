//! Least privilege, at the wire: what the functions' roles grant, against every call that the functions were seen to make.
//!
//! `access.rs` holds the declarations against what the store says it does. Here nobody is asked: somebody stands between the
//! functions and the table, reads each call as IAM would (its action, the table or index, the partition keys), and every call is
//! judged by the policy in the committed template.

use crate::access::use_everything;
use crate::world::{Person, RecordedTable, World};
use common::auth::caller::Auth;
use common::function::{Function, Http};
use infra::deployment::policy::On;
use jiff::SignedDuration;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::Path;

/// One call, as IAM sees it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Call {
    pub function: String,
    pub action: &'static str,
    pub on: On,
    /// The partition keys it names, which IAM judges together; a scan names none.
    pub leading_keys: BTreeSet<String>,
}

/// A function, an action, what it is on, and the start of the partition keys; nothing where none is named.
type Grant = (String, String, On, String);

impl Call {
    fn needs(&self) -> Vec<Grant> {
        let grant = |start: &str| (self.function.clone(), self.action.to_owned(), self.on, start.to_owned());
        match self.leading_keys.is_empty() {
            true => vec![grant("")],
            false => self.leading_keys.iter().map(|key| grant(&key[..=key.find('#').unwrap()])).collect(),
        }
    }
}

/// A statement of a role about the table.
#[derive(Debug)]
struct Statement {
    actions: Vec<String>,
    on: On,
    /// What a partition key may start with; absent where no key is asked for.
    leading_keys: Option<Vec<String>>,
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_grants_what_its_function_was_seen_to_do_and_nothing_else() {
    let calls = calls_of_everything().await;
    let mut granted = BTreeSet::new();
    let mut missing: Vec<&Call> = Vec::new();
    for function in functions::all() {
        let statements = statements(function);
        let made = calls.iter().filter(|call| call.function == function.name);
        missing.extend(made.filter(|call| !statements.iter().any(|statement| statement.allows(call))));
        granted.extend(statements.iter().flat_map(|statement| statement.grants(function.name)));
    }
    let used: BTreeSet<Grant> = calls.iter().flat_map(Call::needs).collect();
    let excess: Vec<_> = granted.difference(&used).collect();
    eprintln!(
        "{} calls seen, {} grants of an action on a kind of partition, missing {}, excess {}",
        calls.len(),
        granted.len(),
        missing.len(),
        excess.len()
    );
    assert!(missing.is_empty(), "calls that IAM would refuse: {missing:#?}");
    assert!(excess.is_empty(), "granted and never used: {excess:#?}");
}

#[tokio::test]
async fn the_judge_refuses_what_is_not_granted() {
    let statement = Statement {
        actions: vec!["dynamodb:GetItem".to_owned()],
        on: On::Table,
        leading_keys: Some(vec!["TENANT#*".to_owned()]),
    };
    let call = |action, on, leading_key: &str| Call {
        function: "f".to_owned(),
        action,
        on,
        leading_keys: leading_key.split(' ').map(str::to_owned).collect(),
    };
    assert!(statement.allows(&call("dynamodb:GetItem", On::Table, "TENANT#ten_1")));
    assert!(!statement.allows(&call("dynamodb:GetItem", On::Table, "USER#usr_1")));
    assert!(!statement.allows(&call("dynamodb:PutItem", On::Table, "TENANT#ten_1")));
    assert!(!statement.allows(&call("dynamodb:GetItem", On::Index, "TENANT#ten_1")));
    assert!(!statement.allows(&call("dynamodb:GetItem", On::Table, "TENANT#ten_1 USER#usr_1")));
}

/// Everything that functions do, and for every route of members each way in which a caller comes to be known.
async fn calls_of_everything() -> BTreeSet<Call> {
    let (world, table) = World::recorded().await;
    use_everything(&world).await;
    for function in functions::all() {
        if let Some(http) = function.http() {
            every_way_in(&world, function, http).await;
        }
    }
    world.settled().await;
    calls(&table)
}

/// An address for each route: what a call does to the workspace, leave its admin or take the role, is no other's business.
async fn every_way_in(world: &World, function: &Function, http: &Http) {
    if http.auth == Auth::Nobody {
        return;
    }
    let ada = world.sign_up(&format!("{}@acme.example", function.name), "Acme Inc.").await;
    // Long enough that the next request notes that its caller was here.
    world.pass(SignedDuration::from_hours(2));
    let ada = world.refreshed(&ada).await;
    let path = http.path.replace("{user}", &ada.id);
    for tenant in [Some(ada.tenant.as_str()), None, Some("not an id")] {
        call(world, http, &path, &ada, tenant).await;
    }
}

async fn call(world: &World, http: &Http, path: &str, by: &Person, tenant: Option<&str>) {
    let request = match http.method.as_str() {
        "GET" => world.get(path),
        "DELETE" => world.delete(path),
        "PUT" => world.put(path, (http.example)()),
        "PATCH" => world.patch(path, (http.example)()),
        _ => world.post(path, (http.example)()),
    };
    let request = request.token(&by.access_token);
    let request = match tenant {
        Some(tenant) => request.header("x-tenant-id", tenant),
        None => request,
    };
    let status = request.send().await.status;
    assert!(status < 500, "{} {path}: {status}", http.method.as_str());
}

/// What was recorded, call by call and key by key.
fn calls(table: &RecordedTable) -> BTreeSet<Call> {
    let recorded = table.recorded();
    assert!(!recorded.is_empty(), "nothing was recorded");
    recorded.iter().flat_map(|request| read(&request.caller, &request.operation, &request.body)).collect()
}

/// A request as the actions that IAM asks for, those of a transaction item by item
/// (<https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis-iam.html>).
fn read(caller: &str, operation: &str, body: &Value) -> Vec<Call> {
    let call = |action, on, leading_keys: Vec<&Value>| {
        let text = |key: &Value| key["S"].as_str().unwrap_or_else(|| panic!("no partition key in {body}")).to_owned();
        Call { function: caller.to_owned(), action, on, leading_keys: leading_keys.into_iter().map(text).collect() }
    };
    let keyed = |action, key: &Value| call(action, On::Table, vec![&key["pk"]]);
    let on = if body["IndexName"].is_null() { On::Table } else { On::Index };
    match operation {
        "GetItem" => vec![keyed("dynamodb:GetItem", &body["Key"])],
        "UpdateItem" => vec![keyed("dynamodb:UpdateItem", &body["Key"])],
        "Query" => vec![call("dynamodb:Query", on, vec![&body["ExpressionAttributeValues"][":pk"]])],
        "Scan" => vec![call("dynamodb:Scan", on, Vec::new())],
        "BatchGetItem" => {
            let tables = body["RequestItems"].as_object().unwrap().values();
            let keys = tables.flat_map(|table| table["Keys"].as_array().unwrap()).map(|key| &key["pk"]);
            vec![call("dynamodb:BatchGetItem", On::Table, keys.collect())]
        }
        "TransactGetItems" => {
            let items = body["TransactItems"].as_array().unwrap().iter();
            items.map(|item| keyed("dynamodb:GetItem", &item["Get"]["Key"])).collect()
        }
        "TransactWriteItems" => {
            body["TransactItems"].as_array().unwrap().iter().map(|write| of_write(write, keyed)).collect()
        }
        other => panic!("{caller} calls {other}, which this test does not know"),
    }
}

fn of_write(write: &Value, keyed: impl Fn(&'static str, &Value) -> Call) -> Call {
    let (kind, of) = write.as_object().unwrap().iter().find(|(_, of)| !of.is_null()).unwrap();
    match kind.as_str() {
        "Put" => keyed("dynamodb:PutItem", &of["Item"]),
        "Update" => keyed("dynamodb:UpdateItem", &of["Key"]),
        "Delete" => keyed("dynamodb:DeleteItem", &of["Key"]),
        "ConditionCheck" => keyed("dynamodb:ConditionCheckItem", &of["Key"]),
        other => panic!("a write of the kind {other}, which this test does not know"),
    }
}

impl Statement {
    fn allows(&self, call: &Call) -> bool {
        self.on == call.on
            && self.actions.iter().any(|action| action == call.action)
            && self.lets_in(&call.leading_keys)
    }

    /// All keys of a call by this one statement: `ForAllValues`.
    fn lets_in(&self, leading_keys: &BTreeSet<String>) -> bool {
        let Some(patterns) = &self.leading_keys else { return true };
        // The condition asks for a key.
        !leading_keys.is_empty() && leading_keys.iter().all(|key| patterns.iter().any(|pattern| matches(pattern, key)))
    }

    fn grants(&self, function: &str) -> Vec<Grant> {
        let starts = match &self.leading_keys {
            None => vec![""],
            Some(patterns) => patterns.iter().map(|pattern| pattern.strip_suffix('*').unwrap()).collect(),
        };
        let of_action = |action: &String| {
            let grant = |start: &&str| (function.to_owned(), action.clone(), self.on, (*start).to_owned());
            starts.iter().map(grant).collect::<Vec<_>>()
        };
        self.actions.iter().flat_map(of_action).collect()
    }
}

/// `StringLike`, for patterns whose one star is at their end.
fn matches(pattern: &str, text: &str) -> bool {
    text.starts_with(pattern.strip_suffix('*').unwrap())
}

/// What the role of `function` says about the table, from the committed template.
fn statements(function: &Function) -> Vec<Statement> {
    let role = role(function);
    let statements = role["Properties"]["Policies"][0]["PolicyDocument"]["Statement"].as_array().unwrap();
    statements.iter().filter(|raw| actions(raw).any(is_about_data)).map(statement).collect()
}

fn statement(raw: &Value) -> Statement {
    assert_eq!(raw["Effect"], "Allow");
    let resources = raw["Resource"].as_array().unwrap();
    let on = match resources.as_slice() {
        [one] if one["Ref"] == "TableArn" => On::Table,
        [one] if one["Fn::Sub"] == "${TableArn}/index/gsi1" => On::Index,
        others => panic!("resources that are neither the table nor its index: {others:?}"),
    };
    let actions: Vec<_> = actions(raw).map(str::to_owned).collect();
    if actions == ["dynamodb:Scan"] {
        return Statement { actions, on, leading_keys: None };
    }
    // Without this a call that names no key would match `ForAllValues`.
    assert_eq!(raw["Condition"]["Null"]["dynamodb:LeadingKeys"], "false", "{raw}");
    let patterns = raw["Condition"]["ForAllValues:StringLike"]["dynamodb:LeadingKeys"].as_array().unwrap();
    let leading_keys = patterns.iter().map(|pattern| pattern.as_str().unwrap().to_owned()).collect();
    Statement { actions, on, leading_keys: Some(leading_keys) }
}

/// The actions of a statement; none of what is there only under a condition of the template.
fn actions(raw: &Value) -> impl Iterator<Item = &str> {
    raw["Action"].as_array().map(Vec::as_slice).unwrap_or_default().iter().filter_map(Value::as_str)
}

fn role(function: &Function) -> Value {
    let area =
        functions::AREAS.iter().find(|area| area.functions.iter().any(|other| other.name == function.name)).unwrap();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../infra/areas/{}.yaml", area.name));
    let template: Value = yaml_serde::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let wanted = json!({ "Fn::Sub": format!("${{Prefix}}-{}", function.name) });
    let resources = template["Resources"].as_object().unwrap();
    let lambda = resources
        .values()
        .find(|resource| resource["Properties"]["FunctionName"] == wanted && !resource["Properties"]["Role"].is_null());
    let role = lambda.unwrap()["Properties"]["Role"]["Fn::GetAtt"][0].as_str().unwrap();
    resources[role].clone()
}

fn is_about_data(action: &str) -> bool {
    let of_streams = ["DescribeStream", "GetRecords", "GetShardIterator", "ListStreams"];
    action.strip_prefix("dynamodb:").is_some_and(|action| !of_streams.contains(&action))
}
