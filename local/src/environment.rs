//! What each function is told by its environment: here exactly the variables that its deployment sets.

use crate::private_keys::{KeyError, PrivateKeys};
use crate::table;
use common::auth::token::TokenKind;
use common::config;
use common::function::Function;

/// Where dynoxide says it is.
const REGION: &str = "us-east-1";
const MAIL_FROM: &str = "Callaro <no-reply@callaro.example>";
const MAIL_CONFIGURATION_SET: &str = "callaro";

/// The addresses of what functions talk to and talk about.
pub(crate) struct Places {
    pub(crate) public_url: String,
    pub(crate) console_url: Option<String>,
    pub(crate) dynamodb: String,
    pub(crate) sesv2: String,
}

#[derive(Clone)]
pub(crate) struct Environment {
    functions: Vec<&'static Function>,
    shared: Vec<(String, String)>,
    keys: PrivateKeys,
}

impl Environment {
    pub(crate) fn new(
        places: &Places,
        keys: PrivateKeys,
        functions: &[&'static Function],
    ) -> Result<Environment, KeyError> {
        let verifying = keys.public()?.to_string();
        let mut shared = vec![
            (config::TABLE_NAME, table::NAME),
            (config::PUBLIC_URL, &places.public_url),
            (config::MAIL_FROM, MAIL_FROM),
            (config::MAIL_CONFIGURATION_SET, MAIL_CONFIGURATION_SET),
            (config::VERIFYING_KEYS, &verifying),
            (config::AWS_REGION, REGION),
            (config::AWS_ENDPOINT_URL_DYNAMODB, &places.dynamodb),
            (config::AWS_ENDPOINT_URL_SESV2, &places.sesv2),
        ];
        shared.extend(places.console_url.iter().map(|url| (config::CONSOLE_URL, url.as_str())));
        let shared = shared.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        Ok(Environment { functions: functions.to_vec(), shared, keys })
    }

    /// The variables of the function called `name`, if there is one.
    pub(crate) fn of_name(&self, name: &str) -> Vec<(String, String)> {
        let function = self.functions.iter().find(|function| function.name == name);
        function.map(|function| self.of_function(function)).unwrap_or_default()
    }

    /// The variables of a function: no private key is among them but those that it signs with.
    pub(crate) fn of_function(&self, function: &Function) -> Vec<(String, String)> {
        let mut variables = self.of(function.signs);
        // The stand-ins check no signature, but a request has to carry one; its key says who calls, as a role does in AWS.
        variables.push(("AWS_ACCESS_KEY_ID".to_owned(), function.name.to_owned()));
        variables.push(("AWS_SECRET_ACCESS_KEY".to_owned(), "local".to_owned()));
        variables
    }

    /// What every function is told, and the private keys of `signs`.
    pub(crate) fn of(&self, signs: &[TokenKind]) -> Vec<(String, String)> {
        let signing = |kind: &TokenKind| Some((kind.signing_variable().to_owned(), self.keys.of(*kind)?.to_owned()));
        self.shared.iter().cloned().chain(signs.iter().filter_map(signing)).collect()
    }
}

/// Looks a variable up in a list of them.
pub(crate) fn lookup(variables: &[(String, String)]) -> impl Fn(&str) -> Option<String> {
    |name| variables.iter().find(|(variable, _)| variable == name).map(|(_, value)| value.clone())
}
