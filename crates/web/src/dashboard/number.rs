//! One number: which number does what, and its life as a timeline.

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;
use ringfence_model::NumberState;
use ringfence_platform::now;
use ringfence_platform::number_life::{LifeChange, NumberLife};

use super::App;
use super::numbers::state_of;
use super::page::{Problem, Shell, render, zone};
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

#[derive(Template)]
#[template(path = "number.html")]
struct NumberPage {
    shell: Shell,
    title: String,
    state: StateWords,
    until: Option<Moment>,
    facts: Vec<Fact>,
    fixed_for: Vec<(String, String)>,
    calls_href: String,
    steps: Vec<Step>,
}

pub(super) async fn show(
    State(app): State<App>,
    Path(number): Path<String>,
    reader: Reader,
) -> Result<Response, Problem> {
    let number = number.parse().map_err(|_| Problem::NotFound)?;
    let account = &reader.viewer.account;
    let life = app
        .platform
        .number_life(account.id, number, now())
        .await?
        .ok_or(Problem::NotFound)?;
    let zone = zone(&reader);
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
    render(&NumberPage {
        shell: Shell::new(&app, &reader, "numbers"),
        title: phone(&life.row.number.e164, account),
        state: state_of(life.row.number.state),
        until: life.until.map(moment),
        facts: facts(&life),
        fixed_for: life.fixed_for.clone(),
        calls_href: format!("/calls?number={}", life.row.number.id),
        steps,
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
