//! A page with the scripts, frames and styles that belong to it, fetched within bounds. Nothing of it is ever run.
//!
//! Frames may bring scripts and frames of their own; they count against the same bounds. What lies beyond a bound is
//! counted as left out, never fetched in secret.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use ringfence_fence::look::{
    Linked, LinkedKind, Look, Page, READ_MAX, REFERENCES_MAX, look, references,
};
use ringfence_outbound::{FetchLimits, Fetched, Outbound, OutboundError, Vantage};
use tokio::task::JoinSet;
use tokio::time::Instant;
use url::Url;

use super::vantages::SCRIPT_ACCEPT;

/// How much one look at a page may take.
#[derive(Debug, Clone, Copy)]
pub struct PageLimits {
    /// The page itself.
    pub page: FetchLimits,
    /// Each script, frame or style.
    pub part: FetchLimits,
    /// Scripts, frames and styles together.
    pub parts: usize,
    /// Octets of all of them together.
    pub octets: usize,
    /// Everything together.
    pub time: Duration,
}

impl Default for PageLimits {
    fn default() -> Self {
        Self {
            page: FetchLimits {
                time: Duration::from_secs(10),
                body: READ_MAX,
                redirects: 5,
            },
            part: FetchLimits {
                time: Duration::from_secs(8),
                body: 2 * 1024 * 1024,
                redirects: 3,
            },
            parts: 64,
            octets: 16 * 1024 * 1024,
            time: Duration::from_secs(25),
        }
    }
}

impl PageLimits {
    /// For one of the several looks at a page that asks for numbers: as much as a page needs that people wait for.
    pub const SAMPLE: Self = Self {
        page: FetchLimits {
            time: Duration::from_secs(8),
            body: 1024 * 1024,
            redirects: 5,
        },
        part: FetchLimits {
            time: Duration::from_secs(5),
            body: 512 * 1024,
            redirects: 3,
        },
        parts: 24,
        octets: 2 * 1024 * 1024,
        time: Duration::from_secs(14),
    };
}

/// Parts that are fetched at the same time.
const AT_ONCE: usize = 8;
/// Frames in frames: a shell around a shell is followed, a hall of mirrors is not.
const DEPTH_MAX: u8 = 2;
/// Frames that go before the scripts: a shell has one or two, and the page is in there.
const FRAMES_FIRST: usize = 6;
/// Style sheets that are fetched.
const STYLES_MAX: usize = 8;

/// A page as it came, with what belongs to it.
#[derive(Debug, Clone)]
pub struct FetchedPage {
    /// Where it came from in the end.
    pub url: Url,
    /// The HTTP status code.
    pub status: u16,
    /// Its `Content-Type`.
    pub content_type: Option<String>,
    /// Its body.
    pub octets: Vec<u8>,
    /// The body was longer, or ended too early.
    pub cut: bool,
    /// Scripts, frames and styles, in the order in which they came to be known.
    pub parts: Vec<FetchedPart>,
    /// Parts that were not fetched, or not to their end: over a bound, or nobody answered.
    pub left_out: usize,
}

/// A script, frame or style of a page.
#[derive(Debug, Clone)]
pub struct FetchedPart {
    /// The address that the page names.
    pub url: String,
    /// What it is.
    pub kind: LinkedKind,
    /// Its `Content-Type`.
    pub content_type: Option<String>,
    /// Its body.
    pub octets: Vec<u8>,
}

impl FetchedPage {
    /// Takes out our own tag: it shows numbers on every page that carries it, which says nothing of the page.
    pub(super) fn without_tag(mut self, public_url: &str) -> Self {
        self.parts.retain(|part| !is_tag(&part.url, public_url));
        self
    }

