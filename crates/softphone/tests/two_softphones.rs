//! Two softphones call each other: real SIP and RTP on loopback, nothing between them.

#![expect(
    clippy::similar_names,
    clippy::unwrap_used,
    reason = "the caller and the called; a test that cannot go on may stop"
)]

use std::net::SocketAddr;
use std::time::Duration;

use ringfence_softphone::{
    Answer, Behaviour, CallRequest, CallResult, Counters, Heard, Hold, HungUpBy, Softphone,
    SoftphoneConfig, SoftphoneError, Then, Transport,
};
use tokio::time::timeout;

const TALK: Duration = Duration::from_millis(600);

async fn phone(transport: Transport, behaviour: Behaviour) -> Softphone {
    let config = SoftphoneConfig {
        transport,
        behaviour,
        ..SoftphoneConfig::default()
    };
    Softphone::start(config).await.unwrap()
}

fn behaviour(then: Then) -> Behaviour {
    Behaviour {
        ring: Duration::from_millis(50),
        then,
        early_media: false,
    }
}

fn answering(hang_up_after: Option<Duration>) -> Behaviour {
    behaviour(Then::Answer(Answer {
        tone_hz: 880.0,
        hang_up_after,
    }))
}

fn request(server: SocketAddr) -> CallRequest {
    CallRequest {
        server,
        to: "+442079460001".to_owned(),
        from: "+441632960001".to_owned(),
        tone_hz: 440.0,
        talk: TALK,
        give_up_after: None,
        expect: vec![440.0, 620.0, 880.0],
    }
}

/// One call; what the caller and the called say of it afterwards.
async fn call(
    transport: Transport,
    behaviour: Behaviour,
    change: impl FnOnce(&mut CallRequest),
) -> (CallResult, Counters) {
    let called = phone(transport, behaviour).await;
    let caller = phone(transport, Behaviour::default()).await;
    let mut request = request(called.local_addr());
    change(&mut request);
    let result = timeout(Duration::from_secs(30), caller.call(request))
        .await
        .unwrap()
        .unwrap();
    caller.shutdown().await;
    called.shutdown().await;
    (result, called.counters())
}

fn assert_heard(heard: Heard, hz: f64) {
    assert_eq!(heard.tone_hz, Some(hz), "{heard:?}");
    assert!((heard.level - 0.5).abs() < 0.1, "{heard:?}");
    assert_eq!((heard.lost, heard.sources), (0, 1), "{heard:?}");
    assert!(heard.packets > 15, "{heard:?}");
}

#[tokio::test]
async fn both_hear_each_other_and_the_caller_hangs_up() {
    for transport in [Transport::Udp, Transport::Tcp] {
        let (result, counters) = call(transport, answering(None), |_| {}).await;
        assert_eq!(
            (result.final_code, result.answered),
            (200, true),
            "{transport:?}"
        );
        assert_eq!(result.hung_up_by, HungUpBy::Us);
        assert!(
            result.provisional.contains(&180),
            "{:?}",
            result.provisional
        );
        assert_heard(result.heard, 880.0);
        assert_heard(counters.last_heard.unwrap(), 440.0);
        assert_eq!(
            (
                counters.offered,
                counters.answered,
                counters.active,
                counters.ended
            ),
            (1, 1, 0, 1)
        );
    }
}

#[tokio::test]
async fn the_called_hangs_up() {
    let (result, counters) = call(Transport::Udp, answering(Some(TALK)), |request| {
        request.talk = Duration::from_secs(20);
    })
    .await;
    assert_eq!(
        (result.final_code, result.hung_up_by),
        (200, HungUpBy::Them)
    );
    assert_heard(result.heard, 880.0);
    assert_eq!(counters.ended, 1);
}

#[tokio::test]
async fn the_busy_and_the_refusing_say_so() {
    for (then, code) in [
        (Then::Busy, 486),
        (Then::Refuse(503), 503),
        (Then::Refuse(603), 603),
    ] {
        for ring in [Duration::ZERO, Duration::from_millis(50)] {
            let behaviour = Behaviour {
                ring,
                ..behaviour(then.clone())
            };
            let (result, counters) = call(Transport::Udp, behaviour, |_| {}).await;
            assert_eq!((result.final_code, result.answered), (code, false));
            assert_eq!(result.hung_up_by, HungUpBy::Them);
            assert_eq!((counters.refused, counters.answered), (1, 0));
        }
    }
}

