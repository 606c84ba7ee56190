//! Cases, their evidence, and what withholds numbers.
//!
//! Evidence is only ever added: the tables themselves refuse to change it. Its order is that of its numbers within the
//! case, which are given out under the case's row: times of one moment say nothing of what came first.

use ringfence_model::{
    AbuseCase, AccountId, CaseEvidence, CaseId, CaseState, EvidenceId, EvidenceKind, EvidencePage,
    Hold, SiteId, Timestamp, UserId,
};

use crate::bulk::json;
use crate::commit::Statement;
use crate::row::{Reader, read_count};
use crate::value::args;
use crate::{Db, StoreError};

macro_rules! case_columns {
    () => {
        "id, account, site, state, risk, opened_at, decided_at"
    };
}

/// Without the page's octets, which may be many.
macro_rules! evidence_columns {
    () => {
        "id, case_id, account, kind, what, risk, signals, page_url, page_length, page_sha256, at, by_user"
    };
}

const ADD_CASE: &str = concat!(
    "INSERT INTO cases (",
    case_columns!(),
    ") VALUES ($1, $2, $3, $4, $5, $6, $7)"
);
/// Counts the case's evidence, and holds off others who add to it: a piece's place in the order is its number.
const COUNT_EVIDENCE: &str = "UPDATE cases SET pieces = pieces + 1 WHERE account = $1 AND id = $2";
/// Without a case there is no count, and the foreign key refuses the row.
const ADD_EVIDENCE: &str = concat!(
    "INSERT INTO case_evidence (",
    evidence_columns!(),
    ", page, sequence) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, \
     COALESCE((SELECT pieces FROM cases WHERE account = $3 AND id = $2), 0))"
);
/// Another case may withhold the site's numbers already.
const ADD_HOLD: &str = "INSERT INTO holds (account, case_id, site, placed_at) \
    SELECT account, id, site, $3 FROM cases WHERE account = $1 AND id = $2 ON CONFLICT DO NOTHING";
const RAISE_CASE: &str = "UPDATE cases SET risk = $3 WHERE account = $1 AND id = $2 AND risk < $3";
const CASES: &str = concat!(
    "SELECT ",
    case_columns!(),
    " FROM cases ORDER BY CASE state WHEN 'open' THEN 0 ELSE 1 END, risk DESC, opened_at DESC, id LIMIT $1"
);
const CONFIRMED_PAGES: &str = "SELECT cases.account, cases.site, page_url, MIN(at), MAX(at) FROM cases \
    JOIN case_evidence ON case_evidence.account = cases.account AND case_id = cases.id \
    WHERE state = 'confirmed' AND kind = 'look' AND case_evidence.risk >= $1 AND page_url IS NOT NULL \
    GROUP BY cases.account, cases.site, page_url ORDER BY cases.account, cases.site, page_url";
const CASE: &str = concat!("SELECT ", case_columns!(), " FROM cases WHERE id = $1");
const OPEN_CASE: &str = concat!(
    "SELECT ",
    case_columns!(),
    " FROM cases WHERE account = $1 AND site = $2 AND state = 'open'"
);
const EVIDENCE: &str = concat!(
    "SELECT ",
    evidence_columns!(),
    " FROM case_evidence WHERE account = $1 AND case_id = $2 ORDER BY sequence LIMIT $3"
);
const EVIDENCE_PAGE: &str =
    "SELECT page FROM case_evidence WHERE account = $1 AND case_id = $2 AND id = $3";
const RELEASED_LOOKS: &str = concat!(
    "SELECT ",
    evidence_columns!(),
    " FROM case_evidence WHERE account = $1 AND kind = 'look' AND case_id IN \
     (SELECT id FROM cases WHERE account = $1 AND site = $2 AND state = 'released') \
     ORDER BY at DESC, case_id, sequence DESC LIMIT $3"
);
const RELEASE_CASE: &str = "UPDATE cases SET state = 'released', decided_at = $3 \
    WHERE account = $1 AND id = $2 AND state <> 'released' \
    AND (SELECT COUNT(DISTINCT by_user) FROM case_evidence AS e WHERE e.account = $1 AND e.case_id = $2 \
        AND e.kind = 'release_agreed' AND e.sequence > COALESCE((SELECT MAX(c.sequence) FROM case_evidence AS c \
            WHERE c.account = $1 AND c.case_id = $2 AND c.kind IN ('confirmed', 'account_frozen')), 0)) >= $4";
