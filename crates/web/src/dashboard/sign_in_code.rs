//! The second step of coming in: a code of the app, or a recovery code.

use askama::Template;
use axum::RequestExt;
use axum::extract::{Form, Query, Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use ringfence_platform::accounts::AccountError;
use ringfence_platform::accounts::second_factor::FactorError;
use ringfence_platform::now;
use serde::Deserialize;

use super::App;
use super::page::{Problem, render};
use super::session::{self, Theme};
use super::sign_in::{self, Next, too_many};

#[derive(Template)]
#[template(path = "sign_in_code.html")]
struct CodePage {
    version: &'static str,
    theme: &'static str,
    next: String,
    wrong: Option<String>,
}

/// The form, while a sign-in waits for a code.
pub(super) async fn show(
    State(app): State<App>,
    Query(query): Query<Next>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let next = query.path();
    let waits = match session::pending_of(&headers) {
        Some(token) => app.platform.is_code_next(token, now()).await?,
        None => false,
    };
    if waits {
        form(Theme::of(&headers), next, None)
    } else {
        Ok(Redirect::to("/sign-in").into_response())
    }
}

#[derive(Deserialize)]
struct Sent {
    code: String,
    #[serde(flatten)]
    next: Next,
}

pub(super) async fn submit(State(app): State<App>, request: Request) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    let settings = &app.platform.settings;
    let address = crate::tag::address(&parts.extensions, &parts.headers, &settings.trusted_proxies);
    let theme = Theme::of(&parts.headers);
    let browser = session::browser_of(&parts.headers).to_owned();
    let token = session::pending_of(&parts.headers).unwrap_or("").to_owned();
    let Form(sent) = Request::from_parts(parts, body)
        .extract::<Form<Sent>, _>()
        .await
        .map_err(|error| Problem::BadForm(error.body_text()))?;
    let next = sent.next.path();
    let entered = app
        .platform
        .sign_in_with_code(&token, &sent.code, address, &browser, now());
    match entered.await {
        Ok(signed_in) => {
            let mut response = Redirect::to(&next).into_response();
            session::begin(&mut response, &signed_in, settings);
            session::wait_no_longer(&mut response, settings);
            Ok(response)
        }
        Err(FactorError::NotWaiting) => {
            let message = "That sign-in is over: it waited for more than ten minutes, or there were too many wrong codes. Begin again.";
            let mut response =
                sign_in::refuse(StatusCode::FORBIDDEN, theme, next, "", message.to_owned())?;
            session::wait_no_longer(&mut response, settings);
            Ok(response)
        }
        Err(FactorError::WrongCode) => {
            let message = "That code does not fit, or was used before. Wait for the next one in the app, and try again.";
            refuse(
                StatusCode::UNPROCESSABLE_ENTITY,
                theme,
                next,
                message.to_owned(),
            )
        }
        Err(FactorError::Account(AccountError::LockedOut { wait })) => {
            refuse(StatusCode::TOO_MANY_REQUESTS, theme, next, too_many(wait))
        }
        Err(FactorError::Store(error) | FactorError::Account(AccountError::Store(error))) => {
            Err(error.into())
        }
        Err(error) => Err(Problem::Broken(error.to_string())),
    }
}

fn form(theme: Theme, next: String, wrong: Option<String>) -> Result<Response, Problem> {
    render(&CodePage {
        version: &super::assets::VERSION,
        theme: theme.as_str(),
        next,
        wrong,
    })
}

fn refuse(
    status: StatusCode,
    theme: Theme,
    next: String,
    message: String,
) -> Result<Response, Problem> {
    Ok((status, form(theme, next, Some(message))?).into_response())
}
