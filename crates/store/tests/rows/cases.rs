//! Cases: opened with evidence, withheld, released by people, never rewritten.

use ringfence_model::{
    AbuseCase, CaseEvidence, CaseId, CaseSignal, CaseState, EvidenceId, EvidenceKind, EvidencePage,
    Role, User, UserId,
};
use ringfence_store::{ConfirmedPage, StoreError};
use sqlx::{Connection as _, PgConnection, SqliteConnection};

use crate::world::{START, Tenant, World, at, on_both_engines};

on_both_engines! {
    a_case_is_read_back_with_its_evidence_and_withholds
    a_site_has_one_open_case
    open_cases_come_first_and_then_the_riskiest
    one_person_is_not_two
    votes_from_before_a_decision_do_not_count
    a_confirmed_case_withholds_and_can_be_released
    a_confirmed_case_freezes_its_account_until_it_is_released
    a_site_is_answered_for_once_in_a_time
    evidence_cannot_be_changed_or_removed
    evidence_of_one_moment_keeps_its_order
    pages_of_confirmed_cases_are_told_with_their_first_and_last_look
    a_vote_counts_after_a_decision_whatever_the_clock_says
    another_account_finds_no_case
    operators_are_users_who_were_made_so
}

pub fn case(world: &World, tenant: &Tenant, risk: u16) -> AbuseCase {
    AbuseCase {
        id: CaseId::new(START, world.draw()),
        account: tenant.account,
        site: tenant.site.id,
        state: CaseState::Open,
        risk,
        opened_at: at(10),
        decided_at: None,
    }
}

pub fn evidence(world: &World, case: &AbuseCase, kind: EvidenceKind, second: u64) -> CaseEvidence {
    CaseEvidence {
        id: EvidenceId::new(at(second), world.draw()),
        case: case.id,
        account: case.account,
        kind,
        what: "seen as a desktop browser".into(),
        risk: None,
        signals: Vec::new(),
        page: None,
        at: at(second),
        by: None,
    }
}

fn vote(world: &World, case: &AbuseCase, second: u64, by: UserId) -> CaseEvidence {
    CaseEvidence {
        by: Some(by),
        ..evidence(world, case, EvidenceKind::ReleaseAgreed, second)
    }
}

fn look(world: &World, case: &AbuseCase, second: u64, risk: u16) -> CaseEvidence {
    CaseEvidence {
        risk: Some(risk),
        signals: vec![CaseSignal {
            kind: "full_screen".into(),
            strength: 1.0,
            count: 2,
            weight: 0.75,
            part: "inline script 1".into(),
            line: Some(3),
            excerpt: "requestFullscreen()".into(),
            why: "The page asks for full screen.".into(),
        }],
        page: Some(EvidencePage {
            url: "http://shop.test/".into(),
            octets: b"<!doctype html>\0\xff".to_vec(),
            length: 70_000,
            sha256: vec![7; 32],
        }),
        ..evidence(world, case, EvidenceKind::Look, second)
    }
}

async fn a_case_is_read_back_with_its_evidence_and_withholds(world: World) {
    let (db, tenant) = (&world.db, world.tenant(1).await);
    let case = case(&world, &tenant, 700);
    let first = look(&world, &case, 10, 700);
    db.open_case(&case, std::slice::from_ref(&first), true)
        .await
        .unwrap();
    let second = look(&world, &case, 11, 990);
    db.add_evidence(case.account, case.id, std::slice::from_ref(&second), None)
        .await
        .unwrap();
    let third = look(&world, &case, 12, 300);
    db.add_evidence(case.account, case.id, std::slice::from_ref(&third), None)
        .await
        .unwrap();

    let read = db.case(case.id).await.unwrap().unwrap();
    assert_eq!(read, AbuseCase { risk: 990, ..case });
    let open = db.open_case_of(tenant.account, tenant.site.id).await;
    assert_eq!(open.unwrap(), Some(read));
    let without_octets = |mut piece: CaseEvidence| {
        piece.page.as_mut().unwrap().octets.clear();
        piece
    };
    let octets = first.page.as_ref().unwrap().octets.clone();
    let found = db.evidence_page(case.account, case.id, first.id).await;
    assert_eq!(found.unwrap(), Some(octets));
    assert_eq!(
        db.evidence(case.account, case.id, 2).await.unwrap(),
        [without_octets(first), without_octets(second)]
    );
    let holds = db.live_holds(tenant.account).await.unwrap();
    assert_eq!(holds.len(), 1);
    assert_eq!(
        (holds[0].case, holds[0].site, holds[0].placed_at),
        (case.id, tenant.site.id, at(10))
    );
}

