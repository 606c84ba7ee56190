//! The way that a phone's messages come: the only one on which it is reached behind NAT.

use std::net::{IpAddr, SocketAddr};

use ringfence_model::{Registration, SipTransport};
use rsipstack::sip::{Header, Headers, Host, Param, Scheme, Transport, Uri};
use rsipstack::transport::SipAddr;

use super::contact::find;

/// A transport and an address of the other side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Flow {
    pub transport: SipTransport,
    pub address: SocketAddr,
}

impl Flow {
    /// The way of a message; `None` over a transport on which phones do not come.
    pub(crate) fn of(address: &SipAddr) -> Option<Self> {
        let transport = match address.r#type.unwrap_or(Transport::Udp) {
            Transport::Udp => SipTransport::Udp,
            Transport::Tcp => SipTransport::Tcp,
            Transport::Tls => SipTransport::Tls,
            _ => return None,
        };
        let address = address.get_socketaddr().ok()?;
        Some(Self { transport, address })
    }

    /// Whether its far side stays the same while nothing is sent, as a stream does.
    pub(crate) const fn is_stream(self) -> bool {
        !matches!(self.transport, SipTransport::Udp)
    }
}

impl From<&Registration> for Flow {
    fn from(registration: &Registration) -> Self {
        Self {
            transport: registration.transport,
            address: registration.address,
        }
    }
}

/// A contact with the address in the place of its own: what its phone is called by. `None` when it is no SIP URI.
pub(crate) fn reached(contact: &str, flow: Flow) -> Option<String> {
    let uri = Uri::try_from(contact).ok()?;
    is_sip(&uri).then(|| relocated(uri, flow).to_string())
}

/// Whether a contact names another host than the one that it is reached at.
pub(crate) fn is_behind_nat(contact: &str, flow: Flow) -> bool {
    Uri::try_from(contact).is_ok_and(|uri| !is_at(&uri, flow.address.ip()))
}

/// Gives the Contact of a message from behind NAT the address that the message came from, so that what follows finds
/// its way back.
pub(crate) fn hide_nat(headers: &mut Headers, flow: Flow) {
    for header in headers.iter_mut() {
        let Header::Contact(contact) = header else {
            continue;
        };
        let value = contact.value();
        let bracketed = find(value, '<').and_then(|start| {
            let end = start + value[start..].find('>')?;
            Some((start, end))
        });
        let (before, uri, after) = if let Some((start, end)) = bracketed {
            let after = value[end..].to_owned();
            (&value[..=start], &value[start + 1..end], after)
        } else {
            let end = value.find(';').unwrap_or(value.len());
            ("<", &value[..end], format!(">{}", &value[end..]))
        };
        if let Some(uri) = reached(uri, flow) {
            *header = Header::Contact(format!("{before}{uri}{after}").into());
        }
    }
}

pub(super) fn is_sip(uri: &Uri) -> bool {
    matches!(uri.scheme, Some(Scheme::Sip | Scheme::Sips))
}

fn is_at(uri: &Uri, address: IpAddr) -> bool {
    matches!(uri.host_with_port.host, Host::IpAddr(host) if host.to_canonical() == address.to_canonical())
}

fn relocated(mut uri: Uri, flow: Flow) -> Uri {
    uri.scheme = Some(Scheme::Sip);
    uri.host_with_port = flow.address.into();
    // What would send the request elsewhere or otherwise than the flow does goes; what the phone knows itself by stays.
    uri.params
        .retain(|parameter| matches!(parameter, Param::Ob | Param::User(_) | Param::Other(_, _)));
    match flow.transport {
        SipTransport::Udp => {}
        SipTransport::Tcp => uri.params.push(Param::Transport(Transport::Tcp)),
        SipTransport::Tls => uri.params.push(Param::Transport(Transport::Tls)),
    }
    uri.headers.clear();
    uri
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn flow(transport: SipTransport) -> Flow {
        Flow {
            transport,
            address: ([203, 0, 113, 5], 41_000).into(),
        }
    }

    #[test]
    fn a_contact_is_reached_where_it_came_from_and_keeps_what_the_phone_knows_it_by() {
        for (contact, transport, expected) in [
            (
                "sip:ann-0x1@192.168.1.9:5060;line=x7;maddr=198.51.100.1;transport=tcp?Route=%3Csip:x%3E",
                SipTransport::Udp,
                Some("sip:ann-0x1@203.0.113.5:41000;line=x7"),
            ),
            (
                "sips:ann@phone.example.com;ob",
                SipTransport::Tls,
                Some("sip:ann@203.0.113.5:41000;ob;transport=TLS"),
            ),
            (
                "sip:192.168.1.9",
                SipTransport::Udp,
                Some("sip:203.0.113.5:41000"),
            ),
            ("tel:+442079460001", SipTransport::Udp, None),
            ("mailto:ann@example.com", SipTransport::Udp, None),
        ] {
            let got = reached(contact, flow(transport));
            let same = match (&got, expected) {
                (Some(got), Some(expected)) => got.eq_ignore_ascii_case(expected),
                (got, expected) => got.as_deref() == expected,
            };
            assert!(same, "{contact}: {got:?}");
        }
        assert!(is_behind_nat("sip:a@192.168.1.9", flow(SipTransport::Udp)));
        assert!(!is_behind_nat(
            "sip:a@203.0.113.5:9",
            flow(SipTransport::Udp)
        ));
    }

    #[test]
    fn an_answer_from_behind_nat_is_followed_to_where_it_came_from() {
        for (value, expected) in [
            (
                "\"Ann\" <sip:ann@192.168.1.9:5060>;+sip.instance=\"<urn:x>\"",
                "\"Ann\" <sip:ann@203.0.113.5:41000>;+sip.instance=\"<urn:x>\"",
            ),
            (
                "<sip:ann@192.168.1.9>;q=1",
                "<sip:ann@203.0.113.5:41000>;q=1",
            ),
            ("sip:ann@192.168.1.9;q=1", "<sip:ann@203.0.113.5:41000>;q=1"),
        ] {
            let mut headers = Headers::from(vec![Header::Contact(value.to_owned().into())]);
            hide_nat(&mut headers, flow(SipTransport::Udp));
            let got = headers
                .iter()
                .next()
                .expect("it is still there")
                .value()
                .to_owned();
            assert_eq!(got, expected);
        }
    }

    proptest! {
        #[test]
        fn no_contact_whatever_leads_elsewhere(contact in "(sips?:)?.{0,80}") {
            if let Some(uri) = reached(&contact, flow(SipTransport::Udp))
                && let Ok(uri) = Uri::try_from(uri.as_str())
            {
                prop_assert_eq!(SocketAddr::try_from(uri.host_with_port).ok(), Some(flow(SipTransport::Udp).address));
            }
        }
    }
}
