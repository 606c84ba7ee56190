//! An account's identifiers mean nothing to another account.

use std::time::Duration;

use ringfence_model::{
    AccountId, Actor, CallEvent, CallEventKind, Disposition, Host, HostProof, LegOutcome,
    RecordingState, Role, TargetGroup, Trunk, TrunkId, User,
};
use ringfence_store::{CallFilter, StoreError, Write};

use crate::world::{START, Tenant, World, at, on_both_engines};

on_both_engines! {
    no_query_finds_another_accounts_row
    no_change_reaches_another_accounts_row
    no_row_points_to_another_accounts_row
    an_identifier_of_another_account_may_be_used_again
}

/// A row of every kind, all of `tenant`.
struct Everything {
    user: User,
    host: Host,
    trunk: Trunk,
    visit: ringfence_model::Visit,
    lease: ringfence_model::Lease,
    call: ringfence_model::Call,
    leg: ringfence_model::Leg,
    recording: ringfence_model::Recording,
}

async fn fill(world: &World, tenant: &Tenant) -> Everything {
    let db = &world.db;
    let user = User {
        id: world.user_id(),
        account: tenant.account,
        email: "ada@example.com".into(),
        name: "Ada".into(),
        role: Role::Owner,
        password_hash: "$argon2id$".into(),
        created_at: at(0),
        disabled_at: None,
        last_sign_in_at: None,
    };
    db.add_user(&user).await.unwrap();
    let host = Host {
        id: world.host_id(),
        site: tenant.site.id,
        account: tenant.account,
        name: "www.example.com".into(),
        challenge: "c".into(),
        proof: None,
        proved_at: None,
    };
    db.add_host(&host).await.unwrap();
    let trunk = Trunk {
        id: TrunkId::new(START, world.draw()),
        account: tenant.account,
        name: "Carrier".into(),
        addresses: vec![],
        country: None,
    };
    db.add_trunk(&trunk).await.unwrap();
    let visit = world.visit(tenant, at(1));
    let lease = world.lease(tenant, &visit);
    let call = world.call(tenant, at(2));
    let leg = world.leg(tenant, &call, 0);
    let recording = world.recording(&call);
    db.write(vec![
        Write::Visit(Box::new(visit.clone())),
        Write::Lease(Box::new(lease.clone())),
        Write::CallBegun(Box::new(call.clone())),
        Write::LegBegun(leg.clone()),
        Write::RecordingOpened(recording.clone()),
        Write::CallEvent(CallEvent {
            call: call.id,
            account: tenant.account,
            sequence: 0,
            at: at(2),
            kind: CallEventKind::Arrived,
        }),
    ])
    .await
    .unwrap();
    Everything {
        user,
        host,
        trunk,
        visit,
        lease,
        call,
        leg,
        recording,
    }
}

