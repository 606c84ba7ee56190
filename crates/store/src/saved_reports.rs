//! Reports that are kept under a name.

use ringfence_model::{AccountId, ReportQuestion, SavedReport, SavedReportId};

use crate::commit::Statement;
use crate::report_mails::{REMOVE_MAILS, STOP};
use crate::row::Reader;
use crate::value::args;
use crate::{Db, StoreError};

macro_rules! columns {
    () => {
        "id, account, name, question, made_by, created_at"
    };
}

const ADD: &str = concat!(
    "INSERT INTO saved_reports (",
    columns!(),
    ") VALUES ($1, $2, $3, $4, $5, $6)"
);
const RENAME: &str = "UPDATE saved_reports SET name = $3 WHERE account = $1 AND id = $2";
const REMOVE: &str = "DELETE FROM saved_reports WHERE account = $1 AND id = $2";
const ALL: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM saved_reports WHERE account = $1 ORDER BY name, id"
);
const ONE: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM saved_reports WHERE account = $1 AND id = $2"
);

impl Db {
    /// Adds a saved report.
    ///
    /// # Errors
    /// [`StoreError::Taken`] when a report of the account has its name, [`StoreError::MissingParent`] without the account.
    pub async fn add_saved_report(&self, report: &SavedReport) -> Result<(), StoreError> {
        let args = args![
            report.id,
            report.account,
            report.name.as_str(),
            report.question.query().as_str(),
            report.made_by.as_str(),
            report.created_at,
        ];
        self.run_one(ADD, args).await.map(drop)
    }

    /// Gives a saved report another name; `false` when the account has no such report.
    ///
    /// # Errors
    /// [`StoreError::Taken`] when another report of the account has the name.
    pub async fn rename_saved_report(
        &self,
        account: AccountId,
        report: SavedReportId,
        name: &str,
    ) -> Result<bool, StoreError> {
        Ok(self.run_one(RENAME, args![account, report, name]).await? > 0)
    }

    /// Takes a saved report away, with when it is sent and its mails; `false` when the account has no such report.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be written.
    pub async fn remove_saved_report(
        &self,
        account: AccountId,
        report: SavedReportId,
    ) -> Result<bool, StoreError> {
        let statements =
            [REMOVE_MAILS, STOP, REMOVE].map(|sql| Statement::new(sql, args![account, report]));
        let changed = self.run(statements.into()).await?;
        Ok(changed.last().is_some_and(|rows| *rows > 0))
    }

    /// An account's saved reports, by name.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn saved_reports(&self, account: AccountId) -> Result<Vec<SavedReport>, StoreError> {
        self.rows(ALL, args![account], read).await
    }

    /// One saved report.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn saved_report(
        &self,
        account: AccountId,
        report: SavedReportId,
    ) -> Result<Option<SavedReport>, StoreError> {
        self.row(ONE, args![account, report], read).await
    }
}

fn read(row: &mut Reader<'_>) -> Result<SavedReport, StoreError> {
    Ok(SavedReport {
        id: SavedReportId(row.uuid()?),
        account: AccountId(row.uuid()?),
        name: row.text()?,
        question: row.parsed("the question of a report", |text| {
            ReportQuestion::parse(text).ok()
        })?,
        made_by: row.text()?,
        created_at: row.time()?,
    })
}
