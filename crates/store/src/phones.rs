//! Phones that register, and where they are reached.

use ringfence_model::{AccountId, Phone, Registration, SipTransport, TargetId, Timestamp};

use crate::commit::Statement;
use crate::row::Reader;
use crate::value::args;
use crate::{Db, StoreError};

macro_rules! registration_columns {
    () => {
        "target, contact, instance, transport, address, call_id, sequence, agent, registered_at, expires_at"
    };
}

const SET: &str = "INSERT INTO phones (account, target, user_name, secret) VALUES ($1, $2, $3, $4) \
    ON CONFLICT (account, target) DO UPDATE SET user_name = excluded.user_name, secret = excluded.secret";
const REMOVE: &str = "DELETE FROM phones WHERE account = $1 AND target = $2";
const OF_ACCOUNT: &str =
    "SELECT account, target, user_name, secret FROM phones WHERE account = $1 ORDER BY user_name";
const ALL: &str = "SELECT account, target, user_name, secret FROM phones ORDER BY user_name";
const USER_TAKEN: &str =
    "SELECT account FROM phones WHERE user_name = $1 AND NOT (account = $2 AND target = $3)";
const FORGET: &str = "DELETE FROM registrations WHERE account = $1 AND target = $2";
/// Adds nothing when the account has no such phone any more.
const ADD: &str = concat!(
    "INSERT INTO registrations (account, ",
    registration_columns!(),
    ") SELECT account, target, $3, $4, $5, $6, $7, $8, $9, $10, $11 FROM phones \
     WHERE account = $1 AND target = $2"
);
const REGISTRATIONS: &str = concat!(
    "SELECT ",
    registration_columns!(),
    " FROM registrations WHERE account = $1 AND expires_at > $2 ORDER BY target, registered_at, contact"
);
const ALL_REGISTRATIONS: &str = concat!(
    "SELECT ",
    registration_columns!(),
    " FROM registrations WHERE expires_at > $1 ORDER BY target, registered_at, contact"
);
const PURGE: &str = "DELETE FROM registrations WHERE expires_at <= $1";

impl Db {
    /// Makes a target a phone, or changes its user and secret; where it was registered is forgotten.
    ///
    /// # Errors
    /// [`StoreError::Taken`] when another phone has the user, [`StoreError::MissingParent`] without the target.
    pub async fn set_phone(&self, phone: &Phone) -> Result<(), StoreError> {
        self.run(set(phone)).await.map(drop)
    }

    /// A target is no phone any more; `false` when it was none.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be written.
    pub async fn remove_phone(
        &self,
        account: AccountId,
        target: TargetId,
    ) -> Result<bool, StoreError> {
        let changed = self.run(remove(account, target)).await?;
        Ok(changed.last().is_some_and(|rows| *rows > 0))
    }

    /// An account's phones, by user.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn phones(&self, account: AccountId) -> Result<Vec<Phone>, StoreError> {
        self.rows(OF_ACCOUNT, args![account], read_phone).await
    }

    /// Every account's phones, for the SIP edge.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn all_phones(&self) -> Result<Vec<Phone>, StoreError> {
        self.rows(ALL, args![], read_phone).await
    }

    /// Whether another phone than this target, of whatever account, has a user.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn phone_user_taken(
        &self,
        user: &str,
        account: AccountId,
        target: TargetId,
    ) -> Result<bool, StoreError> {
        let read = |row: &mut Reader<'_>| row.uuid();
        let found = self.row(USER_TAKEN, args![user, account, target], read);
        Ok(found.await?.is_some())
    }

    /// Puts these in the place of all registrations of a phone.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be written.
    pub async fn replace_registrations(
        &self,
        account: AccountId,
        target: TargetId,
        registrations: &[Registration],
    ) -> Result<(), StoreError> {
        let mut statements = vec![Statement::new(FORGET, args![account, target])];
        statements.extend(registrations.iter().map(|registration| {
            let args = args![
                account,
                target,
                registration.contact.as_str(),
                registration.instance.as_deref(),
                registration.transport.as_str(),
                registration.address.to_string(),
                registration.call_id.as_str(),
                registration.sequence,
                registration.agent.as_deref(),
                registration.registered_at,
                registration.expires_at,
            ];
            Statement::new(ADD, args)
        }));
        self.run(statements).await.map(drop)
    }

    /// Where an account's phones are reached at `now`.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn registrations(
        &self,
        account: AccountId,
        now: Timestamp,
    ) -> Result<Vec<Registration>, StoreError> {
        self.rows(REGISTRATIONS, args![account, now], read_registration)
            .await
    }

    /// Where every account's phones are reached at `now`, for the SIP edge.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn all_registrations(&self, now: Timestamp) -> Result<Vec<Registration>, StoreError> {
        self.rows(ALL_REGISTRATIONS, args![now], read_registration)
            .await
    }

    /// Clears registrations that have ended; answers how many.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be written.
    pub async fn purge_registrations(&self, now: Timestamp) -> Result<u64, StoreError> {
        self.run_one(PURGE, args![now]).await
    }
}

/// Makes a target this phone.
pub(crate) fn set(phone: &Phone) -> Vec<Statement> {
    let args = args![
        phone.account,
        phone.target,
        phone.user.as_str(),
        phone.secret.as_slice(),
    ];
    let forget = Statement::new(FORGET, args![phone.account, phone.target]);
    vec![forget, Statement::new(SET, args)]
}

/// Makes a target no phone.
pub(crate) fn remove(account: AccountId, target: TargetId) -> Vec<Statement> {
    [FORGET, REMOVE]
        .map(|sql| Statement::new(sql, args![account, target]))
        .into()
}

fn read_phone(row: &mut Reader<'_>) -> Result<Phone, StoreError> {
    Ok(Phone {
        account: AccountId(row.uuid()?),
        target: TargetId(row.uuid()?),
        user: row.text()?,
        secret: row.bytes()?,
    })
}

fn read_registration(row: &mut Reader<'_>) -> Result<Registration, StoreError> {
    Ok(Registration {
        target: TargetId(row.uuid()?),
        contact: row.text()?,
        instance: row.optional_text()?,
        transport: row.word(SipTransport::from_word)?,
        address: row.address()?,
        call_id: row.text()?,
        sequence: row.number()?,
        agent: row.optional_text()?,
        registered_at: row.time()?,
        expires_at: row.time()?,
    })
}
