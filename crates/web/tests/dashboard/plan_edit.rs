//! Call plans by hand: made from a template, changed as a text and by the forms of their steps, and brought back.

use reqwest::StatusCode;
use ringfence_model::{Actor, AuditEntry, AuditFilter, CallPlan, PlanId, Step, TargetGroupId};
use ringfence_platform::arrangement::{Arrangement, PlanPart};
use ringfence_platform::now;
use ringfence_platform::plan_templates::PlanTemplate;
use ringfence_store::PlanVersion;
use ringfence_testing::{Engine, on_both_engines};

use crate::browser::{Browser, location, send};
use crate::world::World;

on_both_engines!(
    every_template_is_sound_and_the_first_one_is_kept,
    a_change_is_checked_saved_and_brought_back_with_who_did_it,
    what_somebody_saved_meanwhile_is_not_overwritten_unseen,
    a_version_that_names_what_is_gone_is_not_brought_back,
    a_step_is_changed_and_renamed_in_its_form,
    steps_are_added_made_the_first_and_removed,
    who_may_not_change_sees_the_text_and_no_button,
);

/// The text in the editor of a page.
fn text_of(page: &str) -> String {
    let (_, rest) = page.split_once("name=\"text\"").unwrap();
    let (_, rest) = rest.split_once(">\n").unwrap();
    let (text, _) = rest.split_once("</textarea>").unwrap();
    let signs = [
        ("&#34;", "\""),
        ("&#39;", "'"),
        ("&#60;", "<"),
        ("&#62;", ">"),
        ("&#38;", "&"),
    ];
    signs
        .iter()
        .fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
}

fn base_of(page: &str) -> &str {
    let (_, rest) = page.split_once("name=\"base\" value=\"").unwrap();
    rest.split_once('"').unwrap().0
}

async fn first_plan(world: &World) -> CallPlan {
    let plans = world.platform.db.plans(world.account.id).await.unwrap();
    plans.into_iter().next().unwrap()
}

async fn versions(world: &World, plan: PlanId) -> Vec<PlanVersion> {
    let db = &world.platform.db;
    db.plan_versions(world.account.id, plan).await.unwrap()
}

async fn log(world: &World) -> Vec<AuditEntry> {
    let all = AuditFilter::default();
    let log = world.platform.audit_log(world.account.id, &all, 100).await;
    let (mut log, _) = log.unwrap();
    log.retain(|entry| entry.object.kind == "plan");
    log.reverse();
    log
}

async fn every_template_is_sound_and_the_first_one_is_kept(engine: Engine) {
    let world = World::full(engine).await;
    let ann = Browser::signed_in(&world, "ann@example.com").await;
    assert!(ann.page("/plans").await.contains("href=\"/plans/new\""));
    let choice = ann.page("/plans/new").await;
    assert!(choice.contains("<option>Reception</option>"), "{choice}");
    for template in PlanTemplate::ALL {
        let value = format!("value=\"{}\"", template.as_str());
        assert!(choice.contains(&value), "{template:?}");
        let path = format!(
            "/plans/new?template={}&group=Reception&name=Evenings",
            template.as_str()
        );
        let page = ann.page(&path).await;
        assert!(page.contains("</svg>Sound</span>"), "{template:?}: {page}");
        assert!(page.contains("class=\"node first\""), "it is drawn");
    }
    let page = ann
        .page("/plans/new?template=ring&group=Reception&name=Evenings")
        .await;
    let text = text_of(&page);
    let token = ann.form_token().await;
    let fields = [("form_token", token.as_str()), ("text", text.as_str())];
    let answer = ann.post("/plans", &fields).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    let made = ann.page(location(&answer)).await;
    assert!(made.contains("Saved.") && made.contains("Evenings"));

    // The same once more has the name of another plan.
    let (status, again) = send(&ann, "/plans", &[("text", &text)]).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(again.contains("is the name of another plan") && text_of(&again) == text);
    let plans = world.platform.db.plans(world.account.id).await.unwrap();
    let made = plans.iter().filter(|plan| plan.name == "Evenings");
    assert_eq!(made.count(), 1);
}

