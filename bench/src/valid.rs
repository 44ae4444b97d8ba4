//! For every route a request that succeeds, as a person's browser would send it. What it needs first is done first.

use crate::Result;
use crate::filling::{self, Filling};
use crate::request::Request;
use crate::scene::{PASSWORD, Person, Scene};
use common::function::Function;
use serde_json::{Value, json};
use tokio::sync::OnceCell;

/// How many people are in the workspace that lists are read from, and how many are invited to it.
pub const IN_LISTS: usize = 10;
/// How many people one request invites.
pub const INVITED_AT_ONCE: usize = 5;

/// Those whom the requests are about.
pub struct Cast {
    /// Of a workspace with a team.
    admin: Person,
    /// In that team.
    member: Person,
    /// An invite to it that nobody takes, and its link's token.
    invite: String,
    invitation: String,
    /// That every required step of its checklist is complete, once somebody wanted that.
    launch_ready: OnceCell<()>,
}

/// Somebody who is invited to a workspace of their own: how many an admin may invite in an hour is limited.
struct Invited {
    host: Person,
    email: String,
    invite: String,
}

impl Cast {
    pub async fn gather(scene: &Scene) -> Result<Cast> {
        let admin = scene.signed_up().await?;
        let member = scene.brought_in(&admin, "viewer").await?;
        for _ in 2..IN_LISTS {
            scene.brought_in(&admin, "operator").await?;
        }
        let invited: Vec<_> = (0..IN_LISTS).map(|_| scene.address()).collect();
        let addresses: Vec<_> = invited.iter().map(String::as_str).collect();
        let invite = scene.invite(&admin, &addresses, "operator").await?.text("/results/0/invite/id")?;
        let invitation = scene.token_mailed_to(&invited[0]).await?;
        Ok(Cast { admin, member, invite, invitation, launch_ready: OnceCell::new() })
    }

    /// A request that this route will answer with success.
    pub async fn request(&self, scene: &Scene, function: &Function) -> Result<Request> {
        let request = Request::to(function.name)?;
        match function.name {
            "confirm-page" | "accept-page" | "checklist-page" | "get-openapi" => Ok(request),
            "get-me" | "list-my-tenants" | "get-tenant" | "list-invites" | "list-members" | "get-checklist"
            | "get-billing" | "get-access-review" | "list-audit" | "list-integrations" | "list-phone-numbers"
            | "list-api-keys" => request.by(&self.admin),
            "get-member-access" => request.parameter("user", &self.member.id).by(&self.admin),
            "create-access-rehearsal" => self.rehearse_access(scene, request).await,
            "create-sign-up" => request.json(&company(&scene.address())),
            "confirm-sign-up" => confirm_sign_up(scene, request).await,
            "create-session" => request.json(&self.sign_in()),
            "refresh-session" => self.refresh_session(scene, request).await,
            "delete-current-session" => self.delete_current_session(scene, request).await,
            "update-me" => {
                request.by(&self.admin)?.json(&json!({ "display_name": "Ada L.", "time_zone": "Europe/London" }))
            }
            "update-tenant" => self.update_tenant(scene, request).await,
            "create-invites" => request.by(&scene.signed_up().await?)?.json(&invites(scene)),
            "get-invite" => request.parameter("invite", &self.invite).by(&self.admin),
            "preview-invite" => request.json(&json!({ "token": self.invitation })),
            "resend-invite" => invited(scene).await?.about(request)?.json(&json!({})),
            "update-invite" => invited(scene).await?.about(request)?.json(&json!({ "email": scene.address() })),
            "revoke-invite" => invited(scene).await?.about(request),
            "accept-invite" => accept_invite(scene, request).await,
            "decline-invite" => decline_invite(scene, request).await,
            "remove-member" => remove_member(scene, request).await,
            "leave-tenant" => leave_tenant(scene, request).await,
            "dismiss-checklist" => self.dismiss_checklist(scene, request).await,
            "restore-checklist" => self.restore_checklist(scene, request).await,
            "skip-checklist-step" => self.skip_step(scene, request).await,
            "unskip-checklist-step" => self.unskip_step(scene, request).await,
            "create-integration" => request.by(&self.admin)?.json(&connection()),
            "remove-integration" => {
                let made =
                    scene.send(&Request::to("create-integration")?.by(&self.admin)?.json(&connection())?).await?;
                request.parameter("integration", &made.text("/id")?).by(&self.admin)
            }
            "add-phone-number" => request.by(&self.admin)?.json(&phone_number(scene)),
            "remove-phone-number" => {
                let number = phone_number(scene);
                let added = scene.send(&Request::to("add-phone-number")?.by(&self.admin)?.json(&number)?).await?;
                request.parameter("number", &added.text("/id")?).by(&self.admin)
            }
            "create-api-key" => request.by(&self.admin)?.json(&json!({ "name": "Importer" })),
            "remove-api-key" => request.parameter("key", &self.api_key(scene, "/id").await?).by(&self.admin),
            "get-current-api-key" => {
                request.header("authorization", &format!("Bearer {}", self.api_key(scene, "/key").await?))
            }
            "update-member" => self.update_member(scene, request).await,
            "update-billing" => self.update_billing(scene, request).await,
            other => Err(format!("the bench knows no valid request to {other}: tell it one").into()),
        }
    }

