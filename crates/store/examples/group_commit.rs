//! How many visits with their leases are durable per second.
//!
//! `cargo run --release -p ringfence-store --example group_commit -- [URL] [CALLERS] [SECONDS]`; without a URL, an SQLite
//! file in the system's temporary folder. Use `taskset -c 0` to see what one core does.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use ringfence_model::{
    Account, AccountId, ClickId, E164, Lease, LeaseId, NumberId, NumberState, Pool, PoolId, Site,
    SiteId, Source, SourceKind, Timestamp, TrackingNumber, Utm, Visit, VisitId, VisitorId,
};
use ringfence_store::{Db, StoreError, Write};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut words = std::env::args().skip(1);
    let folder = tempfile::tempdir()?;
    let url = words
        .next()
        .unwrap_or_else(|| format!("sqlite:{}", folder.path().join("rows.db").display()));
    let callers: u64 = words.next().map_or(Ok(256), |word| word.parse())?;
    let seconds: u64 = words.next().map_or(Ok(10), |word| word.parse())?;

    let db = Db::open(&url).await?;
    db.migrate().await?;
    db.keep_journal().await?;
    let shown = Arc::new(Shown::prepare(&db).await?);
    let written = Arc::new(AtomicU64::new(0));
    let end = Instant::now() + Duration::from_secs(seconds);
    let tasks: Vec<_> = (0..callers)
        .map(|_| {
            let (db, shown, written) = (db.clone(), shown.clone(), written.clone());
            tokio::spawn(async move {
                let mut waits = Vec::new();
                while Instant::now() < end {
                    let began = Instant::now();
                    db.write(shown.pair()).await?;
                    waits.push(began.elapsed());
                    written.fetch_add(1, Ordering::Relaxed);
                }
                Ok::<_, StoreError>(waits)
            })
        })
        .collect();
    let mut waits = Vec::new();
    for task in tasks {
        waits.extend(task.await??);
    }
    waits.sort_unstable();
    let part = |percent: usize| waits[(waits.len() - 1) * percent / 100].as_secs_f64() * 1000.0;
    let behind = db.behind();
    println!(
        "{}: {callers} callers, {} pairs of visit and lease in {seconds} s: {}/s, waited p50 {:.1} ms, p99 {:.1} ms; {behind} not in the tables yet",
        db.engine_name(),
        written.load(Ordering::Relaxed),
        written.load(Ordering::Relaxed) / seconds,
        part(50),
        part(99),
    );
    db.close().await;
    Ok(())
}

/// What every visit is shown.
struct Shown {
    account: AccountId,
    site: SiteId,
    pool: PoolId,
    number: TrackingNumber,
    drawn: AtomicU64,
}

impl Shown {
    async fn prepare(db: &Db) -> Result<Self, Box<dyn std::error::Error>> {
        let now = Timestamp::from(SystemTime::now());
        let random = u128::from(std::process::id());
        let account = AccountId::new(now, random);
        db.add_account(&Account {
            id: account,
            name: "Example Ltd".into(),
            country: "GB".into(),
            time_zone: "Europe/London".into(),
            money: None,
            created_at: now,
        })
        .await?;
        let pool = PoolId::new(now, random);
        db.add_pool(&Pool {
            id: pool,
            account,
            name: "Pool".into(),
            hold: Duration::from_mins(10),
            overflow: None,
            quarantine: Pool::QUARANTINE,
        })
        .await?;
        let e164: E164 = "+442079460123".parse()?;
        let number = TrackingNumber {
            id: NumberId::new(now, random),
            account,
            e164,
            label: String::new(),
            // So that the number can be owned again by the next run.
            state: NumberState::Released,
            pool: Some(pool),
            plan: None,
            created_at: now,
        };
        db.add_numbers(vec![number.clone()]).await?;
        let site = SiteId::new(now, random);
        db.add_site(&Site {
            id: site,
            account,
            name: "Shop".into(),
            key: account.to_string(),
            swap_targets: vec![],
            pool: Some(pool),
            created_at: now,
        })
        .await?;
        Ok(Self {
            account,
            site,
            pool,
            number,
            drawn: AtomicU64::new(u64::from(std::process::id()) << 32),
        })
    }

    fn pair(&self) -> Vec<Write> {
        let now = Timestamp::from(SystemTime::now());
        let drawn = self.drawn.fetch_add(1, Ordering::Relaxed);
        let random = u128::from(drawn).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
        let visit = Visit {
            id: VisitId::new(now, random),
            account: self.account,
            site: self.site,
            visitor: VisitorId::new(now, random),
            started_at: now,
            seen_at: now,
            landing_page: "https://www.example.com/roofs/repair?utm_source=google&utm_medium=cpc&gclid=EAIaIQobChMI".into(),
            referrer: Some("https://www.google.example/".into()),
            source: Source {
                kind: SourceKind::Paid,
                name: "Google Ads".into(),
                campaign: Some("Spring".into()),
                keyword: Some("roof repair".into()),
            },
            utm: Utm {
                source: Some("google".into()),
                medium: Some("cpc".into()),
                ..Utm::default()
            },
            click_id: Some(ClickId {
                parameter: "gclid".into(),
                value: "EAIaIQobChMI".into(),
            }),
            language: Some("en-GB".into()),
            device: Some("phone".into()),
            address_prefix: Some("203.0.113.0/24".into()),
        };
        let lease = Lease {
            id: LeaseId::new(now, random),
            account: self.account,
            pool: self.pool,
            number: self.number.id,
            e164: self.number.e164.clone(),
            visit: visit.id,
            started_at: now,
            expires_at: now + Duration::from_mins(10),
            overflow: false,
        };
        vec![Write::Visit(Box::new(visit)), Write::Lease(Box::new(lease))]
    }
}
