//! An API key, as admins see it: all but the key.

use domain::Timestamp;
use domain::connect::ApiKey;
use domain::id::{ApiKeyId, UserId};
use domain::text::Label;
use schemars::JsonSchema;
use serde::Serialize;

#[derive(Debug, Serialize, JsonSchema)]
pub struct ApiKeyView {
    id: ApiKeyId,
    /// What it is for.
    name: Label,
    /// The key's last four characters, to tell keys apart.
    last_four: String,
    /// Whoever made it. It stays good when they go.
    created_by: UserId,
    created_at: Timestamp,
    /// Null for as long as nothing has called by it.
    first_used_at: Option<Timestamp>,
}

impl From<&ApiKey> for ApiKeyView {
    fn from(key: &ApiKey) -> ApiKeyView {
        ApiKeyView {
            id: key.id,
            name: key.name.clone(),
            last_four: key.last_four.clone(),
            created_by: key.created.by,
            created_at: key.created.at,
            first_used_at: key.first_used_at,
        }
    }
}
