//! Coming in and going out.

use std::time::Duration;

use askama::Template;
use axum::extract::{Form, Query, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use axum::{RequestExt, http::HeaderMap};
use ringfence_platform::accounts::{AccountError, FirstFactor};
use ringfence_platform::{Settings, now};
use serde::Deserialize;

use super::App;
use super::page::{Problem, encoded, render};
use super::session::{self, Posted, Theme};

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignInPage {
    version: &'static str,
    theme: &'static str,
    next: String,
    email: String,
    wrong: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Next {
    next: Option<String>,
}

impl Next {
    /// Where to go afterwards: a page of this server.
    pub(super) fn path(&self) -> String {
        let next = self.next.as_deref();
        next.map_or_else(|| "/".to_owned(), session::local_path)
    }
}

/// The form; who is signed in already goes on.
pub(super) async fn show(
    State(app): State<App>,
    Query(query): Query<Next>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let next = query.path();
    if session::is_signed_in(&app, &headers).await? {
        return Ok(Redirect::to(&next).into_response());
    }
    form(Theme::of(&headers), next, String::new(), None)
}

#[derive(Deserialize)]
struct Credentials {
    email: String,
    password: String,
    next: Option<String>,
}

pub(super) async fn submit(State(app): State<App>, request: Request) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    let trusted = &app.platform.settings.trusted_proxies;
    let address = crate::tag::address(&parts.extensions, &parts.headers, trusted);
    let theme = Theme::of(&parts.headers);
    let browser = session::browser_of(&parts.headers).to_owned();
    let Form(sent) = Request::from_parts(parts, body)
        .extract::<Form<Credentials>, _>()
        .await
        .map_err(|error| Problem::BadForm(error.body_text()))?;
    let next = sent
        .next
        .as_deref()
        .map_or_else(|| "/".to_owned(), session::local_path);
    match app
        .platform
        .sign_in(&sent.email, &sent.password, address, &browser, now())
        .await
    {
        Ok(opened) => Ok(go_on(&opened, &next, &app.platform.settings)),
        Err(AccountError::WrongPassword) => {
            let message =
                "That mail address and password do not fit together. Check both and try again.";
            refuse(
                StatusCode::UNPROCESSABLE_ENTITY,
                theme,
                next,
                &sent.email,
                message.into(),
            )
        }
        Err(AccountError::Disabled) => {
            let message = "This user is disabled. Ask an owner or admin of your account.";
            refuse(
                StatusCode::FORBIDDEN,
                theme,
                next,
                &sent.email,
                message.into(),
            )
        }
        Err(AccountError::LockedOut { wait }) => refuse(
            StatusCode::TOO_MANY_REQUESTS,
            theme,
            next,
            &sent.email,
            too_many(wait),
        ),
        Err(error) => Err(problem(error)),
    }
}

/// Into the dashboard, or to the page that asks for a code.
fn go_on(opened: &FirstFactor, next: &str, settings: &Settings) -> Response {
    match opened {
        FirstFactor::SignedIn(signed_in) => {
            let mut response = Redirect::to(next).into_response();
            session::begin(&mut response, signed_in, settings);
            response
        }
        FirstFactor::CodeNext(waiting) => {
            let page = format!("/sign-in/code?next={}", encoded(next));
            let mut response = Redirect::to(&page).into_response();
            session::wait_for_code(&mut response, waiting, settings);
            response
        }
    }
}

/// What is said after too many failures.
pub(super) fn too_many(wait: Duration) -> String {
    let wait = super::words::length(wait.max(Duration::from_secs(1)));
    format!("Too many failed sign-ins. Try again in {wait}.")
}

#[derive(Deserialize)]
pub(super) struct Link {
    token: String,
}

/// A link that signs in once.
pub(super) async fn by_link(
    State(app): State<App>,
    Query(link): Query<Link>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let browser = session::browser_of(&headers);
    let signed_in = app.platform.sign_in_with_link(&link.token, browser, now());
    match signed_in.await {
        Ok(opened) => Ok(go_on(&opened, "/", &app.platform.settings)),
        Err(AccountError::BadLink) => {
            let message = "That link was used before or is too old. Sign in with your password, or ask for a new link.";
            let theme = Theme::of(&headers);
            refuse(StatusCode::FORBIDDEN, theme, "/".into(), "", message.into())
        }
        Err(error) => Err(problem(error)),
    }
}

#[derive(Deserialize)]
pub(super) struct Nothing {}

/// Ends the session here and on the server.
pub(super) async fn leave(
    State(app): State<App>,
    posted: Posted<Nothing>,
) -> Result<Response, Problem> {
    let Nothing {} = posted.form;
    app.platform.sign_out(posted.reader.viewer.session).await?;
    let mut response = Redirect::to("/sign-in").into_response();
    session::end(&mut response, &app.platform.settings);
    Ok(response)
}

fn form(
    theme: Theme,
    next: String,
    email: String,
    wrong: Option<String>,
) -> Result<Response, Problem> {
    render(&SignInPage {
        version: &super::assets::VERSION,
        theme: theme.as_str(),
        next,
        email,
        wrong,
    })
}

pub(super) fn refuse(
    status: StatusCode,
    theme: Theme,
    next: String,
    email: &str,
    message: String,
) -> Result<Response, Problem> {
    let email = email.chars().take(254).collect();
    Ok((status, form(theme, next, email, Some(message))?).into_response())
}

fn problem(error: AccountError) -> Problem {
    match error {
        AccountError::Store(error) => error.into(),
        other => Problem::Broken(other.to_string()),
    }
}
