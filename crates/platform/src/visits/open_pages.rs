//! Pages that stay open and show a number: looks at them while their visits only beat, and what their tags count.
//!
//! A browser's word is no proof against a site. It takes the number from the visit that it comes from, and leads to a look
//! of our own, which decides about everybody else.

use ringfence_fence::{
    Admission, PageCalls, Refusal, Sensed, VisitCredential, Visitor, agreed_host,
};
use ringfence_model::{Confidence, Duration, Timestamp, VisitId};
use ringfence_tracking::{Attribution, PAGE_URL_MAX, shortened};
use url::Url;

use super::facts::SiteFacts;
use super::{FollowUp, NumberRequest, USER_AGENT_MAX, asked, is_own, visitor_of};
use crate::Platform;
use crate::fence::Wish;

/// What a beat tells of its page.
#[derive(Debug, Clone, Copy, Default)]
pub struct OpenPage<'a> {
    /// Its URL, when the browser says it.
    pub page: Option<&'a str>,
    /// What linked to it.
    pub referrer: Option<&'a str>,
    /// What it did to lock its visitor in, since it was loaded.
    pub calls: PageCalls,
}

impl Platform {
    /// A page gives a sign of life: it is looked at when its time has come, and does without its number when it locks its
    /// visitor in.
    pub(super) async fn heed(
        &self,
        site: &SiteFacts,
        credential: &VisitCredential,
        request: &FollowUp<'_>,
        open: &OpenPage<'_>,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        self.check_withdrawn(credential.visit, now)?;
        let sensed = self.sensed(&open.calls);
        if let Some(page) = own_page(site, request.origin, open.page) {
            let wish = match sensed {
                Sensed::Nothing => Wish::Open,
                Sensed::Look | Sensed::Withdraw => Wish::Reported(open.calls),
            };
            let visitor = || Visitor {
                user_agent: shortened(request.user_agent, USER_AGENT_MAX).to_owned(),
                language: request.language.map(str::to_owned),
                referrer: open.referrer.map(str::to_owned),
            };
            self.look_while_open(&asked(site, &page, visitor), wish, now)
                .await;
        }
        if sensed < Sensed::Withdraw {
            return Ok(());
        }
        if self.withdraw(site, credential.visit, now) {
            // Until then nobody else is given the number: whoever still reads it from the page reaches no other page's business.
            if let Err(refusal) = self.extend(site, credential, now).await {
                tracing::debug!(
                    reason = refusal.as_str(),
                    "the number of a page that locks its visitor in does not rest"
                );
            }
        }
        Err(Refusal::Withdrawn)
    }

    /// A page that locks its visitor in is given no number, and neither is a visit that lost its own for it.
    pub(super) async fn check_calls(
        &self,
        site: &SiteFacts,
        admission: &Admission,
        page: &Url,
        request: &NumberRequest<'_>,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let visit = match admission {
            Admission::Visit(credential) => Some(credential.visit),
            Admission::Token(_) => None,
        };
        if let Some(visit) = visit {
            self.check_withdrawn(visit, now)?;
        }
        let sensed = self.sensed(&request.calls);
        if sensed == Sensed::Nothing {
            return Ok(());
        }
        let wish = Wish::Reported(request.calls);
        self.look_while_open(&asked(site, page, || visitor_of(request)), wish, now)
            .await;
        if sensed < Sensed::Withdraw {
            return Ok(());
        }
        if let Some(visit) = visit {
            self.withdraw(site, visit, now);
        }
        Err(Refusal::Withdrawn)
    }

    /// Whether a call can have come only from pages whose numbers were taken back. A number that many are shown at once
    /// rings on, and so does one that another visit was shown a while ago: nobody may silence a number for others.
    pub(crate) fn is_taken_back(&self, attribution: &Attribution, now: Timestamp) -> bool {
        let Some(visit) = attribution.visit else {
            return false;
        };
        let alone = matches!(
            attribution.confidence,
            Confidence::Certain | Confidence::Likely
        );
        let others = attribution.runners_up.iter().map(|other| other.visit);
        alone
            && self
                .tag_facts
                .withdrawn
                .lock()
                .stop_call(visit, others, now)
    }

    fn sensed(&self, calls: &PageCalls) -> Sensed {
        if !self.settings.fence.withdraw_from_locking_pages {
            return Sensed::Nothing;
        }
        let sensed = calls.sensed();
        if sensed > Sensed::Nothing {
            metrics::counter!("ringfence_page_reports_total", "sensed" => sensed.as_str())
                .increment(1);
        }
        sensed
    }

    fn check_withdrawn(&self, visit: VisitId, now: Timestamp) -> Result<(), Refusal> {
        if self.tag_facts.withdrawn.lock().is_withdrawn(visit, now) {
            Err(Refusal::Withdrawn)
        } else {
            Ok(())
        }
    }

    /// The visit does without its number from now on; whether it did not before.
    fn withdraw(&self, site: &SiteFacts, visit: VisitId, now: Timestamp) -> bool {
        let longest = site.pools().map(|pool| pool.hold).max();
        let until = now + longest.unwrap_or(Duration::ZERO) + self.settings.late_call_window;
        let mut withdrawn = self.tag_facts.withdrawn.lock();
        let first = withdrawn.withdraw(site.id, visit, until, now);
        if first {
            metrics::counter!("ringfence_numbers_withdrawn_total").increment(1);
            tracing::warn!(site = %site.id, %visit, "a number was taken back from a page that locks its visitor in");
        }
        first
    }
}

/// The page of a beat, when it is one of the site's own.
fn own_page(site: &SiteFacts, origin: Option<&str>, page: Option<&str>) -> Option<Url> {
    let page = page.filter(|page| page.len() <= PAGE_URL_MAX)?;
    let page = Url::parse(page).ok()?;
    let host = agreed_host(origin, &page).ok()?;
    is_own(site, &host).then_some(page)
}
