//! Reading and writing the parts of SIP messages (RFC 3261) that Ringfence cares about.

use std::fmt::Write as _;

use rsipstack::sip::prelude::{HeadersExt, ToTypedHeader, UntypedHeader};
use rsipstack::sip::{
    Header, Headers, Method, Request, Response, Scheme, SipMessage, StatusCode, Version,
};
use rsipstack::transaction::random_text;

/// What User-Agent and Server say.
pub(crate) const PRODUCT: &str = "Ringfence";
/// What Allow says (RFC 3261 §20.5).
pub(crate) const ALLOW: &str = "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, PRACK, REFER";
/// The extensions that we know (RFC 3261 §20.37).
const EXTENSIONS: [&str; 2] = ["timer", "100rel"];
/// The longest text that is taken over from a message, in octets.
const MAX_TEXT: usize = 256;
/// The most headers of one message, and their octets together.
const MAX_HEADERS: usize = 128;
const MAX_HEADER_OCTETS: usize = 16 * 1024;

/// Why a message is not worked on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flaw {
    /// Too many headers, or too long ones.
    TooLarge,
    /// A header that every message has (RFC 3261 §8.1.1) is missing or contradicts another.
    Malformed,
    /// A Request-URI of a scheme that is not ours.
    Scheme,
    /// Another version than SIP/2.0.
    Version,
}

/// Looks for what would make a message useless or dangerous further in.
pub(crate) fn flaw(message: &SipMessage) -> Option<Flaw> {
    let (headers, body) = match message {
        SipMessage::Request(request) => (&request.headers, &request.body),
        SipMessage::Response(response) => (&response.headers, &response.body),
    };
    let octets: usize = headers.iter().map(|header| header.value().len()).sum();
    if headers.len() > MAX_HEADERS || octets > MAX_HEADER_OCTETS {
        return Some(Flaw::TooLarge);
    }
    let sound = (|| {
        let cseq = message.cseq_header().ok()?;
        cseq.seq().ok()?;
        let method = cseq.method().ok()?;
        if let SipMessage::Request(request) = message
            && request.method != method
        {
            return None;
        }
        tag(message.from_header().ok()?.value())?;
        message.to_header().ok()?;
        let call_id = message.call_id_header().ok()?.value();
        message.via_header().ok()?;
        (!call_id.is_empty() && call_id.len() <= MAX_TEXT).then_some(())
    })();
    // A body shorter than its Content-Length was cut on the way.
    let whole = headers.iter().all(|header| match header {
        Header::ContentLength(length) => {
            matches!(length.value().trim().parse::<usize>(), Ok(length) if length <= body.len())
        }
        // A quote that is never closed swallows what comes after it.
        Header::From(from) => is_one_address(from.value()),
        Header::To(to) => is_one_address(to.value()),
        Header::Contact(contact) => is_balanced(contact.value()),
        _ => true,
    });
    if sound.is_none() || !whole || !are_single(headers) {
        return Some(Flaw::Malformed);
    }
    None
}

/// Whether headers that may stand only once do so (RFC 3261 §7.3.1): two that differ would be read otherwise by
/// the next hop.
fn are_single(headers: &Headers) -> bool {
    let mut seen = [false; 7];
    headers.iter().all(|header| {
        let which = match header {
            Header::From(_) => 0,
            Header::To(_) => 1,
            Header::CallId(_) => 2,
            Header::CSeq(_) => 3,
            Header::MaxForwards(_) => 4,
            Header::ContentLength(_) => 5,
            Header::ContentType(_) => 6,
            _ => return true,
        };
        !std::mem::replace(&mut seen[which], true)
    })
}

/// What a stream's request may have wrong that is found in a datagram before the stack reads it.
pub(crate) fn stream_flaw(request: &Request) -> Option<Flaw> {
    if request.version != Version::V2 {
        return Some(Flaw::Version);
    }
    if let Some(Scheme::Other(scheme)) = &request.uri.scheme
        && !scheme.eq_ignore_ascii_case("tel")
    {
        return Some(Flaw::Scheme);
    }
    // What the stack takes for a host with a path is another protocol's URI.
    if request.uri.scheme.is_none() {
        return Some(Flaw::Scheme);
    }
    // Headers in a Request-URI are not allowed (RFC 3261 §19.1.1).
    if !request.uri.headers.is_empty() {
        return Some(Flaw::Malformed);
    }
    let via = request.via_header().ok()?;
    let empty = [";;", ";,", ",,"];
    (via.first_value().and_then(|via| via.typed()).is_err()
        || empty.iter().any(|empty| via.value().contains(empty)))
    .then_some(Flaw::Malformed)
}

