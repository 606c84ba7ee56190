//! Cases: what is withheld for what was seen, who decides, and how it is undone.
//!
//! A hold stops what a site's numbers do and destroys nothing: while it stands no number is shown, beats are refused and
//! calls hear that the number is out of service. When it ends all of that works again, so one step undoes it.

use futures::future::BoxFuture;
use ringfence_model::{
    AbuseCase, AccountId, CaseEvidence, CaseId, CaseState, Duration, EvidenceId, EvidenceKind,
    Site, SiteId, Timestamp, User, UserId,
};
use ringfence_store::StoreError;

use super::PageLimits;
use crate::{Platform, random};

/// Pieces of evidence that are read of one case.
pub(super) const EVIDENCE_MAX: u32 = 500;

/// How the fence behaves.
#[derive(Debug, Clone)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a switch of its own, as an operator sets it"
)]
pub struct FenceSettings {
    /// Two different operators have to agree to a release.
    pub two_people: bool,
    /// Pages that ask for numbers are looked at.
    pub look_at_pages: bool,
    /// A page whose last look is older is looked at again when it asks for a number.
    pub look_again_after: Duration,
    /// Pages of accounts that are younger are looked at before they are shown their first number.
    pub new_account_for: Duration,
    /// A page that cannot be looked at is shown numbers all the same, once that was tried three times.
    pub show_on_unseen_pages: bool,
    /// A network that asks for numbers which no page then shows is given no more of the site's.
    pub withhold_from_silent_networks: bool,
    /// A visit does without its number when its page locks it in, as the page's tag counts.
    pub withdraw_from_locking_pages: bool,
    /// Minutes of calls to telephone numbers that an account may dial within an hour, where no other limit is set for it;
    /// 0 is without a limit.
    pub dialled_minutes_per_hour: u32,
    /// How much a look from one vantage may take.
    pub limits: PageLimits,
}

impl Default for FenceSettings {
    fn default() -> Self {
        Self {
            two_people: true,
            look_at_pages: true,
            look_again_after: Duration::from_hours(6),
            new_account_for: Duration::from_hours(30 * 24),
            show_on_unseen_pages: true,
            withhold_from_silent_networks: true,
            withdraw_from_locking_pages: true,
            dialled_minutes_per_hour: 6_000,
            limits: PageLimits::SAMPLE,
        }
    }
}

/// Why a case could not be decided.
#[derive(Debug, thiserror::Error)]
pub enum CaseError {
    /// There is none with this identifier.
    #[error("expected the identifier of a case, got {0}; `ringfence case list` shows them")]
    NotFound(CaseId),
    /// The site is in no account of this name.
    #[error("expected a site of the account, got {0}")]
    NoSite(SiteId),
    /// Only operators decide.
    #[error(
        "expected the mail address of an operator, got {0:?}; `ringfence user add --operator` makes one"
    )]
    NotAnOperator(String),
    /// It was decided in the same way before.
    #[error("expected a case that is not {} yet, this one is", .0.as_str())]
    Already(CaseState),
    /// The abuse is not confirmed, or was released.
    #[error("expected a confirmed case; an account is frozen only after its abuse is confirmed")]
    NotConfirmed,
    /// The case has frozen its account before.
    #[error("expected a case that has not frozen its account yet, this one has")]
    Frozen,
    /// The same operator cannot be both of the two who agree.
    #[error(
        "expected another operator than the one who agreed already; a release takes two different people"
    )]
    SamePerson,
    /// The rows could not be read or written.
    #[error(
        "the database did not answer as it should; look at the case again before you repeat this"
    )]
    Store(#[from] StoreError),
}

/// What came of an operator's wish to release a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReleaseAnswer {
    /// It is released: everything that was stopped works again.
    Released,
    /// Another operator has to agree too.
    OneMore,
}

/// A case with what an operator needs to decide it.
#[derive(Debug, Clone)]
pub struct CaseFile {
    /// The case.
    pub case: AbuseCase,
    /// The name of the account.
    pub account: String,
    /// The site.
    pub site: Site,
    /// The site's numbers are withheld now.
    pub held: bool,
    /// The account is frozen now.
    pub frozen: bool,
    /// Its evidence in the order in which it was added, without the pages' octets.
    pub evidence: Vec<CaseEvidence>,
    /// Operators, whose mail addresses stand beside what they did, and the account's people.
    pub people: Vec<User>,
}

