//! The rows that a bench begins with: an account, numbers with live leases, somebody to ring.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context as _;
use ringfence_model::{
    Account, AccountId, Actor, CallPlan, E164, Host, HostId, HostProof, Lease, LeaseId, NumberId,
    NumberState, PlanDocument, PlanId, Pool, PoolId, Site, SiteId, Source, SourceKind, Step,
    Target, TargetGroup, TargetGroupId, TargetGroupMember, TargetId, Timestamp, TrackingNumber,
    Trunk, TrunkId, Utm, Visit, VisitId, VisitorId,
};
use ringfence_platform::{now, random};
use ringfence_store::{Db, Write};

/// The page that every visit is on.
pub const HOST: &str = "www.example.com";

/// The site's public key.
pub const SITE_KEY: &str = "bench";

/// What was made.
pub struct Rows {
    /// The account.
    pub account: AccountId,
    /// The site.
    pub site: SiteId,
    /// The pool of `numbers`.
    pub pool: PoolId,
    /// Tracking numbers.
    pub numbers: Vec<TrackingNumber>,
}

/// Makes an account with a proved site and a pool of `count` numbers whose leases live for `hold`.
///
/// # Errors
/// When rows cannot be written.
pub async fn site(db: &Db, count: usize, hold: Duration) -> anyhow::Result<Rows> {
    let now = now();
    let account = Account {
        id: AccountId::new(now, random()),
        name: "bench".into(),
        country: "US".into(),
        time_zone: "UTC".into(),
        money: None,
        created_at: now,
    };
    db.add_account(&account).await?;
    let account = account.id;
    let pool = Pool {
        id: PoolId::new(now, random()),
        account,
        name: "bench".into(),
        hold,
        overflow: None,
        quarantine: Pool::QUARANTINE,
    };
    db.add_pool(&pool).await?;
    let site = Site {
        id: SiteId::new(now, random()),
        account,
        name: "bench".into(),
        key: SITE_KEY.into(),
        swap_targets: vec!["+1 212 555 0100".into()],
        pool: Some(pool.id),
        created_at: now,
    };
    db.add_site(&site).await?;
    db.add_host(&Host {
        id: HostId::new(now, random()),
        site: site.id,
        account,
        name: HOST.into(),
        challenge: "bench".into(),
        proof: Some(HostProof::File),
        proved_at: Some(now),
    })
    .await?;
    let numbers = numbers(account, pool.id, None, count, now)?;
    for some in numbers.chunks(1_000) {
        db.add_numbers(some.to_vec()).await?;
    }
    Ok(Rows {
        account,
        site: site.id,
        pool: pool.id,
        numbers,
    })
}

/// Gives every number a plan that rings `callee`, makes a trunk of loopback, and leases each number to a visit of its
/// own, so that every call is attributed.
///
/// # Errors
/// When rows cannot be written.
pub async fn callable(db: &Db, rows: &mut Rows, callee: SocketAddr) -> anyhow::Result<()> {
    let now = now();
    let account = rows.account;
    db.add_trunk(&Trunk {
        id: TrunkId::new(now, random()),
        account,
        name: "bench".into(),
        addresses: vec!["127.0.0.1".into()],
        country: None,
    })
    .await?;
    let target = Target {
        id: TargetId::new(now, random()),
        account,
        name: "callee".into(),
        uri: format!("sip:callee@{callee}"),
        enabled: true,
    };
    db.add_target(&target).await?;
    let member = TargetGroupMember {
        target: target.id,
        ring_timeout: Duration::from_secs(20),
    };
    let group = TargetGroup {
        id: TargetGroupId::new(now, random()),
        account,
        name: "bench".into(),
        members: vec![member],
    };
    db.add_target_group(&group).await?;
    let document = PlanDocument {
        start: "ring".into(),
        steps: [("ring".to_owned(), Step::ring(group.id, None))].into(),
    };
    let plan = CallPlan {
        id: PlanId::new(now, random()),
        account,
        name: "bench".into(),
        document,
    };
    db.add_plan(&plan, &Actor::server(), now).await?;
    for number in &mut rows.numbers {
        number.plan = Some(plan.id);
        db.update_number(number).await?;
    }
    for number in &rows.numbers {
        db.write(leased(rows, number, now)).await?;
    }
    Ok(())
}

fn leased(rows: &Rows, number: &TrackingNumber, now: Timestamp) -> Vec<Write> {
    let visit = Visit {
        id: VisitId::new(now, random()),
        account: rows.account,
        site: rows.site,
        visitor: VisitorId::new(now, random()),
        started_at: now,
        seen_at: now,
        landing_page: format!("https://{HOST}/?utm_source=bench"),
        referrer: None,
        source: Source {
            kind: SourceKind::Campaign,
            name: "bench".into(),
            campaign: None,
            keyword: None,
        },
        utm: Utm {
            source: Some("bench".into()),
            ..Utm::default()
        },
        click_id: None,
        language: Some("en".into()),
        device: Some("desktop".into()),
        address_prefix: None,
    };
    let lease = Lease {
        id: LeaseId::new(now, random()),
        account: rows.account,
        pool: rows.pool,
        number: number.id,
        e164: number.e164.clone(),
        visit: visit.id,
        started_at: now,
        expires_at: now + Duration::from_hours(2),
        overflow: false,
    };
    vec![Write::Visit(Box::new(visit)), Write::Lease(Box::new(lease))]
}

/// Numbers kept for fiction: +1 NXX 555 0100 to 0199.
fn numbers(
    account: AccountId,
    pool: PoolId,
    plan: Option<PlanId>,
    count: usize,
    now: Timestamp,
) -> anyhow::Result<Vec<TrackingNumber>> {
    let digits =
        (200..1_000).flat_map(|area| (100..200).map(move |line| format!("+1{area}5550{line}")));
    digits
        .take(count)
        .map(|digits| {
            Ok(TrackingNumber {
                id: NumberId::new(now, random()),
                account,
                e164: E164::parse(&digits, None).with_context(|| digits.clone())?,
                label: String::new(),
                state: NumberState::Assigned,
                pool: Some(pool),
                plan,
                created_at: now,
            })
        })
        .collect()
}
