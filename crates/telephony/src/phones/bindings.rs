//! What comes of a REGISTER (RFC 3261 §10.3), without a clock or a socket.

use ringfence_model::{Registration, TargetId, Timestamp};

use super::contact::{Asked, AskedContact};
use super::flow::{Flow, is_behind_nat};

/// Places at which one phone may be registered; beyond them the one that was refreshed longest ago goes.
pub(super) const MOST: usize = 5;
/// Without an expiry (RFC 3261 §10.2.1.1), in seconds.
const DEFAULT: u32 = 3600;
/// A registrar may not call an interval of an hour too brief.
const HOUR: u32 = 3600;
/// NAT forgets a silent UDP flow after two minutes at the earliest (RFC 4787 §4.3): its phone is made to refresh before.
const BEHIND_NAT: u32 = 110;
/// Streams are closed after five minutes of silence: refreshed before that, one stays.
const STREAM: u32 = 240;

/// How long registrations may last, in seconds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub minimum: u32,
    pub maximum: u32,
}

/// What is known of a request beside its contacts.
#[derive(Debug, Clone)]
pub(super) struct Facts<'a> {
    pub target: TargetId,
    pub flow: Flow,
    pub call_id: &'a str,
    pub sequence: u32,
    pub agent: Option<String>,
    pub now: Timestamp,
}

/// Why nothing comes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// It is to last shorter than registrations may: 423 with Min-Expires.
    TooBrief,
    /// A later request of the same Call-ID has been carried out.
    OutOfOrder,
}

/// A phone's registrations after a request; all of it is carried out or nothing.
pub(super) fn changed(
    current: &[Registration],
    asked: &Asked,
    header: Option<u32>,
    facts: &Facts<'_>,
    limits: Limits,
) -> Result<Vec<Registration>, Refusal> {
    let mut after: Vec<Registration> = current
        .iter()
        .filter(|one| one.expires_at > facts.now)
        .cloned()
        .collect();
    let is_late =
        |one: &Registration| one.call_id == facts.call_id && facts.sequence <= one.sequence;
    match asked {
        Asked::Nothing => {}
        Asked::NoneAnyMore if after.iter().any(is_late) => return Err(Refusal::OutOfOrder),
        Asked::NoneAnyMore => after.clear(),
        Asked::Contacts(contacts) => {
            // Started again with another contact, the phone cannot take back its last one: same way, another Call-ID.
            after.retain(|one| one.call_id == facts.call_id || Flow::from(one) != facts.flow);
            for contact in contacts {
                let seconds = granted(contact, header, facts.flow, limits)?;
                let is_same = |one: &Registration| {
                    one.contact == contact.uri
                        || (one.instance.is_some() && one.instance == contact.instance)
                };
                let same: Vec<&Registration> = current.iter().filter(|one| is_same(one)).collect();
                if same.into_iter().any(is_late) {
                    return Err(Refusal::OutOfOrder);
                }
                after.retain(|one| !is_same(one));
                if seconds > 0 {
                    after.push(registration(contact, seconds, facts));
                }
            }
        }
    }
    after.sort_by_key(|one| one.registered_at);
    let beyond = after.len().saturating_sub(MOST);
    after.drain(..beyond);
    Ok(after)
}

/// For how long a contact is registered, in seconds.
fn granted(
    contact: &AskedContact,
    header: Option<u32>,
    flow: Flow,
    limits: Limits,
) -> Result<u32, Refusal> {
    let wanted = contact.expires.or(header).unwrap_or(DEFAULT);
    if wanted == 0 {
        return Ok(0);
    }
    if wanted < limits.minimum && wanted < HOUR {
        return Err(Refusal::TooBrief);
    }
    let most = if flow.is_stream() {
        STREAM
    } else if is_behind_nat(&contact.uri, flow) {
        BEHIND_NAT
    } else {
        limits.maximum
    };
    Ok(wanted.min(most.clamp(limits.minimum, limits.maximum.max(limits.minimum))))
}

