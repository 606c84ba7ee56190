//! People: who belongs to this account, as what, and who was invited.

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use ringfence_model::{Invitation, InvitationId, Right, Role, User, UserId};
use ringfence_platform::accounts::AccountError;
use ringfence_platform::accounts::people::PeopleError;
use ringfence_platform::now;
use serde::Deserialize;

use super::App;
use super::page::{Problem, Shell, render, unprocessable, zone};
use super::session::{Posted, Reader};
use super::words::{Moment, Show, capital, counted, role_name};

/// A role that may be chosen.
struct Choice {
    word: &'static str,
    name: &'static str,
    meaning: &'static str,
    chosen: bool,
}

#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a fact of its own about somebody"
)]
struct Person {
    id: String,
    name: String,
    email: String,
    role: &'static str,
    roles: Vec<Choice>,
    disabled: bool,
    you: bool,
    managed: bool,
    second_factor: bool,
    last: Option<Moment>,
}

struct Waiting {
    id: String,
    email: String,
    role: &'static str,
    by: String,
    made: Moment,
    until: Moment,
    managed: bool,
}

/// A link that was made a moment ago.
struct Made {
    email: String,
    role: &'static str,
    link: String,
    until: Moment,
}

#[derive(Default)]
struct InvitationFields {
    email: String,
    roles: Vec<Choice>,
    wrong: Option<String>,
}

#[derive(Template)]
#[template(path = "people.html")]
struct PeoplePage {
    shell: Shell,
    lead: String,
    notice: Option<&'static str>,
    wrong: Option<String>,
    made: Option<Made>,
    manages: bool,
    sees_audit: bool,
    people: Vec<Person>,
    second_factors: String,
    factor_required: bool,
    invitations: Vec<Waiting>,
    form: InvitationFields,
}

/// What a form that was sent leaves on the page.
#[derive(Default)]
struct Outcome {
    notice: Option<&'static str>,
    wrong: Option<String>,
    made: Option<Made>,
    email: String,
    role: Option<Role>,
    email_wrong: Option<String>,
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
        Some("role") => Some("The role was changed. It counts from the next page on."),
        Some("disabled") => Some("The user was disabled and is signed out everywhere."),
        Some("enabled") => Some("The user may sign in again."),
        Some("factor") => {
            Some("The second factor was taken away, and the user is signed out everywhere.")
        }
        Some("required") => Some(
            "A second factor is required from now on. Who has none sets one up before anything else.",
        ),
        Some("not-required") => Some("Nobody has to have a second factor any more."),
        Some("withdrawn") => Some("The invitation was withdrawn. Its link opens nothing."),
        _ => None,
    };
    let outcome = Outcome {
        notice,
        ..Outcome::default()
    };
    page(&app, &reader, outcome).await
}

#[derive(Deserialize)]
pub(super) struct NewInvitation {
    email: String,
    #[serde(default)]
    role: String,
}

/// Makes a link and shows it, this once: there is no address to come back to.
pub(super) async fn invite(
    State(app): State<App>,
    posted: Posted<NewInvitation>,
) -> Result<Response, Problem> {
    let Posted { reader, form } = posted;
    let role = Role::from_word(&form.role)
        .ok_or_else(|| Problem::BadForm(format!("no role: {:?}", form.role)))?;
    let invited = app
        .platform
        .invite(&reader.viewer, &form.email, role, now())
        .await;
    match invited {
        Ok((invitation, token)) => {
            let base = &app.platform.settings.public_url;
            let made = Made {
                email: invitation.email,
                role: role_name(role),
                link: format!("{base}/invitation?token={token}"),
                until: Moment::new(invitation.expires_at, &zone(&reader), Show::Moment),
            };
            let outcome = Outcome {
                made: Some(made),
                ..Outcome::default()
            };
            page(&app, &reader, outcome).await
        }
        Err(error) => {
            let outcome = Outcome {
                email: form.email.chars().take(254).collect(),
                role: Some(role),
                email_wrong: Some(said(error)?),
                ..Outcome::default()
            };
            refuse(&app, &reader, outcome).await
        }
    }
}

#[derive(Deserialize)]
pub(super) struct Nothing {}

