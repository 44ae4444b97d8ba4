//! Who pays, where the invoices go, and what stands on them.

use crate::country::CountryCode;
use crate::email::Email;
use crate::id::{TenantId, UserId};
use crate::money::{Currency, TaxId};
use crate::patch::Patch;
use crate::tenant::Mark;
use crate::text::{AddressLine, PurchaseOrder};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A tenant's billing settings.
///
/// Invariant, kept by the transactions that write it and by those that change a member's role: `owner` and `backup` are
/// active admins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Billing {
    pub tenant: TenantId,
    pub owner: Option<UserId>,
    /// Who named the owner, and when. Present exactly when there is one.
    pub owner_named: Option<Mark>,
    pub backup: Option<UserId>,
    pub recipients: Vec<Email>,
    pub address: Option<Address>,
    pub tax_id: Option<TaxId>,
    pub currency: Option<Currency>,
    pub po_number: Option<PurchaseOrder>,
}

/// A postal address, as invoices print it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Address {
    pub line1: AddressLine,
    #[serde(default)]
    pub line2: Option<AddressLine>,
    pub city: AddressLine,
    #[serde(default)]
    pub region: Option<AddressLine>,
    #[serde(default)]
    pub postal_code: Option<AddressLine>,
    pub country: CountryCode,
}

/// The most invoice recipients besides owner and backup.
pub const MAX_RECIPIENTS: usize = 20;

/// A change to billing settings. What is absent stays; `null` clears.
#[derive(Debug, Default)]
pub struct BillingChange {
    pub owner: Patch<UserId>,
    pub backup: Patch<UserId>,
    pub recipients: Option<Vec<Email>>,
    pub address: Patch<Address>,
    pub tax_id: Patch<TaxId>,
    pub currency: Patch<Currency>,
    pub po_number: Patch<PurchaseOrder>,
}

impl Billing {
    pub fn new(tenant: TenantId) -> Billing {
        Billing {
            tenant,
            owner: None,
            owner_named: None,
            backup: None,
            recipients: Vec::new(),
            address: None,
            tax_id: None,
            currency: None,
            po_number: None,
        }
    }

    pub fn changed(&self, change: BillingChange, mark: Mark) -> Billing {
        let mut next = self.clone();
        change.owner.apply(&mut next.owner);
        if next.owner != self.owner {
            next.owner_named = next.owner.map(|_| mark);
        }
        change.backup.apply(&mut next.backup);
        if let Some(recipients) = change.recipients {
            next.recipients = recipients;
        }
        change.address.apply(&mut next.address);
        change.tax_id.apply(&mut next.tax_id);
        change.currency.apply(&mut next.currency);
        change.po_number.apply(&mut next.po_number);
        next
    }
}
