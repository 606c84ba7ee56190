//! Source rules: ordered, the first that matches names the visit's source.

use ringfence_model::{Source, SourceKind};
use url::Url;

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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
    let (kind, name) = rules
        .0
        .iter()
        .find_map(|rule| match rule {
            SourceRule::ClickId => by_click_id(facts),
            SourceRule::Utm => by_utm(facts),
            SourceRule::Referrer => by_referrer(facts),
        })
        .unwrap_or_else(|| (SourceKind::Direct, "Direct".into()));
    Source {
        kind,
        name,
        campaign: facts.landing.utm.campaign.clone(),
        keyword: facts.landing.utm.term.clone(),
    }
}

/// A network's parameter. Some networks mark every link on their pages and not only paid ones: there, UTM
/// parameters that name an unpaid medium are believed instead.
pub(crate) struct ClickIdParameter {
    pub parameter: &'static str,
    pub network: &'static str,
    pub on_unpaid_links_too: bool,
}

const fn paid(parameter: &'static str, network: &'static str) -> ClickIdParameter {
    ClickIdParameter {
        parameter,
        network,
        on_unpaid_links_too: false,
    }
}

const fn marked(parameter: &'static str, network: &'static str) -> ClickIdParameter {
    ClickIdParameter {
        parameter,
        network,
        on_unpaid_links_too: true,
    }
}

/// The surest first.
pub(crate) const CLICK_IDS: &[ClickIdParameter] = &[
    paid("gclid", "Google Ads"),
    paid("gbraid", "Google Ads"),
    paid("wbraid", "Google Ads"),
    paid("dclid", "Google Display"),
    paid("msclkid", "Microsoft Ads"),
    paid("yclid", "Yandex Direct"),
    paid("li_fat_id", "LinkedIn Ads"),
    paid("rdt_cid", "Reddit Ads"),
    paid("sccid", "Snapchat Ads"),
    paid("tblci", "Taboola"),
    paid("obclid", "Outbrain"),
    paid("qclid", "Quora Ads"),
    marked("ttclid", "TikTok Ads"),
    marked("twclid", "X Ads"),
    marked("epik", "Pinterest Ads"),
    marked("fbclid", "Meta Ads"),
];

fn by_click_id(facts: &VisitFacts<'_>) -> Option<(SourceKind, String)> {
    let click = facts.landing.click_id.as_ref()?;
    let known = CLICK_IDS
        .iter()
        .find(|id| id.parameter == click.parameter)?;
    let says_unpaid = known.on_unpaid_links_too
        && by_utm(facts).is_some_and(|(kind, _)| kind != SourceKind::Paid);
    (!says_unpaid).then(|| (SourceKind::Paid, known.network.into()))
}

