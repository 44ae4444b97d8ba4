//! A tenant's billing settings, as `/v1/billing` shows them.

use common::store::Stored;
use domain::billing::{Address, Billing};
use domain::email::Email;
use domain::id::UserId;
use domain::money::{Currency, TaxId};
use domain::text::PurchaseOrder;
use schemars::JsonSchema;
use serde::Serialize;

#[derive(Debug, Serialize, JsonSchema)]
pub struct BillingSettings {
    /// The admin who receives invoices, usage changes and renewal decisions.
    billing_owner: Option<UserId>,
    backup_owner: Option<UserId>,
    /// Further addresses that receive invoices; they need no seat.
    recipients: Vec<Email>,
    address: Option<Address>,
    tax_id: Option<TaxId>,
    currency: Option<Currency>,
    po_number: Option<PurchaseOrder>,
    version: u64,
}

impl From<&Stored<Billing>> for BillingSettings {
    fn from(stored: &Stored<Billing>) -> BillingSettings {
        let billing = stored.item.clone();
        BillingSettings {
            billing_owner: billing.owner,
            backup_owner: billing.backup,
            recipients: billing.recipients,
            address: billing.address,
            tax_id: billing.tax_id,
            currency: billing.currency,
            po_number: billing.po_number,
            version: stored.version,
        }
    }
}
