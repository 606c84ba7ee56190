//! What changes pools: added, changed and removed, with mistakes beside the field.

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use ringfence_model::{Account, Pool, PoolId};
use ringfence_platform::arrangement::{FieldProblem, PoolError, PoolPart, spare_numbers};
use ringfence_platform::now;
use serde::Deserialize;

use super::field::Wrong;
use super::page::Problem;
use super::session::Posted;
use super::words::phone;
use super::{App, pools};

/// What a new pool has, as a document without these keys.
const HOLD_MINUTES: &str = "30";
const QUARANTINE_DAYS: &str = "30";

/// A form as a browser sends it.
#[derive(Debug, Deserialize)]
#[serde(default)]
pub(super) struct Sent {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) hold_minutes: String,
    pub(super) quarantine_days: String,
    /// The number in E.164; empty for none.
    overflow: String,
}

impl Default for Sent {
    fn default() -> Self {
        Self {
            id: String::new(),
            name: String::new(),
            hold_minutes: HOLD_MINUTES.into(),
            quarantine_days: QUARANTINE_DAYS.into(),
            overflow: String::new(),
        }
    }
}

impl Sent {
    /// What is known of a pool.
    pub(super) fn of(pool: &Pool, overflow: Option<&str>) -> Self {
        Self {
            id: pool.id.to_string(),
            name: pool.name.clone(),
            hold_minutes: (pool.hold.as_secs() / 60).to_string(),
            quarantine_days: (pool.quarantine.as_secs() / 86_400).to_string(),
            overflow: overflow.unwrap_or_default().to_owned(),
        }
    }

    /// The part of a document that it stands for, or what is no number.
    fn part(&self) -> Result<PoolPart, Vec<FieldProblem>> {
        let mut wrong = Vec::new();
        let mut number = |field: &str, text: &str| {
            let number = text.trim().parse::<u32>();
            if number.is_err() {
                wrong.push(FieldProblem {
                    field: field.into(),
                    text: format!("expected a whole number, got {text:?}"),
                });
            }
            number.unwrap_or_default()
        };
        let part = PoolPart {
            name: self.name.clone(),
            hold_minutes: number("hold_minutes", &self.hold_minutes),
            quarantine_days: number("quarantine_days", &self.quarantine_days),
            overflow: Some(self.overflow.clone()).filter(|overflow| !overflow.is_empty()),
        };
        if wrong.is_empty() {
            Ok(part)
        } else {
            Err(wrong)
        }
    }
}

/// The form, as it was sent when it failed.
pub(super) struct Fields {
    pub(super) sent: Sent,
    /// Numbers that may be shown when all others are taken: what is sent, what is shown, and whether it is chosen.
    pub(super) spare: Vec<(String, String, bool)>,
    pub(super) wrong: Wrong,
}

impl Fields {
    pub(super) async fn of(
        app: &App,
        account: &Account,
        sent: Sent,
        wrong: Vec<FieldProblem>,
    ) -> Result<Self, Problem> {
        let numbers = app.platform.own_numbers(account.id).await?;
        let spare = spare_numbers(&numbers).map(|number| {
            let e164 = number.e164.as_str();
            let mut shown = phone(&number.e164, account);
            if !number.label.is_empty() && number.label != number.e164.international() {
                shown = format!("{shown}, {}", number.label);
            }
            (e164.to_owned(), shown, e164 == sent.overflow)
        });
        Ok(Self {
            spare: spare.collect(),
            sent,
            wrong: Wrong(wrong),
        })
    }
}

pub(super) async fn save(
    State(app): State<App>,
    posted: Posted<Sent>,
) -> Result<Response, Problem> {
    let Posted { reader, form } = posted;
    let account = &reader.viewer.account;
    let known = match form.id.as_str() {
        "" => None,
        id => Some(id.parse::<PoolId>().map_err(|_| Problem::NotFound)?),
    };
    let wrong = match form.part() {
        Err(wrong) => wrong,
        Ok(part) => match app.platform.save_pool(account, known, &part, now()).await {
            Ok(id) => {
                let back = format!("/pools?done=saved#pool-{id}");
                return Ok(Redirect::to(&back).into_response());
            }
            Err(PoolError::Problems(wrong)) => wrong,
            Err(error) => return Err(answer(error)),
        },
    };
    let fields = Fields::of(&app, account, form, wrong).await?;
    pools::refused(&app, &reader, None, fields).await
}

#[derive(Deserialize)]
pub(super) struct Nothing {}

pub(super) async fn remove(
    State(app): State<App>,
    Path(pool): Path<String>,
    posted: Posted<Nothing>,
) -> Result<Response, Problem> {
    let id: PoolId = pool.parse().map_err(|_| Problem::NotFound)?;
    let account = &posted.reader.viewer.account;
    match app.platform.remove_pool(account.id, id).await {
        Ok(()) => Ok(Redirect::to("/pools?done=removed").into_response()),
        Err(error @ PoolError::InUse(_)) => {
            let wrong = format!("Nothing was removed: {error}.");
            let fields = Fields::of(&app, account, Sent::default(), Vec::new()).await?;
            pools::refused(&app, &posted.reader, Some(wrong), fields).await
        }
        Err(error) => Err(answer(error)),
    }
}

fn answer(error: PoolError) -> Problem {
    match error {
        PoolError::Store(error) => error.into(),
        PoolError::NotFound => Problem::NotFound,
        error => Problem::BadForm(error.to_string()),
    }
}
