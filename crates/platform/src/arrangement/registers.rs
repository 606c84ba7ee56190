//! Trunks of a document at which we register.

use std::str::FromStr;

use ringfence_model::{AccountId, SipTransport, Trunk, TrunkId, TrunkLogin, TrunkRegister};
use ringfence_store::StoreError;

use super::apply::Work;
use super::shape::Names;
use super::{Arrangement, TrunkPart, host_of};

/// Seconds; what is asked for where nothing is said.
const EXPIRY: u32 = 3600;
/// Seconds; less would keep a carrier busy, more than a day nobody grants.
const EXPIRIES: std::ops::RangeInclusive<u32> = 60..=86_400;
/// Registrars of one trunk.
const MOST_REGISTRARS: usize = 8;

/// What a registrar's URI says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Registrar {
    /// A name, or an address without brackets.
    pub host: String,
    pub port: Option<u16>,
    pub transport: Option<SipTransport>,
}

/// `sip:sip.example.com`, `sip:192.0.2.1:5060;transport=tcp`
impl FromStr for Registrar {
    type Err = ();

    fn from_str(uri: &str) -> Result<Self, ()> {
        let place = uri.strip_prefix("sip:").ok_or(())?;
        let (place, parameter) = place.split_once(';').unwrap_or((place, ""));
        let transport = match parameter.to_ascii_lowercase().as_str() {
            "" => None,
            "transport=udp" => Some(SipTransport::Udp),
            "transport=tcp" => Some(SipTransport::Tcp),
            _ => return Err(()),
        };
        let after = match place.strip_prefix('[') {
            Some(six) => six.split_once(']').ok_or(())?.1,
            None => place.find(':').map_or("", |colon| &place[colon..]),
        };
        let port = match after {
            "" => None,
            after => {
                let port = after.strip_prefix(':').ok_or(())?;
                Some(port.parse().map_err(|_| ())?)
            }
        };
        let host = host_of(uri);
        if !is_host(host) {
            return Err(());
        }
        Ok(Self {
            host: host.to_owned(),
            port,
            transport,
        })
    }
}

fn is_host(host: &str) -> bool {
    let is_part = |octet: u8| octet.is_ascii_alphanumeric() || b"-._:".contains(&octet);
    !host.is_empty() && host.len() <= 253 && host.bytes().all(is_part)
}

/// The user and the host of an address such as `sip:+442079460123@example.com`.
pub(crate) fn identity_of(uri: &str) -> Option<(&str, &str)> {
    let (user, host) = uri.strip_prefix("sip:")?.split_once('@')?;
    let is_part = |octet: u8| octet.is_ascii_graphic() && !b"<>\"@:;?%".contains(&octet);
    let plain = !user.is_empty() && user.len() <= 128 && user.bytes().all(is_part);
    (plain && is_host(host) && !host.contains(':')).then_some((user, host))
}

impl TrunkPart {
    /// Where calls over it are sent.
    pub(super) fn route(&self) -> Option<&String> {
        self.send_to.as_ref().or_else(|| self.register.first())
    }

    /// Where we register at it, if anywhere.
    pub(super) fn registers(&self, account: AccountId, trunk: TrunkId) -> Option<TrunkRegister> {
        (!self.register.is_empty()).then(|| TrunkRegister {
            account,
            trunk,
            registrars: self.register.clone(),
            identity: self.register_as.clone(),
            expiry: self.register_expiry.unwrap_or(EXPIRY),
        })
    }

    /// The part that rows stand for, without the password. The first of the registrars is not told as `send_to` besides.
    pub(super) fn of_rows(
        trunk: &Trunk,
        route: Option<&String>,
        login: Option<&TrunkLogin>,
        register: Option<&TrunkRegister>,
    ) -> Self {
        let registrars = register.map_or(&[][..], |register| &register.registrars);
        Self {
            name: trunk.name.clone(),
            addresses: trunk.addresses.clone(),
            country: trunk.country.clone(),
            send_to: route
                .filter(|route| registrars.first() != Some(route))
                .cloned(),
            user: login.map(|login| login.user.clone()),
            realm: login.and_then(|login| login.realm.clone()),
            challenge: login.is_some_and(|login| login.challenge),
            md5_only: login.is_some_and(|login| login.md5_only),
            register: registrars.to_vec(),
            register_as: register.and_then(|register| register.identity.clone()),
            register_expiry: register
                .map(|register| register.expiry)
                .filter(|expiry| *expiry != EXPIRY),
            ..Self::default()
        }
    }
}