/// One name-addr or addr-spec: quotes that close, and no comma but in them or in the URI (RFC 3261 §20.10).
fn is_one_address(value: &str) -> bool {
    let name = value.split('<').next().unwrap_or(value);
    is_balanced(value) && (!name.contains(',') || name.contains('"'))
}

fn is_balanced(value: &str) -> bool {
    let mut quoted = false;
    let mut characters = value.chars();
    while let Some(character) = characters.next() {
        match character {
            '"' => quoted = !quoted,
            '\\' if quoted => drop(characters.next()),
            _ => {}
        }
    }
    !quoted
}

/// The tag of a From or To value (RFC 3261 §19.3).
pub(crate) fn tag(value: &str) -> Option<&str> {
    let parameters = value.rfind('>').map_or(value, |end| &value[end + 1..]);
    parameters
        .split(';')
        .skip(1)
        .find_map(|parameter| {
            let (name, tag) = parameter.split_once('=')?;
            name.trim().eq_ignore_ascii_case("tag").then(|| tag.trim())
        })
        .filter(|tag| !tag.is_empty())
}

/// The From tag of a message.
pub(crate) fn from_tag(message: &impl HeadersExt) -> Option<&str> {
    tag(message.from_header().ok()?.value())
}

/// The To tag of a message.
pub(crate) fn to_tag(message: &impl HeadersExt) -> Option<&str> {
    tag(message.to_header().ok()?.value())
}

/// The Call-ID of a message.
pub(crate) fn call_id(message: &impl HeadersExt) -> Option<&str> {
    message.call_id_header().ok().map(UntypedHeader::value)
}

/// The user part of a name-addr or addr-spec, unescaped: of `"A" <sip:+44…;x=y@host>` the `+44…`.
/// `None` when there is none, or it is longer than 256 octets.
pub(crate) fn user_part(value: &str) -> Option<String> {
    let uri = match (value.rfind('<'), value.rfind('>')) {
        (Some(start), Some(end)) if start < end => &value[start + 1..end],
        _ => value.split(';').next().unwrap_or(value),
    };
    let (scheme, rest) = uri.trim().split_once(':')?;
    let user = match scheme.to_ascii_lowercase().as_str() {
        "sip" | "sips" => rest.rsplit_once('@')?.0.split(':').next()?,
        "tel" => rest,
        _ => return None,
    };
    let user = user.split(';').next().unwrap_or(user);
    let user = unescape(user);
    (!user.is_empty() && user.len() <= MAX_TEXT).then_some(user)
}

/// The display name of a name-addr, without its quotes.
pub(crate) fn display_name(value: &str) -> Option<String> {
    let name = value[..value.rfind('<')?].trim();
    let name = name
        .strip_prefix('"')
        .and_then(|name| name.strip_suffix('"'))
        .unwrap_or(name);
    let name: String = name
        .chars()
        .filter(|character| !character.is_control() && !matches!(character, '"' | '\\'))
        .take(64)
        .collect();
    (!name.trim().is_empty()).then(|| name.trim().to_owned())
}

/// Whom a call is for where its Request-URI holds our own contact: P-Called-Party-ID (RFC 7315 §4.2), else To.
pub(crate) fn called_party(request: &Request) -> Option<String> {
    header(&request.headers, "P-Called-Party-ID", None)
        .and_then(user_part)
        .or_else(|| user_part(request.to_header().ok()?.value()))
}

