//! REFER (RFC 3515, RFC 5589): the callee asks for the caller to be put through to somebody else, or to be joined with whom it
//! has called through us (`Replaces`).
//!
//! Who that is, whether it may be and who rings is the flow's to say; here the wish is passed up, and what came of it is
//! told to the one who asked. A caller's wish is never passed up: whoever calls a number must not make it call another.

use metrics::counter;
use ringfence_callflow::Input;
use ringfence_media as media;
use ringfence_model::{CallId, LegId, Party};
use rsipstack::sip::{Header, Method, Request};
use rsipstack::transaction::Transaction;

use super::running::Running;
use crate::dialogs::DialogOf;
use crate::message;
use crate::wire::Wire;

/// How long the one who asked is told how it goes, in seconds; nobody rings longer for it.
const SUBSCRIPTION: u32 = 180;

/// A transfer that was asked for.
pub(super) struct Transfer {
    /// The leg that asked.
    from: LegId,
    /// It wants to be told nothing of it (RFC 4488).
    untold: bool,
    /// Its own dialog with us, at the other end of which is whom the caller is to be joined with.
    pub replaces: Option<Replaces>,
}

/// A dialog as a `Replaces` names it (RFC 3891 §3), from our side: the tag of "to" is ours.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Replaces {
    pub call_id: String,
    pub to_tag: String,
    pub from_tag: String,
}

/// What a Refer-To asks for.
#[derive(Debug, PartialEq, Eq)]
enum ReferTo {
    /// This user or number.
    User(String),
    /// Whoever talks at the other end of this dialog.
    Dialog(Replaces),
}

/// The longest URI of a Refer-To, in octets.
const LONGEST_URI: usize = 1_024;

impl Running {
    /// A REFER of the callee.
    pub(super) fn refer(&mut self, transaction: Transaction) {
        let (Some(from), true) = (self.talking, self.is_confirmed()) else {
            return self.refuse_refer(transaction, 481, "no_conversation");
        };
        if self.transfer.is_some() {
            return self.refuse_refer(transaction, 491, "pending");
        }
        let wished = refer_to(&transaction.original).and_then(|to| match to {
            ReferTo::User(to) => Ok((Input::Transfer { leg: from, to }, None)),
            ReferTo::Dialog(replaces) => {
                let with = self.call_of(&replaces).ok_or((481, "no_such_dialog"))?;
                Ok((Input::Join { leg: from, with }, Some(replaces)))
            }
        });
        let (wish, replaces) = match wished {
            Ok(wished) => wished,
            Err((code, reason)) => return self.refuse_refer(transaction, code, reason),
        };
        let untold = wants_no_subscription(&transaction.original);
        self.transfer = Some(Transfer {
            from,
            untold,
            replaces,
        });
        let mut headers = self.capabilities(Party::Callee);
        if untold {
            headers.push(Header::Other("Refer-Sub".into(), "false".into()));
        }
        self.reply(Wire::Other, transaction, 202, headers, None);
        self.notify(100, "Trying");
        self.give(wish);
    }

    /// The other call in which whoever knows both tags called through us. A dialog that somebody else made is none.
    fn call_of(&self, replaces: &Replaces) -> Option<CallId> {
        let found = self
            .shared
            .dialogs
            .find(&replaces.call_id, &replaces.to_tag);
        let its_own = found.filter(|one| {
            one.dialog == DialogOf::Caller
                && one.call != self.id
                && one.remote_tag.as_ref() == Some(&replaces.from_tag)
        });
        its_own.map(|one| one.call)
    }

    /// Refuses a REFER and counts it.
    pub(super) fn refuse_refer(
        &mut self,
        transaction: Transaction,
        code: u16,
        reason: &'static str,
    ) {
        counter!("ringfence_refers_refused_total", "reason" => reason).increment(1);
        self.refuse(transaction, code);
    }

    /// What came of a transfer is told to the leg that asked for it by REFER.
    pub(super) fn tell_transfer(&mut self, leg: LegId, code: u16, phrase: &str) {
        if self.transfer.as_ref().is_some_and(|one| one.from == leg) {
            self.notify(code, phrase);
            self.transfer = None;
        }
    }

