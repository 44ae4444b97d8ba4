//! The table, as it is made here. The deployed one is in `infra/base.yaml`; both have what `common::keys` needs.

use dynoxide::Database;
use dynoxide::errors::DynoxideError;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

pub(crate) const NAME: &str = "callaro";
/// The attribute that holds when an item may go.
const TTL: &str = "expires";

#[derive(Debug, thiserror::Error)]
#[error("cannot make the table: {reason}. Start afresh with an empty --data directory, or with --memory.")]
pub struct TableError {
    reason: String,
}

/// Makes the table if it is not there.
pub(crate) fn ensure(database: &Database) -> Result<(), TableError> {
    if database.get_table_metadata(NAME)?.is_none() {
        database.create_table(request(definition())?)?;
    }
    // By itself, because a crash may have come between the two.
    let described = database.describe_time_to_live(request(json!({ "TableName": NAME }))?)?;
    if described.time_to_live_description.time_to_live_status != "ENABLED" {
        let expiry = json!({ "Enabled": true, "AttributeName": TTL });
        database.update_time_to_live(request(json!({ "TableName": NAME, "TimeToLiveSpecification": expiry }))?)?;
    }
    Ok(())
}

fn definition() -> Value {
    let text = |name: &str| json!({ "AttributeName": name, "AttributeType": "S" });
    let key = |name: &str, role: &str| json!({ "AttributeName": name, "KeyType": role });
    json!({
        "TableName": NAME,
        "AttributeDefinitions": [text("pk"), text("sk"), text("gsi1pk"), text("gsi1sk")],
        "KeySchema": [key("pk", "HASH"), key("sk", "RANGE")],
        "GlobalSecondaryIndexes": [{
            "IndexName": "gsi1",
            "KeySchema": [key("gsi1pk", "HASH"), key("gsi1sk", "RANGE")],
            "Projection": { "ProjectionType": "ALL" },
        }],
        "BillingMode": "PAY_PER_REQUEST",
        "StreamSpecification": { "StreamEnabled": true, "StreamViewType": "NEW_AND_OLD_IMAGES" },
    })
}

/// A request in the shape of the HTTP API, which says what it asks for more plainly than the library's structs do.
fn request<T: DeserializeOwned>(json: Value) -> Result<T, TableError> {
    serde_json::from_value(json).map_err(|error| TableError { reason: error.to_string() })
}

impl From<DynoxideError> for TableError {
    fn from(error: DynoxideError) -> TableError {
        TableError { reason: error.to_string() }
    }
}
