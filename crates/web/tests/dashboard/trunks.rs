//! Trunks by hand: added, changed and removed, with mistakes beside the field, an entry in the audit log, and no door that
//! another account or everybody would come in by.

use reqwest::StatusCode;
use ringfence_model::{AuditFilter, Dialling};
use ringfence_platform::now;
use ringfence_testing::{Engine, on_both_engines};

use crate::browser::{Browser, send};
use crate::world::World;

on_both_engines!(
    a_trunk_is_kept_and_shown_as_it_was_typed,
    trunks_are_changed_and_removed_and_the_log_tells_no_password,
    mistakes_of_a_trunk_are_said_beside_their_fields_all_at_once,
    a_trunk_that_something_uses_is_not_removed,
    a_trunk_meddles_with_no_other_accounts_calls,
);

const SECRET: &str = "correct horse battery";

async fn saved(browser: &Browser, fields: &[(&str, &str)]) -> String {
    let (status, _) = send(browser, "/trunks", fields).await;
    assert_eq!(status, StatusCode::SEE_OTHER);
    let page = browser.page("/trunks").await;
    let name = fields.iter().find(|(field, _)| *field == "name").unwrap().1;
    let (before, _) = page
        .split_once(&format!("<b class=\"break\">{name}</b>"))
        .unwrap();
    let (_, id) = before.rsplit_once("id=\"trunk-").unwrap();
    id.split_once('"').unwrap().0.to_owned()
}

/// A browser of an account with the trunks Carrier and Registers alone, and their identifiers.
async fn with_trunks(world: &World) -> (Browser, String, String) {
    let ann = Browser::signed_in(world, "ann@example.com").await;
    let (platform, account) = (&world.platform, world.account.id);
    for known in platform.db.trunks(account).await.unwrap() {
        platform.db.remove_trunk(account, known.id).await.unwrap();
    }
    assert!(ann.page("/trunks").await.contains("No trunk yet"));
    let carrier = [
        ("name", "Carrier"),
        ("addresses", "203.0.113.0/28\r\n2001:db8::1"),
        ("country", "gb"),
        ("send_to", "sbc.example.com"),
    ];
    let carrier = saved(&ann, &carrier).await;
    let register = [
        ("name", "Registers"),
        ("user", "12345"),
        ("password", SECRET),
        ("realm", "example.com"),
        ("challenge", "on"),
        ("md5_only", "on"),
        (
            "register",
            "sip:one.example.com\nsip:two.example.com;transport=tcp",
        ),
        ("register_as", "sip:+442079460123@example.com"),
        ("register_expiry", "600"),
    ];
    let register = saved(&ann, &register).await;
    (ann, carrier, register)
}

async fn a_trunk_is_kept_and_shown_as_it_was_typed(engine: Engine) {
    let world = World::empty(engine).await;
    let (ann, _, register) = with_trunks(&world).await;
    let (platform, account) = (&world.platform, world.account.id);
    let trunks = platform.db.trunks(account).await.unwrap();
    assert_eq!(trunks[0].addresses, ["203.0.113.0/28", "2001:db8::1"]);
    assert_eq!(trunks[0].country.as_deref(), Some("GB"));
    let logins = platform.db.trunk_logins(account).await.unwrap();
    let login = &logins[0];
    assert_eq!(
        (login.user.as_str(), login.challenge, login.md5_only),
        ("12345", true, true)
    );
    assert!(
        !login
            .secret
            .windows(SECRET.len())
            .any(|part| part == SECRET.as_bytes())
    );
    let page = ann.page("/trunks").await;
    for text in [
        "Sends from 203.0.113.0/28, 2001:db8::1",
        "takes calls at sip:sbc.example.com",
        "Password of 12345, which its calls have to prove",
        "Not registered yet",
    ] {
        assert!(page.contains(text), "{text}: {page}");
    }
    let form = ann.page(&format!("/trunks?edit={register}")).await;
    for text in [
        "Change Registers",
        "sip:one.example.com\nsip:two.example.com;transport=tcp",
        "value=\"sip:+442079460123@example.com\"",
        "value=\"600\"",
    ] {
        assert!(form.contains(text), "{text}: {form}");
    }
    assert!(!form.contains(SECRET));
}

