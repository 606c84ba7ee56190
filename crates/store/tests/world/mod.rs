//! A migrated, empty database of one engine, and rows to put into it.
#![allow(dead_code, reason = "each test program uses its own part of the world")]

use std::cell::Cell;
use std::time::Duration;

use ringfence_model::{
    Account, AccountId, Actor, Call, CallId, CallPlan, ClickId, Confidence, E164, HostId, Lease,
    LeaseId, Leg, LegId, NumberId, NumberState, PlanDocument, PlanId, Pool, PoolId, Recording,
    RecordingId, RecordingState, SessionId, Site, SiteId, Source, SourceKind, Step, Target,
    TargetGroup, TargetGroupId, TargetGroupMember, TargetId, Timestamp, TrackingNumber, TrunkId,
    UserId, Utm, Visit, VisitId, VisitorId,
};
use ringfence_store::Db;
use ringfence_testing::{Engine, TestDatabase};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, SqliteConnection};

/// Runs each test's body once on SQLite and once on PostgreSQL.
macro_rules! on_both_engines {
    ($($name:ident)*) => {
        mod sqlite {
            $(#[tokio::test]
            async fn $name() {
                super::$name($crate::world::World::sqlite().await).await;
            })*
        }
        mod postgresql {
            $(#[tokio::test]
            async fn $name() {
                super::$name($crate::world::World::postgresql().await).await;
            })*
        }
    };
}
pub(crate) use on_both_engines;

/// A Tuesday.
pub const START: Timestamp = Timestamp::from_micros(1_764_000_000_000_000);

/// `seconds` after [`START`].
pub fn at(seconds: u64) -> Timestamp {
    START + Duration::from_secs(seconds)
}

/// One database and a source of identifiers.
pub struct World {
    pub db: Db,
    pub database: TestDatabase,
    drawn: Cell<u128>,
    cases: Cell<u32>,
}

/// An account with what calls and visits point to.
pub struct Tenant {
    pub account: AccountId,
    pub site: Site,
    pub pool: Pool,
    pub number: TrackingNumber,
    pub plan: CallPlan,
    pub target: Target,
    pub group: TargetGroup,
}

impl World {
    pub async fn sqlite() -> Self {
        Self::of(Engine::Sqlite.database_with_tables().await).await
    }

    pub async fn postgresql() -> Self {
        Self::of(Engine::Postgres.database_with_tables().await).await
    }

    async fn of(database: TestDatabase) -> Self {
        let db = Db::open(database.url()).await.unwrap();
        db.migrate().await.unwrap();
        db.keep_journal().await.unwrap();
        Self {
            db,
            database,
            drawn: Cell::new(0),
            cases: Cell::new(0),
        }
    }

