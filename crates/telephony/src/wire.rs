//! What we are on the wire, and how a call's task drives its transactions.

use std::net::{IpAddr, SocketAddr};

use futures::future::BoxFuture;
use ringfence_model::{LegId, Party};
use rsipstack::sip::{Header, Host, Param, Scheme, SipMessage, Transport, Uri};
use rsipstack::transaction::Transaction;
use rsipstack::transport::SipAddr;

/// The addresses that we are known by.
#[derive(Debug, Clone)]
pub(crate) struct Identity {
    /// Where others reach our UDP listener.
    pub udp: Option<SocketAddr>,
    /// Where others reach our TCP listener.
    pub tcp: Option<SocketAddr>,
    /// Where others reach our TLS listener.
    pub tls: Option<SocketAddr>,
    /// What goes into SDP.
    pub media: IpAddr,
    /// Where we listen in truth, to know ourselves by.
    pub bound: Vec<SocketAddr>,
}

impl Identity {
    fn address(&self, transport: Transport) -> SocketAddr {
        let [first, second, third] = match transport {
            Transport::Tls => [self.tls, self.tcp, self.udp],
            Transport::Tcp => [self.tcp, self.udp, self.tls],
            _ => [self.udp, self.tcp, self.tls],
        };
        first
            .or(second)
            .or(third)
            .expect("a server without a listener is never started")
    }

    /// A Via of ours (RFC 3261 §18.1.1).
    pub(crate) fn via(&self, transport: Transport, branch: &Param) -> Header {
        let address = self.address(transport);
        Header::Via(format!("SIP/2.0/{transport} {address}{branch};rport").into())
    }

    /// A Contact of ours.
    pub(crate) fn contact(&self, transport: Transport) -> Header {
        Header::Contact(self.contact_of("ringfence", transport).into())
    }

    /// The same for a user that is not every call's.
    pub(crate) fn contact_of(&self, user: &str, transport: Transport) -> String {
        let address = self.address(transport);
        let parameter = match transport {
            Transport::Tcp => ";transport=tcp",
            Transport::Tls => ";transport=tls",
            _ => "",
        };
        format!("<sip:{user}@{address}{parameter}>")
    }

    /// The host that our From addresses are at.
    pub(crate) fn host(&self) -> IpAddr {
        self.address(Transport::Udp).ip()
    }

    /// Where to send a request for `uri`, and over which transport; words when that is nowhere.
    pub(crate) fn destination(&self, uri: &Uri) -> Result<(SipAddr, Transport), String> {
        match &uri.scheme {
            None | Some(Scheme::Sip) => {}
            Some(other) => {
                return Err(format!(
                    "expected a sip: URI (with ;transport=tls for TLS), got {other}:"
                ));
            }
        }
        let named = uri.params.iter().find_map(|parameter| match parameter {
            Param::Transport(transport) => Some(*transport),
            _ => None,
        });
        let transport = match named {
            None if self.udp.is_some() => Transport::Udp,
            None if self.tcp.is_some() => Transport::Tcp,
            None => Transport::Tls,
            Some(transport @ (Transport::Udp | Transport::Tcp)) => transport,
            Some(Transport::Tls) if self.tls.is_some() => Transport::Tls,
            Some(Transport::Tls) => {
                return Err("it needs TLS, and this server has no certificate".into());
            }
            Some(other) => {
                return Err(format!("expected transport udp, tcp or tls, got {other}"));
            }
        };
        let standard_port = if transport == Transport::Tls {
            5061
        } else {
            5060
        };
        if transport == Transport::Udp && self.udp.is_none() {
            return Err("it needs UDP, and this server has no UDP listener".into());
        }
        if let Host::IpAddr(address) = uri.host_with_port.host {
            let port = uri
                .host_with_port
                .port
                .map_or(standard_port, |port| port.value());
            if self.is_us(SocketAddr::new(address, port)) {
                return Err(
                    "it is this server itself, so the call would go round in a loop".into(),
                );
            }
        }
        let destination = SipAddr {
            r#type: Some(transport),
            addr: uri.host_with_port.clone(),
        };
        Ok((destination, transport))
    }