async fn trunks_are_changed_and_removed_and_the_log_tells_no_password(engine: Engine) {
    let world = World::empty(engine).await;
    let (ann, carrier, register) = with_trunks(&world).await;
    let (platform, account) = (&world.platform, world.account.id);
    let logins = platform.db.trunk_logins(account).await.unwrap();

    // Without a password it keeps the one that it has; without a user it has none.
    let renamed = [
        ("id", register.as_str()),
        ("name", "Known"),
        ("user", "12345"),
        ("realm", "example.com"),
        ("challenge", "on"),
        ("md5_only", "on"),
        ("register", "sip:one.example.com"),
    ];
    assert_eq!(saved(&ann, &renamed).await, register);
    assert_eq!(platform.db.trunk_logins(account).await.unwrap(), logins);
    let registers = platform.db.trunk_registers(account).await.unwrap();
    assert_eq!(registers[0].0.registrars, ["sip:one.example.com"]);
    assert_eq!(registers[0].0.expiry, 3600);
    let plain = [
        ("id", register.as_str()),
        ("name", "Known"),
        ("addresses", "203.0.113.77"),
    ];
    assert_eq!(saved(&ann, &plain).await, register);
    assert!(platform.db.trunk_logins(account).await.unwrap().is_empty());
    assert!(
        platform
            .db
            .trunk_registers(account)
            .await
            .unwrap()
            .is_empty()
    );

    for trunk in [&carrier, &register] {
        let (status, _) = send(&ann, &format!("/trunks/{trunk}/remove"), &[]).await;
        assert_eq!(status, StatusCode::SEE_OTHER);
    }
    assert!(platform.db.trunks(account).await.unwrap().is_empty());
    assert!(platform.db.trunk_routes(account).await.unwrap().is_empty());

    let (mut log, _) = platform
        .audit_log(account, &AuditFilter::default(), 100)
        .await
        .unwrap();
    log.retain(|entry| entry.object.kind == "trunk");
    let told: Vec<_> = log
        .iter()
        .rev()
        .map(|entry| entry.action.as_str())
        .collect();
    let expected = [
        "trunk.add",
        "trunk.add",
        "trunk.change",
        "trunk.change",
        "trunk.remove",
        "trunk.remove",
    ];
    assert_eq!(told, expected);
    assert!(
        log.iter()
            .all(|entry| entry.actor.name == "ann@example.com")
    );
    assert!(!format!("{log:?}").contains(SECRET));
    assert!(
        log[4]
            .after
            .as_ref()
            .unwrap()
            .contains("\"password\":\"set anew\"")
    );
    assert!(log[3].before.as_ref().unwrap().contains("\"Registers\""));
    assert!(log[3].after.as_ref().unwrap().contains("\"Known\""));
}

async fn mistakes_of_a_trunk_are_said_beside_their_fields_all_at_once(engine: Engine) {
    let world = World::empty(engine).await;
    let ann = Browser::signed_in(&world, "ann@example.com").await;
    let other = [
        ("name", "Other"),
        ("send_to", "sip:sbc.example.com"),
        ("user", "other"),
        ("password", SECRET),
    ];
    saved(&ann, &other).await;
    let before = world.platform.db.trunks(world.account.id).await.unwrap();
    for (fields, wrong) in [
        (
            vec![
                ("name", " "),
                ("addresses", "192.0.2.500"),
                ("country", "X"),
                ("send_to", "sip:me@example.com"),
                ("user", "a\"b"),
                ("realm", "a\"b"),
                ("register", "sips:example.com"),
                ("register_as", "nobody"),
                ("register_expiry", "soon"),
            ],
            vec![
                "name",
                "addresses",
                "country",
                "send_to",
                "user",
                "realm",
                "register",
                "register_as",
                "register_expiry",
                "password",
            ],
        ),
        (vec![("name", "Other")], vec!["name"]),
        (vec![("name", "A"), ("challenge", "on")], vec!["user"]),
        (
            vec![("name", "A"), ("user", "a"), ("password", SECRET)],
            vec!["user"],
        ),
        (
            vec![("name", "A"), ("register_expiry", "60")],
            vec!["register"],
        ),
        (
            vec![
                ("name", "A"),
                ("user", "a"),
                ("password", SECRET),
                ("register", "SBC.example.com"),
                ("register_expiry", "59"),
            ],
            vec!["send_to", "register_expiry"],
        ),
        (
            vec![("name", "A"), ("addresses", "0.0.0.0/0, ::/0")],
            vec!["addresses"],
        ),
    ] {
        let (status, page) = send(&ann, "/trunks", &fields).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{fields:?}");
        let marked: Vec<_> = page.match_indices("<p class=\"wrong\"").collect();
        assert_eq!(marked.len(), wrong.len(), "{fields:?}: {page}");
        for field in wrong {
            let marked = format!("id=\"{field}-wrong\"");
            assert!(page.contains(&marked), "{field} of {fields:?}: {page}");
        }
        assert!(!page.contains(SECRET));
        if fields[0].1 == " " {
            assert!(page.contains(">192.0.2.500</textarea>") && page.contains("value=\"soon\""));
        }
    }
    let trunks = world.platform.db.trunks(world.account.id).await.unwrap();
    assert_eq!(trunks, before, "nothing was changed");
}

