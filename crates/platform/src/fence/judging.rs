//! From what was seen on a page to what follows: a row of the look, and a case with its evidence.

use std::fmt::Write as _;

use ringfence_fence::look::Signal;
use ringfence_fence::{PageCalls, bare, outcome_of_look};
use ringfence_model::{
    AbuseCase, CaseEvidence, CaseSignal, EvidenceKind, EvidencePage, LookOutcome, PageLook,
    PageView, Timestamp,
};
use ringfence_store::StoreError;
use sha2::{Digest, Sha256};

use super::cases::{evidence, new_case};
use super::looking::{Seen, SeenPage};
use super::page_gate::Job;
use super::reported::{has_room, piece};
use crate::Platform;

/// Octets of a page that are kept as evidence.
const SNAPSHOT_MAX: usize = 256 * 1024;
/// Signals of a look that are kept.
const SIGNALS_MAX: usize = 40;
/// Different pages that one look adds to a case.
const PIECES_MAX: usize = 3;
/// Looks that are kept in one case: more say nothing new.
const LOOKS_MAX: usize = 30;
/// Looks of released cases that are compared with.
const RELEASED_MAX: u32 = 200;
/// A page that scores higher than a released one by more than this, in thousandths, is another matter.
const MORE: u16 = 50;
/// From this difference of scores on, vantages were shown different pages.
const APART: u16 = 300;

/// The row of a look.
pub(super) fn page_look(job: &Job, seen: &[Seen], at: Timestamp) -> PageLook {
    PageLook {
        account: job.account,
        site: job.site,
        page: job.page.clone(),
        at,
        outcome: outcome_of_look(seen.iter().map(Seen::verdict)),
        risk: seen.iter().map(Seen::risk).max().unwrap_or(0),
        views: seen.iter().map(view).collect(),
    }
}

fn view(seen: &Seen) -> PageView {
    let page = seen.page.as_ref().ok();
    PageView {
        vantage: seen.vantage.into(),
        failed: seen.why_unseen(),
        status: page.map(|seen| seen.page.status),
        url: page.map(|seen| bare(&seen.page.url).into()),
        verdict: seen.verdict(),
        risk: seen.risk(),
        sha256: page.map(|seen| hexadecimal(&Sha256::digest(&seen.page.octets))),
        length: page.map(|seen| seen.page.octets.len() as u64),
        left_out: page.map_or(0, |seen| {
            u32::try_from(seen.page.left_out).unwrap_or(u32::MAX)
        }),
    }
}

/// Octets as text, two letters each.
pub fn hexadecimal(octets: &[u8]) -> String {
    octets.iter().fold(String::new(), |mut text, octet| {
        // A text takes whatever is written to it.
        let _ = write!(text, "{octet:02x}");
        text
    })
}

impl Platform {
    /// Takes up what was seen on a page: a case is opened or gets the evidence, and the site's numbers are withheld when
    /// it is a scam. What operators saw before they released a case is no news. Beside the look stands what the page's tags
    /// counted.
    pub(super) async fn take_up(
        &self,
        job: &Job,
        seen: &[Seen],
        calls: Option<PageCalls>,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let released = self
            .db
            .released_looks(job.account, job.site, RELEASED_MAX)
            .await?;
        let news = Offences::of(seen).without(|piece| released.iter().any(|r| excuses(r, piece)));
        let Some(worst) = news.0.first() else {
            metrics::counter!("ringfence_page_looks_excused_total").increment(1);
            return Ok(());
        };
        let scam = news
            .0
            .iter()
            .any(|(one, _)| one.verdict() == LookOutcome::Scam);
        let case = new_case(job.account, job.site, worst.0.risk(), at);
        if self.db.open_case_of(job.account, job.site).await?.is_none() {
            let reported = calls.map(|calls| piece(&case, job, &calls, at));
            let pieces = news.pieces(&case, seen, reported, at, scam);
            match self.db.open_case(&case, &pieces, scam).await {
                Err(StoreError::Taken(_)) => {}
                opened => {
                    opened?;
                    let word = if scam { "scam" } else { "suspicious" };
                    metrics::counter!("ringfence_cases_opened_total", "verdict" => word)
                        .increment(1);
                    if scam {
                        self.hold_placed(&case);
                    }
                    return Ok(());
                }
            }
        }
        // Opened before, or by another process just now.
        match self.db.open_case_of(job.account, job.site).await? {
            Some(case) => {
                let reported = calls.map(|calls| piece(&case, job, &calls, at));
                self.add_to(&case, news, seen, reported, at, scam).await
            }
            None => Ok(()),
        }
    }

