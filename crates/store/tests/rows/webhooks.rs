//! Webhooks, and deliveries that are made with the rows that they tell of.

use ringfence_model::{
    AccountId, DeliveryAttempt, DeliveryState, Disposition, RecordingState, Webhook, WebhookEvent,
    WebhookId,
};
use ringfence_store::{AttemptResult, Db, Write};

use crate::world::{START, Tenant, World, at, on_both_engines};

on_both_engines! {
    what_happens_to_a_call_is_told_once_to_who_asked
    an_attempt_is_claimed_by_one_and_written_down
    a_webhook_that_is_off_gets_no_deliveries
    what_was_given_up_is_due_again_when_asked
    deliveries_are_forgotten_when_they_are_old_or_their_webhook_is_gone
    another_account_neither_sees_nor_changes_a_webhook
    deliveries_come_out_of_a_journal_that_nobody_closed
}

async fn webhook(world: &World, account: AccountId, events: &[WebhookEvent]) -> Webhook {
    let webhook = Webhook {
        id: WebhookId::new(START, world.draw()),
        account,
        url: "https://hooks.example.com/".into(),
        events: events.to_vec(),
        secret: vec![1, 2, 3],
        enabled: true,
        failing_since: None,
        off_reason: None,
        created_at: at(0),
    };
    world.db.add_webhook(&webhook).await.unwrap();
    webhook
}

/// A whole call, from its first row to its recording.
fn story(world: &World, tenant: &Tenant) -> Vec<Write> {
    let call = world.call(tenant, at(10));
    let recording = world.recording(&call);
    vec![
        Write::CallBegun(Box::new(call.clone())),
        Write::CallAnswered {
            group: None,
            account: tenant.account,
            call: call.id,
            at: at(15),
            target: tenant.target.id,
            failed_over: false,
        },
        Write::RecordingOpened(recording.clone()),
        Write::RecordingClosed {
            account: tenant.account,
            recording: recording.id,
            duration_ms: 30_000,
            size: 9,
            sha256: None,
            state: RecordingState::Closed,
        },
        Write::CallEnded {
            account: tenant.account,
            call: call.id,
            at: at(50),
            disposition: Disposition::Answered,
            reason: None,
            failed_over: false,
        },
    ]
}

async fn told(db: &Db, webhook: &Webhook) -> Vec<WebhookEvent> {
    let page = db.deliveries(webhook.account, webhook.id, None, None, 100);
    let mut events: Vec<WebhookEvent> = page.await.unwrap().0.iter().map(|d| d.event).collect();
    events.sort();
    events
}

async fn what_happens_to_a_call_is_told_once_to_who_asked(world: World) {
    let (ours, theirs) = (world.tenant(1).await, world.tenant(2).await);
    let all = webhook(&world, ours.account, WebhookEvent::ALL).await;
    let ends = webhook(&world, ours.account, &[WebhookEvent::CallEnded]).await;
    let stranger = webhook(&world, theirs.account, WebhookEvent::ALL).await;
    let writes = story(&world, &ours);
    for write in writes.clone() {
        world.db.write(vec![write]).await.unwrap();
    }
    // Rows are tried again when an answer got lost.
    world.db.write(writes).await.unwrap();
    assert_eq!(told(&world.db, &all).await, WebhookEvent::ALL);
    assert_eq!(told(&world.db, &ends).await, [WebhookEvent::CallEnded]);
    assert_eq!(told(&world.db, &stranger).await, []);
    let due = world.db.due_deliveries(ours.account, all.id, at(14), 10);
    let due = due.await.unwrap();
    assert_eq!(due.len(), 1);
    assert_eq!((due[0].happened_at, due[0].attempts), (at(10), 0));
    let (first, next) = world
        .db
        .deliveries(ours.account, all.id, None, None, 3)
        .await
        .unwrap();
    let next = next.unwrap().to_string().parse().unwrap();
    let (last, none) = world
        .db
        .deliveries(ours.account, all.id, None, Some(next), 3)
        .await
        .unwrap();
    assert_eq!((first.len(), last.len(), none), (3, 1, None));
    assert_eq!(first[0].happened_at, at(50));
    assert_eq!(last[0], due[0]);
}

fn attempt(number: u32, seconds: u64, status: Option<u16>) -> DeliveryAttempt {
    DeliveryAttempt {
        number,
        at: at(seconds),
        duration_ms: 12,
        status,
        outcome: "as it went".into(),
    }
}

