//! `GET /v1/audit`: who did what in the workspace, newest first.

use crate::users;
use common::auth::caller::{Auth, InTenant};
use common::error::{Code, Result};
use common::function::Function;
use common::keys::{self, Kind};
use common::paging::{self, Limit, List};
use common::reply::Reply;
use common::route::{Cx, Method, Route};
use common::store::{Access, Order};
use domain::Timestamp;
use domain::audit::{Action, Actor, Audit};
use domain::email::Email;
use domain::id::{AuditId, UserId};
use domain::role::Permission;
use domain::text::DisplayName;
use domain::user::User;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};

pub static FUNCTION: Function = Function::route::<ListAudit>();

pub struct ListAudit;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// Only what this person did. With this or another filter a page may hold fewer rows than its limit, or none, although more
    /// follow: `next_cursor` says so.
    #[serde(default)]
    actor: Option<UserId>,
    /// Only this.
    #[serde(default)]
    action: Option<Action>,
    /// Only what was done to the record with this id.
    #[serde(default)]
    target: Option<String>,
    #[serde(default)]
    limit: Limit,
    #[serde(default)]
    cursor: Option<String>,
}

/// One thing that was done.
#[derive(Debug, Serialize, JsonSchema)]
pub struct AuditView {
    id: AuditId,
    at: Timestamp,
    actor: ActorView,
    action: Action,
    /// The id of the record that was changed.
    target: String,
    /// What was different afterwards, in names and values.
    details: BTreeMap<String, String>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ActorView {
    /// Somebody who was signed in. Without an address where their account is gone.
    User {
        id: UserId,
        #[serde(skip_serializing_if = "Option::is_none")]
        email: Option<Email>,
        #[serde(skip_serializing_if = "Option::is_none")]
        display_name: Option<DisplayName>,
    },
    /// Whoever held the link of an invitation: nobody was signed in.
    LinkHolder,
    /// Callaro itself: it follows from what somebody did before.
    System,
}

impl Route for ListAudit {
    const NAME: &'static str = "list-audit";
    const SUMMARY: &'static str = "Who did what in the workspace, newest first.";
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/v1/audit";
    const AUTH: Auth = Auth::Member(Permission::ReadAudit);
    const ACCESS: &'static [Access] = &[Access::Query(Kind::Audit), Access::BatchGet(Kind::User)];
    const REFUSES: &'static [Code] = &[];
    type Caller = InTenant;
    type Input = Input;
    type Output = List<AuditView>;

    fn example() -> Value {
        json!({})
    }

    async fn handle(cx: &Cx, caller: InTenant, input: Input) -> Result<Reply<List<AuditView>>> {
        let range = keys::audits(caller.tenant);
        let cursor = input.cursor.as_deref();
        let matches = |audit: &Audit| input.matches(audit);
        let page = paging::page_of_matching(cx.store(), range, Order::Descending, input.limit, cursor, matches);
        let (audits, next_cursor) = page.await?;
        let actors = users::by_id(cx, audits.iter().filter_map(|audit| user_of(audit.actor))).await?;
        let data = audits.into_iter().map(|audit| show(audit.item, &actors)).collect();
        Ok(List { data, next_cursor }.into())
    }
}

impl Input {
    fn matches(&self, audit: &Audit) -> bool {
        self.actor.is_none_or(|actor| audit.actor == Actor::User { id: actor })
            && self.action.is_none_or(|action| audit.action == action)
            && self.target.as_ref().is_none_or(|target| audit.target == *target)
    }
}

fn user_of(actor: Actor) -> Option<UserId> {
    match actor {
        Actor::User { id } => Some(id),
        Actor::LinkHolder | Actor::System => None,
    }
}

fn show(audit: Audit, actors: &HashMap<UserId, User>) -> AuditView {
    let Audit { tenant: _, id, at, actor, action, target, details } = audit;
    AuditView { id, at, actor: show_actor(actor, actors), action, target, details }
}

fn show_actor(actor: Actor, actors: &HashMap<UserId, User>) -> ActorView {
    match actor {
        Actor::User { id } => {
            let user = actors.get(&id);
            let email = user.map(|user| user.email.clone());
            ActorView::User { id, email, display_name: user.and_then(|user| user.display_name.clone()) }
        }
        Actor::LinkHolder => ActorView::LinkHolder,
        Actor::System => ActorView::System,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADA: &str = "usr_00000000000000000000000000000001";
    const BOB: &str = "usr_00000000000000000000000000000002";

    fn audit(actor: Actor) -> Audit {
        Audit {
            tenant: "ten_00000000000000000000000000000001".parse().unwrap(),
            id: "aud_00000000000000000000000000000001".parse().unwrap(),
            at: Timestamp::UNIX_EPOCH,
            actor,
            action: Action::InviteDeclined,
            target: "inv_00000000000000000000000000000001".to_owned(),
            details: BTreeMap::new(),
        }
    }

    fn matches(query: Value, actor: Actor) -> bool {
        serde_json::from_value::<Input>(query).unwrap().matches(&audit(actor))
    }

    #[test]
    fn a_line_has_to_match_every_filter_there_is() {
        let ada = Actor::from(ADA.parse::<UserId>().unwrap());
        let target = "inv_00000000000000000000000000000001";
        for query in [
            json!({}),
            json!({ "actor": ADA }),
            json!({ "action": "invite.declined" }),
            json!({ "target": target }),
            json!({ "actor": ADA, "action": "invite.declined", "target": target }),
        ] {
            assert!(matches(query.clone(), ada), "{query}");
        }
        for query in [
            json!({ "actor": BOB }),
            json!({ "action": "invite.created" }),
            json!({ "target": "inv_" }),
            json!({ "actor": ADA, "action": "invite.created" }),
            json!({ "actor": BOB, "action": "invite.declined", "target": target }),
        ] {
            assert!(!matches(query.clone(), ada), "{query}");
        }
        assert!(!matches(json!({ "actor": ADA }), Actor::LinkHolder), "whoever held a link is nobody in particular");
    }

    #[test]
    fn an_actor_is_shown_by_name_while_there_is_one_and_a_link_holder_has_none() {
        let id: UserId = ADA.parse().unwrap();
        let email: Email = "ada@acme.example".parse().unwrap();
        let display_name = Some("Ada".parse().unwrap());
        let user = User { id, email, display_name, time_zone: None, created_at: Timestamp::UNIX_EPOCH };
        let (known, nobody) = (HashMap::from([(id, user)]), HashMap::new());
        let shown = |actor, actors| serde_json::to_value(show_actor(actor, actors)).unwrap();
        let by_name = json!({ "type": "user", "id": ADA, "email": "ada@acme.example", "display_name": "Ada" });
        assert_eq!(shown(id.into(), &known), by_name);
        assert_eq!(shown(id.into(), &nobody), json!({ "type": "user", "id": ADA }));
        assert_eq!(shown(Actor::LinkHolder, &known), json!({ "type": "link_holder" }));
    }
}
