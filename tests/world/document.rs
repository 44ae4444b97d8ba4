//! The OpenAPI document as a witness: an answer that it does not describe is a fault of one of the two.

use super::Answer;
use jsonschema::Validator;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex};

pub struct Document {
    document: Value,
    validators: Mutex<HashMap<String, Arc<Validator>>>,
}

impl Document {
    pub fn current() -> Arc<Document> {
        static CURRENT: LazyLock<Arc<Document>> =
            LazyLock::new(|| Arc::new(Document { document: infra::openapi::document(), validators: Mutex::default() }));
        CURRENT.clone()
    }

    /// Checks an answer of an operation. What no operation answers (an unknown path) is not the document's to describe.
    #[track_caller]
    pub fn check(&self, method: &str, path: &str, answer: &Answer) {
        let Some(template) = self.template_of(path) else { return };
        let operation = &self.document["paths"][&template][method.to_lowercase()];
        if operation.is_null() {
            return;
        }
        let place = format!("{method} {template} {}", answer.status);
        let response = &operation["responses"][answer.status.to_string()];
        assert!(response.is_object(), "{place} is not in the OpenAPI document: {}", answer.text);
        let Some(content) = response["content"].as_object() else {
            assert!(answer.text.is_empty(), "{place} should have no body: {}", answer.text);
            return;
        };
        let (media_type, described) = content.iter().next().unwrap();
        let essence = answer.header("content-type").split(';').next().unwrap_or_default().to_owned();
        assert_eq!(essence, *media_type, "{place}");
        // A document of its own, as this one is, has no schema here.
        if let Some(schema) = described.get("schema").filter(|_| media_type.ends_with("json")) {
            self.check_body(&place, schema, answer);
        }
    }

    #[track_caller]
    fn check_body(&self, place: &str, schema: &Value, answer: &Answer) {
        let validator = self.validator(place, schema);
        let errors: Vec<_> = validator.iter_errors(&answer.body).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{place} is not as the OpenAPI document says: {errors:?}\n{}", answer.text);
    }

    fn validator(&self, place: &str, schema: &Value) -> Arc<Validator> {
        let mut validators = self.validators.lock().unwrap();
        let made = validators.entry(place.to_owned()).or_insert_with(|| {
            // The references in it point into the document.
            let whole = json!({ "allOf": [schema], "components": self.document["components"] });
            Arc::new(jsonschema::draft202012::new(&whole).unwrap())
        });
        made.clone()
    }

    fn template_of(&self, path: &str) -> Option<String> {
        let path = path.split('?').next().unwrap_or_default();
        let paths = self.document["paths"].as_object().unwrap();
        // A path without parameters wins over one with.
        let exact = paths.keys().find(|template| *template == path);
        exact.or_else(|| paths.keys().find(|template| fits(template, path))).cloned()
    }
}

fn fits(template: &str, path: &str) -> bool {
    let (mut template, mut path) = (template.split('/'), path.split('/'));
    loop {
        match (template.next(), path.next()) {
            (None, None) => return true,
            (Some(wanted), Some(given)) if wanted.starts_with('{') || wanted == given => {}
            _ => return false,
        }
    }
}