fn by_utm(facts: &VisitFacts<'_>) -> Option<(SourceKind, String)> {
    let utm = &facts.landing.utm;
    let name = [&utm.source, &utm.campaign, &utm.medium]
        .into_iter()
        .find_map(Option::as_deref)?;
    let medium = utm
        .medium
        .as_deref()
        .unwrap_or_default()
        .to_ascii_lowercase();
    let kind = match medium.as_str() {
        "cpc" | "ppc" | "cpm" | "cpv" | "cpa" | "cpp" | "display" | "banner" | "sem"
        | "retargeting" | "remarketing" => SourceKind::Paid,
        word if word.starts_with("paid") => SourceKind::Paid,
        "email" | "e-mail" | "e_mail" | "mail" | "newsletter" => SourceKind::Mail,
        word if word.starts_with("social") || word == "sm" => SourceKind::Social,
        "organic" => SourceKind::Search,
        "referral" => SourceKind::Referral,
        _ => SourceKind::Campaign,
    };
    let network = (kind == SourceKind::Paid)
        .then(|| network_of(name))
        .flatten();
    Some((kind, network.unwrap_or(name).to_string()))
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

fn by_referrer(facts: &VisitFacts<'_>) -> Option<(SourceKind, String)> {
    let url = Url::parse(facts.referrer?.trim()).ok()?;
    let host = host_with_port(&url);
    let own = host == facts.landing.host || facts.own_hosts.contains(&host);
    if host.is_empty() || own {
        return None;
    }
    let bare = url.host_str().unwrap_or_default();
    Some(match referrers::known(url.scheme(), bare) {
        Some(Referrer { kind, name }) => (kind, name.into()),
        None if !matches!(url.scheme(), "http" | "https" | "android-app") => return None,
        None => {
            let shown = host.strip_prefix("www.").unwrap_or(&host);
            (SourceKind::Referral, shortened(shown, VALUE_MAX).into())
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse_landing;

    fn source(page: &str, referrer: Option<&str>) -> (SourceKind, String) {
        let landing = parse_landing(page).unwrap();
        let own_hosts = [
            "www.example.com".to_string(),
            "shop.example.com:8443".into(),
        ];
        let facts = VisitFacts {
            landing: &landing,
            referrer,
            own_hosts: &own_hosts,
        };
        let source = classify(&facts, &SourceRules::default());
        (source.kind, source.name)
    }

    #[test]
    fn a_click_id_is_paid_and_names_its_network() {
        for (query, network) in [
            ("gclid=1", "Google Ads"),
            ("gbraid=1", "Google Ads"),
            ("wbraid=1", "Google Ads"),
            ("msclkid=1", "Microsoft Ads"),
            ("fbclid=1", "Meta Ads"),
            ("ttclid=1", "TikTok Ads"),
            ("ScCid=1", "Snapchat Ads"),
            ("gclid=1&utm_source=news&utm_medium=email", "Google Ads"),
        ] {
            let page = format!("https://www.example.com/?{query}");
            assert_eq!(
                source(&page, Some("https://www.google.com/")),
                (SourceKind::Paid, network.into()),
                "{query}"
            );
        }
    }

    #[test]
    fn a_click_id_that_unpaid_links_carry_too_gives_way_to_an_unpaid_medium() {
        let page = "https://www.example.com/?fbclid=1&utm_source=facebook&utm_medium=social";
        assert_eq!(source(page, None), (SourceKind::Social, "facebook".into()));
        let page = "https://www.example.com/?fbclid=1&utm_source=facebook&utm_medium=paid_social";
        assert_eq!(source(page, None), (SourceKind::Paid, "Meta Ads".into()));
    }

    #[test]
    fn utm_parameters_are_classed_by_their_medium() {
        for (query, kind, name) in [
            (
                "utm_source=google&utm_medium=cpc",
                SourceKind::Paid,
                "Google Ads",
            ),
            ("utm_source=radio&utm_medium=PPC", SourceKind::Paid, "radio"),
            (
                "utm_source=x&utm_medium=paid-social",
                SourceKind::Paid,
                "X Ads",
            ),
            (
                "utm_source=site&utm_medium=display",
                SourceKind::Paid,
                "site",
            ),
            (
                "utm_source=spring&utm_medium=email",
                SourceKind::Mail,
                "spring",
            ),
            ("utm_source=fb&utm_medium=social", SourceKind::Social, "fb"),
            ("utm_source=flyer", SourceKind::Campaign, "flyer"),
            (
                "utm_campaign=summer&utm_medium=qr",
                SourceKind::Campaign,
                "summer",
            ),
        ] {
            let page = format!("https://www.example.com/?{query}");
            assert_eq!(
                source(&page, Some("https://www.bing.com/")),
                (kind, name.into()),
                "{query}"
            );
        }
    }

    #[test]
    fn campaign_and_keyword_come_along_whatever_rule_matched() {
        let landing =
            parse_landing("https://example.com/?gclid=1&utm_campaign=boilers&utm_term=leak")
                .unwrap();
        let facts = VisitFacts {
            landing: &landing,
            referrer: None,
            own_hosts: &[],
        };
        let source = classify(&facts, &SourceRules::default());
        assert_eq!(source.campaign.as_deref(), Some("boilers"));
        assert_eq!(source.keyword.as_deref(), Some("leak"));
    }

    #[test]
    fn referrers_are_classed_by_their_host() {
        for (referrer, kind, name) in [
            ("https://www.google.com/", SourceKind::Search, "Google"),
            (
                "https://www.google.co.uk/search?q=x",
                SourceKind::Search,
                "Google",
            ),
            ("https://uk.search.yahoo.com/", SourceKind::Search, "Yahoo"),
            ("https://duckduckgo.com/", SourceKind::Search, "DuckDuckGo"),
            ("https://l.facebook.com/", SourceKind::Social, "Facebook"),
            ("https://t.co/abc", SourceKind::Social, "X"),
            ("https://mail.google.com/", SourceKind::Mail, "Gmail"),
            (
                "android-app://com.google.android.gm/",
                SourceKind::Mail,
                "Gmail",
            ),
            ("https://chatgpt.com/", SourceKind::Referral, "ChatGPT"),
            (
                "https://gemini.google.com/app",
                SourceKind::Referral,
                "Gemini",
            ),
            (
                "https://www.partner.test/a",
                SourceKind::Referral,
                "partner.test",
            ),
            (
                "https://notgoogle.com/",
                SourceKind::Referral,
                "notgoogle.com",
            ),
            (
                "https://google.example.com/",
                SourceKind::Referral,
                "google.example.com",
            ),
        ] {
            assert_eq!(
                source("https://www.example.com/", Some(referrer)),
                (kind, name.into()),
                "{referrer}"
            );
        }
    }

    #[test]
    fn nothing_known_is_direct() {
        for referrer in [
            None,
            Some(""),
            Some("about:blank"),
            Some("nonsense"),
            Some("https://www.example.com/other"),
            Some("https://shop.example.com:8443/"),
        ] {
            assert_eq!(
                source("https://www.example.com/?rf=x", referrer),
                (SourceKind::Direct, "Direct".into()),
                "{referrer:?}"
            );
        }
    }
}
