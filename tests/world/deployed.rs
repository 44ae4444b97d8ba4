//! A deployment of the real template to an emulator of AWS, made by `tests/test-deploy`.
//!
//! It is used as any client uses it: over HTTP, with the mail that it sends. What a client has no way to see, a test asks the
//! emulator, as an operator asks AWS.

use aws_sdk_dynamodb::types::{DeleteRequest, WriteRequest};
use aws_sdk_dynamodb::{Client, config};
use common::auth::token::{TokenKeys, TokenKind};
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};
use tokio::sync::{Mutex, OwnedMutexGuard};

/// How long triggers may take. They take milliseconds, and a second where a function starts.
const PATIENCE: Duration = Duration::from_secs(30);

/// The deployment, for one test.
pub struct Deployed {
    described: Value,
    http: reqwest::Client,
    /// The mails there were before this test.
    old_mails: HashSet<String>,
    _turn: OwnedMutexGuard<()>,
}

impl Deployed {
    /// The deployment that the file at `path` describes, as good as new.
    ///
    /// All tests share it, and in nearly every one it is Ada who signs up. So they take turns, and each finds the table empty.
    pub async fn described_by(path: &str) -> Deployed {
        static TURNS: LazyLock<Arc<Mutex<()>>> = LazyLock::new(Arc::default);
        let turn = TURNS.clone().lock_owned().await;
        let described = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        let http = reqwest::Client::new();
        let mut deployed = Deployed { described, http, old_mails: HashSet::new(), _turn: turn };
        deployed.settled().await;
        deployed.empty_the_table().await;
        deployed.settled().await;
        deployed.old_mails = deployed.all_mails().await.iter().map(id_of).collect();
        deployed
    }

    fn says(&self, name: &str) -> &str {
        self.described[name].as_str().unwrap_or_else(|| panic!("the description of the deployment has no {name}"))
    }

    /// Where requests go. Not [`public_url`](Self::public_url), whose name leads to AWS.
    pub fn url(&self) -> &str {
        self.says("api")
    }

    /// Where the deployment believes it answers: links in mail lead there, tokens name it as their issuer.
    pub fn public_url(&self) -> &str {
        self.says("public_url")
    }

    pub fn table(&self) -> &str {
        self.says("table")
    }

    pub fn dynamo_endpoint(&self) -> &str {
        self.says("emulator")
    }

    pub fn region(&self) -> &str {
        self.says("region")
    }

    /// Waits until every stream mapping has taken all there is: the emulator moves a mapping on once its function is done, and
    /// what that wrote is in the stream by then.
    pub async fn settled(&self) {
        let started = Instant::now();
        loop {
            let behind = self.ask("/_ministack/stream-mappings").await;
            if behind.as_object().unwrap().values().all(|records| *records == 0) {
                return;
            }
            assert!(started.elapsed() < PATIENCE, "triggers are behind, by so many records: {behind}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// The mails of this test to an address, newest first, as the local mailbox tells of them.
    pub async fn mails_to(&self, email: &str) -> Vec<Value> {
        let mails = self.all_mails().await.into_iter().rev();
        let is_them = |to: &Value| to.as_str().is_some_and(|to| to.eq_ignore_ascii_case(email));
        let is_to = |mail: &Value| mail["To"].as_array().is_some_and(|to| to.iter().any(is_them));
        let mine = mails.filter(|mail| is_to(mail) && !self.old_mails.contains(&id_of(mail)));
        let as_here = |mail: Value| json!({ "to": mail["To"], "subject": mail["Subject"], "text": mail["BodyText"], "html": mail["BodyHtml"] });
        mine.map(as_here).collect()
    }

    async fn all_mails(&self) -> Vec<Value> {
        let mut answer = self.ask("/_ministack/ses/messages").await;
        let accounts = answer["messages"].as_object_mut().unwrap();
        accounts.values_mut().flat_map(|mails| mails.take().as_array().cloned().unwrap_or_default()).collect()
    }

    async fn ask(&self, path: &str) -> Value {
        let answer = self.http.get(format!("{}{path}", self.says("emulator"))).send().await.unwrap();
        answer.error_for_status().unwrap().json().await.unwrap()
    }

    /// The keys that the deployment signs and checks tokens with: a test forges tokens as only the deployment could.
    pub async fn token_keys(&self) -> TokenKeys {
        let mut variables: BTreeMap<String, String> =
            serde_json::from_value(self.described["key_variables"].clone()).unwrap();
        for value in variables.values_mut() {
            if let Some(name) = value.strip_prefix("ssm:") {
                let answer = self.ssm().get_parameter().name(name).with_decryption(true).send().await.unwrap();
                *value = answer.parameter.unwrap().value.unwrap();
            }
        }
        TokenKeys::from(&|name| variables.get(name).cloned(), self.public_url(), &TokenKind::ALL).unwrap()
    }

    fn ssm(&self) -> aws_sdk_ssm::Client {
        use aws_sdk_ssm::config::{BehaviorVersion, Config, Credentials, Region};
        let config = Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(self.region().to_owned()))
            .credentials_provider(Credentials::new("test", "test", None, None, "test"))
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .endpoint_url(self.says("emulator"));
        aws_sdk_ssm::Client::from_conf(config.build())
    }

    async fn empty_the_table(&self) {
        let dynamo = dynamo(self.dynamo_endpoint(), self.region());
        loop {
            let scan = dynamo.scan().table_name(self.table()).consistent_read(true).projection_expression("pk, sk");
            let page = scan.send().await.unwrap();
            if page.items().is_empty() {
                return;
            }
            // As many as one call takes.
            for keys in page.items().chunks(25) {
                let deletes = keys.iter().map(|key| {
                    let delete = DeleteRequest::builder().set_key(Some(key.clone())).build().unwrap();
                    WriteRequest::builder().delete_request(delete).build()
                });
                dynamo.batch_write_item().request_items(self.table(), deletes.collect()).send().await.unwrap();
            }
        }
    }
}

fn id_of(mail: &Value) -> String {
    mail["MessageId"].as_str().unwrap().to_owned()
}

/// A client of a table on this machine.
pub fn dynamo(endpoint: &str, region: &str) -> Client {
    use config::{BehaviorVersion, Credentials, Region};
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(region.to_owned()))
        .credentials_provider(Credentials::new("test", "test", None, None, "test"))
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .endpoint_url(endpoint);
    Client::from_conf(config.build())
}