pub(super) async fn withdraw(
    State(app): State<App>,
    Path(invitation): Path<String>,
    posted: Posted<Nothing>,
) -> Result<Response, Problem> {
    let Posted {
        reader,
        form: Nothing {},
    } = posted;
    let invitation: InvitationId = invitation.parse().map_err(|_| Problem::NotFound)?;
    let done = app
        .platform
        .withdraw_invitation(&reader.viewer, invitation, now())
        .await;
    finish(&app, &reader, done, "/people?done=withdrawn".into()).await
}

#[derive(Deserialize)]
pub(super) struct NewRole {
    role: String,
}

pub(super) async fn change_role(
    State(app): State<App>,
    Path(user): Path<String>,
    posted: Posted<NewRole>,
) -> Result<Response, Problem> {
    let Posted { reader, form } = posted;
    let user: UserId = user.parse().map_err(|_| Problem::NotFound)?;
    let role = Role::from_word(&form.role)
        .ok_or_else(|| Problem::BadForm(format!("no role: {:?}", form.role)))?;
    let done = app.platform.change_role(&reader.viewer, user, role).await;
    // Who has given up the own rights may not see this page again.
    let next = if user == reader.viewer.user.id && !role.may(Right::SeePeople) {
        "/".to_owned()
    } else {
        format!("/people?done=role#user-{user}")
    };
    finish(&app, &reader, done, next).await
}

pub(super) async fn disable(
    State(app): State<App>,
    Path(user): Path<String>,
    posted: Posted<Nothing>,
) -> Result<Response, Problem> {
    let Posted {
        reader,
        form: Nothing {},
    } = posted;
    let user: UserId = user.parse().map_err(|_| Problem::NotFound)?;
    let done = app.platform.disable_user(&reader.viewer, user, now()).await;
    let next = format!("/people?done=disabled#user-{user}");
    finish(&app, &reader, done, next).await
}

pub(super) async fn enable(
    State(app): State<App>,
    Path(user): Path<String>,
    posted: Posted<Nothing>,
) -> Result<Response, Problem> {
    let Posted {
        reader,
        form: Nothing {},
    } = posted;
    let user: UserId = user.parse().map_err(|_| Problem::NotFound)?;
    let done = app.platform.enable_user(&reader.viewer, user).await;
    let next = format!("/people?done=enabled#user-{user}");
    finish(&app, &reader, done, next).await
}

/// Takes away what somebody has lost.
pub(super) async fn take_second_factor(
    State(app): State<App>,
    Path(user): Path<String>,
    posted: Posted<Nothing>,
) -> Result<Response, Problem> {
    let Posted {
        reader,
        form: Nothing {},
    } = posted;
    let user: UserId = user.parse().map_err(|_| Problem::NotFound)?;
    let done = app.platform.take_second_factor(&reader.viewer, user).await;
    let next = format!("/people?done=factor#user-{user}");
    finish(&app, &reader, done, next).await
}

#[derive(Deserialize)]
pub(super) struct FactorRule {
    require: String,
}

pub(super) async fn require_second_factor(
    State(app): State<App>,
    posted: Posted<FactorRule>,
) -> Result<Response, Problem> {
    let Posted { reader, form } = posted;
    let (required, done) = match form.require.as_str() {
        "yes" => (true, "required"),
        "no" => (false, "not-required"),
        other => return Err(Problem::BadForm(format!("no rule: {other:?}"))),
    };
    app.platform
        .require_second_factor(&reader.viewer.account, required, now())
        .await?;
    Ok(Redirect::to(&format!("/people?done={done}")).into_response())
}

async fn finish(
    app: &App,
    reader: &Reader,
    done: Result<(), PeopleError>,
    next: String,
) -> Result<Response, Problem> {
    match done {
        Ok(()) => Ok(Redirect::to(&next).into_response()),
        Err(error) => {
            let outcome = Outcome {
                wrong: Some(said(error)?),
                ..Outcome::default()
            };
            refuse(app, reader, outcome).await
        }
    }
}

/// What is said on the page, or the page for what cannot be.
pub(super) fn said(error: PeopleError) -> Result<String, Problem> {
    match error {
        PeopleError::NotFound => Err(Problem::NotFound),
        PeopleError::Store(error) | PeopleError::Account(AccountError::Store(error)) => {
            Err(error.into())
        }
        PeopleError::Account(AccountError::Hash(reason)) => Err(Problem::Broken(reason)),
        error => Ok(format!("{}.", capital(&error.to_string()))),
    }
}

