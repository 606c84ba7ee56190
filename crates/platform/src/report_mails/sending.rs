//! Mails on their way: made when a report is due, then each sent until it is taken, as the outbox has it.

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use ringfence_model::{
    Account, AccountId, OutgoingMail, ReportMail, ReportQuestion, ReportSpan, Right, SavedReport,
    Timestamp,
};
use ringfence_outbound::{Mail, Mailer};
use ringfence_store::{MailResult, StoreError};
use tokio_util::sync::CancellationToken;

use super::mail_to;
use crate::Platform;
use crate::outbox::{self, BATCH, RETRY_FOR, next_attempt};
use crate::reports::zone_of;
use crate::splits::{Days, SplitReport, filter_of};

/// Nobody else tries a mail for so long once an attempt began: longer than one can take.
const CLAIMED_FOR: Duration = Duration::from_mins(2);
/// How long what is over stays in the log.
const KEEP_FOR: Duration = Duration::from_hours(90 * 24);
/// How often the log is cleared.
const CLEAR_EVERY: Duration = Duration::from_hours(1);

/// A report that a mail is made of.
#[derive(Debug)]
pub struct ReportOfMail<'a> {
    /// Whose it is.
    pub account: &'a Account,
    /// What it is called.
    pub saved: &'a SavedReport,
    /// What it asks, with its days as they were when it was due.
    pub question: ReportQuestion,
    /// Its days.
    pub days: Days,
    /// What it says.
    pub report: SplitReport,
    /// How browsers reach this server.
    pub public_url: &'a str,
}

/// What a mail says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailWords {
    /// What it is about.
    pub subject: String,
    /// As text.
    pub text: String,
    /// As HTML.
    pub html: String,
    /// The report as a file, with its name.
    pub csv: (String, Vec<u8>),
}

