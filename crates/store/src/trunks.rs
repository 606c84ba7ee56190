//! Trunks: who they are. With what they prove themselves, where they take calls and where we register are rows of their own.

use ringfence_model::{AccountId, Trunk, TrunkId, TrunkLogin, TrunkRegister};

use crate::bulk::json;
use crate::commit::Statement;
use crate::row::Reader;
use crate::value::{Value, args};
use crate::{Db, StoreError, profiles, trunk_logins, trunk_registers};

macro_rules! trunk_columns {
    () => {
        "id, account, name, addresses, country"
    };
}

const ADD_TRUNK: &str = concat!(
    "INSERT INTO trunks (",
    trunk_columns!(),
    ") VALUES ($1, $2, $3, $4, $5)"
);
const TRUNKS: &str = concat!(
    "SELECT ",
    trunk_columns!(),
    " FROM trunks WHERE account = $1 ORDER BY name, id"
);
const TRUNK: &str = concat!(
    "SELECT ",
    trunk_columns!(),
    " FROM trunks WHERE account = $1 AND id = $2"
);
const ALL_TRUNKS: &str = concat!("SELECT ", trunk_columns!(), " FROM trunks ORDER BY id");
const UPDATE_TRUNK: &str = "UPDATE trunks SET name = $3, addresses = $4, country = $5 \
    WHERE account = $1 AND id = $2";
const REMOVE_TRUNK: &str = "DELETE FROM trunks WHERE account = $1 AND id = $2";

/// What becomes of the user and password of a trunk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LoginChange {
    /// They stay as they are.
    Keep,
    /// They are these from now on.
    Set(TrunkLogin),
    /// It has none any more.
    Remove,
}

impl Db {
    /// Adds a trunk, or changes it when `known`, with where it takes calls, its login and where we register, all in one
    /// transaction. How a registration stands is kept.
    ///
    /// # Errors
    /// [`StoreError::Taken`] when its identifier is in use.
    pub async fn save_trunk(
        &self,
        trunk: &Trunk,
        send_to: Option<&str>,
        login: &LoginChange,
        register: Option<&TrunkRegister>,
        known: bool,
    ) -> Result<(), StoreError> {
        let (account, id) = (trunk.account, trunk.id);
        let sql = if known { UPDATE_TRUNK } else { ADD_TRUNK };
        let mut statements = vec![
            Statement::new(sql, trunk_args(trunk, known)?),
            profiles::of_trunk(account, id, send_to),
        ];
        statements.extend(match login {
            LoginChange::Keep => None,
            LoginChange::Set(login) => Some(trunk_logins::set(login)),
            LoginChange::Remove => Some(trunk_logins::remove(account, id)),
        });
        statements.push(match register {
            Some(register) => trunk_registers::set(register),
            None => trunk_registers::remove(account, id),
        });
        self.run(statements).await.map(drop)
    }
    /// Removes a trunk with where it takes calls, its login and its registration; `false` when there is no such trunk.
    /// Calls that came over it keep its identifier.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be written.
    pub async fn remove_trunk(
        &self,
        account: AccountId,
        trunk: TrunkId,
    ) -> Result<bool, StoreError> {
        let statements = vec![
            trunk_registers::remove(account, trunk),
            trunk_logins::remove(account, trunk),
            profiles::of_trunk(account, trunk, None),
            Statement::new(REMOVE_TRUNK, args![account, trunk]),
        ];
        let changed = self.run(statements).await?;
        Ok(changed.last().is_some_and(|rows| *rows > 0))
    }
    /// Adds a trunk.
    ///
    /// # Errors
    /// [`StoreError::Taken`] when its identifier is in use.
    pub async fn add_trunk(&self, trunk: &Trunk) -> Result<(), StoreError> {
        let args = trunk_args(trunk, false)?;
        self.run_one(ADD_TRUNK, args).await.map(drop)
    }
    /// The trunks of an account, by name.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn trunks(&self, account: AccountId) -> Result<Vec<Trunk>, StoreError> {
        self.rows(TRUNKS, args![account], read_trunk).await
    }
    /// One trunk.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn trunk(
        &self,
        account: AccountId,
        trunk: TrunkId,
    ) -> Result<Option<Trunk>, StoreError> {
        self.row(TRUNK, args![account, trunk], read_trunk).await
    }
    /// Every trunk of every account, for the SIP edge's directory.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn all_trunks(&self) -> Result<Vec<Trunk>, StoreError> {
        self.rows(ALL_TRUNKS, args![], read_trunk).await
    }
    /// Changes a trunk's name, addresses and country; `false` when there is no such trunk.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be written.
    pub async fn update_trunk(&self, trunk: &Trunk) -> Result<bool, StoreError> {
        let args = trunk_args(trunk, true)?;
        Ok(self.run_one(UPDATE_TRUNK, args).await? > 0)
    }
}

/// The values of a trunk's statement: adding begins with its identifier, changing with its account.
fn trunk_args(trunk: &Trunk, known: bool) -> Result<Vec<Value>, StoreError> {
    let mut args = args![
        trunk.id,
        trunk.account,
        trunk.name.as_str(),
        json(&trunk.addresses)?,
        trunk.country.as_deref(),
    ];
    if known {
        args.swap(0, 1);
    }
    Ok(args)
}

fn read_trunk(row: &mut Reader<'_>) -> Result<Trunk, StoreError> {
    Ok(Trunk {
        id: TrunkId(row.uuid()?),
        account: AccountId(row.uuid()?),
        name: row.text()?,
        addresses: row.json()?,
        country: row.optional_text()?,
    })
}