    async fn add_to(
        &self,
        case: &AbuseCase,
        news: Offences<'_>,
        seen: &[Seen],
        reported: Option<CaseEvidence>,
        at: Timestamp,
        scam: bool,
    ) -> Result<(), StoreError> {
        let Some(file) = self.case_file(case.id).await? else {
            return Ok(());
        };
        let looks = file
            .evidence
            .iter()
            .filter(|p| p.kind == EvidenceKind::Look);
        let full = looks.count() >= LOOKS_MAX;
        let news = news.without(|piece| full || file.evidence.iter().any(|k| is_as(k, piece)));
        let hold = scam && !file.held;
        let reported = reported.filter(|piece| has_room(&file.evidence, piece));
        if news.0.is_empty() && reported.is_none() && !hold {
            return Ok(());
        }
        let mut pieces = news.pieces(case, seen, reported, at, hold);
        pieces.retain(|piece| {
            piece.kind != EvidenceKind::Difference
                || !file.evidence.iter().any(|known| known.what == piece.what)
        });
        self.db
            .add_evidence(case.account, case.id, &pieces, hold.then_some(at))
            .await?;
        if hold {
            self.hold_placed(case);
        }
        Ok(())
    }
}

/// Pages that are no clean ones, the worst first, each body once.
struct Offences<'s>(Vec<(&'s Seen, &'s SeenPage)>);

/// What is compared with what is known.
struct Piece<'s> {
    risk: u16,
    sha256: Vec<u8>,
    url: &'s url::Url,
    kinds: Vec<&'static str>,
}

impl<'s> Offences<'s> {
    fn of(seen: &'s [Seen]) -> Self {
        let mut found: Vec<(&Seen, &SeenPage)> = seen
            .iter()
            .filter(|one| matches!(one.verdict(), LookOutcome::Suspicious | LookOutcome::Scam))
            .filter_map(|one| Some((one, one.page.as_ref().ok()?)))
            .collect();
        // Stable: of equal scores the vantage that comes first, which is the visitor's.
        found.sort_by_key(|(one, _)| std::cmp::Reverse(one.risk()));
        let mut bodies: Vec<&[u8]> = Vec::new();
        found.retain(|(_, page)| {
            let new = !bodies.contains(&page.page.octets.as_slice());
            bodies.push(&page.page.octets);
            new
        });
        Self(found)
    }