impl Arrangement {
    /// What is wrong with where it registers.
    pub(super) fn register_problems(&self, problems: &mut Vec<String>) {
        for trunk in &self.trunk {
            let mut told = |text: String| problems.push(format!("trunk {:?}: {text}", trunk.name));
            if trunk.register.is_empty() {
                if trunk.register_as.is_some() || trunk.register_expiry.is_some() {
                    told("`register` expected, for there is what belongs to it".into());
                }
                continue;
            }
            if trunk.user.is_none() {
                told("`user` and its password expected with `register`".into());
            }
            if trunk.register.len() > MOST_REGISTRARS {
                told(format!(
                    "`register` expected at most {MOST_REGISTRARS} registrars, got {}",
                    trunk.register.len()
                ));
            }
            for uri in &trunk.register {
                if uri.parse::<Registrar>().is_err() {
                    told(format!(
                        "`register` expected SIP URIs without a user over UDP or TCP, such as sip:sip.example.com or sip:192.0.2.1:5060;transport=tcp, got {uri:?}"
                    ));
                }
            }
            match &trunk.register_as {
                Some(uri) if identity_of(uri).is_none() => told(format!(
                    "`register_as` expected a SIP URI such as sip:+442079460123@example.com, got {uri:?}"
                )),
                None if trunk.user.as_deref().is_some_and(|user| {
                    identity_of(&format!("sip:{user}@example.com")).is_none()
                }) =>
                {
                    told("`register_as` expected, for `user` cannot stand in a SIP URI".into());
                }
                _ => {}
            }
            if let Some(expiry) = trunk.register_expiry
                && !EXPIRIES.contains(&expiry)
            {
                told(format!(
                    "`register_expiry` expected {} to {} seconds, got {expiry}",
                    EXPIRIES.start(),
                    EXPIRIES.end()
                ));
            }
        }
    }
}

impl Work<'_> {
    /// Trunks at which we register, or do so no more.
    pub(super) async fn trunk_registers(
        &mut self,
        parts: &[TrunkPart],
        names: &Names,
    ) -> Result<(), StoreError> {
        let db = &self.platform.db;
        let known = db.trunk_registers(self.account).await?;
        for part in parts {
            let Some(&trunk) = names.trunks.get(&part.name) else {
                continue;
            };
            let Some(wanted) = part.registers(self.account, trunk) else {
                if db.remove_trunk_register(self.account, trunk).await? {
                    self.did("no longer registers at trunk", &part.name);
                }
                continue;
            };
            if known.iter().all(|(register, _)| *register != wanted) {
                db.set_trunk_register(&wanted).await?;
                self.did("registers at trunk", &part.name);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_registrars_uri_is_read_in_every_form() {
        let read = |uri: &str| {
            let read = uri.parse::<Registrar>().ok()?;
            let transport = read.transport.map(SipTransport::as_str);
            Some((read.host, read.port, transport))
        };
        let of = |host: &str, port, transport| Some((host.to_owned(), port, transport));
        for (uri, expected) in [
            ("sip:sip.example.com", of("sip.example.com", None, None)),
            (
                "sip:192.0.2.1:5070;transport=TCP",
                of("192.0.2.1", Some(5070), Some("tcp")),
            ),
            ("sip:[2001:db8::1]", of("2001:db8::1", None, None)),
            (
                "sip:[2001:db8::1]:5061;transport=udp",
                of("2001:db8::1", Some(5061), Some("udp")),
            ),
            ("sip:me@example.com", None),
            ("sips:example.com", None),
            ("sip:example.com;transport=tls", None),
            ("sip:example.com:port", None),
            ("sip:", None),
            ("sip:[::1", None),
            ("sip:two words", None),
        ] {
            assert_eq!(read(uri), expected, "{uri}");
        }
    }

    #[test]
    fn what_is_wrong_with_where_it_registers_is_told() {
        let trunk = "[[trunk]]\nname = \"Carrier\"\n";
        let login = "user = \"u\"\npassword = \"x\"\n";
        let register = "register = [\"sip:sip.example.com\"]\n";
        let fine = format!("{login}{register}");
        for (with, expected) in [
            (fine.clone(), None),
            (register.to_owned(), Some("`user` and its password")),
            (
                "register_expiry = 60\n".to_owned(),
                Some("`register` expected"),
            ),
            (
                format!("{login}register = [\"sips:a.test\"]\n"),
                Some("over UDP or TCP"),
            ),
            (format!("{fine}register_expiry = 59\n"), Some("60 to 86400")),
            (
                format!("{fine}register_as = \"+442079460123\"\n"),
                Some("`register_as` expected a SIP URI"),
            ),
            (
                format!("user = \"u@v\"\npassword = \"x\"\n{register}"),
                Some("cannot stand in a SIP URI"),
            ),
        ] {
            let arrangement: Arrangement = toml::from_str(&format!("{trunk}{with}")).unwrap();
            let found = arrangement.problems();
            let expected_count = usize::from(expected.is_some());
            assert_eq!(found.len(), expected_count, "{with}: {found:?}");
            if let Some(expected) = expected {
                assert!(found[0].contains(expected), "{with}: {found:?}");
            }
        }
    }
}
