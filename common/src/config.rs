//! All that a function is told by its environment, read once, at start.
//!
//! A function that lacks something it needs ends at once and says which variable, and what it should hold.

use crate::error::Problem;
use aws_credential_types::Credentials;
use http::Uri;

/// What is wrong with the environment.
#[derive(Debug, thiserror::Error)]
#[error("{variable} {what}; it should hold {expected}")]
pub struct ConfigError {
    pub variable: &'static str,
    pub what: &'static str,
    pub expected: &'static str,
}

/// Looks a variable up. The process's environment in a Lambda; a map in the local runner and in tests.
pub type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

/// The process's own environment.
pub fn process_environment(variable: &str) -> Option<String> {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
    std::env::var(variable).ok()
}

pub const TABLE_NAME: &str = "TABLE_NAME";
pub const PUBLIC_URL: &str = "PUBLIC_URL";
pub const CONSOLE_URL: &str = "CONSOLE_URL";
pub const MAIL_FROM: &str = "MAIL_FROM";
pub const MAIL_CONFIGURATION_SET: &str = "MAIL_CONFIGURATION_SET";
pub const VERIFYING_KEYS: &str = "VERIFYING_KEYS";
pub const AWS_REGION: &str = "AWS_REGION";
pub const AWS_ENDPOINT_URL_DYNAMODB: &str = "AWS_ENDPOINT_URL_DYNAMODB";
pub const AWS_ENDPOINT_URL_SESV2: &str = "AWS_ENDPOINT_URL_SESV2";
pub const AWS_ENDPOINT_URL_SSM: &str = "AWS_ENDPOINT_URL_SSM";

/// Settings that are plain values.
#[derive(Debug, Clone)]
pub struct Config {
    pub table: String,
    /// Where the API answers, without a trailing slash.
    pub public_url: String,
    /// Where emailed links lead, without a trailing slash. The API's own pages unless a deployer has a console.
    pub console_url: String,
    /// The sender of all mail, a bare address or `Name <address>`.
    pub mail_from: String,
    /// The SES configuration set that publishes what becomes of mail. Without one nothing is heard of it.
    pub mail_configuration_set: Option<String>,
}

impl Config {
    pub fn from(lookup: Lookup<'_>) -> Result<Config, ConfigError> {
        let public_url = url(lookup, PUBLIC_URL)?;
        let console_url = match lookup(CONSOLE_URL).filter(|value| !value.is_empty()) {
            Some(_) => url(lookup, CONSOLE_URL)?,
            None => public_url.clone(),
        };
        Ok(Config {
            table: required(lookup, TABLE_NAME, "the name of the DynamoDB table")?,
            public_url,
            console_url,
            mail_from: required(lookup, MAIL_FROM, "the sender of mail, like Callaro <no-reply@example.com>")?,
            mail_configuration_set: lookup(MAIL_CONFIGURATION_SET).filter(|value| !value.is_empty()),
        })
    }
}

/// A variable that has to be there.
pub fn required(lookup: Lookup<'_>, variable: &'static str, expected: &'static str) -> Result<String, ConfigError> {
    let value = lookup(variable).filter(|value| !value.is_empty());
    value.ok_or(ConfigError { variable, what: "is not set", expected })
}

fn url(lookup: Lookup<'_>, variable: &'static str) -> Result<String, ConfigError> {
    let expected = "an absolute URL without a path, like https://api.example.com";
    let value = required(lookup, variable, expected)?;
    let value = value.trim_end_matches('/');
    let is_origin = value.parse::<Uri>().is_ok_and(|uri| {
        matches!(uri.scheme_str(), Some("https" | "http"))
            && uri.host().is_some()
            && uri.path() == "/"
            && uri.query().is_none()
    });
    match is_origin {
        true => Ok(value.to_owned()),
        false => Err(ConfigError { variable, what: "is not a URL we can build links with", expected }),
    }
}

/// Where AWS is, and who we are there.
///
/// Read from the variables that the Lambda runtime sets. No `aws-config`: it would link STS and profile parsing into every
/// binary, for what three variables say (docs/decisions/0003-binaries.md).
#[derive(Clone)]
pub(crate) struct AwsAccount {
    pub region: String,
    pub credentials: Credentials,
    pub dynamodb_endpoint: Option<String>,
    pub sesv2_endpoint: Option<String>,
    pub ssm_endpoint: Option<String>,
}

impl AwsAccount {
    pub(crate) fn from(lookup: Lookup<'_>) -> Result<AwsAccount, ConfigError> {
        Ok(AwsAccount {
            region: required(lookup, AWS_REGION, "an AWS region, like eu-central-1")?,
            credentials: Credentials::new(
                required(lookup, "AWS_ACCESS_KEY_ID", "an AWS access key id")?,
                required(lookup, "AWS_SECRET_ACCESS_KEY", "an AWS secret access key")?,
                lookup("AWS_SESSION_TOKEN").filter(|token| !token.is_empty()),
                None,
                "environment",
            ),
            dynamodb_endpoint: lookup(AWS_ENDPOINT_URL_DYNAMODB),
            sesv2_endpoint: lookup(AWS_ENDPOINT_URL_SESV2),
            ssm_endpoint: lookup(AWS_ENDPOINT_URL_SSM),
        })
    }
}

impl From<ConfigError> for Problem {
    fn from(error: ConfigError) -> Problem {
        Problem::internal(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(changes: &[(&str, &str)]) -> impl Fn(&str) -> Option<String> {
        let mut all = vec![
            (TABLE_NAME, "callaro"),
            (PUBLIC_URL, "https://api.example.com/"),
            (MAIL_FROM, "Callaro <no-reply@example.com>"),
        ];
        let changes: Vec<(String, String)> = changes.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        all.retain(|(name, _)| !changes.iter().any(|(changed, _)| changed == name));
        move |name| {
            let changed = changes.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
            changed.or_else(|| all.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned()))
        }
    }

    #[test]
    fn links_lead_to_the_apis_own_pages_unless_a_console_is_named() {
        let config = Config::from(&environment(&[])).unwrap();
        assert_eq!(config.console_url, "https://api.example.com");
        let config = Config::from(&environment(&[(CONSOLE_URL, "https://app.example.com")])).unwrap();
        assert_eq!(config.console_url, "https://app.example.com");
    }

    #[test]
    fn a_missing_or_malformed_variable_is_named_with_what_it_should_hold() {
        let cases = [
            (TABLE_NAME, ""),
            (PUBLIC_URL, "not a url"),
            (PUBLIC_URL, "https://a.example/path"),
            (CONSOLE_URL, "ftp://x"),
        ];
        for (variable, value) in cases {
            let error = Config::from(&environment(&[(variable, value)])).unwrap_err();
            assert_eq!(error.variable, variable);
            assert!(error.to_string().contains("it should hold"), "{error}");
        }
    }
}
