//! What a tenant's checklist depends on, read in a bounded number of round trips whatever the tenant's size.
//!
//! Items that are one a tenant are read as one snapshot with the checklist: a batch could pair old facts with a newer checklist. The
//! invites that are out are ranges, which no snapshot can hold, and are read after it. Every transaction that changes those also
//! moves `invite_changes` of the counters, and a write of the checklist is held to that number ([`State::still_of_one_moment`]): so
//! what is written was so at one moment.

use common::error::{Problem, Result};
use common::keys::{self, Item, Range};
use common::store::{Found, Guard, Order, Store, Stored, Transaction, Wreck};
use domain::Timestamp;
use domain::billing::Billing;
use domain::checklist::{self, Checklist, Choices, Definition, Facts, Folded};
use domain::id::TenantId;
use domain::invite::{OpenInvite, UndeliveredInvite};
use domain::member::TestUser;
use domain::role::Role;
use domain::tenant::{Counters, Tenant};

/// A tenant's checklist as it is kept, and all that it depends on.
pub struct State {
    /// It is made of all the rest, so it can be made again: where there is none, and where it cannot be read.
    pub checklist: Found<Checklist>,
    pub tenant: Stored<Tenant>,
    pub choices: Option<Stored<Choices>>,
    counters: Stored<Counters>,
    billing: Stored<Billing>,
    test_user: Option<Stored<TestUser>>,
    invites: InvitesOut,
}

/// Those invites that say something about all that are out.
#[derive(Default)]
struct InvitesOut {
    last: Option<OpenInvite>,
    last_of_operators: Option<OpenInvite>,
    last_undelivered: Option<UndeliveredInvite>,
}

impl State {
    /// Nothing where the tenant is gone: its items come to be in one transaction, so where one but the checklist is missing, it is.
    pub async fn read(store: &Store, tenant: TenantId) -> Result<Option<State>> {
        let wanted = (
            keys::checklist(tenant).or_wreck(),
            keys::tenant(tenant),
            keys::counters(tenant),
            keys::billing(tenant),
            keys::test_user(tenant),
            keys::checklist_choices(tenant),
        );
        let (checklist, settings, counters, billing, test_user, choices) = store.snapshot(wanted).await?;
        let (Some(tenant), Some(counters), Some(billing)) = (settings, counters, billing) else {
            return Ok(None);
        };
        let invites = InvitesOut::read(store, &counters).await?;
        Ok(Some(State { checklist, tenant, choices, counters, billing, test_user, invites }))
    }

    pub fn facts(&self) -> Facts<'_> {
        Facts {
            tenant: &self.tenant,
            counters: &self.counters,
            billing: &self.billing,
            test_user: self.test_user.as_deref(),
            choices: self.choices.as_deref(),
            last_open_invite: self.invites.last.as_ref(),
            last_open_operator_invite: self.invites.last_of_operators.as_ref(),
            last_undelivered_invite: self.invites.last_undelivered.as_ref(),
        }
    }

    /// What the facts amount to now.
    pub fn folded(&self, definition: &Definition, now: Timestamp) -> Folded {
        match &self.checklist {
            Found::Sound(kept) => checklist::fold(definition, self.facts(), Some(kept), now),
            Found::Wreck(wreck) => checklist::fold(definition, self.facts(), Some(&self.salvaged(wreck, now)), now),
            Found::Nothing => checklist::fold(definition, self.facts(), None, now),
        }
    }

    /// What can still be read of a checklist and cannot be found out again: what was once complete, and when.
    fn salvaged(&self, wreck: &Wreck, now: Timestamp) -> Checklist {
        Checklist {
            tenant: self.tenant.id,
            definition: 0,
            steps: Vec::new(),
            dismissed: None,
            first_completed: wreck.part("first_completed").unwrap_or_default(),
            first_completed_at: wreck.part("first_completed_at"),
            as_of: now,
        }
    }

    /// Refuses what a later program made. Whoever folds by an older definition would only take back what that one knows; its own change
    /// has to be done by that one, so it may not be said to be done.
    pub fn require_not_newer(&self, definition: &Definition) -> Result<()> {
        match &self.checklist {
            Found::Sound(kept) if kept.definition > definition.version => {
                tracing::warn!(tenant = %self.tenant.id, kept.definition, "a checklist is of a later definition than this program's");
                Err(Problem::try_again())
            }
            _ => Ok(()),
        }
    }

    /// Whether what is kept is just this.
    pub fn keeps(&self, checklist: &Checklist) -> bool {
        matches!(&self.checklist, Found::Sound(kept) if kept.item == *checklist)
    }

    /// Holds a transaction to it that the invites read were those of the snapshot's moment.
    pub fn still_of_one_moment(&self, transaction: Transaction) -> Transaction {
        let unchanged = Guard::present().and_is("invite_changes", self.counters.invite_changes);
        transaction.check(keys::counters(self.counters.tenant), unchanged, Problem::version_stale())
    }
}

impl InvitesOut {
    /// Once somebody has come by an invite, only the operators' still matter.
    async fn read(store: &Store, counters: &Counters) -> Result<InvitesOut> {
        let tenant = counters.tenant;
        let last_for = |role| last_of(store, keys::open_invites_for(tenant, role));
        if counters.first_accepted.is_some() {
            return Ok(InvitesOut { last_of_operators: last_for(Role::Operator).await?, ..InvitesOut::default() });
        }
        let (admin, operator, viewer, last_undelivered) = futures::try_join!(
            last_for(Role::Admin),
            last_for(Role::Operator),
            last_for(Role::Viewer),
            last_of(store, keys::undelivered_invites(tenant)),
        )?;
        let all = [admin, operator.clone(), viewer];
        let last = all.into_iter().flatten().max_by_key(|open| open.expires_at);
        Ok(InvitesOut { last, last_of_operators: operator, last_undelivered })
    }
}

async fn last_of<T: Item>(store: &Store, range: Range<T>) -> Result<Option<T>> {
    let page = store.query(range, Order::Descending, 1, None).await?;
    Ok(page.items.into_iter().next().map(|last| last.item))
}
