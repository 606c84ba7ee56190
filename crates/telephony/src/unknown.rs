//! Requests whose first line the stack cannot read, or reads too kindly: they are answered before it sees them.
//!
//! It lets go of an unknown method, scheme or version without a word, where RFC 3261 has 501 (§21.5.2), 416
//! (§21.4.14) and 505 (§21.5.6), and reads on over white space and brackets that make a line malformed (§25.1).

use crate::message;

/// The methods that the stack reads; it answers for those among them that we do not serve.
const READ: [&str; 14] = [
    "ACK",
    "BYE",
    "CANCEL",
    "INFO",
    "INVITE",
    "MESSAGE",
    "NOTIFY",
    "OPTIONS",
    "PRACK",
    "PUBLISH",
    "REFER",
    "REGISTER",
    "SUBSCRIBE",
    "UPDATE",
];
/// The headers that a response takes over (RFC 3261 §8.2.6.2), with their short forms.
const TAKEN_OVER: [(&str, &str); 5] = [
    ("via", "v"),
    ("from", "f"),
    ("to", "t"),
    ("call-id", "i"),
    ("cseq", "cseq"),
];

/// The answer to a datagram, when its first line is that of a request which the stack must not see.
pub(crate) fn answer(datagram: &[u8]) -> Option<String> {
    // Nearly every datagram is one that the stack reads; that is told by its first line.
    let line = datagram.split(|octet| *octet == b'\n').next()?;
    let status = flaw(line.strip_suffix(b"\r")?)?;
    let head = datagram
        .windows(4)
        .position(|octets| octets == b"\r\n\r\n")
        .map(|end| &datagram[..end])?;
    let head = String::from_utf8_lossy(head);
    let mut response = format!("SIP/2.0 {status}\r\n");
    // A folded header goes on (RFC 3261 §7.3.1).
    let head = head.replace("\r\n ", " ").replace("\r\n\t", " ");
    // Whoever acknowledges a refusal gets no other one.
    if head.starts_with("ACK ") {
        return Some(String::new());
    }
    for line in head.split("\r\n").skip(1).take(64) {
        let Some((name, value)) = line.split_once(':') else {
            continue;
        };
        let name = name.trim().to_ascii_lowercase();
        if TAKEN_OVER
            .iter()
            .any(|(long, short)| name == *long || name == *short)
        {
            response.push_str(line.trim_end());
            if matches!(name.as_str(), "to" | "t") && message::tag(value).is_none() {
                response.push_str(";tag=");
                response.push_str(&message::new_tag());
            }
            response.push_str("\r\n");
        }
    }
    if !TAKEN_OVER.iter().all(|(name, short)| {
        let has = |line: &str| {
            let line = line.to_ascii_lowercase();
            [name, short].iter().any(|name| {
                line.strip_prefix(*name)
                    .is_some_and(|rest| rest.trim_start().starts_with(':'))
            })
        };
        response.lines().any(has)
    }) {
        // Nobody could tell what it answers.
        return Some(String::new());
    }
    response.push_str("Allow: ");
    response.push_str(message::ALLOW);
    response.push_str("\r\nContent-Length: 0\r\n\r\n");
    Some(response)
}

