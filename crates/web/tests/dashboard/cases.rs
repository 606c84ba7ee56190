//! Cases, for operators alone.

use base64::Engine as _;
use reqwest::StatusCode;
use ringfence_model::{
    AbuseCase, AuditFilter, CaseEvidence, CaseId, CaseSignal, CaseState, DiallingHold, EvidenceId,
    EvidenceKind, EvidencePage, LookOutcome, PageLook, PageView, Role,
};
use ringfence_platform::fence::Pages;
use ringfence_platform::{now, random};
use ringfence_testing::{Engine, on_both_engines};
use sha2::Digest as _;

use crate::browser::{Browser, location, send};
use crate::world::{PASSWORD, World};

on_both_engines!(
    an_operator_reads_a_case_with_the_page_as_text_and_its_signals_marked,
    who_is_no_operator_finds_no_cases,
    a_release_takes_two_operators_with_their_own_forms,
    a_case_is_confirmed_and_pages_that_could_not_be_seen_are_listed,
    the_account_answers_once_a_day_and_the_operator_reads_it_with_the_case,
    a_case_is_exported_with_hashes_to_operators_alone,
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
    let all = AuditFilter::default();
    let log = platform.audit_log(world.account.id, &all, 1);
    let (log, _) = log.await.unwrap();
    let last = (log[0].actor.name.as_str(), log[0].action.as_str());
    assert_eq!(last, ("ida@example.com", "account.release_dialling"));
}

async fn the_account_answers_once_a_day_and_the_operator_reads_it_with_the_case(engine: Engine) {
    let world = World::empty(engine).await;
    let platform = &world.platform;
    let ann = Browser::signed_in(&world, "ann@example.com").await;
    let quiet = platform.add_site(world.account.id, "Quiet", Vec::new(), None, now());
    let quiet = format!("/sites/{}/answer", quiet.await.unwrap().id);
    let case = case(&world).await;
    let site = platform.db.case(case).await.unwrap().unwrap().site;
    let answer = format!("/sites/{site}/answer");
    let page = ann.page("/sites").await;
    assert!(page.contains("Numbers of this site are withheld"), "{page}");
    assert!(page.contains(&answer) && !page.contains(&quiet), "{page}");
    let ben = Browser::signed_in(&world, "ben@example.com").await;
    let read = ben.page("/sites").await;
    assert!(
        read.contains("are withheld") && !read.contains(&answer),
        "{read}"
    );

    let (status, page) = send(&ann, &answer, &[("text", "  ")]).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(
        page.contains("Expected an answer of 1 to 2000 characters, got 0"),
        "{page}"
    );
    let long = "x".repeat(2_001);
    let (status, page) = send(&ann, &answer, &[("text", long.as_str())]).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(
        page.contains("got 2001") && page.contains(&long),
        "nothing typed is lost"
    );
    let (status, _) = send(&ann, &quiet, &[("text", "It is honest.")]).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    let words = "It is a game: <b>full screen</b> is what\r\nits players want.";
    let (status, _) = send(&ann, &answer, &[("text", words)]).await;
    assert_eq!(status, StatusCode::SEE_OTHER);
    let (status, page) = send(&ann, &answer, &[("text", "And one more thing")]).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(page.contains("Expected one answer a day"), "{page}");
    let page = ann.page("/sites").await;
    assert!(
        page.contains("You answered") && !page.contains(&answer),
        "{page}"
    );

    let ops = operator(&world, "op@example.com").await;
    let page = ops.page(&format!("/cases/{case}")).await;
    for text in [
        "The account answers",
        "ann@example.com",
        "It is a game: &#60;b&#62;full screen&#60;/b&#62; is what\nits players want.",
    ] {
        assert!(page.contains(text), "{text}: {page}");
    }
    assert!(!page.contains("one more thing"));
    let later = now() + std::time::Duration::from_hours(25);
    let again = platform.appeal(&world.owner, site, "A day later", later);
    assert_eq!(again.await.unwrap(), case);
}

async fn a_case_is_exported_with_hashes_to_operators_alone(engine: Engine) {
    let world = World::empty(engine).await;
    let case = case(&world).await;
    let path = format!("/cases/{case}/export.json");
    let ann = Browser::signed_in(&world, "ann@example.com").await;
    let refused = ann.get(&path).send().await.unwrap();
    assert_eq!(refused.status(), StatusCode::NOT_FOUND);
    let ops = operator(&world, "op@example.com").await;
    assert!(ops.page(&format!("/cases/{case}")).await.contains(&path));
    let user = world.platform.operator("op@example.com").await.unwrap();
    world
        .platform
        .confirm_case(case, &user, now())
        .await
        .unwrap();
    let file = ops.get(&path).send().await.unwrap();
    let kept_as = file.headers()["content-disposition"].to_str().unwrap();
    assert_eq!(
        kept_as,
        format!("attachment; filename=\"case-{case}.json\"")
    );
    let document: serde_json::Value = file.json().await.unwrap();
    assert_eq!(document["format"], "ringfence-case-1");
    assert_eq!(document["case"]["state"], "confirmed");
    assert_eq!(document["account"]["name"], "Harbour Dental");
    assert_eq!(document["site"]["name"], "Main <site>");
    let pieces = document["evidence"].as_array().unwrap();
    assert_eq!(pieces.len(), 2, "{document:#}");
    assert_eq!(pieces[0]["kind"], "look");
    assert_eq!(pieces[0]["page"]["sha256"], "07".repeat(32));
    assert_eq!(pieces[0]["page"]["kept_base64"], serde_json::Value::Null);
    assert_eq!(pieces[1]["by"], "operator: op@example.com");
    assert_eq!(document["sha256"], pieces[1]["sha256"]);

    // Whoever has the file computes the hashes as the documentation says.
    let mut last = String::new();
    for piece in pieces {
        let mut piece = piece.clone();
        let told = piece.as_object_mut().unwrap().remove("sha256").unwrap();
        let digest = sha2::Sha256::digest(format!("{last}{piece}"));
        last = ringfence_platform::fence::hexadecimal(&digest);
        assert_eq!(told, last);
    }
    let whole = world.platform.export_case(case, Pages::Whole, now());
    let whole = whole.await.unwrap().unwrap();
    let kept = whole["evidence"][0]["page"]["kept_base64"].as_str();
    let kept = base64::engine::general_purpose::STANDARD.decode(kept.unwrap());
    assert_eq!(kept.unwrap(), PAGE.as_bytes());
}