async fn no_query_finds_another_accounts_row(world: World) {
    let db = &world.db;
    let tenant = world.tenant(1).await;
    let rows = fill(&world, &tenant).await;
    let eve = world.account().await;
    let call = rows.call.id;

    assert_eq!(db.users(eve).await.unwrap(), []);
    assert_eq!(db.sites(eve).await.unwrap(), []);
    assert_eq!(db.site(eve, tenant.site.id).await.unwrap(), None);
    assert_eq!(db.hosts(eve, tenant.site.id).await.unwrap(), []);
    assert_eq!(db.host(eve, rows.host.id).await.unwrap(), None);
    assert_eq!(db.numbers(eve).await.unwrap(), []);
    assert_eq!(db.number(eve, tenant.number.id).await.unwrap(), None);
    assert_eq!(db.pools(eve).await.unwrap(), []);
    assert_eq!(db.pool(eve, tenant.pool.id).await.unwrap(), None);
    assert_eq!(db.trunks(eve).await.unwrap(), []);
    assert_eq!(db.trunk(eve, rows.trunk.id).await.unwrap(), None);
    assert_eq!(db.targets(eve).await.unwrap(), []);
    assert_eq!(db.target(eve, tenant.target.id).await.unwrap(), None);
    assert_eq!(db.target_groups(eve).await.unwrap(), []);
    assert_eq!(db.target_group(eve, tenant.group.id).await.unwrap(), None);
    assert_eq!(db.plans(eve).await.unwrap(), []);
    assert_eq!(db.plan(eve, tenant.plan.id).await.unwrap(), None);
    assert_eq!(db.plan_versions(eve, tenant.plan.id).await.unwrap(), []);
    assert_eq!(db.visit(eve, rows.visit.id).await.unwrap(), None);
    assert_eq!(db.lease(eve, rows.lease.id).await.unwrap(), None);
    assert_eq!(db.visits(eve, &[rows.visit.id]).await.unwrap(), []);
    assert_eq!(db.call(eve, call).await.unwrap(), None);
    let page = db
        .calls(eve, &CallFilter::default(), None, 9)
        .await
        .unwrap();
    assert_eq!(page.calls, []);
    let of_number = CallFilter {
        number: Some(tenant.number.id),
        ..CallFilter::default()
    };
    assert_eq!(db.calls(eve, &of_number, None, 9).await.unwrap().calls, []);
    assert_eq!(db.legs(eve, call).await.unwrap(), []);
    assert_eq!(db.call_events(eve, call).await.unwrap(), []);
    assert_eq!(db.recording(eve, rows.recording.id).await.unwrap(), None);
    assert_eq!(db.recording_of_call(eve, call).await.unwrap(), None);
    assert_eq!(db.call_totals(eve, at(0), at(9)).await.unwrap().calls, 0);
    assert_eq!(db.calls_by_hour(eve, at(0), at(9), 0).await.unwrap(), []);
    assert_eq!(db.calls_by_source(eve, at(0), at(9)).await.unwrap(), []);
    assert_eq!(db.calls_by_number(eve, at(0), at(9)).await.unwrap(), []);
    assert_eq!(db.calls_by_target(eve, at(0), at(9)).await.unwrap(), []);
    assert_eq!(db.callers_to_call_back(eve, at(0), at(9)).await.unwrap(), 0);
    assert_eq!(db.calls_by_minute(eve, at(0), at(9)).await.unwrap(), []);
    assert_eq!(db.visits_by_site(eve, at(0)).await.unwrap(), []);
    let counts = db.row_counts(eve, at(0), at(9)).await.unwrap();
    assert_eq!(counts, ringfence_store::RowCounts::default());
}

async fn no_change_reaches_another_accounts_user(world: &World, eve: AccountId, user: &User) {
    let (db, user, role) = (&world.db, user.id, user.role);
    assert!(!db.change_role(eve, user, role, Role::Agent).await.unwrap());
    assert!(!db.disable_user(eve, user, role, at(1)).await.unwrap());
    assert!(!db.enable_user(eve, user, role).await.unwrap());
    assert_eq!(db.sessions(eve, user, at(1)).await.unwrap(), []);
}