async fn a_change_is_checked_saved_and_brought_back_with_who_did_it(engine: Engine) {
    let world = World::full(engine).await;
    let ann = Browser::signed_in(&world, "ann@example.com").await;
    let plan = first_plan(&world).await;
    let (edit, save) = (
        format!("/plans/{}/edit", plan.id),
        format!("/plans/{}", plan.id),
    );
    let page = ann.page(&edit).await;
    let (text, base) = (text_of(&page), base_of(&page));

    // All that is wrong, each with its step; a trial waits until it is mended.
    let broken = format!(
        "{text}otherwise = \"nowhere\"\n[steps.bye.say]\nprompt = \"unheard\"\n[steps.no.reject]\ncode = 200\n"
    );
    let fields = [("text", broken.as_str()), ("base", base), ("try", "1")];
    let (status, checked) = send(&ann, &edit, &fields).await;
    assert_eq!(status, StatusCode::OK);
    for told in [
        "<b>ring</b>: otherwise names the step &#34;nowhere&#34;",
        "<b>no</b>: expected a SIP status code from 400 to 699, got 200",
        "<b>bye</b>: `say.prompt` expected",
        "Has mistakes",
        "cannot be tried",
    ] {
        assert!(checked.contains(told), "{told}: {checked}");
    }
    assert_eq!(
        checked.matches("class=\"node wrong").count(),
        3,
        "{checked}"
    );
    let (status, refused) = send(&ann, &save, &fields).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(refused.contains("Nothing was saved") && text_of(&refused) == broken);
    let (_, unread) = send(&ann, &edit, &[("text", "start = "), ("base", base)]).await;
    assert!(unread.contains("Cannot be read") && unread.contains("line 1"));
    assert_eq!(versions(&world, plan.id).await.len(), 1);

    // Tried before it is saved, then saved.
    let sound = format!("{text}otherwise = \"message\"\n[steps.message.voicemail]\nlongest = 60\n");
    let fields = [("text", sound.as_str()), ("base", base), ("try", "1")];
    let (_, tried) = send(&ann, &edit, &fields).await;
    assert!(tried.contains("takes a message of at most 60 s"), "{tried}");
    assert!(
        tried.contains("+ [steps.message.voicemail]"),
        "what it would change"
    );
    let (status, _) = send(&ann, &save, &fields).await;
    assert_eq!(status, StatusCode::SEE_OTHER);
    let page = ann.page(&save).await;
    assert!(page.contains("by ann@example.com"), "{page}");
    let (status, _) = send(&ann, &save, &[("text", &sound), ("base", "2")]).await;
    assert_eq!(status, StatusCode::SEE_OTHER);
    assert_eq!(versions(&world, plan.id).await.len(), 2, "nothing differs");

    let back = format!("/plans/{}/versions/1/bring-back", plan.id);
    assert!(page.contains(&back));
    let (status, _) = send(&ann, &back, &[("base", "2")]).await;
    assert_eq!(status, StatusCode::SEE_OTHER);
    let all = versions(&world, plan.id).await;
    assert_eq!(all.len(), 3);
    assert_eq!(all[0].document, all[2].document);
    assert_eq!(first_plan(&world).await, plan);
    let by = all[0].by.as_ref().unwrap();
    assert_eq!(
        (by.id, by.name.as_str()),
        (Some(world.owner.id.0), "ann@example.com")
    );

    let log = log(&world).await;
    let told: Vec<_> = log.iter().map(|entry| entry.action.as_str()).collect();
    assert_eq!(told, ["plan.change", "plan.bring_back"]);
    let (before, after) = (log[0].before.as_ref(), log[0].after.as_ref());
    assert!(!before.unwrap().contains("voicemail") && after.unwrap().contains("voicemail"));
    assert!(log[1].before.as_ref().unwrap().contains("voicemail"));
}

