//! What a workspace is connected to: CRMs and calendars, phone numbers, API keys.

use crate::date::CalendarDate;
use crate::id::{ApiKeyId, IntegrationId, PhoneNumberId, RequestMark, TenantId, UserId};
use crate::phone::Phone;
use crate::tenant::Mark;
use crate::text::{ExternalAccount, IntegrationName, Label};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A CRM or calendar that calls are to be written to or booked in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Integration {
    pub tenant: TenantId,
    pub id: IntegrationId,
    pub kind: IntegrationKind,
    /// The product, as its users call it.
    pub name: IntegrationName,
    pub progress: IntegrationProgress,
    pub created: Mark,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum IntegrationKind {
    Crm,
    Calendar,
}

impl IntegrationKind {
    /// The name used in JSON and in storage.
    pub const fn as_str(self) -> &'static str {
        match self {
            IntegrationKind::Crm => "crm",
            IntegrationKind::Calendar => "calendar",
        }
    }
}

/// How far an integration is. What is planned has somebody who does it by a day; what is connected has an account at the other end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum IntegrationProgress {
    /// `owner` is an active member: nobody who owns a plan can be removed or disabled.
    Planned {
        owner: UserId,
        due_on: CalendarDate,
    },
    Connected {
        account: ExternalAccount,
    },
}

impl Integration {
    /// Who is to connect it, while that is a plan.
    pub fn plan_owner(&self) -> Option<UserId> {
        match self.progress {
            IntegrationProgress::Planned { owner, .. } => Some(owner),
            IntegrationProgress::Connected { .. } => None,
        }
    }
}

/// A number that the workspace calls from. It is active for as long as it is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PhoneNumber {
    pub tenant: TenantId,
    /// Follows from the tenant and the number: a workspace has a number once.
    pub id: PhoneNumberId,
    pub number: Phone,
    pub label: Option<Label>,
    /// Of the request that added it.
    pub request: RequestMark,
    pub created: Mark,
}

/// A key by which programs of the tenant call the API. Live until it is removed. The key itself is kept nowhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiKey {
    pub tenant: TenantId,
    pub id: ApiKeyId,
    pub name: Label,
    /// SHA-256 of the secret part, in lower-case hexadecimal digits. The secret is 256 random bits, so nothing slower is called for.
    pub secret_hash: String,
    /// Its last four characters, to tell keys apart.
    pub last_four: String,
    pub created: Mark,
    /// When it was first used. Left out until then: the write that notes it is held to that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_used_at: Option<Timestamp>,
}
