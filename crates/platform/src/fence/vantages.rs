//! From where a page is looked at: browsers, languages, referrers. A page that cloaks is another one for each of them.

use ringfence_fence::{as_asked, as_from_an_advert, bare};
use ringfence_outbound::Vantage;
use url::Url;

/// What browsers accept for a page.
const PAGE_ACCEPT: &str =
    "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8";
/// What browsers accept for a script or a style.
pub(super) const SCRIPT_ACCEPT: &str = "*/*";

const DESKTOP_AGENT: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) \
    Chrome/141.0.0.0 Safari/537.36";
const PHONE_AGENT: &str = "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) \
    Chrome/141.0.0.0 Mobile Safari/537.36";
/// No browser: what sees the page that is meant for robots.
const PLAIN_AGENT: &str = concat!(
    "Mozilla/5.0 (compatible; RingfenceBot/",
    env!("CARGO_PKG_VERSION"),
    "; page check)"
);

/// A browser on a desk.
pub const DESKTOP: Vantage<'static> = Vantage {
    user_agent: DESKTOP_AGENT,
    language: Some("en-US,en;q=0.9"),
    referrer: None,
    accept: PAGE_ACCEPT,
    compressed: true,
};

/// A browser on a phone.
pub const PHONE: Vantage<'static> = Vantage {
    user_agent: PHONE_AGENT,
    ..DESKTOP
};

/// A robot that says so.
pub const PLAIN: Vantage<'static> = Vantage {
    user_agent: PLAIN_AGENT,
    language: None,
    ..DESKTOP
};

/// What a visitor's browser said of itself.
#[derive(Debug, Clone, Default)]
pub(crate) struct Visitor {
    /// The `User-Agent` header.
    pub user_agent: String,
    /// The browser's first language (RFC 5646).
    pub language: Option<String>,
    /// The page's referrer.
    pub referrer: Option<String>,
}

/// Languages of lock pages that are known, one of them a look in turn.
const LANGUAGES: [(&str, &str); 8] = [
    ("a browser in Japanese", "ja,en;q=0.5"),
    ("a browser in German", "de-DE,de;q=0.9,en;q=0.5"),
    ("a browser in French", "fr-FR,fr;q=0.9,en;q=0.5"),
    ("a browser in Spanish", "es-ES,es;q=0.9,en;q=0.5"),
    ("a browser in Italian", "it-IT,it;q=0.9,en;q=0.5"),
    ("a browser in Dutch", "nl-NL,nl;q=0.9,en;q=0.5"),
    ("a browser in Swedish", "sv-SE,sv;q=0.9,en;q=0.5"),
    ("a browser in Portuguese", "pt-BR,pt;q=0.9,en;q=0.5"),
];

/// From where advertisements send people.
const SEARCH: &str = "https://www.google.com/";

/// An address and who asks for it.
#[derive(Debug, Clone)]
pub(super) struct LookFrom {
    /// In words, for operators.
    pub name: &'static str,
    pub url: Url,
    user_agent: String,
    language: Option<String>,
    referrer: Option<String>,
}

impl LookFrom {
    fn of(name: &'static str, url: Url, vantage: &Vantage<'_>) -> Self {
        Self {
            name,
            url,
            user_agent: vantage.user_agent.into(),
            language: vantage.language.map(Into::into),
            referrer: vantage.referrer.map(Into::into),
        }
    }

    pub fn vantage(&self) -> Vantage<'_> {
        Vantage {
            user_agent: &self.user_agent,
            language: self.language.as_deref(),
            referrer: self.referrer.as_deref(),
            ..DESKTOP
        }
    }
}

/// Every place from which a page is looked at: as the visitor saw it, and as others do. `tries` says which language's
/// turn it is.
pub(super) fn all(page: &Url, visitor: &Visitor, tries: u32) -> Vec<LookFrom> {
    let referrer = visitor.referrer.as_deref().and_then(origin_of);
    let as_the_visitor = Vantage {
        user_agent: match visitor.user_agent.as_str() {
            "" => DESKTOP_AGENT,
            told => told,
        },
        language: visitor.language.as_deref().or(DESKTOP.language),
        referrer: referrer.as_deref(),
        ..DESKTOP
    };
    let from_an_advert = Vantage {
        referrer: Some(SEARCH),
        ..DESKTOP
    };
    let (in_a_language, language) = LANGUAGES[tries as usize % LANGUAGES.len()];
    let foreign = Vantage {
        language: Some(language),
        ..from_an_advert
    };
    let advert = as_from_an_advert(page);
    vec![
        LookFrom::of("the visitor's browser", as_asked(page), &as_the_visitor),
        LookFrom::of("a browser on a desk", bare(page), &DESKTOP),
        LookFrom::of(
            "a browser on a desk, come from an advertisement",
            advert.clone(),
            &from_an_advert,
        ),
        LookFrom::of("a browser on a phone", bare(page), &PHONE),
        LookFrom::of(in_a_language, advert, &foreign),
        LookFrom::of("a robot that says so", bare(page), &PLAIN),
    ]
}

/// As browsers do by default where they leave a site: its origin only.
fn origin_of(referrer: &str) -> Option<String> {
    let url = Url::parse(referrer).ok()?;
    let web = matches!(url.scheme(), "http" | "https");
    web.then(|| format!("{}/", url.origin().ascii_serialization()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_visitors_own_browser_is_one_of_the_vantages_and_tells_no_secret() {
        let page = Url::parse("https://shop.test/a?token=secret&x=1").unwrap();
        let visitor = Visitor {
            user_agent: "Mozilla/5.0 (their browser)".into(),
            language: Some("ja".into()),
            referrer: Some("https://mail.test/inbox?id=4711".into()),
        };
        let places = all(&page, &visitor, 0);
        assert_eq!(places.len(), 6);
        let first = places[0].vantage();
        assert_eq!(first.user_agent, "Mozilla/5.0 (their browser)");
        assert_eq!(first.language, Some("ja"));
        assert_eq!(first.referrer, Some("https://mail.test/"));
        for place in &places {
            assert!(!place.url.as_str().contains("secret"), "{place:?}");
        }
        let queries: Vec<bool> = places.iter().map(|p| p.url.query().is_some()).collect();
        assert_eq!(queries, [true, false, true, false, true, false]);
    }

    #[test]
    fn languages_take_turns() {
        let page = Url::parse("https://shop.test/").unwrap();
        let told = |tries| all(&page, &Visitor::default(), tries)[4].language.clone();
        assert_ne!(told(0), told(1));
        assert_eq!(told(0), told(8));
    }
}
