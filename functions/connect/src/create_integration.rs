//! `POST /v1/integrations`: plans a CRM or calendar, with somebody who connects it by a day; or records that one is connected.
//!
//! That it is connected is what an admin declares. Nothing is tried out at the other end: signing in there and a test write are not
//! built yet.

use crate::integration_view::{IntegrationConnection, IntegrationPlan, IntegrationView};
use crate::plan_owner;
use common::auth::caller::{Auth, InTenant};
use common::error::{Code, Problem, Result};
use common::function::Function;
use common::idempotency::Idempotency;
use common::keys::{self, Kind};
use common::reply::Reply;
use common::route::{Cx, Method, Route};
use common::store::{Access, Change, Guard, Transaction};
use domain::audit::Action;
use domain::connect::{Integration, IntegrationKind, IntegrationProgress};
use domain::date::CalendarDate;
use domain::id::{IntegrationId, TenantId};
use domain::role::Permission;
use domain::tenant::{CountedSet, LastChange, Mark};
use domain::text::IntegrationName;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

pub static FUNCTION: Function = Function::route::<CreateIntegration>();

pub struct CreateIntegration;

/// Either `plan` or `connection`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {
    kind: IntegrationKind,
    name: IntegrationName,
    /// Not before today, wherever that is still today.
    #[serde(default)]
    plan: Option<IntegrationPlan>,
    #[serde(default)]
    connection: Option<IntegrationConnection>,
}

impl Route for CreateIntegration {
    const NAME: &'static str = "create-integration";
    const SUMMARY: &'static str = "Plan a CRM or calendar with an owner and a date, or record that one is connected.";
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/v1/integrations";
    const AUTH: Auth = Auth::Member(Permission::ManageConnections);
    const ACCESS: &'static [Access] = &[
        Access::Get(Kind::Integration),
        Access::Create(Kind::Integration),
        Access::Update(Kind::Counters),
        Access::Update(Kind::Member),
        Access::Check(Kind::Member),
        Access::Create(Kind::Audit),
    ];
    const REFUSES: &'static [Code] = &[];
    const SUCCESS: u16 = 201;
    const IDEMPOTENCY: Idempotency = Idempotency::ByKey;
    type Caller = InTenant;
    type Input = Input;
    type Output = IntegrationView;

    fn example() -> Value {
        json!({ "kind": "crm", "name": "Salesforce", "connection": { "account": "acme.my.salesforce.com" } })
    }

    async fn handle(cx: &Cx, caller: InTenant, input: Input) -> Result<Reply<IntegrationView>> {
        let id = IntegrationId::from_uuid(cx.id_for("integration")?);
        if let Some(made) = made_before(cx, caller.tenant, id).await? {
            return Ok(IntegrationView::from(&made).into());
        }
        let integration = Integration {
            tenant: caller.tenant,
            id,
            kind: input.kind,
            progress: progress(input.plan, input.connection)?,
            name: input.name,
            created: Mark { by: caller.user, at: cx.now() },
        };
        require_not_over(cx, &integration)?;
        create(cx, &caller, &integration).await?;
        Ok(IntegrationView::from(&integration).into())
    }
}

/// What this very request made when it was sent before, and its answer was lost.
async fn made_before(cx: &Cx, tenant: TenantId, id: IntegrationId) -> Result<Option<Integration>> {
    if !cx.may_be_a_repeat() {
        return Ok(None);
    }
    Ok(cx.store().get(keys::integration(tenant, id)).await?.map(|integration| integration.item))
}

fn progress(plan: Option<IntegrationPlan>, connection: Option<IntegrationConnection>) -> Result<IntegrationProgress> {
    match (plan, connection) {
        (Some(IntegrationPlan { owner, due_on }), None) => Ok(IntegrationProgress::Planned { owner, due_on }),
        (None, Some(IntegrationConnection { account })) => Ok(IntegrationProgress::Connected { account }),
        (None, None) => Err(Problem::field(
            "/plan",
            "missing",
            "Say how far it is: give a plan, with an owner and a date, or the connection that there is.",
        )),
        (Some(_), Some(_)) => Err(Problem::field(
            "/connection",
            "not_both",
            "An integration is either planned or connected. Leave out the plan or the connection.",
        )),
    }
}

fn require_not_over(cx: &Cx, integration: &Integration) -> Result<()> {
    match integration.progress {
        IntegrationProgress::Planned { due_on, .. } if due_on < CalendarDate::earliest_today(cx.now()) => {
            Err(Problem::field("/plan/due_on", "date_past", "This day is over. Choose today or a later day."))
        }
        IntegrationProgress::Planned { .. } | IntegrationProgress::Connected { .. } => Ok(()),
    }
}

async fn create(cx: &Cx, caller: &InTenant, integration: &Integration) -> Result<()> {
    let added = LastChange::added(integration.id, integration.created);
    let counted = Change::new().count(CountedSet::Integrations, &added);
    let audit = cx.audit(caller.tenant, caller.user, action(integration), integration.id)?;
    let transaction = cx
        .store()
        .transaction()
        .create(integration, Problem::try_again())
        .update(keys::counters(caller.tenant), counted, Guard::present(), Problem::try_again())
        .create(&audit.with("kind", integration.kind.as_str()), Problem::try_again());
    require_people(transaction, caller, integration).commit().await
}

fn action(integration: &Integration) -> Action {
    match integration.progress {
        IntegrationProgress::Planned { .. } => Action::IntegrationPlanned,
        IntegrationProgress::Connected { .. } => Action::IntegrationConnected,
    }
}

/// The caller is still an admin, and the owner of a plan an active member.
fn require_people(transaction: Transaction, caller: &InTenant, integration: &Integration) -> Transaction {
    match integration.plan_owner() {
        Some(owner) => plan_owner::take_on(transaction, caller, owner),
        None => caller.require_still(transaction),
    }
}