async fn refuse(app: &App, reader: &Reader, outcome: Outcome) -> Result<Response, Problem> {
    Ok(unprocessable(page(app, reader, outcome).await?))
}

async fn page(app: &App, reader: &Reader, outcome: Outcome) -> Result<Response, Problem> {
    let viewer = &reader.viewer;
    let manages = viewer.may(Right::ManagePeople);
    let account = viewer.account.id;
    let users = app.platform.people(account).await?;
    let waiting = if manages {
        app.platform.invitations(account, now()).await?
    } else {
        Vec::new()
    };
    let protected = app.platform.people_with_second_factor(account).await?;
    let required = app.platform.second_factor_required_since(account).await?;
    let shell = Shell::of_list(app, reader, "people", "/people");
    let roles = choices(viewer.user.role, outcome.role.unwrap_or(Role::Agent));
    let names = |id: UserId| {
        let user = users.iter().find(|user| user.id == id);
        user.map_or_else(String::new, |user| user.name.clone())
    };
    render(&PeoplePage {
        lead: lead(&users, waiting.len()),
        notice: outcome.notice,
        wrong: outcome.wrong,
        made: outcome.made,
        manages,
        sees_audit: viewer.may(Right::SeeAudit),
        invitations: waiting
            .iter()
            .map(|invitation| waiting_row(invitation, names(invitation.invited_by), reader))
            .collect(),
        second_factors: second_factors(&users, &protected),
        factor_required: required.is_some(),
        people: users
            .iter()
            .map(|user| person(user, protected.contains(&user.id), reader))
            .collect(),
        form: InvitationFields {
            email: outcome.email,
            roles,
            wrong: outcome.email_wrong,
        },
        shell,
    })
}

fn lead(users: &[User], waiting: usize) -> String {
    let disabled = users.iter().filter(|user| user.disabled_at.is_some());
    let disabled = disabled.count();
    let may = counted((users.len() - disabled) as u64, "person", "people");
    let mut parts = vec![format!("{may} may sign in")];
    if disabled > 0 {
        parts.push(format!("{disabled} disabled"));
    }
    if waiting > 0 {
        parts.push(format!("{waiting} invited"));
    }
    format!("{}.", parts.join(", "))
}

fn choices(manager: Role, chosen: Role) -> Vec<Choice> {
    Role::ALL
        .iter()
        .filter(|role| manager.may_manage(**role))
        .map(|role| Choice {
            word: role.as_str(),
            name: role_name(*role),
            meaning: role.meaning(),
            chosen: *role == chosen,
        })
        .collect()
}

/// `2 of 5 have one`, of those who may sign in.
fn second_factors(users: &[User], protected: &[UserId]) -> String {
    let may = || users.iter().filter(|user| user.disabled_at.is_none());
    let have = may().filter(|user| protected.contains(&user.id)).count();
    format!("{have} of {} have one", may().count())
}

fn person(user: &User, second_factor: bool, reader: &Reader) -> Person {
    let viewer = &reader.viewer;
    let last = user
        .last_sign_in_at
        .map(|at| Moment::new(at, &zone(reader), Show::Ago));
    Person {
        id: user.id.to_string(),
        name: user.name.clone(),
        email: user.email.clone(),
        role: role_name(user.role),
        roles: choices(viewer.user.role, user.role),
        disabled: user.disabled_at.is_some(),
        you: user.id == viewer.user.id,
        managed: viewer.user.role.may_manage(user.role),
        second_factor,
        last,
    }
}

fn waiting_row(invitation: &Invitation, by: String, reader: &Reader) -> Waiting {
    let zone = zone(reader);
    Waiting {
        id: invitation.id.to_string(),
        email: invitation.email.clone(),
        role: role_name(invitation.role),
        by,
        made: Moment::new(invitation.created_at, &zone, Show::Ago),
        until: Moment::new(invitation.expires_at, &zone, Show::Moment),
        managed: reader.viewer.user.role.may_manage(invitation.role),
    }
}