    /// A number that was not drawn before.
    pub fn draw(&self) -> u128 {
        // An odd factor reaches every 128-bit number once, and leaves no two near each other.
        self.drawn.set(self.drawn.get() + 1);
        self.drawn
            .get()
            .wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835)
    }

    /// 1, 2, 3, … below 1,000, for tests that make many tenants.
    pub fn case(&self) -> u32 {
        self.cases.set(self.cases.get() + 1);
        self.cases.get()
    }

    pub async fn account(&self) -> AccountId {
        let account = Account {
            id: AccountId::new(START, self.draw()),
            name: "Example Ltd".into(),
            country: "GB".into(),
            time_zone: "Europe/London".into(),
            money: None,
            created_at: at(0),
        };
        self.db.add_account(&account).await.unwrap();
        account.id
    }

    /// `digits` are the last four of a fictitious number in London (020 7946 0000 to 0999).
    pub async fn tenant(&self, digits: u32) -> Tenant {
        let account = self.account().await;
        let pool = Pool {
            id: PoolId::new(START, self.draw()),
            account,
            name: "Pool".into(),
            hold: Duration::from_mins(30),
            overflow: None,
            quarantine: Pool::QUARANTINE,
        };
        self.db.add_pool(&pool).await.unwrap();
        let target = Target {
            id: TargetId::new(START, self.draw()),
            account,
            name: "Front desk".into(),
            uri: "sip:desk@192.0.2.10:5060".into(),
            enabled: true,
        };
        self.db.add_target(&target).await.unwrap();
        let group = TargetGroup {
            id: TargetGroupId::new(START, self.draw()),
            account,
            name: "Sales".into(),
            members: vec![TargetGroupMember {
                target: target.id,
                ring_timeout: Duration::from_secs(20),
            }],
        };
        self.db.add_target_group(&group).await.unwrap();
        let plan = CallPlan {
            id: PlanId::new(START, self.draw()),
            account,
            name: "Main".into(),
            document: document(group.id),
        };
        self.db
            .add_plan(&plan, &Actor::server(), at(0))
            .await
            .unwrap();
        let number = TrackingNumber {
            pool: Some(pool.id),
            plan: Some(plan.id),
            state: NumberState::Assigned,
            ..self.number(account, digits)
        };
        self.db.add_numbers(vec![number.clone()]).await.unwrap();
        let site = Site {
            id: SiteId::new(START, self.draw()),
            account,
            name: "Shop".into(),
            key: format!("site-{digits}"),
            swap_targets: vec!["020 7946 0999".into()],
            pool: Some(pool.id),
            created_at: at(0),
        };
        self.db.add_site(&site).await.unwrap();
        Tenant {
            account,
            site,
            pool,
            number,
            plan,
            target,
            group,
        }
    }

    pub fn number(&self, account: AccountId, digits: u32) -> TrackingNumber {
        TrackingNumber {
            id: NumberId::new(START, self.draw()),
            account,
            e164: london(digits),
            label: format!("Number {digits}"),
            state: NumberState::Available,
            pool: None,
            plan: None,
            created_at: at(0),
        }
    }

    pub fn visit(&self, tenant: &Tenant, started_at: Timestamp) -> Visit {
        Visit {
            id: VisitId::new(started_at, self.draw()),
            account: tenant.account,
            site: tenant.site.id,
            visitor: VisitorId::new(started_at, self.draw()),
            started_at,
            seen_at: started_at,
            landing_page: "https://www.example.com/?utm_source=google".into(),
            referrer: Some("https://search.example/".into()),
            source: Source {
                kind: SourceKind::Paid,
                name: "Google Ads".into(),
                campaign: Some("Spring".into()),
                keyword: Some("roof repair".into()),
            },
            utm: Utm {
                source: Some("google".into()),
                ..Utm::default()
            },
            click_id: Some(ClickId {
                parameter: "gclid".into(),
                value: "abc123".into(),
            }),
            language: Some("en-GB".into()),
            device: Some("phone".into()),
            address_prefix: Some("203.0.113.0/24".into()),
        }
    }

    pub async fn write_visit(&self, visit: &Visit) {
        let write = ringfence_store::Write::Visit(Box::new(visit.clone()));
        self.db.write(vec![write]).await.unwrap();
    }

    pub fn lease(&self, tenant: &Tenant, visit: &Visit) -> Lease {
        Lease {
            id: LeaseId::new(visit.started_at, self.draw()),
            account: tenant.account,
            pool: tenant.pool.id,
            number: tenant.number.id,
            e164: tenant.number.e164.clone(),
            visit: visit.id,
            started_at: visit.started_at,
            expires_at: visit.started_at + Duration::from_mins(10),
            overflow: false,
        }
    }

    /// A call that has just come in.
    pub fn call(&self, tenant: &Tenant, started_at: Timestamp) -> Call {
        Call {
            id: CallId::new(started_at, self.draw()),
            account: tenant.account,
            number: tenant.number.id,
            dialled: tenant.number.e164.clone(),
            caller: Some(caller(1)),
            trunk: TrunkId::new(START, 7),
            plan: Some(tenant.plan.id),
            sip_call_id: "a84b4c76e66710@example.com".into(),
            started_at,
            answered_at: None,
            ended_at: None,
            disposition: None,
            reason: None,
            target: None,
            failed_over: false,
            visit: None,
            source: None,
            confidence: Confidence::Unknown,
            server: None,
        }
    }

    pub fn leg(&self, tenant: &Tenant, call: &Call, position: u32) -> Leg {
        Leg {
            id: LegId::new(call.started_at, self.draw()),
            call: call.id,
            account: tenant.account,
            target: tenant.target.id,
            position,
            started_at: call.started_at + Duration::from_millis(u64::from(position) * 100),
            answered_at: None,
            ended_at: None,
            outcome: None,
            code: None,
        }
    }

    pub fn recording(&self, call: &Call) -> Recording {
        Recording {
            id: RecordingId::new(call.started_at, self.draw()),
            call: call.id,
            account: call.account,
            path: "2025/11/24/a.wav".into(),
            started_at: call.started_at + Duration::from_secs(3),
            duration_ms: 0,
            size: 0,
            sha256: None,
            state: RecordingState::Open,
        }
    }

    pub fn user_id(&self) -> UserId {
        UserId::new(START, self.draw())
    }

    pub fn session_id(&self) -> SessionId {
        SessionId::new(START, self.draw())
    }

    pub fn host_id(&self) -> HostId {
        HostId::new(START, self.draw())
    }
}

/// Rings `group`, then refuses.
pub fn document(group: TargetGroupId) -> PlanDocument {
    let ring = Step::ring(group, Some("sorry".into()));
    PlanDocument {
        start: "ring".into(),
        steps: [
            ("ring".into(), ring),
            ("sorry".into(), Step::Reject { code: 480 }),
        ]
        .into(),
    }
}

/// A fictitious number in London, 0 to 999.
pub fn london(digits: u32) -> E164 {
    format!("+44207946{digits:04}").parse().unwrap()
}

/// A fictitious caller, 0 to 99.
pub fn caller(digits: u32) -> E164 {
    format!("+1212555{:04}", 100 + digits).parse().unwrap()
}

/// What another program does to the rows, past the writer.
pub async fn execute(world: &World, sql: &str) {
    let sql = AssertSqlSafe(sql.to_owned());
    let url = world.database.url();
    if url.starts_with("sqlite:") {
        let mut connection = SqliteConnection::connect(url).await.unwrap();
        sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
    } else {
        let mut connection = PgConnection::connect(url).await.unwrap();
        sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
    }
}

/// An identifier as a literal of the engine.
pub fn literal(world: &World, call: CallId) -> String {
    let id = call.0.simple().to_string();
    if world.database.url().starts_with("sqlite:") {
        format!("x'{id}'")
    } else {
        format!("'{id}'")
    }
}

/// 0 to `below`, drawn from the world's numbers so that a failure comes again.
pub fn draw_below(world: &World, below: u64) -> u64 {
    let drawn = u64::try_from(world.draw() >> 64).unwrap();
    (drawn ^ (drawn >> 31)).wrapping_mul(0x9e37_79b9_7f4a_7c15) % below
}

/// The number that a statement answers.
pub async fn count(world: &World, sql: &str) -> i64 {
    let sql = AssertSqlSafe(sql.to_owned());
    let url = world.database.url();
    if url.starts_with("sqlite:") {
        let mut connection = SqliteConnection::connect(url).await.unwrap();
        sqlx::query_scalar(sql)
            .fetch_one(&mut connection)
            .await
            .unwrap()
    } else {
        let mut connection = PgConnection::connect(url).await.unwrap();
        sqlx::query_scalar(sql)
            .fetch_one(&mut connection)
            .await
            .unwrap()
    }
}
