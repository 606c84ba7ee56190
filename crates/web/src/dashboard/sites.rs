//! Sites: is the tag working? Hosts and their proofs, the tag to paste, and what was refused.

use std::collections::HashMap;
use std::time::Duration;

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use jiff::tz::TimeZone;
use ringfence_model::{E164, Host, HostId, HostProof, PageReport, PoolId, Site, SiteId};
use ringfence_platform::now;
use ringfence_platform::reports::SiteVisits;
use ringfence_platform::sites::{ProofInstructions, SiteError};
use serde::Deserialize;

use super::App;
use super::appeal::{self, Answer, Held};
use super::campaign_keys::{Moving, NewKey};
use super::found::{self, PageRow};
use super::page::{Problem, Shell, render, unprocessable, zone};
use super::session::{Posted, Reader};
use super::words::{Moment, Show, capital, count, counted};

/// How far back visits are counted.
const COUNTED: Duration = Duration::from_hours(7 * 24);

/// Numbers that one site may replace.
const MOST_SWAPS: usize = 20;

struct HostView {
    id: String,
    name: String,
    proof: Option<(&'static str, Moment)>,
    ways: Option<ProofInstructions>,
    tried: Vec<String>,
}

struct Refused {
    word: &'static str,
    text: String,
    count: String,
}

struct SiteView {
    id: String,
    name: String,
    snippet: String,
    swaps: String,
    pool: String,
    visits: String,
    last_seen: Option<Moment>,
    hosts: Vec<HostView>,
    host_typed: String,
    host_wrong: Option<String>,
    refused: String,
    refusals: Vec<Refused>,
    /// Names and links of front pages to test.
    tests: Vec<(String, String)>,
    pages: Vec<PageRow>,
    moving: Moving,
    /// Its numbers are withheld.
    held: Option<Held>,
}

/// The form of a site, as it was sent when it failed.
#[derive(Default)]
pub(super) struct SiteFields {
    /// Of the site that is changed; empty for a new one.
    id: String,
    name: String,
    name_wrong: Option<String>,
    swap: String,
    swap_wrong: Option<String>,
    pool: Option<PoolId>,
    pools: Vec<(String, String, bool)>,
}

#[derive(Template)]
#[template(path = "sites.html")]
struct SitesPage {
    shell: Shell,
    lead: String,
    notice: Option<String>,
    sites: Vec<SiteView>,
    form: SiteFields,
}

/// What a form that failed leaves on the page.
#[derive(Default)]
pub(super) struct Failed {
    form: SiteFields,
    host: Option<(SiteId, String, String)>,
    check: Option<(HostId, Vec<String>)>,
    key: Option<(SiteId, NewKey, String)>,
    answer: Option<(SiteId, Answer, String)>,
}

impl Failed {
    /// An answer: for which site, what was typed, and why it was not taken.
    pub(super) fn answer(site: SiteId, typed: Answer, wrong: String) -> Self {
        Self {
            answer: Some((site, typed, wrong)),
            ..Self::default()
        }
    }

