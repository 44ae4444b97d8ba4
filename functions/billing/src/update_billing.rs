//! `PATCH /v1/billing`: changes who pays and where the invoices go.
//!
//! Owner and backup are active admins, and stay so: that they are is a condition of this transaction, that they stay is one of
//! every transaction that changes a member's role.

use crate::billing_settings::BillingSettings;
use common::auth::caller::{Auth, InTenant};
use common::error::{Code, Problem, Result};
use common::function::Function;
use common::keys::{self, Kind};
use common::reply::Reply;
use common::request::if_present;
use common::route::{Cx, Method, Route};
use common::store::{Access, Guard, Stored, Transaction};
use domain::audit::Action;
use domain::billing::{Address, Billing, BillingChange, MAX_RECIPIENTS};
use domain::email::Email;
use domain::id::UserId;
use domain::money::{Currency, TaxId};
use domain::patch::Patch;
use domain::role::{Permission, Role};
use domain::tenant::Mark;
use domain::text::PurchaseOrder;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::HashSet;

pub static FUNCTION: Function = Function::route::<UpdateBilling>();

pub struct UpdateBilling;

/// What is absent stays; null clears.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// An active admin.
    #[serde(default)]
    billing_owner: Patch<UserId>,
    /// Another active admin.
    #[serde(default)]
    backup_owner: Patch<UserId>,
    /// At most 20, each once.
    #[serde(default, deserialize_with = "if_present")]
    #[schemars(with = "Vec<Email>")]
    recipients: Option<Vec<Email>>,
    #[serde(default)]
    address: Patch<Address>,
    #[serde(default)]
    tax_id: Patch<TaxId>,
    #[serde(default)]
    currency: Patch<Currency>,
    #[serde(default)]
    po_number: Patch<PurchaseOrder>,
}

impl Route for UpdateBilling {
    const NAME: &'static str = "update-billing";
    const SUMMARY: &'static str = "Change who pays and where the invoices go.";
    const METHOD: Method = Method::Patch;
    const PATH: &'static str = "/v1/billing";
    const AUTH: Auth = Auth::Member(Permission::ManageBilling);
    const ACCESS: &'static [Access] = &[
        Access::Get(Kind::Billing),
        Access::Replace(Kind::Billing),
        Access::Check(Kind::Member),
        Access::Create(Kind::Audit),
    ];
    const REFUSES: &'static [Code] = &[Code::IfMatchRequired, Code::VersionStale];
    type Caller = InTenant;
    type Input = Input;
    type Output = BillingSettings;

    fn example() -> Value {
        json!({
            "recipients": ["invoices@acme.example"],
            "address": { "line1": "Hauptstr. 1", "city": "Berlin", "postal_code": "10115", "country": "DE" },
            "tax_id": "DE123456789",
            "currency": "EUR",
            "po_number": "PO 4711",
        })
    }

    async fn handle(cx: &Cx, caller: InTenant, input: Input) -> Result<Reply<BillingSettings>> {
        let version = cx.if_match()?;
        let change = input.change()?;
        let billing = cx.store().get(keys::billing(caller.tenant)).await?.ok_or_else(Problem::not_found)?;
        if billing.version != version {
            return Err(Problem::version_stale());
        }
        let next = billing.changed(change, Mark { by: caller.user, at: cx.now() });
        require_two_people(&next)?;
        let saved = save(cx, &caller, billing, next).await?;
        Ok(Reply::from(BillingSettings::from(&saved)).etag(saved.version))
    }
}

/// A change that changes nothing writes nothing.
async fn save(cx: &Cx, caller: &InTenant, billing: Stored<Billing>, next: Billing) -> Result<Stored<Billing>> {
    if billing.item == next {
        return Ok(billing);
    }
    let audit = cx.audit(caller.tenant, caller.user, Action::BillingUpdated, caller.tenant)?;
    let transaction = cx.store().transaction().replace(&billing, &next, Problem::version_stale());
    let transaction = transaction.create(&audit, Problem::try_again());
    let transaction = require_admin(transaction, caller, next.owner, billing.owner, "/billing_owner");
    let transaction = require_admin(transaction, caller, next.backup, billing.backup, "/backup_owner");
    require_caller(transaction, caller, &billing, &next).commit().await?;
    Ok(Stored { item: next, version: billing.version + 1 })
}

/// Whoever names themselves is held to being an admin by that: a transaction looks at an item once.
fn require_caller(transaction: Transaction, caller: &InTenant, before: &Billing, next: &Billing) -> Transaction {
    let named = [(next.owner, before.owner), (next.backup, before.backup)];
    match named.iter().any(|(now, before)| now != before && *now == Some(caller.user)) {
        true => transaction,
        false => caller.require_still(transaction),
    }
}

/// Whoever is newly named has to be an active admin at the moment of the write.
fn require_admin(
    transaction: Transaction,
    caller: &InTenant,
    named: Option<UserId>,
    before: Option<UserId>,
    pointer: &str,
) -> Transaction {
    let Some(user) = named.filter(|_| named != before) else {
        return transaction;
    };
    let active_admin = Guard::present().and_equals("role", Role::Admin).and_equals("status", "active");
    let detail =
        "This is not an active Tenant Admin of this workspace. Choose one, or make this person an admin first.";
    transaction.check(
        keys::member(caller.tenant, user),
        active_admin,
        Problem::field(pointer, "not_an_active_admin", detail),
    )
}

fn require_two_people(billing: &Billing) -> Result<()> {
    match billing.owner.is_some() && billing.owner == billing.backup {
        false => Ok(()),
        true => Err(Problem::field(
            "/backup_owner",
            "same_person",
            "The backup has to be somebody else than the billing owner. Choose another admin.",
        )),
    }
}

impl Input {
    fn change(self) -> Result<BillingChange> {
        if let Some(recipients) = &self.recipients {
            require_recipients(recipients)?;
        }
        Ok(BillingChange {
            owner: self.billing_owner,
            backup: self.backup_owner,
            recipients: self.recipients,
            address: self.address,
            tax_id: self.tax_id,
            currency: self.currency,
            po_number: self.po_number,
        })
    }
}

fn require_recipients(recipients: &[Email]) -> Result<()> {
    if recipients.len() > MAX_RECIPIENTS {
        let detail = format!("Invoices go to at most {MAX_RECIPIENTS} further recipients. Remove some.");
        return Err(Problem::field("/recipients", "too_many", detail));
    }
    let distinct: HashSet<_> = recipients.iter().map(Email::identity).collect();
    match distinct.len() == recipients.len() {
        true => Ok(()),
        false => Err(Problem::field("/recipients", "repeated", "A recipient is there twice. Keep each once.")),
    }
}
