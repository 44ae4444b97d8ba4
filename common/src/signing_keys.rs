//! Where a deployment keeps its private keys: encrypted SSM parameters, read once, when a function that signs starts.
//!
//! A signing variable holds the key itself, as on one machine, or `ssm:` and the name of a parameter. A key in the environment
//! of a Lambda would be shown to whoever may look at the function's configuration; a parameter is shown to those who may read
//! that parameter (docs/decisions/0010-keys.md).

use crate::auth::token::TokenKind;
use crate::config::{self, ConfigError, Lookup};
use aws_sdk_ssm::error::DisplayErrorContext;
use futures::FutureExt;
use futures::future::BoxFuture;
use std::collections::BTreeMap;
use std::time::Duration;

/// What a signing variable starts with when it names a parameter.
const PARAMETER: &str = "ssm:";

/// How long SSM may take, all tries together. Lambda gives a start ten seconds
/// (<https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html>).
const TIMEOUT: Duration = Duration::from_secs(8);

/// One try: one that hangs leaves time for another.
const ATTEMPT: Duration = Duration::from_millis(2500);

const READABLE: &str = "ssm: and the name of a SecureString parameter that this function may read";

/// The signing variables whose values were kept elsewhere, and those values.
pub type Fetched = BTreeMap<&'static str, String>;

/// How a function comes by its private keys. Chosen when the manifest is compiled, so that a function that signs nothing never
/// links the client.
pub type Fetch = for<'a> fn(Lookup<'a>, &'static [TokenKind]) -> BoxFuture<'a, Result<Fetched, ConfigError>>;

/// The way of a function that signs `signs`.
pub(crate) const fn fetch_for(signs: &'static [TokenKind]) -> Fetch {
    match signs.is_empty() {
        true => none,
        false => from_parameters,
    }
}

fn none<'a>(_: Lookup<'a>, _: &'static [TokenKind]) -> BoxFuture<'a, Result<Fetched, ConfigError>> {
    async { Ok(Fetched::new()) }.boxed()
}

/// All of them in one call; where none names a parameter, no client is made to ask with.
fn from_parameters<'a>(lookup: Lookup<'a>, signs: &'static [TokenKind]) -> BoxFuture<'a, Result<Fetched, ConfigError>> {
    let named = named_parameters(lookup, signs);
    if named.is_empty() {
        return none(lookup, signs);
    }
    let account = config::AwsAccount::from(lookup);
    let client = account.and_then(|account| client(&account));
    async move {
        let names = named.values().cloned().collect();
        let sent = client?.get_parameters().set_names(Some(names)).with_decryption(true).send();
        let answered = sent.await.map_err(|error| {
            tracing::error!(error = %DisplayErrorContext(&error), "SSM did not answer with the signing keys");
            unreadable(named.keys().next().copied().unwrap_or_default())
        })?;
        let found: BTreeMap<_, _> = answered
            .parameters
            .unwrap_or_default()
            .into_iter()
            .filter_map(|found| found.name.zip(found.value))
            .collect();
        let value = |(variable, name)| match found.get(&name) {
            Some(value) => Ok((variable, value.clone())),
            None => Err(unreadable(variable)),
        };
        named.into_iter().map(value).collect()
    }
    .boxed()
}

fn named_parameters(lookup: Lookup<'_>, signs: &[TokenKind]) -> BTreeMap<&'static str, String> {
    let variables = signs.iter().map(|kind| kind.signing_variable());
    let named =
        variables.filter_map(|variable| Some((variable, lookup(variable)?.strip_prefix(PARAMETER)?.to_owned())));
    named.collect()
}

fn unreadable(variable: &'static str) -> ConfigError {
    ConfigError { variable, what: "names a parameter that cannot be read", expected: READABLE }
}

fn client(account: &config::AwsAccount) -> Result<aws_sdk_ssm::Client, ConfigError> {
    use aws_sdk_ssm::config::timeout::TimeoutConfig;
    use aws_sdk_ssm::config::{BehaviorVersion, Region};
    let mut config = aws_sdk_ssm::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(account.region.clone()))
        .credentials_provider(account.credentials.clone())
        .http_client(crate::app::http_client()?)
        .timeout_config(TimeoutConfig::builder().operation_timeout(TIMEOUT).operation_attempt_timeout(ATTEMPT).build());
    config.set_endpoint_url(account.ssm_endpoint.clone());
    Ok(aws_sdk_ssm::Client::from_conf(config.build()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_variables_of_what_the_function_signs_and_that_name_a_parameter_are_fetched() {
        let lookup = |variable: &str| match variable {
            "SIGNING_KEY_ACCESS" => Some("ssm:/callaro/keys/access/1".to_owned()),
            "SIGNING_KEY_INVITE" => Some("ssm:/callaro/keys/invite/1".to_owned()),
            "SIGNING_KEY_SIGN_UP" => Some("MIGHAgEAMBMG".to_owned()),
            _ => None,
        };
        let named = named_parameters(&lookup, &[TokenKind::Access, TokenKind::SignUp]);
        assert_eq!(named, BTreeMap::from([("SIGNING_KEY_ACCESS", "/callaro/keys/access/1".to_owned())]));
    }
}
