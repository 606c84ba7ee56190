//! Which servers take SIP for a host (RFC 3263 §4): NAPTR, SRV and addresses, in the order in which they are to be tried.
//!
//! Their addresses are not checked as those of web servers are: the host is one that the operator named, and carriers
//! are reached over private networks too.

use std::net::{IpAddr, SocketAddr};

use ringfence_model::SipTransport;

use crate::{Outbound, OutboundError};

/// Servers of one host that are tried at most.
const MOST_SERVERS: usize = 12;
/// RFC 3261 §19.1.2.
const PORT: u16 = 5060;
/// Of TLS.
const SECURE_PORT: u16 = 5061;

/// A server that takes SIP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SipServer {
    /// How it is reached.
    pub transport: SipTransport,
    /// Its address.
    pub address: SocketAddr,
}

/// What a SIP URI says of where it leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SipHost<'a> {
    /// A name, or an address without brackets.
    pub host: &'a str,
    /// The port, when it says one: then only addresses are asked for.
    pub port: Option<u16>,
    /// The transport, when it says one.
    pub transport: Option<SipTransport>,
}

/// A host and port that an SRV record names (RFC 2782).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Service {
    pub priority: u16,
    pub weight: u16,
    pub port: u16,
    pub host: String,
}

/// Where a NAPTR record (RFC 3263 §4.1) leads to: the name of SRV records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pointer {
    pub order: u16,
    pub preference: u16,
    pub transport: SipTransport,
    pub name: String,
}

impl Outbound {
    /// The servers that take SIP for a host over these transports, the first to try first. `draw` gives a number from 0 to
    /// the one that it is given, that included: servers of one priority share by chance.
    ///
    /// # Errors
    /// [`OutboundError::NotResolved`] when it has none, or a name server says nothing of it.
    pub async fn sip_servers(
        &self,
        of: SipHost<'_>,
        over: &[SipTransport],
        mut draw: impl FnMut(u32) -> u32 + Send,
    ) -> Result<Vec<SipServer>, OutboundError> {
        let usual = of
            .transport
            .or_else(|| over.first().copied())
            .unwrap_or(SipTransport::Udp);
        let at = |transport, ip, port: Option<u16>| SipServer {
            transport,
            address: SocketAddr::new(ip, port.unwrap_or(standard_port(transport))),
        };
        if let Ok(ip) = of.host.parse::<IpAddr>() {
            return Ok(vec![at(usual, ip, of.port)]);
        }
        let mut servers = Vec::new();
        if of.port.is_none() {
            for (transport, name) in self.services(of, over).await? {
                let services = self.resolver.services(&name).await?;
                for service in in_order(services, &mut draw) {
                    // One that is named and not there leaves the others.
                    let addresses = self.resolver.addresses(&service.host).await;
                    let addresses = addresses.unwrap_or_default().into_iter();
                    servers.extend(addresses.map(|ip| at(transport, ip, Some(service.port))));
                }
            }
        }
        if servers.is_empty() {
            let addresses = self.resolver.addresses(of.host).await?;
            servers.extend(addresses.into_iter().map(|ip| at(usual, ip, of.port)));
        }
        let mut seen = std::collections::HashSet::new();
        servers.retain(|server| seen.insert(*server));
        servers.truncate(MOST_SERVERS);
        Ok(servers)
    }

    /// The names of SRV records to ask for, in their order.
    async fn services(
        &self,
        of: SipHost<'_>,
        over: &[SipTransport],
    ) -> Result<Vec<(SipTransport, String)>, OutboundError> {
        let named = |transport| (transport, service_name(transport, of.host));
        if let Some(transport) = of.transport {
            return Ok(vec![named(transport)]);
        }
        let mut pointers = self.resolver.pointers(of.host).await?;
        pointers.retain(|pointer| over.contains(&pointer.transport));
        pointers.sort_by_key(|pointer| (pointer.order, pointer.preference));
        if pointers.is_empty() {
            return Ok(over.iter().copied().map(named).collect());
        }
        let pointed = pointers.into_iter();
        Ok(pointed
            .map(|pointer| (pointer.transport, pointer.name))
            .collect())
    }
}

fn service_name(transport: SipTransport, host: &str) -> String {
    match transport {
        SipTransport::Udp => format!("_sip._udp.{host}"),
        SipTransport::Tcp => format!("_sip._tcp.{host}"),
        SipTransport::Tls => format!("_sips._tcp.{host}"),
    }
}

/// The transport of a NAPTR record's services field; `None` for what we do not speak.
pub(crate) fn transport_of(services: &[u8]) -> Option<SipTransport> {
    let services = std::str::from_utf8(services).ok()?;
    match services.to_ascii_uppercase().as_str() {
        "SIP+D2U" => Some(SipTransport::Udp),
        "SIP+D2T" => Some(SipTransport::Tcp),
        "SIPS+D2T" => Some(SipTransport::Tls),
        _ => None,
    }
}

const fn standard_port(transport: SipTransport) -> u16 {
    match transport {
        SipTransport::Tls => SECURE_PORT,
        _ => PORT,
    }
}

/// The order of RFC 2782: by priority, and by chance according to the weights within one.
fn in_order(mut services: Vec<Service>, mut draw: impl FnMut(u32) -> u32) -> Vec<Service> {
    // Those without weight come first, so that they are drawn at all.
    services.sort_by_key(|service| (service.priority, service.weight != 0));
    let mut ordered = Vec::with_capacity(services.len());
    while let Some(first) = services.first() {
        let alike = services
            .iter()
            .take_while(|service| service.priority == first.priority);
        let weights: Vec<u32> = alike.map(|service| u32::from(service.weight)).collect();
        let drawn = draw(weights.iter().sum());
        let mut sum = 0;
        let chosen = weights.iter().position(|weight| {
            sum += weight;
            sum >= drawn
        });
        ordered.push(services.remove(chosen.unwrap_or(0)));
    }
    ordered
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service(priority: u16, weight: u16, host: &str) -> Service {
        Service {
            priority,
            weight,
            port: 5060,
            host: host.into(),
        }
    }

    fn hosts(draw: impl FnMut(u32) -> u32) -> Vec<String> {
        let services = vec![
            service(20, 0, "spare"),
            service(10, 30, "small"),
            service(10, 70, "large"),
            service(10, 0, "last"),
        ];
        let ordered = in_order(services, draw).into_iter();
        ordered.map(|service| service.host).collect()
    }

    #[test]
    fn priority_comes_first_and_weights_share() {
        assert_eq!(hosts(|_| 0), ["last", "small", "large", "spare"]);
        assert_eq!(hosts(|most| most), ["large", "small", "last", "spare"]);
        let first = (0..=100).filter(|drawn| {
            let drawn = *drawn;
            hosts(|most| drawn.min(most))[0] == "large"
        });
        assert_eq!(first.count(), 70);
    }

    #[test]
    fn services_that_we_do_not_speak_are_none() {
        assert_eq!(transport_of(b"sip+d2t"), Some(SipTransport::Tcp));
        assert_eq!(transport_of(b"SIP+D2W"), None);
    }
}