/// Who calls: P-Asserted-Identity (RFC 3325), else From; `None` when that is withheld.
pub(crate) fn caller(request: &Request) -> Option<(String, Option<String>)> {
    let privacy = request.headers.iter().any(|header| {
        matches!(header, Header::Privacy(privacy) if privacy
            .value()
            .split([';', ','])
            .any(|word| matches!(word.trim().to_ascii_lowercase().as_str(), "id" | "user" | "header")))
    });
    if privacy {
        return None;
    }
    let asserted = request.headers.iter().find_map(|header| match header {
        Header::PAssertedIdentity(identity) => {
            let value = identity.value();
            Some((user_part(value)?, display_name(value)))
        }
        _ => None,
    });
    let from = request.from_header().ok()?.value();
    let (number, name) = match asserted {
        Some(asserted) => asserted,
        None => (user_part(from)?, display_name(from)),
    };
    let withheld = [
        "anonymous",
        "unavailable",
        "restricted",
        "unknown",
        "private",
    ];
    (!withheld.contains(&number.to_ascii_lowercase().as_str())).then_some((number, name))
}

/// A user part as it may stand in a URI (RFC 3261 §25.1).
pub(crate) fn escaped(user: &str) -> String {
    user.bytes().fold(String::new(), |mut text, octet| {
        if octet.is_ascii_alphanumeric() || b"-_.!~*'()+".contains(&octet) {
            text.push(char::from(octet));
        } else {
            // Writing into a String cannot fail.
            let _ = write!(text, "%{octet:02X}");
        }
        text
    })
}

/// The same as it was meant.
pub(crate) fn unescape(text: &str) -> String {
    let mut octets = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, others @ ..] = rest {
        let escaped = (*first == b'%')
            .then(|| others.get(..2))
            .flatten()
            .and_then(|hex| std::str::from_utf8(hex).ok())
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        if let Some(octet) = escaped {
            octets.push(octet);
            rest = &others[2..];
        } else {
            octets.push(*first);
            rest = others;
        }
    }
    String::from_utf8_lossy(&octets)
        .chars()
        .filter(|character| !character.is_control())
        .collect()
}

/// Whether a message belongs to a transaction of a method.
pub(crate) fn is_of(message: &impl HeadersExt, method: Method) -> bool {
    let cseq = message.cseq_header().ok();
    cseq.and_then(|cseq| cseq.method().ok()) == Some(method)
}

/// Max-Forwards; 70 when it is missing or no number (RFC 3261 §8.1.1.6).
pub(crate) fn max_forwards(request: &Request) -> u32 {
    request
        .max_forwards_header()
        .ok()
        .and_then(|header| header.value().trim().parse().ok())
        .unwrap_or(70)
}

/// Option tags that the request insists on (RFC 3261 §20.32) and that we do not know.
pub(crate) fn required(request: &Request) -> Option<String> {
    let unknown: Vec<&str> = options(&request.headers)
        .filter(|(required, tag)| {
            *required
                && !EXTENSIONS
                    .iter()
                    .any(|known| known.eq_ignore_ascii_case(tag))
        })
        .map(|(_, tag)| tag)
        .collect();
    let unknown = unknown.join(", ");
    (!unknown.is_empty()).then(|| unknown.chars().take(MAX_TEXT).collect())
}

/// Whether a request insists on an extension.
pub(crate) fn requires(headers: &Headers, extension: &str) -> bool {
    options(headers).any(|(required, tag)| required && tag.eq_ignore_ascii_case(extension))
}

/// Whether the sender of a message knows an extension: it says so, or insists on it.
pub(crate) fn supports(headers: &Headers, extension: &str) -> bool {
    options(headers).any(|(_, tag)| tag.eq_ignore_ascii_case(extension))
}

/// The option tags of Require (`true`) and Supported (`false`).
fn options(headers: &Headers) -> impl Iterator<Item = (bool, &str)> {
    headers.iter().flat_map(|header| {
        let (required, value) = match header {
            Header::Require(value) => (true, value.value()),
            Header::Supported(value) => (false, value.value()),
            _ => (false, ""),
        };
        value
            .split(',')
            .map(str::trim)
            .filter(|tag| !tag.is_empty())
            .map(move |tag| (required, tag))
    })
}

/// Whether the sender of a message takes requests of a method (RFC 3261 §20.5).
pub(crate) fn allows(headers: &Headers, method: &str) -> bool {
    headers.iter().any(|header| {
        matches!(header, Header::Allow(methods) if methods
            .value()
            .split(',')
            .any(|allowed| allowed.trim().eq_ignore_ascii_case(method)))
    })
}

