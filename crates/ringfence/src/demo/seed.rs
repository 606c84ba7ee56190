//! What the demo begins with: an account, somebody who signs in, a proved site, twelve numbers, and people who answer.
//! A data folder that was used before keeps its rows; only what has moved (ports, the password) is set again.

use std::time::Duration;

use anyhow::Context as _;
use base64::Engine as _;
use ringfence_model::{
    Account, AccountId, E164, NumberId, NumberState, PlanId, Pool, PoolId, Role, Site, TargetId,
    Timestamp, TrackingNumber,
};
use ringfence_platform::{Platform, now, random, secret};

use super::agents::Agents;
use crate::server::Server;

const EMAIL: &str = "admin@example.com";

/// Short, so that twelve numbers serve a crowd; an open page's beats keep its lease alive.
const HOLD: Duration = Duration::from_secs(8);

/// Short, so that a failover is seen while one watches.
const RING_TIMEOUT: Duration = Duration::from_secs(2);

/// Numbers kept for drama and examples (Ofcom; NANPA 555-0100 to 555-0199).
const NUMBERS: [&str; 12] = [
    "+442079460110",
    "+442079460121",
    "+442079460132",
    "+442079460143",
    "+442079460154",
    "+442079460165",
    "+442079460176",
    "+442079460187",
    "+442079460198",
    "+12125550101",
    "+12125550122",
    "+12125550143",
];

/// What the rest of the demo needs to know.
pub struct Seeded {
    /// The account.
    pub account: Account,
    /// Who signs in.
    pub email: &'static str,
    /// The password, new at each start.
    pub password: String,
    /// Signs in once.
    pub sign_in_link: String,
    /// The site's key.
    pub site_key: String,
    /// The address of the landing page.
    pub page: Page,
    /// The tracking numbers.
    pub numbers: Vec<TrackingNumber>,
}

/// The landing page.
#[derive(Debug, Clone)]
pub struct Page {
    host: String,
}

impl Page {
    /// `http://localhost:8081`
    pub fn origin(&self) -> String {
        format!("http://{}", self.host)
    }

    /// The port that it is served on.
    pub fn port(&self) -> u16 {
        self.host
            .rsplit(':')
            .next()
            .and_then(|port| port.parse().ok())
            .unwrap_or(80)
    }
}

impl std::fmt::Display for Page {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "http://{}/", self.host)
    }
}

/// Makes what is missing and proves the site.
///
/// # Errors
/// When rows cannot be written, or the demo site cannot be proved.
pub async fn seed(
    server: &Server,
    site: &super::site::Site,
    agents: &Agents,
) -> anyhow::Result<Seeded> {
    let platform = &*server.platform;
    let now = now();
    let account = match platform.db.first_account().await? {
        Some(account) => account,
        None => {
            platform
                .add_account("Harbour Lane Plumbing", "GB", "Europe/London", now)
                .await?
        }
    };
    let (password, sign_in_link) = admin(platform, &account, now).await?;
    let targets = targets(platform, account.id, agents, now).await?;
    let plan = plan(platform, account.id, &targets, now).await?;
    trunk(server, account.id, now).await?;
    let (pool, numbers) = numbers(platform, account.id, plan, now).await?;
    let web = web_site(platform, account.id, pool.id, now).await?;
    prove(platform, &web, site, now).await?;
    Ok(Seeded {
        sign_in_link: format!(
            "{}/sign-in/link?token={sign_in_link}",
            platform.settings.public_url
        ),
        account,
        email: EMAIL,
        password,
        site_key: web.key,
        page: Page { host: site.host() },
        numbers,
    })
}

async fn admin(
    platform: &Platform,
    account: &Account,
    now: Timestamp,
) -> anyhow::Result<(String, String)> {
    let password = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(&secret()[..12]);
    let user = match platform.db.user_by_email(EMAIL).await? {
        Some(user) => {
            platform.set_password(&user, &password).await?;
            user
        }
        None => {
            platform
                .add_user(account.id, EMAIL, "Demo admin", Role::Owner, &password, now)
                .await?
        }
    };
    // So that the cases are seen, and what the fence does.
    platform.db.add_operator(user.account, user.id, now).await?;
    Ok((
        password,
        platform.sign_in_link(&user, Duration::from_hours(1), now),
    ))
}

