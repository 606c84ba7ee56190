//! Names -> addresses, TXT records, and the servers of a service.

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{
    ConnectionConfig, LookupIpStrategy, NameServerConfig, ResolverConfig,
};
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::{RData, RecordType};
use ringfence_model::Duration;
use std::net::{IpAddr, SocketAddr};

use crate::OutboundError;
use crate::sip::{Pointer, Service, transport_of};

/// One question to one name server.
const QUESTION_TIME: Duration = Duration::from_secs(3);
/// Addresses and records of one name that are looked at.
const RECORDS_MAX: usize = 100;

/// Asks name servers; without a usable configuration every question fails, and says so.
#[derive(Clone)]
pub(crate) struct Resolver(Result<TokioResolver, String>);

impl Resolver {
    pub(crate) fn new(name_servers: &[SocketAddr]) -> Self {
        Self(build(name_servers).map_err(|error| error.to_string()))
    }

    /// Every address of a name.
    pub(crate) async fn addresses(&self, host: &str) -> Result<Vec<IpAddr>, OutboundError> {
        let found = self
            .asked(host)?
            .lookup_ip(absolute(host))
            .await
            .map_err(|error| not_resolved(host, &error))?;
        let addresses: Vec<IpAddr> = found.iter().take(RECORDS_MAX).collect();
        if addresses.is_empty() {
            return Err(OutboundError::NotResolved {
                host: host.into(),
                reason: "the name has no address".into(),
            });
        }
        Ok(addresses)
    }

    pub(crate) async fn txt(&self, name: &str) -> Result<Vec<String>, OutboundError> {
        let found = match self.asked(name)?.txt_lookup(absolute(name)).await {
            Ok(found) => found,
            Err(error) if error.is_no_records_found() => return Ok(Vec::new()),
            Err(error) => return Err(not_resolved(name, &error)),
        };
        Ok(found
            .answers()
            .iter()
            .filter_map(|record| match &record.data {
                // A record's strings are one text (RFC 7208 §3.3 says so for one use, and so does everybody).
                RData::TXT(txt) => Some(String::from_utf8_lossy(&txt.txt_data.concat()).into()),
                _ => None,
            })
            .take(RECORDS_MAX)
            .collect())
    }

    /// SRV records; none when the name has none.
    pub(crate) async fn services(&self, name: &str) -> Result<Vec<Service>, OutboundError> {
        let records = self.records(name, RecordType::SRV).await?;
        let services = records.into_iter().filter_map(|record| match record {
            // A root for a target says that there is no such service (RFC 2782).
            RData::SRV(srv) if !srv.target.is_root() => Some(Service {
                priority: srv.priority,
                weight: srv.weight,
                port: srv.port,
                host: srv.target.to_ascii(),
            }),
            _ => None,
        });
        Ok(services.collect())
    }

    /// NAPTR records that lead to SRV records of SIP (RFC 3263 §4.1); none when the name has none.
    pub(crate) async fn pointers(&self, name: &str) -> Result<Vec<Pointer>, OutboundError> {
        let records = self.records(name, RecordType::NAPTR).await?;
        let pointers = records.into_iter().filter_map(|record| match record {
            RData::NAPTR(naptr) if naptr.flags.eq_ignore_ascii_case(b"s") => Some(Pointer {
                order: naptr.order,
                preference: naptr.preference,
                transport: transport_of(&naptr.services)?,
                name: naptr.replacement.to_ascii(),
            }),
            _ => None,
        });
        Ok(pointers.collect())
    }

    async fn records(&self, name: &str, kind: RecordType) -> Result<Vec<RData>, OutboundError> {
        let found = match self.asked(name)?.lookup(absolute(name), kind).await {
            Ok(found) => found,
            Err(error) if error.is_no_records_found() => return Ok(Vec::new()),
            Err(error) => return Err(not_resolved(name, &error)),
        };
        let answers = found.answers().iter().take(RECORDS_MAX);
        Ok(answers.map(|record| record.data.clone()).collect())
    }

    fn asked(&self, host: &str) -> Result<&TokioResolver, OutboundError> {
        self.0
            .as_ref()
            .map_err(|reason| OutboundError::NotResolved {
                host: host.into(),
                reason: format!("the system's name servers are not known: {reason}"),
            })
    }
}

fn build(name_servers: &[SocketAddr]) -> Result<TokioResolver, NetError> {
    let mut builder = if name_servers.is_empty() {
        TokioResolver::builder_tokio()?
    } else {
        let servers = name_servers
            .iter()
            .map(|server| {
                let over = |mut connection: ConnectionConfig| {
                    connection.port = server.port();
                    connection
                };
                let connections =
                    vec![over(ConnectionConfig::udp()), over(ConnectionConfig::tcp())];
                NameServerConfig::new(server.ip(), true, connections)
            })
            .collect();
        TokioResolver::builder_with_config(
            ResolverConfig::from_parts(None, Vec::new(), servers),
            TokioRuntimeProvider::default(),
        )
    };
    let options = builder.options_mut();
    options.ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
    options.timeout = QUESTION_TIME;
    options.attempts = 1;
    builder.build()
}

/// With a dot at its end, so that the system's search domains are never appended.
fn absolute(name: &str) -> String {
    format!("{}.", name.trim_end_matches('.'))
}

fn not_resolved(host: &str, error: &NetError) -> OutboundError {
    OutboundError::NotResolved {
        host: host.into(),
        reason: if error.is_no_records_found() {
            "the name has no address".into()
        } else {
            error.to_string()
        },
    }
}