/// The value of a header that the stack does not name, or does not know by its short form.
pub(crate) fn header<'a>(headers: &'a Headers, name: &str, short: Option<&str>) -> Option<&'a str> {
    headers.iter().find_map(|header| match header {
        Header::SessionExpires(value) if name.eq_ignore_ascii_case("Session-Expires") => {
            Some(value.value())
        }
        Header::Other(other, value)
            if other.eq_ignore_ascii_case(name)
                || short.is_some_and(|short| other.eq_ignore_ascii_case(short)) =>
        {
            Some(value.as_str())
        }
        _ => None,
    })
}

/// Why a request is sent (RFC 3326), when it says so in a few words.
pub(crate) fn reason(request: &Request) -> Option<Header> {
    let is_short = |value: &str| value.len() <= MAX_TEXT;
    request.headers.iter().find_map(|header| match header {
        Header::Reason(reason) if is_short(reason.value()) => Some(header.clone()),
        _ => None,
    })
}

/// Whether the body says of itself that it is SDP.
pub(crate) fn carries_sdp(headers: &Headers, body: &[u8]) -> bool {
    !body.is_empty()
        && headers.iter().any(|header| {
            matches!(header, Header::ContentType(kind) if kind
                .value()
                .split(';')
                .next()
                .is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/sdp")))
        })
}

/// The body of a message when it is SDP.
pub(crate) fn sdp_of<'a>(headers: &Headers, body: &'a [u8]) -> Option<&'a [u8]> {
    carries_sdp(headers, body).then_some(body)
}

/// The key that an INFO's body names: `Signal=5` of `application/dtmf-relay`, `5` of `application/dtmf`. No RFC
/// has them, but every phone.
pub(crate) fn key(kind: &str, body: &[u8]) -> Option<char> {
    let body = std::str::from_utf8(body).ok()?;
    let kind = kind.split(';').next()?.trim().to_ascii_lowercase();
    let signal = match kind.as_str() {
        "application/dtmf-relay" => body.lines().find_map(|line| {
            let (name, value) = line.split_once('=')?;
            name.trim().eq_ignore_ascii_case("signal").then_some(value)
        })?,
        "application/dtmf" => body,
        _ => return None,
    };
    let key = match signal.trim() {
        "10" => '*',
        "11" => '#',
        one => one.chars().next().filter(|_| one.chars().count() == 1)?,
    };
    let key = key.to_ascii_uppercase();
    matches!(key, '0'..='9' | '*' | '#' | 'A'..='D').then_some(key)
}

/// The value of a header that the stack keeps under a short form that it does not know.
pub(crate) fn header_of<'a>(header: &'a Header, short: &str) -> Option<&'a str> {
    match header {
        Header::Other(name, value) if name.eq_ignore_ascii_case(short) => Some(value),
        _ => None,
    }
}

/// A response to a request (RFC 3261 §8.2.6), with our To tag unless it is 100 or has one.
pub(crate) fn response(
    request: &Request,
    code: u16,
    our_tag: Option<&str>,
    extra: Vec<Header>,
    body: Option<String>,
) -> Response {
    let mut headers: Vec<Header> = request
        .headers
        .iter()
        .filter(|header| {
            matches!(
                header,
                Header::Via(_) | Header::CallId(_) | Header::From(_) | Header::CSeq(_)
            )
        })
        .cloned()
        .collect();
    // A dialog's route is learnt from the 2xx and 18x (RFC 3261 §12.1.1).
    if (101..300).contains(&code) {
        let routes = request.headers.iter();
        headers.extend(
            routes
                .filter(|header| matches!(header, Header::RecordRoute(_)))
                .cloned(),
        );
    }
    if let Ok(to) = request.to_header() {
        let value = to.value();
        headers.push(match our_tag {
            Some(tag) if code != 100 && self::tag(value).is_none() => {
                Header::To(format!("{value};tag={tag}").into())
            }
            _ => Header::To(value.to_owned().into()),
        });
    }
    headers.push(Header::Server(PRODUCT.to_owned().into()));
    headers.extend(extra);
    let body = body.map(String::into_bytes).unwrap_or_default();
    if !body.is_empty() {
        headers.push(sdp_type());
    }
    headers.push(Header::ContentLength(body.len().to_string().into()));
    Response {
        status_code: status(code),
        wire_reason: None,
        version: Version::V2,
        headers: headers.into(),
        body,
    }
}

