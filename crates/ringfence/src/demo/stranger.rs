//! A second customer of the demo, who is what the fence is for: a page that locks and alarms its visitors asks for a
//! number. It is inert. The server looks at the page, shows no number on it, and tells the operators why in a case.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use ringfence_fence::Refusal;
use ringfence_model::{NumberId, NumberState, Site as SiteRow, TrackingNumber};
use ringfence_platform::{Platform, now, random};
use tokio::task::JoinHandle;

use super::browser::{Answer, Browsers, Tagged};
use super::seed::prove;
use super::site::Site;
use super::tally::Tally;
use crate::server::Server;

const NAME: &str = "Lantern Street Support";
/// Kept for drama (Ofcom).
const NUMBER: &str = "+442079460209";
const HOLD: Duration = Duration::from_mins(30);

/// The stranger's site.
pub struct Stranger {
    site: Site,
    key: String,
}

impl Stranger {
    /// Opens an account, proves a host, and has a number to show: all that an honest customer does.
    ///
    /// # Errors
    /// When rows cannot be written, the page cannot be served, or its host cannot be proved.
    pub async fn arrive(server: &Server, address: SocketAddr) -> anyhow::Result<Self> {
        let site = Site::bind_lock_page(address).await?;
        let platform = &*server.platform;
        let web = customer(platform).await?;
        prove(platform, &web, &site, now()).await?;
        Ok(Self { site, key: web.key })
    }

    /// The address of the page.
    pub fn page(&self) -> String {
        format!("http://{}/", self.site.host())
    }

    /// Opens the page as a visitor does; a number on it is a fault of the demo.
    pub fn ask(&self, browsers: Arc<Browsers>, tally: Arc<Tally>) -> JoinHandle<()> {
        let (origin, key) = (format!("http://{}", self.site.host()), self.key.clone());
        tokio::spawn(async move {
            let tagged = Tagged {
                origin: &origin,
                site_key: &key,
            };
            let answer = browsers.ask(0, tagged, "", "").await;
            if let Some(fault) = fault_of(answer) {
                tally.fault(fault);
            }
        })
    }
}

fn fault_of(answer: anyhow::Result<Answer>) -> Option<String> {
    match answer {
        Ok(Answer {
            number: Some(number),
            ..
        }) => Some(format!(
            "the page that locks its visitors was shown {}",
            number.e164
        )),
        Ok(Answer { reason, .. }) if reason.as_deref() == Some(Refusal::Withheld.as_str()) => None,
        Ok(Answer { reason, .. }) => Some(format!(
            "expected the number of the page that locks its visitors to be withheld, and the server says {}",
            reason.as_deref().unwrap_or("nothing")
        )),
        Err(error) => Some(format!(
            "the page that locks its visitors could not be opened: {error:#}"
        )),
    }
}

async fn customer(platform: &Platform) -> anyhow::Result<SiteRow> {
    let now = now();
    let accounts = platform.db.accounts().await?;
    let account = match accounts.into_iter().find(|account| account.name == NAME) {
        Some(account) => account,
        None => {
            platform
                .add_account(NAME, "GB", "Europe/London", now)
                .await?
        }
    };
    if let Some(site) = platform.db.sites(account.id).await?.into_iter().next() {
        return Ok(site);
    }
    let pool = platform
        .add_pool(account.id, "Web visitors", HOLD, None, now)
        .await?;
    let number = TrackingNumber {
        id: NumberId::new(now, random()),
        account: account.id,
        label: "Web 1".into(),
        e164: NUMBER.parse()?,
        state: NumberState::Assigned,
        pool: Some(pool.id),
        plan: None,
        created_at: now,
    };
    platform.db.add_numbers(vec![number]).await?;
    let swap_targets = vec!["+44 20 7946 0990".into()];
    Ok(platform
        .add_site(account.id, NAME, swap_targets, Some(pool.id), now)
        .await?)
}