const END_HOLD: &str = "UPDATE holds SET ended_at = $3 \
    WHERE account = $1 AND case_id = $2 AND ended_at IS NULL \
    AND EXISTS (SELECT 1 FROM cases WHERE account = $1 AND id = $2 AND state = 'released')";
const FREEZE: &str = "INSERT INTO account_freezes (account, case_id, placed_at) \
    SELECT account, id, $3 FROM cases WHERE account = $1 AND id = $2 AND state = 'confirmed' ON CONFLICT DO NOTHING";
const END_FREEZE: &str = "UPDATE account_freezes SET ended_at = $3 \
    WHERE account = $1 AND case_id = $2 AND ended_at IS NULL \
    AND EXISTS (SELECT 1 FROM cases WHERE account = $1 AND id = $2 AND state = 'released')";
const IS_FROZEN: &str =
    "SELECT COUNT(*) FROM account_freezes WHERE account = $1 AND ended_at IS NULL";
/// Counts the evidence of a case that withholds something, unless its site was answered for since `$3`.
const COUNT_APPEAL: &str = "UPDATE cases SET pieces = pieces + 1 \
    WHERE account = $1 AND id = $2 AND state <> 'released' AND NOT EXISTS \
        (SELECT 1 FROM case_evidence AS e JOIN cases AS c ON c.account = e.account AND c.id = e.case_id \
            WHERE e.account = $1 AND c.site = cases.site AND e.kind = 'appeal' AND e.at > $3)";
const LAST_APPEALS: &str = "SELECT c.site, MAX(e.at) FROM case_evidence AS e \
    JOIN cases AS c ON c.account = e.account AND c.id = e.case_id \
    WHERE e.account = $1 AND e.kind = 'appeal' GROUP BY c.site";
const CONFIRM_CASE: &str = "UPDATE cases SET state = 'confirmed', decided_at = $3 \
    WHERE account = $1 AND id = $2 AND state = 'open'";
const LIVE_HOLDS: &str = "SELECT account, case_id, site, placed_at, ended_at FROM holds \
    WHERE account = $1 AND ended_at IS NULL ORDER BY placed_at, case_id";

/// A page of a site on which confirmed cases saw abuse.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfirmedPage {
    /// Whose site it is.
    pub account: AccountId,
    /// The site.
    pub site: SiteId,
    /// The page's address.
    pub url: String,
    /// The first look that found it.
    pub first_seen: Timestamp,
    /// The last look that found it.
    pub last_seen: Timestamp,
}

impl Db {
    /// Opens a case with its first evidence, and withholds the site's numbers when `hold` says so.
    ///
    /// # Errors
    /// [`StoreError::Taken`] when the site has an open case already; [`StoreError::MissingParent`] without the site.
    pub async fn open_case(
        &self,
        case: &AbuseCase,
        evidence: &[CaseEvidence],
        hold: bool,
    ) -> Result<(), StoreError> {
        let add = args![
            case.id,
            case.account,
            case.site,
            case.state.as_str(),
            case.risk,
            case.opened_at,
            case.decided_at,
        ];
        let mut statements = vec![Statement::new(ADD_CASE, add)];
        for piece in evidence {
            statements.extend(adding(piece)?);
        }
        if hold {
            statements.push(holding(case.account, case.id, case.opened_at));
        }
        self.run(statements).await.map(drop)
    }

    /// Adds evidence to a case and raises its risk to that of the highest look; with `hold` the site's numbers are
    /// withheld from then on.
    ///
    /// # Errors
    /// [`StoreError::MissingParent`] when the account has no such case.
    pub async fn add_evidence(
        &self,
        account: AccountId,
        case: CaseId,
        evidence: &[CaseEvidence],
        hold: Option<Timestamp>,
    ) -> Result<(), StoreError> {
        let mut statements = Vec::new();
        for piece in evidence {
            statements.extend(adding(piece)?);
            if let Some(risk) = piece.risk {
                statements.push(Statement::new(RAISE_CASE, args![account, case, risk]));
            }
        }
        if let Some(at) = hold {
            statements.push(holding(account, case, at));
        }
        self.run(statements).await.map(drop)
    }

