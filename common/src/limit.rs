//! Rate limits: so many acts a window, counted exactly, under any concurrency, by a condition on one item a bucket.
//!
//! An act that nobody is signed in for is about an e-mail address and comes from a [`Source`]; an invite's mail goes to an address
//! and comes from a member of a tenant. An act counts in a bucket for each way of being too much, all taken in one transaction:
//! where one bucket is full, the others are not moved.
//!
//! | bucket | holds up |
//! |---|---|
//! | tenant | a workspace whose admins have us send mail to half the world |
//! | member | one of them, before the others are held up too |
//! | address and source | who guesses one account's password |
//! | source | who tries one password on many accounts, or has mail sent to many addresses |
//! | address | who spreads guesses at one account over many sources; many mails to one person |
//!
//! A limit per account is a way to keep somebody else out, so for sign-ins the narrow bucket fills first: one source can
//! use up its own ten tries and no more of the account's two hundred, and the owner signs in from elsewhere. The trade-off:
//! twenty sources together can still hold an account shut until the window ends, and whoever shares a source with an
//! attacker (an office behind one address) shares its limit. That is the price of a brake on distributed guessing; without
//! the wide bucket ten tries would be ten for every source in a botnet
//! (<https://cheatsheetseries.owasp.org/cheatsheets/Authentication_Cheat_Sheet.html#account-lockout>). A window ends by
//! itself: nobody is locked out for good.

use crate::error::Problem;
use crate::keys::{self, Counted, LimitedAct};
use crate::store::{Change, Guard, Transaction};
use domain::Timestamp;
use domain::email::Email;
use domain::id::{TenantId, UserId};
use lambda_http::request::RequestContext;
use lambda_http::{Request, RequestExt};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

/// So many acts of somebody who is not signed in, in a window of time.
#[derive(Debug, Clone, Copy)]
pub struct Allowance {
    what: LimitedAct,
    window_seconds: i64,
    most: Most,
}

/// What each bucket holds. A field a bucket, because no bucket may be there twice: DynamoDB refuses a transaction that
/// writes an item twice.
#[derive(Debug, Clone, Copy)]
struct Most {
    email: u32,
    source: u32,
    /// Absent where the act is no less trouble for coming from many sources.
    email_from_source: Option<u32>,
}

/// Mails that invites make us send, in an hour.
pub const INVITE_MAILS: InviteMails = InviteMails { tenant: 300, member: 200, email: 10 };

/// See [`INVITE_MAILS`].
///
/// The bucket of an address is everybody's: whoever uses it up, with mails to that address, keeps other tenants from inviting it until
/// the hour ends. A bucket for each tenant would make ten mails an hour ten for each workspace that somebody cares to sign up for, and
/// the person at the address is the one who cannot help it. So that is the price.
#[derive(Debug, Clone, Copy)]
pub struct InviteMails {
    pub tenant: u32,
    pub member: u32,
    /// To one address, whichever tenants they come from.
    pub email: u32,
}

/// Failed sign-ins.
pub const FAILED_SIGN_INS: Allowance = Allowance {
    what: LimitedAct::FailedSignIn,
    window_seconds: 15 * 60,
    most: Most { email: 200, source: 100, email_from_source: Some(10) },
};

/// Mails that somebody who is not signed in can make us send.
pub const SIGN_UP_MAILS: Allowance = Allowance {
    what: LimitedAct::SignUpMail,
    window_seconds: 60 * 60,
    most: Most { email: 5, source: 50, email_from_source: None },
};

impl Allowance {
    /// One act about `email`, by `source`.
    pub fn act(&self, email: &Email, source: Source, now: Timestamp) -> Act {
        let both = Counted::EmailFromSource { email: email.clone(), source };
        let narrow = self.most.email_from_source.map(|most| (both, most));
        let wide = [(Counted::Source(source), self.most.source), (Counted::Email(email.clone()), self.most.email)];
        let buckets = narrow.into_iter().chain(wide).collect();
        Act { what: self.what, window_seconds: self.window_seconds, buckets, now }
    }
}

impl InviteMails {
    /// One mail to `email`, by a member of a tenant.
    pub fn act(&self, email: &Email, tenant: TenantId, user: UserId, now: Timestamp) -> Act {
        let buckets = vec![
            (Counted::Email(email.clone()), self.email),
            (Counted::Member { tenant, user }, self.member),
            (Counted::Tenant(tenant), self.tenant),
        ];
        Act { what: LimitedAct::InviteMail, window_seconds: 60 * 60, buckets, now }
    }
}

/// One act: what is taken for it and what is given back are the same buckets.
#[derive(Debug)]
pub struct Act {
    what: LimitedAct,
    window_seconds: i64,
    /// Those it counts in, and what each holds.
    buckets: Vec<(Counted, u32)>,
    now: Timestamp,
}

impl Act {
    /// Counts it in `transaction`, which is refused with 429 where one of its buckets is full.
    pub fn take(&self, transaction: Transaction, detail: &str) -> Transaction {
        self.buckets.iter().fold(transaction, |transaction, (counted, most)| {
            let guard = Guard::absent_or_at_most("used", i64::from(*most) - 1);
            let refusal = Problem::rate_limited(self.retry_after(), detail);
            transaction.update(self.key(counted), self.one_more(counted), guard, refusal)
        })
    }

