//! Source rules: ordered, the first that matches names the visit's source.

use ringfence_model::{Source, SourceKind};
use serde::Serialize;
use url::Url;

use crate::click_ids::CLICK_IDS;
use crate::finding::Finding;
use crate::landing::{Landing, VALUE_MAX, host_with_port, shortened};
use crate::referrers::{self, Referrer};

/// What the rules look at.
#[derive(Debug, Clone, Copy)]
pub struct VisitFacts<'a> {
    /// The first page's URL.
    pub landing: &'a Landing,
    /// The first page's referrer, as the browser gave it.
    pub referrer: Option<&'a str>,
    /// Hosts of the same site, canonical: a referrer there says nothing.
    pub own_hosts: &'a [String],
}

/// One rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SourceRule {
    /// An advertising network's click id.
    ClickId,
    /// UTM parameters.
    Utm,
    /// The referrer's host.
    Referrer,
}

/// Rules in the order in which they are asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceRules(pub Vec<SourceRule>);

impl Default for SourceRules {
    fn default() -> Self {
        Self(vec![
            SourceRule::ClickId,
            SourceRule::Utm,
            SourceRule::Referrer,
        ])
    }
}

/// The source of a visit: the first rule that matches, else direct.
pub fn classify(facts: &VisitFacts<'_>, rules: &SourceRules) -> Source {
    let named = rules.0.iter().find_map(|rule| rule.ask(facts).1);
    source(facts, named)
}

/// Why a visit has its source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation<'a> {
    /// As [`classify`] decides.
    pub source: Source,
    /// What each rule that was asked found, in order; the last one decided, unless no rule matched.
    pub found: Vec<(SourceRule, Finding<'a>)>,
    /// The last rule that was asked matched; otherwise the source is direct because none did.
    pub matched: bool,
}

/// [`classify`], with its reasons.
pub fn explain<'a>(facts: &VisitFacts<'a>, rules: &SourceRules) -> Explanation<'a> {
    let mut found = Vec::new();
    let mut decision = None;
    for rule in &rules.0 {
        let (finding, names) = rule.ask(facts);
        found.push((*rule, finding));
        decision = names;
        if decision.is_some() {
            break;
        }
    }
    Explanation {
        matched: decision.is_some(),
        source: source(facts, decision),
        found,
    }
}

type Named = (SourceKind, String);

fn source(facts: &VisitFacts<'_>, named: Option<Named>) -> Source {
    let (kind, name) = named.unwrap_or_else(|| (SourceKind::Direct, "Direct".into()));
    Source {
        kind,
        name,
        campaign: facts.landing.utm.campaign.clone(),
        keyword: facts.landing.utm.term.clone(),
    }
}

impl SourceRule {
    /// What the rule looks at.
    pub const fn words(self) -> &'static str {
        match self {
            Self::ClickId => "click id",
            Self::Utm => "UTM",
            Self::Referrer => "referrer",
        }
    }

    /// What the rule finds, and the source that it names.
    fn ask<'a>(self, facts: &VisitFacts<'a>) -> (Finding<'a>, Option<Named>) {
        match self {
            Self::ClickId => by_click_id(facts),
            Self::Utm => by_utm(facts),
            Self::Referrer => by_referrer(facts),
        }
    }
}

fn by_click_id<'a>(facts: &VisitFacts<'a>) -> (Finding<'a>, Option<Named>) {
    let known = facts
        .landing
        .click_id
        .as_ref()
        .and_then(|click| CLICK_IDS.iter().find(|id| id.parameter == click.parameter));
    let Some(known) = known else {
        return (Finding::NoClickId, None);
    };
    let gives_way = by_utm(facts)
        .1
        .is_some_and(|(kind, _)| known.gives_way_to(kind));
    if gives_way {
        let parameter = known.parameter;
        return (Finding::ClickIdGivesWay { parameter }, None);
    }
    let finding = Finding::ClickId {
        parameter: known.parameter,
        network: known.network,
    };
    (finding, Some((known.kind, known.network.into())))
}

