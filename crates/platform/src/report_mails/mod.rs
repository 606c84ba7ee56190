//! Saved reports by mail: when and to which of the account's own users, one sent at once, and what was sent. Sending is in
//! `sending`; what a mail says is made by who speaks HTML.

mod sending;

use ringfence_model::{
    AccountId, DeliveryState, MailId, MailRhythm, MailTimes, OutgoingMail, ReportMail, SavedReport,
    SavedReportId, Timestamp, User, UserId,
};
use ringfence_store::StoreError;
use serde_json::{Value, json};

use crate::accounts::normal_email;
use crate::audit::{self, Change};
use crate::reports::zone_of;
use crate::saved_reports::SavedReportError;
use crate::{Platform, random};

pub use sending::{Compose, MailWords, ReportOfMail};

/// Users that a report is sent to at most.
pub const MOST_ADDRESSES: usize = 10;

/// Mails of an account within an hour, above which none is sent at once by hand.
const MOST_IN_AN_HOUR: u64 = 60;
const AN_HOUR: std::time::Duration = std::time::Duration::from_hours(1);

/// Mails that the log shows.
const LOGGED: u32 = 50;

/// Why a report is not sent.
#[derive(Debug, thiserror::Error)]
pub enum ReportMailError {
    /// This server has no mail server.
    #[error(
        "expected a mail server, but this server has none: whoever runs it sets `host` and `from` of `[mail]` in its configuration"
    )]
    NoMailServer,
    /// Nobody would get it.
    #[error("to: expected at least one address, got none")]
    Nobody,
    /// Too many would.
    #[error("to: expected at most {MOST_ADDRESSES} addresses, got {0}")]
    TooMany(usize),
    /// Strangers get nothing.
    #[error(
        "to: expected addresses of users of this account who may sign in, {0:?} is none; invite them on the page People first"
    )]
    Stranger(String),
    /// No such day or hour.
    #[error(
        "expected a weekday from 0 (Monday) to 6 and an hour from 0 to 23, got {weekday} and {hour}"
    )]
    Times {
        /// As it came.
        weekday: u8,
        /// As it came.
        hour: u8,
    },
    /// The account made many already.
    #[error(
        "expected at most {MOST_IN_AN_HOUR} mails of an account within an hour; try again later"
    )]
    Enough,
    /// The account has no such report.
    #[error("expected a saved report of this account")]
    NotFound,
    /// The rows could not be read or written.
    #[error("the database did not answer as it should; nothing was changed")]
    Store(#[from] StoreError),
}

impl From<SavedReportError> for ReportMailError {
    fn from(error: SavedReportError) -> Self {
        match error {
            SavedReportError::Store(error) => Self::Store(error),
            _ => Self::NotFound,
        }
    }
}

/// When and to whom a report is to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailWish {
    /// When.
    pub times: MailTimes,
    /// To whom: addresses of users of the account.
    pub to: Vec<String>,
}

impl Platform {
    /// When and to whom a report is sent.
    ///
    /// # Errors
    /// When the rows cannot be read.
    pub async fn report_mail(
        &self,
        account: AccountId,
        report: SavedReportId,
    ) -> Result<Option<ReportMail>, StoreError> {
        self.db.report_mail(account, report).await
    }

    /// Sends a report from now on as wished.
    ///
    /// # Errors
    /// [`ReportMailError`].
    pub async fn send_report(
        &self,
        account: AccountId,
        report: SavedReportId,
        wish: &MailWish,
        now: Timestamp,
    ) -> Result<ReportMail, ReportMailError> {
        self.mailer()?;
        let known = self.saved_report(account, report).await?;
        let MailTimes { weekday, hour, .. } = wish.times;
        if weekday > 6 || hour > 23 {
            return Err(ReportMailError::Times { weekday, hour });
        }
        let users = self.addressed(account, &wish.to).await?;
        let Some(owner) = self.db.account(account).await? else {
            return Err(ReportMailError::NotFound);
        };
        let mail = ReportMail {
            account,
            report,
            times: wish.times,
            to: users.iter().map(|user| user.id).collect(),
            next_at: wish.times.next_after(now, &zone_of(&owner)),
        };
        let mut change = Change::new(account, "report.mail", object_of(&known));
        if let Some(before) = self.db.report_mail(account, report).await? {
            let to = self.emails(account, &before.to).await?;
            change = change.before(said_of(before.times, &to));
        }
        let emails: Vec<&str> = users.iter().map(|user| user.email.as_str()).collect();
        let change = change.after(said_of(wish.times, &emails));
        self.recorded(change).set_report_mail(&mail).await?;
        Ok(mail)
    }

