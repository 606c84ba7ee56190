//! Which pool a visit draws from, when its site has several.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{AccountId, NumberId, PoolId, SiteId};

/// What a visit must be like for a rule to take it: all that is said must hold. An empty wish takes every visit.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PoolWish {
    /// The campaign that the visit came by; upper and lower case make no difference.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub campaign: Option<String>,
    /// The name of the source that the source rules gave the visit, `Google Ads`; case makes no difference.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Ranges of languages (RFC 4647 §2.1), one of which has to take the browser's first language.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub language: Vec<String>,
    /// Countries (ISO 3166-1 alpha-2), one of which has to be the visitor's.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub country: Vec<String>,
}

impl fmt::Display for PoolWish {
    /// As it is read: `campaign Radio, language de or fr`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let one =
            |name, value: &Option<String>| value.as_ref().map(|value| format!("{name} {value}"));
        let some = |name, values: &[String]| {
            (!values.is_empty()).then(|| format!("{name} {}", values.join(" or ")))
        };
        let parts = [
            one("campaign", &self.campaign),
            one("source", &self.source),
            some("language", &self.language),
            some("country", &self.country),
        ];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        f.write_str(&parts.join(", "))
    }
}

impl PoolWish {
    /// It asks where the visit came from, and not only who the visitor is.
    pub const fn names_a_campaign(&self) -> bool {
        self.campaign.is_some() || self.source.is_some()
    }

    /// It asks nothing, and so takes every visit.
    pub const fn is_empty(&self) -> bool {
        !self.names_a_campaign() && self.language.is_empty() && self.country.is_empty()
    }
}

/// A rule of a site: visits that are as it wishes are shown its number, or one of its pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolRule {
    /// Whose it is.
    pub account: AccountId,
    /// The site.
    pub site: SiteId,
    /// Which visits it takes.
    pub wish: PoolWish,
    /// The pool that they draw from; for a fixed number, where their leases are counted.
    pub pool: PoolId,
    /// A fixed number, which all of them are shown.
    pub number: Option<NumberId>,
}