    /// What the page is.
    pub fn look(&self) -> Look {
        let linked: Vec<Linked<'_>> = self
            .parts
            .iter()
            .map(|part| Linked {
                url: &part.url,
                kind: part.kind,
                octets: &part.octets,
                content_type: part.content_type.as_deref(),
            })
            .collect();
        look(&Page {
            octets: &self.octets,
            url: Some(&self.url),
            content_type: self.content_type.as_deref(),
            linked: &linked,
            linked_known: true,
        })
    }
}

/// Whether an address is that of the tag which this server serves.
fn is_tag(url: &str, public_url: &str) -> bool {
    let path = url.strip_prefix(public_url.trim_end_matches('/'));
    path.and_then(|path| path.strip_prefix("/tag.js"))
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('?'))
}

/// Fetches a page and what belongs to it, as seen from a vantage.
///
/// # Errors
/// [`OutboundError`] when the page itself could not be had. A part that could not be had is left out.
pub async fn fetch_page(
    outbound: &Outbound,
    url: &str,
    vantage: &Vantage<'_>,
    limits: PageLimits,
) -> Result<FetchedPage, OutboundError> {
    let began = Instant::now();
    let fetched = outbound.fetch_as(url, vantage, limits.page).await?;
    let url = Url::parse(&fetched.final_url)
        .map_err(|_| OutboundError::NotAUrl(fetched.final_url.chars().take(80).collect()))?;
    let mut page = FetchedPage {
        url,
        status: fetched.status,
        content_type: fetched.content_type,
        octets: fetched.body,
        cut: fetched.cut,
        parts: Vec::new(),
        left_out: 0,
    };
    let mut parts = Parts::of(&page, limits);
    parts
        .fetch(outbound, vantage, began + limits.time, &mut page)
        .await;
    page.left_out += parts.waiting.len() + parts.unnamed;
    Ok(page)
}

struct Wanted {
    url: String,
    kind: LinkedKind,
    depth: u8,
}

/// What is still to be fetched, and what may still be.
struct Parts {
    limits: PageLimits,
    waiting: VecDeque<Wanted>,
    known: HashSet<String>,
    octets_left: usize,
    begun: usize,
    /// Lists of references that were so long that more may have stood behind them.
    unnamed: usize,
}

impl Parts {
    fn of(page: &FetchedPage, limits: PageLimits) -> Self {
        let mut parts = Self {
            limits,
            waiting: VecDeque::new(),
            known: HashSet::from([page.url.as_str().to_owned()]),
            octets_left: limits.octets,
            begun: 0,
            unnamed: 0,
        };
        parts.want(&page.octets, &page.url, page.content_type.as_deref(), 0);
        parts
    }

    /// What a page or frame refers to.
    fn want(&mut self, octets: &[u8], url: &Url, content_type: Option<&str>, depth: u8) {
        let found = references(&Page {
            octets,
            url: Some(url),
            content_type,
            linked: &[],
            linked_known: false,
        });
        self.unnamed += [&found.scripts, &found.frames]
            .into_iter()
            .filter(|list| list.len() >= REFERENCES_MAX)
            .count();
        let (first, later) = found.frames.split_at(found.frames.len().min(FRAMES_FIRST));
        let frames = |some: &[String]| {
            some.iter()
                .map(|url| (url.clone(), LinkedKind::Frame))
                .collect::<Vec<_>>()
        };
        let scripts = found
            .scripts
            .into_iter()
            .map(|url| (url, LinkedKind::Script));
        let styles = found
            .styles
            .into_iter()
            .take(STYLES_MAX)
            .map(|url| (url, LinkedKind::Style));
        let all = frames(first)
            .into_iter()
            .chain(scripts)
            .chain(frames(later))
            .chain(styles);
        for (url, kind) in all {
            // A fragment is the browser's own affair.
            let bare = url.split('#').next().unwrap_or_default().to_owned();
            if (kind != LinkedKind::Frame || depth < DEPTH_MAX) && self.known.insert(bare) {
                self.waiting.push_back(Wanted { url, kind, depth });
            }
        }
    }

