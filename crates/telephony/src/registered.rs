//! Trunks at which we register: how their calls are known, and how calls go out over them.

use std::net::SocketAddr;

use ringfence_model::{SipTransport, TrunkId};
use rsipstack::sip::{Header, Transport};
use rsipstack::transport::SipAddr;

use crate::message;
use crate::phones::Flow;

/// Where a registrar is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RegistrarAddress {
    /// How it is reached: UDP or TCP.
    pub transport: SipTransport,
    /// Its address.
    pub address: SocketAddr,
}

impl RegistrarAddress {
    pub(crate) const fn stack_transport(self) -> Transport {
        match self.transport {
            SipTransport::Udp => Transport::Udp,
            SipTransport::Tcp => Transport::Tcp,
            SipTransport::Tls => Transport::Tls,
        }
    }

    /// Whether a message that came by `way` is of it. A datagram comes from the very port that was asked (RFC 3581 §4).
    pub(crate) fn is(self, way: Flow) -> bool {
        let port = self.transport != SipTransport::Udp || way.address.port() == self.address.port();
        way.transport == self.transport
            && port
            && way.address.ip().to_canonical() == self.address.ip().to_canonical()
    }
}

/// `udp 192.0.2.1:5060`
impl std::fmt::Display for RegistrarAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.transport.as_str(), self.address)
    }
}

impl From<RegistrarAddress> for SipAddr {
    fn from(registrar: RegistrarAddress) -> Self {
        Self::new(registrar.stack_transport(), registrar.address.into())
    }
}

/// Where calls over a registered trunk are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WayOut {
    /// To the registrar that knows us now.
    Registrar(RegistrarAddress),
    /// No registrar knows us now: nowhere.
    None,
    /// Where their URIs say: the trunk takes calls at another host than it is registered at.
    AsWritten,
}

/// A trunk at which we register (RFC 3261 §10).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegisteredTrunk {
    /// The trunk.
    pub trunk: TrunkId,
    /// The user of our Contact there; of no other trunk.
    pub contact: String,
    /// The user of our address there, unescaped.
    pub user: String,
    /// Its host.
    pub domain: String,
    /// What the URIs of calls that go out over it have after the `@`: `sip.example.com`, `192.0.2.1:5060`. An empty one
    /// takes none.
    pub place: String,
    /// Where those calls are sent.
    pub way_out: WayOut,
}

impl RegisteredTrunk {
    /// Our address there, as a name-addr.
    fn address(&self, user: &str) -> String {
        address_of(user, &self.domain)
    }

    /// Where a call goes; `None` to where its URI says. Words when it cannot go.
    pub(crate) fn way_out(&self) -> Result<Option<RegistrarAddress>, String> {
        match self.way_out {
            WayOut::Registrar(address) => Ok(Some(address)),
            WayOut::AsWritten => Ok(None),
            WayOut::None => Err("its trunk is not registered now".to_owned()),
        }
    }

    /// From, and the headers beside it that say who calls: From is what we are known by there, the number stands in
    /// P-Asserted-Identity (RFC 3325 §9.1). A caller that withholds its number is not told (RFC 3323 §4.2).
    pub(crate) fn identified(
        &self,
        caller: Option<&(String, Option<String>)>,
    ) -> (String, Vec<Header>) {
        let own = self.address(&self.user);
        match caller {
            None => (
                format!("\"Anonymous\" {own}"),
                vec![Header::Privacy("id".to_owned().into())],
            ),
            Some((number, name)) => {
                let from = match name {
                    Some(name) => format!("\"{name}\" {own}"),
                    None => own,
                };
                let asserted = self.address(number);
                (from, vec![Header::PAssertedIdentity(asserted.into())])
            }
        }
    }
}

/// `<sip:user@domain>`
pub(crate) fn address_of(user: &str, domain: &str) -> String {
    format!("<sip:{}@{domain}>", message::escaped(user))
}