    /// What is at a JSON pointer of the answer to making an API key.
    async fn api_key(&self, scene: &Scene, pointer: &str) -> Result<String> {
        let request = Request::to("create-api-key")?.by(&self.admin)?.json(&json!({ "name": "Importer" }))?;
        scene.send(&request).await?.text(pointer)
    }

    fn sign_in(&self) -> Value {
        json!({ "email": self.admin.email, "password": PASSWORD })
    }

    async fn refresh_session(&self, scene: &Scene, request: Request) -> Result<Request> {
        let signed_in = scene.send(&Request::to("create-session")?.json(&self.sign_in())?).await?;
        let cookie = signed_in.header("set-cookie")?.split(';').next().unwrap_or_default().to_owned();
        request.header("cookie", &cookie)
    }

    async fn delete_current_session(&self, scene: &Scene, request: Request) -> Result<Request> {
        let signed_in = scene.send(&Request::to("create-session")?.json(&self.sign_in())?).await?;
        request.header("authorization", &format!("Bearer {}", signed_in.text("/access_token")?))
    }

    async fn update_tenant(&self, scene: &Scene, request: Request) -> Result<Request> {
        let now = scene.send(&Request::to("get-tenant")?.by(&self.admin)?).await?;
        let body = json!({
            "company_name": "Acme Inc.",
            "business_contact": { "name": "Ada", "email": "office@acme.example", "phone": "+4930123456" },
            "country": "DE",
            "labels": ["EMEA", scene.number().to_string()],
        });
        request.by(&self.admin)?.header("if-match", now.header("etag")?)?.json(&body)
    }

    /// In and out of the admins: what counters, last-admin rule and billing have a say in.
    async fn update_member(&self, scene: &Scene, request: Request) -> Result<Request> {
        let members = scene.send(&Request::to("list-members")?.by(&self.admin)?).await?;
        let rows = members.body["data"].as_array().ok_or("a list without data")?;
        let member = rows.iter().find(|row| row["user"]["id"] == self.member.id).ok_or("the member is gone")?;
        let role = if member["role"] == "admin" { "viewer" } else { "admin" };
        request.parameter("user", &self.member.id).by(&self.admin)?.json(&json!({ "role": role }))
    }

    async fn rehearse_access(&self, scene: &Scene, request: Request) -> Result<Request> {
        let mark = Request::to("update-member")?.parameter("user", &self.member.id).by(&self.admin)?;
        scene.send(&mark.json(&json!({ "test_user": true }))?).await?;
        request.by(&self.member)?.json(&json!({}))
    }

    async fn update_billing(&self, scene: &Scene, request: Request) -> Result<Request> {
        let now = scene.send(&Request::to("get-billing")?.by(&self.admin)?).await?;
        let body = json!({
            "billing_owner": self.admin.id,
            "recipients": ["invoices@acme.example"],
            "address": { "line1": "Hauptstr. 1", "city": "Berlin", "postal_code": "10115", "country": "DE" },
            "tax_id": "DE123456789",
            "currency": "EUR",
            "po_number": format!("PO {}", scene.number()),
        });
        request.by(&self.admin)?.header("if-match", now.header("etag")?)?.json(&body)
    }

    async fn dismiss_checklist(&self, scene: &Scene, request: Request) -> Result<Request> {
        self.launch_ready.get_or_try_init(|| self.complete_required_steps(scene)).await?;
        scene.send(&Request::to("restore-checklist")?.by(&self.admin)?.json(&json!({}))?).await?;
        request.by(&self.admin)?.json(&json!({}))
    }

