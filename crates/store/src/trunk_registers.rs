//! Trunks at which we register, and how that stands.

use ringfence_model::{AccountId, TrunkId, TrunkRegister, TrunkRegistered};

use crate::commit::Statement;
use crate::row::Reader;
use crate::value::args;
use crate::{Db, StoreError};

const SET: &str = "INSERT INTO trunk_registers (account, trunk, registrars, identity, expiry) \
     VALUES ($1, $2, $3, $4, $5) \
     ON CONFLICT (account, trunk) DO UPDATE SET registrars = excluded.registrars, \
     identity = excluded.identity, expiry = excluded.expiry";
const REMOVE: &str = "DELETE FROM trunk_registers WHERE account = $1 AND trunk = $2";
const ALL: &str =
    "SELECT account, trunk, registrars, identity, expiry FROM trunk_registers ORDER BY trunk";
const OF_ACCOUNT: &str = "SELECT account, trunk, registrars, identity, expiry, registered_until, failing_since, \
     reason, registrar FROM trunk_registers WHERE account = $1 ORDER BY trunk";
const STANDS: &str = "UPDATE trunk_registers SET registered_until = $3, failing_since = $4, reason = $5, registrar = $6 \
     WHERE account = $1 AND trunk = $2";

impl Db {
    /// Says where we register at a trunk. How that stands is kept.
    ///
    /// # Errors
    /// [`StoreError::MissingParent`] when the trunk is not the account's.
    pub async fn set_trunk_register(&self, register: &TrunkRegister) -> Result<(), StoreError> {
        self.run(vec![set(register)]).await.map(drop)
    }

    /// We register at a trunk no more; `false` when we did not.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be written.
    pub async fn remove_trunk_register(
        &self,
        account: AccountId,
        trunk: TrunkId,
    ) -> Result<bool, StoreError> {
        let changed = self.run(vec![remove(account, trunk)]).await?;
        Ok(changed.into_iter().sum::<u64>() > 0)
    }

    /// At which of an account's trunks we register, and how that stands.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn trunk_registers(
        &self,
        account: AccountId,
    ) -> Result<Vec<(TrunkRegister, TrunkRegistered)>, StoreError> {
        let read = |row: &mut Reader<'_>| {
            let register = register(row)?;
            let registered = TrunkRegistered {
                until: row.optional_time()?,
                failing_since: row.optional_time()?,
                reason: row.optional_text()?,
                registrar: row.optional_text()?,
            };
            Ok((register, registered))
        };
        self.rows(OF_ACCOUNT, args![account], read).await
    }

    /// At which trunks of every account we register, for the SIP edge.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn all_trunk_registers(&self) -> Result<Vec<TrunkRegister>, StoreError> {
        self.rows(ALL, args![], register).await
    }

    /// Says how the registration at a trunk stands; `false` when we do not register there any more.
    ///
    /// # Errors
    /// [`StoreError`] when the row cannot be written.
    pub async fn set_trunk_registered(
        &self,
        account: AccountId,
        trunk: TrunkId,
        registered: &TrunkRegistered,
    ) -> Result<bool, StoreError> {
        let args = args![
            account,
            trunk,
            registered.until,
            registered.failing_since,
            registered.reason.as_deref(),
            registered.registrar.as_deref(),
        ];
        Ok(self.run_one(STANDS, args).await? > 0)
    }
}

/// Says where we register at a trunk.
pub(crate) fn set(register: &TrunkRegister) -> Statement {
    let args = args![
        register.account,
        register.trunk,
        register.registrars.join(" "),
        register.identity.as_deref(),
        register.expiry,
    ];
    Statement::new(SET, args)
}

/// We register there no more.
pub(crate) fn remove(account: AccountId, trunk: TrunkId) -> Statement {
    Statement::new(REMOVE, args![account, trunk])
}

fn register(row: &mut Reader<'_>) -> Result<TrunkRegister, StoreError> {
    Ok(TrunkRegister {
        account: AccountId(row.uuid()?),
        trunk: TrunkId(row.uuid()?),
        registrars: row
            .text()?
            .split_ascii_whitespace()
            .map(ToOwned::to_owned)
            .collect(),
        identity: row.optional_text()?,
        expiry: row.number()?,
    })
}