impl CaseFile {
    /// Who has agreed to a release since the last decision.
    pub fn agreed(&self) -> impl Iterator<Item = UserId> {
        let last = |piece: &CaseEvidence| {
            matches!(
                piece.kind,
                EvidenceKind::Confirmed | EvidenceKind::AccountFrozen
            )
        };
        let since = self.evidence.iter().rposition(last).map_or(0, |at| at + 1);
        self.evidence[since..]
            .iter()
            .filter(|piece| piece.kind == EvidenceKind::ReleaseAgreed)
            .filter_map(|piece| piece.by)
    }

    /// The mail address of an operator, or of who of the account answered.
    pub fn name_of(&self, user: UserId) -> &str {
        self.people
            .iter()
            .find(|known| known.id == user)
            .map_or("a former operator", |known| known.email.as_str())
    }
}

impl Platform {
    /// Withholds a site's numbers, as an operator wishes: a case is opened, or the open one gets the hold.
    ///
    /// # Errors
    /// [`CaseError::NoSite`], [`CaseError::Store`].
    pub async fn hold_site(
        &self,
        account: AccountId,
        site: SiteId,
        why: &str,
        by: UserId,
        now: Timestamp,
    ) -> Result<CaseId, CaseError> {
        if self.db.site(account, site).await?.is_none() {
            return Err(CaseError::NoSite(site));
        }
        let known = self.db.open_case_of(account, site).await?;
        let case = known
            .clone()
            .unwrap_or_else(|| new_case(account, site, 0, now));
        let held = CaseEvidence {
            by: Some(by),
            ..evidence(&case, EvidenceKind::Held, why.into(), now)
        };
        if known.is_some() {
            self.db
                .add_evidence(account, case.id, &[held], Some(now))
                .await?;
        } else {
            self.db.open_case(&case, &[held], true).await?;
        }
        self.hold_placed(&case);
        Ok(case.id)
    }

    /// An operator agrees to a release. It happens as soon as two different ones have, or at once when the configuration
    /// asks for one only; then everything that was stopped works again.
    ///
    /// # Errors
    /// [`CaseError::SamePerson`] for the second wish of one person, [`CaseError::Already`], [`CaseError::NotFound`],
    /// [`CaseError::Store`].
    pub async fn release_case(
        &self,
        case: CaseId,
        by: &User,
        now: Timestamp,
    ) -> Result<ReleaseAnswer, CaseError> {
        self.check_operator(by).await?;
        let file = self
            .case_file(case)
            .await?
            .ok_or(CaseError::NotFound(case))?;
        if file.case.state == CaseState::Released {
            return Err(CaseError::Already(CaseState::Released));
        }
        let people = if self.settings.fence.two_people { 2 } else { 1 };
        if people > 1 && file.agreed().any(|user| user == by.id) {
            return Err(CaseError::SamePerson);
        }
        let agreed = CaseEvidence {
            by: Some(by.id),
            ..evidence(
                &file.case,
                EvidenceKind::ReleaseAgreed,
                "agrees that this was a false alarm".into(),
                now,
            )
        };
        let released = self.db.agree_to_release(&agreed, people).await?;
        tracing::info!(%case, operator = %by.id, released, "an operator agrees to a release");
        if !released {
            return Ok(ReleaseAnswer::OneMore);
        }
        self.tag_facts.changed();
        self.tag_facts.silences.lock().forgive(file.case.site);
        self.tag_facts.withdrawn.lock().forgive(file.case.site);
        metrics::counter!("ringfence_cases_decided_total", "decision" => "released").increment(1);
        Ok(ReleaseAnswer::Released)
    }

    /// An operator says that it is abuse: numbers stay withheld, or are from now on.
    ///
    /// # Errors
    /// [`CaseError::Already`] when the case is no longer open, [`CaseError::NotFound`], [`CaseError::Store`].
    pub async fn confirm_case(
        &self,
        case: CaseId,
        by: &User,
        now: Timestamp,
    ) -> Result<(), CaseError> {
        self.check_operator(by).await?;
        let found = self.db.case(case).await?.ok_or(CaseError::NotFound(case))?;
        if found.state != CaseState::Open {
            return Err(CaseError::Already(found.state));
        }
        let confirmed = CaseEvidence {
            by: Some(by.id),
            ..evidence(
                &found,
                EvidenceKind::Confirmed,
                "confirms that this is abuse".into(),
                now,
            )
        };
        if !self.db.confirm_case(&confirmed).await? {
            // Somebody else decided between the two.
            return Err(CaseError::Already(CaseState::Confirmed));
        }
        self.hold_placed(&found);
        metrics::counter!("ringfence_cases_decided_total", "decision" => "confirmed").increment(1);
        Ok(())
    }

