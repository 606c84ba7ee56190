//! One trunk as a person's form has it: the same checks and the same rows as a document of [`Platform::arrange`], and an
//! entry in the audit log beside.
//!
//! A trunk says whose calls are taken. Whoever applies a document runs the server; a person of one account does not, and so
//! two checks are made here besides: a trunk opens no door to everybody, and gets not between another account and its carrier.

use std::net::IpAddr;

use ipnet::IpNet;
use ringfence_model::{
    Account, AccountId, AuditObject, Step, Timestamp, Trunk, TrunkId, TrunkRegistered,
};
use ringfence_store::StoreError;
use serde_json::{Value, json};

use super::single::name_problems;
use super::{Arrangement, FieldProblem, Own, PartError, TrunkPart, of_account};
use crate::audit::{Change, object};
use crate::{Platform, random};

/// Bits of a prefix: of a wider network nobody owns all addresses, so that a password has to say who calls from it.
const WIDEST: (u8, u8) = (8, 16);

/// How a trunk is known.
#[derive(Debug, Clone)]
pub struct KnownTrunk {
    /// The trunk.
    pub id: TrunkId,
    /// What a document would say of it, without the password.
    pub part: TrunkPart,
    /// How the registration stands, where we register.
    pub registered: Option<TrunkRegistered>,
    /// The names of the targets whose calls it carries.
    pub targets: Vec<String>,
    /// The names of the plans that forward calls over it.
    pub plans: Vec<String>,
}

impl KnownTrunk {
    /// What uses it, in words.
    fn users(&self) -> Vec<String> {
        let targets = self.targets.iter().map(|name| format!("the target {name}"));
        let plans = self.plans.iter().map(|name| format!("the plan {name}"));
        targets.chain(plans).collect()
    }
}

impl Platform {
    /// An account's trunks, by name.
    ///
    /// # Errors
    /// When the rows cannot be read.
    pub async fn known_trunks(&self, account: &Account) -> Result<Vec<KnownTrunk>, StoreError> {
        let own = of_account(&self.db, account).await?;
        self.trunks_of(account.id, &own).await
    }

    async fn trunks_of(
        &self,
        account: AccountId,
        own: &Own,
    ) -> Result<Vec<KnownTrunk>, StoreError> {
        let logins = self.db.trunk_logins(account).await?;
        let registers = self.db.trunk_registers(account).await?;
        let plans = self.db.plans(account).await?;
        let known = own.shape.trunks.iter().map(|(trunk, route)| {
            let login = logins.iter().find(|login| login.trunk == trunk.id);
            let mut registers = registers.iter();
            let register = registers.find(|(register, _)| register.trunk == trunk.id);
            let targets = own.shape.targets.iter();
            let carried = targets.filter(|(_, profile)| profile.trunk == Some(trunk.id));
            let forwards =
                |step: &Step| matches!(step, Step::Forward(forward) if forward.trunk == trunk.id);
            let forwarding = plans
                .iter()
                .filter(|plan| plan.document.steps.values().any(forwards));
            KnownTrunk {
                id: trunk.id,
                part: TrunkPart::of_rows(
                    trunk,
                    route.as_ref(),
                    login,
                    register.map(|(register, _)| register),
                ),
                registered: register.map(|(_, registered)| registered.clone()),
                targets: carried.map(|(target, _)| target.name.clone()).collect(),
                plans: forwarding.map(|plan| plan.name.clone()).collect(),
            }
        });
        Ok(known.collect())
    }

    /// Adds a trunk, or changes the one of an identifier. Without a password it keeps the one that it has. A running server
    /// takes its calls within ten seconds. `problems` are told with all others: what of a form could not be read as a part.
    ///
    /// # Errors
    /// [`PartError`]; nothing was changed.
    pub async fn save_trunk(
        &self,
        account: &Account,
        known: Option<TrunkId>,
        part: TrunkPart,
        mut problems: Vec<FieldProblem>,
        now: Timestamp,
    ) -> Result<TrunkId, PartError> {
        let own = of_account(&self.db, account).await?;
        let trunks = self.trunks_of(account.id, &own).await?;
        let old = match known {
            None => None,
            Some(id) => Some(found(&trunks, id)?),
        };
        let id = known.unwrap_or_else(|| TrunkId::new(now, random()));
        let mut names = own.names.clone();
        names.trunks.retain(|_, other| *other != id);
        let taken = names.trunks.contains_key(&part.name);
        problems.extend(name_problems(&part.name, taken));
        names.trunks.insert(part.name.clone(), id);
        let of = format!("trunk {:?}", part.name);
        let document = Arrangement {
            trunk: vec![part],
            ..Arrangement::default()
        };
        let part = &document.trunk[0];
        let mut texts = document.problems();
        texts.extend(self.login_conflicts(account.id, &document, &names).await?);
        // Who has no name is told so already.
        texts.retain(|text| text.starts_with(&of));
        texts.extend(self.address_conflicts(account.id, part).await?);
        let users = old.map(KnownTrunk::users).unwrap_or_default();
        if part.route().is_none() && !users.is_empty() {
            texts.push(format!(
                "`send_to` expected a SIP URI, for {} could call nobody without it",
                users.join(", ")
            ));
        }
        problems.extend(texts.iter().map(|text| FieldProblem::of(text, &of)));
        if !problems.is_empty() {
            return Err(PartError::Problems(problems));
        }
        let trunk = Trunk {
            id,
            account: account.id,
            name: part.name.clone(),
            addresses: part.addresses.clone(),
            country: part.country.clone(),
        };
        let logins = self.db.trunk_logins(account.id).await?;
        let login = logins.iter().find(|login| login.trunk == id);
        let login = self.login_change(account.id, part, id, login);
        let action = if old.is_some() {
            "trunk.change"
        } else {
            "trunk.add"
        };
        let mut change = Change::new(account.id, action, of_trunk(id, &part.name));
        if let Some(old) = old {
            change = change.before(told(&old.part));
        }
        let rows = self.recorded(change.after(told(part)));
        let route = part.route().map(String::as_str);
        let register = part.registers(account.id, id);
        rows.save_trunk(&trunk, route, &login, register.as_ref(), old.is_some())
            .await?;
        Ok(id)
    }

