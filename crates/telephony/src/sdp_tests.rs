//! Offers and answers as phones and carriers send them, and as nobody should.

use super::*;
use proptest::prelude::*;

const PHONE: &str = "v=0\r\no=phone 1 1 IN IP4 192.0.2.10\r\ns=call\r\nc=IN IP4 192.0.2.10\r\nt=0 0\r\n\
    m=audio 4000 RTP/AVP 111 8 0 9 101\r\na=rtpmap:111 opus/48000/2\r\na=rtpmap:8 PCMA/8000\r\n\
    a=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\na=ptime:20\r\n\
    m=video 4002 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n";

fn phone() -> Description {
    Description::parse(PHONE.as_bytes()).expect("it is sound")
}

fn end() -> LocalEnd {
    LocalEnd::new("198.51.100.1:20000".parse().expect("an address"), 7)
}

#[test]
fn a_phones_offer_is_read() {
    let phone = phone();
    assert_eq!(phone.rtp, "192.0.2.10:4000".parse().expect("an address"));
    assert_eq!(phone.codecs, [Codec::Pcma, Codec::Pcmu]);
    assert_eq!(phone.telephone_event, Some(101));
    assert_eq!(phone.direction, Direction::SendReceive);
    assert!(!phone.is_hold());
}

#[test]
fn our_offer_names_our_port_and_only_our_codecs() {
    let offer = end().offer(&phone());
    assert!(
        offer.contains("m=audio 20000 RTP/AVP 8 0 101\r\n"),
        "{offer}"
    );
    for foreign in ["192.0.2.10", "opus", "video", "o=phone"] {
        assert!(!offer.contains(foreign), "{foreign} got through: {offer}");
    }
    assert!(Description::parse(offer.as_bytes()).is_ok());
}

#[test]
fn an_answer_has_as_many_streams_as_the_offer_and_refuses_the_others() {
    let callee = "v=0\r\no=- 1 1 IN IP4 192.0.2.20\r\ns=-\r\nc=IN IP4 192.0.2.20\r\nt=0 0\r\n\
        m=audio 5000 RTP/AVP 0\r\n";
    let callee = Description::parse(callee.as_bytes()).expect("it is sound");
    let answer = end().answer(&phone(), &callee);
    assert!(answer.contains("m=audio 20000 RTP/AVP 0\r\n"), "{answer}");
    assert!(answer.contains("m=video 0 RTP/AVP 96\r\n"), "{answer}");
}

#[test]
fn sides_without_a_common_codec_are_answered_in_their_own() {
    let side = |format: &str| {
        let text = format!(
            "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 4 RTP/AVP {format}\r\n"
        );
        Description::parse(text.as_bytes()).expect("it is sound")
    };
    let answer = end().answer(&side("0"), &side("8"));
    assert!(answer.contains("RTP/AVP 0\r\n"), "{answer}");
}

#[test]
fn hold_is_known_in_all_its_dresses() {
    let dressed = |address: &str, port: u16, direction: &str| {
        let text = format!(
            "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 {address}\r\nt=0 0\r\nm=audio {port} RTP/AVP 0\r\na={direction}\r\n"
        );
        Description::parse(text.as_bytes()).expect("it is sound")
    };
    assert!(dressed("192.0.2.1", 4000, "sendonly").is_hold());
    assert!(dressed("192.0.2.1", 4000, "inactive").is_hold());
    assert!(dressed("0.0.0.0", 4000, "sendrecv").is_hold());
    assert!(dressed("192.0.2.1", 0, "sendrecv").is_hold());
    assert!(!dressed("192.0.2.1", 4000, "recvonly").is_hold());
    assert_eq!(
        dressed("0.0.0.0", 4000, "sendrecv").direction,
        Direction::SendOnly
    );
}

#[test]
fn an_answer_never_exceeds_what_its_offer_leaves() {
    use Direction::{Inactive, ReceiveOnly, SendOnly, SendReceive};
    assert_eq!(allowed(SendReceive, SendReceive), SendReceive);
    assert_eq!(allowed(SendOnly, SendReceive), ReceiveOnly);
    assert_eq!(allowed(SendOnly, ReceiveOnly), ReceiveOnly);
    assert_eq!(allowed(SendReceive, Inactive), Inactive);
    assert_eq!(allowed(ReceiveOnly, SendReceive), SendOnly);
    assert_eq!(allowed(SendOnly, SendOnly), Inactive);
}

#[test]
fn useless_bodies_say_what_is_wrong() {
    let parse = |text: &str| Description::parse(text.as_bytes()).expect_err("it is of no use");
    assert!(matches!(parse("hello"), SdpError::Malformed(_)));
    let with = |line: &str| {
        format!(
            "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n{line}\r\n"
        )
    };
    assert_eq!(
        parse(&with("m=audio 4000 RTP/AVP 18")),
        SdpError::NoCommonCodec
    );
    assert_eq!(parse(&with("m=audio 4000 RTP/SAVP 0")), SdpError::NoAudio);
    assert_eq!(
        parse(&PHONE.replace("IP4 192.0.2.10\r\nt", "IP4 239.0.0.1\r\nt")),
        SdpError::NoAddress("239.0.0.1".into())
    );
    assert_eq!(
        parse(&"m=audio 4000 RTP/AVP 0\r\n".repeat(1_000)),
        SdpError::TooLarge(24_000)
    );
}

/// A sound description with some of its octets changed, moved or cut.
fn mutated() -> impl Strategy<Value = Vec<u8>> {
    let changes = proptest::collection::vec((0..PHONE.len(), any::<u8>(), 0..4u8), 0..12);
    changes.prop_map(|changes| {
        let mut body = PHONE.as_bytes().to_vec();
        for (at, octet, how) in changes {
            let at = at.min(body.len().saturating_sub(1));
            match how {
                0 if !body.is_empty() => body[at] = octet,
                1 => body.insert(at, octet),
                2 if !body.is_empty() => drop(body.remove(at)),
                _ => body.truncate(at.max(8)),
            }
        }
        body
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn no_octets_whatever_break_the_reader(
        body in prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..2_000),
            mutated(),
        ],
    ) {
        if let Ok(description) = Description::parse(&body) {
            prop_assert!(!description.codecs.is_empty());
            let _ = description.remote(false);
            // Whatever was read can be answered and offered on, as SDP that we read ourselves.
            let offer = end().offer(&description);
            prop_assert!(Description::parse(offer.as_bytes()).is_ok(), "{}", offer);
            let answer = end().answer(&description, &phone());
            prop_assert!(Description::parse(answer.as_bytes()).is_ok(), "{}", answer);
        }
    }
}
