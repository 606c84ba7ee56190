//! An account itself: what it is called, where its days begin, and in which money its calls are worth something.
//!
//! The country is the operator's to change: where nothing else is set, it says which country's numbers the account may dial.

use ringfence_model::{Account, AccountId, Money, Timestamp};
use ringfence_store::StoreError;
use serde_json::{Value, json};

use crate::Platform;
use crate::arrangement::{FieldProblem, PartError};
use crate::audit::{Change, object};
use crate::number_lines::country_of;
use crate::random;

/// Characters of a name, at most.
pub const LONGEST_NAME: usize = 200;

/// What becomes of an account, as it is typed; `None` leaves a thing as it is.
#[derive(Debug, Clone, Default)]
pub struct AccountWish {
    /// What people call it.
    pub name: Option<String>,
    /// ISO 3166-1 alpha-2.
    pub country: Option<String>,
    /// An IANA time zone.
    pub time_zone: Option<String>,
    /// ISO 4217.
    pub currency: Option<String>,
}

impl Platform {
    /// Makes an account; what is not wished of it is as in [`add_account`](Self::add_account) for Great Britain, in UTC.
    ///
    /// # Errors
    /// As [`change_account`](Self::change_account); nothing was made then.
    pub async fn open_account(
        &self,
        wish: AccountWish,
        now: Timestamp,
    ) -> Result<Account, PartError> {
        let plain = Account {
            id: AccountId::new(now, random()),
            name: String::new(),
            country: "GB".into(),
            time_zone: "UTC".into(),
            money: None,
            created_at: now,
        };
        let mut problems = Vec::new();
        let account = wished(&plain, wish, &mut problems);
        self.has_a_name_of_its_own(&account, &mut problems).await?;
        if !problems.is_empty() {
            return Err(PartError::Problems(problems));
        }
        self.db.add_account(&account).await?;
        Ok(account)
    }

    /// Changes an account, and answers what it is then. A page that is open knows it with its next request, calls within
    /// ten seconds.
    ///
    /// # Errors
    /// [`PartError::Problems`] with everything that is wrong, and [`PartError::Store`]; nothing was changed then.
    pub async fn change_account(
        &self,
        account: &Account,
        wish: AccountWish,
    ) -> Result<Account, PartError> {
        let mut problems = Vec::new();
        let mut changed = wished(account, wish, &mut problems);
        if changed.name != account.name {
            self.has_a_name_of_its_own(&changed, &mut problems).await?;
        }
        let (before, after) = (Money::of(account), Money::of(&changed));
        if before != after && self.db.has_values(account.id).await? {
            if changed.money == account.money {
                // Another country, and nothing said of money: values stay what they were.
                changed.money = Some(before);
            } else {
                let text = format!(
                    "calls have values in {} already, and nobody knows what they are in {}",
                    before.code(),
                    after.code()
                );
                problems.push(FieldProblem::new("currency", text));
            }
        }
        if !problems.is_empty() {
            return Err(PartError::Problems(problems));
        }
        if changed != *account {
            let change = Change::new(
                account.id,
                "account.change",
                object("account", account.id.0, &changed.name),
            );
            let change = change.before(audited(account)).after(audited(&changed));
            self.recorded(change).change_account(&changed).await?;
        }
        Ok(changed)
    }

    /// Commands name an account by its name.
    async fn has_a_name_of_its_own(
        &self,
        account: &Account,
        problems: &mut Vec<FieldProblem>,
    ) -> Result<(), StoreError> {
        let accounts = self.db.accounts().await?;
        let mut others = accounts.iter().filter(|other| other.id != account.id);
        if others.any(|other| other.name == account.name) {
            problems.push(FieldProblem::new("name", "another account has this name"));
        }
        Ok(())
    }
}

/// What an account would be, and what is wrong with that.
fn wished(account: &Account, wish: AccountWish, problems: &mut Vec<FieldProblem>) -> Account {
    let mut changed = account.clone();
    if let Some(name) = wish.name {
        let name = name.trim().to_owned();
        let length = name.chars().count();
        if (1..=LONGEST_NAME).contains(&length) && !name.chars().any(char::is_control) {
            changed.name = name;
        } else {
            let text = format!("expected a name of 1 to {LONGEST_NAME} characters, got {length}");
            problems.push(FieldProblem::new("name", text));
        }
    }
    if let Some(country) = wish.country {
        match country_of(&country) {
            Ok(country) => changed.country = country,
            Err(text) => problems.push(FieldProblem::new("country", text)),
        }
    }
    if let Some(zone) = wish.time_zone {
        let known = jiff::tz::TimeZone::get(zone.trim()).ok();
        match known.as_ref().and_then(jiff::tz::TimeZone::iana_name) {
            Some(name) => name.clone_into(&mut changed.time_zone),
            None => problems.push(FieldProblem::new(
                "time_zone",
                format!(
                    "expected a time zone such as Europe/Berlin, got {:?}",
                    short(&zone)
                ),
            )),
        }
    }
    if let Some(currency) = wish.currency {
        match Money::from_code(&currency) {
            // That of the country needs not be said.
            Some(money) if account.money.is_none() && money == Money::of(account) => {}
            Some(money) => changed.money = Some(money),
            None => problems.push(FieldProblem::new(
                "currency",
                format!(
                    "expected the three letters of a currency (ISO 4217) such as EUR, got {:?}",
                    short(&currency)
                ),
            )),
        }
    }
    changed
}

fn short(text: &str) -> String {
    text.chars().take(40).collect()
}

fn audited(account: &Account) -> Value {
    json!({
        "name": account.name,
        "country": account.country,
        "time_zone": account.time_zone,
        "currency": Money::of(account).code(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account() -> Account {
        let at = Timestamp::from_micros(0);
        Account {
            id: AccountId::new(at, 1),
            name: "Porter".into(),
            country: "GB".into(),
            time_zone: "Europe/London".into(),
            money: None,
            created_at: at,
        }
    }

    fn wish(fields: [&str; 4]) -> (Account, Vec<String>) {
        let [name, country, time_zone, currency] = fields.map(|text| Some(text.to_owned()));
        let wish = AccountWish {
            name,
            country,
            time_zone,
            currency,
        };
        let mut problems = Vec::new();
        let changed = wished(&account(), wish, &mut problems);
        let fields = problems.into_iter().map(|problem| problem.field);
        (changed, fields.collect())
    }

    #[test]
    fn what_is_typed_is_tidied() {
        let (changed, problems) = wish([" Porter & Söhne ", "de", "europe/berlin", "eur"]);
        assert_eq!(problems, [""; 0]);
        assert_eq!(changed.name, "Porter & Söhne");
        assert_eq!(changed.country, "DE");
        assert_eq!(changed.time_zone, "Europe/Berlin");
        assert_eq!(Money::of(&changed).code(), "EUR");
    }

    #[test]
    fn everything_that_is_wrong_is_told_at_once_and_leaves_what_was() {
        let (changed, problems) = wish([" ", "XY", "Mars/Olympus", "XXX"]);
        assert_eq!(problems, ["name", "country", "time_zone", "currency"]);
        assert_eq!(changed, account());
        let (_, problems) = wish(["a\nb", "GB", "UTC", "GBP"]);
        assert_eq!(problems, ["name"]);
    }

    #[test]
    fn the_countrys_own_money_is_not_pinned_by_saying_it() {
        let (changed, _) = wish(["Porter", "GB", "Europe/London", "GBP"]);
        assert_eq!(changed, account());
        let (changed, _) = wish(["Porter", "GB", "Europe/London", "USD"]);
        assert_eq!(changed.money.map(Money::code), Some("USD"));
    }
}
