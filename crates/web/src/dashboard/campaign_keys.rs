//! Moving from Retreaver: with which campaign keys pages that were written for it ask for a site's numbers.

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use ringfence_model::{CampaignKey, SiteId};
use ringfence_platform::sites::SiteError;
use serde::Deserialize;

use super::App;
use super::page::Problem;
use super::session::Posted;
use super::sites::{Failed, Nothing, refuse};
use super::words::capital;

/// The part of a site's panel about such pages.
#[derive(Default)]
pub(super) struct Moving {
    /// What such pages load instead of the vendor's script.
    pub(super) script: String,
    pub(super) keys: Vec<CampaignKey>,
    pub(super) typed: NewKey,
    pub(super) wrong: Option<String>,
}

/// The form for another key.
#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct NewKey {
    pub(super) campaign_key: String,
    #[serde(default)]
    pub(super) campaign: String,
}

pub(super) async fn add(
    State(app): State<App>,
    Path(site): Path<String>,
    posted: Posted<NewKey>,
) -> Result<Response, Problem> {
    let Posted { reader, form } = posted;
    let site: SiteId = site.parse().map_err(|_| Problem::NotFound)?;
    let account = reader.viewer.account.id;
    let (key, campaign) = (&form.campaign_key, &form.campaign);
    let added = app
        .platform
        .add_campaign_key(account, site, key, campaign)
        .await;
    match added {
        Ok(()) => Ok(Redirect::to(&format!("/sites?done=key#moving-{site}")).into_response()),
        Err(SiteError::NotFound) => Err(Problem::NotFound),
        Err(SiteError::Store(error)) => Err(error.into()),
        Err(error) => {
            let wrong = capital(&error.to_string());
            refuse(&app, &reader, Failed::key(site, form, wrong)).await
        }
    }
}

pub(super) async fn remove(
    State(app): State<App>,
    Path((site, key)): Path<(String, String)>,
    posted: Posted<Nothing>,
) -> Result<Response, Problem> {
    let Posted {
        reader,
        form: Nothing {},
    } = posted;
    let site: SiteId = site.parse().map_err(|_| Problem::NotFound)?;
    let account = reader.viewer.account.id;
    match app.platform.remove_campaign_key(account, site, &key).await {
        Ok(()) => {
            Ok(Redirect::to(&format!("/sites?done=key-removed#moving-{site}")).into_response())
        }
        Err(SiteError::Store(error)) => Err(error.into()),
        Err(_) => Err(Problem::NotFound),
    }
}
