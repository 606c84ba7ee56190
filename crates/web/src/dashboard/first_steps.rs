//! First steps: what is to be done before the first call is traced to its visit? On the overview until a call came, and on
//! a page of their own.

use std::convert::Infallible;

use askama::Template;
use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use axum::response::{IntoResponse, Redirect, Response};
use ringfence_model::Account;
use ringfence_platform::first_steps::FirstSteps;
use serde::Deserialize;

use super::App;
use super::page::{Problem, Shell, render};
use super::session::{Posted, Reader, choice_of, keep_choice};
use super::words::phone;

/// The cookie that keeps them off the overview, and what it says then.
const COOKIE: &str = "ringfence_first_steps";
const HIDDEN: &str = "hidden";

pub(super) struct Step {
    pub(super) done: bool,
    pub(super) title: &'static str,
    pub(super) how: String,
    pub(super) link: Option<(String, &'static str)>,
}

/// The list, with what is done ticked off.
pub(super) struct Steps {
    pub(super) done: usize,
    pub(super) items: Vec<Step>,
}

/// Somebody wants no first steps on the overview.
pub(super) struct Dismissed(pub(super) bool);

impl<S: Sync> FromRequestParts<S> for Dismissed {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self(choice_of(&parts.headers, COOKIE) == Some(HIDDEN)))
    }
}

#[derive(Template)]
#[template(path = "first_steps.html")]
struct FirstStepsPage {
    shell: Shell,
    lead: &'static str,
    dismissed: bool,
    steps: Steps,
}

pub(super) async fn show(
    State(app): State<App>,
    Dismissed(dismissed): Dismissed,
    reader: Reader,
) -> Result<Response, Problem> {
    let account = &reader.viewer.account;
    let steps = app.platform.first_steps(account).await?;
    render(&FirstStepsPage {
        shell: Shell::new(&app, &reader, "overview"),
        lead: if steps.call {
            "The first call came. What is not ticked off may still be worth a look."
        } else {
            "From nothing to the first call that is traced to its visit."
        },
        dismissed,
        steps: Steps::of(&steps, account),
    })
}

#[derive(Deserialize)]
pub(super) struct Choice {
    #[serde(default)]
    overview: String,
}

/// Keeps them off the overview, or has them there again.
pub(super) async fn choose(State(app): State<App>, posted: Posted<Choice>) -> Response {
    let choice = if posted.form.overview == HIDDEN {
        HIDDEN
    } else {
        "shown"
    };
    let mut response = Redirect::to("/").into_response();
    keep_choice(&mut response, COOKIE, choice, &app.platform.settings);
    response
}

impl Steps {
    pub(super) fn of(steps: &FirstSteps, account: &Account) -> Self {
        let step = |done, title, how: &str, link: Option<(&str, &'static str)>| Step {
            done,
            title,
            how: how.to_owned(),
            link: link.map(|(href, word)| (href.to_owned(), word)),
        };
        let plan = if steps.group {
            (
                "A plan says whom a call rings, and when.",
                ("/plans/new", "Make a plan"),
            )
        } else {
            (
                "A plan rings groups of targets: put yours into a group first.",
                ("/groups#edit", "Add a group"),
            )
        };
        let numbers = match (steps.pool, steps.numbers) {
            (false, _) => (
                "They belong to a pool, from which each visit is lent one: make the pool first.",
                ("/pools#edit", "Add a pool"),
            ),
            (true, false) => (
                "Paste those that your carrier gave you, with their pool and call plan.",
                ("/numbers#add", "Add numbers"),
            ),
            (true, true) => (
                "None of your numbers has both a pool and a call plan yet.",
                ("/numbers", "Give them both"),
            ),
        };
        let change = steps
            .site
            .map(|(site, _)| format!("/sites?edit={site}#add-site"));
        let site = match &change {
            Some(change) => (
                "Your site has no pool yet, so that its pages show no number.",
                (change.as_str(), "Give it a pool"),
            ),
            None => (
                "Its pages will show the numbers of a pool.",
                ("/sites#add-site", "Add a site"),
            ),
        };
        let dial = match &steps.ready_number {
            Some(number) => format!(
                "Open a page that carries the tag, and dial the number that it shows; {} rings too.",
                phone(number, account)
            ),
            None => "Open a page that carries the tag, and dial the number that it shows.".into(),
        };
        let items = vec![
            step(
                steps.trunk,
                "Connect a carrier",
                "A trunk says whose calls are taken.",
                Some(("/trunks#edit", "Add a trunk")),
            ),
            step(
                steps.target,
                "Say where calls may go",
                "A target is a phone, a SIP address, or a number over a trunk.",
                Some(("/targets#edit", "Add a target")),
            ),
            step(steps.plan, "Make a call plan", plan.0, Some(plan.1)),
            step(
                steps.ready_number.is_some(),
                "Add tracking numbers",
                numbers.0,
                Some(numbers.1),
            ),
            step(
                steps.site.is_some_and(|(_, has_pool)| has_pool),
                "Add your site",
                site.0,
                Some(site.1),
            ),
            step(
                steps.host,
                "Prove that its host is yours",
                "No number is shown on a page before.",
                Some(("/sites", "Prove it")),
            ),
            step(
                steps.tag,
                "See the tag at work",
                "Paste the tag into your pages and open one.",
                Some(("/sites", "Copy the tag")),
            ),
            step(
                steps.call,
                "Take the first call",
                &dial,
                Some(("/live", "Watch it live")),
            ),
        ];
        Self {
            done: items.iter().filter(|step| step.done).count(),
            items,
        }
    }
}