async fn a_site_has_one_open_case(world: World) {
    let (db, tenant) = (&world.db, world.tenant(1).await);
    let first = case(&world, &tenant, 500);
    db.open_case(&first, &[], false).await.unwrap();
    let second = db.open_case(&case(&world, &tenant, 900), &[], true).await;
    assert!(matches!(second, Err(StoreError::Taken(_))), "{second:?}");
    assert_eq!(db.live_holds(tenant.account).await.unwrap(), []);
    let ada = UserId::new(START, world.draw());
    let released = db
        .agree_to_release(&vote(&world, &first, 20, ada), 1)
        .await
        .unwrap();
    assert!(released);
    db.open_case(&case(&world, &tenant, 900), &[], true)
        .await
        .unwrap();
}

async fn open_cases_come_first_and_then_the_riskiest(world: World) {
    let db = &world.db;
    let ada = UserId::new(START, world.draw());
    let mut ids = Vec::new();
    for risk in [600, 999, 800] {
        let tenant = world.tenant(world.case()).await;
        let case = case(&world, &tenant, risk);
        db.open_case(&case, &[], false).await.unwrap();
        if risk == 999 {
            let vote = vote(&world, &case, 20, ada);
            assert!(db.agree_to_release(&vote, 1).await.unwrap());
        }
        ids.push(case.id);
    }
    let order: Vec<CaseId> = db.cases(10).await.unwrap().iter().map(|c| c.id).collect();
    assert_eq!(order, [ids[2], ids[0], ids[1]]);
    assert_eq!(db.cases(1).await.unwrap().len(), 1);
}

async fn one_person_is_not_two(world: World) {
    let (db, tenant) = (&world.db, world.tenant(1).await);
    let case = case(&world, &tenant, 900);
    db.open_case(&case, &[look(&world, &case, 10, 900)], true)
        .await
        .unwrap();
    let (ada, ben) = (
        UserId::new(START, world.draw()),
        UserId::new(START, world.draw()),
    );
    for second in [20, 21] {
        let vote = vote(&world, &case, second, ada);
        assert!(!db.agree_to_release(&vote, 2).await.unwrap());
    }
    assert_eq!(db.live_holds(tenant.account).await.unwrap().len(), 1);
    let none = db.released_looks(tenant.account, tenant.site.id, 9).await;
    assert_eq!(none.unwrap(), []);
    let vote = vote(&world, &case, 22, ben);
    assert!(db.agree_to_release(&vote, 2).await.unwrap());
    assert_eq!(db.live_holds(tenant.account).await.unwrap(), []);
    let read = db.case(case.id).await.unwrap().unwrap();
    assert_eq!(
        (read.state, read.decided_at),
        (CaseState::Released, Some(at(22)))
    );
    let seen = db.released_looks(tenant.account, tenant.site.id, 9).await;
    assert_eq!(seen.unwrap()[0].signals[0].kind, "full_screen");
}

async fn votes_from_before_a_decision_do_not_count(world: World) {
    let (db, tenant) = (&world.db, world.tenant(1).await);
    let case = case(&world, &tenant, 900);
    db.open_case(&case, &[], true).await.unwrap();
    let (ada, ben) = (
        UserId::new(START, world.draw()),
        UserId::new(START, world.draw()),
    );
    assert!(
        !db.agree_to_release(&vote(&world, &case, 20, ada), 2)
            .await
            .unwrap()
    );
    let confirmed = CaseEvidence {
        by: Some(ben),
        ..evidence(&world, &case, EvidenceKind::Confirmed, 21)
    };
    assert!(db.confirm_case(&confirmed).await.unwrap());
    assert!(
        !db.agree_to_release(&vote(&world, &case, 22, ben), 2)
            .await
            .unwrap()
    );
    assert!(
        db.agree_to_release(&vote(&world, &case, 23, ada), 2)
            .await
            .unwrap()
    );
}