async fn an_attempt_is_claimed_by_one_and_written_down(world: World) {
    let db = &world.db;
    let tenant = world.tenant(1).await;
    let hook = webhook(&world, tenant.account, &[WebhookEvent::CallEnded]).await;
    db.write(story(&world, &tenant)).await.unwrap();
    // Readers see what was acknowledged.
    assert_eq!(told(db, &hook).await.len(), 1);
    assert_eq!(db.due_webhooks(at(49)).await.unwrap(), []);
    assert_eq!(
        db.due_webhooks(at(50)).await.unwrap(),
        std::slice::from_ref(&hook)
    );
    let due = async |now| {
        db.due_deliveries(tenant.account, hook.id, now, 10)
            .await
            .unwrap()
    };
    let found = due(at(60)).await.remove(0);
    assert!(db.claim_delivery(&found, at(90), at(999)).await.unwrap());
    assert!(!db.claim_delivery(&found, at(90), at(999)).await.unwrap());
    assert_eq!(due(at(89)).await, []);
    let later = AttemptResult::Later(at(100));
    db.note_attempt(&found, &attempt(1, 60, Some(500)), &later)
        .await
        .unwrap();
    let failing = db.webhook(tenant.account, hook.id).await.unwrap().unwrap();
    assert_eq!(failing.failing_since, Some(at(60)));
    let again = due(at(100)).await.remove(0);
    assert_eq!((again.attempts, again.retry_until), (1, Some(at(999))));
    assert!(db.claim_delivery(&again, at(130), at(999)).await.unwrap());
    db.note_attempt(
        &again,
        &attempt(2, 100, Some(204)),
        &AttemptResult::Delivered,
    )
    .await
    .unwrap();
    assert_eq!(due(at(9_999)).await, []);
    let works = db.webhook(tenant.account, hook.id).await.unwrap().unwrap();
    assert_eq!(works.failing_since, None);
    let log = db.delivery_attempts(tenant.account, found.id).await;
    assert_eq!(
        log.unwrap(),
        [attempt(1, 60, Some(500)), attempt(2, 100, Some(204))]
    );
    let delivered = db.delivery(tenant.account, hook.id, found.id).await;
    let delivered = delivered.unwrap().unwrap();
    assert_eq!(delivered.state, DeliveryState::Delivered);
    assert_eq!(delivered.delivered_at, Some(at(100)));
}

async fn a_webhook_that_is_off_gets_no_deliveries(world: World) {
    let db = &world.db;
    let tenant = world.tenant(1).await;
    let mut hook = webhook(&world, tenant.account, WebhookEvent::ALL).await;
    db.write(story(&world, &tenant)).await.unwrap();
    assert_eq!(told(db, &hook).await.len(), 4);
    let due = db.due_deliveries(tenant.account, hook.id, at(60), 10).await;
    let off = AttemptResult::SwitchedOff("it failed for three days".into());
    db.note_attempt(&due.unwrap()[0], &attempt(1, 60, None), &off)
        .await
        .unwrap();
    hook.enabled = false;
    hook.failing_since = Some(at(60));
    hook.off_reason = Some("it failed for three days".into());
    assert_eq!(
        db.webhooks(tenant.account).await.unwrap(),
        std::slice::from_ref(&hook)
    );
    assert_eq!(db.due_webhooks(at(9_999)).await.unwrap(), []);
    db.write(story(&world, &tenant)).await.unwrap();
    assert_eq!(told(db, &hook).await.len(), 4);
    hook.enabled = true;
    assert!(db.update_webhook(&hook).await.unwrap());
    db.write(story(&world, &tenant)).await.unwrap();
    assert_eq!(told(db, &hook).await.len(), 8);
}

async fn what_was_given_up_is_due_again_when_asked(world: World) {
    let db = &world.db;
    let tenant = world.tenant(1).await;
    let account = tenant.account;
    let hook = webhook(&world, account, WebhookEvent::ALL).await;
    db.write(story(&world, &tenant)).await.unwrap();
    assert_eq!(told(db, &hook).await.len(), 4);
    for delivery in db
        .due_deliveries(account, hook.id, at(60), 10)
        .await
        .unwrap()
    {
        let up = AttemptResult::GivenUp;
        db.note_attempt(&delivery, &attempt(1, 60, None), &up)
            .await
            .unwrap();
    }
    let failed = Some(DeliveryState::Failed);
    let page = db.deliveries(account, hook.id, failed, None, 10).await;
    let (given_up, _) = page.unwrap();
    assert_eq!(given_up.len(), 4);
    let again = db.replay_failed_deliveries(account, hook.id, at(50), at(70));
    assert_eq!(again.await.unwrap(), 1);
    let first = given_up.last().unwrap().id;
    assert!(
        db.replay_delivery(account, hook.id, first, at(80))
            .await
            .unwrap()
    );
    let due = db.due_deliveries(account, hook.id, at(80), 10).await;
    let due: Vec<_> = due.unwrap().iter().map(|d| d.next_at).collect();
    assert_eq!(due, [at(70), at(80)]);
}

