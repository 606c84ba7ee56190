//! The use cases, a module each: load facts, let floor 1 decide, persist, act. Speaks neither HTML nor SIP.

pub mod account_edit;
pub mod accounts;
pub mod agents;
pub mod api_keys;
pub mod arrangement;
pub mod audit;
pub mod board;
pub mod call_log;
pub mod calls;
pub mod carriers;
pub mod conversions;
pub mod erasure;
pub mod fence;
pub mod first_steps;
pub mod keys;
pub mod marks;
pub mod minutes;
pub mod number_edit;
pub mod number_import;
pub mod number_life;
pub mod number_lines;
mod number_moves;
pub mod numbers;
mod outbox;
pub mod phones;
pub mod plan_edit;
pub mod plan_templates;
pub mod plan_trial;
pub mod plans;
pub mod pool_reports;
pub mod prompts;
mod registering;
pub mod repeats;
pub mod report_mails;
pub mod reports;
pub mod retention;
pub mod saved_reports;
pub mod secrets;
pub mod segments;
pub mod servers;
pub mod setup;
pub mod sites;
pub mod splits;
pub mod visits;
pub mod webhooks;
pub mod worth;

use std::path::PathBuf;
use std::sync::Arc;

use futures::future::BoxFuture;
use ringfence_live::{Live, LiveLimits, RateLimit, Valkey};
use ringfence_model::Timestamp;
use ringfence_outbound::Outbound;
use ringfence_store::Db;
use tokio_util::sync::CancellationToken;

pub use keys::Keys;
pub use ringfence_outbound::Mailer;

/// What the operator set; everything has a default that works on one machine.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where recordings are kept.
    pub recordings_folder: PathBuf,
    /// Whether answered calls are recorded.
    pub record_calls: bool,
    /// How browsers reach this server: `https://calls.example.com`, without a slash at its end.
    pub public_url: String,
    /// Addresses whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<ipnet::IpNet>,
    /// Number requests a minute from one network (/24 or /48); twice as many may come at once; 0 turns the limit off.
    pub number_requests_per_minute: u32,
    /// A lease that lapsed this long before a call still explains it.
    pub late_call_window: std::time::Duration,
    /// How the fence behaves.
    pub fence: fence::FenceSettings,
    /// Where carriers are asked for numbers.
    pub carriers: carriers::CarrierUrls,
    /// Where advertising platforms are told of conversions.
    pub conversions: conversions::ConversionUrls,
    /// What hands mails over; `None` where no mail can be sent.
    pub mail: Option<Mailer>,
}

/// Everything that the use cases share. Cheap to hand around as an [`Arc`].
pub struct Platform {
    /// Rows.
    pub db: Db,
    /// Leases, counts and limits of this moment.
    pub live: Live,
    /// Calls of this moment.
    pub board: board::Board,
    /// HTTP and DNS to others.
    pub outbound: Outbound,
    /// What the operator set.
    pub settings: Settings,
    /// What signs tokens.
    pub keys: Keys,
    /// What number requests need to know of sites, hosts and pools.
    pub tag_facts: visits::TagFacts,
    /// Numbers that were dialled a moment ago.
    pub call_facts: calls::CallFacts,
    /// Minutes of calls to telephone numbers, and whose dialling is held.
    pub minutes: minutes::Minutes,
    /// Every account's trunks by their addresses.
    pub trunks: calls::Trunks,
    /// Pages that ask for numbers, and looks at them that are under way.
    pub page_looks: fence::PageLooks,
    /// Every account's phones, and where they are registered.
    pub phones: phones::Phones,
    /// Calls of phones to colleagues.
    pub colleagues: calls::Colleagues,
    /// Calls whose callers may be put through from outside.
    pub switchboard: calls::Switchboard,
    /// Who answers at targets, and whether they may be rung.
    pub agents: agents::Agents,
    /// Failed sign-ins and one-time links.
    pub sign_ins: accounts::SignIns,
    /// This server among others over the same rows.
    pub standing: servers::Standing,
    /// Cancelled when the server stops: what streams without end ends then.
    pub stopping: CancellationToken,
}

impl Platform {
    /// Brings the use cases to life over a migrated database: leases and spent tokens are read back from rows.
    ///
    /// # Errors
    /// When the rows cannot be read.
    pub fn start(
        db: Db,
        outbound: Outbound,
        settings: Settings,
        keys: Keys,
    ) -> BoxFuture<'static, Result<Arc<Self>, ringfence_store::StoreError>> {
        Self::start_sharing(db, outbound, settings, keys, None)
    }

    /// The same, with leases and spent tokens where other servers over the same PostgreSQL see them.
    ///
    /// # Errors
    /// When the rows cannot be read.
    pub fn start_sharing(
        db: Db,
        outbound: Outbound,
        settings: Settings,
        keys: Keys,
        valkey: Option<Valkey>,
    ) -> BoxFuture<'static, Result<Arc<Self>, ringfence_store::StoreError>> {
        Box::pin(async move {
            if valkey.is_some() {
                db.guard_leases();
            }
            let platform = Self::over(db, outbound, settings, keys, valkey);
            platform.db.keep_journal().await?;
            visits::restore(&platform, now()).await?;
            calls::answered_before::restore(&platform, now()).await?;
            platform.tend_minutes(now()).await?;
            Ok(platform)
        })
    }

    /// The use cases for a command that does its work and ends, perhaps beside a server over the same rows: it keeps no
    /// journal, which is the server's, and reads no leases back, for it shows no numbers.
    pub fn beside(db: Db, outbound: Outbound, settings: Settings, keys: Keys) -> Arc<Self> {
        Self::over(db, outbound, settings, keys, None)
    }

    fn over(
        db: Db,
        outbound: Outbound,
        settings: Settings,
        keys: Keys,
        valkey: Option<Valkey>,
    ) -> Arc<Self> {
        let live = Live::with_limits(LiveLimits {
            per_prefix: RateLimit {
                per_minute: settings.number_requests_per_minute,
                burst: settings.number_requests_per_minute.saturating_mul(2),
            },
            ..LiveLimits::default()
        });
        let live = match valkey {
            Some(valkey) => live.over(valkey),
            None => live,
        };
        Arc::new_cyclic(|own| Self {
            live,
            board: board::Board::new(),
            tag_facts: visits::TagFacts::new(),
            call_facts: calls::CallFacts::default(),
            minutes: minutes::Minutes::new(settings.fence.dialled_minutes_per_hour),
            trunks: calls::Trunks::default(),
            page_looks: fence::PageLooks::new(own.clone()),
            phones: phones::Phones::default(),
            colleagues: calls::Colleagues::default(),
            switchboard: calls::Switchboard::default(),
            agents: agents::Agents::default(),
            sign_ins: accounts::SignIns::new(),
            standing: servers::Standing::default(),
            stopping: CancellationToken::new(),
            db,
            outbound,
            settings,
            keys,
        })
    }
}

/// The time of the server's clock. Use cases take their time as a parameter; this is for those who call them.
pub fn now() -> Timestamp {
    Timestamp::from(std::time::SystemTime::now())
}

/// 128 random bits from the operating system's generator, for identifiers.
pub fn random() -> u128 {
    rand::random()
}

/// 32 random octets, for secrets.
pub fn secret() -> [u8; 32] {
    rand::random()
}
