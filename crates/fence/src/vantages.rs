//! From where a page is looked at: browsers, languages, referrers. A page that cloaks is another one for each of them.

use url::Url;

use crate::{as_asked, as_from_an_advert, bare};

/// A browser on a desk.
pub const DESKTOP_AGENT: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) \
    Chrome/141.0.0.0 Safari/537.36";
/// A browser on a phone.
pub const PHONE_AGENT: &str = "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) \
    Chrome/141.0.0.0 Mobile Safari/537.36";
/// No browser: what sees the page that is meant for robots.
pub const PLAIN_AGENT: &str = concat!(
    "Mozilla/5.0 (compatible; RingfenceBot/",
    env!("CARGO_PKG_VERSION"),
    "; page check)"
);
/// The language of a browser that nobody told otherwise.
pub const USUAL_LANGUAGE: &str = "en-US,en;q=0.9";

/// What a visitor's browser said of itself.
#[derive(Debug, Clone, Default)]
pub struct Visitor {
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
pub struct LookFrom {
    /// In words, for operators.
    pub name: &'static str,
    /// The address.
    pub url: Url,
    /// The `User-Agent` header.
    pub user_agent: String,
    /// The `Accept-Language` header.
    pub language: Option<String>,
    /// The `Referer` header.
    pub referrer: Option<String>,
}

/// Every place from which a page is looked at: as the visitor saw it, and as others do. `tries` says which language's
/// turn it is.
pub fn vantages(page: &Url, visitor: &Visitor, tries: u32) -> Vec<LookFrom> {
    let from =
        |name, url, user_agent: &str, language: Option<&str>, referrer: Option<&str>| LookFrom {
            name,
            url,
            user_agent: user_agent.into(),
            language: language.map(Into::into),
            referrer: referrer.map(Into::into),
        };
    let agent = match visitor.user_agent.as_str() {
        "" => DESKTOP_AGENT,
        told => told,
    };
    let usual = Some(USUAL_LANGUAGE);
    let spoken = visitor.language.as_deref().or(usual);
    let referrer = visitor.referrer.as_deref().and_then(origin_of);
    let (in_a_language, language) = LANGUAGES[tries as usize % LANGUAGES.len()];
    let advert = as_from_an_advert(page);
    vec![
        from(
            "the visitor's browser",
            as_asked(page),
            agent,
            spoken,
            referrer.as_deref(),
        ),
        from(
            "a browser on a desk",
            bare(page),
            DESKTOP_AGENT,
            usual,
            None,
        ),
        from(
            "a browser on a desk, come from an advertisement",
            advert.clone(),
            DESKTOP_AGENT,
            usual,
            Some(SEARCH),
        ),
        from("a browser on a phone", bare(page), PHONE_AGENT, usual, None),
        from(
            in_a_language,
            advert,
            DESKTOP_AGENT,
            Some(language),
            Some(SEARCH),
        ),
        from("a robot that says so", bare(page), PLAIN_AGENT, None, None),
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
        let places = vantages(&page, &visitor, 0);
        assert_eq!(places.len(), 6);
        let first = &places[0];
        assert_eq!(first.user_agent, "Mozilla/5.0 (their browser)");
        assert_eq!(first.language.as_deref(), Some("ja"));
        assert_eq!(first.referrer.as_deref(), Some("https://mail.test/"));
        for place in &places {
            assert!(!place.url.as_str().contains("secret"), "{place:?}");
        }
        let queries: Vec<bool> = places.iter().map(|p| p.url.query().is_some()).collect();
        assert_eq!(queries, [true, false, true, false, true, false]);
    }

    #[test]
    fn languages_take_turns() {
        let page = Url::parse("https://shop.test/").unwrap();
        let told = |tries| {
            vantages(&page, &Visitor::default(), tries)[4]
                .language
                .clone()
        };
        assert_ne!(told(0), told(1));
        assert_eq!(told(0), told(8));
    }
}
