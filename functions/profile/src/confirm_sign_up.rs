//! `POST /v1/sign-ups/confirm`: the link was followed: user, tenant and first admin come to be, in one transaction.

use common::auth::account::NewAccount;
use common::auth::caller::{Auth, Nobody};
use common::auth::password::Password;
use common::auth::session::AccessGrant;
use common::auth::token::{Rejected, SignUpClaims, TokenKind};
use common::error::{Code, Problem, Result};
use common::function::Function;
use common::keys::Kind;
use common::reply::Reply;
use common::route::{Cx, Method, Route};
use common::store::Access;
use common::view::{TenantView, UserView, own_words};
use domain::audit::Action;
use domain::billing::Billing;
use domain::checklist::{self, Facts};
use domain::id::{TenantId, UserId};
use domain::member::{Member, MemberStatus};
use domain::role::Role;
use domain::tenant::{Counters, Mark, Tenant};
use domain::text::DisplayName;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

pub static FUNCTION: Function = Function::route::<ConfirmSignUp>();

pub struct ConfirmSignUp;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// From the link's fragment.
    token: String,
    #[serde(default)]
    display_name: Option<DisplayName>,
    password: Password,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct SignedUp {
    user: UserView,
    tenant: TenantView,
    #[serde(flatten)]
    grant: AccessGrant,
}

impl Route for ConfirmSignUp {
    const NAME: &'static str = "confirm-sign-up";
    const SUMMARY: &'static str = "Follow the link of a sign-up: creates the user, the workspace and its first admin.";
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/v1/sign-ups/confirm";
    const AUTH: Auth = Auth::Nobody;
    const ACCESS: &'static [Access] = &[
        Access::Create(Kind::EmailOwner),
        Access::Create(Kind::User),
        Access::Create(Kind::Credential),
        Access::Create(Kind::Session),
        Access::Create(Kind::Tenant),
        Access::Create(Kind::Counters),
        Access::Create(Kind::Member),
        Access::Create(Kind::Billing),
        Access::Create(Kind::Checklist),
        Access::Create(Kind::Audit),
    ];
    const REFUSES: &'static [Code] = &[Code::LinkInvalid, Code::LinkGone];
    const SUCCESS: u16 = 201;
    const SIGNS: &'static [TokenKind] = &[TokenKind::Access];
    const MEMORY_MB: u32 = 1024;
    type Caller = Nobody;
    type Input = Input;
    type Output = SignedUp;

    fn example() -> Value {
        json!({ "token": "eyJ…", "display_name": "Ada", "password": "violet harbour tin sparrow" })
    }

    async fn handle(cx: &Cx, _: Nobody, input: Input) -> Result<Reply<SignedUp>> {
        let claims = cx.verify::<SignUpClaims>(&input.token).map_err(rejected)?.claims;
        input.password.require_strong(&own_words(&claims.email, input.display_name.as_ref(), &claims.company_name))?;

        let account = NewAccount::new(cx, &claims.email, input.display_name, &input.password)?;
        let user = &account.user;
        let workspace = Workspace::new(cx, claims, user.id)?;
        let tenant = &workspace.tenant;

        let transaction = account
            .create_in(cx.store().transaction(), used())
            .create(tenant, Problem::try_again())
            .create(&workspace.counters, Problem::try_again())
            .create(&workspace.member, Problem::try_again())
            .create(&workspace.billing, Problem::try_again())
            .create(&workspace.checklist(cx), Problem::try_again())
            .create(&cx.audit(tenant.id, user.id, Action::TenantCreated, tenant.id)?, Problem::try_again());
        transaction.commit().await?;

        let (grant, cookie) = account.session.grant(cx)?;
        Ok(Reply::from(SignedUp { user: user.into(), tenant: tenant.into(), grant }).cookie(cookie))
    }
}

/// A new tenant's items.
struct Workspace {
    tenant: Tenant,
    counters: Counters,
    member: Member,
    billing: Billing,
}

impl Workspace {
    fn new(cx: &Cx, claims: SignUpClaims, creator: UserId) -> Result<Workspace> {
        let now = cx.now();
        let created = Mark { by: creator, at: now };
        let tenant = TenantId::from_uuid(cx.new_id()?);
        Ok(Workspace {
            counters: Counters::new(tenant, created),
            member: Member {
                tenant,
                user: creator,
                role: Role::Admin,
                status: MemberStatus::Active,
                joined_at: now,
                first_seen_at: now,
                last_seen_at: now,
                invited: None,
                plans_owned: 0,
            },
            billing: Billing::new(tenant),
            tenant: Tenant::new(tenant, claims.company_name, claims.time_zone, created),
        })
    }

    /// The checklist is there from the first moment, and already what its state amounts to.
    fn checklist(&self, cx: &Cx) -> checklist::Checklist {
        let facts = Facts {
            tenant: &self.tenant,
            counters: &self.counters,
            billing: &self.billing,
            test_user: None,
            choices: None,
            last_open_invite: None,
            last_open_operator_invite: None,
            last_undelivered_invite: None,
        };
        checklist::fold(&checklist::CURRENT, facts, None, cx.now()).checklist
    }
}

fn rejected(rejected: Rejected) -> Problem {
    match rejected {
        Rejected::Expired => {
            Problem::new(Code::LinkGone, "This link has expired. Sign up again to get a new one; nothing was lost.")
        }
        Rejected::Invalid => Problem::new(
            Code::LinkInvalid,
            "This link is not one of ours, or not whole. Open it from the mail again, or copy all of it.",
        ),
    }
}

fn used() -> Problem {
    Problem::new(Code::LinkGone, "This link has been used: the address has an account. Sign in with it instead.")
}
