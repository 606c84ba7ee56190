//! One carrier: which numbers does it offer, what was ordered, and is there the same as here?

use std::collections::HashMap;
use std::time::Duration;

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use ringfence_model::{
    Account, Carrier, CarrierId, E164, NumberOrder, NumberOrderKind, NumberOrderState, PlanId,
    PoolId,
};
use ringfence_platform::arrangement::FieldProblem;
use ringfence_platform::carriers::{
    CarrierError, Differences, NewOrders, Offer, OfferKind, Search, keyed,
};
use ringfence_platform::now;
use serde::Deserialize;

use super::App;
use super::carriers::{about, told};
use super::field::Wrong;
use super::number_forms::wished;
use super::numbers::{Choice, choices, pools_and_plans};
use super::page::{Problem, Shell, render, unprocessable, zone};
use super::session::{Posted, Reader};
use super::words::{Moment, Show, counted, phone};

/// How long a page waits for orders that were placed a moment ago; what takes longer goes on without it.
const PATIENCE: Duration = Duration::from_secs(8);

/// What begins the field of a number that is ticked.
const TICK: &str = "number-";

struct OfferView {
    e164: String,
    number: String,
    place: String,
    monthly: String,
    needs: Option<String>,
    ticked: bool,
}

struct OrderView {
    number: String,
    wanted: &'static str,
    placed: Moment,
    state: NumberOrderState,
    said: Option<String>,
    next: Option<Moment>,
}

impl OrderView {
    fn is(&self, word: &str) -> bool {
        self.state.as_str() == word
    }
}

struct OwnView {
    e164: String,
    number: String,
}

struct DifferenceView {
    only_there: Vec<OwnView>,
    only_here: Vec<OwnView>,
    other_trunk: Vec<OwnView>,
    lead: String,
}

/// The search, as it was asked.
#[derive(Default, Clone, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    done: Option<String>,
    country: Option<String>,
    kind: String,
    digits: String,
}

#[derive(Template)]
#[template(path = "carrier.html")]
struct CarrierPage {
    shell: Shell,
    id: String,
    name: String,
    about: String,
    notice: Option<&'static str>,
    wrong: Option<String>,
    bad: Wrong,
    country: String,
    kinds: Vec<Choice>,
    digits: String,
    offers: Option<Vec<OfferView>>,
    pools: Vec<Choice>,
    plans: Vec<Choice>,
    orders: Vec<OrderView>,
    ordered: Vec<OwnView>,
    differences: Option<DifferenceView>,
}

/// What a page has to tell besides the carrier itself.
#[derive(Default)]
struct Told {
    notice: Option<&'static str>,
    wrong: Option<String>,
    bad: Wrong,
    asked: Asked,
    offers: Option<Vec<Offer>>,
    ticked: Vec<String>,
    pool: String,
    plan: String,
    differences: Option<Differences>,
}

pub(super) async fn show(
    State(app): State<App>,
    Path(id): Path<String>,
    Query(asked): Query<Asked>,
    reader: Reader,
) -> Result<Response, Problem> {
    let carrier = own(&app, &reader, &id).await?;
    let mut told = Told {
        notice: match asked.done.as_deref() {
            Some("added") => Some("The carrier knows us. Its numbers can be ordered now."),
            Some("ordered") => Some("It is being carried out: see the orders below."),
            _ => None,
        },
        asked,
        ..Told::default()
    };
    if told.asked.country.is_some() {
        search(&app, &reader, &carrier, &mut told).await?;
    }
    let failed = told.wrong.is_some() || !told.bad.0.is_empty();
    let page = page(&app, &reader, &carrier, told).await?;
    Ok(if failed { unprocessable(page) } else { page })
}

/// Asks the carrier for what is wanted; what is wrong with that is told beside it.
async fn search(
    app: &App,
    reader: &Reader,
    carrier: &Carrier,
    into: &mut Told,
) -> Result<(), Problem> {
    let digits = match keyed(&into.asked.digits) {
        Ok(digits) => digits,
        Err(text) => {
            into.bad.0.push(FieldProblem {
                field: "digits".into(),
                text,
            });
            return Ok(());
        }
    };
    let wanted = Search {
        country: into
            .asked
            .country
            .as_deref()
            .unwrap_or_default()
            .trim()
            .to_uppercase(),
        kind: OfferKind::from_word(&into.asked.kind).unwrap_or_default(),
        digits,
    };
    let account = reader.viewer.account.id;
    match app
        .platform
        .search_numbers(account, carrier.id, &wanted)
        .await
    {
        Ok(offers) => into.offers = Some(offers),
        Err(CarrierError::Problems(problems)) => into.bad.0.extend(problems),
        Err(error) => into.wrong = Some(told(error)?),
    }
    Ok(())
}