    fn without(mut self, known: impl Fn(&Piece<'_>) -> bool) -> Self {
        self.0.retain(|(one, page)| {
            !known(&Piece {
                risk: one.risk(),
                sha256: Sha256::digest(&page.page.octets).to_vec(),
                url: &page.page.url,
                kinds: page.look.signals.iter().map(|s| s.kind.as_str()).collect(),
            })
        });
        self
    }

    /// The evidence, in the order in which a person should read it.
    fn pieces(
        &self,
        case: &AbuseCase,
        seen: &[Seen],
        reported: Option<CaseEvidence>,
        at: Timestamp,
        hold: bool,
    ) -> Vec<CaseEvidence> {
        let mut pieces: Vec<CaseEvidence> = self
            .0
            .iter()
            .take(PIECES_MAX)
            .map(|(one, page)| {
                let what = format!("{}, seen as {}", one.verdict().as_str(), one.vantage);
                CaseEvidence {
                    risk: Some(one.risk()),
                    signals: signals(&page.look.signals),
                    page: Some(snapshot(page)),
                    ..evidence(case, EvidenceKind::Look, what, at)
                }
            })
            .collect();
        pieces.extend(difference(case, seen, at));
        pieces.extend(reported);
        if hold {
            let all = seen.iter().filter(|one| one.page.is_ok()).count();
            let scams = seen.iter().filter(|one| one.verdict() == LookOutcome::Scam);
            let what = format!(
                "the platform withholds the site's numbers: a scam from {} of {all} vantages",
                scams.count()
            );
            pieces.push(evidence(case, EvidenceKind::Held, what, at));
        }
        pieces
    }
}

fn is_as(known: &CaseEvidence, piece: &Piece<'_>) -> bool {
    let Some(page) = known
        .page
        .as_ref()
        .filter(|_| known.kind == EvidenceKind::Look)
    else {
        return false;
    };
    let same_kinds = || {
        known.signals.len() == piece.kinds.len().min(SIGNALS_MAX)
            && known
                .signals
                .iter()
                .all(|signal| piece.kinds.contains(&signal.kind.as_str()))
    };
    page.sha256 == piece.sha256 || same_address(&page.url, piece.url) && same_kinds()
}

/// Operators saw this, or no less than this, and called it a false alarm.
fn excuses(released: &CaseEvidence, piece: &Piece<'_>) -> bool {
    let Some(page) = &released.page else {
        return false;
    };
    let no_more = || {
        piece.risk <= released.risk.unwrap_or(0).saturating_add(MORE)
            && piece
                .kinds
                .iter()
                .all(|kind| released.signals.iter().any(|signal| signal.kind == *kind))
    };
    // The same octets at another address, or with other scripts, may score higher.
    piece.risk <= released.risk.unwrap_or(0).saturating_add(MORE) && page.sha256 == piece.sha256
        || same_address(&page.url, piece.url) && no_more()
}

fn same_address(known: &str, url: &url::Url) -> bool {
    url::Url::parse(known).is_ok_and(|known| bare(&known) == bare(url))
}

/// Some vantages were shown a clean page, others were not: that is hidden from somebody.
fn difference(case: &AbuseCase, seen: &[Seen], at: Timestamp) -> Option<CaseEvidence> {
    let clean: Vec<&Seen> = seen
        .iter()
        .filter(|one| one.verdict() == LookOutcome::Clean)
        .collect();
    let cleanest = clean.iter().min_by_key(|one| one.risk())?;
    let worst = seen.iter().max_by_key(|one| one.risk())?;
    let apart = worst.risk().saturating_sub(cleanest.risk());
    if apart < APART {
        return None;
    }
    let not: Vec<&str> = seen
        .iter()
        .filter(|one| matches!(one.verdict(), LookOutcome::Suspicious | LookOutcome::Scam))
        .map(|one| one.vantage)
        .collect();
    let to: Vec<&str> = clean.iter().map(|one| one.vantage).collect();
    let what = format!(
        "not the same page for everybody: {} to {}; clean to {}",
        worst.verdict().as_str(),
        not.join("; to "),
        to.join("; to ")
    );
    let cloaking = CaseSignal {
        kind: "cloaking".into(),
        strength: f64::from(apart) / 1000.0,
        count: u32::try_from(clean.len()).unwrap_or(u32::MAX),
        weight: 0.0,
        part: "what the server sends".into(),
        line: None,
        excerpt: String::new(),
        why: "The server sends a harmless page to some browsers, languages or visits and another one to others, which \
              is how scams hide from those who look."
            .into(),
    };
    Some(CaseEvidence {
        signals: vec![cloaking],
        page: cleanest.page.as_ref().ok().map(snapshot),
        ..evidence(case, EvidenceKind::Difference, what, at)
    })
}

fn signals(found: &[Signal]) -> Vec<CaseSignal> {
    found
        .iter()
        .take(SIGNALS_MAX)
        .map(|signal| CaseSignal {
            kind: signal.kind.as_str().into(),
            strength: signal.strength,
            count: signal.count,
            weight: signal.weight,
            part: signal.found.source.to_string(),
            line: signal.found.line,
            excerpt: signal.found.excerpt.clone(),
            why: signal.why.clone(),
        })
        .collect()
}

fn snapshot(seen: &SeenPage) -> EvidencePage {
    let octets = &seen.page.octets;
    EvidencePage {
        url: seen.page.url.to_string(),
        octets: octets[..octets.len().min(SNAPSHOT_MAX)].to_vec(),
        length: octets.len() as u64,
        sha256: Sha256::digest(octets).to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fence::looking::thousandths;

    #[test]
    fn scores_are_kept_in_thousandths() {
        assert_eq!((thousandths(0.0), thousandths(0.7004)), (0, 700));
        assert_eq!((thousandths(1.5), thousandths(f64::NAN)), (1000, 0));
    }

    #[test]
    fn octets_are_written_as_two_digits_each() {
        assert_eq!(hexadecimal(&[0, 10, 255]), "000aff");
    }
}
