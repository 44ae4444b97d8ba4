//! A new key to sign tokens with, in the forms in which its halves are kept.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use common::auth::token::{TokenKind, key_id, new_private_key, public_jwk};
use serde_json::{Value, json};

/// The system's cryptography made no key.
#[derive(Debug, thiserror::Error)]
#[error("the system's cryptography made no key; try again")]
pub struct NoKey;

/// One key: what it is called, its private half for the parameter that a signer reads, its public half for all who verify.
/// Also says which kinds of token there are, so that nobody else has to know.
///
/// # Errors
/// When no randomness is to be had.
pub fn new() -> Result<Value, NoKey> {
    let private = new_private_key().map_err(|_| NoKey)?;
    let der = STANDARD.decode(&private).map_err(|_| NoKey)?;
    let public = public_jwk(&der).map_err(|_| NoKey)?;
    let id = key_id(&public).map_err(|_| NoKey)?;
    Ok(json!({ "id": id, "private": private, "public": public }))
}

/// The kinds of token, by the names under which their keys are kept.
pub fn kinds() -> Vec<&'static str> {
    TokenKind::ALL.into_iter().map(TokenKind::as_str).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use common::auth::token::KeySets;

    #[test]
    fn a_new_key_is_what_signers_and_verifiers_read_and_no_two_are_the_same() {
        let (one, other) = (new().unwrap(), new().unwrap());
        assert_ne!(one["id"], other["id"]);
        assert_eq!(one["id"].as_str().map(str::len), Some(43));
        let sets = json!({ "access": { "keys": [one["public"], other["public"]] } });
        let sets: KeySets = serde_json::from_value(sets).unwrap();
        let ids: Vec<_> = sets.values().flat_map(|set| &set.keys).map(|key| key_id(key).unwrap()).collect();
        assert_eq!(json!(ids), json!([one["id"], other["id"]]));
        assert!(one["public"].get("d").is_none(), "the private half is in the public one");
    }

    #[test]
    fn kinds_are_called_what_configuration_calls_them() {
        let named: Vec<_> = TokenKind::ALL.into_iter().map(|kind| json!(kind)).collect();
        assert_eq!(json!(kinds()), json!(named));
    }
}
