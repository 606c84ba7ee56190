//! Putting a caller through in the dashboard: the forms of a call that runs, and why there are none otherwise. That somebody
//! is rung is seen where calls are.

use reqwest::StatusCode;
use ringfence_model::{Dialling, TransfersTo};
use ringfence_testing::{Engine, on_both_engines};

use crate::browser::{Browser, send};
use crate::world::World;

on_both_engines!(
    a_call_that_runs_leads_to_whom_its_caller_can_be_put_through_to,
    a_caller_of_a_call_that_does_not_run_is_offered_to_nobody,
);

async fn a_call_that_runs_leads_to_whom_its_caller_can_be_put_through_to(engine: Engine) {
    let world = World::full(engine).await;
    let ann = Browser::signed_in(&world, "ann@example.com").await;
    let call = format!("/calls/{}", world.talking_call(None).await);
    let path = format!("{call}/transfer");
    assert!(ann.page(&call).await.contains(&format!("href=\"{path}\"")));
    let page = ann.page(&path).await;
    assert!(page.contains("who talks with Answering service"), "{page}");
    assert!(
        !page.contains(">Answering service</option>"),
        "not to who talks"
    );
    for choice in [
        ">Front desk</option>",
        ">Reception</option>",
        "inputmode=\"tel\"",
    ] {
        assert!(page.contains(choice), "{choice}: {page}");
    }
    // The rows say that it runs, and no call does.
    let fields = [("number", "+442079460123")];
    let (status, page) = send(&ann, &path, &fields).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(page.contains("The call is over."), "{page}");
    assert!(page.contains("value=\"+442079460123\""), "it is kept");
    for fields in [
        &[][..],
        &[("target", "nobody")],
        &[("group", "x"), ("number", "1")],
    ] {
        let (status, page) = send(&ann, &path, fields).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(page.contains("Choose somebody"), "{page}");
    }

    let rules = |transfers| Dialling {
        transfers,
        ..Dialling::default()
    };
    let (db, account) = (&world.platform.db, world.account.id);
    let targets = rules(TransfersTo::Targets);
    db.set_dialling(account, &targets).await.unwrap();
    let page = ann.page(&path).await;
    assert!(page.contains(">Reception</option>") && !page.contains("inputmode=\"tel\""));
    let nobody = rules(TransfersTo::Nobody);
    db.set_dialling(account, &nobody).await.unwrap();
    let page = ann.page(&path).await;
    assert!(page.contains("puts no callers through") && !page.contains("</select>"));

    // An analyst reads why, and is offered nothing.
    db.set_dialling(account, &Dialling::default())
        .await
        .unwrap();
    let ben = Browser::signed_in(&world, "ben@example.com").await;
    assert!(!ben.page(&call).await.contains(&path));
    let page = ben.page(&path).await;
    assert!(page.contains("Owners and admins") && !page.contains("</select>"));
}

async fn a_caller_of_a_call_that_does_not_run_is_offered_to_nobody(engine: Engine) {
    let world = World::full(engine).await;
    let ann = Browser::signed_in(&world, "ann@example.com").await;
    let (over, rings) = (world.call.unwrap(), world.call_again().await);
    for (call, why) in [(over, "The call is over."), (rings, "Nobody has answered")] {
        let path = format!("/calls/{call}/transfer");
        assert!(!ann.page(&format!("/calls/{call}")).await.contains(&path));
        let page = ann.page(&path).await;
        assert!(page.contains(why) && !page.contains("</select>"), "{page}");
    }
}