    async fn fetch(
        &mut self,
        outbound: &Outbound,
        vantage: &Vantage<'_>,
        deadline: Instant,
        page: &mut FetchedPage,
    ) {
        let vantage = Arc::new(Told::by(vantage, &page.url));
        let mut under_way: JoinSet<(usize, Wanted, Result<Fetched, OutboundError>)> =
            JoinSet::new();
        let mut arrived: Vec<(usize, FetchedPart)> = Vec::new();
        loop {
            while under_way.len() < AT_ONCE
                && self.begun < self.limits.parts
                && self.octets_left > 0
                && let Some(wanted) = self.waiting.pop_front()
            {
                let order = self.begun;
                self.begun += 1;
                let (outbound, vantage) = (outbound.clone(), Arc::clone(&vantage));
                let limits = FetchLimits {
                    body: self.limits.part.body.min(self.octets_left),
                    ..self.limits.part
                };
                under_way.spawn(async move {
                    let fetched = outbound
                        .fetch_as(&wanted.url, &vantage.vantage(wanted.kind), limits)
                        .await;
                    (order, wanted, fetched)
                });
            }
            let Ok(Some(done)) = tokio::time::timeout_at(deadline, under_way.join_next()).await
            else {
                // Out of time, or nothing is left.
                page.left_out += under_way.len();
                break;
            };
            let Ok((order, wanted, Ok(fetched))) = done else {
                page.left_out += 1;
                continue;
            };
            // A browser runs no script that came with an error, but shows such a frame.
            if fetched.status >= 400 && wanted.kind != LinkedKind::Frame {
                continue;
            }
            self.octets_left = self.octets_left.saturating_sub(fetched.body.len());
            page.left_out += usize::from(fetched.cut);
            if wanted.kind == LinkedKind::Frame
                && let Ok(url) = Url::parse(&fetched.final_url)
            {
                self.want(
                    &fetched.body,
                    &url,
                    fetched.content_type.as_deref(),
                    wanted.depth + 1,
                );
            }
            let part = FetchedPart {
                url: wanted.url,
                kind: wanted.kind,
                content_type: fetched.content_type,
                octets: fetched.body,
            };
            arrived.push((order, part));
        }
        arrived.sort_by_key(|(order, _)| *order);
        page.parts = arrived.into_iter().map(|(_, part)| part).collect();
    }
}

/// What servers of the parts are told: the same browser, come from the page.
struct Told {
    user_agent: String,
    language: Option<String>,
    page: String,
    accept: String,
}

impl Told {
    fn by(vantage: &Vantage<'_>, page: &Url) -> Self {
        // As browsers do by default: the whole address within the page's own origin is more than others need.
        let origin = page.origin().ascii_serialization();
        Self {
            user_agent: vantage.user_agent.into(),
            language: vantage.language.map(Into::into),
            page: format!("{origin}/"),
            accept: vantage.accept.into(),
        }
    }

    fn vantage(&self, kind: LinkedKind) -> Vantage<'_> {
        Vantage {
            user_agent: &self.user_agent,
            language: self.language.as_deref(),
            referrer: Some(&self.page),
            accept: if kind == LinkedKind::Frame {
                &self.accept
            } else {
                SCRIPT_ACCEPT
            },
            compressed: true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_tag_is_told_from_what_is_named_like_it() {
        let ours = "https://calls.example.com/tag.js";
        for public_url in ["https://calls.example.com", "https://calls.example.com/"] {
            assert!(is_tag(ours, public_url));
            assert!(is_tag(&format!("{ours}?site=1"), public_url));
        }
        for other in [
            "https://calls.example.com.test/tag.js",
            "https://calls.example.com/tag.js.evil",
            "https://calls.example.com/other.js",
            "http://calls.example.com/tag.js",
        ] {
            assert!(!is_tag(other, "https://calls.example.com"), "{other}");
        }
    }
}