async fn a_confirmed_case_withholds_and_can_be_released(world: World) {
    let (db, tenant) = (&world.db, world.tenant(1).await);
    let case = case(&world, &tenant, 600);
    db.open_case(&case, &[], false).await.unwrap();
    let ada = UserId::new(START, world.draw());
    let confirmed = CaseEvidence {
        by: Some(ada),
        ..evidence(&world, &case, EvidenceKind::Confirmed, 20)
    };
    assert!(db.confirm_case(&confirmed).await.unwrap());
    assert_eq!(db.live_holds(tenant.account).await.unwrap().len(), 1);
    let read = db.case(case.id).await.unwrap().unwrap();
    assert_eq!(read.state, CaseState::Confirmed);
    let again = CaseEvidence {
        id: EvidenceId::new(START, world.draw()),
        ..confirmed
    };
    assert!(!db.confirm_case(&again).await.unwrap());
    assert!(
        db.agree_to_release(&vote(&world, &case, 30, ada), 1)
            .await
            .unwrap()
    );
    assert_eq!(db.live_holds(tenant.account).await.unwrap(), []);
}

async fn evidence_cannot_be_changed_or_removed(world: World) {
    let (db, tenant) = (&world.db, world.tenant(1).await);
    let case = case(&world, &tenant, 900);
    let look = look(&world, &case, 10, 900);
    db.open_case(&case, &[look], true).await.unwrap();
    let url = world.database.url();
    for sql in [
        "UPDATE case_evidence SET what = 'nothing'",
        "DELETE FROM case_evidence",
    ] {
        let refused = if url.starts_with("sqlite:") {
            let mut connection = SqliteConnection::connect(url).await.unwrap();
            sqlx::raw_sql(sql).execute(&mut connection).await.map(drop)
        } else {
            let mut connection = PgConnection::connect(url).await.unwrap();
            sqlx::raw_sql(sql).execute(&mut connection).await.map(drop)
        };
        let error = refused.unwrap_err().to_string();
        assert!(error.contains("only ever added"), "{sql}: {error}");
    }
    assert_eq!(
        db.evidence(case.account, case.id, 9).await.unwrap().len(),
        1
    );
}

async fn evidence_of_one_moment_keeps_its_order(world: World) {
    let (db, tenant) = (&world.db, world.tenant(1).await);
    let case = case(&world, &tenant, 900);
    let pieces = |range: std::ops::Range<u32>| -> Vec<CaseEvidence> {
        range
            .map(|place| CaseEvidence {
                what: format!("piece {place}"),
                ..evidence(&world, &case, EvidenceKind::Look, 10)
            })
            .collect()
    };
    db.open_case(&case, &pieces(0..6), true).await.unwrap();
    db.add_evidence(case.account, case.id, &pieces(6..9), None)
        .await
        .unwrap();
    let read = db.evidence(case.account, case.id, 100).await.unwrap();
    let order: Vec<&str> = read.iter().map(|piece| piece.what.as_str()).collect();
    let wanted: Vec<String> = (0..9).map(|place| format!("piece {place}")).collect();
    assert_eq!(order, wanted);
}

async fn pages_of_confirmed_cases_are_told_with_their_first_and_last_look(world: World) {
    let (db, tenant) = (&world.db, world.tenant(1).await);
    let case = case(&world, &tenant, 700);
    let first = look(&world, &case, 10, 700);
    db.open_case(&case, std::slice::from_ref(&first), true)
        .await
        .unwrap();
    let clean_again = look(&world, &case, 12, 300);
    let later: Vec<_> = [look(&world, &case, 11, 990), clean_again].into();
    db.add_evidence(case.account, case.id, &later, None)
        .await
        .unwrap();
    assert_eq!(db.confirmed_pages(500).await.unwrap(), []);

    let confirmed = CaseEvidence {
        by: Some(UserId::new(START, world.draw())),
        ..evidence(&world, &case, EvidenceKind::Confirmed, 20)
    };
    assert!(db.confirm_case(&confirmed).await.unwrap());
    let page = ConfirmedPage {
        account: tenant.account,
        site: tenant.site.id,
        url: "http://shop.test/".into(),
        first_seen: at(10),
        last_seen: at(11),
    };
    assert_eq!(db.confirmed_pages(500).await.unwrap(), [page]);
    assert_eq!(db.confirmed_pages(991).await.unwrap(), []);
}