async fn what_somebody_saved_meanwhile_is_not_overwritten_unseen(engine: Engine) {
    let world = World::full(engine).await;
    let ann = Browser::signed_in(&world, "ann@example.com").await;
    let plan = first_plan(&world).await;
    let save = format!("/plans/{}", plan.id);
    let mine = text_of(&ann.page(&format!("{save}/edit")).await);
    let file = Arrangement {
        plan: vec![PlanPart {
            name: plan.name.clone(),
            otherwise_reject: Some(486),
            ..PlanPart::default()
        }],
        ..Arrangement::default()
    };
    world
        .platform
        .arrange(&world.account, &file, now())
        .await
        .unwrap();
    let mine = format!("{mine}timeout = 7\n");
    let fields = [("text", mine.as_str()), ("base", "1")];
    let (status, page) = send(&ann, &save, &fields).await;
    assert_eq!(status, StatusCode::CONFLICT);
    assert!(page.contains("an arrangement saved version 2"), "{page}");
    assert_eq!(text_of(&page), mine);
    assert!(page.contains("What saving would change"));
    assert_eq!(versions(&world, plan.id).await.len(), 2);
    let stale = format!("/plans/{}/versions/1/bring-back", plan.id);
    let (status, _) = send(&ann, &stale, &[("base", "1")]).await;
    assert_eq!(status, StatusCode::CONFLICT);
    // Whoever has seen it may go on.
    let (status, _) = send(&ann, &save, &[("text", &mine), ("base", base_of(&page))]).await;
    assert_eq!(status, StatusCode::SEE_OTHER);
    assert_eq!(versions(&world, plan.id).await.len(), 3);
    let history = ann.page(&save).await;
    assert!(history.contains("by an arrangement"), "{history}");
}

async fn a_version_that_names_what_is_gone_is_not_brought_back(engine: Engine) {
    let world = World::full(engine).await;
    let ann = Browser::signed_in(&world, "ann@example.com").await;
    let plan = first_plan(&world).await;
    let mut lost = plan.clone();
    let nobody = TargetGroupId::new(now(), 7);
    let step = Step::ring(nobody, None);
    lost.document.steps.insert("ring".into(), step);
    for document in [&lost.document, &plan.document] {
        let plan = CallPlan {
            document: document.clone(),
            ..plan.clone()
        };
        let by = Actor::server();
        let update = world.platform.db.update_plan(&plan, None, &by, now());
        assert!(update.await.unwrap());
    }
    let back = format!("/plans/{}/versions/2/bring-back", plan.id);
    let (status, page) = send(&ann, &back, &[("base", "3")]).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(page.contains("expected the name of a group"), "{page}");
    let unknown = format!("/plans/{}/versions/9/bring-back", plan.id);
    let (status, _) = send(&ann, &unknown, &[("base", "3")]).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert_eq!(versions(&world, plan.id).await.len(), 3);
}

/// A form of the editor as it was filled in; the page that answers.
async fn sent(browser: &Browser, path: &str, fields: &[(&str, &str)]) -> String {
    let (status, page) = send(browser, path, fields).await;
    assert_eq!(status, StatusCode::OK);
    page
}

/// The form of the step `old`, which rings the reception, with another name and timeout.
fn ring<'a>(text: &'a str, old: &'a str, timeout: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![
        ("text", text),
        ("step.old", old),
        ("step.kind", "ring"),
        ("step.name", "reception"),
        ("f.group", "Reception"),
        ("f.timeout", timeout),
        ("f.record", "false"),
    ]
}

async fn a_step_is_changed_and_renamed_in_its_form(engine: Engine) {
    let world = World::full(engine).await;
    let ann = Browser::signed_in(&world, "ann@example.com").await;
    let plan = first_plan(&world).await;
    let edit = format!("/plans/{}/edit", plan.id);
    let text = text_of(&ann.page(&edit).await);
    let form = sent(&ann, &edit, &[("text", &text), ("open", "ring")]).await;
    for told in [
        "name=\"f.group\"",
        "<option value=\"Reception\" selected>",
        "as the group says",
        "builtin:en/recorded",
    ] {
        assert!(form.contains(told), "{told}: {form}");
    }
    for (timeout, told) in [("900", "expected 1 to 300"), ("long", "invalid type")] {
        let wrong = sent(&ann, &edit, &ring(&text, "ring", timeout)).await;
        let (_, beside) = wrong.split_once("id=\"f.timeout-wrong\"").unwrap();
        let beside = beside.split_once("</p>").unwrap().0;
        assert!(beside.contains(told), "{beside}");
    }
    let page = sent(&ann, &edit, &ring(&text, "ring", "15")).await;
    let text = text_of(&page);
    for told in [
        "start = \"reception\"",
        "[steps.reception.ring]",
        "timeout = 15",
        "record = false",
    ] {
        assert!(text.contains(told), "{told}: {text}");
    }
    assert!(!page.contains("name=\"step.kind\""), "the form is closed");
    let mut left = ring(&text, "reception", "20");
    left.push(("leave", "1"));
    assert_eq!(text_of(&sent(&ann, &edit, &left).await), text);

    // An open form counts when the plan is saved.
    let mut fields = ring(&text, "reception", "20");
    fields.push(("base", "1"));
    let (status, _) = send(&ann, &format!("/plans/{}", plan.id), &fields).await;
    assert_eq!(status, StatusCode::SEE_OTHER);
    let saved = first_plan(&world).await.document;
    let Step::Ring(ring) = &saved.steps["reception"] else {
        panic!("{saved:?}");
    };
    assert_eq!(
        (saved.start.as_str(), ring.timeout),
        ("reception", Some(20))
    );
}

