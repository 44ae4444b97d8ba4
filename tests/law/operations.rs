//! Carries an operation out, by its route.

use crate::history::{Days, MailFate, Operation, Who, Workspace};
use crate::ledger::Ledger;
use crate::stage::{Account, Stage};
use crate::world::{Answer, ApiKey, PASSWORD, Person, RequestTo, World};
use domain::invite::Invite;
use jiff::SignedDuration;
use serde_json::{Value, json};

/// What it takes to do something in a workspace.
pub struct Doing<'d> {
    pub stage: &'d Stage,
    pub workspace: Workspace,
    /// The workspace as it is.
    pub ledger: &'d Ledger,
    /// Whoever came in during this history.
    pub newcomer: Option<&'d Account>,
    /// The newest API key that was made during this history.
    pub api_key: Option<&'d ApiKey>,
}

/// What became of an operation.
pub struct Done {
    pub was_accepted: bool,
    pub newcomer: Option<Account>,
    pub api_key: Option<ApiKey>,
}

impl Doing<'_> {
    /// Nothing where nobody could ask for that: there is no such person, or no such invite.
    pub async fn carry_out(&self, operation: &Operation) -> Result<Option<Done>, String> {
        match operation {
            Operation::HearOfMail(who, fate) => self.hear_of_mail(*who, *fate).await,
            Operation::FillSeats => Ok(Some(self.set_seats(0))),
            Operation::AddSeats => Ok(Some(self.set_seats(10))),
            _ => match self.request(operation) {
                Some(request) => self.send(operation, request).await.map(Some),
                None => Ok(None),
            },
        }
    }

    async fn send(&self, operation: &Operation, request: RequestTo<'_>) -> Result<Done, String> {
        let answer = request.send().await;
        match (answer.status, operation) {
            (200..300, Operation::CreateApiKey) => {
                Ok(Done { api_key: Some(ApiKey::from(&answer)), ..Done::accepted() })
            }
            (200..300, _) => Ok(Done { newcomer: self.newcomer_by(operation, &answer), ..Done::accepted() }),
            // It was removed.
            (401, Operation::UseApiKey) => Ok(Done::refused()),
            // Nobody else forgets to sign in, or writes what is no request.
            (403 | 404 | 409 | 410 | 412 | 422 | 429, _) => Ok(Done::refused()),
            (status, _) => Err(format!("{status}: {}", answer.text)),
        }
    }

    fn newcomer_by(&self, operation: &Operation, answer: &Answer) -> Option<Account> {
        match operation {
            Operation::Accept(who) if self.account(*who).is_none() => Some(self.stage.account(*who, answer)),
            _ => None,
        }
    }

    fn request(&self, operation: &Operation) -> Option<RequestTo<'_>> {
        use Operation as Op;
        match operation {
            Op::SetCountry => self.settings(json!({ "country": "DE" })),
            Op::ClearCountry => self.settings(json!({ "country": null })),
            Op::SetContact => {
                let contact = json!({ "name": "Office", "email": "office@people.example", "phone": null });
                self.settings(json!({ "business_contact": contact }))
            }
            Op::ClearContact => self.settings(json!({ "business_contact": null })),
            Op::ConfirmTimeZone => self.settings(json!({ "default_time_zone_confirmed": true })),
            Op::DoubtTimeZone => self.settings(json!({ "default_time_zone_confirmed": false })),
            Op::ChangeTimeZone(zone) => self.settings(json!({ "default_time_zone": zone })),
            Op::Label(n) => self.settings(json!({ "labels": [format!("label {n}")] })),
            Op::NameBillingOwner(who) => self.billing(json!({ "billing_owner": self.id(*who)? })),
            Op::ClearBillingOwner => self.billing(json!({ "billing_owner": null })),
            Op::SetPurchaseOrder(n) => self.billing(json!({ "po_number": format!("PO {n}") })),
            Op::Invite(who, role, Days(days)) => {
                let body = json!({ "invites": [{ "email": who.email(), "role": role }], "expires_in_days": days });
                self.by_admin(self.world().post("/v1/invites", body))
            }
            Op::Resend(who) => {
                let path = format!("/v1/invites/{}/resend", self.invite(*who)?.id);
                self.by_admin(self.world().post(&path, json!({})))
            }
            Op::ChangeInvitedRole(who, role) => self.change_invite(*who, json!({ "role": role })),
            Op::Readdress(who, to) => self.change_invite(*who, json!({ "email": to.email() })),
            Op::Revoke(who) => {
                let path = format!("/v1/invites/{}", self.invite(*who)?.id);
                self.by_admin(self.world().delete(&path))
            }
            Op::Decline(who) => {
                let token = self.stage.link(self.invite(*who)?);
                Some(self.world().post("/v1/invites/decline", json!({ "token": token })))
            }
            Op::Accept(who) => self.accept(*who),
            Op::ChangeRole(who, role) => self.change_member(*who, json!({ "role": role })),
            Op::Disable(who) => self.change_member(*who, json!({ "disabled": true })),
            Op::Enable(who) => self.change_member(*who, json!({ "disabled": false })),
            Op::Remove(who) => self.by_admin(self.world().delete(&format!("/v1/members/{}", self.id(*who)?))),
            Op::Leave(who) => Some(self.world().post("/v1/tenant/leave", json!({})).by(&self.person(*who)?)),
            Op::MarkTestUser(who) => self.change_member(*who, json!({ "test_user": true })),
            Op::UnmarkTestUser(who) => self.change_member(*who, json!({ "test_user": false })),
            Op::Rehearse(who) => Some(self.world().post("/v1/access-rehearsals", json!({})).by(&self.person(*who)?)),
            Op::PlanIntegration(who) => {
                let due_on =
                    (self.world().now() + SignedDuration::from_hours(30 * 24)).strftime("%Y-%m-%d").to_string();
                let plan = json!({ "owner": self.id(*who)?, "due_on": due_on });
                let body = json!({ "kind": "crm", "name": "Salesforce", "plan": plan });
                self.by_admin(self.world().post("/v1/integrations", body))
            }
            Op::ConnectIntegration => {
                let body = json!({ "kind": "calendar", "name": "Calendar", "connection": { "account": "team" } });
                self.by_admin(self.world().post("/v1/integrations", body))
            }
            Op::RemoveIntegration => {
                let oldest = self.ledger.integrations.iter().min_by_key(|integration| integration.created.at)?;
                self.by_admin(self.world().delete(&format!("/v1/integrations/{}", oldest.id)))
            }
            Op::AddPhoneNumber(n) => {
                let body = json!({ "number": format!("+49309018{n}") });
                self.by_admin(self.world().post("/v1/phone-numbers", body))
            }
            Op::RemovePhoneNumber => {
                let oldest = self.ledger.phone_numbers.iter().min_by_key(|number| number.created.at)?;
                self.by_admin(self.world().delete(&format!("/v1/phone-numbers/{}", oldest.id)))
            }
            Op::CreateApiKey => self.by_admin(self.world().post("/v1/api-keys", json!({ "name": "Importer" }))),
            Op::UseApiKey => Some(self.world().get("/v1/api-keys/current").token(&self.api_key?.text)),
            Op::RemoveApiKey => {
                let key = self.api_key?;
                self.by_admin(self.world().delete(&format!("/v1/api-keys/{}", key.id)))
            }
            Op::Dismiss => self.by_admin(self.world().post("/v1/checklist/dismiss", json!({}))),
            Op::Restore => self.by_admin(self.world().post("/v1/checklist/restore", json!({}))),
            Op::Skip(step, reason) => {
                let path = format!("/v1/checklist/steps/{step}/skip");
                self.by_admin(self.world().put(&path, json!({ "reason": reason })))
            }
            Op::Unskip(step) => self.by_admin(self.world().delete(&format!("/v1/checklist/steps/{step}/skip"))),
            Op::HearOfMail(..) | Op::FillSeats | Op::AddSeats => None,
        }
    }

    fn world(&self) -> &World {
        &self.stage.world
    }

    fn account(&self, who: Who) -> Option<&Account> {
        self.stage.people.get(&who).or(self.newcomer)
    }

    fn id(&self, who: Who) -> Option<String> {
        self.account(who).map(|account| account.user.to_string())
    }

    fn person(&self, who: Who) -> Option<Person> {
        self.account(who).map(|account| self.stage.person(account, self.workspace))
    }

    fn invite(&self, who: Who) -> Option<&Invite> {
        self.ledger.invite_to(&who.email())
    }

    /// Whoever is the first admin that we know.
    fn by_admin<'w>(&self, request: RequestTo<'w>) -> Option<RequestTo<'w>> {
        let accounts = self.stage.people.values().chain(self.newcomer);
        let admin = accounts.into_iter().find(|account| self.ledger.is_admin(account.user))?;
        Some(request.by(&self.stage.person(admin, self.workspace)))
    }

    fn settings(&self, change: Value) -> Option<RequestTo<'_>> {
        let request = self.world().patch("/v1/tenant", change);
        self.by_admin(request.header("if-match", &format!("\"{}\"", self.ledger.tenant_version)))
    }

    fn billing(&self, change: Value) -> Option<RequestTo<'_>> {
        let request = self.world().patch("/v1/billing", change);
        self.by_admin(request.header("if-match", &format!("\"{}\"", self.ledger.billing_version)))
    }

    fn change_member(&self, who: Who, change: Value) -> Option<RequestTo<'_>> {
        self.by_admin(self.world().patch(&format!("/v1/members/{}", self.id(who)?), change))
    }

    fn change_invite(&self, who: Who, change: Value) -> Option<RequestTo<'_>> {
        self.by_admin(self.world().patch(&format!("/v1/invites/{}", self.invite(who)?.id), change))
    }

    fn accept(&self, who: Who) -> Option<RequestTo<'_>> {
        let token = self.stage.link(self.invite(who)?);
        Some(match self.person(who) {
            Some(person) => {
                self.world().post("/v1/invites/accept", json!({ "token": token })).token(&person.access_token)
            }
            None => {
                let body = json!({ "token": token, "display_name": who.to_string(), "password": PASSWORD });
                self.world().post("/v1/invites/accept", body)
            }
        })
    }

    /// As SES tells of it, by way of EventBridge.
    async fn hear_of_mail(&self, who: Who, fate: MailFate) -> Result<Option<Done>, String> {
        let Some(invite) = self.invite(who) else { return Ok(None) };
        let tags = json!({
            "tenant": [invite.tenant.to_string()],
            "invite": [invite.id.to_string()],
            "mail": [invite.mail.to_string()],
        });
        let (event_type, bounce) = match fate {
            MailFate::Delivered => ("Delivery", Value::Null),
            MailFate::Bounced => ("Bounce", json!({ "bounceType": "Permanent" })),
            MailFate::Undelivered => ("Bounce", json!({ "bounceType": "Transient" })),
            MailFate::Complained => ("Complaint", Value::Null),
        };
        let event = json!({ "detail": { "eventType": event_type, "mail": { "tags": tags }, "bounce": bounce } });
        let heard = self.world().stack().invoke("mail-feedback", event).await;
        heard.map(|_| Some(Done::accepted())).map_err(|error| error.to_string())
    }

    /// As we do it for whoever buys more or fewer: there is no route for that.
    fn set_seats(&self, free: u64) -> Done {
        let request = json!({
            "TableName": self.world().stack().table(),
            "Key": { "pk": { "S": format!("TENANT#{}", self.ledger.tenant.id) }, "sk": { "S": "COUNTERS" } },
            "UpdateExpression": "SET seats = seats_taken + :free",
            "ExpressionAttributeValues": { ":free": { "N": free.to_string() } },
        });
        self.world().stack().database().update_item(serde_json::from_value(request).unwrap()).unwrap();
        Done::accepted()
    }
}

impl Done {
    fn accepted() -> Done {
        Done { was_accepted: true, newcomer: None, api_key: None }
    }

    fn refused() -> Done {
        Done { was_accepted: false, ..Done::accepted() }
    }
}
