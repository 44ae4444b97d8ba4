//! What lives as long as the process: configuration, keys, clock, and the clients of AWS.

use crate::auth::token::{TokenKeys, TokenKind};
use crate::clock::Clock;
use crate::config::{AwsAccount, Config, ConfigError, Lookup};
use crate::store::Tally;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use std::any::Any;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// Told, after every request, what it did to the table.
pub type Observer = Arc<dyn Fn(Observation) + Send + Sync>;

/// See [`Observer`].
#[derive(Debug, Clone)]
pub struct Observation {
    pub function: &'static str,
    pub status: u16,
    pub tally: Tally,
    pub took: Duration,
}

pub struct App {
    pub config: Config,
    pub keys: TokenKeys,
    pub clock: Clock,
    pub(crate) dynamo: aws_sdk_dynamodb::Client,
    pub(crate) http: SharedHttpClient,
    pub(crate) aws: AwsAccount,
    /// The mail client. Not typed here: a binary that never sends then never links it.
    pub(crate) mail_client: OnceLock<Box<dyn Any + Send + Sync>>,
    pub(crate) observer: Option<Observer>,
}

impl App {
    /// Reads what a function that signs `signs` needs, and nothing more.
    pub fn from(lookup: Lookup<'_>, signs: &[TokenKind], clock: Clock) -> Result<App, ConfigError> {
        let config = Config::from(lookup)?;
        let keys = TokenKeys::from(lookup, &config.public_url, signs)?;
        let aws = AwsAccount::from(lookup)?;
        let http = http_client()?;
        let dynamo = dynamo_client(&aws, &http);
        Ok(App { config, keys, clock, dynamo, http, aws, mail_client: OnceLock::new(), observer: None })
    }

    /// The same, with somebody told of every request.
    pub fn observed_by(self, observer: Observer) -> App {
        App { observer: Some(observer), ..self }
    }
}

pub(crate) fn dynamo_client(aws: &AwsAccount, http: &SharedHttpClient) -> aws_sdk_dynamodb::Client {
    use aws_sdk_dynamodb::config::{BehaviorVersion, Region};
    let mut config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(aws.region.clone()))
        .credentials_provider(aws.credentials.clone())
        .http_client(http.clone());
    config.set_endpoint_url(aws.dynamodb_endpoint.clone());
    aws_sdk_dynamodb::Client::from_conf(config.build())
}

/// An HTTPS client that trusts the roots AWS's endpoints chain to, and no others: loading the system's whole store costs
/// more than the rest of a cold start (<https://www.amazontrust.com/repository/>).
pub(crate) fn http_client() -> Result<SharedHttpClient, ConfigError> {
    let roots =
        TrustStore::empty().with_pem_certificate(include_bytes!("../certs/amazon-trust-services.pem").as_slice());
    let tls = TlsContext::builder().with_trust_store(roots).build();
    let tls = tls.map_err(|_| ConfigError {
        variable: "(built in)",
        what: "certificates are not readable",
        expected: "PEM",
    })?;
    let provider = Provider::Rustls(CryptoMode::AwsLc);
    Ok(aws_smithy_http_client::Builder::new().tls_provider(provider).tls_context(tls).build_https())
}