    /// Puts the caller through to the leg that answered, and hangs up the one who talked with it, if that one is still
    /// there.
    pub(super) fn hand_over(&mut self, leg: LegId) {
        if let Some(before) = self.talking {
            if self.leg(before).is_some_and(|before| before.answered) {
                self.hang_up_leg(before);
            } else {
                self.free_line(before);
            }
        }
        self.talking = Some(leg);
        self.sound.silence(media::Ear::Caller);
        let Some(said) = self.leg(leg).and_then(|leg| leg.said.clone()) else {
            return;
        };
        if let Some(line) = self.leg(leg).and_then(|leg| leg.line) {
            self.sound.join(line);
        }
        // The caller may have been put on hold by the one who left.
        if self.offering.is_none()
            && self.renegotiation.is_none()
            && let Some(body) = self.end_of(Party::Caller).map(|end| end.offer(&said))
        {
            self.offering = Some(Party::Caller);
            let headers = vec![message::sdp_type()];
            self.request(
                Party::Caller,
                Wire::Refresh(Party::Caller),
                Method::Invite,
                headers,
                body.into_bytes(),
            );
        }
    }

    /// The callee has hung up, perhaps while somebody is rung in its place: it need not be hung up, and its session needs no
    /// more signs of life.
    pub(super) fn callee_left(&mut self) {
        if let Some(leg) = self.talking.and_then(|leg| self.leg_mut(leg)) {
            leg.answered = false;
            leg.session = None;
        }
    }

    /// Tells the one who asked how it goes (RFC 3515 §2.4.4). The subscription outlives the conversation (RFC 5057 §4.1).
    fn notify(&mut self, code: u16, phrase: &str) {
        let Some(from) = self.transfer.as_ref().filter(|one| !one.untold) else {
            return;
        };
        let from = from.from;
        let state = if code < 200 {
            format!("active;expires={SUBSCRIPTION}")
        } else {
            "terminated;reason=noresource".to_owned()
        };
        let shared = self.shared.clone();
        let room = self.has_room();
        let Some(leg) = self.leg_mut(from).filter(|_| room) else {
            return;
        };
        let headers = vec![
            Header::Event("refer".to_owned().into()),
            Header::SubscriptionState(state.into()),
            Header::ContentType("message/sipfrag;version=2.0".to_owned().into()),
            shared.identity.contact(leg.dialog.transport()),
        ];
        let body = format!("SIP/2.0 {code} {phrase}\r\n").into_bytes();
        let notify = leg
            .dialog
            .request(Method::Notify, &shared.identity, headers, body);
        let transaction = leg.dialog.transaction(notify, &shared.endpoint);
        self.send(Wire::Other, transaction);
    }
}

/// Whether a REFER asks for no NOTIFYs (RFC 4488 §4).
fn wants_no_subscription(request: &Request) -> bool {
    request.headers.iter().any(|header| match header {
        Header::Other(name, value) => {
            name.eq_ignore_ascii_case("refer-sub") && value.trim().eq_ignore_ascii_case("false")
        }
        _ => false,
    })
}

/// Whom a Refer-To names: the user of a SIP URI, or the number of a tel URI; with a `Replaces`, who is at the other end of
/// that dialog. Its host is nobody's business: nothing is ever sent there. One that asks for something else than an INVITE
/// is refused.
fn refer_to(request: &Request) -> Result<ReferTo, (u16, &'static str)> {
    let malformed = (400, "malformed");
    let mut values = request.headers.iter().filter_map(|header| match header {
        Header::ReferTo(value) => Some(value.value()),
        _ => message::header_of(header, "r"),
    });
    // Exactly one (RFC 3515 §2.4.2).
    let (Some(value), None) = (values.next(), values.next()) else {
        return Err(malformed);
    };
    let uri = match (value.find('<'), value.rfind('>')) {
        (Some(start), Some(end)) if start < end => &value[start + 1..end],
        _ => value.split(';').next().ok_or(malformed)?,
    };
    let uri = uri.trim();
    if uri.len() > LONGEST_URI {
        return Err(malformed);
    }
    let (uri, headers) = uri.split_once('?').unwrap_or((uri, ""));
    let other_method = uri
        .to_ascii_lowercase()
        .split(';')
        .any(|part| part.starts_with("method=") && part != "method=invite");
    if other_method {
        return Err((403, "method"));
    }
    if !headers.is_empty() {
        return replaces(headers).map(ReferTo::Dialog);
    }
    if uri.len() > 256 {
        return Err(malformed);
    }
    let user = message::user_part(&format!("<{uri}>"));
    user.map(ReferTo::User).ok_or(malformed)
}