async fn no_change_reaches_another_accounts_row(world: World) {
    let db = &world.db;
    let mut tenant = world.tenant(1).await;
    let mut rows = fill(&world, &tenant).await;
    let eve = world.account().await;

    assert!(!db.set_password(eve, rows.user.id, "x").await.unwrap());
    no_change_reaches_another_accounts_user(&world, eve, &rows.user).await;
    let proof = Some((HostProof::Dns, at(1)));
    assert!(!db.set_host_proof(eve, rows.host.id, proof).await.unwrap());
    tenant.site.account = eve;
    tenant.site.pool = None;
    assert!(!db.update_site(&tenant.site).await.unwrap());
    tenant.number.account = eve;
    tenant.number.pool = None;
    tenant.number.plan = None;
    assert!(!db.update_number(&tenant.number).await.unwrap());
    tenant.pool.account = eve;
    assert!(!db.update_pool(&tenant.pool).await.unwrap());
    rows.trunk.account = eve;
    assert!(!db.update_trunk(&rows.trunk).await.unwrap());
    tenant.target.account = eve;
    assert!(!db.update_target(&tenant.target).await.unwrap());
    let emptied = TargetGroup {
        account: eve,
        members: vec![],
        ..tenant.group.clone()
    };
    assert!(!db.update_target_group(&emptied).await.unwrap());
    tenant.plan.account = eve;
    let by = Actor::server();
    let update = db.update_plan(&tenant.plan, None, &by, at(5));
    assert!(!update.await.unwrap());

    let changes = [
        Write::LeaseExtended {
            account: eve,
            lease: rows.lease.id,
            expires_at: at(9999),
        },
        Write::LeaseEnded {
            account: eve,
            lease: rows.lease.id,
            at: at(1),
        },
        Write::LegEnded {
            account: eve,
            leg: rows.leg.id,
            answered_at: None,
            ended_at: at(5),
            outcome: LegOutcome::Busy,
            code: None,
        },
        Write::CallAnswered {
            group: None,
            account: eve,
            call: rows.call.id,
            at: at(5),
            target: tenant.target.id,
            failed_over: false,
        },
        Write::CallEnded {
            account: eve,
            call: rows.call.id,
            at: at(5),
            disposition: Disposition::Failed,
            reason: None,
            failed_over: false,
        },
        Write::RecordingClosed {
            account: eve,
            recording: rows.recording.id,
            duration_ms: 0,
            size: 0,
            sha256: None,
            state: RecordingState::Failed,
        },
    ];
    for change in changes {
        let shown = format!("{change:?}");
        let result = db.write(vec![change]).await;
        assert!(
            matches!(result, Err(StoreError::MissingParent(_))),
            "{shown}"
        );
    }

    let account = rows.call.account;
    assert_eq!(
        db.call(account, rows.call.id).await.unwrap(),
        Some(rows.call.clone())
    );
    assert_eq!(
        db.lease(account, rows.lease.id).await.unwrap(),
        Some(rows.lease)
    );
    assert_eq!(db.legs(account, rows.call.id).await.unwrap(), [rows.leg]);
    assert_eq!(
        db.target_group(account, tenant.group.id).await.unwrap(),
        Some(tenant.group)
    );
    assert_eq!(db.users(account).await.unwrap(), [rows.user]);
}

async fn no_row_points_to_another_accounts_row(world: World) {
    let db = &world.db;
    let tenant = world.tenant(1).await;
    let rows = fill(&world, &tenant).await;
    let eve = world.tenant(2).await;

    let mut visit = world.visit(&eve, at(3));
    visit.site = tenant.site.id;
    let mut lease = world.lease(&eve, &rows.visit);
    lease.visit = rows.visit.id;
    let mut call = world.call(&eve, at(3));
    call.number = tenant.number.id;
    let mut leg = world.leg(&eve, &rows.call, 1);
    leg.account = eve.account;
    let mut recording = world.recording(&rows.call);
    recording.account = eve.account;
    let event = CallEvent {
        call: rows.call.id,
        account: eve.account,
        sequence: 1,
        at: at(3) + Duration::from_secs(1),
        kind: CallEventKind::Arrived,
    };
    for write in [
        Write::Visit(Box::new(visit)),
        Write::Lease(Box::new(lease)),
        Write::CallBegun(Box::new(call)),
        Write::LegBegun(leg),
        Write::RecordingOpened(recording),
        Write::CallEvent(event),
    ] {
        let shown = format!("{write:?}");
        let result = db.write(vec![write]).await;
        assert!(
            matches!(result, Err(StoreError::MissingParent(_))),
            "{shown}: {result:?}"
        );
    }
}

async fn an_identifier_of_another_account_may_be_used_again(world: World) {
    let db = &world.db;
    let tenant = world.tenant(1).await;
    let rows = fill(&world, &tenant).await;
    let eve = world.tenant(2).await;
    let mut visit = world.visit(&eve, at(3));
    visit.id = rows.visit.id;
    db.write(vec![Write::Visit(Box::new(visit.clone()))])
        .await
        .unwrap();
    assert_eq!(db.visit(eve.account, visit.id).await.unwrap(), Some(visit));
    let found = db.visit(tenant.account, rows.visit.id).await.unwrap();
    assert_eq!(found, Some(rows.visit));
}