async fn deliveries_are_forgotten_when_they_are_old_or_their_webhook_is_gone(world: World) {
    let db = &world.db;
    let tenant = world.tenant(1).await;
    let account = tenant.account;
    let hook = webhook(&world, account, &[WebhookEvent::CallStarted]).await;
    let gone = webhook(&world, account, &[WebhookEvent::CallStarted]).await;
    db.write(story(&world, &tenant)).await.unwrap();
    assert_eq!(told(db, &gone).await.len(), 1);
    assert!(db.remove_webhook(account, gone.id).await.unwrap());
    assert!(!db.remove_webhook(account, gone.id).await.unwrap());
    assert_eq!(told(db, &gone).await, []);
    assert_eq!(db.forget_deliveries(at(99)).await.unwrap(), 0, "it waits");
    let due = db.due_deliveries(account, hook.id, at(60), 1).await;
    let delivery = due.unwrap().remove(0);
    db.note_attempt(
        &delivery,
        &attempt(1, 60, Some(200)),
        &AttemptResult::Delivered,
    )
    .await
    .unwrap();
    assert_eq!(db.forget_deliveries(at(10)).await.unwrap(), 0);
    assert_eq!(db.forget_deliveries(at(11)).await.unwrap(), 1);
    let log = db.delivery_attempts(account, delivery.id).await.unwrap();
    assert_eq!(log, []);
}

async fn another_account_neither_sees_nor_changes_a_webhook(world: World) {
    let db = &world.db;
    let tenant = world.tenant(1).await;
    let hook = webhook(&world, tenant.account, WebhookEvent::ALL).await;
    db.write(story(&world, &tenant)).await.unwrap();
    let own = db.deliveries(tenant.account, hook.id, None, None, 9).await;
    let delivery = own.unwrap().0.remove(0);
    let eve = world.account().await;
    assert_eq!(db.webhooks(eve).await.unwrap(), []);
    assert_eq!(db.webhook(eve, hook.id).await.unwrap(), None);
    let seen = db.deliveries(eve, hook.id, None, None, 9).await.unwrap();
    assert_eq!(seen, (vec![], None));
    assert_eq!(db.delivery(eve, hook.id, delivery.id).await.unwrap(), None);
    assert_eq!(db.delivery_attempts(eve, delivery.id).await.unwrap(), []);
    assert_eq!(
        db.due_deliveries(eve, hook.id, at(99), 9).await.unwrap(),
        []
    );
    let mut taken = delivery.clone();
    taken.account = eve;
    assert!(!db.claim_delivery(&taken, at(99), at(99)).await.unwrap());
    assert!(
        !db.replay_delivery(eve, hook.id, delivery.id, at(99))
            .await
            .unwrap()
    );
    let replayed = db.replay_failed_deliveries(eve, hook.id, at(0), at(99));
    assert_eq!(replayed.await.unwrap(), 0);
    let mut changed = hook.clone();
    changed.account = eve;
    assert!(!db.update_webhook(&changed).await.unwrap());
    assert!(!db.remove_webhook(eve, hook.id).await.unwrap());
    assert_eq!(
        db.webhook(tenant.account, hook.id).await.unwrap(),
        Some(hook)
    );
}

/// As after a crash: what is only in the journal is carried out by whoever opens the file next.
async fn deliveries_come_out_of_a_journal_that_nobody_closed(world: World) {
    let tenant = world.tenant(1).await;
    let hook = webhook(&world, tenant.account, WebhookEvent::ALL).await;
    for _ in 0..20 {
        let call = world.call(&tenant, at(10));
        world
            .db
            .write(vec![Write::CallBegun(Box::new(call))])
            .await
            .unwrap();
    }
    let beside = Db::open(world.database.url()).await.unwrap();
    let page = beside.deliveries(tenant.account, hook.id, None, None, 100);
    assert_eq!(page.await.unwrap().0.len(), 20);
    beside.close().await;
}
