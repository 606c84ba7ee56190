//! A new visit, from what its first request says.

use ringfence_fence::{AddressPrefix, normalise_host};
use ringfence_model::{Source, Timestamp, Visit, VisitId, VisitorId};
use ringfence_tracking::{
    LANDING_STORED_MAX, Landing, PAGE_URL_MAX, SourceRules, VALUE_MAX, VisitFacts, classify,
    device, parse_landing, shortened,
};
use url::Url;

use super::facts::SiteFacts;
use super::{NumberRequest, USER_AGENT_MAX};
use crate::random;

/// The longest language tag that is kept (RFC 5646 §4.4.1).
const LANGUAGE_MAX: usize = 35;

/// The visit that begins with this request, its source worked out.
pub(super) fn new_visit(
    site: &SiteFacts,
    page: &Url,
    request: &NumberRequest<'_>,
    now: Timestamp,
) -> Visit {
    // The first page counts when it is one of the site's own; the browser says what it likes.
    let first = request
        .first_page
        .filter(|first| *first != request.page)
        .and_then(|first| parse_landing(first).ok())
        .filter(|first| normalise_host(&first.host).is_ok_and(|host| site.hosts.contains(&host)));
    let (landing, referrer) = match first {
        Some(first) => (first, request.first_referrer),
        None => (
            Landing::from_url(page),
            request.first_referrer.or(request.referrer),
        ),
    };
    let referrer = referrer.map(str::trim).filter(|text| !text.is_empty());
    let source = classify(
        &VisitFacts {
            landing: &landing,
            referrer: referrer.filter(|text| text.len() <= PAGE_URL_MAX),
            own_hosts: &site.hosts,
        },
        &SourceRules::default(),
    );
    let asked_for = request
        .campaign
        .map(|campaign| shortened(campaign.trim(), VALUE_MAX))
        .filter(|campaign| !campaign.is_empty());
    let device = device(shortened(request.user_agent, USER_AGENT_MAX));
    Visit {
        id: VisitId::new(now, random()),
        account: site.account,
        site: site.id,
        visitor: VisitorId::new(now, random()),
        started_at: now,
        seen_at: now,
        landing_page: landing.url,
        referrer: referrer.map(|text| shortened(text, LANDING_STORED_MAX).to_string()),
        source: Source {
            campaign: asked_for.map(str::to_string).or(source.campaign),
            ..source
        },
        utm: landing.utm,
        click_id: landing.click_id,
        language: request.language.and_then(language),
        device: device.map(str::to_string),
        address_prefix: Some(AddressPrefix::of(request.address).to_string()),
    }
}

fn language(text: &str) -> Option<String> {
    let plausible = (2..=LANGUAGE_MAX).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    plausible.then(|| text.to_string())
}
