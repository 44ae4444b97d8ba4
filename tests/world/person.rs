//! Somebody who is signed in.

use super::Answer;

#[derive(Debug, Clone)]
pub struct Person {
    pub id: String,
    pub email: String,
    /// The workspace they came in by.
    pub tenant: String,
    pub access_token: String,
    pub refresh_token: String,
}

impl From<&Answer> for Person {
    /// From what confirming a sign-up or accepting an invite answers.
    fn from(answer: &Answer) -> Person {
        let text =
            |pointer| answer.body.pointer(pointer).and_then(|value| value.as_str()).unwrap_or_default().to_owned();
        Person {
            id: text("/user/id"),
            email: text("/user/email"),
            tenant: text("/tenant/id"),
            access_token: text("/access_token"),
            refresh_token: answer.cookie("__Host-refresh").unwrap_or_default(),
        }
    }
}
