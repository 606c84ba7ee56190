//! Sites and their hosts: added, and proved.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use ringfence_model::{Host, HostId, HostProof, PoolId, Site, SiteId};
use ringfence_platform::now;
use ringfence_platform::sites::ProofInstructions;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::Api;
use super::asking::{ApiBody, ApiPath};
use super::guard::Asker;
use super::problem::{ApiProblem, ProblemDocument};

/// A web site.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SiteView {
    id: Uuid,
    name: String,
    /// What the page's `data-site` says.
    key: String,
    /// Numbers on its pages that the tag replaces, as written there.
    swap: Vec<String>,
    pool_id: Option<Uuid>,
    hosts: Vec<HostView>,
    /// What to paste before `</head>` of every page.
    tag: String,
}

/// A host of a site.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct HostView {
    id: Uuid,
    name: String,
    /// `dns`, `file` or `meta`; `null` until it is proved, and no number is shown before.
    proof: Option<&'static str>,
    #[schema(format = DateTime)]
    proved_at: Option<String>,
    /// One of these is enough.
    prove_by: Option<ProveBy>,
}

/// The three ways to prove a host.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ProveBy {
    /// The name of a TXT record.
    dns_name: String,
    /// The address of a file.
    file_url: String,
    /// What the record or the file holds.
    content: String,
    /// An element of the first page's head.
    meta: String,
}

impl From<Host> for HostView {
    fn from(host: Host) -> Self {
        let prove_by = host.proved_at.is_none().then(|| {
            let how = ProofInstructions::of(&host);
            ProveBy {
                dns_name: how.txt_name,
                content: how.challenge,
                file_url: how.file_url,
                meta: how.meta_tag,
            }
        });
        Self {
            id: host.id.0,
            proof: host.proof.map(HostProof::as_str),
            proved_at: host.proved_at.map(|at| at.to_string()),
            name: host.name,
            prove_by,
        }
    }
}

impl SiteView {
    fn of(api: &Api, site: Site, hosts: Vec<Host>) -> Self {
        Self {
            tag: api.platform.tag_snippet(&site),
            id: site.id.0,
            name: site.name,
            key: site.key,
            swap: site.swap_targets,
            pool_id: site.pool.map(|pool| pool.0),
            hosts: hosts.into_iter().map(HostView::from).collect(),
        }
    }
}

/// The account's sites with their hosts
#[utoipa::path(get, path = "/sites", operation_id = "list_sites", tag = "sites", responses(
    (status = 200, body = Vec<SiteView>),
    (status = "default", body = ProblemDocument, content_type = "application/problem+json"),
))]
pub(super) async fn list(
    State(api): State<Api>,
    Asker(program): Asker,
) -> Result<Json<Vec<SiteView>>, ApiProblem> {
    let sites = api.platform.sites(program.account.id).await?;
    let views = sites
        .into_iter()
        .map(|(site, hosts)| SiteView::of(&api, site, hosts));
    Ok(Json(views.collect()))
}

/// A site to add.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewSite {
    /// 1 to 80 characters.
    name: String,
    /// Numbers on its pages that the tag replaces, as written there.
    #[serde(default)]
    swap: Vec<String>,
    /// The pool that its visits draw from.
    #[serde(default)]
    pool_id: Option<Uuid>,
}

/// Adds a site
#[utoipa::path(post, path = "/sites", operation_id = "add_site", tag = "sites", request_body = NewSite, responses(
    (status = 201, body = SiteView),
    (status = "default", body = ProblemDocument, content_type = "application/problem+json"),
))]
pub(super) async fn add(
    State(api): State<Api>,
    Asker(program): Asker,
    ApiBody(new): ApiBody<NewSite>,
) -> Result<(StatusCode, Json<SiteView>), ApiProblem> {
    let account = program.account.id;
    let pool = new.pool_id.map(PoolId);
    let pools = api.platform.pools(account).await?;
    if pool.is_some_and(|pool| pools.iter().all(|own| own.id != pool)) {
        return Err(ApiProblem::BadRequest(
            "pool_id: expected a pool of this account, got none of them".into(),
        ));
    }
    let site = api
        .platform
        .add_site(account, &new.name, new.swap, pool, now())
        .await?;
    Ok((
        StatusCode::CREATED,
        Json(SiteView::of(&api, site, Vec::new())),
    ))
}

/// A host to add.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewHost {
    /// `www.example.com`, with a port where that is not the scheme's own.
    name: String,
}

/// Adds a host to a site, which is to be proved then
#[utoipa::path(post, path = "/sites/{site}/hosts", operation_id = "add_host", tag = "sites", params(("site" = Uuid, Path,)), request_body = NewHost, responses(
    (status = 201, body = HostView),
    (status = "default", body = ProblemDocument, content_type = "application/problem+json"),
))]
pub(super) async fn add_host(
    State(api): State<Api>,
    Asker(program): Asker,
    ApiPath(site): ApiPath<Uuid>,
    ApiBody(new): ApiBody<NewHost>,
) -> Result<(StatusCode, Json<HostView>), ApiProblem> {
    let host = api
        .platform
        .add_host(program.account.id, SiteId(site), &new.name, now())
        .await?;
    Ok((StatusCode::CREATED, Json(host.into())))
}

/// How a host was proved.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ProofView {
    /// `dns`, `file` or `meta`.
    proof: &'static str,
}

/// Looks for the proof of a host now
#[utoipa::path(post, path = "/hosts/{host}/check", operation_id = "check_host", tag = "sites", params(("host" = Uuid, Path,)), responses(
    (status = 200, body = ProofView),
    (status = "default", body = ProblemDocument, content_type = "application/problem+json"),
))]
pub(super) async fn check_host(
    State(api): State<Api>,
    Asker(program): Asker,
    ApiPath(host): ApiPath<Uuid>,
) -> Result<Json<ProofView>, ApiProblem> {
    let proof = api
        .platform
        .prove_host(program.account.id, HostId(host), now())
        .await?;
    Ok(Json(ProofView {
        proof: proof.as_str(),
    }))
}