    /// Removes a trunk that no target and no plan uses. Calls under way go on.
    ///
    /// # Errors
    /// [`PartError::Used`], [`PartError::NotFound`], [`PartError::Store`].
    pub async fn remove_trunk(&self, account: &Account, id: TrunkId) -> Result<(), PartError> {
        let trunks = self.known_trunks(account).await?;
        let known = found(&trunks, id)?;
        let users = known.users();
        if !users.is_empty() {
            return Err(PartError::Used(users));
        }
        let change = Change::new(account.id, "trunk.remove", of_trunk(id, &known.part.name))
            .before(told(&known.part));
        if self.recorded(change).remove_trunk(account.id, id).await? {
            Ok(())
        } else {
            Err(PartError::NotFound)
        }
    }

    /// What is wrong with from where it sends for whoever does not run the server.
    async fn address_conflicts(
        &self,
        account: AccountId,
        part: &TrunkPart,
    ) -> Result<Vec<String>, StoreError> {
        let mut others = Vec::new();
        let logins = self.db.all_trunk_logins().await?;
        for trunk in self.db.all_trunks().await? {
            if trunk.account == account {
                continue;
            }
            let mut challenged = logins.iter().filter(|login| login.trunk == trunk.id);
            let challenge = challenged.any(|login| login.challenge);
            let networks = trunk.addresses.iter().filter_map(|text| network(text));
            others.extend(networks.map(|network| (network, challenge)));
        }
        let mut problems = Vec::new();
        for (text, its) in part
            .addresses
            .iter()
            .filter_map(|text| Some((text, network(text)?)))
        {
            let widest = match its {
                IpNet::V4(_) => WIDEST.0,
                IpNet::V6(_) => WIDEST.1,
            };
            if its.prefix_len() < widest && !part.challenge {
                problems.push(format!(
                    "`addresses` expected networks of /{widest} or narrower, got {text:?}: from a wider one anybody may call, so it needs `challenge`"
                ));
            }
            // The narrowest network says what a call has to prove: one within another account's would say it for both.
            let meddles = |(other, challenge): &(IpNet, bool)| {
                other.contains(&its) && (*other != its || *challenge != part.challenge)
            };
            if others.iter().any(meddles) {
                problems.push(format!(
                    "`addresses` expected none that another account of this server has in a wider network or with another `challenge`, got {text:?}; whoever runs the server can apply it"
                ));
            }
        }
        Ok(problems)
    }
}

fn network(text: &str) -> Option<IpNet> {
    let network = text.parse::<IpNet>().ok();
    let network = network.or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from));
    network.map(|network| network.trunc())
}

fn found(trunks: &[KnownTrunk], id: TrunkId) -> Result<&KnownTrunk, PartError> {
    let mut trunks = trunks.iter();
    trunks
        .find(|known| known.id == id)
        .ok_or(PartError::NotFound)
}

fn of_trunk(id: TrunkId, name: &str) -> AuditObject {
    object("trunk", id.0, name)
}

/// A password is named when it was given, never shown.
fn told(part: &TrunkPart) -> Value {
    let mut told = json!({
        "name": part.name,
        "addresses": part.addresses,
        "country": part.country,
        "send_to": part.send_to,
        "user": part.user,
        "realm": part.realm,
        "challenge": part.challenge,
        "md5_only": part.md5_only,
        "register": part.register,
        "register_as": part.register_as,
        "register_expiry": part.register_expiry,
    });
    if part.password.is_some() {
        told["password"] = json!("set anew");
    }
    told
}