#[tokio::test]
async fn the_caller_gives_up_while_it_rings() {
    for transport in [Transport::Udp, Transport::Tcp] {
        let (result, counters) = call(transport, behaviour(Then::Silent), |request| {
            request.give_up_after = Some(Duration::from_millis(300));
        })
        .await;
        assert_eq!((result.final_code, result.answered), (487, false));
        assert_eq!(result.hung_up_by, HungUpBy::Us);
        assert_eq!((counters.cancelled, counters.answered), (1, 0));
    }
}

#[tokio::test]
async fn early_media_is_heard_before_the_answer() {
    let early = Behaviour {
        ring: TALK,
        early_media: true,
        ..answering(None)
    };
    let (result, _) = call(Transport::Udp, early, |_| {}).await;
    assert!(
        result.provisional.contains(&183),
        "{:?}",
        result.provisional
    );
    assert_heard(result.heard_early, 880.0);
    assert_heard(result.heard, 880.0);
}

#[tokio::test]
async fn a_held_call_is_quiet_for_that_long_and_then_goes_on() {
    let called = phone(Transport::Udp, answering(None)).await;
    let caller = phone(Transport::Udp, Behaviour::default()).await;
    let hold = Hold {
        after: Duration::from_millis(500),
        length: Duration::from_secs(1),
    };
    let request = CallRequest {
        talk: Duration::from_secs(2),
        ..request(called.local_addr())
    };
    let result = timeout(
        Duration::from_secs(30),
        caller.call_with_hold(request, hold),
    )
    .await
    .unwrap()
    .unwrap();
    assert_heard(result.heard, 880.0);
    assert!(
        (40..=65).contains(&result.heard.packets),
        "1 s of 2: {:?}",
        result.heard
    );
    caller.shutdown().await;
    called.shutdown().await;
}

#[tokio::test]
async fn behaviour_can_change_between_calls() {
    let called = phone(Transport::Udp, behaviour(Then::Busy)).await;
    let caller = phone(Transport::Udp, Behaviour::default()).await;
    let first = caller.call(request(called.local_addr())).await.unwrap();
    called.set_behaviour(answering(None));
    let second = caller.call(request(called.local_addr())).await.unwrap();
    assert_eq!((first.final_code, second.final_code), (486, 200));
    caller.shutdown().await;
    called.shutdown().await;
}

#[tokio::test]
async fn putting_a_telephone_away_ends_its_calls() {
    let called = phone(Transport::Udp, answering(None)).await;
    let caller = phone(Transport::Udp, Behaviour::default()).await;
    let made = tokio::spawn({
        let request = CallRequest {
            talk: Duration::from_mins(1),
            ..request(called.local_addr())
        };
        let caller = caller.clone();
        async move { caller.call(request).await }
    });
    let answered = async {
        while called.counters().active == 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(Duration::from_secs(10), answered).await.unwrap();
    called.shutdown().await;
    let result = timeout(Duration::from_secs(10), made)
        .await
        .unwrap()
        .unwrap()
        .unwrap();
    assert_eq!((result.answered, result.hung_up_by), (true, HungUpBy::Them));
    let again = SoftphoneConfig {
        bind: called.local_addr(),
        ..SoftphoneConfig::default()
    };
    Softphone::start(again)
        .await
        .expect("the port is free again")
        .shutdown()
        .await;
    caller.shutdown().await;
}

#[tokio::test]
async fn a_taken_port_and_a_number_that_is_none_are_told() {
    for transport in [Transport::Udp, Transport::Tcp] {
        let first = phone(transport, Behaviour::default()).await;
        let second = Softphone::start(SoftphoneConfig {
            bind: first.local_addr(),
            transport,
            ..SoftphoneConfig::default()
        });
        assert!(
            matches!(second.await, Err(SoftphoneError::Bind { .. })),
            "{transport:?}"
        );
        let bad = CallRequest {
            to: "sip:evil@example.com".to_owned(),
            ..request(first.local_addr())
        };
        assert!(matches!(
            first.call(bad).await,
            Err(SoftphoneError::Number(_))
        ));
        first.shutdown().await;
    }
}