    /// An operator agrees to a release, as `evidence` says. As soon as `people` different ones have since the last
    /// decision, the case is released, its hold ends and its freeze of the account, in the same commit; whether it is now.
    ///
    /// # Errors
    /// [`StoreError::MissingParent`] when the account has no such case.
    pub async fn agree_to_release(
        &self,
        evidence: &CaseEvidence,
        people: u32,
    ) -> Result<bool, StoreError> {
        let (account, case, at) = (evidence.account, evidence.case, evidence.at);
        let [count, add] = adding(evidence)?;
        let changed = self
            .run(vec![
                count,
                add,
                Statement::new(RELEASE_CASE, args![account, case, at, people]),
                Statement::new(END_HOLD, args![account, case, at]),
                Statement::new(END_FREEZE, args![account, case, at]),
            ])
            .await?;
        Ok(changed.get(2).is_some_and(|cases| *cases > 0))
    }

    /// An operator confirms an open case, as `evidence` says: the site's numbers are withheld, if they were not yet.
    ///
    /// # Errors
    /// [`StoreError::MissingParent`] when the account has no such case.
    pub async fn confirm_case(&self, evidence: &CaseEvidence) -> Result<bool, StoreError> {
        let (account, case, at) = (evidence.account, evidence.case, evidence.at);
        let [count, add] = adding(evidence)?;
        let changed = self
            .run(vec![
                count,
                add,
                Statement::new(CONFIRM_CASE, args![account, case, at]),
                holding(account, case, at),
            ])
            .await?;
        Ok(changed.get(2).is_some_and(|cases| *cases > 0))
    }

    /// An operator freezes the account of a confirmed case, as `evidence` says; `false` when the case is not confirmed, or
    /// froze it before.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be written.
    pub async fn freeze_account(&self, evidence: &CaseEvidence) -> Result<bool, StoreError> {
        let (account, case, at) = (evidence.account, evidence.case, evidence.at);
        let [count, add] = adding(evidence)?;
        let freeze = Statement::new(FREEZE, args![account, case, at]).decides();
        let changed = self.run(vec![freeze, count, add]).await?;
        Ok(changed.first().is_some_and(|freezes| *freezes > 0))
    }

    /// Whether a case has frozen the account.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn is_frozen(&self, account: AccountId) -> Result<bool, StoreError> {
        let found = self.row(IS_FROZEN, args![account], read_count).await?;
        Ok(found.is_some_and(|count| count > 0))
    }

    /// Adds what somebody of the account answers, as `evidence` says; `false` when the case withholds nothing, or its site
    /// was answered for after `since`.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be written.
    pub async fn appeal(
        &self,
        evidence: &CaseEvidence,
        since: Timestamp,
    ) -> Result<bool, StoreError> {
        let (account, case) = (evidence.account, evidence.case);
        let [_, add] = adding(evidence)?;
        let count = Statement::new(COUNT_APPEAL, args![account, case, since]).decides();
        let changed = self.run(vec![count, add]).await?;
        Ok(changed.first().is_some_and(|cases| *cases > 0))
    }

    /// When somebody of the account answered last for each site.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn last_appeals(
        &self,
        account: AccountId,
    ) -> Result<Vec<(SiteId, Timestamp)>, StoreError> {
        self.rows(LAST_APPEALS, args![account], |row| {
            Ok((SiteId(row.uuid()?), row.time()?))
        })
        .await
    }

    /// Cases of every account, open ones first, then by risk: for operators, never for a tenant.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn cases(&self, limit: u32) -> Result<Vec<AbuseCase>, StoreError> {
        self.rows(CASES, args![limit], read_case).await
    }

    /// The pages that looks of confirmed cases found to be of `risk`, in thousandths, or more, of every account: for
    /// operators, never for a tenant.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn confirmed_pages(&self, risk: u16) -> Result<Vec<ConfirmedPage>, StoreError> {
        self.rows(CONFIRMED_PAGES, args![risk], read_confirmed_page)
            .await
    }

    /// One case of whatever account: for operators, never for a tenant.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn case(&self, case: CaseId) -> Result<Option<AbuseCase>, StoreError> {
        self.row(CASE, args![case], read_case).await
    }

    /// The case of a site that nobody has decided yet.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn open_case_of(
        &self,
        account: AccountId,
        site: SiteId,
    ) -> Result<Option<AbuseCase>, StoreError> {
        self.row(OPEN_CASE, args![account, site], read_case).await
    }

    /// A case's evidence in the order in which it was added, at most `limit` pieces, without the pages' octets.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn evidence(
        &self,
        account: AccountId,
        case: CaseId,
        limit: u32,
    ) -> Result<Vec<CaseEvidence>, StoreError> {
        self.rows(EVIDENCE, args![account, case, limit], read_evidence)
            .await
    }

    /// The octets that are kept of the page of a piece of evidence.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn evidence_page(
        &self,
        account: AccountId,
        case: CaseId,
        evidence: EvidenceId,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        let found = self
            .row(EVIDENCE_PAGE, args![account, case, evidence], |row| {
                row.optional_bytes()
            })
            .await?;
        Ok(found.flatten())
    }

    /// Looks at a site's pages that operators saw before they released its cases, newest first, without octets.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn released_looks(
        &self,
        account: AccountId,
        site: SiteId,
        limit: u32,
    ) -> Result<Vec<CaseEvidence>, StoreError> {
        self.rows(RELEASED_LOOKS, args![account, site, limit], read_evidence)
            .await
    }

    /// What withholds numbers of the account now, oldest first.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn live_holds(&self, account: AccountId) -> Result<Vec<Hold>, StoreError> {
        self.rows(LIVE_HOLDS, args![account], read_hold).await
    }
}

