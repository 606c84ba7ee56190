//! The part of a saved report's page about mail: when and to whom it is sent, one to oneself at once, and what was sent.

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use ringfence_model::{
    DeliveryState, MailRhythm, MailTimes, OutgoingMail, SavedReport, SavedReportId,
};
use ringfence_platform::now;
use ringfence_platform::report_mails::{MailWish, ReportMailError};
use serde::Deserialize;

use super::App;
use super::page::{Problem, unprocessable, zone};
use super::saved_report::{Nothing, known, page_with};
use super::session::{Posted, Reader};
use super::split_words::WEEKDAYS;
use super::words::{Moment, Show, capital};

/// The hour that the form begins with.
const USUAL_HOUR: u8 = 8;

/// A line of the log.
pub(super) struct Logged {
    pub(super) to: String,
    pub(super) due: Moment,
    pub(super) state: &'static str,
    /// What the mail server said, or why nothing was sent.
    pub(super) said: String,
    pub(super) next: Option<Moment>,
}

impl Logged {
    fn of(mail: OutgoingMail, to: String, reader: &Reader) -> Self {
        let moment = |at| Moment::new(at, &zone(reader), Show::Moment);
        Self {
            to: if to.is_empty() {
                "a user who is none any more".into()
            } else {
                to
            },
            due: moment(mail.due_at),
            state: mail.state.as_str(),
            next: (mail.state == DeliveryState::Pending).then(|| moment(mail.next_at)),
            said: mail.said.unwrap_or_default(),
        }
    }

    pub(super) fn is(&self, state: &str) -> bool {
        self.state == state
    }
}

/// A value of a menu, what people call it, and whether it is chosen.
pub(super) type MenuItem = (String, String, bool);

/// What the page says of mail.
pub(super) struct Mailing {
    /// There is a mail server.
    pub(super) possible: bool,
    /// From whom mails are.
    pub(super) from: String,
    pub(super) every: Vec<MenuItem>,
    pub(super) weekdays: Vec<MenuItem>,
    pub(super) hours: Vec<MenuItem>,
    /// Addresses, one a line.
    pub(super) to: String,
    pub(super) wrong: Option<String>,
    /// When it is sent next.
    pub(super) next: Option<Moment>,
    pub(super) log: Vec<Logged>,
}

impl Mailing {
    /// As it stands, or as it was sent when it failed.
    pub(super) async fn of(
        app: &App,
        reader: &Reader,
        report: &SavedReport,
        failed: Option<(SentMail, String)>,
    ) -> Result<Self, Problem> {
        let (platform, account) = (&app.platform, report.account);
        let known = platform.report_mail(account, report.id).await?;
        let mails = platform.mails_of_report(account, report.id).await?;
        let mut sent = SentMail {
            to: reader.viewer.user.email.clone(),
            ..SentMail::default()
        };
        if let Some(mail) = &known {
            let emails = platform.emails(account, &mail.to).await?;
            let emails: Vec<String> = emails.into_iter().filter(|to| !to.is_empty()).collect();
            sent = SentMail {
                every: mail.times.rhythm.as_str().to_owned(),
                weekday: mail.times.weekday,
                hour: mail.times.hour,
                to: emails.join("\n"),
            };
        }
        let (sent, wrong) = match failed {
            Some((sent, wrong)) => (sent, Some(wrong)),
            None => (sent, None),
        };
        let rhythm =
            |word: &str, name: &str| (word.to_owned(), name.to_owned(), word == sent.every);
        Ok(Self {
            possible: platform.settings.mail.is_some(),
            from: platform
                .settings
                .mail
                .as_ref()
                .map(ringfence_platform::Mailer::sender)
                .unwrap_or_default(),
            every: vec![
                rhythm("", "Not sent"),
                rhythm(MailRhythm::Daily.as_str(), "Each day"),
                rhythm(MailRhythm::Weekly.as_str(), "Each week"),
                rhythm(MailRhythm::Monthly.as_str(), "On the first of each month"),
            ],
            weekdays: (0..7_u8)
                .zip(WEEKDAYS)
                .map(|(day, name)| (day.to_string(), name.to_owned(), day == sent.weekday))
                .collect(),
            hours: (0..24_u8)
                .map(|hour| (hour.to_string(), format!("{hour:02}:00"), hour == sent.hour))
                .collect(),
            to: sent.to,
            wrong,
            next: known.map(|mail| Moment::new(mail.next_at, &zone(reader), Show::Moment)),
            log: mails
                .into_iter()
                .map(|(mail, to)| Logged::of(mail, to, reader))
                .collect(),
        })
    }
}

