//! Carriers whose numbers an account finds, orders and gives back here, over the carrier's own number API; and what is
//! not the same there and here. How orders are carried out is in `ordering`, what is said to whom in `twilio` and `telnyx`.

mod asking;
mod ordering;
mod request;
mod telnyx;
mod twilio;

use std::collections::BTreeSet;

use ringfence_model::{
    AccountId, Carrier, CarrierId, CarrierKind, E164, NumberState, Timestamp, TrackingNumber,
};
use ringfence_store::StoreError;
use serde_json::{Value, json};

use crate::arrangement::FieldProblem;
use crate::audit::{Change, object};
use crate::secrets::{Place, SealedError};
use crate::{Platform, random};

use asking::Asking;
pub use ordering::{MOST_ORDERED, NewOrders};
pub use request::{CarrierFault, Held, MOST_OFFERS, Offer, OfferKind, Search, keyed};

/// Carriers of an account at most.
const MOST_CARRIERS: usize = 20;
/// Characters of a carrier's name, and of its secret.
const LONGEST_NAME: usize = 100;
const LONGEST_SECRET: usize = 200;

/// Where carriers are asked: their own addresses, or what stands before them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CarrierUrls {
    /// Twilio's, without a slash at its end.
    pub twilio: String,
    /// Telnyx', without a slash at its end.
    pub telnyx: String,
}

impl Default for CarrierUrls {
    fn default() -> Self {
        Self {
            twilio: "https://api.twilio.com".into(),
            telnyx: "https://api.telnyx.com".into(),
        }
    }
}