/// Makes the words of a mail, or says why it cannot.
pub type Compose = fn(&ReportOfMail<'_>) -> Result<MailWords, String>;

/// What is to be done with a mail.
enum Decided {
    Send(Box<Mail>),
    GiveUp(&'static str),
}

impl Platform {
    /// Makes and sends mails that are due until the server stops; does nothing without a mail server.
    pub fn send_report_mails(self: Arc<Self>, compose: Compose) -> BoxFuture<'static, ()> {
        let Some(mailer) = self.settings.mail.clone() else {
            return Box::pin(std::future::ready(()));
        };
        let stopping = self.stopping.clone();
        let looking = Arc::clone(&self);
        let mut cleared_at = crate::now();
        let due = move || {
            let platform = Arc::clone(&looking);
            let now = crate::now();
            let clear = now.since(cleared_at) >= CLEAR_EVERY;
            if clear {
                cleared_at = now;
            }
            async move {
                if clear && let Err(error) = platform.db.forget_mails(now - KEEP_FOR).await {
                    tracing::warn!("the log of mails was not cleared: {error}");
                }
                let due = async {
                    platform.make_due_mails(now).await?;
                    platform.db.accounts_with_due_mails(now).await
                };
                due.await
                    .inspect_err(|error: &StoreError| {
                        tracing::warn!("mails wait for the database: {error}");
                    })
                    .unwrap_or_default()
            }
            .boxed()
        };
        let stop = stopping.clone();
        let send = move |account: AccountId| {
            let (platform, stop, mailer) = (Arc::clone(&self), stop.clone(), mailer.clone());
            async move {
                let sent = platform.send_mails_of(account, &mailer, compose, crate::now, &stop);
                sent.await;
            }
            .boxed()
        };
        Box::pin(outbox::rounds(
            stopping,
            |account: &AccountId| account.0,
            due,
            send,
        ))
    }

    /// Makes and sends what is due at `now` once, and answers when all of it was tried. For tests, which own the time.
    ///
    /// # Errors
    /// When the rows cannot be read or written.
    pub async fn send_due_mails(&self, compose: Compose, now: Timestamp) -> Result<(), StoreError> {
        self.make_due_mails(now).await?;
        let Some(mailer) = &self.settings.mail else {
            return Ok(());
        };
        let stop = CancellationToken::new();
        for account in self.db.accounts_with_due_mails(now).await? {
            self.send_mails_of(account, mailer, compose, move || now, &stop)
                .await;
        }
        Ok(())
    }

    /// Makes the mails of reports that are due: of times that were missed, those of the last.
    async fn make_due_mails(&self, now: Timestamp) -> Result<(), StoreError> {
        for due in self.db.due_report_mails(now, BATCH).await? {
            let Some(account) = self.db.account(due.account).await? else {
                continue;
            };
            let Some(times) = due.times.due(due.next_at, now, &zone_of(&account)) else {
                continue;
            };
            let mails: Vec<OutgoingMail> = due
                .to
                .iter()
                .map(|user| mail_to(due.account, due.report, *user, times.at, now))
                .collect();
            self.make_mails(&due, times.next, &mails).await?;
        }
        Ok(())
    }

    async fn make_mails(
        &self,
        due: &ReportMail,
        next: Timestamp,
        mails: &[OutgoingMail],
    ) -> Result<(), StoreError> {
        if self.db.make_mails(due, next, mails).await? {
            tracing::info!(report = %due.report, mails = mails.len(), "a report is due by mail");
        }
        Ok(())
    }

    /// One batch of an account's mails.
    async fn send_mails_of(
        &self,
        account: AccountId,
        mailer: &Mailer,
        compose: Compose,
        clock: impl Fn() -> Timestamp + Copy,
        stop: &CancellationToken,
    ) {
        let due = match self.db.due_mails(account, clock(), BATCH).await {
            Ok(due) => due,
            Err(error) => {
                tracing::warn!(%account, "mails wait for the database: {error}");
                return;
            }
        };
        outbox::side_by_side(due, stop, |mail| async move {
            if let Err(error) = self.try_mail(&mail, mailer, compose, clock).await {
                tracing::warn!(mail = %mail.id, "a mail waits for the database: {error}");
            }
        })
        .await;
    }

    async fn try_mail(
        &self,
        mail: &OutgoingMail,
        mailer: &Mailer,
        compose: Compose,
        clock: impl Fn() -> Timestamp,
    ) -> Result<(), StoreError> {
        let began = clock();
        let retry_until = mail.retry_until.unwrap_or(began + RETRY_FOR);
        let claimed = self.db.claim_mail(mail, began + CLAIMED_FOR, retry_until);
        if !claimed.await? {
            return Ok(());
        }
        let message = match self.decide_mail(mail, compose).await? {
            Decided::Send(message) => message,
            Decided::GiveUp(why) => {
                return self.db.note_mail(mail, MailResult::Failed, why).await;
            }
        };
        let (result, said) = match mailer.send(&message).await {
            Ok(said) => (MailResult::Sent(began), said),
            Err(error) => {
                let number = mail.attempts + 1;
                let result = match next_attempt(number, began, retry_until, None, rand::random()) {
                    Some(next) if !error.is_final() => MailResult::Later(next),
                    _ => MailResult::Failed,
                };
                (result, error.to_string().chars().take(500).collect())
            }
        };
        self.db.note_mail(mail, result, &said).await
    }

    /// What is sent, from the rows of this moment: whoever left the account meanwhile gets nothing.
    async fn decide_mail(
        &self,
        mail: &OutgoingMail,
        compose: Compose,
    ) -> Result<Decided, StoreError> {
        let (db, account) = (&self.db, mail.account);
        let saved = db.saved_report(account, mail.report).await?;
        let (Some(saved), Some(account)) = (saved, db.account(account).await?) else {
            return Ok(Decided::GiveUp("the report is not there any more"));
        };
        let mut users = db.users(account.id).await?.into_iter();
        let user = users.find(|user| user.id == mail.user && user.disabled_at.is_none());
        let Some(user) = user else {
            return Ok(Decided::GiveUp("the user may not sign in any more"));
        };
        let Ok(days) = Days::of(saved.question.span, &account, mail.due_at) else {
            return Ok(Decided::GiveUp("no report can be made of its days"));
        };
        let question = ReportQuestion {
            span: ReportSpan::Days {
                first: days.first(),
                last: days.last(),
            },
            ..saved.question.clone()
        };
        let (split, filter) = ((question.by, question.and), filter_of(&question));
        let report = self.split(&account, days, split, &filter).await?;
        let report = ReportOfMail {
            account: &account,
            saved: &saved,
            question,
            days,
            report,
            public_url: &self.settings.public_url,
        };
        let words = match compose(&report) {
            Ok(words) => words,
            Err(error) => {
                tracing::error!(mail = %mail.id, %error, "a mail cannot be made");
                return Ok(Decided::GiveUp(
                    "the mail could not be made; the log says why",
                ));
            }
        };
        Ok(Decided::Send(Box::new(Mail {
            id: mail.id.to_string(),
            to: user.email,
            subject: words.subject,
            text: words.text,
            html: words.html,
            // As on the page: a file for whoever may have files.
            csv: user.role.may(Right::Export).then_some(words.csv),
        })))
    }
}
