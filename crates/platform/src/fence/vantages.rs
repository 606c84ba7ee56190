//! From where a page is looked at, as requests: what the fence decides, with what browsers accept.

use ringfence_fence::{DESKTOP_AGENT, LookFrom, PHONE_AGENT, PLAIN_AGENT, USUAL_LANGUAGE};
use ringfence_outbound::Vantage;

/// What browsers accept for a page.
const PAGE_ACCEPT: &str =
    "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8";
/// What browsers accept for a script or a style.
pub(super) const SCRIPT_ACCEPT: &str = "*/*";

/// A browser on a desk.
pub const DESKTOP: Vantage<'static> = Vantage {
    user_agent: DESKTOP_AGENT,
    language: Some(USUAL_LANGUAGE),
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

/// A request from there.
pub(super) fn of(place: &LookFrom) -> Vantage<'_> {
    Vantage {
        user_agent: &place.user_agent,
        language: place.language.as_deref(),
        referrer: place.referrer.as_deref(),
        ..DESKTOP
    }
}