/// Why a carrier was not added, found or asked.
#[derive(Debug, thiserror::Error)]
pub enum CarrierError {
    /// What is wrong, each with its field.
    #[error("{}", .0.iter().map(|problem| problem.text.as_str()).collect::<Vec<_>>().join("; "))]
    Problems(Vec<FieldProblem>),
    /// The account has no such carrier.
    #[error("expected a carrier of this account")]
    NotFound,
    /// The carrier did not do what it was asked.
    #[error(transparent)]
    Carrier(#[from] CarrierFault),
    /// The carrier's secret does not open.
    #[error(transparent)]
    Sealed(#[from] SealedError),
    /// The rows could not be read or written.
    #[error("the database did not answer as it should; nothing was changed")]
    Store(#[from] StoreError),
}

impl CarrierError {
    fn of_field(field: &str, text: impl Into<String>) -> Self {
        Self::Problems(vec![FieldProblem::new(field, text)])
    }
}

/// A carrier to be added.
#[derive(Clone, Default)]
pub struct NewCarrier {
    /// `twilio` or `telnyx`.
    pub kind: String,
    /// What people call it; the carrier's own name when it is empty.
    pub name: String,
    /// Twilio's Account SID; nothing for Telnyx.
    pub user: String,
    /// Twilio's auth token, Telnyx' API key.
    pub secret: String,
    /// Twilio's Trunk SID, Telnyx' connection; may be empty.
    pub trunk: String,
}

/// Numbers that are not the same at a carrier and here. Nothing is mended by itself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Differences {
    /// The account has them at the carrier, and not here.
    pub only_there: Vec<Held>,
    /// They came from this carrier and are here, but the account has them there no longer.
    pub only_here: Vec<TrackingNumber>,
    /// They are on both sides, but their calls come over another trunk.
    pub other_trunk: Vec<Held>,
    /// The same on both sides.
    pub same: usize,
    /// The carrier has more numbers than are read at once.
    pub cut: bool,
}

impl Platform {
    /// Adds a carrier, after it was asked whether it knows us.
    ///
    /// # Errors
    /// [`CarrierError`]; nothing was added.
    pub async fn add_carrier(
        &self,
        account: AccountId,
        new: &NewCarrier,
        now: Timestamp,
    ) -> Result<Carrier, CarrierError> {
        let kind = check(new).map_err(CarrierError::Problems)?;
        if self.db.carriers(account).await?.len() >= MOST_CARRIERS {
            let text =
                format!("expected at most {MOST_CARRIERS} carriers; remove one that is not used");
            return Err(CarrierError::of_field("name", text));
        }
        let id = CarrierId::new(now, random());
        let name = match new.name.trim() {
            "" => kind.name(),
            name => name,
        };
        let secrets = &self.keys.secrets;
        let secret = new.secret.trim().as_bytes();
        let carrier = Carrier {
            id,
            account,
            kind,
            name: name.into(),
            user: new.user.trim().into(),
            secret: secrets.seal(place(account, id), secret, rand::random()),
            trunk: new.trunk.trim().into(),
            created_at: now,
        };
        match Asking::of(self, &carrier)?.check().await {
            Ok(()) => {}
            Err(CarrierFault::Credentials(status)) => {
                let text = format!(
                    "expected credentials that {} knows, which answered {status} to these",
                    kind.name()
                );
                return Err(CarrierError::of_field("secret", text));
            }
            Err(fault) => return Err(fault.into()),
        }
        let change =
            Change::new(account, "carrier.add", of_carrier(&carrier)).after(told(&carrier));
        self.recorded(change).add_carrier(&carrier).await?;
        tracing::info!(carrier = %id, "a carrier was added");
        Ok(carrier)
    }

    /// An account's carriers, by name.
    ///
    /// # Errors
    /// When the rows cannot be read.
    pub async fn carriers(&self, account: AccountId) -> Result<Vec<Carrier>, StoreError> {
        self.db.carriers(account).await
    }

    /// One carrier.
    ///
    /// # Errors
    /// [`CarrierError::NotFound`], [`CarrierError::Store`].
    pub async fn carrier(
        &self,
        account: AccountId,
        carrier: CarrierId,
    ) -> Result<Carrier, CarrierError> {
        let found = self.db.carrier(account, carrier).await?;
        found.ok_or(CarrierError::NotFound)
    }

    /// Takes a carrier away, here alone: the carrier keeps its numbers, and they stay here too. Open orders end.
    ///
    /// # Errors
    /// [`CarrierError::NotFound`], [`CarrierError::Store`].
    pub async fn remove_carrier(
        &self,
        account: AccountId,
        carrier: CarrierId,
        now: Timestamp,
    ) -> Result<(), CarrierError> {
        let known = self.carrier(account, carrier).await?;
        let change =
            Change::new(account, "carrier.remove", of_carrier(&known)).before(told(&known));
        let said = "The carrier was removed here before this was carried out.";
        let rows = self.recorded(change);
        if !rows.remove_carrier(account, carrier, now, said).await? {
            return Err(CarrierError::NotFound);
        }
        tracing::info!(%carrier, "a carrier was removed");
        Ok(())
    }

    /// Asks a carrier for numbers that can be ordered.
    ///
    /// # Errors
    /// [`CarrierError`].
    pub async fn search_numbers(
        &self,
        account: AccountId,
        carrier: CarrierId,
        search: &Search,
    ) -> Result<Vec<Offer>, CarrierError> {
        let country = &search.country;
        if !(country.len() == 2 && country.bytes().all(|letter| letter.is_ascii_uppercase())) {
            let text = format!("expected a country of two letters such as GB, got {country:?}");
            return Err(CarrierError::of_field("country", text));
        }
        let carrier = self.carrier(account, carrier).await?;
        Ok(Asking::of(self, &carrier)?.search(search).await?)
    }

    /// What is not the same at a carrier and here.
    ///
    /// # Errors
    /// [`CarrierError`].
    pub async fn carrier_differences(
        &self,
        account: AccountId,
        carrier: CarrierId,
    ) -> Result<Differences, CarrierError> {
        let carrier = self.carrier(account, carrier).await?;
        let there = Asking::of(self, &carrier)?.everything().await?;
        let ordered = self.db.numbers_ordered_from(account, carrier.id).await?;
        let here = self.db.numbers(account).await?;
        let mut found = difference(&carrier.trunk, there.numbers, here, &ordered);
        found.cut = there.cut;
        if there.cut {
            // What was not read cannot be told to be missing.
            found.only_here.clear();
        }
        Ok(found)
    }
}

/// Pure: both sides, side by side.
fn difference(
    trunk: &str,
    there: Vec<Held>,
    here: Vec<TrackingNumber>,
    ordered: &[E164],
) -> Differences {
    let here = here.into_iter();
    let here: Vec<_> = here
        .filter(|number| number.state != NumberState::Released)
        .collect();
    let ours: BTreeSet<&E164> = here.iter().map(|number| &number.e164).collect();
    let theirs: BTreeSet<E164> = there.iter().map(|held| held.e164.clone()).collect();
    let mut found = Differences::default();
    for held in there {
        if !ours.contains(&held.e164) {
            found.only_there.push(held);
        } else if !trunk.is_empty() && held.trunk.as_deref() != Some(trunk) {
            found.other_trunk.push(held);
        } else {
            found.same += 1;
        }
    }
    let came = |number: &TrackingNumber| ordered.contains(&number.e164);
    let is_missing = |number: &TrackingNumber| !theirs.contains(&number.e164);
    let missing = here
        .iter()
        .filter(|number| came(number) && is_missing(number));
    found.only_here = missing.cloned().collect();
    found
}

fn check(new: &NewCarrier) -> Result<CarrierKind, Vec<FieldProblem>> {
    let mut problems = Vec::new();
    let mut wrong = |field: &str, text: String| problems.push(FieldProblem::new(field, text));
    let kind = CarrierKind::from_word(&new.kind);
    if kind.is_none() {
        wrong(
            "kind",
            format!(
                "expected twilio or telnyx, got {:?}",
                new.kind.chars().take(40).collect::<String>()
            ),
        );
    }
    let length = new.name.trim().chars().count();
    if length > LONGEST_NAME {
        wrong(
            "name",
            format!("expected a name of at most {LONGEST_NAME} characters, got {length}"),
        );
    }
    let (user, secret, trunk) = (new.user.trim(), new.secret.trim(), new.trunk.trim());
    if secret.is_empty() {
        wrong(
            "secret",
            "expected the carrier's token or key, got none".into(),
        );
    } else if secret.len() > LONGEST_SECRET || !secret.bytes().all(|octet| octet.is_ascii_graphic())
    {
        wrong(
            "secret",
            format!("expected at most {LONGEST_SECRET} letters, digits and signs without a blank"),
        );
    }
    match kind {
        Some(CarrierKind::Twilio) => {
            if !is_sid(user, "AC") {
                wrong(
                    "user",
                    "expected Twilio's Account SID: AC and 32 hexadecimal digits".into(),
                );
            }
            if !trunk.is_empty() && !is_sid(trunk, "TK") {
                wrong(
                    "trunk",
                    "expected Twilio's Trunk SID, TK and 32 hexadecimal digits, or nothing".into(),
                );
            }
        }
        Some(CarrierKind::Telnyx) => {
            if !user.is_empty() {
                wrong(
                    "user",
                    "expected nothing: Telnyx knows an account by its key".into(),
                );
            }
            if trunk.len() > 32 || !trunk.bytes().all(|digit| digit.is_ascii_digit()) {
                wrong(
                    "trunk",
                    "expected the digits of Telnyx' SIP connection, or nothing".into(),
                );
            }
        }
        None => {}
    }
    match kind {
        Some(kind) if problems.is_empty() => Ok(kind),
        _ => Err(problems),
    }
}

/// Two capital letters and 32 hexadecimal digits, as Twilio calls everything.
fn is_sid(text: &str, letters: &str) -> bool {
    let digits = text.strip_prefix(letters);
    digits.is_some_and(|digits| {
        digits.len() == 32 && digits.bytes().all(|digit| digit.is_ascii_hexdigit())
    })
}

fn place(account: AccountId, carrier: CarrierId) -> Place {
    Place {
        account,
        column: "carriers.secret",
        row: carrier.0,
    }
}

fn of_carrier(carrier: &Carrier) -> ringfence_model::AuditObject {
    object("carrier", carrier.id.0, &carrier.name)
}

/// What of a carrier is written down: not its secret.
fn told(carrier: &Carrier) -> Value {
    json!({
        "carrier": carrier.kind.as_str(),
        "name": carrier.name,
        "user": carrier.user,
        "trunk": carrier.trunk,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_carriers_identifiers_are_checked_before_it_is_asked() {
        let sid = |letters: &str| format!("{letters}{}", "0a".repeat(16));
        let good = NewCarrier {
            kind: "twilio".into(),
            user: sid("AC"),
            secret: "token".into(),
            trunk: sid("TK"),
            ..NewCarrier::default()
        };
        assert_eq!(check(&good), Ok(CarrierKind::Twilio));
        let fields = |new: &NewCarrier| -> Vec<String> {
            let problems = check(new).unwrap_err().into_iter();
            problems.map(|problem| problem.field).collect()
        };
        let wrong = NewCarrier {
            user: "AC../..".into(),
            secret: "two words".into(),
            trunk: sid("AC"),
            ..good.clone()
        };
        assert_eq!(fields(&wrong), ["secret", "user", "trunk"]);
        let telnyx = NewCarrier {
            kind: "telnyx".into(),
            trunk: "x".into(),
            ..good.clone()
        };
        assert_eq!(fields(&telnyx), ["user", "trunk"]);
        let nobody = NewCarrier {
            kind: "other".into(),
            ..good
        };
        assert_eq!(fields(&nobody), ["kind"]);
    }
}
