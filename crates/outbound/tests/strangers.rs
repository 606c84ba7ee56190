//! Fetching from strangers: what must not be reached is not, and what never ends is cut.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on should say where"
)]

mod servers;

use ringfence_model::{Duration, SipTransport};
use ringfence_outbound::{FetchLimits, Outbound, OutboundError, OutboundPolicy, SipHost};
use servers::{NameServer, WebServer};
use std::net::SocketAddr;

fn limits() -> FetchLimits {
    FetchLimits {
        time: Duration::from_secs(20),
        body: 1000,
        redirects: 3,
    }
}

fn open() -> Outbound {
    Outbound::new(OutboundPolicy {
        allow_private: true,
        ..OutboundPolicy::default()
    })
}

/// Only 127.0.0.1 may be reached, and names are asked of `server`.
fn fenced(server: Option<SocketAddr>) -> Outbound {
    Outbound::new(OutboundPolicy {
        allow_private: false,
        allowed_networks: vec!["127.0.0.1/32".parse().unwrap()],
        name_servers: server.into_iter().collect(),
    })
}

#[tokio::test]
async fn a_page_comes_with_its_status_type_and_body() {
    let server = WebServer::start("127.0.0.1").await;
    let fetched = open().fetch(&server.url("/hello"), limits()).await.unwrap();
    assert_eq!(
        (fetched.status, fetched.body.as_slice()),
        (200, &b"hello"[..])
    );
    assert_eq!(fetched.content_type.as_deref(), Some("text/plain"));
    assert!(!fetched.cut);
    let missing = open()
        .fetch(&server.url("/missing"), limits())
        .await
        .unwrap();
    assert_eq!(missing.status, 404);
}

#[tokio::test]
async fn a_private_address_is_not_reached() {
    let server = WebServer::start("127.0.0.1").await;
    let closed = Outbound::new(OutboundPolicy::default());
    for url in [
        server.url("/hello"),
        format!("http://2130706433:{}/hello", server.address.port()),
        format!("http://[::ffff:127.0.0.1]:{}/hello", server.address.port()),
        "http://169.254.169.254/latest/meta-data/".into(),
        "http://[::1]/".into(),
    ] {
        let refused = closed.fetch(&url, limits()).await;
        assert!(
            matches!(refused, Err(OutboundError::NotPublic { .. })),
            "{url}: {refused:?}"
        );
    }
    assert_eq!(server.requests(), 0);
}

#[tokio::test]
async fn a_redirect_to_a_private_address_is_not_followed() {
    let inside = WebServer::start("127.0.0.2").await;
    let outside = WebServer::start("127.0.0.1").await;
    let refused = fenced(None)
        .fetch(
            &outside.url(&format!("/to?{}", inside.url("/hello"))),
            limits(),
        )
        .await;
    assert!(
        matches!(refused, Err(OutboundError::NotPublic { .. })),
        "{refused:?}"
    );
    assert_eq!(inside.requests(), 0);
}

#[tokio::test]
async fn redirects_are_followed_but_not_for_ever() {
    let server = WebServer::start("127.0.0.1").await;
    let fetched = open()
        .fetch(&server.url("/to?/hello"), limits())
        .await
        .unwrap();
    assert_eq!(fetched.body, b"hello");
    assert_eq!(fetched.final_url, server.url("/hello"));
    let refused = open().fetch(&server.url("/loop"), limits()).await;
    assert!(matches!(refused, Err(OutboundError::TooManyRedirects(3))));
    assert_eq!(server.requests(), 2 + 4);
    for elsewhere in ["file:///etc/passwd", "http://user:secret@example.com/"] {
        let refused = open()
            .fetch(&server.url(&format!("/to?{elsewhere}")), limits())
            .await;
        assert!(
            matches!(refused, Err(OutboundError::NotAUrl(_))),
            "{elsewhere}"
        );
    }
}

#[tokio::test]
async fn a_body_without_an_end_is_cut() {
    let server = WebServer::start("127.0.0.1").await;
    let fetched = open()
        .fetch(&server.url("/endless"), limits())
        .await
        .unwrap();
    assert!(fetched.cut);
    assert_eq!(fetched.body.len(), 1000);
}

#[tokio::test]
async fn a_server_that_never_answers_is_given_up() {
    let server = WebServer::start("127.0.0.1").await;
    let short = FetchLimits {
        time: Duration::from_millis(200),
        ..limits()
    };
    let refused = open().fetch(&server.url("/silent"), short).await;
    assert!(
        matches!(refused, Err(OutboundError::TimedOut(_))),
        "{refused:?}"
    );
}

#[tokio::test]
async fn what_came_before_a_server_fell_silent_is_kept() {
    let server = WebServer::start("127.0.0.1").await;
    let short = FetchLimits {
        time: Duration::from_secs(2),
        ..limits()
    };
    let fetched = open().fetch(&server.url("/trickle"), short).await.unwrap();
    assert!(fetched.cut);
    assert_eq!(fetched.body, b"x");
}