async fn targets(
    platform: &Platform,
    account: AccountId,
    agents: &Agents,
    now: Timestamp,
) -> anyhow::Result<Vec<TargetId>> {
    let known = platform.db.targets(account).await?;
    let mut ids = Vec::new();
    for (name, phone) in &agents.phones {
        let id = match known.iter().find(|target| target.name == *name) {
            Some(target) => {
                let moved = ringfence_model::Target {
                    uri: phone.uri(),
                    ..target.clone()
                };
                platform.db.update_target(&moved).await?;
                target.id
            }
            None => {
                platform
                    .add_target(account, name, &phone.uri(), now)
                    .await?
                    .id
            }
        };
        ids.push(id);
    }
    Ok(ids)
}

async fn plan(
    platform: &Platform,
    account: AccountId,
    targets: &[TargetId],
    now: Timestamp,
) -> anyhow::Result<PlanId> {
    if let Some(plan) = platform.db.plans(account).await?.first() {
        return Ok(plan.id);
    }
    let group = platform
        .add_target_group(account, "Plumbers", targets, RING_TIMEOUT, now)
        .await?;
    Ok(platform
        .add_ring_plan(account, "Ring the plumbers", group.id, now)
        .await?
        .id)
}

async fn trunk(server: &Server, account: AccountId, now: Timestamp) -> anyhow::Result<()> {
    let platform = &server.platform;
    if platform.db.trunks(account).await?.is_empty() {
        let addresses = vec!["127.0.0.0/8".into(), "::1".into()];
        platform
            .add_trunk(account, "This machine", addresses, Some("GB"), now)
            .await?;
    }
    platform.load_trunks(&server.trunks).await?;
    Ok(())
}

async fn numbers(
    platform: &Platform,
    account: AccountId,
    plan: PlanId,
    now: Timestamp,
) -> anyhow::Result<(Pool, Vec<TrackingNumber>)> {
    if let Some(pool) = platform.db.pools(account).await?.into_iter().next() {
        return Ok((pool, platform.db.numbers(account).await?));
    }
    let pool = platform
        .add_pool(account, "Web visitors", HOLD, None, now)
        .await?;
    let mut numbers = Vec::new();
    for (index, digits) in NUMBERS.iter().enumerate() {
        let e164: E164 = digits.parse().context("a number of the demo")?;
        // The last one is shown to everybody when all others are taken.
        let overflow = index + 1 == NUMBERS.len();
        numbers.push(TrackingNumber {
            id: NumberId::new(now, random()),
            account,
            label: if overflow {
                "Overflow".into()
            } else {
                format!("Web {}", index + 1)
            },
            e164,
            state: NumberState::Assigned,
            pool: (!overflow).then_some(pool.id),
            plan: Some(plan),
            created_at: now,
        });
    }
    platform.db.add_numbers(numbers.clone()).await?;
    let pool = Pool {
        overflow: numbers.last().map(|number| number.id),
        ..pool
    };
    platform.db.update_pool(&pool).await?;
    Ok((pool, numbers))
}

async fn web_site(
    platform: &Platform,
    account: AccountId,
    pool: PoolId,
    now: Timestamp,
) -> anyhow::Result<Site> {
    if let Some(site) = platform.db.sites(account).await?.into_iter().next() {
        return Ok(site);
    }
    let swap_targets = vec!["+44 20 7946 0000".into()];
    Ok(platform
        .add_site(
            account,
            "Harbour Lane Plumbing",
            swap_targets,
            Some(pool),
            now,
        )
        .await?)
}

/// Proves the host of a site of the demo, and fills its pages.
pub async fn prove(
    platform: &Platform,
    web: &Site,
    site: &super::site::Site,
    now: Timestamp,
) -> anyhow::Result<()> {
    let hosts = platform.db.hosts(web.account, web.id).await?;
    let host = match hosts.into_iter().find(|host| host.name == site.host()) {
        Some(host) => host,
        None => {
            platform
                .add_host(web.account, web.id, &site.host(), now)
                .await?
        }
    };
    site.fill(&platform.settings.public_url, &web.key, &host.challenge);
    platform
        .prove_host(web.account, host.id, now)
        .await
        .context("proving the demo site by its file")?;
    Ok(())
}
