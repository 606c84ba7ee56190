//! The users and passwords of trunks.

use ringfence_model::{AccountId, TrunkId, TrunkLogin};

use crate::commit::Statement;
use crate::row::Reader;
use crate::value::args;
use crate::{Db, StoreError};

macro_rules! login_columns {
    () => {
        "account, trunk, user_name, secret, realm, challenge, md5_only"
    };
}

const SET: &str = concat!(
    "INSERT INTO trunk_logins (",
    login_columns!(),
    ") VALUES ($1, $2, $3, $4, $5, $6, $7) \
     ON CONFLICT (account, trunk) DO UPDATE SET user_name = excluded.user_name, secret = excluded.secret, \
     realm = excluded.realm, challenge = excluded.challenge, md5_only = excluded.md5_only"
);
const REMOVE: &str = "DELETE FROM trunk_logins WHERE account = $1 AND trunk = $2";
const OF_ACCOUNT: &str = concat!(
    "SELECT ",
    login_columns!(),
    " FROM trunk_logins WHERE account = $1 ORDER BY trunk"
);
const ALL: &str = concat!(
    "SELECT ",
    login_columns!(),
    " FROM trunk_logins ORDER BY trunk"
);

impl Db {
    /// Says with what a trunk proves itself.
    ///
    /// # Errors
    /// [`StoreError::MissingParent`] when the trunk is not the account's.
    pub async fn set_trunk_login(&self, login: &TrunkLogin) -> Result<(), StoreError> {
        self.run(vec![set(login)]).await.map(drop)
    }

    /// A trunk proves itself no more; `false` when it did not.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be written.
    pub async fn remove_trunk_login(
        &self,
        account: AccountId,
        trunk: TrunkId,
    ) -> Result<bool, StoreError> {
        let changed = self.run(vec![remove(account, trunk)]).await?;
        Ok(changed.into_iter().sum::<u64>() > 0)
    }

    /// With what an account's trunks prove themselves.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn trunk_logins(&self, account: AccountId) -> Result<Vec<TrunkLogin>, StoreError> {
        self.rows(OF_ACCOUNT, args![account], read).await
    }

    /// With what every account's trunks prove themselves, for the SIP edge.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn all_trunk_logins(&self) -> Result<Vec<TrunkLogin>, StoreError> {
        self.rows(ALL, args![], read).await
    }
}

/// Says with what a trunk proves itself.
pub(crate) fn set(login: &TrunkLogin) -> Statement {
    let args = args![
        login.account,
        login.trunk,
        login.user.as_str(),
        login.secret.as_slice(),
        login.realm.as_deref(),
        login.challenge,
        login.md5_only,
    ];
    Statement::new(SET, args)
}

/// Forgets it.
pub(crate) fn remove(account: AccountId, trunk: TrunkId) -> Statement {
    Statement::new(REMOVE, args![account, trunk])
}

fn read(row: &mut Reader<'_>) -> Result<TrunkLogin, StoreError> {
    Ok(TrunkLogin {
        account: AccountId(row.uuid()?),
        trunk: TrunkId(row.uuid()?),
        user: row.text()?,
        secret: row.bytes()?,
        realm: row.optional_text()?,
        challenge: row.flag()?,
        md5_only: row.flag()?,
    })
}
