//! What servers that mean harm can make of a look: nothing that does not end.

use std::sync::atomic::Ordering;

use crate::check;
use crate::server::Server;

/// Above what one look may take in, and what may stand in buffers on the way.
const TAKEN_MAX: usize = 64 * 1024 * 1024;

#[test]
fn a_packed_page_is_unpacked_and_a_bomb_is_cut() {
    let server = Server::start();
    assert_eq!(check(&["--allow-private", &server.url("/packed")]).code, 2);
    let bomb = check(&["--json", "--allow-private", &server.url("/bomb")]);
    assert_eq!(bomb.code, 0, "{} {}", bomb.out, bomb.err);
    assert_eq!(bomb.object()["incomplete"], true, "{}", bomb.out);
    let sent = server.seen.octets.load(Ordering::Relaxed);
    assert!(sent < TAKEN_MAX, "{sent}");
}

#[test]
fn an_endless_page_is_cut() {
    let server = Server::start();
    let ran = check(&["--json", "--allow-private", &server.url("/endless")]);
    assert_eq!(ran.code, 0, "{} {}", ran.out, ran.err);
    assert_eq!(ran.object()["incomplete"], true, "{}", ran.out);
    let sent = server.seen.octets.load(Ordering::Relaxed);
    assert!(sent < TAKEN_MAX, "{sent}");
}

#[test]
fn scripts_without_end_share_one_bound() {
    let server = Server::start();
    let ran = check(&["--json", "--allow-private", &server.url("/heavy")]);
    assert_eq!(ran.code, 0, "{} {}", ran.out, ran.err);
    let object = ran.object();
    assert!(object["left_out"].as_u64().unwrap() > 40, "{object}");
    let sent = server.seen.octets.load(Ordering::Relaxed);
    assert!(sent < 2 * TAKEN_MAX, "{sent}");
}

#[test]
fn ten_thousand_scripts_are_not_all_fetched() {
    let server = Server::start();
    let ran = check(&["--json", "--allow-private", &server.url("/many")]);
    assert_eq!(ran.code, 0, "{} {}", ran.out, ran.err);
    assert_eq!(server.paths().len(), 65);
    assert_eq!(ran.object()["incomplete"], true, "{}", ran.out);
}

#[test]
fn frames_in_frames_end() {
    let server = Server::start();
    let ran = check(&["--json", "--allow-private", &server.url("/mirrors")]);
    assert!(ran.code < 2, "{} {}", ran.out, ran.err);
    // The page, its two frames, and theirs.
    assert_eq!(server.paths().len(), 7, "{:?}", server.paths());
}

#[test]
fn a_redirect_that_leads_nowhere_ends() {
    let server = Server::start();
    let ran = check(&["--json", "--allow-private", &server.url("/to")]);
    assert_eq!(ran.code, 3);
    assert!(
        ran.object()["error"]
            .as_str()
            .unwrap()
            .contains("redirects"),
        "{}",
        ran.out
    );
}

#[test]
fn a_page_that_never_ends_is_judged_by_what_came_and_one_that_never_begins_is_given_up() {
    let server = Server::start();
    let ran = check(&[
        "--json",
        "--allow-private",
        &server.url("/drip"),
        &server.url("/silent"),
    ]);
    let objects = ran.objects();
    assert_eq!(objects[0]["verdict"], "scam", "{}", ran.out);
    assert!(
        objects[1]["error"].as_str().unwrap().contains("within"),
        "{}",
        ran.out
    );
    assert_eq!(ran.code, 2);
}
