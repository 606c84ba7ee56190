//! Cases, for operators alone.

use reqwest::StatusCode;
use ringfence_model::{
    AbuseCase, AuditFilter, CaseEvidence, CaseId, CaseSignal, CaseState, DiallingHold, EvidenceId,
    EvidenceKind, EvidencePage, LookOutcome, PageLook, PageView, Role,
};
use ringfence_platform::{now, random};
use ringfence_testing::{Engine, on_both_engines};

use crate::browser::{Browser, location};
use crate::world::{PASSWORD, World};

on_both_engines!(
    an_operator_reads_a_case_with_the_page_as_text_and_its_signals_marked,
    who_is_no_operator_finds_no_cases,
    a_release_takes_two_operators_with_their_own_forms,
    a_case_is_confirmed_and_pages_that_could_not_be_seen_are_listed,
    an_account_that_dialled_too_much_reads_so_and_an_operator_releases_it,
);

const PAGE: &str = "<!doctype html>\n<script>document.documentElement.requestFullscreen();</script>\n\
    <img src=x onerror=\"alert(1)\"><p>&lt;not a tag&gt;</p></pre><b>bold</b>";

async fn operator(world: &World, email: &str) -> Browser {
    let platform = &world.platform;
    let user = platform
        .add_user(
            world.stranger.id,
            email,
            "Op",
            Role::Analyst,
            PASSWORD,
            now(),
        )
        .await
        .unwrap();
    let added = platform.db.add_operator(user.account, user.id, now());
    added.await.unwrap();
    Browser::signed_in(world, email).await
}

async fn case(world: &World) -> CaseId {
    let site = world
        .platform
        .add_site(world.account.id, "Main <site>", Vec::new(), None, now())
        .await
        .unwrap();
    let case = AbuseCase {
        id: CaseId::new(now(), random()),
        account: world.account.id,
        site: site.id,
        state: CaseState::Open,
        risk: 934,
        opened_at: now(),
        decided_at: None,
    };
    let look = CaseEvidence {
        id: EvidenceId::new(now(), random()),
        case: case.id,
        account: case.account,
        kind: EvidenceKind::Look,
        what: "scam, seen as the visitor's browser".into(),
        risk: Some(934),
        signals: vec![CaseSignal {
            kind: "full_screen".into(),
            strength: 1.0,
            count: 1,
            weight: 2.0,
            part: "inline script 1".into(),
            line: Some(2),
            excerpt: "document.documentElement.requestFullscreen();".into(),
            why: "The page asks for full screen.".into(),
        }],
        page: Some(EvidencePage {
            url: "http://shop.test/".into(),
            octets: PAGE.into(),
            length: PAGE.len() as u64,
            sha256: vec![7; 32],
        }),
        at: now(),
        by: None,
    };
    let looks = [look];
    let opened = world.platform.db.open_case(&case, &looks, true);
    opened.await.unwrap();
    case.id
}

async fn an_operator_reads_a_case_with_the_page_as_text_and_its_signals_marked(engine: Engine) {
    let world = World::empty(engine).await;
    let browser = operator(&world, "op@example.com").await;
    assert!(browser.page("/cases").await.contains("No case yet"));
    let case = case(&world).await;
    let list = browser.page("/cases").await;
    assert!(
        list.contains(&format!("/cases/{case}")) && list.contains("0.93"),
        "{list}"
    );
    assert!(list.contains("Main &#60;site&#62;") && list.contains("Withheld"));
    let page = browser.page(&format!("/cases/{case}")).await;
    assert!(page.contains("The page asks for full screen."), "{page}");
    let mark = "<mark id=\"mark-1\" title=\"full screen\"><sup>1</sup>&#60;script&#62;document.documentElement.requestFullscreen();&#60;/script&#62;</mark>";
    assert!(page.contains(mark), "{page}");
    assert!(page.contains("href=\"#mark-1\""));
    // The stranger's page is text: nothing of it became markup of ours.
    assert!(page.contains("&#60;img src=x onerror="), "{page}");
    assert!(!page.contains("<img src=x") && !page.contains("<b>bold</b>"));
    assert!(page.contains("&#38;lt;not a tag"));
    assert_eq!(page.matches("</pre>").count(), 1);
    assert_eq!(
        browser.status("/cases/nonsense").await,
        StatusCode::NOT_FOUND
    );
    let other = CaseId::new(now(), random());
    let missing = browser.status(&format!("/cases/{other}")).await;
    assert_eq!(missing, StatusCode::NOT_FOUND);
}

async fn who_is_no_operator_finds_no_cases(engine: Engine) {
    let world = World::empty(engine).await;
    let case = case(&world).await;
    let owner = Browser::signed_in(&world, "ann@example.com").await;
    assert!(!owner.page("/sites").await.contains("/cases"));
    let token = owner.form_token().await;
    for path in ["/cases".to_owned(), format!("/cases/{case}")] {
        assert_eq!(owner.status(&path).await, StatusCode::NOT_FOUND, "{path}");
    }
    for deed in ["release", "confirm"] {
        let path = format!("/cases/{case}/{deed}");
        let answer = owner.post(&path, &[("form_token", &token)]).send().await;
        assert_eq!(answer.unwrap().status(), StatusCode::NOT_FOUND, "{path}");
    }
    let nobody = Browser::new(&world);
    let answer = nobody.get("/cases").send().await.unwrap();
    assert!(location(&answer).starts_with("/sign-in"));
    let untouched = world.platform.db.case(case).await.unwrap().unwrap();
    assert_eq!(untouched.state, CaseState::Open);
}