fn registration(contact: &AskedContact, seconds: u32, facts: &Facts<'_>) -> Registration {
    Registration {
        target: facts.target,
        contact: contact.uri.clone(),
        instance: contact.instance.clone(),
        transport: facts.flow.transport,
        address: facts.flow.address,
        call_id: facts.call_id.to_owned(),
        sequence: facts.sequence,
        agent: facts.agent.clone(),
        registered_at: facts.now,
        expires_at: facts.now + std::time::Duration::from_secs(seconds.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use ringfence_model::SipTransport;
    use std::time::Duration;

    const LIMITS: Limits = Limits {
        minimum: 60,
        maximum: 3600,
    };

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_micros(1_000_000) + Duration::from_secs(seconds)
    }

    fn facts(call_id: &str, sequence: u32, port: u16, now: u64) -> Facts<'_> {
        Facts {
            target: TargetId::new(at(0), 1),
            flow: Flow {
                transport: SipTransport::Udp,
                address: ([192, 0, 2, 9], port).into(),
            },
            call_id,
            sequence,
            agent: None,
            now: at(now),
        }
    }

    fn contact(uri: &str, expires: Option<u32>) -> AskedContact {
        AskedContact {
            uri: uri.into(),
            expires,
            instance: None,
        }
    }

    fn ask(uri: &str, expires: Option<u32>) -> Asked {
        Asked::Contacts(vec![contact(uri, expires)])
    }

    /// Contacts with the seconds that they have left.
    fn shown(registrations: &[Registration], now: u64) -> Vec<(&str, u64)> {
        let left = |one: &Registration| one.expires_at.since(at(now)).as_secs();
        registrations
            .iter()
            .map(|one| (one.contact.as_str(), left(one)))
            .collect()
    }

    #[test]
    fn a_phone_registers_refreshes_and_leaves() {
        let desk = "sip:ann@192.0.2.9:5060";
        let first = changed(
            &[],
            &ask(desk, None),
            Some(600),
            &facts("c", 1, 5060, 0),
            LIMITS,
        );
        let first = first.expect("it is let in");
        assert_eq!(shown(&first, 0), [(desk, 600)]);
        let refreshed = changed(
            &first,
            &ask(desk, Some(90)),
            Some(600),
            &facts("c", 2, 5060, 500),
            LIMITS,
        );
        let refreshed = refreshed.expect("it is let in");
        assert_eq!(shown(&refreshed, 500), [(desk, 90)]);
        let asked = changed(
            &refreshed,
            &Asked::Nothing,
            None,
            &facts("c", 3, 5060, 501),
            LIMITS,
        );
        assert_eq!(asked.as_ref(), Ok(&refreshed));
        for leave in [ask(desk, Some(0)), Asked::NoneAnyMore] {
            let gone = changed(
                &refreshed,
                &leave,
                Some(0),
                &facts("c", 3, 5060, 510),
                LIMITS,
            );
            assert_eq!(gone, Ok(Vec::new()));
            let late = changed(
                &refreshed,
                &leave,
                Some(0),
                &facts("c", 2, 5060, 510),
                LIMITS,
            );
            assert_eq!(late, Err(Refusal::OutOfOrder));
        }
        let over = changed(
            &refreshed,
            &Asked::Nothing,
            None,
            &facts("c", 3, 5060, 590),
            LIMITS,
        );
        assert_eq!(over, Ok(Vec::new()), "it has expired");
    }

    #[test]
    fn an_interval_has_bounds() {
        let desk = "sip:ann@192.0.2.9:5060";
        let granted =
            |uri: &str, seconds, flow| granted(&contact(uri, seconds), None, flow, LIMITS);
        let udp = facts("c", 1, 5060, 0).flow;
        assert_eq!(granted(desk, Some(59), udp), Err(Refusal::TooBrief));
        assert_eq!(granted(desk, Some(60), udp), Ok(60));
        assert_eq!(granted(desk, Some(u32::MAX), udp), Ok(3600));
        assert_eq!(granted(desk, None, udp), Ok(3600));
        assert_eq!(granted("sip:ann@10.0.0.9", None, udp), Ok(BEHIND_NAT));
        let tcp = Flow {
            transport: SipTransport::Tcp,
            ..udp
        };
        assert_eq!(granted(desk, None, tcp), Ok(STREAM));
    }

    #[test]
    fn several_devices_are_kept_and_one_that_was_started_again_is_not_two() {
        let now = facts("c", 1, 5060, 0);
        let mut known = changed(&[], &ask("sip:ann@192.0.2.9:1", None), None, &now, LIMITS)
            .expect("it is let in");
        let other = facts("d", 1, 5070, 1);
        known = changed(
            &known,
            &ask("sip:ann@192.0.2.9:2", None),
            None,
            &other,
            LIMITS,
        )
        .expect("it is let in");
        assert_eq!(known.len(), 2);
        let again = facts("e", 1, 5070, 2);
        known = changed(
            &known,
            &ask("sip:ann-x@192.0.2.9:2", None),
            None,
            &again,
            LIMITS,
        )
        .expect("it is let in");
        let contacts: Vec<_> = shown(&known, 2).into_iter().map(|(uri, _)| uri).collect();
        assert_eq!(contacts, ["sip:ann@192.0.2.9:1", "sip:ann-x@192.0.2.9:2"]);
        // Moved to another address, it still says which device it is.
        let device = |uri: &str| {
            Asked::Contacts(vec![AskedContact {
                instance: Some("<urn:uuid:1>".into()),
                ..contact(uri, None)
            }])
        };
        for (call_id, port) in [("f", 5080), ("g", 5081)] {
            let uri = format!("sip:ann@192.0.2.9:{port}");
            known = changed(
                &known,
                &device(&uri),
                None,
                &facts(call_id, 1, port, 3),
                LIMITS,
            )
            .expect("it is let in");
        }
        assert_eq!(known.len(), 3);
    }

    proptest! {
        #[test]
        fn whatever_comes_there_are_never_too_many_nor_two_of_one_contact(
            requests in proptest::collection::vec((0..12u8, 0..4u8, 0..6u32, proptest::option::of(0..5000u32), 0..200u64), 0..60),
        ) {
            let mut known = Vec::new();
            let mut now = 0;
            for (number, call, sequence, expires, later) in requests {
                now += later;
                let call_id = call.to_string();
                let facts = facts(&call_id, sequence, 5000 + u16::from(call), now);
                let asked = if number == 11 {
                    Asked::NoneAnyMore
                } else {
                    ask(&format!("sip:a@192.0.2.9:{number}"), expires)
                };
                if let Ok(after) = changed(&known, &asked, Some(0), &facts, LIMITS) {
                    known = after;
                }
                prop_assert!(known.len() <= MOST);
                let mut contacts: Vec<_> = known.iter().map(|one| one.contact.clone()).collect();
                contacts.sort();
                contacts.dedup();
                prop_assert_eq!(contacts.len(), known.len());
                for one in &known {
                    prop_assert!(one.expires_at <= at(now) + Duration::from_hours(1));
                }
            }
        }
    }
}
