//! The crowd: visitors who open the demo page over HTTP as a browser with the tag does, and some of whom call.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context as _, bail};
use rand::Rng as _;
use rand::seq::IndexedRandom as _;
use ringfence_softphone::{CallRequest, Softphone, SoftphoneConfig};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::agents::{AGENT_TONE, Agents};
use super::browser::{Browsers, Number, Tagged};
use super::seed::Seeded;
use super::tally::{PlacedCall, Tally};
use crate::server::Server;

/// What agents hear, and the left channel of a recording, in Hz.
pub const CALLER_TONE: f64 = 440.0;

/// The first minute is lively, so that the dashboard fills while one watches; then a pace that leaves numbers free.
const LIVELY: Duration = Duration::from_mins(1);

/// Where visitors come from: what is behind the page's address, and the referrer.
const WAYS: [(&str, &str); 8] = [
    (
        "?utm_source=google&utm_medium=cpc&utm_campaign=emergency&utm_term=burst+pipe&gclid=demo-click-1",
        "https://www.google.com/",
    ),
    (
        "?utm_source=google&utm_medium=cpc&utm_campaign=boilers&utm_term=boiler+repair&gclid=demo-click-2",
        "https://www.google.com/",
    ),
    (
        "?utm_source=bing&utm_medium=cpc&utm_campaign=emergency&msclkid=demo-click-3",
        "https://www.bing.com/",
    ),
    (
        "?utm_source=newsletter&utm_medium=email&utm_campaign=winter-check",
        "",
    ),
    (
        "?utm_source=facebook&utm_medium=paid_social&utm_campaign=bathrooms&fbclid=demo-click-4",
        "https://www.facebook.com/",
    ),
    ("", "https://www.google.com/"),
    ("", "https://directory.example.com/plumbers"),
    ("", ""),
];

/// Visitors that keep coming until they are told to leave.
pub struct Crowd {
    arrivals: CancellationToken,
    people: TaskTracker,
}

/// What every visitor needs.
struct Town {
    browsers: Arc<Browsers>,
    origin: String,
    site_key: String,
    sip: std::net::SocketAddr,
    caller_phone: Softphone,
    agents: Agents,
    tally: Arc<Tally>,
    visitors: AtomicUsize,
    callers: AtomicUsize,
}

impl Crowd {
    /// Lets the first visitors in.
    ///
    /// # Errors
    /// When the callers' softphone cannot be started.
    pub async fn start(
        server: &Server,
        browsers: Arc<Browsers>,
        seeded: &Seeded,
        agents: Agents,
        tally: Arc<Tally>,
    ) -> anyhow::Result<Self> {
        let town = Arc::new(Town {
            browsers,
            origin: seeded.page.origin(),
            site_key: seeded.site_key.clone(),
            sip: server
                .telephony
                .udp_address()
                .context("the demo needs SIP over UDP")?,
            caller_phone: Softphone::start(SoftphoneConfig::default()).await?,
            agents,
            tally,
            visitors: AtomicUsize::new(0),
            callers: AtomicUsize::new(0),
        });
        let crowd = Self {
            arrivals: CancellationToken::new(),
            people: TaskTracker::new(),
        };
        crowd
            .people
            .spawn(arrive(town, crowd.people.clone(), crowd.arrivals.clone()));
        Ok(crowd)
    }

    /// Lets nobody else in and waits for those who talk, at most `patience`.
    pub async fn leave(self, patience: Duration) {
        self.arrivals.cancel();
        self.people.close();
        let _ = tokio::time::timeout(patience, self.people.wait()).await;
    }
}

async fn arrive(town: Arc<Town>, people: TaskTracker, stop: CancellationToken) {
    let began = tokio::time::Instant::now();
    loop {
        people.spawn(visit(Arc::clone(&town)));
        let lively = began.elapsed() < LIVELY;
        let pause = if lively {
            rand::rng().random_range(600..1_000)
        } else {
            rand::rng().random_range(2_500..6_000)
        };
        if stop
            .run_until_cancelled(tokio::time::sleep(Duration::from_millis(pause)))
            .await
            .is_none()
        {
            return;
        }
    }
}

async fn visit(town: Arc<Town>) {
    let index = town.visitors.fetch_add(1, Ordering::Relaxed);
    let number = match town.ask(index).await {
        Ok(number) => number,
        Err(error) => {
            town.tally
                .fault(format!("a visitor got no number: {error:#}"));
            return;
        }
    };
    // Two in five visitors call; the first ones do, so that a short demo has its calls.
    if index.is_multiple_of(5) || index % 5 == 2 {
        let reading = Duration::from_millis(rand::rng().random_range(300..1_500));
        tokio::time::sleep(reading).await;
        town.call(&number).await;
    }
}

impl Town {
    async fn ask(&self, index: usize) -> anyhow::Result<Number> {
        let (query, referrer) = WAYS.choose(&mut rand::rng()).copied().unwrap_or(("", ""));
        let page = Tagged {
            origin: &self.origin,
            site_key: &self.site_key,
        };
        let answer = self.browsers.ask(index, page, query, referrer).await?;
        if answer.number.is_some() {
            self.browsers.beat(index, page, &answer).await?;
        }
        match answer.number {
            Some(number) => {
                self.tally.number_shown();
                Ok(number)
            }
            None => bail!(
                "the server says {}",
                answer.reason.as_deref().unwrap_or("nothing")
            ),
        }
    }

    async fn call(&self, number: &Number) {
        let call = self.callers.fetch_add(1, Ordering::Relaxed);
        self.agents.meet(call);
        // +44 1632 960000 to 960999 are kept for drama; a caller in eight rings again.
        let from = format!(
            "+441632960{:03}",
            if call % 8 == 6 { 5 } else { call % 1_000 }
        );
        let gives_up = call % 9 == 6;
        let request = CallRequest {
            server: self.sip,
            to: number.e164.to_string(),
            from: from.clone(),
            tone_hz: CALLER_TONE,
            talk: Duration::from_millis(rand::rng().random_range(2_500..6_000)),
            give_up_after: Some(if gives_up {
                Duration::from_millis(250)
            } else {
                Duration::from_secs(20)
            }),
            expect: vec![CALLER_TONE, AGENT_TONE],
        };
        self.tally.dialled();
        match self.caller_phone.call(request).await {
            Ok(result) => self.tally.placed(PlacedCall {
                from,
                lease: number.lease,
                result,
            }),
            Err(error) => self
                .tally
                .fault(format!("a call could not be made: {error}")),
        }
    }
}