/// Whether the sender of a request takes SDP in the answer (RFC 3261 §20.1).
pub(crate) fn accepts_sdp(headers: &Headers) -> bool {
    let mut said = false;
    let takes = headers.iter().any(|header| {
        let Header::Accept(kinds) = header else {
            return false;
        };
        said = true;
        kinds.value().split(',').any(|kind| {
            let kind = kind.split(';').next().unwrap_or_default().trim();
            ["application/sdp", "application/*", "*/*"]
                .iter()
                .any(|taken| taken.eq_ignore_ascii_case(kind))
        })
    });
    takes || !said
}

/// `Content-Type: application/sdp`
pub(crate) fn sdp_type() -> Header {
    Header::ContentType("application/sdp".to_owned().into())
}

/// `Accept: application/sdp`
pub(crate) fn accept() -> Header {
    Header::Accept("application/sdp".to_owned().into())
}

/// `Allow`
pub(crate) fn allow() -> Header {
    Header::Allow(ALLOW.to_owned().into())
}

/// `Supported`
pub(crate) fn supported() -> Header {
    Header::Supported(EXTENSIONS.join(", ").into())
}

/// A status code with its words.
pub(crate) fn status(code: u16) -> StatusCode {
    let words = match code {
        100..200 => "Session Progress",
        200..300 => "OK",
        300..400 => "Moved",
        400..500 => "Request Failure",
        500..600 => "Server Failure",
        _ => "Global Failure",
    };
    StatusCode::try_from((code, words)).unwrap_or(StatusCode::ServerInternalError)
}

/// The words of a response, as they came, at most 128 characters.
pub(crate) fn phrase(response: &Response) -> String {
    response
        .wire_reason
        .as_deref()
        .unwrap_or(response.status_code.text())
        .chars()
        .filter(|character| !character.is_control())
        .take(128)
        .collect()
}

/// A response that the stack made itself, because nothing came or nothing could be sent: it has no To tag.
pub(crate) fn is_local(response: &Response) -> bool {
    matches!(response.status_code.code(), 408 | 503) && to_tag(response).is_none()
}

/// A tag of our own: 72 bits of chance and more (RFC 3261 §19.3 asks for 32).
pub(crate) fn new_tag() -> String {
    random_text(16)
}

/// A Call-ID of our own.
pub(crate) fn new_call_id() -> String {
    random_text(24)
}

/// Whether a request begins something new: no To tag.
pub(crate) fn is_initial(request: &Request) -> bool {
    to_tag(request).is_none()
}

