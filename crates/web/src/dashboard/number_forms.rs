//! What changes numbers: added by their lines, changed one by one or those that are ticked, and removed.

use std::collections::{BTreeSet, HashMap};

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use ringfence_model::{NumberId, PlanId, PoolId};
use ringfence_platform::now;
use ringfence_platform::number_edit::{NewNumbers, NumberError, NumberWish, NumbersChanged, Wish};
use serde::Deserialize;

use super::field::Wrong;
use super::numbers::{Asked, Filled, Ticked};
use super::page::Problem;
use super::session::Posted;
use super::words::capital;
use super::{App, number, numbers};

/// Wrong lines that are told at once.
const MOST_TOLD: usize = 50;

/// What the fields of a choice send for none, and for what stays.
pub(super) const NONE: &str = "none";
pub(super) const KEEP: &str = "";

/// Numbers to add, as a browser sends them.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Added {
    lines: String,
    country: String,
    pool: String,
    plan: String,
}

pub(super) async fn add(
    State(app): State<App>,
    posted: Posted<Added>,
) -> Result<Response, Problem> {
    let Posted { reader, form } = posted;
    let new = NewNumbers {
        pool: wished::<PoolId>(&form.pool)?.or_none(),
        plan: wished::<PlanId>(&form.plan)?.or_none(),
        lines: form.lines.clone(),
        country: form.country.clone(),
    };
    let account = &reader.viewer.account;
    let mut filled = Filled {
        lines: form.lines,
        country: form.country,
        pool: form.pool,
        plan: form.plan,
        ..Filled::default()
    };
    match app.platform.add_numbers(account, &new, now()).await {
        Ok(_) => return Ok(Redirect::to("/numbers?done=added").into_response()),
        Err(NumberError::Lines(bad)) => {
            let more = bad.len().saturating_sub(MOST_TOLD);
            let told = bad.iter().take(MOST_TOLD);
            filled.bad_lines = told.map(|bad| capital(&bad.to_string())).collect();
            if more > 0 {
                filled.bad_lines.push(format!("And {more} more"));
            }
        }
        Err(NumberError::Problems(problems)) => filled.wrong = Wrong(problems),
        Err(error) => return Err(answer(error)),
    }
    let asked = Asked::default();
    numbers::refused(&app, &reader, &asked, filled, Ticked::default()).await
}

/// The fields of the form that changes what is ticked: `tick-ID` for each, `all` for the whole list, and what becomes of
/// them.
type Ticks = HashMap<String, String>;

pub(super) async fn change_ticked(
    State(app): State<App>,
    posted: Posted<Ticks>,
) -> Result<Response, Problem> {
    let Posted { reader, form } = posted;
    let text = |name: &str| form.get(name).cloned().unwrap_or_default();
    let asked = Asked {
        state: form.get("state").cloned(),
        q: form.get("q").cloned(),
        done: None,
    };
    let mut ticked = Ticked {
        pool: text("pool"),
        plan: text("plan"),
        all: form.contains_key("all"),
        ..Ticked::default()
    };
    let ids = form.keys().filter_map(|name| name.strip_prefix("tick-"));
    let ids: Result<BTreeSet<NumberId>, _> = ids.map(str::parse).collect();
    ticked.numbers = ids.map_err(|_| Problem::NotFound)?;
    let ids: Vec<NumberId> = if ticked.all {
        numbers::changeable(&app, &reader, &asked).await?
    } else {
        ticked.numbers.iter().copied().collect()
    };
    let wish = NumberWish {
        label: None,
        pool: wished(&ticked.pool)?,
        plan: wished(&ticked.plan)?,
    };
    ticked.wrong = if ids.is_empty() {
        Some("Nothing was changed: tick the numbers first.".into())
    } else if (wish.pool, wish.plan) == (Wish::Keep, Wish::Keep) {
        Some("Nothing was changed: choose another pool or plan.".into())
    } else {
        let account = reader.viewer.account.id;
        match app
            .platform
            .change_numbers(account, &ids, &wish, now())
            .await
        {
            Ok(changed) => {
                let state = asked.state.as_deref().unwrap_or_default();
                let q = asked.q.as_deref().unwrap_or_default();
                let (state, q) = (super::page::encoded(state), super::page::encoded(q));
                let done = word_of(changed);
                let back = format!("/numbers?state={state}&q={q}&done={done}");
                return Ok(Redirect::to(&back).into_response());
            }
            Err(NumberError::Problems(problems)) => {
                let mut texts = problems.iter().map(|problem| capital(&problem.text));
                let told: Vec<_> = texts.by_ref().take(MOST_TOLD).collect();
                Some(format!("Nothing was changed. {}.", told.join(". ")))
            }
            Err(error) => return Err(answer(error)),
        }
    };
    numbers::refused(&app, &reader, &asked, Filled::default(), ticked).await
}