    /// An operator freezes the account of a confirmed case: its numbers are out of service, whichever sites show them, and
    /// nobody of it changes anything. The release of the case ends it.
    ///
    /// # Errors
    /// [`CaseError::NotConfirmed`], [`CaseError::Frozen`], [`CaseError::NotFound`], [`CaseError::Store`].
    pub async fn freeze_account(
        &self,
        case: CaseId,
        by: &User,
        now: Timestamp,
    ) -> Result<(), CaseError> {
        self.check_operator(by).await?;
        let found = self.db.case(case).await?.ok_or(CaseError::NotFound(case))?;
        if found.state != CaseState::Confirmed {
            return Err(CaseError::NotConfirmed);
        }
        let frozen = CaseEvidence {
            by: Some(by.id),
            ..evidence(
                &found,
                EvidenceKind::AccountFrozen,
                "freezes the account".into(),
                now,
            )
        };
        if !self.db.freeze_account(&frozen).await? {
            return Err(CaseError::Frozen);
        }
        self.tag_facts.changed();
        metrics::counter!("ringfence_accounts_frozen_total").increment(1);
        tracing::warn!(%case, account = %found.account, operator = %by.id, "an account is frozen");
        Ok(())
    }

    /// A case with its evidence, for operators; `None` when there is none.
    ///
    /// # Errors
    /// When the rows cannot be read.
    pub fn case_file(&self, case: CaseId) -> BoxFuture<'_, Result<Option<CaseFile>, StoreError>> {
        Box::pin(async move {
            let Some(case) = self.db.case(case).await? else {
                return Ok(None);
            };
            let account = self.db.account(case.account).await?;
            let Some(site) = self.db.site(case.account, case.site).await? else {
                return Ok(None);
            };
            let holds = self.db.live_holds(case.account).await?;
            let mut people = self.db.operators().await?;
            people.extend(self.db.users(case.account).await?);
            Ok(Some(CaseFile {
                account: account.map(|account| account.name).unwrap_or_default(),
                held: holds.iter().any(|hold| hold.site == site.id),
                frozen: self.db.is_frozen(case.account).await?,
                evidence: self
                    .db
                    .evidence(case.account, case.id, EVIDENCE_MAX)
                    .await?,
                people,
                site,
                case,
            }))
        })
    }

    /// The operator with this mail address.
    ///
    /// # Errors
    /// [`CaseError::NotAnOperator`], [`CaseError::Store`].
    pub async fn operator(&self, email: &str) -> Result<User, CaseError> {
        let not_one = || CaseError::NotAnOperator(email.chars().take(64).collect());
        let user = self.db.user_by_email(email).await?.ok_or_else(not_one)?;
        self.check_operator(&user).await?;
        Ok(user)
    }

    async fn check_operator(&self, user: &User) -> Result<(), CaseError> {
        if self.db.is_operator(user.account, user.id).await? {
            Ok(())
        } else {
            Err(CaseError::NotAnOperator(user.email.clone()))
        }
    }

    /// From the next request on no number of the site is shown by this process; by others within seconds.
    pub(super) fn hold_placed(&self, case: &AbuseCase) {
        self.tag_facts.changed();
        metrics::counter!("ringfence_holds_total").increment(1);
        tracing::warn!(case = %case.id, account = %case.account, site = %case.site, "a site's numbers are withheld");
    }
}

pub(crate) fn new_case(account: AccountId, site: SiteId, risk: u16, now: Timestamp) -> AbuseCase {
    AbuseCase {
        id: CaseId::new(now, random()),
        account,
        site,
        state: CaseState::Open,
        risk,
        opened_at: now,
        decided_at: None,
    }
}

pub(crate) fn evidence(
    case: &AbuseCase,
    kind: EvidenceKind,
    what: String,
    now: Timestamp,
) -> CaseEvidence {
    CaseEvidence {
        id: EvidenceId::new(now, random()),
        case: case.id,
        account: case.account,
        kind,
        what,
        risk: None,
        signals: Vec::new(),
        page: None,
        at: now,
        by: None,
    }
}
