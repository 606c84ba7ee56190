//! Reports that an account keeps under names: saved, found, renamed, removed.

use ringfence_model::{
    AccountId, AuditObject, QuestionError, ReportQuestion, SavedReport, SavedReportId, Timestamp,
};
use ringfence_store::StoreError;
use serde_json::{Value, json};

use crate::audit::{self, Change, actor};
use crate::{Platform, random};

/// Saved reports of an account at most.
pub const MOST_SAVED: usize = 100;

/// Characters of a saved report's name at most.
pub const LONGEST_NAME: usize = 100;

/// Why a report was not saved, renamed, removed or found.
#[derive(Debug, thiserror::Error)]
pub enum SavedReportError {
    /// The name is too long, missing, or not of one line.
    #[error("name: expected 1 to {LONGEST_NAME} characters on one line, got {0}")]
    Name(usize),
    /// Another report of the account is called so.
    #[error("name: expected one that no saved report has yet, {0:?} is one; take another")]
    NameTaken(String),
    /// No report is asked for.
    #[error(transparent)]
    Question(#[from] QuestionError),
    /// There are enough.
    #[error("expected at most {MOST_SAVED} saved reports; remove one that is not used any more")]
    TooMany,
    /// The account has no such report.
    #[error("expected a saved report of this account")]
    NotFound,
    /// The rows could not be read or written.
    #[error("the database did not answer as it should; nothing was changed")]
    Store(StoreError),
}

impl From<StoreError> for SavedReportError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl Platform {
    /// An account's saved reports, by name.
    ///
    /// # Errors
    /// When the rows cannot be read.
    pub async fn saved_reports(&self, account: AccountId) -> Result<Vec<SavedReport>, StoreError> {
        self.db.saved_reports(account).await
    }

    /// One saved report.
    ///
    /// # Errors
    /// [`SavedReportError::NotFound`], [`SavedReportError::Store`].
    pub async fn saved_report(
        &self,
        account: AccountId,
        report: SavedReportId,
    ) -> Result<SavedReport, SavedReportError> {
        let found = self.db.saved_report(account, report).await?;
        found.ok_or(SavedReportError::NotFound)
    }

    /// Keeps a question, the query string of the page, under a name.
    ///
    /// # Errors
    /// [`SavedReportError`].
    pub async fn save_report(
        &self,
        account: AccountId,
        name: &str,
        query: &str,
        now: Timestamp,
    ) -> Result<SavedReport, SavedReportError> {
        let name = named(name)?;
        let question = ReportQuestion::parse(query)?;
        if self.db.saved_reports(account).await?.len() >= MOST_SAVED {
            return Err(SavedReportError::TooMany);
        }
        let report = SavedReport {
            id: SavedReportId::new(now, random()),
            account,
            name: name.to_owned(),
            question,
            made_by: actor().name,
            created_at: now,
        };
        let change =
            Change::new(account, "report.save", object_of(&report)).after(said_of(&report));
        let saved = self.recorded(change).add_saved_report(&report).await;
        saved.map_err(|error| taken(error, name))?;
        Ok(report)
    }

    /// Gives a saved report another name.
    ///
    /// # Errors
    /// [`SavedReportError`].
    pub async fn rename_report(
        &self,
        account: AccountId,
        report: SavedReportId,
        name: &str,
    ) -> Result<(), SavedReportError> {
        let name = named(name)?;
        let known = self.saved_report(account, report).await?;
        if known.name == name {
            return Ok(());
        }
        let change = Change::new(account, "report.rename", object_of(&known))
            .before(json!({"name": known.name}))
            .after(json!({"name": name}));
        let renamed = self.recorded(change);
        let renamed = renamed.rename_saved_report(account, report, name).await;
        found(renamed.map_err(|error| taken(error, name))?)
    }

    /// Takes a saved report away.
    ///
    /// # Errors
    /// [`SavedReportError::NotFound`], [`SavedReportError::Store`].
    pub async fn remove_saved_report(
        &self,
        account: AccountId,
        report: SavedReportId,
    ) -> Result<(), SavedReportError> {
        let known = self.saved_report(account, report).await?;
        let change =
            Change::new(account, "report.remove", object_of(&known)).before(said_of(&known));
        let removed = self.recorded(change);
        found(removed.remove_saved_report(account, report).await?)
    }
}

/// A name without the spaces around it.
fn named(name: &str) -> Result<&str, SavedReportError> {
    let name = name.trim();
    let long = name.chars().count();
    if (1..=LONGEST_NAME).contains(&long) && !name.chars().any(char::is_control) {
        Ok(name)
    } else {
        Err(SavedReportError::Name(long))
    }
}

fn taken(error: StoreError, name: &str) -> SavedReportError {
    match error {
        StoreError::Taken(_) => SavedReportError::NameTaken(name.to_owned()),
        error => error.into(),
    }
}

const fn found(found: bool) -> Result<(), SavedReportError> {
    if found {
        Ok(())
    } else {
        Err(SavedReportError::NotFound)
    }
}

fn object_of(report: &SavedReport) -> AuditObject {
    audit::object("saved_report", report.id.0, &report.name)
}

fn said_of(report: &SavedReport) -> Value {
    json!({"name": report.name, "query": report.question.query()})
}