    /// Why nothing can be sent to an address, in words; none when it can.
    pub(crate) fn objection(&self, transport: Transport, address: SocketAddr) -> Option<String> {
        let listens = match transport {
            Transport::Udp => self.udp,
            Transport::Tcp => self.tcp,
            _ => None,
        };
        if listens.is_none() {
            return Some(format!("this server has no listener for {transport}"));
        }
        self.is_us(address)
            .then(|| "it is this server itself".to_owned())
    }

    fn is_us(&self, address: SocketAddr) -> bool {
        let advertised = self.udp.iter().chain(&self.tcp).chain(&self.tls);
        let ours = self.bound.iter().chain(advertised);
        ours.copied().any(|ours| {
            ours.port() == address.port()
                && (ours.ip() == address.ip()
                    || (ours.ip().is_unspecified() && address.ip().is_loopback()))
        })
    }
}

/// Which of a call's transactions something comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wire {
    /// The caller's INVITE, until it is acknowledged.
    Caller,
    /// Our INVITE to a leg, until its final response.
    Leg(LegId),
    /// The same after it: only retransmissions and answers of other branches can come.
    Settled(LegId),
    /// A re-INVITE of a side, until it is acknowledged.
    Reinvite(Party),
    /// Our re-INVITE to a side, on behalf of the other.
    Forwarded(Party),
    /// Our re-INVITE to a leg that came over from another call.
    Moved(LegId),
    /// Our request for a side's sign of life.
    Refresh(Party),
    /// Anything whose outcome changes nothing: BYE, CANCEL, INFO and answers to theirs.
    Other,
}

impl Wire {
    /// Whether a call that is over waits for it, so that its last message is retransmitted while it must be.
    pub(crate) const fn keeps_open(self) -> bool {
        !matches!(self, Self::Settled(_))
    }
}

/// A transaction and the next thing that it said; `None` when it has ended.
pub(crate) struct Heard {
    pub wire: Wire,
    pub transaction: Transaction,
    pub message: Option<SipMessage>,
}

/// Waits for what a transaction says next. The future owns it, so nothing is lost when it is not polled.
pub(crate) fn listen(wire: Wire, mut transaction: Transaction) -> BoxFuture<'static, Heard> {
    Box::pin(async move {
        let message = transaction.receive().await;
        Heard {
            wire,
            transaction,
            message,
        }
    })
}

/// Sends a client transaction's request, then waits for what it says. It has ended at once when there is no
/// way to its destination.
pub(crate) fn send(wire: Wire, mut transaction: Transaction) -> BoxFuture<'static, Heard> {
    Box::pin(async move {
        let sent = transaction.send().await;
        let message = if sent.is_ok() && transaction.connection.is_some() {
            transaction.receive().await
        } else {
            None
        };
        Heard {
            wire,
            transaction,
            message,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity() -> Identity {
        let address = |text: &str| text.parse::<SocketAddr>().expect("an address");
        Identity {
            udp: Some(address("192.0.2.1:5060")),
            tcp: None,
            tls: None,
            media: address("192.0.2.1:0").ip(),
            bound: vec![address("10.0.0.1:5060")],
        }
    }

    fn destination(uri: &str) -> Result<Transport, String> {
        let uri = Uri::try_from(uri).expect("a URI");
        identity().destination(&uri).map(|(_, transport)| transport)
    }

    #[test]
    fn the_transport_of_a_target_is_what_its_uri_says() {
        assert_eq!(destination("sip:a@192.0.2.9"), Ok(Transport::Udp));
        assert_eq!(
            destination("sip:a@192.0.2.9;transport=tcp"),
            Ok(Transport::Tcp)
        );
        assert!(destination("sips:a@192.0.2.9").is_err());
        assert!(destination("sip:a@192.0.2.9;transport=tls").is_err());
    }

    #[test]
    fn we_never_call_ourselves() {
        assert!(destination("sip:a@192.0.2.1").is_err());
        assert!(destination("sip:a@10.0.0.1:5060").is_err());
        assert!(destination("sip:a@10.0.0.1:5062").is_ok());
    }
}
