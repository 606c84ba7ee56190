//! The page behind an invitation's link: somebody becomes a user.

use askama::Template;
use axum::RequestExt;
use axum::extract::{Form, Query, Request, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Redirect, Response};
use ringfence_platform::accounts::AccountError;
use ringfence_platform::accounts::people::PeopleError;
use ringfence_platform::now;
use serde::Deserialize;

use super::App;
use super::page::{Problem, render, unprocessable};
use super::people::said;
use super::session::{self, Theme};
use super::words::role_name;

#[derive(Template)]
#[template(path = "invitation.html")]
struct InvitationPage {
    version: &'static str,
    theme: &'static str,
    account: String,
    role: &'static str,
    email: String,
    token: String,
    name: String,
    wrong: Option<String>,
    name_wrong: Option<String>,
    password_wrong: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Link {
    token: String,
}

pub(super) async fn show(
    State(app): State<App>,
    Query(link): Query<Link>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let theme = Theme::of(&headers);
    form(&app, theme, link.token, String::new(), None).await
}

#[derive(Deserialize)]
struct Joining {
    token: String,
    name: String,
    password: String,
}

pub(super) async fn accept(State(app): State<App>, request: Request) -> Result<Response, Problem> {
    let theme = Theme::of(request.headers());
    let browser = session::browser_of(request.headers()).to_owned();
    let Form(sent) = request
        .extract::<Form<Joining>, _>()
        .await
        .map_err(|error| Problem::BadForm(error.body_text()))?;
    let joined = app
        .platform
        .accept_invitation(&sent.token, &sent.name, &sent.password, &browser, now())
        .await;
    match joined {
        Ok(signed_in) => {
            let mut response = Redirect::to("/").into_response();
            session::begin(&mut response, &signed_in, &app.platform.settings);
            Ok(response)
        }
        Err(PeopleError::BadInvitation) => Err(Problem::BadInvitation),
        Err(error) => {
            let name = sent.name.chars().take(100).collect();
            Ok(unprocessable(
                form(&app, theme, sent.token, name, Some(error)).await?,
            ))
        }
    }
}

async fn form(
    app: &App,
    theme: Theme,
    token: String,
    name: String,
    failed: Option<PeopleError>,
) -> Result<Response, Problem> {
    let (invitation, account) = match app.platform.invitation(&token, now()).await {
        Ok(found) => found,
        Err(PeopleError::Store(error)) => return Err(error.into()),
        Err(_) => return Err(Problem::BadInvitation),
    };
    let (mut wrong, mut name_wrong, mut password_wrong) = (None, None, None);
    match failed {
        None => {}
        Some(error @ PeopleError::Name(_)) => name_wrong = Some(said(error)?),
        Some(error @ PeopleError::Account(AccountError::BadPassword(_))) => {
            password_wrong = Some(said(error)?);
        }
        Some(error) => wrong = Some(said(error)?),
    }
    render(&InvitationPage {
        version: &super::assets::VERSION,
        theme: theme.as_str(),
        account: account.name,
        role: role_name(invitation.role),
        email: invitation.email,
        token,
        name,
        wrong,
        name_wrong,
        password_wrong,
    })
}
