//! Tenants and what they own, as plain records.

use serde::{Deserialize, Serialize};

use crate::{
    AccountId, ApiKeyId, Duration, E164, HostId, InvitationId, Money, NumberId, PlanId, PoolId,
    SessionId, SiteId, TargetGroupId, TargetId, Timestamp, TrunkId, UserId,
};

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum $name {
            $($(#[$variant_doc])* #[serde(rename = $word)] $variant,)*
        }

        impl $name {
            /// The word that rows, URLs and JSON carry.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }

            /// The value that a word names.
            pub fn from_word(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$variant),)* _ => None }
            }

            /// Every value, in the order of their declaration.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];
        }
    };
}
pub(crate) use words;

/// A tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Its identifier.
    pub id: AccountId,
    /// What people call it.
    pub name: String,
    /// ISO 3166-1 alpha-2: numbers of this country are shown in national format.
    pub country: String,
    /// IANA time zone in which its days begin.
    pub time_zone: String,
    /// The money in which its calls are worth something; `None` for that of its country.
    pub money: Option<Money>,
    /// When it was made.
    pub created_at: Timestamp,
}

words! {
    /// What a user may do.
    Role {
        /// Everything, and who else may.
        Owner = "owner",
        /// Everything but owners.
        Admin = "admin",
        /// Reads all, changes nothing.
        Analyst = "analyst",
        /// Takes calls, sees them and nothing else.
        Agent = "agent",
    }
}

/// Somebody who signs in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The user's identifier.
    pub id: UserId,
    /// The account that the user belongs to.
    pub account: AccountId,
    /// The address that the user signs in with, lower case.
    pub email: String,
    /// The user's name.
    pub name: String,
    /// What the user may do.
    pub role: Role,
    /// An argon2id hash in PHC string format.
    pub password_hash: String,
    /// When the user was added.
    pub created_at: Timestamp,
    /// Since when the user may not sign in.
    pub disabled_at: Option<Timestamp>,
    /// When the user signed in last.
    pub last_sign_in_at: Option<Timestamp>,
}

/// A link with which somebody becomes a user. The token itself is never stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invitation {
    /// Its identifier.
    pub id: InvitationId,
    /// The account that its user will belong to.
    pub account: AccountId,
    /// The address that the user will sign in with, lower case.
    pub email: String,
    /// What the user will be.
    pub role: Role,
    /// SHA-256 of the link's token, 32 octets.
    pub token_hash: Vec<u8>,
    /// Who invited.
    pub invited_by: UserId,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends by itself.
    pub expires_at: Timestamp,
}

/// A signed-in browser. The token itself is never stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Its identifier.
    pub id: SessionId,
    /// Who signed in.
    pub user: UserId,
    /// SHA-256 of the token in the cookie, 32 octets.
    pub token_hash: Vec<u8>,
    /// When it began.
    pub created_at: Timestamp,
    /// When it ends by itself.
    pub expires_at: Timestamp,
    /// What the browser calls itself (`User-Agent`), the first 200 characters.
    pub browser: String,
}

words! {
    /// What a program may do with an API key.
    KeyScope {
        /// Reads all of the account, changes nothing.
        Read = "read",
        /// Reads and changes, as an admin may.
        Change = "change",
    }
}

/// What a program shows to use the API. The key itself is never stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// Its identifier.
    pub id: ApiKeyId,
    /// Whose rows it opens.
    pub account: AccountId,
    /// What people call it.
    pub name: String,
    /// What it may do.
    pub scope: KeyScope,
    /// SHA-256 of the key, 32 octets.
    pub key_hash: Vec<u8>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends by itself; `None` for never.
    pub expires_at: Option<Timestamp>,
    /// When somebody ended it.
    pub revoked_at: Option<Timestamp>,
}

/// A web property of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Site {
    /// Its identifier.
    pub id: SiteId,
    /// Whose it is.
    pub account: AccountId,
    /// What people call it.
    pub name: String,
    /// What the page's `data-site` says; public.
    pub key: String,
    /// Numbers on its pages that the tag replaces, as written there.
    pub swap_targets: Vec<String>,
    /// The pool that its visits draw from.
    pub pool: Option<PoolId>,
    /// When it was added.
    pub created_at: Timestamp,
}