    async fn restore_checklist(&self, scene: &Scene, request: Request) -> Result<Request> {
        self.launch_ready.get_or_try_init(|| self.complete_required_steps(scene)).await?;
        scene.send(&Request::to("dismiss-checklist")?.by(&self.admin)?.json(&json!({}))?).await?;
        request.by(&self.admin)?.json(&json!({}))
    }

    async fn skip_step(&self, scene: &Scene, request: Request) -> Result<Request> {
        scene.send(&Request::to("unskip-checklist-step")?.parameter("step", OPTIONAL).by(&self.admin)?).await?;
        skip(request, &self.admin)
    }

    async fn unskip_step(&self, scene: &Scene, request: Request) -> Result<Request> {
        scene.send(&skip(Request::to("skip-checklist-step")?, &self.admin)?).await?;
        request.parameter("step", OPTIONAL).by(&self.admin)
    }

    async fn complete_required_steps(&self, scene: &Scene) -> Result<()> {
        scene.send(&self.update_tenant(scene, Request::to("update-tenant")?).await?).await?;
        let now = scene.send(&Request::to("get-tenant")?.by(&self.admin)?).await?;
        let confirm = Request::to("update-tenant")?.by(&self.admin)?.header("if-match", now.header("etag")?)?;
        scene.send(&confirm.json(&json!({ "default_time_zone_confirmed": true }))?).await?;
        scene.send(&self.update_billing(scene, Request::to("update-billing")?).await?).await?;
        scene.brought_in(&self.admin, "admin").await?;
        scene.send(&self.rehearse_access(scene, Request::to("create-access-rehearsal")?).await?).await?;
        filling::fill(scene, &self.admin, Filling { joined: 0, out: 0, connections: 1 }).await?;
        scene.settle().await
    }
}

fn connection() -> Value {
    json!({ "kind": "crm", "name": "Salesforce", "connection": { "account": "acme.my.salesforce.com" } })
}

/// One that the workspace does not have yet.
fn phone_number(scene: &Scene) -> Value {
    json!({ "number": format!("+4930{:07}", scene.number()) })
}

/// A step that may be left out.
const OPTIONAL: &str = "phone-number";

fn skip(request: Request, admin: &Person) -> Result<Request> {
    request
        .parameter("step", OPTIONAL)
        .by(admin)?
        .json(&json!({ "reason": "We call from the numbers of our carrier." }))
}

impl Invited {
    fn about(&self, request: Request) -> Result<Request> {
        request.parameter("invite", &self.invite).by(&self.host)
    }
}

async fn invited(scene: &Scene) -> Result<Invited> {
    let (host, email) = (scene.signed_up().await?, scene.address());
    let invite = scene.invite(&host, &[&email], "operator").await?.text("/results/0/invite/id")?;
    Ok(Invited { host, email, invite })
}

async fn accept_invite(scene: &Scene, request: Request) -> Result<Request> {
    let token = scene.token_mailed_to(&invited(scene).await?.email).await?;
    request.json(&json!({ "token": token, "display_name": "Grace", "password": PASSWORD }))
}

async fn decline_invite(scene: &Scene, request: Request) -> Result<Request> {
    let token = scene.token_mailed_to(&invited(scene).await?.email).await?;
    request.json(&json!({ "token": token }))
}

async fn remove_member(scene: &Scene, request: Request) -> Result<Request> {
    let host = scene.signed_up().await?;
    let member = scene.brought_in(&host, "viewer").await?;
    request.parameter("user", &member.id).by(&host)
}

async fn leave_tenant(scene: &Scene, request: Request) -> Result<Request> {
    let host = scene.signed_up().await?;
    let member = scene.brought_in(&host, "viewer").await?;
    request.by(&member)?.json(&json!({}))
}

fn company(email: &str) -> Value {
    json!({ "email": email, "company_name": "Acme Inc.", "time_zone": "Europe/Berlin" })
}

async fn confirm_sign_up(scene: &Scene, request: Request) -> Result<Request> {
    let email = scene.address();
    scene.send(&Request::to("create-sign-up")?.json(&company(&email))?).await?;
    let token = scene.token_mailed_to(&email).await?;
    request.json(&json!({ "token": token, "display_name": "Ada", "password": PASSWORD }))
}

fn invites(scene: &Scene) -> Value {
    let rows = (0..INVITED_AT_ONCE).map(|_| json!({ "email": scene.address(), "role": "operator" }));
    json!({ "invites": rows.collect::<Vec<_>>(), "note": "Check that you can see the launch list." })
}