async fn steps_are_added_made_the_first_and_removed(engine: Engine) {
    let world = World::full(engine).await;
    let ann = Browser::signed_in(&world, "ann@example.com").await;
    let edit = format!("/plans/{}/edit", first_plan(&world).await.id);
    let text = text_of(&ann.page(&edit).await);
    let add = [("text", text.as_str()), ("add", "1"), ("kind", "schedule")];
    let added = sent(&ann, &edit, &add).await;
    assert!(added.contains("name=\"f.hours.week.mon\""), "{added}");
    assert!(added.contains(&world.account.time_zone));
    let hours = [
        ("text", text.as_str()),
        ("put", "1"),
        ("step.old", ""),
        ("step.kind", "schedule"),
        ("step.name", "hours"),
        ("f.open", "ring"),
        ("f.otherwise", "ring"),
        ("f.hours.zone", "Europe/London"),
        ("f.hours.week.mon", "09:00-12:00, 13:00-17:30"),
        ("f.hours.exceptions", "2026-12-24 09:00-12:00"),
    ];
    let mut waiting = hours;
    waiting[1] = ("try", "1");
    let waiting = sent(&ann, &edit, &waiting).await;
    assert_eq!(text_of(&waiting), text, "it waits for its own button");
    let page = sent(&ann, &edit, &hours).await;
    assert!(page.contains("no other step leads to it"), "{page}");
    let text = text_of(&page);
    let page = sent(&ann, &edit, &[("text", &text), ("first", "hours")]).await;
    assert!(page.contains("</svg>Sound</span>"), "{page}");
    let text = text_of(&page);
    let case = [
        ("text", text.as_str()),
        ("put", "1"),
        ("step.kind", "match"),
        ("step.name", "who"),
        (
            "f.cases.0.when",
            "visitor_language = de, nl\r\ncountry = DE",
        ),
        ("f.cases.0.step", "hours"),
        ("f.otherwise", "ring"),
    ];
    let matched = text_of(&sent(&ann, &edit, &case).await);
    let languages = "visitor_language = [\"de\", \"nl\"]";
    assert!(matched.contains(languages), "{matched}");
    let form = sent(&ann, &edit, &[("text", &matched), ("open", "who")]).await;
    let shown = "country = DE\nvisitor_language = de, nl";
    assert!(form.contains(shown), "{form}");
    let page = sent(&ann, &edit, &[("text", &matched), ("remove", "who")]).await;
    assert_eq!(text_of(&page), text);
}

async fn who_may_not_change_sees_the_text_and_no_button(engine: Engine) {
    let world = World::full(engine).await;
    let ben = Browser::signed_in(&world, "ben@example.com").await;
    let plan = first_plan(&world).await;
    let edit = ben.page(&format!("/plans/{}/edit", plan.id)).await;
    assert!(
        edit.contains("readonly") && !edit.contains("formaction"),
        "{edit}"
    );
    for path in ["/plans".to_owned(), format!("/plans/{}", plan.id)] {
        let page = ben.page(&path).await;
        assert!(
            !page.contains("/edit\"") && !page.contains("/plans/new"),
            "{page}"
        );
    }
}