/// One number, as a browser sends it.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Changed {
    label: String,
    pool: String,
    plan: String,
}

pub(super) async fn change(
    State(app): State<App>,
    Path(id): Path<String>,
    posted: Posted<Changed>,
) -> Result<Response, Problem> {
    let Posted { reader, form } = posted;
    let id: NumberId = id.parse().map_err(|_| Problem::NotFound)?;
    let wish = NumberWish {
        label: Some(form.label.clone()),
        pool: wished(&form.pool)?,
        plan: wished(&form.plan)?,
    };
    let account = reader.viewer.account.id;
    match app
        .platform
        .change_numbers(account, &[id], &wish, now())
        .await
    {
        Ok(changed) => {
            let done = word_of(changed);
            Ok(Redirect::to(&format!("/numbers/{id}?done={done}")).into_response())
        }
        Err(NumberError::Problems(wrong)) => {
            let sent = number::Fields {
                label: form.label,
                pool: form.pool,
                plan: form.plan,
                wrong: Wrong(wrong),
            };
            number::refused(&app, &reader, id, sent).await
        }
        Err(error) => Err(answer(error)),
    }
}

#[derive(Deserialize)]
pub(super) struct Nothing {}

pub(super) async fn remove(
    State(app): State<App>,
    Path(id): Path<String>,
    posted: Posted<Nothing>,
) -> Result<Response, Problem> {
    let id: NumberId = id.parse().map_err(|_| Problem::NotFound)?;
    let account = posted.reader.viewer.account.id;
    let removed = app.platform.remove_number(account, id, now()).await;
    removed.map_err(answer)?;
    Ok(Redirect::to("/numbers?done=removed").into_response())
}

fn word_of(changed: NumbersChanged) -> &'static str {
    match (changed.changed, changed.resting) {
        (0, _) => "same",
        (_, 0) => "changed",
        _ => "rests",
    }
}

/// What stands above a page that a change led to.
pub(super) fn notice_of(done: Option<&str>) -> Option<&'static str> {
    Some(match done? {
        "added" => "The numbers were added. Calls and pages know them within ten seconds.",
        "changed" => "Changed. Calls and pages know it within ten seconds.",
        "rests" => {
            "Changed. A number that left its pool rests first: nobody is shown it, and its calls go by its plan as before."
        }
        "same" => "Nothing is different: it was so before.",
        "removed" => "The number was removed. Its calls stay in the log.",
        _ => return None,
    })
}

pub(super) fn wished<T: std::str::FromStr>(text: &str) -> Result<Wish<T>, Problem> {
    Ok(match text {
        KEEP => Wish::Keep,
        NONE => Wish::Be(None),
        id => Wish::Be(Some(id.parse().map_err(|_| Problem::NotFound)?)),
    })
}

/// Of the form that it is about.
fn answer(error: NumberError) -> Problem {
    match error {
        NumberError::Store(error) => error.into(),
        NumberError::NotFound => Problem::NotFound,
        error => Problem::BadForm(error.to_string()),
    }
}
