//! An API key that somebody was shown.

use super::Answer;

#[derive(Debug, Clone)]
pub struct ApiKey {
    pub id: String,
    /// The key itself.
    pub text: String,
}

impl From<&Answer> for ApiKey {
    /// From what making a key answers.
    fn from(answer: &Answer) -> ApiKey {
        let text = |name| answer.body[name].as_str().unwrap().to_owned();
        ApiKey { id: text("id"), text: text("key") }
    }
}
