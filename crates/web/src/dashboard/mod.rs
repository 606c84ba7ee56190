//! The dashboard: server-rendered pages for people. They work without a script; one module makes them quicker.
//!
//! Every page is bound to the account of its session; what belongs to another account is not found.

mod account;
mod agent;
mod api_keys;
mod appeal;
mod assets;
mod audit;
mod call;
mod calls;
mod campaign_keys;
mod carrier;
mod carriers;
mod case;
mod cases;
mod chart;
mod conversion;
mod conversions;
mod difference;
mod erase;
mod field;
mod filters;
mod first_steps;
mod flow;
mod found;
mod groups;
mod guard;
mod icon;
mod invitation;
mod live;
mod mailing;
mod number;
mod number_forms;
mod numbers;
mod overview;
mod page;
mod people;
mod plan;
mod plan_edit;
mod plans;
mod pool_forms;
mod pools;
mod recording;
pub(crate) mod report_mail;
mod report_rows;
mod reports;
mod saved_report;
mod saved_reports;
mod second_factor;
mod session;
mod sign_in;
mod sign_in_code;
mod sites;
mod source;
mod split_words;
mod step_fields;
mod step_form;
mod target_hours;
mod targets;
mod timeline;
mod transfer;
mod trial;
mod trunks;
mod webhook;
mod webhooks;
mod words;
mod worth;
mod you;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware;
use axum::routing::{get, post};
use ringfence_platform::Platform;
use tokio::sync::Semaphore;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{NotForContentType, Predicate, SizeAbove};

/// Forms are small; a longer body is refused, in octets.
const LONGEST_FORM: usize = 64 * 1024;

/// Pages that watch live calls at the same time.
const MOST_WATCHERS: usize = 1_000;

/// What every page shares.
#[derive(Clone)]
struct App {
    platform: Arc<Platform>,
    watchers: Arc<Semaphore>,
}

/// Every page.
pub(crate) fn router(platform: Arc<Platform>) -> Router {
    let app = App {
        platform,
        watchers: Arc::new(Semaphore::new(MOST_WATCHERS)),
    };
    let compressed = SizeAbove::new(512)
        .and(NotForContentType::new("text/event-stream"))
        .and(NotForContentType::new("audio/"));
    Router::new()
        .route("/", get(overview::show))
        .route(
            "/first-steps",
            get(first_steps::show).post(first_steps::choose),
        )
        .route("/sign-in", get(sign_in::show).post(sign_in::submit))
        .route("/sign-in/link", get(sign_in::by_link))
        .route(
            "/sign-in/code",
            get(sign_in_code::show).post(sign_in_code::submit),
        )
        .route(
            "/invitation",
            get(invitation::show).post(invitation::accept),
        )
        .route("/sign-out", post(sign_in::leave))
        .route("/theme", post(session::set_theme))
        .route("/agent", get(agent::show).post(agent::change))
        .route("/agent/events", get(agent::events))
        .route("/live", get(live::show))
        .route("/live/events", get(live::events))
        .route("/calls", get(calls::show))
        .route("/calls.csv", get(calls::download))
        .route("/reports", get(reports::show))
        .route("/reports.csv", get(reports::download))
        .merge(saved())
        .route("/calls/{call}", get(call::show))
        .route("/calls/{call}/worth", post(worth::save))
        .route(
            "/calls/{call}/transfer",
            get(transfer::show).post(transfer::put_through),
        )
        .route("/calls/{call}/recording.wav", get(recording::sound))
        .route("/calls/{call}/waveform.json", get(recording::waveform))
        .route(
            "/calls/{call}/erase",
            get(erase::show_caller).post(erase::caller),
        )
        .route(
            "/visits/{visit}/erase",
            get(erase::show_visitor).post(erase::visitor),
        )
        .merge(setup())
        .merge(who())
        .route("/account", get(account::show).post(account::save))
        .route("/audit", get(audit::show))
        .route("/api-keys", get(api_keys::show).post(api_keys::add))
        .route("/api-keys/{key}/revoke", post(api_keys::revoke))
        .route("/webhooks", get(webhooks::show).post(webhooks::add))
        .route(
            "/webhooks/{webhook}",
            get(webhook::show).post(webhook::change),
        )
        .route("/webhooks/{webhook}/remove", post(webhooks::remove))
        .route("/webhooks/{webhook}/replay", post(webhook::replay_failed))
        .route(
            "/webhooks/{webhook}/deliveries/{delivery}",
            get(webhook::delivery),
        )
        .route(
            "/webhooks/{webhook}/deliveries/{delivery}/replay",
            post(webhook::replay),
        )
        .merge(told_platforms())
        .route("/cases", get(cases::show))
        .route(
            "/cases/dialling/{account}/release",
            post(cases::release_dialling),
        )
        .route("/cases/{case}", get(case::show))
        .route("/cases/{case}/release", post(case::release))
        .route("/cases/{case}/confirm", post(case::confirm))
        .route("/cases/{case}/freeze", post(case::freeze))
        .route("/cases/{case}/export.json", get(case::export))
        .route("/assets/{version}/{name}", get(assets::serve))
        .route("/favicon.ico", get(assets::favicon))
        .fallback(page::nothing_here)
        .layer(DefaultBodyLimit::max(LONGEST_FORM))
        .layer(middleware::from_fn_with_state(app.clone(), guard::guard))
        .layer(CompressionLayer::new().compress_when(compressed))
        .with_state(app)
}