#[tokio::test]
async fn a_name_is_resolved_once_and_its_address_pinned() {
    let first = WebServer::start("127.0.0.1").await;
    let names = NameServer::start(|_, asked| match asked {
        0 => vec!["127.0.0.1".parse().unwrap()],
        _ => vec!["127.0.0.2".parse().unwrap()],
    })
    .await;
    let url = format!("http://rebind.test:{}/hello", first.address.port());
    let fetched = fenced(Some(names.address))
        .fetch(&url, limits())
        .await
        .unwrap();
    assert_eq!(fetched.body, b"hello");
    assert_eq!(names.questions("A"), 1);
    let again = fenced(Some(names.address)).fetch(&url, limits()).await;
    assert!(
        matches!(again, Err(OutboundError::NotPublic { .. })),
        "the second answer is checked like the first: {again:?}"
    );
}

#[tokio::test]
async fn one_private_address_among_public_ones_is_enough_to_refuse() {
    let names =
        NameServer::start(|_, _| vec!["1.1.1.1".parse().unwrap(), "10.0.0.1".parse().unwrap()])
            .await;
    let refused = fenced(Some(names.address))
        .fetch("http://mixed.test/", limits())
        .await;
    assert!(
        matches!(refused, Err(OutboundError::NotPublic { .. })),
        "{refused:?}"
    );
}

#[tokio::test]
async fn txt_records_are_read_and_a_name_without_any_has_none() {
    let names = NameServer::start(|_, _| Vec::new()).await;
    let outbound = fenced(Some(names.address));
    assert_eq!(
        outbound.txt("_ringfence.example.test").await.unwrap(),
        ["v=spf1 -all", "ringfence-challenge"]
    );
    assert!(outbound.txt("other.test").await.unwrap().is_empty());
}

#[tokio::test]
async fn a_name_that_does_not_exist_or_a_closed_port_says_so() {
    let names = NameServer::start(|_, _| Vec::new()).await;
    let outbound = fenced(Some(names.address));
    let unknown = outbound.fetch("http://nobody.test/", limits()).await;
    assert!(
        matches!(unknown, Err(OutboundError::NotResolved { .. })),
        "{unknown:?}"
    );
    let closed = open().fetch("http://127.0.0.1:1/", limits()).await;
    assert!(
        matches!(closed, Err(OutboundError::NotConnected { .. })),
        "{closed:?}"
    );
    for url in ["", "example.com", "ftp://example.com/", "http://"] {
        assert!(matches!(
            outbound.fetch(url, limits()).await,
            Err(OutboundError::NotAUrl(_))
        ));
    }
}

#[tokio::test]
async fn the_servers_of_a_sip_host_come_in_the_order_of_its_records() {
    let names = NameServer::start(|name, _| match name {
        "edge.test." => vec![[192, 0, 2, 1].into()],
        "spare.test." => vec![[192, 0, 2, 2].into(), [192, 0, 2, 3].into()],
        "plain.test." | "closed.test." => vec![[192, 0, 2, 9].into()],
        _ => vec![],
    })
    .await;
    let outbound = fenced(Some(names.address));
    let both = [SipTransport::Udp, SipTransport::Tcp];
    let servers = async |host, port, transport| {
        let of = SipHost {
            host,
            port,
            transport,
        };
        let found = outbound.sip_servers(of, &both, |_| 0).await;
        let found = found.map_err(|error| error.word())?.into_iter();
        let written = found.map(|one| format!("{} {}", one.transport.as_str(), one.address));
        Ok::<_, &str>(written.collect::<Vec<_>>())
    };
    let udp = [
        "udp 192.0.2.1:5061",
        "udp 192.0.2.2:5062",
        "udp 192.0.2.3:5062",
    ];
    let tcp = "tcp 192.0.2.1:5063";
    for (host, port, transport, expected) in [
        (
            "carrier.test",
            None,
            Some(SipTransport::Udp),
            Ok(udp.to_vec()),
        ),
        ("carrier.test", None, None, Ok([&udp[..], &[tcp]].concat())),
        ("pointed.test", None, None, Ok([&[tcp], &udp[..]].concat())),
        (
            "pointed.test",
            None,
            Some(SipTransport::Udp),
            Err("not_resolved"),
        ),
        ("plain.test", None, None, Ok(vec!["udp 192.0.2.9:5060"])),
        (
            "closed.test",
            None,
            Some(SipTransport::Tcp),
            Ok(vec!["tcp 192.0.2.9:5060"]),
        ),
        (
            "edge.test",
            Some(5070),
            Some(SipTransport::Tcp),
            Ok(vec!["tcp 192.0.2.1:5070"]),
        ),
        (
            "2001:db8::1",
            None,
            None,
            Ok(vec!["udp [2001:db8::1]:5060"]),
        ),
        ("nobody.test", None, None, Err("not_resolved")),
    ] {
        let found = servers(host, port, transport).await;
        let expected = expected.map(|all| all.into_iter().map(ToOwned::to_owned).collect());
        assert_eq!(found, expected, "{host} {port:?} {transport:?}");
    }
}