async fn a_trunk_that_something_uses_is_not_removed(engine: Engine) {
    let world = World::empty(engine).await;
    let ann = Browser::signed_in(&world, "ann@example.com").await;
    let (platform, account) = (&world.platform, world.account.id);
    let dialling = Dialling {
        prefixes: vec!["+4420".into()],
        ..Dialling::default()
    };
    platform.db.set_dialling(account, &dialling).await.unwrap();
    let carrier = [("name", "Carrier"), ("send_to", "sip:sbc.example.com")];
    let carrier = saved(&ann, &carrier).await;
    let mobile = [
        ("name", "Mobile"),
        ("kind", "number"),
        ("address", "+44 20 7946 0123"),
        ("trunk", "Carrier"),
    ];
    let (status, page) = send(&ann, "/targets", &mobile).await;
    assert_eq!(status, StatusCode::SEE_OTHER, "{page}");
    let plan = "name = \"Out\"\nstart = \"out\"\n[steps.out.forward]\nnumber = \"+442079460124\"\ntrunk = \"Carrier\"\n";
    let owner = platform.save_plan(&world.account, None, plan, now());
    owner.await.unwrap();
    let before = platform.db.trunks(account).await.unwrap();
    let (status, page) = send(&ann, &format!("/trunks/{carrier}/remove"), &[]).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    for text in [
        "Nothing was removed",
        "the target Mobile, the plan Out",
        "the plans Out forward over it",
    ] {
        assert!(page.contains(text), "{text}: {page}");
    }
    assert_eq!(platform.db.trunks(account).await.unwrap(), before);
    // Nor does it stop taking calls: that would break the same.
    let fields = [("id", carrier.as_str()), ("name", "Carrier")];
    let (status, page) = send(&ann, "/trunks", &fields).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(page.contains("id=\"send_to-wrong\"") && page.contains("the target Mobile"));
}

async fn a_trunk_meddles_with_no_other_accounts_calls(engine: Engine) {
    let world = World::empty(engine).await;
    let ann = Browser::signed_in(&world, "ann@example.com").await;
    let networks = vec!["198.51.100.0/24".to_owned()];
    let theirs = world
        .platform
        .add_trunk(world.stranger.id, "Theirs", networks, Some("GB"), now());
    theirs.await.unwrap();
    let login = [("user", "a"), ("password", SECRET), ("challenge", "on")];
    let narrower = vec![("name", "A"), ("addresses", "198.51.100.7")];
    let mut challenged = vec![("name", "A"), ("addresses", "198.51.100.0/24")];
    challenged.extend(login);
    for fields in [narrower, challenged] {
        let (status, page) = send(&ann, "/trunks", &fields).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{fields:?}");
        assert!(
            page.contains("id=\"addresses-wrong\"") && page.contains("whoever runs the server")
        );
        assert!(!page.contains("Theirs"));
    }
    // Two accounts of one carrier are none of each other's business, and who has nothing but a password proves it.
    saved(&ann, &[("name", "Same"), ("addresses", "198.51.100.0/24")]).await;
    let mut anywhere = vec![("name", "Anywhere"), ("addresses", "0.0.0.0/0")];
    anywhere.extend(login);
    saved(&ann, &anywhere).await;
}