async fn a_release_takes_two_operators_with_their_own_forms(engine: Engine) {
    let world = World::empty(engine).await;
    let case = case(&world).await;
    let (ida, jon) = (
        operator(&world, "ida@example.com").await,
        operator(&world, "jon@example.com").await,
    );
    let path = format!("/cases/{case}/release");
    let token = ida.form_token().await;
    let forged = jon.post(&path, &[("form_token", &token)]).send().await;
    assert_eq!(forged.unwrap().status(), StatusCode::FORBIDDEN);

    let release = async |browser: &Browser| {
        let token = browser.form_token().await;
        let answer = browser.post(&path, &[("form_token", &token)]).send().await;
        let answer = answer.unwrap();
        assert_eq!(answer.status(), StatusCode::SEE_OTHER);
        location(&answer).to_owned()
    };
    let agreed = release(&ida).await;
    assert_eq!(agreed, format!("/cases/{case}?done=agreed"));
    let page = ida.page(&agreed).await;
    assert!(
        page.contains("as soon as another operator agrees"),
        "{page}"
    );
    assert!(!page.contains(&path), "she has no second vote");
    assert!(release(&ida).await.ends_with("done=same"));
    assert!(
        jon.page(&format!("/cases/{case}"))
            .await
            .contains("with you it is done")
    );
    let released = release(&jon).await;
    assert!(released.ends_with("done=released"), "{released}");
    assert!(release(&jon).await.ends_with("done=already"));
    let page = jon.page(&released).await;
    assert!(
        page.contains("ida@example.com") && page.contains("Released"),
        "{page}"
    );
    let holds = world.platform.db.live_holds(world.account.id).await;
    assert_eq!(holds.unwrap(), []);
}

async fn a_case_is_confirmed_and_pages_that_could_not_be_seen_are_listed(engine: Engine) {
    let world = World::empty(engine).await;
    let case = case(&world).await;
    let browser = operator(&world, "op@example.com").await;
    let token = browser.form_token().await;
    let path = format!("/cases/{case}/confirm");
    let answer = browser.post(&path, &[("form_token", &token)]).send().await;
    let done = location(&answer.unwrap()).to_owned();
    assert!(done.ends_with("done=confirmed"), "{done}");
    let page = browser.page(&done).await;
    assert!(page.contains("Confirmed as abuse") && !page.contains(&path));

    let site = world.platform.db.case(case).await.unwrap().unwrap().site;
    let look = PageLook {
        account: world.account.id,
        site,
        page: "https://walled.test/offers".into(),
        at: now(),
        outcome: LookOutcome::Unseen,
        risk: 0,
        views: vec![PageView {
            vantage: "a browser on a desk".into(),
            failed: Some("the server answered 403".into()),
            status: Some(403),
            url: None,
            verdict: LookOutcome::Unseen,
            risk: 0,
            sha256: None,
            length: None,
            left_out: 0,
        }],
    };
    world.platform.db.add_page_look(&look).await.unwrap();
    let page = browser.page("/cases").await;
    assert!(
        page.contains("https://walled.test/offers") && page.contains("the server answered 403"),
        "{page}"
    );
}

async fn an_account_that_dialled_too_much_reads_so_and_an_operator_releases_it(engine: Engine) {
    let world = World::full(engine).await;
    let hold = DiallingHold {
        account: world.account.id,
        placed_at: now(),
        ended_at: None,
        minutes: 601,
        minutes_per_hour: 600,
    };
    let platform = &world.platform;
    platform.db.hold_dialling(&hold).await.unwrap();
    platform.tend_minutes(now()).await.unwrap();
    let words = "601 minutes were dialled within an hour, and 600 may be";
    let ann = Browser::signed_in(&world, "ann@example.com").await;
    for path in ["/", "/calls", "/account"] {
        let page = ann.page(path).await;
        assert!(page.contains(words), "{path}: {page}");
    }

    let ida = operator(&world, "ida@example.com").await;
    assert!(!ida.page("/calls").await.contains(words), "it is not hers");
    let page = ida.page("/cases").await;
    let release = format!("/cases/dialling/{}/release", world.account.id);
    for text in ["Harbour Dental", "601 of 600", &release] {
        assert!(page.contains(text), "{text}: {page}");
    }
    let token = ida.form_token().await;
    for done in ["/cases?done=dialling", "/cases?done=dialling-free"] {
        let answer = ida.post(&release, &[("form_token", &token)]).send().await;
        assert_eq!(location(&answer.unwrap()), done);
    }
    let page = ida.page("/cases?done=dialling").await;
    assert!(page.contains("dials telephone numbers again"), "{page}");
    assert!(!page.contains(&release), "{page}");
    assert!(!ann.page("/").await.contains(words));
    let log = platform.audit_log(world.account.id, &AuditFilter::default(), 1);
    let (log, _) = log.await.unwrap();
    let last = (log[0].actor.name.as_str(), log[0].action.as_str());
    assert_eq!(last, ("ida@example.com", "account.release_dialling"));
}
