//! You: where you are signed in, your password, and your second factor.

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use ringfence_model::SessionId;
use ringfence_platform::accounts::AccountError;
use ringfence_platform::accounts::people::PeopleError;
use ringfence_platform::accounts::second_factor::FactorError;
use ringfence_platform::now;
use serde::Deserialize;

use super::App;
use super::page::{Problem, Shell, render, unprocessable, zone};
use super::people::{Nothing, said};
use super::second_factor::On;
use super::session::{Posted, Reader};
use super::words::{Moment, Show, role_name};

struct SessionView {
    id: String,
    browser: String,
    this: bool,
    since: Moment,
    until: Moment,
}

#[derive(Template)]
#[template(path = "you.html")]
struct YouPage {
    shell: Shell,
    lead: String,
    email: String,
    notice: Option<&'static str>,
    sessions: Vec<SessionView>,
    factor: Option<On>,
    present_wrong: Option<String>,
    new_wrong: Option<String>,
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
    let notice = match asked.done.as_deref() {
        Some("ended") => Some("That browser is signed out."),
        Some("others") => Some("You are signed out everywhere else."),
        Some("password") => {
            Some("Your password was changed, and you are signed out everywhere else.")
        }
        _ => None,
    };
    page(&app, &reader, notice, None, None).await
}

pub(super) async fn end(
    State(app): State<App>,
    Path(session): Path<String>,
    posted: Posted<Nothing>,
) -> Result<Response, Problem> {
    let viewer = posted.reader.viewer;
    let session: SessionId = session.parse().map_err(|_| Problem::NotFound)?;
    match app.platform.end_own_session(&viewer, session).await {
        Ok(()) => Ok(Redirect::to("/you?done=ended").into_response()),
        Err(PeopleError::NotFound) => Err(Problem::NotFound),
        Err(PeopleError::Store(error)) => Err(error.into()),
        Err(error) => Err(Problem::Broken(error.to_string())),
    }
}

pub(super) async fn end_others(
    State(app): State<App>,
    posted: Posted<Nothing>,
) -> Result<Response, Problem> {
    app.platform
        .end_other_sessions(&posted.reader.viewer)
        .await?;
    Ok(Redirect::to("/you?done=others").into_response())
}

#[derive(Deserialize)]
pub(super) struct Passwords {
    present: String,
    new: String,
}

pub(super) async fn change_password(
    State(app): State<App>,
    posted: Posted<Passwords>,
) -> Result<Response, Problem> {
    let Posted { reader, form } = posted;
    let changed = app
        .platform
        .change_own_password(&reader.viewer, &form.present, &form.new, now())
        .await;
    let (present_wrong, new_wrong) = match changed {
        Ok(()) => return Ok(Redirect::to("/you?done=password").into_response()),
        Err(error @ PeopleError::Account(AccountError::BadPassword(_))) => {
            (None, Some(said(error)?))
        }
        Err(error) => (Some(said(error)?), None),
    };
    Ok(unprocessable(
        page(&app, &reader, None, present_wrong, new_wrong).await?,
    ))
}

async fn page(
    app: &App,
    reader: &Reader,
    notice: Option<&'static str>,
    present_wrong: Option<String>,
    new_wrong: Option<String>,
) -> Result<Response, Problem> {
    let viewer = &reader.viewer;
    let zone = zone(reader);
    let sessions = app.platform.own_sessions(viewer, now()).await?;
    let factor = match app.platform.own_second_factor(viewer).await {
        Ok(standing) => On::of(&standing, reader),
        Err(FactorError::Store(error)) => return Err(error.into()),
        // A secret that was drawn and does not open was never turned on.
        Err(_) => None,
    };
    let shell = Shell::of_list(app, reader, "you", "/you");
    let role = viewer.user.role;
    render(&YouPage {
        lead: format!(
            "{}, {} of {}: {}.",
            viewer.user.email,
            role_name(role),
            viewer.account.name,
            role.meaning().to_lowercase()
        ),
        email: viewer.user.email.clone(),
        notice,
        sessions: sessions
            .iter()
            .map(|session| SessionView {
                id: session.id.to_string(),
                browser: browser_name(&session.browser),
                this: session.id == viewer.session,
                since: Moment::new(session.created_at, &zone, Show::Moment),
                until: Moment::new(session.expires_at, &zone, Show::Moment),
            })
            .collect(),
        factor,
        present_wrong,
        new_wrong,
        shell,
    })
}

/// `Firefox on Linux`, from what a browser calls itself. Most call themselves by the names of others as well, so the
/// order counts.
fn browser_name(agent: &str) -> String {
    let named = |known: &[(&str, &'static str)]| {
        let found = known.iter().find(|(mark, _)| agent.contains(mark));
        found.map(|(_, name)| *name)
    };
    let browser = named(&[
        ("Edg", "Edge"),
        ("OPR/", "Opera"),
        ("Firefox/", "Firefox"),
        ("FxiOS/", "Firefox"),
        ("CriOS/", "Chrome"),
        ("Chrome/", "Chrome"),
        ("Safari/", "Safari"),
    ]);
    let system = named(&[
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Android", "Android"),
        ("Windows", "Windows"),
        ("Mac OS X", "macOS"),
        ("CrOS", "ChromeOS"),
        ("Linux", "Linux"),
    ]);
    match (browser, system) {
        (Some(browser), Some(system)) => format!("{browser} on {system}"),
        (Some(name), None) | (None, Some(name)) => name.to_owned(),
        (None, None) if agent.trim().is_empty() => "A browser without a name".to_owned(),
        (None, None) => agent.chars().take(60).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn browsers_are_named_as_people_know_them() {
        for (agent, name) in [
            (
                "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
                "Firefox on Linux",
            ),
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36 Edg/140.0",
                "Edge on Windows",
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Version/18.0 Mobile/15E148 Safari/604.1",
                "Safari on iPhone",
            ),
            ("curl/8.0", "curl/8.0"),
            ("", "A browser without a name"),
        ] {
            assert_eq!(browser_name(agent), name);
        }
    }
}
