//! Users and passwords of a document: of phones that register, and of trunks. What rows keep of them is sealed.

use std::collections::HashSet;
use std::fmt;
use std::path::{Path, PathBuf};

use ringfence_model::{AccountId, Phone, TargetId, TrunkId, TrunkLogin};
use ringfence_store::{LoginChange, PhoneChange, StoreError};
use ringfence_telephony::PhoneSecret;
use serde::Deserialize;

use super::apply::Work;
use super::shape::Names;
use super::{Arrangement, TargetPart, TrunkPart};
use crate::Platform;
use crate::calls::login_place;
use crate::phones::place;

/// Characters of a phone's password: whoever guesses it takes calls in its place.
const SHORTEST: usize = 12;
/// Octets of a file that holds a password.
const LONGEST_FILE: u64 = 4096;
/// Characters of a user that registers.
const LONGEST_USER: usize = 64;

const SAME_HOST: &str = "`send_to`, or else the first of `register`, names the same host as another trunk with a user, and nobody could tell whose password is asked for";

/// A password as a file has it; it stays out of logs.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// A password that somebody typed; `None` when nothing was.
    pub fn typed(text: String) -> Option<Self> {
        (!text.is_empty()).then_some(Self(text))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Files of passwords are beside the file that names them.
pub(super) fn beside(arrangement: &mut Arrangement, folder: &Path) {
    let of_targets = arrangement.target.iter_mut().map(|t| &mut t.password_file);
    let of_trunks = arrangement.trunk.iter_mut().map(|t| &mut t.password_file);
    for file in of_targets.chain(of_trunks).flatten() {
        *file = folder.join(&file);
    }
}

/// A password that is written in the document or in a file that it names.
fn password(written: Option<&Secret>, file: Option<&PathBuf>) -> Result<Option<String>, String> {
    let password = match (written, file) {
        (None, None) => return Ok(None),
        (Some(_), Some(_)) => {
            return Err("expected either `password` or `password_file`, got both".into());
        }
        (Some(Secret(text)), None) => text.clone(),
        (None, Some(file)) => {
            let length = std::fs::metadata(file).map(|facts| facts.len());
            let text = match length {
                Ok(length) if length > LONGEST_FILE => {
                    return Err(format!(
                        "`password_file` expected a file of one line, {} has {length} octets",
                        file.display()
                    ));
                }
                Ok(_) => std::fs::read_to_string(file),
                Err(error) => Err(error),
            };
            let text = text.map_err(|error| {
                format!("`password_file` {} cannot be read: {error}", file.display())
            })?;
            text.trim_end_matches(['\r', '\n']).to_owned()
        }
    };
    if password.is_empty() || password.chars().any(char::is_control) {
        return Err("`password` expected one line of text, got none".into());
    }
    Ok(Some(password))
}

fn is_user(user: &str) -> bool {
    (1..=LONGEST_USER).contains(&user.len())
        && user.bytes().all(|octet| {
            octet.is_ascii_lowercase() || octet.is_ascii_digit() || b"-_.".contains(&octet)
        })
}

/// The host of a trunk's `send_to`, as its challenges are known by.
pub(crate) fn host_of(send_to: &str) -> &str {
    let place = send_to.strip_prefix("sip:").unwrap_or(send_to);
    let place = place.split([';', '?']).next().unwrap_or(place);
    if let Some(six) = place.strip_prefix('[') {
        return six.split(']').next().unwrap_or(six);
    }
    place.split(':').next().unwrap_or(place)
}

impl Arrangement {
    /// What is wrong with its users and passwords, by themselves.
    pub(super) fn login_problems(&self, problems: &mut Vec<String>) {
        let mut users = HashSet::new();
        for target in &self.target {
            let of = |text: String| format!("target {:?}: {text}", target.name);
            let found = password(target.password.as_ref(), target.password_file.as_ref());
            let Some(user) = &target.phone else {
                if target.password.is_some() || target.password_file.is_some() {
                    problems.push(of("a password is of use with `phone` alone".into()));
                }
                continue;
            };
            if !target.uri.is_empty() || target.trunk.is_some() {
                problems.push(of(
                    "expected either `uri` or `phone`, got both; a phone says itself where it is reached".into(),
                ));
            }
            if !is_user(user) {
                problems.push(of(format!(
                    "`phone` expected 1 to {LONGEST_USER} lower-case letters, digits, - _ and ., got {user:?}"
                )));
            }
            if !users.insert(user) {
                problems.push(of(format!("`phone` {user:?} is another target's too")));
            }
            match found {
                Ok(Some(password)) if password.chars().count() < SHORTEST => problems.push(of(format!(
                    "`password` expected at least {SHORTEST} characters: whoever guesses it takes its calls"
                ))),
                Ok(_) => {}
                Err(error) => problems.push(of(error)),
            }
        }
        self.trunk_login_problems(problems);
    }

    fn trunk_login_problems(&self, problems: &mut Vec<String>) {
        let mut hosts = HashSet::new();
        for trunk in &self.trunk {
            let of = |text: &str| format!("trunk {:?}: {text}", trunk.name);
            let found = password(trunk.password.as_ref(), trunk.password_file.as_ref());
            let Some(user) = &trunk.user else {
                if !matches!(found, Ok(None))
                    || trunk.realm.is_some()
                    || trunk.challenge
                    || trunk.md5_only
                {
                    problems.push(of(
                        "`user` expected, for there is a password or what belongs to one",
                    ));
                }
                continue;
            };
            let plain = |text: &str| {
                !text.is_empty()
                    && !text.contains(['"', '\\'])
                    && !text.chars().any(char::is_control)
            };
            for (field, text) in [("user", Some(user)), ("realm", trunk.realm.as_ref())] {
                if text.is_some_and(|text| !plain(text)) {
                    problems.push(of(&format!("`{field}` expected plain text without quotes")));
                }
            }
            if let Err(error) = found {
                problems.push(of(&error));
            }
            match trunk.route().map(|route| host_of(route)) {
                Some(host) if !hosts.insert(host.to_ascii_lowercase()) => {
                    problems.push(of(SAME_HOST));
                }
                None if !trunk.challenge => problems.push(of(
                    "`user` and its password are of no use: set `send_to` to call over it, `register` to register at it, or `challenge` to have its calls prove it",
                )),
                _ => {}
            }
        }
    }
}

impl Platform {
    /// What is wrong with its users and passwords for what there is already.
    pub(super) async fn login_conflicts(
        &self,
        account: AccountId,
        arrangement: &Arrangement,
        names: &Names,
    ) -> Result<Vec<String>, StoreError> {
        let mut problems = Vec::new();
        let phones = self.db.phones(account).await?;
        for part in &arrangement.target {
            let (Some(user), Some(&target)) = (&part.phone, names.targets.get(&part.name)) else {
                continue;
            };
            if self.db.phone_user_taken(user, account, target).await? {
                problems.push(format!(
                    "target {:?}: `phone` {user:?} is another phone's; choose another, such as {user}.{}",
                    part.name,
                    part.name.to_lowercase().replace(' ', "-")
                ));
            }
            let has_one = phones
                .iter()
                .any(|phone| phone.target == target && phone.user == *user);
            if !has_one && part.password.is_none() && part.password_file.is_none() {
                problems.push(format!(
                    "target {:?}: `password` or `password_file` expected for a new phone or another user",
                    part.name
                ));
            }
        }
        let logins = self.db.trunk_logins(account).await?;
        let routes = self.db.trunk_routes(account).await?;
        let arranged: HashSet<_> = arrangement
            .trunk
            .iter()
            .filter_map(|part| names.trunks.get(&part.name))
            .collect();
        let others = logins.iter().map(|login| login.trunk);
        let others = others.filter(|trunk| !arranged.contains(trunk));
        let hosts: HashSet<String> = others
            .filter_map(|trunk| routes.get(&trunk))
            .map(|route| host_of(route).to_ascii_lowercase())
            .collect();
        for part in &arrangement.trunk {
            let host = part.route().map(|route| host_of(route));
            let host = host.filter(|_| part.user.is_some());
            if host.is_some_and(|host| hosts.contains(&host.to_ascii_lowercase())) {
                problems.push(format!("trunk {:?}: {SAME_HOST}", part.name));
            }
            let known = names.trunks.get(&part.name);
            let has_one = logins.iter().any(|login| Some(&login.trunk) == known);
            if part.user.is_some()
                && !has_one
                && part.password.is_none()
                && part.password_file.is_none()
            {
                problems.push(format!(
                    "trunk {:?}: `password` or `password_file` expected with a new `user`",
                    part.name
                ));
            }
        }
        Ok(problems)
    }
}

impl Platform {
    /// What becomes of the phone of a target; its row stays when user and password are the same. What is wrong with them
    /// was told before.
    pub(super) fn phone_change(
        &self,
        account: AccountId,
        part: &TargetPart,
        target: TargetId,
        old: Option<&Phone>,
    ) -> PhoneChange {
        let Some(user) = &part.phone else {
            return PhoneChange::Remove;
        };
        let Ok(Some(password)) = password(part.password.as_ref(), part.password_file.as_ref())
        else {
            return PhoneChange::Keep;
        };
        let secret = PhoneSecret::new(user, &password).to_octets();
        let secrets = &self.keys.secrets;
        let place = place(account, target);
        let is_same = old.is_some_and(|old| {
            let opened = secrets.open(place, &old.secret);
            old.user == *user && opened.is_ok_and(|opened| opened == secret)
        });
        if is_same {
            return PhoneChange::Keep;
        }
        PhoneChange::Set(Phone {
            account,
            target,
            user: user.clone(),
            secret: secrets.seal(place, &secret, rand::random()),
        })
    }
}

impl Platform {
    /// What becomes of the login of a trunk; its secret stays as it is sealed when the password is the same. What is
    /// wrong with it was told before.
    pub(super) fn login_change(
        &self,
        account: AccountId,
        part: &TrunkPart,
        trunk: TrunkId,
        old: Option<&TrunkLogin>,
    ) -> LoginChange {
        let Some(user) = &part.user else {
            return LoginChange::Remove;
        };
        let Ok(password) = password(part.password.as_ref(), part.password_file.as_ref()) else {
            return LoginChange::Keep;
        };
        let secrets = &self.keys.secrets;
        let place = login_place(account, trunk);
        let is_same = |old: &&TrunkLogin| match &password {
            None => true,
            Some(password) => secrets
                .open(place, &old.secret)
                .is_ok_and(|opened| opened == password.as_bytes()),
        };
        let secret = match (old.filter(is_same), &password) {
            (Some(old), _) => old.secret.clone(),
            (None, Some(password)) => secrets.seal(place, password.as_bytes(), rand::random()),
            (None, None) => return LoginChange::Keep,
        };
        let login = TrunkLogin {
            account,
            trunk,
            user: user.clone(),
            secret,
            realm: part.realm.clone(),
            challenge: part.challenge,
            md5_only: part.md5_only,
        };
        if old == Some(&login) {
            LoginChange::Keep
        } else {
            LoginChange::Set(login)
        }
    }
}

impl Work<'_> {
    /// Targets that are phones, or are none any more.
    pub(super) async fn phones(
        &mut self,
        parts: &[TargetPart],
        names: &Names,
    ) -> Result<(), StoreError> {
        let db = &self.platform.db;
        let known = db.phones(self.account).await?;
        for part in parts {
            let Some(&target) = names.targets.get(&part.name) else {
                continue;
            };
            let old = known.iter().find(|phone| phone.target == target);
            match self.platform.phone_change(self.account, part, target, old) {
                PhoneChange::Keep => {}
                PhoneChange::Remove => {
                    if db.remove_phone(self.account, target).await? {
                        self.did("no phone any more:", &part.name);
                    }
                }
                PhoneChange::Set(phone) => {
                    db.set_phone(&phone).await?;
                    self.did("changed phone", &phone.user);
                }
            }
        }
        Ok(())
    }

    /// With what trunks prove themselves.
    pub(super) async fn trunk_logins(
        &mut self,
        parts: &[TrunkPart],
        names: &Names,
    ) -> Result<(), StoreError> {
        let db = &self.platform.db;
        let known = db.trunk_logins(self.account).await?;
        for part in parts {
            let Some(&trunk) = names.trunks.get(&part.name) else {
                continue;
            };
            let old = known.iter().find(|login| login.trunk == trunk);
            match self.platform.login_change(self.account, part, trunk, old) {
                LoginChange::Keep => {}
                LoginChange::Remove => {
                    if db.remove_trunk_login(self.account, trunk).await? {
                        self.did("took the password from trunk", &part.name);
                    }
                }
                LoginChange::Set(login) => {
                    db.set_trunk_login(&login).await?;
                    self.did("changed the login of trunk", &part.name);
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(text: &str) -> Vec<String> {
        let arrangement: Arrangement = toml::from_str(text).unwrap();
        arrangement.problems()
    }

    #[test]
    fn what_is_wrong_with_a_phone_is_told() {
        let fine = "[[target]]\nname = \"Ann\"\nphone = \"ann.1\"\npassword = \"correct horse\"\n";
        assert_eq!(problems(fine), Vec::<String>::new());
        for (with, expected) in [
            ("uri = \"sip:a@192.0.2.1\"\n", "either `uri` or `phone`"),
            (
                "password_file = \"x\"\n",
                "either `password` or `password_file`",
            ),
            (
                "[[target]]\nname = \"Bob\"\nphone = \"ann.1\"\n",
                "another target's too",
            ),
            (
                "[[target]]\nname = \"Bob\"\nphone = \"Bob B\"\n",
                "lower-case letters",
            ),
            (
                "[[target]]\nname = \"Bob\"\nphone = \"bob\"\npassword = \"short\"\n",
                "at least 12 characters",
            ),
            (
                "[[target]]\nname = \"Bob\"\nphone = \"bob\"\npassword_file = \"/nowhere/to/be/found\"\n",
                "cannot be read",
            ),
            (
                "[[target]]\nname = \"Bob\"\nuri = \"sip:b@192.0.2.1\"\npassword = \"correct horse\"\n",
                "with `phone` alone",
            ),
            ("[[target]]\nname = \"Bob\"\n", "expected a SIP URI"),
        ] {
            let found = problems(&format!("{fine}{with}"));
            assert_eq!(found.len(), 1, "{with}: {found:?}");
            assert!(found[0].contains(expected), "{with}: {found:?}");
            assert!(!found[0].contains("correct horse"), "{found:?}");
        }
    }

    #[test]
    fn what_is_wrong_with_a_trunks_login_is_told() {
        let trunk = "[[trunk]]\nname = \"Carrier\"\naddresses = [\"203.0.113.7\"]\n";
        for (with, expected) in [
            ("password = \"x\"\n", Some("`user` expected")),
            ("challenge = true\n", Some("`user` expected")),
            ("user = \"u\"\npassword = \"x\"\n", Some("of no use")),
            (
                "user = \"u\\\"\"\npassword = \"x\"\nchallenge = true\n",
                Some("without quotes"),
            ),
            ("user = \"u\"\npassword = \"x\"\nchallenge = true\n", None),
            (
                "user = \"u\"\npassword = \"x\"\nsend_to = \"sip:sbc.example.com\"\n\
                 [[trunk]]\nname = \"Two\"\naddresses = []\nuser = \"v\"\npassword = \"y\"\nsend_to = \"sip:SBC.example.com:5070\"\n",
                Some("same host"),
            ),
        ] {
            let found = problems(&format!("{trunk}{with}"));
            assert_eq!(
                found.len(),
                usize::from(expected.is_some()),
                "{with}: {found:?}"
            );
            if let Some(expected) = expected {
                assert!(found[0].contains(expected), "{with}: {found:?}");
            }
        }
    }

    #[test]
    fn the_host_of_a_route_is_found_in_every_form() {
        for (route, host) in [
            ("sip:sbc.example.com:5060;transport=tcp", "sbc.example.com"),
            ("sip:192.0.2.1", "192.0.2.1"),
            ("sip:[2001:db8::1]:5060", "2001:db8::1"),
        ] {
            assert_eq!(host_of(route), host);
        }
    }

    #[test]
    fn a_password_never_shows() {
        let text = "[[target]]\nname = \"Ann\"\nphone = \"ann\"\npassword = \"correct horse\"\n";
        let arrangement: Arrangement = toml::from_str(text).unwrap();
        assert!(!format!("{arrangement:?}").contains("horse"));
    }
}