/// What is ticked, where it goes, and the search that it was found by.
type Ticks = HashMap<String, String>;

pub(super) async fn order(
    State(app): State<App>,
    Path(id): Path<String>,
    posted: Posted<Ticks>,
) -> Result<Response, Problem> {
    let Posted { reader, form } = posted;
    let carrier = own(&app, &reader, &id).await?;
    let text = |name: &str| form.get(name).cloned().unwrap_or_default();
    let mut ticked: Vec<String> = form
        .keys()
        .filter_map(|name| name.strip_prefix(TICK).map(str::to_owned))
        .collect();
    ticked.sort();
    let numbers: Result<Vec<E164>, _> = ticked.iter().map(|number| number.parse()).collect();
    let new = NewOrders {
        numbers: numbers.map_err(|_| Problem::NotFound)?,
        pool: wished::<PoolId>(&text("pool"))?.or_none(),
        plan: wished::<PlanId>(&text("plan"))?.or_none(),
    };
    let placed = if form.contains_key("sure") {
        let account = &reader.viewer.account;
        app.platform
            .order_numbers(account, carrier.id, &new, now())
            .await
    } else {
        Err(CarrierError::Problems(vec![FieldProblem {
            field: "sure".into(),
            text: "expected a tick: the carrier charges for what is ordered".into(),
        }]))
    };
    let (wrong, problems) = match placed {
        Ok(()) => return Ok(carried_out(&app, &carrier).await),
        Err(CarrierError::Problems(problems)) => (None, problems),
        Err(error) => (Some(told(error)?), Vec::new()),
    };
    let mut told = Told {
        wrong,
        bad: Wrong(problems),
        asked: Asked {
            done: None,
            country: form.get("country").cloned(),
            kind: text("kind"),
            digits: text("digits"),
        },
        ticked,
        pool: text("pool"),
        plan: text("plan"),
        ..Told::default()
    };
    if told.asked.country.is_some() {
        search(&app, &reader, &carrier, &mut told).await?;
    }
    Ok(unprocessable(page(&app, &reader, &carrier, told).await?))
}

/// Number that goes back.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Parting {
    e164: String,
}

pub(super) async fn give_back(
    State(app): State<App>,
    Path(id): Path<String>,
    posted: Posted<Parting>,
) -> Result<Response, Problem> {
    let Posted { reader, form } = posted;
    let carrier = own(&app, &reader, &id).await?;
    let e164: E164 = form.e164.parse().map_err(|_| Problem::NotFound)?;
    let account = reader.viewer.account.id;
    let placed = app
        .platform
        .give_back_number(account, carrier.id, &e164, now());
    let (wrong, problems) = match placed.await {
        Ok(()) => return Ok(carried_out(&app, &carrier).await),
        Err(CarrierError::Problems(problems)) => (None, problems),
        Err(error) => (Some(told(error)?), Vec::new()),
    };
    let told = Told {
        wrong,
        bad: Wrong(problems),
        ..Told::default()
    };
    Ok(unprocessable(page(&app, &reader, &carrier, told).await?))
}

pub(super) async fn differences(
    State(app): State<App>,
    Path(id): Path<String>,
    reader: Reader,
) -> Result<Response, Problem> {
    let carrier = own(&app, &reader, &id).await?;
    let account = reader.viewer.account.id;
    let mut told = Told::default();
    match app.platform.carrier_differences(account, carrier.id).await {
        Ok(found) => told.differences = Some(found),
        Err(error) => told.wrong = Some(super::carriers::told(error)?),
    }
    page(&app, &reader, &carrier, told).await
}

/// Waits a moment for what was placed, so that the page shows what came of it, and leads back there.
async fn carried_out(app: &App, carrier: &Carrier) -> Response {
    let platform = app.platform.clone();
    let work = tokio::spawn(async move { platform.carry_out_due_orders(now()).await });
    match tokio::time::timeout(PATIENCE, work).await {
        Ok(Ok(Ok(()))) | Err(_) => {}
        Ok(Ok(Err(error))) => tracing::warn!("orders of numbers wait for the database: {error}"),
        Ok(Err(error)) => tracing::error!("orders of numbers were not carried out: {error}"),
    }
    Redirect::to(&format!("/carriers/{}?done=ordered#orders", carrier.id)).into_response()
}

