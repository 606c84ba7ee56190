//! Call plans and their versions.

use std::slice;

use ringfence_model::{CallPlan, PlanDocument, PlanId, Step};

use crate::world::{START, World, at, on_both_engines};

on_both_engines! {
    a_plan_keeps_what_it_said_before
    a_plan_that_does_not_exist_is_not_changed
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
    assert!(db.update_plan(&changed, at(50)).await.unwrap());
    let found = db.plan(tenant.account, changed.id).await.unwrap();
    assert_eq!(found.as_ref(), Some(&changed));
    assert_eq!(
        db.plans(tenant.account).await.unwrap(),
        slice::from_ref(&changed)
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
            )
        })
        .collect();
    assert_eq!(
        said,
        [
            (2, changed.name, changed.document, at(50)),
            (1, tenant.plan.name, tenant.plan.document, at(0)),
        ]
    );
}

async fn a_plan_that_does_not_exist_is_not_changed(world: World) {
    let tenant = world.tenant(1).await;
    let unknown = CallPlan {
        id: PlanId::new(START, world.draw()),
        ..tenant.plan
    };
    assert!(!world.db.update_plan(&unknown, at(1)).await.unwrap());
    assert_eq!(
        world.db.plan(tenant.account, unknown.id).await.unwrap(),
        None
    );
}