async fn a_vote_counts_after_a_decision_whatever_the_clock_says(world: World) {
    let (db, tenant) = (&world.db, world.tenant(1).await);
    let case = case(&world, &tenant, 900);
    db.open_case(&case, &[], true).await.unwrap();
    let (ada, ben) = (
        UserId::new(START, world.draw()),
        UserId::new(START, world.draw()),
    );
    // Before the decision, by a clock that goes ahead.
    let early = vote(&world, &case, 90, ada);
    assert!(!db.agree_to_release(&early, 2).await.unwrap());
    let confirmed = CaseEvidence {
        by: Some(ben),
        ..evidence(&world, &case, EvidenceKind::Confirmed, 50)
    };
    assert!(db.confirm_case(&confirmed).await.unwrap());
    // After it, by one that is late.
    let late = vote(&world, &case, 40, ben);
    assert!(!db.agree_to_release(&late, 2).await.unwrap());
    let last = vote(&world, &case, 41, ada);
    assert!(db.agree_to_release(&last, 2).await.unwrap());
}

async fn another_account_finds_no_case(world: World) {
    let (db, ours, theirs) = (&world.db, world.tenant(1).await, world.tenant(2).await);
    let case = case(&world, &theirs, 900);
    let look = look(&world, &case, 10, 900);
    db.open_case(&case, std::slice::from_ref(&look), true)
        .await
        .unwrap();
    let us = ours.account;
    assert_eq!(db.live_holds(us).await.unwrap(), []);
    assert_eq!(db.open_case_of(us, theirs.site.id).await.unwrap(), None);
    assert_eq!(db.evidence(us, case.id, 9).await.unwrap(), []);
    assert_eq!(db.evidence_page(us, case.id, look.id).await.unwrap(), None);
    let looks = db.released_looks(us, theirs.site.id, 9).await.unwrap();
    assert_eq!(looks, []);
    let ada = UserId::new(START, world.draw());
    let vote = CaseEvidence {
        account: us,
        ..vote(&world, &case, 20, ada)
    };
    let refused = db.agree_to_release(&vote, 1).await;
    assert!(
        matches!(refused, Err(StoreError::MissingParent(_))),
        "{refused:?}"
    );
    let foreign = AbuseCase {
        id: CaseId::new(START, world.draw()),
        account: us,
        ..case
    };
    let refused = db.open_case(&foreign, &[], false).await;
    assert!(
        matches!(refused, Err(StoreError::MissingParent(_))),
        "{refused:?}"
    );
    assert_eq!(db.live_holds(theirs.account).await.unwrap().len(), 1);
}

async fn operators_are_users_who_were_made_so(world: World) {
    let db = &world.db;
    let (account, other) = (world.account().await, world.account().await);
    let user = User {
        id: world.user_id(),
        account,
        email: "ada@example.com".into(),
        name: "Ada".into(),
        role: Role::Agent,
        password_hash: "$argon2id$".into(),
        created_at: at(0),
        disabled_at: None,
        last_sign_in_at: None,
    };
    db.add_user(&user).await.unwrap();
    assert!(!db.is_operator(account, user.id).await.unwrap());
    for _ in 0..2 {
        db.add_operator(account, user.id, at(1)).await.unwrap();
    }
    assert!(db.is_operator(account, user.id).await.unwrap());
    assert!(!db.is_operator(other, user.id).await.unwrap());
    assert_eq!(db.operators().await.unwrap(), std::slice::from_ref(&user));
    let refused = db.add_operator(other, user.id, at(2)).await;
    assert!(
        matches!(refused, Err(StoreError::MissingParent(_))),
        "{refused:?}"
    );
}

