//! A page from every vantage at once: each fetches it with what belongs to it, and looks at what came.

use ringfence_fence::look::Look;
use ringfence_fence::{LookFrom, PageHost, outcome_of_view};
use ringfence_model::LookOutcome;
use ringfence_outbound::Outbound;
use tokio::task::JoinSet;

use super::page_gate::Job;
use super::vantages;
use super::{FetchedPage, PageLimits, fetch_page};

/// What was seen from one vantage.
#[derive(Debug)]
pub(super) struct Seen {
    /// From where, in words.
    pub vantage: &'static str,
    /// What came, or why nothing did.
    pub page: Result<SeenPage, Unseen>,
}

/// A page that came.
#[derive(Debug)]
pub(super) struct SeenPage {
    pub page: FetchedPage,
    pub look: Look,
    /// It came from one of the site's own hosts.
    pub own: bool,
}

/// Why no page came.
#[derive(Debug)]
pub(super) struct Unseen {
    /// The stable word, for metrics.
    pub word: &'static str,
    /// In words, for operators.
    pub why: String,
}

impl Seen {
    /// What the page was.
    pub fn verdict(&self) -> LookOutcome {
        self.page.as_ref().map_or(LookOutcome::Unseen, |seen| {
            outcome_of_view(seen.look.verdict, seen.page.status, seen.own)
        })
    }

    /// The score, in thousandths.
    pub fn risk(&self) -> u16 {
        self.page
            .as_ref()
            .map_or(0, |seen| thousandths(seen.look.score))
    }

    /// Why nothing was seen, as a stable word.
    pub fn failure(&self) -> Option<&'static str> {
        if self.verdict() != LookOutcome::Unseen {
            return None;
        }
        Some(match &self.page {
            Err(unseen) => unseen.word,
            Ok(seen) if seen.page.status >= 400 => "status",
            Ok(_) => "elsewhere",
        })
    }

    /// Why nothing was seen, in words.
    pub fn why_unseen(&self) -> Option<String> {
        self.failure().map(|_| match &self.page {
            Err(unseen) => unseen.why.clone(),
            Ok(seen) if seen.page.status >= 400 => {
                format!("the server answered {}", seen.page.status)
            }
            Ok(seen) => format!(
                "it leads to {}, which is no host of this site",
                seen.page.url.host_str().unwrap_or_default()
            ),
        })
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "it is clamped to 0..=1000 before"
)]
pub(super) fn thousandths(score: f64) -> u16 {
    (score.clamp(0.0, 1.0) * 1000.0).round() as u16
}

/// Looks from every vantage, in their order. It takes no longer than the limits allow for one, and the time to read.
pub(super) async fn from_everywhere(
    outbound: &Outbound,
    job: &Job,
    limits: PageLimits,
    public_url: &str,
) -> Vec<Seen> {
    let mut under_way = JoinSet::new();
    for (order, place) in ringfence_fence::vantages(&job.url, &job.visitor, job.tries)
        .into_iter()
        .enumerate()
    {
        let (outbound, hosts) = (outbound.clone(), job.hosts.clone());
        let public_url = public_url.to_owned();
        under_way.spawn(async move {
            let page = from(&outbound, &place, &hosts, limits, &public_url).await;
            let vantage = place.name;
            (order, Seen { vantage, page })
        });
    }
    let mut seen = Vec::new();
    while let Some(looked) = under_way.join_next().await {
        match looked {
            Ok(looked) => seen.push(looked),
            Err(error) => tracing::error!(%error, "a look at a page broke"),
        }
    }
    seen.sort_by_key(|(order, _)| *order);
    seen.into_iter().map(|(_, seen)| seen).collect()
}

async fn from(
    outbound: &Outbound,
    place: &LookFrom,
    hosts: &[String],
    limits: PageLimits,
    public_url: &str,
) -> Result<SeenPage, Unseen> {
    let page = fetch_page(outbound, place.url.as_str(), &vantages::of(place), limits)
        .await
        .map_err(|error| Unseen {
            word: error.word(),
            why: error.to_string(),
        })?
        .without_tag(public_url);
    let own =
        PageHost::of(&page.url).is_ok_and(|host| hosts.iter().any(|own| own == host.as_str()));
    // A large page keeps a processor busy for a while.
    let looked = tokio::task::spawn_blocking(move || {
        let look = page.look();
        SeenPage { page, look, own }
    });
    looked.await.map_err(|error| Unseen {
        word: "broken",
        why: error.to_string(),
    })
}
