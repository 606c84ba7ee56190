//! Saved reports that are sent by mail, and each mail: outbox and log in one table.

use ringfence_model::{
    AccountId, DeliveryState, MailId, MailRhythm, MailTimes, OutgoingMail, ReportMail,
    SavedReportId, Timestamp, UserId,
};

use crate::bulk::json;
use crate::commit::Statement;
use crate::row::{Reader, read_count};
use crate::value::{Value, args};
use crate::{Db, StoreError};

macro_rules! schedule_columns {
    () => {
        "account, report, rhythm, weekday, hour, users, next_at"
    };
}

macro_rules! mail_columns {
    () => {
        "id, account, report, user_id, due_at, state, next_at, retry_until, attempts, sent_at, said"
    };
}

const SET: &str = concat!(
    "INSERT INTO report_mails (",
    schedule_columns!(),
    ") VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (account, report) DO UPDATE SET \
     rhythm = excluded.rhythm, weekday = excluded.weekday, hour = excluded.hour, users = excluded.users, \
     next_at = excluded.next_at"
);
pub(crate) const STOP: &str = "DELETE FROM report_mails WHERE account = $1 AND report = $2";
pub(crate) const REMOVE_MAILS: &str =
    "DELETE FROM outgoing_mails WHERE account = $1 AND report = $2";
const SCHEDULE: &str = concat!(
    "SELECT ",
    schedule_columns!(),
    " FROM report_mails WHERE account = $1 AND report = $2"
);
/// Those of a frozen account wait.
const DUE_SCHEDULES: &str = concat!(
    "SELECT ",
    schedule_columns!(),
    " FROM report_mails WHERE next_at <= $1 AND NOT EXISTS (SELECT 1 FROM account_freezes \
     WHERE account_freezes.account = report_mails.account AND ended_at IS NULL) \
     ORDER BY next_at, account, report LIMIT $2"
);
/// Only who finds the time as it was read goes on: of several servers one makes the mails.
const ADVANCE: &str = "UPDATE report_mails SET next_at = $4 \
    WHERE account = $1 AND report = $2 AND next_at = $3";
const ADD_MAIL: &str = concat!(
    "INSERT INTO outgoing_mails (",
    mail_columns!(),
    ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) \
     ON CONFLICT (account, report, user_id, due_at) DO NOTHING"
);
const DUE_ACCOUNTS: &str = "SELECT DISTINCT account FROM outgoing_mails WHERE state = 'pending' AND next_at <= $1 \
    AND NOT EXISTS (SELECT 1 FROM account_freezes \
    WHERE account_freezes.account = outgoing_mails.account AND ended_at IS NULL) ORDER BY account";
const DUE: &str = concat!(
    "SELECT ",
    mail_columns!(),
    " FROM outgoing_mails WHERE account = $1 AND state = 'pending' AND next_at <= $2 \
     ORDER BY next_at, id LIMIT $3"
);
const CLAIM: &str = "UPDATE outgoing_mails SET next_at = $4, attempts = attempts + 1, retry_until = $6 \
    WHERE account = $1 AND id = $2 AND state = 'pending' AND next_at = $3 AND attempts = $5";
const SENT: &str = "UPDATE outgoing_mails SET state = 'delivered', sent_at = $3, said = $4 \
    WHERE account = $1 AND id = $2 AND state = 'pending'";
const LATER: &str = "UPDATE outgoing_mails SET next_at = $3, said = $4 \
    WHERE account = $1 AND id = $2 AND state = 'pending'";
const FAILED: &str = "UPDATE outgoing_mails SET state = 'failed', said = $3 \
    WHERE account = $1 AND id = $2 AND state = 'pending'";
const LOG: &str = concat!(
    "SELECT ",
    mail_columns!(),
    " FROM outgoing_mails WHERE account = $1 AND report = $2 ORDER BY due_at DESC, id DESC LIMIT $3"
);
const SINCE: &str = "SELECT COUNT(*) FROM outgoing_mails WHERE account = $1 AND due_at >= $2";
const FORGET: &str = "DELETE FROM outgoing_mails WHERE state <> 'pending' AND due_at < $1";

/// What an attempt to send a mail came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MailResult {
    /// The mail server took it, at this time.
    Sent(Timestamp),
    /// To be tried again then.
    Later(Timestamp),
    /// It is given up.
    Failed,
}

impl Db {
    /// Says when and to whom a report is sent, in place of what was said before.
    ///
    /// # Errors
    /// [`StoreError::MissingParent`] without the report.
    pub async fn set_report_mail(&self, mail: &ReportMail) -> Result<(), StoreError> {
        let args = args![
            mail.account,
            mail.report,
            mail.times.rhythm.as_str(),
            u32::from(mail.times.weekday),
            u32::from(mail.times.hour),
            json(&mail.to)?,
            mail.next_at,
        ];
        self.run_one(SET, args).await.map(drop)
    }

    /// Sends a report no more; `false` when it was not sent. Mails that wait are sent.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be written.
    pub async fn stop_report_mail(
        &self,
        account: AccountId,
        report: SavedReportId,
    ) -> Result<bool, StoreError> {
        Ok(self.run_one(STOP, args![account, report]).await? > 0)
    }

