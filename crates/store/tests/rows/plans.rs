//! Call plans and their versions.

use std::slice;

use ringfence_model::{
    Actor, ActorKind, AuditEntry, AuditFilter, AuditId, AuditObject, CallPlan, PlanDocument,
    PlanId, Step,
};
use uuid::Uuid;

use crate::world::{START, World, at, on_both_engines};

on_both_engines! {
    a_plan_keeps_what_it_said_before
    a_change_from_an_older_version_is_refused
    a_plan_that_does_not_exist_is_not_changed
}

fn ann() -> Actor {
    Actor {
        kind: ActorKind::User,
        id: Some(Uuid::from_u128(7)),
        name: "ann@example.com".into(),
    }
}

async fn a_change_from_an_older_version_is_refused(world: World) {
    let tenant = world.tenant(1).await;
    let plan = tenant.plan;
    let named = |name: &str| CallPlan {
        name: name.into(),
        ..plan.clone()
    };
    let save = async |name: &str, base, seconds| {
        let plan = named(name);
        let entry = AuditEntry {
            id: AuditId::new(at(seconds), world.draw()),
            account: plan.account,
            at: at(seconds),
            actor: ann(),
            action: "plan.change".into(),
            object: AuditObject {
                kind: "plan".into(),
                id: plan.id.0,
                name: name.into(),
            },
            before: None,
            after: None,
        };
        let db = world.db.recorded(entry);
        let by = ann();
        let saved = db.update_plan(&plan, Some(base), &by, at(seconds));
        saved.await.unwrap()
    };
    assert!(save("Second", 1, 10).await);
    assert!(!save("Late", 1, 20).await, "version 2 is there meanwhile");
    assert!(save("Third", 2, 30).await);

    let db = &world.db;
    let now = db.plan(plan.account, plan.id).await.unwrap().unwrap();
    assert_eq!(now.name, "Third");
    let versions = db.plan_versions(plan.account, plan.id).await.unwrap();
    let said: Vec<_> = versions
        .iter()
        .map(|version| (version.version, version.name.as_str()))
        .collect();
    assert_eq!(said, [(3, "Third"), (2, "Second"), (1, plan.name.as_str())]);
    let all = AuditFilter::default();
    let log = db.audit_log(plan.account, &all, 10).await.unwrap();
    let told: Vec<_> = log.iter().map(|entry| entry.object.name.as_str()).collect();
    assert_eq!(told, ["Third", "Second"], "what was refused left no entry");
}

async fn a_plan_keeps_what_it_said_before(world: World) {
    let db = &world.db;
    let tenant = world.tenant(1).await;
    let changed = CallPlan {
        name: "Closed".into(),
        document: PlanDocument {
            start: "no".into(),
            steps: [("no".into(), Step::Reject { code: 603 })].into(),
        },
        ..tenant.plan.clone()
    };
    let ann = ann();
    assert!(db.update_plan(&changed, None, &ann, at(50)).await.unwrap());
    let found = db.plan(tenant.account, changed.id).await.unwrap();
    assert_eq!(found.as_ref(), Some(&changed));
    assert_eq!(
        db.plans(tenant.account).await.unwrap(),
        slice::from_ref(&changed)
    );

    assert_eq!(
        db.versioned_plans(tenant.account).await.unwrap(),
        [(changed.clone(), 2, Some(at(50)))]
    );

    let versions = db.plan_versions(tenant.account, changed.id).await.unwrap();
    let said: Vec<_> = versions
        .into_iter()
        .map(|version| {
            (
                version.version,
                version.name,
                version.document,
                version.created_at,
                version.by,
            )
        })
        .collect();
    assert_eq!(
        said,
        [
            (2, changed.name, changed.document, at(50), Some(ann)),
            (
                1,
                tenant.plan.name,
                tenant.plan.document,
                at(0),
                Some(Actor::server()),
            ),
        ]
    );
}

async fn a_plan_that_does_not_exist_is_not_changed(world: World) {
    let tenant = world.tenant(1).await;
    let unknown = CallPlan {
        id: PlanId::new(START, world.draw()),
        ..tenant.plan
    };
    let by = ann();
    let update = world.db.update_plan(&unknown, None, &by, at(1));
    assert!(!update.await.unwrap());
    assert_eq!(
        world.db.plan(tenant.account, unknown.id).await.unwrap(),
        None
    );
}
