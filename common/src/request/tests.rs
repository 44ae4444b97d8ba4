use super::*;
use domain::patch::Patch;
use domain::role::Role;
use serde_json::json;
use std::collections::{BTreeMap, HashMap};

fn body(text: impl Into<Body>) -> Request {
    let request = http::Request::builder().header("content-type", "application/json; charset=utf-8");
    Request::from(request.body(text.into()).unwrap())
}

fn read<T: DeserializeOwned>(request: &Request, from: MembersFrom) -> Result<T> {
    typed(members(request, from)?, from)
}

fn read_body<T: DeserializeOwned>(text: impl Into<Body>) -> Result<T> {
    read(&body(text), MembersFrom::Body)
}

/// What became of the whole text of `{"value": …}`.
fn read_value<T: DeserializeOwned>(value: Value) -> Result<T> {
    let Holder { value } = read_body(json!({ "value": value }).to_string())?;
    Ok(value)
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Holder<T> {
    value: T,
}

#[track_caller]
fn assert_told<T: std::fmt::Debug>(read: Result<T>, pointer: &str, code: &str, detail: &str) {
    let problem = read.unwrap_err();
    assert_eq!(problem.code, Code::ValidationFailed, "{problem}");
    let told: Vec<_> = problem.errors.iter().map(|error| [&*error.pointer, &*error.code, &*error.detail]).collect();
    assert_eq!(told, [[pointer, code, detail]]);
}

#[track_caller]
fn assert_malformed(text: impl Into<Body>) {
    let problem = read_body::<Anything>(text).unwrap_err();
    assert_eq!((problem.code, problem.errors.len()), (Code::MalformedJson, 0), "{problem}");
}

const TWICE: &str = "This field is given twice. Give it once.";
const UNKNOWN: &str = "There is no such field here. Remove it, or correct its name.";
const REQUIRED: &str = "This field is required. Add it.";
const NO_OBJECT: &str = "This is of the wrong type: expected an object.";
const NO_TEXT: &str = "This is of the wrong type: expected text.";
const NO_WHOLE_NUMBER: &str = "This is of the wrong type: expected a whole number.";
const WRONG: &str = "This is of the wrong type.";

type Anything = HashMap<String, Value>;

#[derive(Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct Row {
    email: String,
    #[serde(default)]
    role: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Invites {
    invites: Vec<Row>,
    #[serde(default)]
    days: Option<i64>,
}

mod names_given_twice {
    use super::*;

    #[track_caller]
    fn assert_repeated(text: &str, pointer: &str) {
        assert_told(read_body::<Anything>(text), pointer, "repeated", TWICE);
    }

    #[test]
    fn are_refused_at_the_top_even_with_one_value() {
        assert_repeated(r#"{"a":1,"b":2,"a":1}"#, "/a");
    }

    #[test]
    fn are_refused_at_any_depth() {
        assert_repeated(r#"{"a":{"b":[0,[{"c":1},{"c":1,"d":{},"c":2}]]}}"#, "/a/b/1/1/c");
    }

    #[test]
    fn are_told_of_where_the_first_repeats() {
        assert_repeated(r#"{"a":{"x":1,"x":2},"b":1,"b":2}"#, "/a/x");
        assert_repeated(r#"{"b":1,"b":{"x":1,"x":2}}"#, "/b");
    }

    #[test]
    fn are_the_same_however_they_are_escaped() {
        assert_repeated(r#"{"a":1,"\u0061":2}"#, "/a");
    }

    #[test]
    fn are_escaped_in_the_pointer() {
        assert_repeated(r#"{"m~/":[{"a`b~/c":1,"a`b~/c":2}]}"#, "/m~0~1/0/a`b~0~1c");
        assert_repeated(r#"{"":1,"":2}"#, "/");
    }

    #[test]
    fn are_refused_before_anything_is_said_of_the_input() {
        let text = r#"{"invites":[{"email":"a@b.example","email":5}],"no_such_field":1}"#;
        assert_told(read_body::<Invites>(text), "/invites/0/email", "repeated", TWICE);
    }

    #[test]
    fn may_stand_in_different_objects() {
        let read: Value = read_value(json!([{ "a": { "a": 1 } }, { "a": 2 }])).unwrap();
        assert_eq!(read, json!([{ "a": { "a": 1 } }, { "a": 2 }]));
    }

    #[test]
    fn in_a_query_are_refused() {
        let query = HashMap::from([("limit".to_owned(), vec!["1".to_owned(), "1".to_owned()])]);
        let request = Request::default().with_query_string_parameters(query);
        let detail = "This parameter is given twice. Give it once.";
        assert_told(read::<Anything>(&request, MembersFrom::Query), "?limit", "repeated", detail);
    }

    #[test]
    fn by_an_alias_are_refused() {
        #[derive(Debug, Deserialize)]
        struct Renamed {
            #[serde(rename = "new", alias = "old")]
            _field: u8,
        }
        assert_told(read_value::<Renamed>(json!({ "new": 1, "old": 1 })), "/value/new", "repeated", TWICE);
    }
}

mod a_body_that_is_no_json {
    use super::*;

    #[test]
    fn is_malformed() {
        for text in
            ["{", r#"{"a":}"#, "nope", r#"{"a":1,}"#, "{\"a\":\"\u{1}\"}", r#"{"a":"\ud800"}"#, r#"{"a":1e400}"#]
        {
            assert_malformed(text);
        }
    }

    #[test]
    fn is_malformed_when_something_follows_the_value() {
        for text in ["{} {}", "{}x", r#"{"a":1}}"#] {
            assert_malformed(text);
        }
    }

    #[test]
    fn is_malformed_when_it_is_not_utf_8() {
        for bytes in [&b"{\"a\":\"\xff\"}"[..], b"{\"\xff\":1}", b"\xff\xfe{}"] {
            assert_malformed(bytes);
        }
    }

    #[test]
    fn is_malformed_when_it_nests_too_deeply() {
        assert_malformed(format!(r#"{{"a":{}{}}}"#, "[".repeat(200), "]".repeat(200)));
        assert_malformed(r#"{"a":"#.repeat(10_000));
    }

    #[test]
    fn is_malformed_even_if_it_names_a_field_twice() {
        assert_malformed(r#"{"a":1,"a":2"#);
    }

    #[test]
    fn is_told_of_without_being_repeated() {
        let problem = read_body::<Anything>("{\n  secret}").unwrap_err();
        let told = "The body is not JSON: it goes wrong at line 2, column 3. Correct it and send it again.";
        assert_eq!(problem.detail, told);
    }
}

mod a_body {
    use super::*;

    #[test]
    fn has_to_be_an_object() {
        for text in ["[]", "null", "1", "\"text\""] {
            assert_told(read_body::<Anything>(text), "", "wrong_type", "The body has to be a JSON object.");
        }
    }

    #[test]
    fn keeps_every_kind_of_value() {
        let text = r#"{"a":[null,true,-1,18446744073709551615,1.5,"x\n",{"b":{}}]}"#;
        let read: Anything = read_body(text).unwrap();
        assert_eq!(read["a"], json!([null, true, -1, u64::MAX, 1.5, "x\n", { "b": {} }]));
    }

    #[test]
    fn that_fits_is_read() {
        let read: Invites = read_body(r#"{"invites":[{"email":"a","role":null}],"days":7}"#).unwrap();
        assert_eq!((read.invites, read.days), (vec![Row { email: "a".to_owned(), role: None }], Some(7)));
    }

    #[test]
    fn that_is_empty_has_no_members() {
        assert!(read_body::<Anything>("").unwrap().is_empty());
        assert!(read_body::<Anything>(Body::Empty).unwrap().is_empty());
    }
}

mod a_list_in_an_objects_place {
    use super::*;

    #[test]
    fn is_refused() {
        let text = r#"{"invites":[{"email":"a@b.example"},["a@b.example","admin"]]}"#;
        assert_told(read_body::<Invites>(text), "/invites/1", "wrong_type", NO_OBJECT);
    }

    #[test]
    fn is_refused_in_a_patch_an_option_a_newtype_and_a_map() {
        #[derive(Debug, Deserialize)]
        struct Newtype(#[expect(dead_code)] Row);
        let list = json!(["a@b.example", null]);
        assert_told(read_value::<Patch<Row>>(list.clone()), "/value", "wrong_type", NO_OBJECT);
        assert_told(read_value::<Option<Row>>(list.clone()), "/value", "wrong_type", NO_OBJECT);
        assert_told(read_value::<Newtype>(list.clone()), "/value", "wrong_type", NO_OBJECT);
        assert_told(read_value::<BTreeMap<String, String>>(list), "/value", "wrong_type", NO_OBJECT);
    }

    #[test]
    fn is_refused_below_maps_tuples_and_variants() {
        #[derive(Debug, Deserialize)]
        #[serde(rename_all = "snake_case")]
        #[expect(dead_code)]
        enum Shape {
            Named { row: Row },
            Bare(Row),
        }
        let list = json!(["a@b.example", null]);
        let rows = json!({ "x/y": list });
        assert_told(read_value::<HashMap<String, Row>>(rows), "/value/x~1y", "wrong_type", NO_OBJECT);
        assert_told(read_value::<(u8, Row)>(json!([1, list])), "/value/1", "wrong_type", NO_OBJECT);
        let named = read_value::<Shape>(json!({ "named": { "row": list } }));
        assert_told(named, "/value/named/row", "wrong_type", NO_OBJECT);
        assert_told(read_value::<Shape>(json!({ "bare": list })), "/value/bare", "wrong_type", NO_OBJECT);
        assert_told(read_value::<Shape>(json!({ "named": [list] })), "/value/named", "wrong_type", NO_OBJECT);
    }
}

mod a_type {
    use super::*;

    #[test]
    fn may_be_a_patch() {
        #[derive(Debug, Deserialize)]
        struct Change {
            #[serde(default)]
            row: Patch<Row>,
        }
        let change = |text: &str| read_body::<Change>(text).unwrap().row;
        let row = Row { email: "a".to_owned(), role: None };
        assert_eq!(change("{}"), Patch::Keep);
        assert_eq!(change(r#"{"row":null}"#), Patch::Clear);
        assert_eq!(change(r#"{"row":{"email":"a"}}"#), Patch::Set(row));
        assert_told(read_value::<Patch<Row>>(json!({ "email": 5 })), "/value/email", "wrong_type", NO_TEXT);
    }

    #[test]
    fn may_be_optional() {
        assert_eq!(read_value::<Option<u8>>(json!(null)).unwrap(), None);
        assert_eq!(read_value::<Option<u8>>(json!(5)).unwrap(), Some(5));
        assert_eq!(read_value::<Option<Option<Vec<u8>>>>(json!([5])).unwrap(), Some(Some(vec![5])));
    }

    #[test]
    fn may_refuse_null_where_it_is_present() {
        #[derive(Debug, Deserialize)]
        struct Change {
            #[serde(default, deserialize_with = "if_present")]
            labels: Option<Vec<String>>,
        }
        assert_eq!(read_body::<Change>("{}").unwrap().labels, None);
        assert_eq!(read_body::<Change>(r#"{"labels":[]}"#).unwrap().labels, Some(vec![]));
        let detail = "This is of the wrong type: expected a list.";
        assert_told(read_body::<Change>(r#"{"labels":null}"#), "/labels", "wrong_type", detail);
    }

    #[test]
    fn may_be_an_enum_with_and_without_content() {
        #[derive(Debug, Deserialize, PartialEq)]
        enum Shape {
            Unit,
            Newtype(Option<u8>),
            Tuple(u8, i8),
            Struct { x: f64 },
        }
        assert_eq!(read_value::<Shape>(json!("Unit")).unwrap(), Shape::Unit);
        assert_eq!(read_value::<Shape>(json!({ "Unit": null })).unwrap(), Shape::Unit);
        assert_eq!(read_value::<Shape>(json!({ "Newtype": null })).unwrap(), Shape::Newtype(None));
        assert_eq!(read_value::<Shape>(json!({ "Tuple": [1, -1] })).unwrap(), Shape::Tuple(1, -1));
        assert_eq!(read_value::<Shape>(json!({ "Struct": { "x": 1 } })).unwrap(), Shape::Struct { x: 1.0 });
        for other in [json!(0), json!(["Unit"]), json!({}), json!({ "Unit": null, "Newtype": 1 })] {
            assert_told(read_value::<Shape>(other), "/value", "wrong_type", WRONG);
        }
        assert_told(read_value::<Shape>(json!({ "Struct": {} })), "/value/Struct/x", "missing", REQUIRED);
    }

    #[test]
    fn may_be_internally_tagged() {
        #[derive(Debug, Deserialize, PartialEq)]
        #[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
        enum Message {
            Hello { to: String },
            Bye,
        }
        let hello = json!({ "to": "Ada", "kind": "hello" });
        assert_eq!(read_value::<Message>(hello).unwrap(), Message::Hello { to: "Ada".to_owned() });
        assert_eq!(read_value::<Message>(json!({ "kind": "bye" })).unwrap(), Message::Bye);
        assert_told(read_value::<Message>(json!({ "to": "Ada" })), "/value/kind", "missing", REQUIRED);
        assert_told(read_value::<Message>(json!(5)), "/value", "wrong_type", NO_OBJECT);
        let unknown = json!({ "kind": "hello", "to": "Ada", "a`b~/c": 1 });
        assert_told(read_value::<Message>(unknown), "/value/a`b~0~1c", "unknown_field", UNKNOWN);
    }

    #[test]
    fn may_be_adjacently_tagged_by_name_only() {
        #[derive(Debug, Deserialize, PartialEq)]
        #[serde(tag = "kind", content = "row")]
        enum Message {
            Hello(Row),
        }
        let row = json!({ "email": "a" });
        let hello = Message::Hello(Row { email: "a".to_owned(), role: None });
        assert_eq!(read_value::<Message>(json!({ "kind": "Hello", "row": row })).unwrap(), hello);
        assert_told(read_value::<Message>(json!({ "kind": 0, "row": row })), "/value/kind", "wrong_type", WRONG);
        assert_told(read_value::<Message>(json!(["Hello", row])), "/value", "wrong_type", NO_OBJECT);
    }

    #[test]
    fn may_be_untagged() {
        #[derive(Debug, Deserialize, PartialEq)]
        #[serde(untagged)]
        enum Either {
            Row(Row),
            Number(i64),
            Texts(Vec<String>),
        }
        let row = Row { email: "a".to_owned(), role: None };
        assert_eq!(read_value::<Either>(json!({ "email": "a" })).unwrap(), Either::Row(row));
        assert_eq!(read_value::<Either>(json!(-5)).unwrap(), Either::Number(-5));
        assert_eq!(read_value::<Either>(json!([])).unwrap(), Either::Texts(vec![]));
        assert_told(read_value::<Either>(json!("secret")), "/value", "invalid", "This is not valid.");
    }

    #[test]
    fn may_be_flattened() {
        #[derive(Debug, Deserialize, PartialEq)]
        #[serde(deny_unknown_fields)]
        struct Outer {
            days: u8,
            #[serde(flatten)]
            row: Flat,
        }
        #[derive(Debug, Deserialize, PartialEq)]
        struct Flat {
            email: String,
        }
        let outer = Outer { days: 1, row: Flat { email: "a".to_owned() } };
        assert_eq!(read_value::<Outer>(json!({ "days": 1, "email": "a" })).unwrap(), outer);
        assert_told(read_value::<Outer>(json!({ "days": 1 })), "/value/email", "missing", REQUIRED);
        for (name, pointer) in
            [("a`b~/c", "/value/a`b~0~1c"), ("value", "/value/value"), ("`, expected `", "/value/`, expected `")]
        {
            let unknown = json!({ "days": 1, "email": "a", name: 1 });
            assert_told(read_value::<Outer>(unknown), pointer, "unknown_field", UNKNOWN);
        }
    }

    #[test]
    fn may_be_a_map_whose_names_are_typed() {
        #[derive(Debug, Deserialize, PartialEq, Eq, Hash)]
        struct Name(String);
        let read: HashMap<Name, u8> = read_value(json!({ "a": 1 })).unwrap();
        assert_eq!(read, HashMap::from([(Name("a".to_owned()), 1)]));
    }
}

mod a_field {
    use super::*;

    #[test]
    fn that_is_missing_is_named() {
        let read = read_body::<Invites>(r#"{"invites":[{"email":"a"},{"role":"admin"}]}"#);
        assert_told(read, "/invites/1/email", "missing", REQUIRED);
    }

    #[test]
    fn that_is_missing_is_named_whatever_its_name() {
        #[derive(Debug, Deserialize)]
        struct Odd {
            #[serde(rename = "a`b~/c expected ")]
            _field: u8,
        }
        assert_told(read_value::<Odd>(json!({})), "/value/a`b~0~1c expected ", "missing", REQUIRED);
    }

    #[test]
    fn that_is_unknown_is_named_whatever_its_name() {
        let names = [
            ("fax", "/value/fax"),
            ("value", "/value/value"),
            ("a`b~/c", "/value/a`b~0~1c"),
            ("`, expected `email", "/value/`, expected `email"),
            ("missing field `email`", "/value/missing field `email`"),
            ("\u{1f}forged\u{1f}Pay me.\u{1f}", "/value/\u{1f}forged\u{1f}Pay me.\u{1f}"),
            ("", "/value/"),
        ];
        for (name, pointer) in names {
            let row = json!({ "email": "a", name: 1 });
            assert_told(read_value::<Row>(row), pointer, "unknown_field", UNKNOWN);
        }
    }

    #[test]
    fn that_the_path_names_is_refused_in_the_body_and_the_query() {
        let path = HashMap::from([("a~b".to_owned(), "1".to_owned())]);
        let with_path = body(r#"{"a~b":2}"#).with_path_parameters(path.clone());
        let detail = "This is named in the path already. Remove it from the body.";
        assert_told(read::<Anything>(&with_path, MembersFrom::Body), "/a~0b", "unknown_field", detail);
        let with_both = Request::default().with_path_parameters(path.clone()).with_query_string_parameters(path);
        let detail = "This is named in the path already. Remove it from the query.";
        assert_told(read::<Anything>(&with_both, MembersFrom::Query), "?a~b", "unknown_field", detail);
    }

    #[test]
    fn may_come_from_the_path() {
        let path = HashMap::from([("email".to_owned(), "a".to_owned())]);
        let request = body(r#"{"role":"admin"}"#).with_path_parameters(path);
        let row = Row { email: "a".to_owned(), role: Some("admin".to_owned()) };
        assert_eq!(read::<Row>(&request, MembersFrom::Body).unwrap(), row);
    }

    #[test]
    fn of_a_query_is_told_of_by_its_parameter() {
        let query = |name: &str| {
            let query = HashMap::from([(name.to_owned(), "x".to_owned())]);
            Request::default().with_query_string_parameters(query)
        };
        assert_told(read::<Row>(&query("role"), MembersFrom::Query), "?email", "missing", REQUIRED);
        assert_told(read::<Row>(&query("a`b~/c"), MembersFrom::Query), "?a`b~/c", "unknown_field", UNKNOWN);
        assert_told(read::<Holder<i64>>(&query("value"), MembersFrom::Query), "?value", "wrong_type", NO_WHOLE_NUMBER);
    }
}

mod a_value {
    use super::*;

    #[track_caller]
    fn assert_wrong<T: DeserializeOwned + std::fmt::Debug>(value: Value, detail: &str) {
        assert_told(read_value::<T>(value), "/value", "wrong_type", detail);
    }

    /// What a message would be parsed wrongly for.
    fn tricky() -> Value {
        json!("`x`, expected `struct Row`, expected a map")
    }

    #[test]
    fn of_the_wrong_type_is_told_of_in_plain_words() {
        assert_wrong::<Row>(tricky(), NO_OBJECT);
        assert_wrong::<HashMap<String, u8>>(json!(5), NO_OBJECT);
        assert_wrong::<i64>(tricky(), NO_WHOLE_NUMBER);
        assert_wrong::<u32>(json!(1.5), NO_WHOLE_NUMBER);
        assert_wrong::<u8>(json!({ "a": 1 }), NO_WHOLE_NUMBER);
        assert_wrong::<f64>(tricky(), "This is of the wrong type: expected a number.");
        assert_wrong::<String>(json!(5), NO_TEXT);
        assert_wrong::<String>(json!(["`"]), NO_TEXT);
        assert_wrong::<bool>(tricky(), "This is of the wrong type: expected true or false.");
        assert_wrong::<Vec<u8>>(tricky(), "This is of the wrong type: expected a list.");
        assert_wrong::<char>(tricky(), WRONG);
        assert_wrong::<(u8, u8)>(tricky(), WRONG);
        assert_wrong::<()>(tricky(), WRONG);
    }

    #[test]
    fn of_the_wrong_type_is_pointed_to() {
        let read = read_body::<Invites>(r#"{"invites":[],"days":"secret"}"#);
        assert_told(read, "/days", "wrong_type", NO_WHOLE_NUMBER);
        let read = read_value::<HashMap<String, Vec<bool>>>(json!({ "a`b~/c": [true, null] }));
        let detail = "This is of the wrong type: expected true or false.";
        assert_told(read, "/value/a`b~0~1c/1", "wrong_type", detail);
    }

    #[test]
    fn that_is_none_of_a_few_is_told_of_by_those() {
        #[derive(Debug, Deserialize)]
        #[serde(rename_all = "snake_case")]
        enum Size {
            Small,
            #[serde(rename = "`big`")]
            Big,
        }
        assert!(matches!(read_value(json!("small")), Ok(Size::Small)));
        assert!(matches!(read_value(json!("`big`")), Ok(Size::Big)));
        for unknown in ["huge", "`", "`, expected `secret`"] {
            let detail = "This is not one of: small, `big`.";
            assert_told(read_value::<Size>(json!(unknown)), "/value", "unknown_value", detail);
        }
    }

    #[test]
    fn that_one_of_our_types_refuses_is_told_of_in_its_words() {
        let problem = read_value::<Patch<Role>>(json!("king")).unwrap_err();
        let error = &problem.errors[0];
        assert_eq!((&*error.pointer, &*error.code), ("/value", "role_unknown"));
        assert!(error.detail.ends_with('.') && !error.detail.contains("king"), "{}", error.detail);
    }

    #[test]
    fn that_is_refused_for_another_reason_is_never_said_back() {
        let detail = "This is not valid.";
        assert_told(read_value::<uuid::Uuid>(json!("unknown field secret")), "/value", "invalid", detail);
        assert_told(read_value::<[u8; 2]>(json!([1, 2, 3])), "/value", "invalid", detail);
        assert_told(read_value::<(u8, u8)>(json!([1])), "/value", "invalid", detail);
    }
}
