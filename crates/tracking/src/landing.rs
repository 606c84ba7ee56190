//! What a landing page's URL says: its host, its UTM parameters and its click id.

use ringfence_model::{ClickId, Utm};
use url::Url;

use crate::click_ids::CLICK_IDS;

/// The longest page URL that is read, in octets.
pub const PAGE_URL_MAX: usize = 4096;
/// The longest landing page that is kept, in octets; the rest is cut off.
pub const LANDING_STORED_MAX: usize = 2048;
/// The longest UTM value or click id that is kept, in octets; the rest is cut off.
pub const VALUE_MAX: usize = 256;
/// Query parameters that are looked at; those behind them are passed over.
const PARAMETERS_MAX: usize = 200;

/// A text that is no page's URL.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LandingError {
    /// Not absolute, not http or https, or without a host.
    #[error("expected the page's URL, such as https://www.example.com/, got {0:?}")]
    NotAPage(String),
    /// Over [`PAGE_URL_MAX`] octets.
    #[error("expected a page URL of at most {PAGE_URL_MAX} octets, got {0}")]
    TooLong(usize),
}

/// A page's URL, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Landing {
    /// The URL without user, password and fragment, at most [`LANDING_STORED_MAX`] octets.
    pub url: String,
    /// Lower case, with its port where that is not the scheme's own.
    pub host: String,
    /// The UTM parameters that it carries.
    pub utm: Utm,
    /// The click id that it carries; when there are several, the one that names a paid click most surely.
    pub click_id: Option<ClickId>,
}

/// Reads a landing page's URL.
///
/// # Errors
/// [`LandingError`] when it is no page's URL or too long.
pub fn parse_landing(text: &str) -> Result<Landing, LandingError> {
    if text.len() > PAGE_URL_MAX {
        return Err(LandingError::TooLong(text.len()));
    }
    let not_a_page = || LandingError::NotAPage(shortened(text, 80).into());
    let url = Url::parse(text).map_err(|_| not_a_page())?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return Err(not_a_page());
    }
    Ok(Landing::from_url(&url))
}

impl Landing {
    /// Reads a URL that is parsed already.
    pub fn from_url(url: &Url) -> Self {
        let mut utm = Utm::default();
        let mut click: Option<(usize, ClickId)> = None;
        for (name, value) in url.query_pairs().take(PARAMETERS_MAX) {
            if value.trim().is_empty() {
                continue;
            }
            let lower = name.to_ascii_lowercase();
            let slot = match lower.as_str() {
                "utm_source" => Some(&mut utm.source),
                "utm_medium" => Some(&mut utm.medium),
                "utm_campaign" => Some(&mut utm.campaign),
                "utm_term" => Some(&mut utm.term),
                "utm_content" => Some(&mut utm.content),
                _ => None,
            };
            let kept = || shortened(value.trim(), VALUE_MAX).to_string();
            if let Some(slot) = slot {
                if slot.is_none() {
                    *slot = Some(kept());
                }
            } else if let Some(rank) = CLICK_IDS.iter().position(|id| id.parameter == lower)
                && click.as_ref().is_none_or(|(best, _)| rank < *best)
            {
                click = Some((
                    rank,
                    ClickId {
                        parameter: lower,
                        value: kept(),
                    },
                ));
            }
        }
        Self {
            url: stored(url),
            host: host_with_port(url),
            utm,
            click_id: click.map(|(_, id)| id),
        }
    }
}

/// `text` cut at a character's boundary so that it has at most `max` octets.
pub fn shortened(text: &str, max: usize) -> &str {
    &text[..text.floor_char_boundary(max)]
}

pub(crate) fn host_with_port(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_string(),
    }
}

fn stored(url: &Url) -> String {
    let mut kept = if url.username().is_empty() && url.password().is_none() {
        let text = url.as_str();
        text.split_once('#')
            .map_or(text, |(page, _)| page)
            .to_string()
    } else {
        let query = url.query().map(|q| format!("?{q}")).unwrap_or_default();
        format!(
            "{}://{}{}{query}",
            url.scheme(),
            host_with_port(url),
            url.path()
        )
    };
    kept.truncate(shortened(&kept, LANDING_STORED_MAX).len());
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn utm_parameters_and_click_ids_are_read_from_the_query() {
        let landing = parse_landing(
            "https://WWW.Example.com:8443/offer?utm_source=News+Letter&UTM_Medium=email&utm_campaign=a%20b&utm_campaign=second&utm_term=&msclkid=abc#top",
        )
        .unwrap();
        assert_eq!(landing.host, "www.example.com:8443");
        assert_eq!(landing.utm.source.as_deref(), Some("News Letter"));
        assert_eq!(landing.utm.medium.as_deref(), Some("email"));
        assert_eq!(landing.utm.campaign.as_deref(), Some("a b"));
        assert_eq!(landing.utm.term, None);
        assert_eq!(landing.click_id.unwrap().parameter, "msclkid");
        assert!(!landing.url.contains('#'));
    }

    #[test]
    fn the_surest_of_several_click_ids_is_kept() {
        let landing = parse_landing("https://example.com/?fbclid=1&gclid=2").unwrap();
        assert_eq!(landing.click_id.unwrap().parameter, "gclid");
    }

    #[test]
    fn user_and_password_are_never_kept() {
        let landing = parse_landing("https://me:secret@example.com/a?b=c#d").unwrap();
        assert_eq!(landing.url, "https://example.com/a?b=c");
    }

    #[test]
    fn long_values_are_cut_at_a_character() {
        let landing = parse_landing(&format!(
            "https://example.com/?utm_campaign={}",
            "é".repeat(200)
        ))
        .unwrap();
        let campaign = landing.utm.campaign.unwrap();
        assert!(campaign.len() <= VALUE_MAX && campaign.chars().all(|c| c == 'é'));
    }

    #[test]
    fn what_is_no_page_is_refused() {
        for text in [
            "",
            "example.com",
            "/a",
            "data:text/html,x",
            "javascript:alert(1)",
            "file:///etc/passwd",
            "https://",
        ] {
            assert!(
                matches!(parse_landing(text), Err(LandingError::NotAPage(_))),
                "{text}"
            );
        }
        let long = format!("https://example.com/{}", "a".repeat(PAGE_URL_MAX));
        assert!(matches!(
            parse_landing(&long),
            Err(LandingError::TooLong(_))
        ));
    }

    proptest! {
        #[test]
        fn no_text_breaks_it_and_every_limit_holds(query in "\\PC{0,600}") {
            if let Ok(landing) = parse_landing(&format!("https://example.com/?utm_source={query}")) {
                prop_assert!(landing.url.len() <= LANDING_STORED_MAX);
                prop_assert!(landing.utm.source.is_none_or(|s| s.len() <= VALUE_MAX));
            }
        }
    }
}