/// The dialog that the headers of a URI name (RFC 3891 §3). What else they say changes nothing.
fn replaces(headers: &str) -> Result<Replaces, (u16, &'static str)> {
    let mut values = headers.split('&').filter_map(|header| {
        let (name, value) = header.split_once('=')?;
        let is_it = name.eq_ignore_ascii_case("replaces");
        is_it.then(|| message::unescape(value))
    });
    let (Some(value), None) = (values.next(), values.next()) else {
        return Err((403, "headers"));
    };
    let mut parts = value.split(';').map(str::trim);
    let call_id = parts.next().filter(|id| !id.is_empty());
    let (mut to_tag, mut from_tag) = (None, None);
    for part in parts {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        match name.trim().to_ascii_lowercase().as_str() {
            "to-tag" => to_tag = Some(value.trim()),
            "from-tag" => from_tag = Some(value.trim()),
            // We know talks, which are confirmed; that is what such a one does not want to replace.
            "early-only" => return Err((486, "early_only")),
            _ => {}
        }
    }
    match (call_id, to_tag, from_tag) {
        (Some(call_id), Some(to_tag), Some(from_tag)) => Ok(Replaces {
            call_id: call_id.to_owned(),
            to_tag: to_tag.to_owned(),
            from_tag: from_tag.to_owned(),
        }),
        _ => Err((400, "malformed")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refer(lines: &str) -> Request {
        let text = format!("REFER sip:x@192.0.2.1 SIP/2.0\r\n{lines}\r\n\r\n");
        Request::try_from(text.as_str()).expect("a request")
    }

    #[test]
    fn a_refer_to_names_a_user_or_a_number_and_its_host_does_not_matter() {
        for (lines, expected) in [
            ("Refer-To: <sip:102@203.0.113.9>", Ok("102")),
            ("r: sip:Ann%20Smith@example.com;user=phone", Ok("Ann Smith")),
            ("Refer-To: \"Ben\" <tel:+442079460123>", Ok("+442079460123")),
            ("Refer-To: <sip:102@h;method=BYE>", Err((403, "method"))),
            (
                "Refer-To: <sip:102@h?Replaces=a%3Bto-tag%3Db>",
                Err((400, "malformed")),
            ),
            (
                "Refer-To: <sip:102@h?Replaces=a%3Bto-tag%3Db%3Bfrom-tag%3Dc%3Bearly-only>",
                Err((486, "early_only")),
            ),
            ("Refer-To: <sip:102@h?Subject=x>", Err((403, "headers"))),
            ("Refer-To: <sip:example.com>", Err((400, "malformed"))),
            ("Subject: none", Err((400, "malformed"))),
            (
                "Refer-To: <sip:1@h>\r\nRefer-To: <sip:2@h>",
                Err((400, "malformed")),
            ),
        ] {
            let expected = expected.map(|user: &str| ReferTo::User(user.to_owned()));
            assert_eq!(refer_to(&refer(lines)), expected, "{lines}");
        }
    }

    #[test]
    fn a_refer_may_want_to_hear_nothing_more() {
        let to = "Refer-To: <sip:1@h>";
        assert!(wants_no_subscription(&refer(&format!(
            "{to}\r\nRefer-Sub: false"
        ))));
        assert!(!wants_no_subscription(&refer(&format!(
            "{to}\r\nRefer-Sub: true"
        ))));
        assert!(!wants_no_subscription(&refer(to)));
    }

    #[test]
    fn a_refer_to_with_replaces_names_a_dialog_in_any_order_and_spelling() {
        for uri in [
            "<sip:102@h?Replaces=12%40a%3Bto-tag%3Dours%3Bfrom-tag%3Dtheirs>",
            "<sip:102@h;transport=tcp?Require=replaces&replaces=12%40a%3bFrom-Tag=theirs%3Bto-tag=ours>",
        ] {
            let expected = Replaces {
                call_id: "12@a".into(),
                to_tag: "ours".into(),
                from_tag: "theirs".into(),
            };
            let found = refer_to(&refer(&format!("Refer-To: {uri}")));
            assert_eq!(found, Ok(ReferTo::Dialog(expected)), "{uri}");
        }
    }
}