    /// When and to whom a report is sent.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn report_mail(
        &self,
        account: AccountId,
        report: SavedReportId,
    ) -> Result<Option<ReportMail>, StoreError> {
        self.row(SCHEDULE, args![account, report], read_schedule)
            .await
    }

    /// Reports of every account that are due at `now`, the longest due first.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn due_report_mails(
        &self,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<ReportMail>, StoreError> {
        self.rows(DUE_SCHEDULES, args![now, limit], read_schedule)
            .await
    }

    /// Makes the mails of a due report and says when it is due next, all or nothing; `false` when another server did it, or
    /// somebody changed it meanwhile.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be written.
    pub async fn make_mails(
        &self,
        due: &ReportMail,
        next_at: Timestamp,
        mails: &[OutgoingMail],
    ) -> Result<bool, StoreError> {
        let args = args![due.account, due.report, due.next_at, next_at];
        let advance = Statement::new(ADVANCE, args).decides();
        let add = mails
            .iter()
            .map(|mail| Statement::new(ADD_MAIL, values(mail)));
        let changed = self.run(std::iter::once(advance).chain(add).collect());
        Ok(changed.await?.first().is_some_and(|rows| *rows > 0))
    }

    /// Makes one mail; `false` when there is one to that user for that time.
    ///
    /// # Errors
    /// [`StoreError::MissingParent`] without the account.
    pub async fn add_mail(&self, mail: &OutgoingMail) -> Result<bool, StoreError> {
        Ok(self.run_one(ADD_MAIL, values(mail)).await? > 0)
    }

    /// Accounts that have mails to be sent at `now`.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn accounts_with_due_mails(
        &self,
        now: Timestamp,
    ) -> Result<Vec<AccountId>, StoreError> {
        self.rows(DUE_ACCOUNTS, args![now], |row| Ok(AccountId(row.uuid()?)))
            .await
    }

    /// An account's mails that are to be sent at `now`, the longest due first.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn due_mails(
        &self,
        account: AccountId,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<OutgoingMail>, StoreError> {
        self.rows(DUE, args![account, now, limit], read_mail).await
    }

    /// Takes a mail for one attempt: nobody else tries it before `until`. `false` when somebody else has it.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be written.
    pub async fn claim_mail(
        &self,
        mail: &OutgoingMail,
        until: Timestamp,
        retry_until: Timestamp,
    ) -> Result<bool, StoreError> {
        let args = args![
            mail.account,
            mail.id,
            mail.next_at,
            until,
            mail.attempts,
            retry_until,
        ];
        Ok(self.run_one(CLAIM, args).await? > 0)
    }

    /// Writes down what an attempt came to, and what was said.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be written.
    pub async fn note_mail(
        &self,
        mail: &OutgoingMail,
        result: MailResult,
        said: &str,
    ) -> Result<(), StoreError> {
        let (account, id) = (mail.account, mail.id);
        let (sql, args) = match result {
            MailResult::Sent(at) => (SENT, args![account, id, at, said]),
            MailResult::Later(at) => (LATER, args![account, id, at, said]),
            MailResult::Failed => (FAILED, args![account, id, said]),
        };
        self.run_one(sql, args).await.map(drop)
    }

    /// The newest mails of a report.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn mails_of_report(
        &self,
        account: AccountId,
        report: SavedReportId,
        limit: u32,
    ) -> Result<Vec<OutgoingMail>, StoreError> {
        self.rows(LOG, args![account, report, limit], read_mail)
            .await
    }

    /// How many mails an account made that were due at or after `since`.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn mails_since(
        &self,
        account: AccountId,
        since: Timestamp,
    ) -> Result<u64, StoreError> {
        let found = self.row(SINCE, args![account, since], read_count).await?;
        Ok(found.unwrap_or_default())
    }

    /// Forgets, of every account, mails that are over and were due before `before`.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be written.
    pub async fn forget_mails(&self, before: Timestamp) -> Result<u64, StoreError> {
        self.run_one(FORGET, args![before]).await
    }
}

fn values(mail: &OutgoingMail) -> Vec<Value> {
    args![
        mail.id,
        mail.account,
        mail.report,
        mail.user,
        mail.due_at,
        mail.state.as_str(),
        mail.next_at,
        mail.retry_until,
        mail.attempts,
        mail.sent_at,
        mail.said.as_deref(),
    ]
}

fn read_schedule(row: &mut Reader<'_>) -> Result<ReportMail, StoreError> {
    Ok(ReportMail {
        account: AccountId(row.uuid()?),
        report: SavedReportId(row.uuid()?),
        times: MailTimes {
            rhythm: row.word(MailRhythm::from_word)?,
            weekday: row.number()?,
            hour: row.number()?,
        },
        to: row.json()?,
        next_at: row.time()?,
    })
}

fn read_mail(row: &mut Reader<'_>) -> Result<OutgoingMail, StoreError> {
    Ok(OutgoingMail {
        id: MailId(row.uuid()?),
        account: AccountId(row.uuid()?),
        report: SavedReportId(row.uuid()?),
        user: UserId(row.uuid()?),
        due_at: row.time()?,
        state: row.word(DeliveryState::from_word)?,
        next_at: row.time()?,
        retry_until: row.optional_time()?,
        attempts: row.number()?,
        sent_at: row.optional_time()?,
        said: row.optional_text()?,
    })
}