/// Reports that are kept under names.
fn saved() -> Router<App> {
    Router::new()
        .route("/reports/saved", post(saved_reports::save))
        .route(
            "/reports/saved/{report}",
            get(saved_report::show).post(saved_report::rename),
        )
        .route("/reports/saved/{report}/mail", post(mailing::save))
        .route("/reports/saved/{report}/send", post(mailing::send_now))
        .route("/reports/saved/{report}/remove", post(saved_report::remove))
}

/// Advertising platforms that are told of calls.
fn told_platforms() -> Router<App> {
    Router::new()
        .route(
            "/conversions",
            get(conversions::show).post(conversions::add),
        )
        .route(
            "/conversions/{destination}",
            get(conversion::show).post(conversion::change),
        )
        .route("/conversions/{destination}/test", post(conversion::try_out))
        .route(
            "/conversions/{destination}/calls/{conversion}/again",
            post(conversion::replay),
        )
        .route(
            "/conversions/{destination}/remove",
            post(conversions::remove),
        )
}

/// Who belongs to an account, and what is one's own.
fn who() -> Router<App> {
    Router::new()
        .route("/people", get(people::show))
        .route("/people/invitations", post(people::invite))
        .route(
            "/people/invitations/{invitation}/withdraw",
            post(people::withdraw),
        )
        .route("/people/second-factor", post(people::require_second_factor))
        .route("/people/{user}/role", post(people::change_role))
        .route("/people/{user}/disable", post(people::disable))
        .route("/people/{user}/enable", post(people::enable))
        .route(
            "/people/{user}/second-factor/remove",
            post(people::take_second_factor),
        )
        .route("/you", get(you::show))
        .route("/you/password", post(you::change_password))
        .route(
            "/you/second-factor",
            get(second_factor::show).post(second_factor::draw),
        )
        .route("/you/second-factor/confirm", post(second_factor::confirm))
        .route("/you/second-factor/codes", post(second_factor::renew_codes))
        .route("/you/second-factor/remove", post(second_factor::turn_off))
        .route("/you/sessions/end-others", post(you::end_others))
        .route("/you/sessions/{session}/end", post(you::end))
}

/// What an account is set up by.
fn setup() -> Router<App> {
    Router::new()
        .route("/numbers", get(numbers::show).post(number_forms::add))
        .route("/numbers/change", post(number_forms::change_ticked))
        .route(
            "/numbers/{number}",
            get(number::show).post(number_forms::change),
        )
        .route("/numbers/{number}/remove", post(number_forms::remove))
        .route("/pools", get(pools::show).post(pool_forms::save))
        .route("/pools/{pool}/remove", post(pool_forms::remove))
        .route("/carriers", get(carriers::show).post(carriers::add))
        .route("/carriers/{carrier}", get(carrier::show))
        .route("/carriers/{carrier}/differences", get(carrier::differences))
        .route("/carriers/{carrier}/orders", post(carrier::order))
        .route("/carriers/{carrier}/give-back", post(carrier::give_back))
        .route("/carriers/{carrier}/remove", post(carriers::remove))
        .route("/plans", get(plans::show).post(plan_edit::add))
        .route(
            "/plans/new",
            get(plan_edit::begin).post(plan_edit::look_at_new),
        )
        .route("/plans/{plan}", get(plan::show).post(plan_edit::save))
        .route(
            "/plans/{plan}/edit",
            get(plan_edit::show).post(plan_edit::look_at),
        )
        .route(
            "/plans/{plan}/versions/{version}/bring-back",
            post(plan_edit::bring_back),
        )
        .route("/sites", get(sites::show).post(sites::save))
        .route("/sites/{site}/answer", post(appeal::send))
        .route("/sites/{site}/hosts", post(sites::add_host))
        .route("/sites/{site}/hosts/{host}/check", post(sites::check_host))
        .route("/sites/{site}/campaign-keys", post(campaign_keys::add))
        .route(
            "/sites/{site}/campaign-keys/{campaign_key}/remove",
            post(campaign_keys::remove),
        )
        .route("/groups", get(groups::show).post(groups::save))
        .route("/groups/{group}/remove", post(groups::remove))
        .route("/targets", get(targets::show).post(targets::save))
        .route("/targets/{target}/pause", post(targets::pause))
        .route("/targets/{target}/resume", post(targets::resume))
        .route("/targets/{target}/remove", post(targets::remove))
        .route("/trunks", get(trunks::show).post(trunks::save))
        .route("/trunks/{trunk}/remove", post(trunks::remove))
}