    /// Sends a report no more; what waits is sent.
    ///
    /// # Errors
    /// [`ReportMailError::NotFound`], [`ReportMailError::Store`].
    pub async fn stop_sending_report(
        &self,
        account: AccountId,
        report: SavedReportId,
    ) -> Result<(), ReportMailError> {
        let known = self.saved_report(account, report).await?;
        let Some(before) = self.db.report_mail(account, report).await? else {
            return Ok(());
        };
        let to = self.emails(account, &before.to).await?;
        let change = Change::new(account, "report.mail", object_of(&known))
            .before(said_of(before.times, &to));
        let stopping = self.recorded(change);
        stopping.stop_report_mail(account, report).await?;
        Ok(())
    }

    /// Sends a report to one user at once, as it is now.
    ///
    /// # Errors
    /// [`ReportMailError`].
    pub async fn send_report_now(
        &self,
        report: SavedReportId,
        user: &User,
        now: Timestamp,
    ) -> Result<(), ReportMailError> {
        self.mailer()?;
        let account = user.account;
        let known = self.saved_report(account, report).await?;
        if self.db.mails_since(account, now - AN_HOUR).await? >= MOST_IN_AN_HOUR {
            return Err(ReportMailError::Enough);
        }
        let change =
            Change::new(account, "report.send", object_of(&known)).after(json!({"to": user.email}));
        let mail = mail_to(account, report, user.id, now, now);
        self.recorded(change).add_mail(&mail).await?;
        Ok(())
    }

    /// The newest mails of a report, each with the address of its user.
    ///
    /// # Errors
    /// When the rows cannot be read.
    pub async fn mails_of_report(
        &self,
        account: AccountId,
        report: SavedReportId,
    ) -> Result<Vec<(OutgoingMail, String)>, StoreError> {
        let mails = self.db.mails_of_report(account, report, LOGGED).await?;
        let ids: Vec<UserId> = mails.iter().map(|mail| mail.user).collect();
        let emails = self.emails(account, &ids).await?;
        Ok(mails.into_iter().zip(emails).collect())
    }

    /// The address of each of these users; an empty one of somebody who is none of the account.
    ///
    /// # Errors
    /// When the rows cannot be read.
    pub async fn emails(
        &self,
        account: AccountId,
        ids: &[UserId],
    ) -> Result<Vec<String>, StoreError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let users = self.db.users(account).await?;
        let email = |id: &UserId| users.iter().find(|user| user.id == *id);
        let emails = ids
            .iter()
            .map(|id| email(id).map(|user| user.email.clone()).unwrap_or_default());
        Ok(emails.collect())
    }

    /// What hands mails over.
    fn mailer(&self) -> Result<&ringfence_outbound::Mailer, ReportMailError> {
        let mailer = self.settings.mail.as_ref();
        mailer.ok_or(ReportMailError::NoMailServer)
    }

    /// The users of these addresses, each once.
    async fn addressed(
        &self,
        account: AccountId,
        addresses: &[String],
    ) -> Result<Vec<User>, ReportMailError> {
        let mut wanted: Vec<String> = addresses
            .iter()
            .map(|address| address.trim().to_owned())
            .filter(|address| !address.is_empty())
            .collect();
        if wanted.is_empty() {
            return Err(ReportMailError::Nobody);
        }
        wanted.dedup();
        if wanted.len() > MOST_ADDRESSES {
            return Err(ReportMailError::TooMany(wanted.len()));
        }
        let users = self.db.users(account).await?;
        let mut found: Vec<User> = Vec::new();
        for address in wanted {
            let user = users.iter().find(|user| {
                let same = normal_email(&address).is_ok_and(|address| address == user.email);
                same && user.disabled_at.is_none()
            });
            let Some(user) = user else {
                let address = address.chars().take(100).collect();
                return Err(ReportMailError::Stranger(address));
            };
            if !found.iter().any(|known| known.id == user.id) {
                found.push(user.clone());
            }
        }
        Ok(found)
    }
}

/// A mail that waits for its first attempt.
fn mail_to(
    account: AccountId,
    report: SavedReportId,
    user: UserId,
    due_at: Timestamp,
    now: Timestamp,
) -> OutgoingMail {
    OutgoingMail {
        id: MailId::new(now, random()),
        account,
        report,
        user,
        due_at,
        state: DeliveryState::Pending,
        next_at: now,
        retry_until: None,
        attempts: 0,
        sent_at: None,
        said: None,
    }
}

fn object_of(report: &SavedReport) -> ringfence_model::AuditObject {
    audit::object("saved_report", report.id.0, &report.name)
}

fn said_of(times: MailTimes, to: &[impl AsRef<str>]) -> Value {
    let to: Vec<&str> = to.iter().map(AsRef::as_ref).collect();
    let mut said = json!({"every": times.rhythm.as_str(), "hour": times.hour, "to": to});
    if times.rhythm == MailRhythm::Weekly {
        said["weekday"] = json!(times.weekday);
    }
    said
}