/// Whether a request is an INVITE that begins a call.
pub(crate) fn is_new_invite(request: &Request) -> bool {
    request.method == Method::Invite && is_initial(request)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn request(extra: &str) -> Request {
        let text = format!(
            "INVITE sip:+442079460100@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKx\r\n\
             From: \"A Caller\" <sip:+441632960001@example.com>;tag=abc\r\nTo: <sip:+442079460100@192.0.2.1>\r\n\
             Call-ID: c1\r\nCSeq: 1 INVITE\r\n{extra}Content-Length: 0\r\n\r\n"
        );
        match SipMessage::try_from(text.as_bytes()).expect("it is sound") {
            SipMessage::Request(request) => request,
            SipMessage::Response(_) => panic!("it is a request"),
        }
    }

    #[test]
    fn user_parts_are_found_in_every_dress() {
        for (value, user) in [
            (
                "<sip:+441632960001@example.com>;tag=1",
                Some("+441632960001"),
            ),
            ("sip:100@example.com;tag=1", Some("100")),
            (
                "\"A <b>\" <sip:1;phone-context=+44@x:5060;user=phone>",
                Some("1"),
            ),
            ("<tel:+441632960001;ext=3>", Some("+441632960001")),
            ("<sip:a%20b:secret@example.com>", Some("a b")),
            ("<sip:example.com>", None),
            ("<mailto:a@example.com>", None),
            ("", None),
            ("><", None),
        ] {
            assert_eq!(user_part(value).as_deref(), user, "{value}");
        }
    }

    #[test]
    fn the_called_party_comes_before_to() {
        let said = called_party(&request(""));
        assert_eq!(said.as_deref(), Some("+442079460100"));
        let said = request("p-called-party-id: <sip:+442079460123@example.com>\r\n");
        assert_eq!(called_party(&said).as_deref(), Some("+442079460123"));
    }

    #[test]
    fn the_asserted_identity_comes_before_from_and_privacy_before_both() {
        let plain = caller(&request("")).expect("it is not withheld");
        assert_eq!(
            plain,
            ("+441632960001".to_owned(), Some("A Caller".to_owned()))
        );
        let asserted = caller(&request("P-Asserted-Identity: <sip:+441632960002@x>\r\n"));
        assert_eq!(asserted, Some(("+441632960002".to_owned(), None)));
        assert_eq!(caller(&request("Privacy: id\r\n")), None);
        let anonymous = request("P-Asserted-Identity: <sip:anonymous@anonymous.invalid>\r\n");
        assert_eq!(caller(&anonymous), None);
    }

    #[test]
    fn flaws_are_found() {
        assert_eq!(flaw(&request("").into()), None);
        let headers = "X-Filler: y\r\n".repeat(MAX_HEADERS);
        assert_eq!(flaw(&request(&headers).into()), Some(Flaw::TooLarge));
        let long = format!("X-Filler: {}\r\n", "y".repeat(MAX_HEADER_OCTETS));
        assert_eq!(flaw(&request(&long).into()), Some(Flaw::TooLarge));
        let mut other = request("");
        other.method = Method::Bye;
        assert_eq!(flaw(&other.into()), Some(Flaw::Malformed));
        for extra in [
            "Max-Forwards: 1\r\nMax-Forwards: 2\r\n",
            "i: another\r\n",
            "Contact: \"A <sip:a@b>\r\n",
            "l: 0\r\n",
        ] {
            let flaw = flaw(&request(extra).into());
            assert_eq!(flaw, Some(Flaw::Malformed), "{extra}");
        }
        let mut untagged = request("");
        untagged
            .headers
            .unique_push(Header::From("<sip:a@b>".to_owned().into()));
        assert_eq!(flaw(&untagged.into()), Some(Flaw::Malformed));
    }

    #[test]
    fn keys_are_found_in_both_kinds_of_info() {
        for (kind, body, expected) in [
            (
                "application/dtmf-relay",
                "Signal=5\r\nDuration=160",
                Some('5'),
            ),
            (
                "Application/DTMF-Relay; x=y",
                "Duration=160\nSignal= #\n",
                Some('#'),
            ),
            ("application/dtmf-relay", "Signal=10", Some('*')),
            ("application/dtmf", " d ", Some('D')),
            ("application/dtmf", "55", None),
            ("application/dtmf-relay", "Signal=\r\n", None),
            ("text/plain", "5", None),
        ] {
            assert_eq!(key(kind, body.as_bytes()), expected, "{kind} {body}");
        }
        assert_eq!(key("application/dtmf", &[0xff]), None);
    }

    #[test]
    fn an_accept_without_sdp_takes_no_answer_of_ours() {
        assert!(accepts_sdp(&request("").headers));
        assert!(accepts_sdp(
            &request("Accept: text/plain, Application/SDP;level=1\r\n").headers
        ));
        assert!(accepts_sdp(
            &request("Accept: text/plain\r\nAccept: */*\r\n").headers
        ));
        assert!(!accepts_sdp(&request("Accept: text/plain\r\n").headers));
    }

    #[test]
    fn a_response_has_our_tag_once() {
        let request = request("");
        let ringing = response(&request, 180, Some("ours"), Vec::new(), None);
        assert_eq!(to_tag(&ringing), Some("ours"));
        let trying = response(&request, 100, Some("ours"), Vec::new(), None);
        assert_eq!(to_tag(&trying), None);
    }

    proptest! {
        #[test]
        fn no_text_whatever_breaks_the_readers(value in ".{0,200}") {
            let _ = tag(&value);
            let _ = user_part(&value);
            let _ = display_name(&value);
            prop_assert!(escaped(&value).is_ascii());
        }
    }
}