async fn own(app: &App, reader: &Reader, id: &str) -> Result<Carrier, Problem> {
    let id: CarrierId = id.parse().map_err(|_| Problem::NotFound)?;
    match app.platform.carrier(reader.viewer.account.id, id).await {
        Ok(carrier) => Ok(carrier),
        Err(error) => Err(Problem::BadForm(told(error)?)),
    }
}

async fn page(
    app: &App,
    reader: &Reader,
    carrier: &Carrier,
    told: Told,
) -> Result<Response, Problem> {
    let account = &reader.viewer.account;
    let (pools, plans) = pools_and_plans(app, account).await?;
    let orders = app.platform.number_orders(account.id, carrier.id).await?;
    let ordered = app
        .platform
        .db
        .numbers_ordered_from(account.id, carrier.id)
        .await?;
    let Told { asked, .. } = told;
    let kind = OfferKind::from_word(&asked.kind).unwrap_or_default();
    let plan = match (plans.as_slice(), told.plan.as_str()) {
        // The only plan is meant, until another is chosen.
        ([(only, _)], "") => only.clone(),
        _ => told.plan,
    };
    let offers = told.offers.map(|offers| {
        let view = |offer: Offer| OfferView {
            number: offer.e164.international(),
            place: offer.place,
            monthly: offer.monthly.unwrap_or_default(),
            needs: offer.needs,
            ticked: told
                .ticked
                .iter()
                .any(|ticked| ticked == offer.e164.as_str()),
            e164: offer.e164.as_str().to_owned(),
        };
        offers.into_iter().map(view).collect()
    });
    render(&CarrierPage {
        shell: Shell::of_list(app, reader, "numbers", &format!("/carriers/{}", carrier.id)),
        id: carrier.id.to_string(),
        name: carrier.name.clone(),
        about: about(carrier),
        notice: told.notice,
        wrong: told.wrong,
        bad: told.bad,
        country: asked.country.unwrap_or_else(|| account.country.clone()),
        kinds: OfferKind::ALL
            .map(|one| (one.as_str().to_owned(), word(one).to_owned(), one == kind))
            .into(),
        digits: asked.digits,
        offers,
        pools: choices(&pools, None, "None", &told.pool),
        plans: choices(&plans, None, "None", &plan),
        orders: orders
            .iter()
            .map(|order| order_view(order, reader))
            .collect(),
        ordered: ordered.iter().map(|e164| own_view(e164, account)).collect(),
        differences: told
            .differences
            .map(|found| difference_view(&found, account)),
    })
}

const fn word(kind: OfferKind) -> &'static str {
    match kind {
        OfferKind::Local => "Local",
        OfferKind::Mobile => "Mobile",
        OfferKind::TollFree => "Free for callers",
    }
}

fn order_view(order: &NumberOrder, reader: &Reader) -> OrderView {
    let moment = |at| Moment::new(at, &zone(reader), Show::Moment);
    let is_open = order.state == NumberOrderState::Open;
    OrderView {
        number: phone(&order.e164, &reader.viewer.account),
        wanted: match order.kind {
            NumberOrderKind::Order => "Ordered",
            NumberOrderKind::GiveBack => "Given back",
        },
        placed: moment(order.created_at),
        state: order.state,
        said: order.said.clone(),
        next: is_open.then(|| moment(order.next_at)),
    }
}

fn own_view(e164: &E164, account: &Account) -> OwnView {
    OwnView {
        e164: e164.as_str().to_owned(),
        number: phone(e164, account),
    }
}

fn difference_view(found: &Differences, account: &Account) -> DifferenceView {
    let there = |held: &[ringfence_platform::carriers::Held]| {
        held.iter()
            .map(|held| own_view(&held.e164, account))
            .collect()
    };
    let same = counted(found.same as u64, "number is", "numbers are");
    DifferenceView {
        only_there: there(&found.only_there),
        other_trunk: there(&found.other_trunk),
        only_here: found
            .only_here
            .iter()
            .map(|number| own_view(&number.e164, account))
            .collect(),
        lead: if found.cut {
            format!(
                "{same} the same on both sides. The carrier has more than are read at once, so what is missing there cannot be told."
            )
        } else {
            format!("{same} the same on both sides.")
        },
    }
}
