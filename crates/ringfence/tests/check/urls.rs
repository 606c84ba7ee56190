//! Pages from their servers, with their own scripts and frames.

use crate::check;
use crate::server::Server;

#[test]
fn a_page_is_fetched_with_its_scripts_and_frames() {
    let server = Server::start();
    let split = check(&["--json", "--allow-private", &server.url("/split")]);
    assert_eq!(split.code, 2, "{} {}", split.out, split.err);
    assert_eq!(split.object()["parts"], 1);
    let shell = check(&["--json", "--allow-private", &server.url("/shell")]);
    assert_eq!(shell.code, 2, "{} {}", shell.out, shell.err);
    assert_eq!(shell.object()["parts"], 2, "{}", shell.out);
    assert!(server.paths().contains(&"/lock.js".to_owned()));
    let clean = check(&["--json", "--allow-private", &server.url("/plumber")]);
    assert_eq!(clean.code, 0, "{} {}", clean.out, clean.err);
}

#[test]
fn nothing_secret_is_sent_and_the_page_is_named_to_its_parts_only_by_its_origin() {
    let server = Server::start();
    check(&["--allow-private", &server.url("/split?token=secret")]);
    let headers = server.seen.headers.lock().unwrap();
    assert_eq!(headers.len(), 2);
    assert!(headers[0].get("referer").is_none());
    assert_eq!(headers[1]["referer"], server.url("/"));
    for headers in headers.iter() {
        assert!(headers.get("cookie").is_none() && headers.get("authorization").is_none());
    }
}

#[test]
fn loopback_is_not_reached_unless_it_is_allowed() {
    let server = Server::start();
    let port = server.address.port();
    for url in [
        server.url("/plumber"),
        format!("http://localhost:{port}/"),
        format!("http://[::ffff:127.0.0.1]:{port}/"),
        format!("http://2130706433:{port}/"),
        format!("http://0x7f.1:{port}/"),
    ] {
        let ran = check(&["--json", &url]);
        assert_eq!(ran.code, 3, "{url} {}", ran.out);
        assert!(ran.object()["error"].is_string(), "{}", ran.out);
    }
    assert!(server.paths().is_empty());
}

#[test]
fn a_redirect_is_followed_and_said() {
    let server = Server::start();
    let ran = check(&["--json", "--allow-private", &server.url("/to?/to?/lock")]);
    assert_eq!(ran.code, 2, "{} {}", ran.out, ran.err);
    assert_eq!(ran.object()["url"], server.url("/lock"));
}

#[test]
fn a_page_that_is_not_there_could_not_be_looked_at_but_a_scam_with_an_error_is_one() {
    let server = Server::start();
    let gone = check(&["--json", "--allow-private", &server.url("/gone")]);
    assert_eq!(gone.code, 3);
    assert!(
        gone.object()["error"].as_str().unwrap().contains("404"),
        "{}",
        gone.out
    );
    let lock = check(&["--json", "--allow-private", &server.url("/gone/lock")]);
    assert_eq!(lock.code, 2, "{}", lock.out);
    assert_eq!(lock.object()["status"], 404);
}

#[test]
fn nobody_there_is_said() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let ran = check(&["--json", "--allow-private", &format!("http://{address}/")]);
    assert_eq!(ran.code, 3);
    assert!(
        ran.object()["error"]
            .as_str()
            .unwrap()
            .contains("did not answer"),
        "{}",
        ran.out
    );
}