    /// A campaign key: for which site, what was typed, and what is wrong with it.
    pub(super) fn key(site: SiteId, typed: NewKey, wrong: String) -> Self {
        Self {
            key: Some((site, typed, wrong)),
            ..Self::default()
        }
    }
}

#[derive(Default, Deserialize)]
pub(super) struct Asked {
    done: Option<String>,
    edit: Option<String>,
}

pub(super) async fn show(
    State(app): State<App>,
    Query(asked): Query<Asked>,
    reader: Reader,
) -> Result<Response, Problem> {
    let notice = match asked.done.as_deref() {
        Some("site") => Some("The site was added. Add its host next."),
        Some("changed") => Some("The site was changed. Its pages know it within ten seconds."),
        Some("host") => Some("The host was added. Prove that it is yours, then check."),
        Some("proved") => {
            Some("The host is proved. Pages that carry the tag are shown numbers from now on.")
        }
        Some("key") => Some(
            "The campaign key was added. Pages that ask with it are shown numbers of the site.",
        ),
        Some("answered") => Some("Sent. The operators read it with the case."),
        Some("key-removed") => {
            Some("The campaign key was removed. Pages that ask with it keep their own numbers.")
        }
        _ => None,
    };
    let mut form = SiteFields::default();
    if let Some(id) = asked.edit {
        let id: SiteId = id.parse().map_err(|_| Problem::NotFound)?;
        let sites = app.platform.sites(reader.viewer.account.id).await?;
        let mut sites = sites.into_iter().map(|(site, _)| site);
        let site = sites.find(|site| site.id == id).ok_or(Problem::NotFound)?;
        form = SiteFields {
            id: site.id.to_string(),
            name: site.name,
            swap: site.swap_targets.join(", "),
            pool: site.pool,
            ..SiteFields::default()
        };
    }
    let shown = Failed {
        form,
        ..Failed::default()
    };
    page(&app, &reader, notice.map(str::to_owned), shown).await
}

#[derive(Deserialize)]
pub(super) struct SentSite {
    #[serde(default)]
    id: String,
    name: String,
    #[serde(default)]
    swap: String,
    #[serde(default)]
    pool: String,
}

pub(super) async fn save(
    State(app): State<App>,
    posted: Posted<SentSite>,
) -> Result<Response, Problem> {
    let Posted { reader, form } = posted;
    let account = &reader.viewer.account;
    let pools = app.platform.pools(account.id).await?;
    let pool = form
        .pool
        .parse::<PoolId>()
        .ok()
        .filter(|pool| pools.iter().any(|known| known.id == *pool));
    let known = match form.id.as_str() {
        "" => None,
        id => Some(id.parse::<SiteId>().map_err(|_| Problem::NotFound)?),
    };
    let mut fields = SiteFields {
        id: form.id.clone(),
        name: form.name.clone(),
        swap: form.swap.clone(),
        pool,
        ..SiteFields::default()
    };
    let swaps = swaps(&form.swap, &account.country);
    let kept = match swaps {
        Err(wrong) => {
            fields.swap_wrong = Some(wrong);
            None
        }
        Ok(swaps) => match keep(&app, &reader, known, &form.name, swaps, pool).await {
            Ok(kept) => Some(kept),
            Err(SiteError::NotFound) => return Err(Problem::NotFound),
            Err(SiteError::Store(error)) => return Err(error.into()),
            Err(error) => {
                fields.name_wrong = Some(capital(&error.to_string()));
                None
            }
        },
    };
    match kept {
        Some(site) => {
            let done = if known.is_some() { "changed" } else { "site" };
            Ok(Redirect::to(&format!("/sites?done={done}#site-{site}")).into_response())
        }
        None => {
            refuse(
                &app,
                &reader,
                Failed {
                    form: fields,
                    ..Failed::default()
                },
            )
            .await
        }
    }
}

async fn keep(
    app: &App,
    reader: &Reader,
    known: Option<SiteId>,
    name: &str,
    swaps: Vec<String>,
    pool: Option<PoolId>,
) -> Result<SiteId, SiteError> {
    let (platform, account) = (&app.platform, reader.viewer.account.id);
    if let Some(site) = known {
        let changed = platform.change_site(account, site, name, swaps, pool);
        changed.await.map(|()| site)
    } else {
        let added = platform.add_site(account, name, swaps, pool, now());
        added.await.map(|site| site.id)
    }
}

#[derive(Deserialize)]
pub(super) struct NewHost {
    host: String,
}

pub(super) async fn add_host(
    State(app): State<App>,
    Path(site): Path<String>,
    posted: Posted<NewHost>,
) -> Result<Response, Problem> {
    let Posted { reader, form } = posted;
    let site: SiteId = site.parse().map_err(|_| Problem::NotFound)?;
    match app
        .platform
        .add_host(reader.viewer.account.id, site, &form.host, now())
        .await
    {
        Ok(host) => Ok(Redirect::to(&format!("/sites?done=host#host-{}", host.id)).into_response()),
        Err(SiteError::NotFound) => Err(Problem::NotFound),
        Err(SiteError::Store(error)) => Err(error.into()),
        Err(error) => {
            let wrong = capital(&error.to_string());
            refuse(
                &app,
                &reader,
                Failed {
                    host: Some((site, form.host, wrong)),
                    ..Failed::default()
                },
            )
            .await
        }
    }
}

#[derive(Deserialize)]
pub(super) struct Nothing {}

pub(super) async fn check_host(
    State(app): State<App>,
    Path((_, host)): Path<(String, String)>,
    posted: Posted<Nothing>,
) -> Result<Response, Problem> {
    let Posted {
        reader,
        form: Nothing {},
    } = posted;
    let host: HostId = host.parse().map_err(|_| Problem::NotFound)?;
    match app
        .platform
        .prove_host(reader.viewer.account.id, host, now())
        .await
    {
        Ok(_) => Ok(Redirect::to(&format!("/sites?done=proved#host-{host}")).into_response()),
        Err(SiteError::NotFound) => Err(Problem::NotFound),
        Err(SiteError::Store(error)) => Err(error.into()),
        Err(SiteError::NotProved { tried, .. }) => {
            refuse(
                &app,
                &reader,
                Failed {
                    check: Some((host, tried)),
                    ..Failed::default()
                },
            )
            .await
        }
        Err(error) => {
            let tried = vec![capital(&error.to_string())];
            refuse(
                &app,
                &reader,
                Failed {
                    check: Some((host, tried)),
                    ..Failed::default()
                },
            )
            .await
        }
    }
}

pub(super) async fn refuse(
    app: &App,
    reader: &Reader,
    failed: Failed,
) -> Result<Response, Problem> {
    Ok(unprocessable(page(app, reader, None, failed).await?))
}

async fn page(
    app: &App,
    reader: &Reader,
    notice: Option<String>,
    mut failed: Failed,
) -> Result<Response, Problem> {
    let account = &reader.viewer.account;
    let zone = zone(reader);
    let sites = app.platform.sites(account.id).await?;
    let pools = app.platform.pools(account.id).await?;
    let visits: HashMap<SiteId, SiteVisits> = app
        .platform
        .site_visits(account, now() - COUNTED)
        .await?
        .into_iter()
        .map(|visits| (visits.site, visits))
        .collect();
    let is_new = failed.form.id.is_empty();
    let only = (is_new && pools.len() == 1).then(|| pools[0].id);
    let chosen = failed.form.pool.or(only);
    failed.form.pools = pools
        .iter()
        .map(|pool| {
            (
                pool.id.to_string(),
                pool.name.clone(),
                chosen == Some(pool.id),
            )
        })
        .collect();
    let mut reports: HashMap<SiteId, Vec<PageReport>> = HashMap::new();
    for (site, _) in &sites {
        let of_site = app.platform.page_reports(account.id, site.id).await?;
        reports.insert(site.id, of_site);
    }
    let mut moving: HashMap<SiteId, Moving> = HashMap::new();
    for (site, _) in &sites {
        let keys = app.platform.campaign_keys(account.id, site.id).await?;
        let typed = failed.key.as_ref().filter(|(of, ..)| *of == site.id);
        let of_site = Moving {
            script: app.platform.moved_script(),
            keys,
            typed: typed.map(|(_, typed, _)| typed.clone()).unwrap_or_default(),
            wrong: typed.map(|(.., wrong)| wrong.clone()),
        };
        moving.insert(site.id, of_site);
    }
    let mut held = appeal::held(app, reader, failed.answer.as_ref(), &zone).await?;
    let names: HashMap<PoolId, &str> = pools
        .iter()
        .map(|pool| (pool.id, pool.name.as_str()))
        .collect();
    let views = sites
        .iter()
        .map(|(site, hosts)| {
            let pool = site
                .pool
                .and_then(|pool| names.get(&pool))
                .copied()
                .unwrap_or_default();
            let mut view = view(app, site, hosts, pool, visits.get(&site.id), &failed, &zone);
            view.held = held.remove(&site.id);
            view.moving = moving.remove(&site.id).unwrap_or_default();
            view.tests = found::tests(hosts);
            view.pages = found::rows(reports.get(&site.id).map_or(&[], Vec::as_slice), &zone);
            view
        })
        .collect();
    let shell = Shell::of_list(app, reader, "sites", "/sites");
    render(&SitesPage {
        shell,
        lead: lead(&sites),
        notice,
        sites: views,
        form: failed.form,
    })
}

fn lead(sites: &[(Site, Vec<Host>)]) -> String {
    let hosts = || sites.iter().flat_map(|(_, hosts)| hosts);
    let waiting = hosts().filter(|host| host.proved_at.is_none()).count();
    match (sites.len() as u64, hosts().count() as u64, waiting) {
        (0, ..) => "No site shows numbers yet.".into(),
        (sites, hosts, 0) => {
            let every = if hosts == 1 {
                "which is proved"
            } else {
                "all proved"
            };
            format!(
                "{} on {}, {every}.",
                counted(sites, "site", "sites"),
                counted(hosts, "host", "hosts")
            )
        }
        (sites, hosts, waiting) => format!(
            "{} on {}, {waiting} not proved yet.",
            counted(sites, "site", "sites"),
            counted(hosts, "host", "hosts")
        ),
    }
}

fn view(
    app: &App,
    site: &Site,
    hosts: &[Host],
    pool: &str,
    visits: Option<&SiteVisits>,
    failed: &Failed,
    zone: &TimeZone,
) -> SiteView {
    let refusals = app.platform.refusals(site.id);
    let typed = failed.host.as_ref().filter(|(of, ..)| *of == site.id);
    SiteView {
        id: site.id.to_string(),
        name: site.name.clone(),
        snippet: app.platform.tag_snippet(site),
        swaps: site.swap_targets.join(", "),
        pool: pool.to_owned(),
        visits: counted(visits.map_or(0, |visits| visits.visits), "visit", "visits"),
        last_seen: visits.map(|visits| Moment::new(visits.last_seen, zone, Show::Ago)),
        hosts: hosts
            .iter()
            .map(|host| host_view(host, failed, zone))
            .collect(),
        host_typed: typed.map(|(_, host, _)| host.clone()).unwrap_or_default(),
        host_wrong: typed.map(|(.., wrong)| wrong.clone()),
        tests: Vec::new(),
        pages: Vec::new(),
        moving: Moving::default(),
        held: None,
        refused: count(refusals.iter().map(|(_, count)| count).sum()),
        refusals: refusals
            .into_iter()
            .map(|(refusal, times)| Refused {
                word: refusal.as_str(),
                text: capital(&refusal.to_string()),
                count: count(times),
            })
            .collect(),
    }
}

fn host_view(host: &Host, failed: &Failed, zone: &TimeZone) -> HostView {
    let how = |proof| match proof {
        HostProof::Dns => "by a DNS record",
        HostProof::File => "by a file",
        HostProof::Meta => "by a meta tag",
    };
    let proof = host.proof.zip(host.proved_at);
    let tried = failed.check.as_ref().filter(|(of, _)| *of == host.id);
    HostView {
        id: host.id.to_string(),
        name: host.name.clone(),
        proof: proof.map(|(proof, at)| (how(proof), Moment::new(at, zone, Show::Moment))),
        ways: proof.is_none().then(|| ProofInstructions::of(host)),
        tried: once_each(tried.map_or(&[], |(_, tried)| tried)),
    }
}

/// The same thing said twice is said once.
fn once_each(lines: &[String]) -> Vec<String> {
    let mut said: Vec<String> = Vec::new();
    for line in lines {
        if !said.contains(line) {
            said.push(line.clone());
        }
    }
    said
}

/// Numbers with commas between, each checked to be one and kept as written.
fn swaps(text: &str, country: &str) -> Result<Vec<String>, String> {
    let written: Vec<String> = text
        .split([',', ';'])
        .map(str::trim)
        .filter(|part| !part.is_empty())
        .map(str::to_owned)
        .collect();
    if written.len() > MOST_SWAPS {
        return Err(format!(
            "Expected at most {MOST_SWAPS} numbers, got {}.",
            written.len()
        ));
    }
    match written
        .iter()
        .find_map(|number| E164::parse(number, Some(country)).err())
    {
        Some(error) => Err(capital(&error.to_string())),
        None => Ok(written),
    }
}
