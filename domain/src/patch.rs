//! A field of a PATCH body: leave it, clear it, or set it.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::{Deserialize, Deserializer, Visitor};

/// What a PATCH body says about one optional field, as JSON Merge Patch does (RFC 7396 §1).
///
/// Put `#[serde(default)]` on the field: absent is `Keep`, `null` is `Clear`, a value is `Set`. Forgetting that
/// makes the field required; it never makes an absent field a `Clear`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Patch<T> {
    /// The field was absent: leave the stored value alone.
    #[default]
    Keep,
    /// The field was `null`: remove the stored value.
    Clear,
    /// The field had a value: store it.
    Set(T),
}

impl<T> Patch<T> {
    /// Carries the change out on the stored value.
    pub fn apply(self, stored: &mut Option<T>) {
        match self {
            Self::Keep => {}
            Self::Clear => *stored = None,
            Self::Set(value) => *stored = Some(value),
        }
    }

    /// Whether the body left the field out.
    pub const fn is_keep(&self) -> bool {
        matches!(self, Self::Keep)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Patch<T> {
    /// Reads a nullable `T`, inside a newtype for one reason: serde answers a missing field with `None` to
    /// whoever asks for an `Option` directly, and so a forgotten `#[serde(default)]` would clear stored values.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_newtype_struct("Patch", PatchVisitor(PhantomData))
    }
}

struct PatchVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for PatchVisitor<T> {
    type Value = Patch<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value or null")
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<Patch<T>, D::Error> {
        let value = Option::<T>::deserialize(deserializer)?;
        Ok(value.map_or(Patch::Clear, Patch::Set))
    }
}

/// A nullable `T`. The field is not required, because `#[serde(default)]` says so to `schemars` too.
impl<T: JsonSchema> JsonSchema for Patch<T> {
    fn inline_schema() -> bool {
        Option::<T>::inline_schema()
    }

    fn schema_name() -> Cow<'static, str> {
        Option::<T>::schema_name()
    }

    fn schema_id() -> Cow<'static, str> {
        Option::<T>::schema_id()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        Option::<T>::json_schema(generator)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[derive(Debug, serde::Deserialize, JsonSchema)]
    #[serde(deny_unknown_fields)]
    struct Body {
        #[serde(default)]
        name: Patch<String>,
    }

    fn name(json: serde_json::Value) -> Patch<String> {
        serde_json::from_value::<Body>(json).unwrap().name
    }

    #[test]
    fn absent_keeps_null_clears_and_a_value_sets() {
        assert_eq!(name(json!({})), Patch::Keep);
        assert_eq!(name(json!({"name": null})), Patch::Clear);
        assert_eq!(name(json!({"name": "Ada"})), Patch::Set("Ada".into()));
    }

    #[test]
    fn text_reads_as_values_do() {
        for (text, name) in
            [("{}", Patch::Keep), (r#"{"name":null}"#, Patch::Clear), (r#"{"name":"a"}"#, Patch::Set("a".into()))]
        {
            assert_eq!(serde_json::from_str::<Body>(text).unwrap().name, name);
        }
    }

    #[test]
    fn a_forgotten_default_makes_the_field_required_and_clears_nothing() {
        #[derive(Debug, serde::Deserialize)]
        struct Careless {
            name: Patch<String>,
        }
        let refused = serde_json::from_value::<Careless>(json!({})).unwrap_err();
        assert_eq!(refused.to_string(), "missing field `name`");
        assert_eq!(serde_json::from_value::<Careless>(json!({"name": null})).unwrap().name, Patch::Clear);
    }

    #[test]
    fn a_refused_value_keeps_its_code() {
        #[derive(Debug, serde::Deserialize)]
        struct Settings {
            #[serde(default, rename = "role")]
            _role: Patch<crate::role::Role>,
        }
        let refused = serde_json::from_value::<Settings>(json!({"role": "king"})).unwrap_err().to_string();
        assert_eq!(crate::invalid::from_wire(&refused).unwrap().0, "role_unknown");
    }

    #[test]
    fn a_value_of_another_type_is_refused() {
        assert!(serde_json::from_value::<Body>(json!({"name": 5})).is_err());
    }

    #[test]
    fn applying_changes_only_what_was_said() {
        let cases = [
            (Patch::Keep, Some(1), Some(1)),
            (Patch::Keep, None, None),
            (Patch::Clear, Some(1), None),
            (Patch::Clear, None, None),
            (Patch::Set(2), Some(1), Some(2)),
            (Patch::Set(2), None, Some(2)),
        ];
        for (patch, before, after) in cases {
            let mut stored = before;
            patch.apply(&mut stored);
            assert_eq!(stored, after, "{patch:?} on {before:?}");
        }
    }

    #[test]
    fn the_default_is_keep() {
        assert!(Patch::<u8>::default().is_keep());
        assert!(!Patch::<u8>::Clear.is_keep());
    }

    #[test]
    fn the_schema_is_nullable_and_not_required() {
        let schema = schemars::schema_for!(Body);
        assert_eq!(schema.get("required"), None);
        assert_eq!(schema.pointer("/properties/name"), Some(&json!({"type": ["string", "null"]})));
    }

    proptest! {
        #[test]
        fn applying_twice_is_applying_once(value in any::<Option<u8>>(), stored in any::<Option<u8>>()) {
            let patch = value.map_or(Patch::Clear, Patch::Set);
            let (mut once, mut twice) = (stored, stored);
            patch.apply(&mut once);
            patch.apply(&mut twice);
            patch.apply(&mut twice);
            prop_assert_eq!(once, twice);
            prop_assert_eq!(once, value);
        }
    }
}
