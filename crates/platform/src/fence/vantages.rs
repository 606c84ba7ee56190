//! From where a page is looked at: browsers, languages, referrers. A page that cloaks is another one for each of them.

use ringfence_outbound::Vantage;

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
