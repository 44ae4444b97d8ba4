//! A phone number, as everybody in the workspace sees it.

use domain::connect::PhoneNumber;
use domain::id::PhoneNumberId;
use domain::phone::Phone;
use domain::tenant::Mark;
use domain::text::Label;
use schemars::JsonSchema;
use serde::Serialize;

#[derive(Debug, Serialize, JsonSchema)]
pub struct PhoneNumberView {
    id: PhoneNumberId,
    number: Phone,
    label: Option<Label>,
    created: Mark,
}

impl From<&PhoneNumber> for PhoneNumberView {
    fn from(number: &PhoneNumber) -> PhoneNumberView {
        PhoneNumberView {
            id: number.id,
            number: number.number.clone(),
            label: number.label.clone(),
            created: number.created,
        }
    }
}