words! {
    /// How the owner of a host was proved.
    HostProof {
        /// A TXT record `_ringfence.HOST`.
        Dns = "dns",
        /// The file `/.well-known/ringfence.txt`.
        File = "file",
        /// `<meta name="ringfence" content="…">` on the first page.
        Meta = "meta",
    }
}

/// A host name of a site, with its port where that is not the scheme's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    /// Its identifier.
    pub id: HostId,
    /// The site.
    pub site: SiteId,
    /// Whose site it is.
    pub account: AccountId,
    /// Lower case: `www.example.com`, `localhost:8081`.
    pub name: String,
    /// What the owner has to publish.
    pub challenge: String,
    /// How it was proved; `None` until then.
    pub proof: Option<HostProof>,
    /// When it was proved; no number is shown before.
    pub proved_at: Option<Timestamp>,
}

words! {
    /// The life of a tracking number.
    NumberState {
        /// Owned and free.
        Available = "available",
        /// In a pool or fixed to a source.
        Assigned = "assigned",
        /// Resting between two assignments.
        Quarantined = "quarantined",
        /// Given back.
        Released = "released",
    }
}

/// A phone number that callers see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrackingNumber {
    /// Its identifier.
    pub id: NumberId,
    /// Whose it is.
    pub account: AccountId,
    /// Its digits; one account only may own them.
    pub e164: E164,
    /// What people call it.
    pub label: String,
    /// Where it is in its life.
    pub state: NumberState,
    /// The pool that it belongs to.
    pub pool: Option<PoolId>,
    /// What happens to its calls.
    pub plan: Option<PlanId>,
    /// When it was added.
    pub created_at: Timestamp,
}

/// Tracking numbers that visits share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pool {
    /// Its identifier.
    pub id: PoolId,
    /// Whose it is.
    pub account: AccountId,
    /// What people call it.
    pub name: String,
    /// How long a lease lives past the last beat.
    pub hold: Duration,
    /// Shown when every number is leased.
    pub overflow: Option<NumberId>,
    /// How long a number rests when it leaves the pool: people keep calling what they have written down.
    pub quarantine: Duration,
}

impl Pool {
    /// How long a number rests unless its pool says otherwise: 30 days.
    pub const QUARANTINE: Duration = Duration::from_hours(30 * 24);
}

/// A change of a number's state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NumberChange {
    /// Whose number it is.
    pub account: AccountId,
    /// The number.
    pub number: NumberId,
    /// When.
    pub at: Timestamp,
    /// What it was from then on.
    pub state: NumberState,
    /// Why, in words that are shown.
    pub why: String,
    /// When its quarantine ends by itself.
    pub until: Option<Timestamp>,
    /// The pool that it left.
    pub left: Option<PoolId>,
}

/// A connection to a carrier, known by the addresses that it sends from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trunk {
    /// Its identifier.
    pub id: TrunkId,
    /// Whose it is.
    pub account: AccountId,
    /// What people call it.
    pub name: String,
    /// Addresses or prefixes in CIDR notation (RFC 4632): `203.0.113.7`, `203.0.113.0/28`.
    pub addresses: Vec<String>,
    /// ISO 3166-1 alpha-2: how it writes numbers that lack a country code.
    pub country: Option<String>,
}

/// Somewhere a call may go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Its identifier.
    pub id: TargetId,
    /// Whose it is.
    pub account: AccountId,
    /// What people call it.
    pub name: String,
    /// A SIP URI (RFC 3261 §19.1): `sip:sales@192.0.2.10:5060;transport=tcp`.
    pub uri: String,
    /// Paused targets are passed over.
    pub enabled: bool,
}

/// Targets that are rung in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetGroup {
    /// Its identifier.
    pub id: TargetGroupId,
    /// Whose it is.
    pub account: AccountId,
    /// What people call it.
    pub name: String,
    /// Its targets, in the order in which they ring.
    pub members: Vec<TargetGroupMember>,
}

/// A target's place in a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetGroupMember {
    /// The target.
    pub target: TargetId,
    /// How long it rings before the next one does.
    pub ring_timeout: Duration,
}