/// The form, as it was sent.
#[derive(Deserialize)]
#[serde(default)]
pub(super) struct SentMail {
    every: String,
    #[serde(deserialize_with = "small")]
    weekday: u8,
    #[serde(deserialize_with = "small")]
    hour: u8,
    to: String,
}

impl Default for SentMail {
    fn default() -> Self {
        Self {
            every: String::new(),
            weekday: 0,
            hour: USUAL_HOUR,
            to: String::new(),
        }
    }
}

/// A number as forms send it, which a flattened form reads as text; what is none is out of every range.
fn small<'de, D: serde::Deserializer<'de>>(form: D) -> Result<u8, D::Error> {
    let text = String::deserialize(form)?;
    Ok(text.parse().unwrap_or(u8::MAX))
}

pub(super) async fn save(
    State(app): State<App>,
    Path(report): Path<String>,
    posted: Posted<SentMail>,
) -> Result<Response, Problem> {
    let Posted { reader, form } = posted;
    let report = known(&app, &reader, &report).await?;
    let (platform, account) = (&app.platform, report.account);
    let done = match MailRhythm::from_word(&form.every) {
        None => platform
            .stop_sending_report(account, report.id)
            .await
            .map(|()| "unsent"),
        Some(rhythm) => {
            let wish = MailWish {
                times: MailTimes {
                    rhythm,
                    weekday: form.weekday,
                    hour: form.hour,
                },
                to: form
                    .to
                    .split([',', ';', '\n', ' '])
                    .map(str::to_owned)
                    .collect(),
            };
            platform
                .send_report(account, report.id, &wish, now())
                .await
                .map(|_| "mailed")
        }
    };
    answer(&app, &reader, &report, done, Some(form)).await
}

/// Sends it to whoever asks, at once.
pub(super) async fn send_now(
    State(app): State<App>,
    Path(report): Path<String>,
    posted: Posted<Nothing>,
) -> Result<Response, Problem> {
    let Posted { reader, .. } = posted;
    let id: SavedReportId = report.parse().map_err(|_| Problem::NotFound)?;
    let user = &reader.viewer.user;
    let sent = app.platform.send_report_now(id, user, now()).await;
    let report = known(&app, &reader, &report).await?;
    answer(&app, &reader, &report, sent.map(|()| "sent"), None).await
}

async fn answer(
    app: &App,
    reader: &Reader,
    report: &SavedReport,
    done: Result<&'static str, ReportMailError>,
    form: Option<SentMail>,
) -> Result<Response, Problem> {
    let error = match done {
        Ok(done) => {
            let place = format!("/reports/saved/{}?done={done}#mail", report.id);
            return Ok(Redirect::to(&place).into_response());
        }
        Err(ReportMailError::NotFound) => return Err(Problem::NotFound),
        Err(ReportMailError::Store(error)) => return Err(error.into()),
        Err(error) => error.to_string(),
    };
    let text = error.strip_prefix("to: ").unwrap_or(&error);
    let wrong = format!("{}.", capital(text));
    let form = form.unwrap_or_else(|| SentMail {
        to: reader.viewer.user.email.clone(),
        ..SentMail::default()
    });
    let mailing = Mailing::of(app, reader, report, Some((form, wrong))).await?;
    let sent = (report.name.clone(), None);
    Ok(unprocessable(page_with(
        app, reader, report, None, sent, mailing,
    )?))
}