async fn a_confirmed_case_freezes_its_account_until_it_is_released(world: World) {
    let (db, tenant) = (&world.db, world.tenant(1).await);
    let other = world.tenant(2).await;
    let case = case(&world, &tenant, 600);
    db.open_case(&case, &[], true).await.unwrap();
    let (ada, ben) = (
        UserId::new(START, world.draw()),
        UserId::new(START, world.draw()),
    );
    let by_ada = |kind, seconds| CaseEvidence {
        by: Some(ada),
        ..evidence(&world, &case, kind, seconds)
    };
    let early = by_ada(EvidenceKind::AccountFrozen, 19);
    assert!(
        !db.freeze_account(&early).await.unwrap(),
        "not confirmed yet"
    );
    let confirmed = by_ada(EvidenceKind::Confirmed, 20);
    assert!(db.confirm_case(&confirmed).await.unwrap());
    let early = vote(&world, &case, 21, ben);
    assert!(!db.agree_to_release(&early, 2).await.unwrap());
    let frozen = by_ada(EvidenceKind::AccountFrozen, 22);
    assert!(db.freeze_account(&frozen).await.unwrap());
    let again = by_ada(EvidenceKind::AccountFrozen, 23);
    assert!(!db.freeze_account(&again).await.unwrap());
    assert!(db.is_frozen(tenant.account).await.unwrap());
    assert!(!db.is_frozen(other.account).await.unwrap());
    let elsewhere = CaseEvidence {
        account: other.account,
        ..by_ada(EvidenceKind::AccountFrozen, 24)
    };
    assert!(!db.freeze_account(&elsewhere).await.unwrap());
    let kinds = db.evidence(case.account, case.id, 10).await.unwrap();
    let kinds: Vec<_> = kinds.iter().map(|piece| piece.kind).collect();
    let expected = [
        EvidenceKind::Confirmed,
        EvidenceKind::ReleaseAgreed,
        EvidenceKind::AccountFrozen,
    ];
    assert_eq!(kinds, expected, "what did not happen is no evidence");

    let first = vote(&world, &case, 30, ada);
    assert!(
        !db.agree_to_release(&first, 2).await.unwrap(),
        "the vote from before the freeze counts no more"
    );
    let second = vote(&world, &case, 31, ben);
    assert!(db.agree_to_release(&second, 2).await.unwrap());
    assert!(!db.is_frozen(tenant.account).await.unwrap());
    assert_eq!(db.live_holds(tenant.account).await.unwrap(), []);
}

async fn a_site_is_answered_for_once_in_a_time(world: World) {
    let (db, tenant) = (&world.db, world.tenant(1).await);
    let case = case(&world, &tenant, 600);
    db.open_case(&case, &[], true).await.unwrap();
    let ada = UserId::new(START, world.draw());
    let answer = |seconds| CaseEvidence {
        by: Some(ada),
        what: "It is a game.".into(),
        ..evidence(&world, &case, EvidenceKind::Appeal, seconds)
    };
    assert!(db.appeal(&answer(1_000), at(0)).await.unwrap());
    assert!(!db.appeal(&answer(1_500), at(999)).await.unwrap());
    assert!(db.appeal(&answer(2_001), at(1_000)).await.unwrap());
    let last = db.last_appeals(tenant.account).await.unwrap();
    assert_eq!(last, [(tenant.site.id, at(2_001))]);
    let other = world.tenant(2).await;
    assert_eq!(db.last_appeals(other.account).await.unwrap(), []);
    let elsewhere = CaseEvidence {
        account: other.account,
        ..answer(9_000)
    };
    assert!(!db.appeal(&elsewhere, at(8_000)).await.unwrap());
    let released = vote(&world, &case, 9_001, ada);
    assert!(db.agree_to_release(&released, 1).await.unwrap());
    assert!(!db.appeal(&answer(9_500), at(9_400)).await.unwrap());
    let pieces = db.evidence(case.account, case.id, 10).await.unwrap();
    assert_eq!(pieces.len(), 3);
}
