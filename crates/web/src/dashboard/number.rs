//! One number: which number does what, and its life as a timeline.

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use ringfence_model::{NumberId, NumberState};
use ringfence_platform::now;
use ringfence_platform::number_life::{LifeChange, NumberLife};
use serde::Deserialize;

use super::App;
use super::field::Wrong;
use super::number_forms::{NONE, notice_of};
use super::numbers::{Choice, choices, pools_and_plans, state_of};
use super::page::{Problem, Shell, render, unprocessable, zone};
use super::session::Reader;
use super::words::{Moment, Show, State as StateWords, counted, phone};

struct Fact {
    name: &'static str,
    value: String,
}

struct Step {
    at: Moment,
    state: StateWords,
    text: String,
    calls: String,
    until: Option<Moment>,
}

/// The form, as it was sent when it failed.
pub(super) struct Fields {
    pub(super) label: String,
    pub(super) pool: String,
    pub(super) plan: String,
    pub(super) wrong: Wrong,
}

struct Form {
    id: String,
    label: String,
    pools: Vec<Choice>,
    plans: Vec<Choice>,
    wrong: Wrong,
    /// What its removal would break.
    lost: Vec<String>,
}

#[derive(Template)]
#[template(path = "number.html")]
struct NumberPage {
    shell: Shell,
    id: String,
    title: String,
    notice: Option<&'static str>,
    state: StateWords,
    until: Option<Moment>,
    facts: Vec<Fact>,
    fixed_for: Vec<(String, String)>,
    calls_href: String,
    steps: Vec<Step>,
    form: Option<Form>,
}

#[derive(Default, Deserialize)]
pub(super) struct Asked {
    done: Option<String>,
}

pub(super) async fn show(
    State(app): State<App>,
    Path(number): Path<String>,
    Query(asked): Query<Asked>,
    reader: Reader,
) -> Result<Response, Problem> {
    let number = number.parse().map_err(|_| Problem::NotFound)?;
    let notice = notice_of(asked.done.as_deref());
    page(&app, &reader, number, notice, None).await
}

/// The page with a form that failed.
pub(super) async fn refused(
    app: &App,
    reader: &Reader,
    number: NumberId,
    sent: Fields,
) -> Result<Response, Problem> {
    Ok(unprocessable(
        page(app, reader, number, None, Some(sent)).await?,
    ))
}

async fn page(
    app: &App,
    reader: &Reader,
    number: NumberId,
    notice: Option<&'static str>,
    sent: Option<Fields>,
) -> Result<Response, Problem> {
    let account = &reader.viewer.account;
    let life = app
        .platform
        .number_life(account.id, number, now())
        .await?
        .ok_or(Problem::NotFound)?;
    let zone = zone(reader);
    let moment = |at| Moment::new(at, &zone, Show::Moment);
    let added = Step {
        at: moment(life.row.number.created_at),
        state: StateWords {
            word: "Added",
            ..state_of(NumberState::Available)
        },
        text: "became one of your numbers".into(),
        calls: String::new(),
        until: None,
    };
    let later = life
        .changes
        .iter()
        .map(|LifeChange { change, calls }| Step {
            at: moment(change.at),
            state: state_of(change.state),
            text: change.why.clone(),
            calls: calls.map_or_else(String::new, |calls| {
                format!("{} while it rested", counted(calls, "call", "calls"))
            }),
            until: change.until.map(moment),
        });
    let steps = std::iter::once(added).chain(later).collect();
    let may_change = reader.viewer.may_change();
    let form = if may_change && life.row.number.state != NumberState::Released {
        Some(form(app, reader, &life, sent).await?)
    } else {
        None
    };
    render(&NumberPage {
        shell: Shell::new(app, reader, "numbers"),
        id: number.to_string(),
        notice,
        form,
        title: phone(&life.row.number.e164, account),
        state: state_of(life.row.number.state),
        until: life.until.map(moment),
        facts: facts(&life),
        fixed_for: life.fixed_for.clone(),
        calls_href: format!("/calls?number={}", life.row.number.id),
        steps,
    })
}

async fn form(
    app: &App,
    reader: &Reader,
    life: &NumberLife,
    sent: Option<Fields>,
) -> Result<Form, Problem> {
    let number = &life.row.number;
    let (pools, plans) = pools_and_plans(app, &reader.viewer.account).await?;
    let or_none = |id: Option<String>| id.unwrap_or_else(|| NONE.to_owned());
    let sent = sent.unwrap_or_else(|| Fields {
        label: number.label.clone(),
        pool: or_none(number.pool.map(|id| id.to_string())),
        plan: or_none(number.plan.map(|id| id.to_string())),
        wrong: Wrong::default(),
    });
    Ok(Form {
        id: number.id.to_string(),
        pools: choices(&pools, None, "None", &sent.pool),
        plans: choices(&plans, None, "None: its calls are refused", &sent.plan),
        label: sent.label,
        wrong: sent.wrong,
        lost: app.platform.lost_with_number(number, now()).await?,
    })
}

fn facts(life: &NumberLife) -> Vec<Fact> {
    let row = &life.row;
    let or = |value: Option<&String>, none: &str| value.map_or_else(|| none.into(), Clone::clone);
    let resting = row.number.state == NumberState::Quarantined;
    let mut facts = vec![Fact {
        name: "International",
        value: row.number.e164.international(),
    }];
    if !row.number.label.is_empty() {
        facts.push(Fact {
            name: "Label",
            value: row.number.label.clone(),
        });
    }
    facts.push(Fact {
        name: if resting {
            "Pool after its rest"
        } else {
            "Pool"
        },
        value: or(row.pool.as_ref(), "none"),
    });
    facts.push(Fact {
        name: "Call plan",
        value: or(row.plan.as_ref(), "none: its calls are refused"),
    });
    facts.push(Fact {
        name: "Calls in 30 days",
        value: format!("{}, {} answered", row.calls, row.answered),
    });
    facts
}
