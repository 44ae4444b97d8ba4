//! Randomness, from the operating system's generator. The only place it comes from.

use crate::error::{Problem, Result};
use domain::Timestamp;
use uuid::{Builder, Uuid};

/// `N` unguessable bytes.
pub fn bytes<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    #[expect(clippy::disallowed_methods, reason = "the one place that asks the system")]
    getrandom::fill(&mut bytes).map_err(Problem::internal)?;
    Ok(bytes)
}

/// A number below `bound`, for jitter: its bias is of no account there.
pub fn below(bound: u64) -> Result<u64> {
    Ok(u64::from_le_bytes(bytes()?) % bound.max(1))
}

/// A new UUIDv7 (RFC 9562 §5.7): ids made later sort later.
pub fn uuid(now: Timestamp) -> Result<Uuid> {
    let millis = u64::try_from(now.as_millisecond()).unwrap_or_default();
    Ok(Builder::from_unix_timestamp_millis(millis, &bytes()?).into_uuid())
}