fn by_utm<'a>(facts: &VisitFacts<'a>) -> (Finding<'a>, Option<Named>) {
    let utm = &facts.landing.utm;
    let named = [
        ("utm_source", &utm.source),
        ("utm_campaign", &utm.campaign),
        ("utm_medium", &utm.medium),
    ]
    .into_iter()
    .find_map(|(parameter, value)| Some((parameter, value.as_deref()?)));
    let Some((parameter, value)) = named else {
        return (Finding::NoUtm, None);
    };
    let medium = utm.medium.as_deref();
    let finding = Finding::Utm {
        parameter,
        value,
        medium,
    };
    // Assistants name themselves in the links that they give, and no medium.
    if medium.is_none()
        && let Some(Referrer { kind, name }) = referrers::known_by_name(value)
    {
        return (finding, Some((kind, name.into())));
    }
    let kind = kind_of_medium(&medium.unwrap_or_default().to_ascii_lowercase());
    let network = (kind == SourceKind::Paid)
        .then(|| network_of(value))
        .flatten();
    (finding, Some((kind, network.unwrap_or(value).to_string())))
}

fn kind_of_medium(medium: &str) -> SourceKind {
    match medium {
        "cpc" | "ppc" | "cpm" | "cpv" | "cpa" | "cpp" | "display" | "banner" | "sem"
        | "retargeting" | "remarketing" => SourceKind::Paid,
        word if word.starts_with("paid") => SourceKind::Paid,
        "email" | "e-mail" | "e_mail" | "mail" | "newsletter" => SourceKind::Mail,
        word if word.starts_with("social") || word == "sm" => SourceKind::Social,
        "organic" => SourceKind::Search,
        "referral" => SourceKind::Referral,
        _ => SourceKind::Campaign,
    }
}

/// The name that a network's click id has too, so that both make one line in a report.
fn network_of(utm_source: &str) -> Option<&'static str> {
    Some(match utm_source.to_ascii_lowercase().as_str() {
        "google" | "adwords" | "google-ads" | "googleads" | "google_ads" => "Google Ads",
        "bing" | "microsoft" | "bingads" | "microsoft-ads" => "Microsoft Ads",
        "facebook" | "fb" | "instagram" | "ig" | "meta" => "Meta Ads",
        "tiktok" => "TikTok Ads",
        "linkedin" => "LinkedIn Ads",
        "twitter" | "x" => "X Ads",
        "pinterest" => "Pinterest Ads",
        "reddit" => "Reddit Ads",
        _ => return None,
    })
}

fn by_referrer<'a>(facts: &VisitFacts<'a>) -> (Finding<'a>, Option<Named>) {
    let Some(text) = facts
        .referrer
        .map(str::trim)
        .filter(|text| !text.is_empty())
    else {
        return (Finding::NoReferrer, None);
    };
    let Ok(url) = Url::parse(text) else {
        return (Finding::UnreadableReferrer, None);
    };
    let host = host_with_port(&url);
    if host.is_empty() {
        return (Finding::UnreadableReferrer, None);
    }
    if host == facts.landing.host || facts.own_hosts.contains(&host) {
        return (Finding::OwnReferrer { host }, None);
    }
    let bare = url.host_str().unwrap_or_default();
    if let Some(Referrer { kind, name }) = referrers::known(url.scheme(), bare) {
        return (
            Finding::KnownReferrer { host, name },
            Some((kind, name.into())),
        );
    }
    if !matches!(url.scheme(), "http" | "https" | "android-app") {
        return (Finding::UnreadableReferrer, None);
    }
    let shown = host.strip_prefix("www.").unwrap_or(&host);
    let name = shortened(shown, VALUE_MAX).to_string();
    (
        Finding::OtherReferrer { host },
        Some((SourceKind::Referral, name)),
    )
}

#[cfg(test)]
#[path = "source_tests.rs"]
mod tests;
