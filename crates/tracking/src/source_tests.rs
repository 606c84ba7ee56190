//! What the source rules make of pages and referrers, and which reasons they give.

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
        parse_landing("https://example.com/?gclid=1&utm_campaign=boilers&utm_term=leak").unwrap();
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
        ("https://chatgpt.com/", SourceKind::Assistant, "ChatGPT"),
        (
            "https://gemini.google.com/app",
            SourceKind::Assistant,
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

#[test]
fn a_mark_of_an_unpaid_link_is_no_advertisement_and_gives_way_to_any_utm() {
    for (query, kind, name) in [
        ("igshid=1", SourceKind::Social, "Instagram"),
        ("igsh=1", SourceKind::Social, "Instagram"),
        ("srsltid=1", SourceKind::Search, "Google"),
        (
            "igshid=1&utm_source=meta&utm_medium=cpc",
            SourceKind::Paid,
            "Meta Ads",
        ),
        ("igshid=1&utm_source=flyer", SourceKind::Campaign, "flyer"),
        ("igshid=1&gclid=2", SourceKind::Paid, "Google Ads"),
    ] {
        let page = format!("https://www.example.com/?{query}");
        assert_eq!(source(&page, None), (kind, name.into()), "{query}");
    }
}

#[test]
fn an_assistant_is_known_by_its_referrer_and_by_the_name_that_it_gives_itself() {
    for (query, referrer, name) in [
        ("", "https://chatgpt.com/", "ChatGPT"),
        ("", "https://www.perplexity.ai/search/x", "Perplexity"),
        ("", "https://copilot.microsoft.com/", "Copilot"),
        ("", "https://claude.ai/chat/1", "Claude"),
        ("", "https://you.com/", "You.com"),
        ("utm_source=chatgpt.com", "", "ChatGPT"),
        ("utm_source=Perplexity", "", "Perplexity"),
    ] {
        let page = format!("https://www.example.com/?{query}");
        assert_eq!(
            source(&page, Some(referrer)),
            (SourceKind::Assistant, name.into()),
            "{query} {referrer}"
        );
    }
    // A campaign that only shares the name keeps what its medium says.
    let page = "https://www.example.com/?utm_source=chatgpt.com&utm_medium=cpc";
    assert_eq!(source(page, None), (SourceKind::Paid, "chatgpt.com".into()));
}

#[test]
fn every_rule_that_was_asked_says_what_it_found() {
    let because = |page: &str, referrer: Option<&str>| -> Vec<String> {
        let landing = parse_landing(page).unwrap();
        let facts = VisitFacts {
            landing: &landing,
            referrer,
            own_hosts: &[],
        };
        let rules = SourceRules::default();
        let explanation = explain(&facts, &rules);
        assert_eq!(explanation.source, classify(&facts, &rules), "{page}");
        assert_eq!(
            explanation.matched,
            explanation.source.kind != SourceKind::Direct,
            "{page}"
        );
        let found = explanation.found.iter();
        found.map(|(_, finding)| finding.to_string()).collect()
    };
    assert_eq!(
        because("https://example.com/?gclid=1", None),
        ["gclid is present: a mark of Google Ads"]
    );
    assert_eq!(
        because(
            "https://example.com/?fbclid=1&utm_source=fb&utm_medium=social",
            None
        ),
        [
            "fbclid is present, but links that are not paid carry it too, and the UTM parameters say more",
            "utm_source is \"fb\", utm_medium is \"social\""
        ]
    );
    assert_eq!(
        because("https://example.com/", Some("https://www.bing.com/")),
        [
            "no click id is present",
            "no UTM parameter is present",
            "the referrer www.bing.com is Bing"
        ]
    );
    assert_eq!(
        because("https://example.com/", Some("https://example.com/a"))[2],
        "the referrer example.com is the site itself, which says nothing"
    );
}
