//! Requests of a method that the stack cannot read: they get 501 (RFC 3261 §21.5.2) before it sees them.

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

/// The answer to a datagram, when it is a request of a method that the stack cannot read.
pub(crate) fn answer(datagram: &[u8]) -> Option<String> {
    // Nearly every datagram is one that the stack reads; that is told by its first word.
    let word = datagram.split(|octet| *octet == b' ').next()?;
    if word == b"SIP/2.0" || READ.iter().any(|method| method.as_bytes() == word) {
        return None;
    }
    let head = datagram
        .windows(4)
        .position(|octets| octets == b"\r\n\r\n")
        .map(|end| &datagram[..end])?;
    let mut lines = std::str::from_utf8(head).ok()?.split("\r\n");
    let mut request_line = lines.next()?.split(' ');
    let (method, _, version) = (
        request_line.next()?,
        request_line.next()?,
        request_line.next()?,
    );
    let is_method = !method.is_empty() && method.bytes().all(|octet| octet.is_ascii_alphanumeric());
    if version != "SIP/2.0" || !is_method || READ.iter().any(|m| m.eq_ignore_ascii_case(method)) {
        return None;
    }
    let mut response = String::from("SIP/2.0 501 Not Implemented\r\n");
    for line in lines.take(64) {
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
    response.push_str("Allow: ");
    response.push_str(message::ALLOW);
    response.push_str("\r\nContent-Length: 0\r\n\r\n");
    Some(response)
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
    fn what_the_stack_reads_is_left_to_it() {
        assert_eq!(answer(b"INVITE sip:x SIP/2.0\r\n\r\n"), None);
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