/// In this order: the count, then the row that takes it for its number.
fn adding(evidence: &CaseEvidence) -> Result<[Statement; 2], StoreError> {
    let page = evidence.page.as_ref();
    let args = args![
        evidence.id,
        evidence.case,
        evidence.account,
        evidence.kind.as_str(),
        evidence.what.as_str(),
        evidence.risk,
        json(&evidence.signals)?,
        page.map(|page| page.url.as_str()),
        page.map(|page| page.length),
        page.map(|page| page.sha256.as_slice()),
        evidence.at,
        evidence.by,
        page.map(|page| page.octets.as_slice()),
    ];
    Ok([
        Statement::new(COUNT_EVIDENCE, args![evidence.account, evidence.case]),
        Statement::new(ADD_EVIDENCE, args),
    ])
}

fn holding(account: AccountId, case: CaseId, at: Timestamp) -> Statement {
    Statement::new(ADD_HOLD, args![account, case, at])
}

fn read_case(row: &mut Reader<'_>) -> Result<AbuseCase, StoreError> {
    Ok(AbuseCase {
        id: CaseId(row.uuid()?),
        account: AccountId(row.uuid()?),
        site: SiteId(row.uuid()?),
        state: row.word(CaseState::from_word)?,
        risk: row.number()?,
        opened_at: row.time()?,
        decided_at: row.optional_time()?,
    })
}

fn read_confirmed_page(row: &mut Reader<'_>) -> Result<ConfirmedPage, StoreError> {
    Ok(ConfirmedPage {
        account: AccountId(row.uuid()?),
        site: SiteId(row.uuid()?),
        url: row.text()?,
        first_seen: row.time()?,
        last_seen: row.time()?,
    })
}

fn read_evidence(row: &mut Reader<'_>) -> Result<CaseEvidence, StoreError> {
    Ok(CaseEvidence {
        id: EvidenceId(row.uuid()?),
        case: CaseId(row.uuid()?),
        account: AccountId(row.uuid()?),
        kind: row.word(EvidenceKind::from_word)?,
        what: row.text()?,
        risk: row.optional_number()?,
        signals: row.json()?,
        page: read_page(row)?,
        at: row.time()?,
        by: row.optional_uuid()?.map(UserId),
    })
}

fn read_page(row: &mut Reader<'_>) -> Result<Option<EvidencePage>, StoreError> {
    let url = row.optional_text()?;
    let (length, sha256) = (row.optional_number()?, row.optional_bytes()?);
    Ok(url.map(|url| EvidencePage {
        url,
        octets: Vec::new(),
        length: length.unwrap_or_default(),
        sha256: sha256.unwrap_or_default(),
    }))
}

fn read_hold(row: &mut Reader<'_>) -> Result<Hold, StoreError> {
    Ok(Hold {
        account: AccountId(row.uuid()?),
        case: CaseId(row.uuid()?),
        site: SiteId(row.uuid()?),
        placed_at: row.time()?,
        ended_at: row.optional_time()?,
    })
}