    /// Gives it back, to every bucket.
    pub fn give_back(&self, transaction: Transaction) -> Transaction {
        self.buckets.iter().fold(transaction, |transaction, (counted, _)| {
            let one_less = Change::new().add("used", -1);
            transaction.update(self.key(counted), one_less, Guard::default(), Problem::try_again())
        })
    }

    fn key(&self, counted: &Counted) -> keys::Key<keys::Limit> {
        keys::limit(counted, self.what, self.window())
    }

    fn one_more(&self, counted: &Counted) -> Change {
        let end = self.window_end();
        Change::new()
            .add("used", 1)
            .set_once("counted", counted)
            .set_once("what", self.what)
            .set_once("window", self.window())
            .set_once("swept_at", Timestamp::from_second(end).unwrap_or(self.now))
            .set_once("expires", end)
            .set_once("v", 1)
    }

    fn window(&self) -> i64 {
        self.now.as_second().div_euclid(self.window_seconds)
    }

    fn window_end(&self) -> i64 {
        (self.window() + 1) * self.window_seconds
    }

    /// In seconds: when the next act is allowed, for `Retry-After`.
    fn retry_after(&self) -> u64 {
        u64::try_from(self.window_end() - self.now.as_second()).unwrap_or(1)
    }
}

/// Where a request came from, as far as limits tell: an IPv4 address, the /64 of an IPv6 address, or unknown.
///
/// Whoever has one IPv6 address has all of its /64 and changes within it at will (RFC 8981), so these count as one. All
/// requests of unknown source count as one too: what cannot be told apart must not be a way around a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", from = "String")]
pub struct Source(Option<IpAddr>);

impl Source {
    pub const UNKNOWN: Source = Source(None);

    /// The peer that API Gateway itself saw (`requestContext.http.sourceIp`,
    /// <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html>). Not
    /// `X-Forwarded-For`: the client writes into that what it likes.
    pub fn of(request: &Request) -> Source {
        match request.request_context_ref() {
            Some(RequestContext::ApiGatewayV2(context)) => {
                context.http.source_ip.as_deref().map_or(Source::UNKNOWN, Source::parse)
            }
            _ => Source::UNKNOWN,
        }
    }

    /// The source with this address; what is not an address is [`UNKNOWN`](Self::UNKNOWN).
    pub fn parse(text: &str) -> Source {
        text.parse::<IpAddr>().map_or(Source::UNKNOWN, Source::from)
    }
}

impl From<IpAddr> for Source {
    fn from(address: IpAddr) -> Source {
        // ::ffff:192.0.2.1 is the host 192.0.2.1 (RFC 4291 §2.5.5.2): by its /64, all of IPv4 would be one source.
        Source(Some(match address.to_canonical() {
            IpAddr::V6(address) => IpAddr::V6(first_of_its_64(address)),
            address @ IpAddr::V4(_) => address,
        }))
    }
}

fn first_of_its_64(address: Ipv6Addr) -> Ipv6Addr {
    Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64))
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(address) => write!(f, "{address}"),
            None => f.write_str("unknown"),
        }
    }
}

impl From<Source> for String {
    fn from(source: Source) -> String {
        source.to_string()
    }
}

impl From<String> for Source {
    fn from(text: String) -> Source {
        Source::parse(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn an_ipv6_address_counts_by_its_64_and_an_ipv4_address_by_itself() {
        let same = |one: &str, other: &str| Source::parse(one) == Source::parse(other);
        assert!(same("2001:db8:1:2::3", "2001:db8:1:2:ffff:ffff:ffff:ffff"));
        assert!(!same("2001:db8:1:2::3", "2001:db8:1:3::3"));
        assert!(!same("192.0.2.1", "192.0.2.2"));
        assert!(same("192.0.2.1", "::ffff:192.0.2.1"));
        assert!(!same("::ffff:192.0.2.1", "::ffff:192.0.2.2"));
    }

    #[test]
    fn what_is_not_an_address_is_one_source_of_its_own() {
        for text in ["", "unknown", "192.0.2.1, 10.0.0.1", "192.0.2.1:443", "192.0.2.1#x"] {
            assert_eq!(Source::parse(text), Source::UNKNOWN, "{text}");
        }
        assert_ne!(Source::parse("0.0.0.0"), Source::UNKNOWN);
    }

    #[test]
    fn a_source_reads_back_as_itself_and_has_no_hash_in_it() {
        for text in ["192.0.2.1", "2001:db8:1:2::3", "::1", "nonsense#"] {
            let source = Source::parse(text);
            assert_eq!(Source::parse(&source.to_string()), source, "{text}");
            assert!(!source.to_string().contains('#'), "{text}");
        }
    }

    #[test]
    fn no_two_buckets_of_an_act_are_the_same_item() {
        let email = Email::parse("ada@acme.example").unwrap();
        let (tenant, user) = (TenantId::from_uuid(uuid::Uuid::nil()), UserId::from_uuid(uuid::Uuid::nil()));
        let acts = [
            FAILED_SIGN_INS.act(&email, Source::UNKNOWN, Timestamp::UNIX_EPOCH),
            SIGN_UP_MAILS.act(&email, Source::UNKNOWN, Timestamp::UNIX_EPOCH),
            INVITE_MAILS.act(&email, tenant, user, Timestamp::UNIX_EPOCH),
        ];
        for act in acts {
            let keys: Vec<_> = act.buckets.iter().map(|(counted, _)| format!("{:?}", act.key(counted))).collect();
            let distinct: BTreeSet<_> = keys.iter().collect();
            assert_eq!(distinct.len(), keys.len(), "{keys:?}");
        }
    }
}
