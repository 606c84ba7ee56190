//! Why no number is shown, each reason with its own stable word.

macro_rules! refusals {
    ($($(#[$doc:meta])* $name:ident = $word:literal, $text:literal;)*) => {
        /// Why no number is shown.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, thiserror::Error)]
        pub enum Refusal {
            $($(#[$doc])* #[error($text)] $name,)*
        }

        impl Refusal {
            /// The word that answers, metrics and the dashboard carry; it never changes. Those that begin with `token_` or
            /// `visit_` tell the tag to try once more with a fresh token.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $word,)* }
            }

            /// Every reason, in the order of their declaration.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];
        }
    };
}

refusals! {
    /// Neither a token nor a visit credential came.
    TokenMissing = "token_missing", "expected the token that tag.js carries, got none; load tag.js from this server on the page itself";
    /// No token of ours by its form.
    TokenMalformed = "token_malformed", "expected a token as tag.js carries it, got something else";
    /// Its signature is not ours.
    TokenForged = "token_forged", "expected a token that this server signed, got one that it did not";
    /// Its time is over.
    TokenExpired = "token_expired", "expected a token of the last five minutes, got an older one; ask /t/token for a new one";
    /// It was used before.
    TokenSpent = "token_spent", "expected a token that was not used before, got one that was; ask /t/token for a new one";
    /// It was issued for another host.
    WrongHost = "token_wrong_host", "expected a token for this page's host, got one for another host";
    /// It was issued for another site.
    WrongSite = "token_wrong_site", "expected a token for this site, got one for another site";
    /// It was issued to another browser.
    WrongBrowser = "token_wrong_browser", "expected a token that was given to this browser, got another browser's";
    /// It was issued to another network.
    WrongAddress = "token_wrong_address", "expected a token that was given to this network address, got one given to another";
    /// No visit credential of ours by its form.
    VisitMalformed = "visit_malformed", "expected a visit credential as /t/number gave it, got something else";
    /// Its signature is not ours.
    VisitForged = "visit_forged", "expected a visit credential that this server signed, got one that it did not";
    /// The visit was quiet for too long.
    VisitExpired = "visit_expired", "the visit is over; begin a new one with a token";
    /// It belongs to another site.
    VisitWrongSite = "visit_wrong_site", "expected a visit credential of this site, got another site's";
    /// It was given to another browser.
    VisitWrongBrowser = "visit_wrong_browser", "expected a visit credential that was given to this browser, got another browser's";
    /// The host is not proved for the site.
    HostNotProved = "host_not_proved", "expected a page on a host whose owner is proved, got another host; prove it in the dashboard under Sites";
    /// The request came from no page.
    OriginMissing = "origin_missing", "expected an Origin header, as browsers send it, got none; numbers are given to browsers only";
    /// The Origin is not the page's.
    ForeignOrigin = "foreign_origin", "expected the Origin of the page in the body, got another one";
    /// The page is no http or https URL with a host.
    PageMalformed = "page_malformed", "expected the page's http or https URL, got something else";
    /// The page is not on the host that the request belongs to.
    PageMismatch = "page_mismatch", "expected a page on the Origin's host, got a page elsewhere";
    /// No site has this key.
    UnknownSite = "unknown_site", "expected the key of a site on this server, got an unknown one; compare data-site with the dashboard";
    /// No site takes this campaign key.
    UnknownCampaignKey = "unknown_campaign_key", "expected a campaign key that a site of this server takes, got another; enter it in the dashboard under Sites, Moving from Retreaver";
    /// A page asked that a number be rung.
    CallBack = "call_back_refused", "no page may have this server ring a number: whoever reads the page could have it ring anybody, at your cost";
    /// The site has no pool, or its pool has no number.
    NoPool = "no_pool", "the site has no tracking numbers; give it a pool with numbers in the dashboard";
    /// Every number is leased and there is no overflow number.
    PoolExhausted = "pool_exhausted", "every tracking number of the site is in use, and its pool has no overflow number";
    /// Too many requests from one network.
    TooManyRequests = "too_many_requests", "too many requests from this network address; try again in a minute";
    /// The visit's lease is over.
    LeaseExpired = "lease_expired", "the lease is over; ask for a number again";
    /// The operator withholds the site's numbers. What led to it is not said, for that would teach how to avoid it.
    Withheld = "withheld", "no number of this site is shown at present; write to the operator of this server";
    /// The page belongs to a new account, and nobody has looked at it yet.
    NotLookedAt = "not_looked_at", "this page is being looked at before it shows its first number; ask again in a minute";
    /// Pages do not follow what this network asks for. What led to it is not said, for that would teach how to avoid it.
    NetworkWithheld = "network_withheld", "no number of this site is shown to this network address at present; write to the operator of this server";
    /// The page that shows it locks its visitor in, as its own tag says. What led to it is not said, for that would teach how to avoid it.
    Withdrawn = "withdrawn", "no number is shown to this visit any more; write to the operator of this server";
    /// The lease could not be made durable.
    Unavailable = "unavailable", "the lease could not be stored, so no number is shown; try again shortly";
    /// What servers share of leases does not answer. Like `unavailable` it leaves a number that is shown where it is.
    LeasesUnavailable = "unavailable_leases", "what this server shares with others of who has which number does not answer, so no number is shown; try again shortly";
    /// Enough is kept of what the page told of this visit.
    EnoughTold = "enough_told", "50 events and tags of this visit are kept, and this one is not";
    /// The body is no JSON of the expected form.
    BodyMalformed = "body_malformed", "expected a JSON document as tag.js sends it, got something else";
    /// The body is too long.
    BodyTooLarge = "body_too_large", "expected a body of at most 8,192 octets, got a longer one";
}
