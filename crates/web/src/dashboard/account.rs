//! The account itself: what is it called, when do its days begin, and in which money is a call worth something?

use std::sync::LazyLock;

use askama::Template;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use ringfence_model::{Account, Money};
use ringfence_platform::account_edit::AccountWish;
use ringfence_platform::arrangement::{FieldProblem, PartError};
use ringfence_platform::now;
use serde::Deserialize;

use super::App;
use super::field::Wrong;
use super::page::{Problem, Shell, render, unprocessable, zone};
use super::session::{Posted, Reader};
use super::words::{count, counted};

/// Zones that a browser offers, as the platform knows them.
static ZONES: LazyLock<Vec<String>> = LazyLock::new(|| {
    let names = jiff::tz::db().available().map(|name| name.to_string());
    names.filter(|name| name.contains('/')).collect()
});

/// The account, as it is or as the form was sent.
#[derive(Deserialize)]
pub(super) struct Sent {
    name: String,
    time_zone: String,
    currency: String,
}

impl Sent {
    fn of(account: &Account) -> Self {
        Self {
            name: account.name.clone(),
            time_zone: account.time_zone.clone(),
            currency: Money::of(account).code().to_owned(),
        }
    }
}

#[derive(Template)]
#[template(path = "account.html")]
struct AccountPage {
    shell: Shell,
    lead: String,
    notice: Option<&'static str>,
    country: String,
    dialled: String,
    sent: Sent,
    wrong: Wrong,
    zones: &'static [String],
}

#[derive(Default, Deserialize)]
pub(super) struct Asked {
    done: Option<String>,
}

pub(super) async fn show(
    State(app): State<App>,
    Query(asked): Query<Asked>,
    reader: Reader,
) -> Result<Response, Problem> {
    let notice = asked.done.as_deref().filter(|done| *done == "saved");
    let notice = notice.map(|_| "The account was changed.");
    let sent = Sent::of(&reader.viewer.account);
    page(&app, &reader, notice, sent, Vec::new()).await
}

pub(super) async fn save(
    State(app): State<App>,
    posted: Posted<Sent>,
) -> Result<Response, Problem> {
    let Posted { reader, form } = posted;
    let wish = AccountWish {
        name: Some(form.name.clone()),
        country: None,
        time_zone: Some(form.time_zone.clone()),
        currency: Some(form.currency.clone()),
    };
    let account = &reader.viewer.account;
    match app.platform.change_account(account, wish).await {
        Ok(_) => Ok(Redirect::to("/account?done=saved").into_response()),
        Err(PartError::Problems(wrong)) => {
            Ok(unprocessable(page(&app, &reader, None, form, wrong).await?))
        }
        Err(error) => Err(error.into()),
    }
}

async fn page(
    app: &App,
    reader: &Reader,
    notice: Option<&'static str>,
    sent: Sent,
    wrong: Vec<FieldProblem>,
) -> Result<Response, Problem> {
    let account = &reader.viewer.account;
    let standing = app.platform.dialling_standing(account.id, now()).await?;
    let local = now().to_jiff().to_zoned(zone(reader));
    render(&AccountPage {
        shell: Shell::new(app, reader, "account"),
        lead: format!(
            "{}: it is {} there, and calls are worth {}.",
            account.name,
            local.strftime("%a %-d %b, %H:%M"),
            Money::of(account).code()
        ),
        notice,
        country: account.country.clone(),
        dialled: match standing.limit {
            0 => counted(standing.minutes, "minute", "minutes"),
            limit => format!(
                "{} of {} minutes",
                count(standing.minutes),
                count(limit.into())
            ),
        },
        sent,
        wrong: Wrong(wrong),
        zones: &ZONES,
    })
}