/// The status of the answer to a request's first line, when that is not as it must be (RFC 3261 §7.1, §25.1).
fn flaw(line: &[u8]) -> Option<&'static str> {
    if line.starts_with(b"SIP/2.0 ") {
        return None;
    }
    let line = std::str::from_utf8(line).ok()?;
    let (method, rest) = line.split_once(' ')?;
    let token = |octet: u8| octet.is_ascii_alphanumeric() || b"-.!%*_+`'~".contains(&octet);
    if method.is_empty() || !method.bytes().all(token) {
        return None;
    }
    let (uri, version) = rest.trim_end().rsplit_once(' ')?;
    let number = version.strip_prefix("SIP/")?;
    if number != "2.0" {
        let is_number = |part: &str| !part.is_empty() && part.bytes().all(|o| o.is_ascii_digit());
        let (major, minor) = number.split_once('.')?;
        return (is_number(major) && is_number(minor)).then_some("505 Version Not Supported");
    }
    if uri.is_empty()
        || rest.ends_with(char::is_whitespace)
        || uri.contains(|character: char| {
            character.is_whitespace() || matches!(character, '<' | '>' | '"')
        })
    {
        return Some("400 Bad Request");
    }
    if !READ.contains(&method) {
        return Some("501 Not Implemented");
    }
    let (scheme, _) = uri.split_once(':')?;
    let known = ["sip", "sips", "tel"];
    if !known.iter().any(|known| known.eq_ignore_ascii_case(scheme)) {
        return Some("416 Unsupported URI Scheme");
    }
    // Headers in a Request-URI are not allowed (RFC 3261 §19.1.1).
    uri.split_once('@')
        .is_some_and(|(_, host)| host.contains('?'))
        .then_some("400 Bad Request")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_unknown_method_gets_501_with_what_it_sent() {
        let request =
            b"DANCE sip:x SIP/2.0\r\nv: SIP/2.0/UDP h;branch=z\r\nFrom: <sip:a@b>;tag=1\r\n\
            t: <sip:x>\r\nCall-ID: c\r\nCSeq: 1 DANCE\r\nX-Other: y\r\n\r\n";
        let answer = answer(request).expect("it is answered");
        assert!(answer.starts_with("SIP/2.0 501 "), "{answer}");
        for part in [
            "v: SIP/2.0/UDP h;branch=z\r\n",
            "t: <sip:x>;tag=",
            "CSeq: 1 DANCE",
        ] {
            assert!(answer.contains(part), "{part} is missing: {answer}");
        }
        assert!(!answer.contains("X-Other"));
    }

    #[test]
    fn a_first_line_that_is_not_as_it_must_be_is_told_so() {
        let headers = "v: SIP/2.0/UDP h;branch=z\r\nf: <sip:a@b>;tag=1\r\nt: <sip:x>\r\ni: c\r\nCSeq: 1 INVITE\r\n\r\n";
        for (line, code) in [
            ("INVITE sip:x SIP/7.0", "505"),
            ("INVITE <sip:x> SIP/2.0", "400"),
            ("INVITE  sip:x  SIP/2.0", "400"),
            ("INVITE sip:x; lr SIP/2.0", "400"),
            ("INVITE sip:x SIP/2.0 ", "400"),
            ("INVITE sip:a@x?Route=%3Csip:y%3E SIP/2.0", "400"),
            ("INVITE isbn:1 SIP/2.0", "416"),
            ("invite sip:x SIP/2.0", "501"),
        ] {
            let answer = answer(format!("{line}\r\n{headers}").as_bytes()).expect("a flaw");
            assert!(
                answer.starts_with(&format!("SIP/2.0 {code} ")),
                "{line}: {answer}"
            );
        }
        let acknowledged = format!("ACK <sip:x> SIP/2.0\r\n{headers}");
        assert_eq!(answer(acknowledged.as_bytes()), Some(String::new()));
        assert_eq!(
            answer(b"INVITE <sip:x> SIP/2.0\r\n\r\n"),
            Some(String::new())
        );
    }

    #[test]
    fn what_the_stack_reads_is_left_to_it() {
        assert_eq!(answer(b"INVITE sip:x SIP/2.0\r\n\r\n"), None);
        assert_eq!(answer(b"INVITE sip:a?b@x;c SIP/2.0\r\n\r\n"), None);
        assert_eq!(answer(b"INVITE tel:+15555550100 SIP/2.0\r\n\r\n"), None);
        assert_eq!(answer(b"SIP/2.0 200 OK\r\n\r\n"), None);
        assert_eq!(answer(b"DANCE sip:x HTTP/1.1\r\n\r\n"), None);
    }

    proptest! {
        #[test]
        fn no_octets_whatever_break_it(datagram in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = answer(&datagram);
        }
    }
}
